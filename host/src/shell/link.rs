//! The UDP socket of the host-agent link.

use std::collections::VecDeque;
use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use anyhow::anyhow;
use daemon::reachable_from;
use protocol::datagram::{DATAGRAM_MAX, Event, EventId};
use tokio::net::UdpSocket;
use tokio::task::JoinHandle;

use crate::config::Config;
use crate::core::Destination;

/// Datagrams that wait for the socket; beyond it the newest is dropped and counted.
const WAITING_MAX: usize = 20_000;

/// The link to the agent.
#[derive(Debug)]
pub(super) struct Link {
    socket: Arc<UdpSocket>,
    agent_host: Arc<str>,
    agent_port: u16,
    encoded: Vec<u8>,
    waiting: VecDeque<(SocketAddr, Box<[u8]>)>,
    /// Events that the network did not take.
    dropped: u64,
    /// The last lookup of the agent's name, which may still run.
    lookup: Option<JoinHandle<()>>,
}

impl Link {
    pub(super) fn bind(config: &Config) -> anyhow::Result<Self> {
        let socket = daemon::bind(config.listen).map_err(|error| {
            let advice = match error.kind() {
                ErrorKind::AddrInUse => "does another guestServer run?",
                _ => "name another address with --listen",
            };
            anyhow!("cannot listen on {} (UDP): {error}; {advice}", config.listen)
        })?;
        tracing::info!(address = %socket.local_addr()?, "listening for guestAgent");
        Ok(Self {
            socket: Arc::new(socket),
            agent_host: config.agent_host.as_str().into(),
            agent_port: config.agent_port,
            encoded: Vec::with_capacity(DATAGRAM_MAX),
            waiting: VecDeque::new(),
            dropped: 0,
            lookup: None,
        })
    }

    /// Waits until a datagram is there.
    pub(super) async fn readable(&self) -> std::io::Result<()> {
        self.socket.readable().await
    }

    /// Waits until datagrams that had to wait can go out; for ever if there are none.
    pub(super) async fn writable(&self) -> std::io::Result<()> {
        if self.waiting.is_empty() {
            return std::future::pending().await;
        }
        self.socket.writable().await
    }

    /// The next datagram: its length and sender. `buffer` should be longer than any datagram, so
    /// that one that is too long shows.
    pub(super) fn receive(&self, buffer: &mut [u8]) -> Option<(usize, IpAddr)> {
        match self.socket.try_recv_from(buffer) {
            Ok((length, from)) => Some((length, from.ip().to_canonical())),
            Err(e) if e.kind() == ErrorKind::WouldBlock => None,
            Err(error) => {
                tracing::debug!(%error, "cannot receive");
                None
            }
        }
    }

    /// Sends an event.
    pub(super) fn send(&mut self, destination: Destination, event: &Event, id: Option<EventId>) {
        event.encode_marked(id, &mut self.encoded);
        match destination {
            Destination::Agent(address) => self.send_to(SocketAddr::new(address, self.agent_port)),
            Destination::ConfiguredAgent => self.send_to_configured(),
        }
    }

    /// Sends what had to wait.
    pub(super) fn flush(&mut self) {
        while let Some((to, datagram)) = self.waiting.pop_front() {
            match self.socket.try_send_to(&datagram, to) {
                Ok(_) => {}
                Err(e) if e.kind() == ErrorKind::WouldBlock => {
                    return self.waiting.push_front((to, datagram));
                }
                Err(error) => self.drop_event(to, &error),
            }
        }
    }

    fn send_to(&mut self, to: SocketAddr) {
        let to = reachable_from(&self.socket, to);
        let sent = if self.waiting.is_empty() {
            self.socket.try_send_to(&self.encoded, to).map(drop)
        } else {
            Err(ErrorKind::WouldBlock.into())
        };
        match sent {
            Ok(()) => {}
            Err(e) if e.kind() == ErrorKind::WouldBlock && self.waiting.len() < WAITING_MAX => {
                self.waiting.push_back((to, self.encoded.as_slice().into()));
            }
            Err(error) => self.drop_event(to, &error),
        }
    }

    /// Says it now and then: the audit of the agent makes up for what is lost.
    fn drop_event(&mut self, to: SocketAddr, error: &std::io::Error) {
        self.dropped += 1;
        if self.dropped.is_power_of_two() {
            let dropped = self.dropped;
            tracing::warn!(%to, %error, dropped, "cannot send events to guestAgent");
        }
    }

    /// The configured agent may be a name, and looking it up may take long.
    fn send_to_configured(&mut self) {
        if self.lookup.as_ref().is_some_and(|lookup| !lookup.is_finished()) {
            return;
        }
        let (socket, host) = (Arc::clone(&self.socket), Arc::clone(&self.agent_host));
        let (port, datagram) = (self.agent_port, self.encoded.clone());
        self.lookup = Some(tokio::spawn(async move {
            if let Err(error) = send_to_name(&socket, (&host, port), &datagram).await {
                tracing::warn!(
                    host = &*host,
                    %error,
                    "cannot reach guestAgent; trying again (see --agent)"
                );
            }
        }));
    }
}

/// Sends to every address of a host: which of them is served is not known. Fails if none takes it.
async fn send_to_name(
    socket: &UdpSocket,
    host: (&str, u16),
    datagram: &[u8],
) -> std::io::Result<()> {
    let mut result = Err(ErrorKind::NotFound.into());
    for to in tokio::net::lookup_host(host).await? {
        let sent = socket.send_to(datagram, reachable_from(socket, to)).await;
        tracing::debug!(?sent, %to, "said ready");
        result = result.or(sent.map(drop));
    }
    result
}
