//! The UDP sockets: to the servers, and to maintenance.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use anyhow::Context;
use daemon::reachable_from;
use protocol::datagram::{DATAGRAM_MAX, encode_maintenance_ready};
use tokio::net::UdpSocket;
use tokio::sync::mpsc::Sender;

use crate::config::Config;

/// Longer than any datagram, so that one that is too long shows.
const BUFFER: usize = 2 * DATAGRAM_MAX;

/// What comes in on the sockets.
#[derive(Debug)]
pub(super) enum Received {
    /// From a server, or from somebody who would like to be one.
    Host(IpAddr, Box<[u8]>),
    /// To the address for maintenance's commands.
    Maintenance(IpAddr, Box<[u8]>),
    /// Maintenance's host name was looked up.
    MaintenanceIsAt(IpAddr),
}

/// All sockets.
pub(super) struct Links {
    hosts: Vec<Arc<UdpSocket>>,
    maintenance: Arc<UdpSocket>,
    received: Sender<Received>,
    server_port: u16,
    maintenance_at: (Arc<str>, u16),
    not_sent: u64,
}

impl Links {
    /// Opens every socket; what they receive goes to `received`.
    pub(super) fn open(config: &Config, received: &Sender<Received>) -> anyhow::Result<Self> {
        let mut hosts = Vec::new();
        for address in &config.listen {
            let socket = bind(*address, "guestServers' events", "--listen")?;
            listen(&socket, received.clone(), Received::Host);
            hosts.push(socket);
        }
        let address = config.maintenance_listen;
        let maintenance = bind(address, "maintenance's commands", "--maintenance-listen")?;
        listen(&maintenance, received.clone(), Received::Maintenance);
        Ok(Self {
            hosts,
            maintenance,
            received: received.clone(),
            server_port: config.server_port,
            maintenance_at: (config.maintenance_host.as_str().into(), config.maintenance_port),
            not_sent: 0,
        })
    }

    /// Datagrams that the network did not take; the audit makes up for them.
    pub(super) fn not_sent(&self) -> u64 {
        self.not_sent
    }

    /// Sends a command to the server at `to`, from the first address that reaches it.
    pub(super) fn send(&mut self, to: IpAddr, datagram: &[u8]) {
        let sent = self.hosts.iter().find(|socket| reaches(socket, to)).map(|socket| {
            let to = reachable_from(socket, SocketAddr::new(to, self.server_port));
            socket.try_send_to(datagram, to)
        });
        if !matches!(sent, Some(Ok(_))) {
            self.not_sent += 1;
        }
    }

    /// Looks maintenance up and asks it for the inventory.
    pub(super) fn ask_inventory(&self) {
        let (host, port) = (Arc::clone(&self.maintenance_at.0), self.maintenance_at.1);
        let (socket, received) = (Arc::clone(&self.maintenance), self.received.clone());
        tokio::spawn(async move {
            match tokio::net::lookup_host((&*host, port)).await {
                Ok(addresses) => {
                    let mut datagram = Vec::new();
                    encode_maintenance_ready(&mut datagram);
                    for to in addresses.filter(|to| reaches(&socket, to.ip())).take(1) {
                        // In this order, so that the answer comes from an address that is known.
                        let _ = received.send(Received::MaintenanceIsAt(to.ip())).await;
                        let to = reachable_from(&socket, to);
                        if let Err(error) = socket.send_to(&datagram, to).await {
                            tracing::warn!(%to, %error, "cannot ask maintenance");
                        }
                    }
                }
                Err(error) => tracing::warn!(
                    host = &*host,
                    %error,
                    "cannot look up maintenance's host; see --maintenance or --hosts"
                ),
            }
        });
    }
}

/// Whether a socket can send there: an address of its own family, or any if it listens on `::`.
fn reaches(socket: &UdpSocket, to: IpAddr) -> bool {
    let to = to.to_canonical();
    socket.local_addr().is_ok_and(|local| {
        local.is_ipv4() == to.is_ipv4() || (local.is_ipv6() && local.ip().is_unspecified())
    })
}

fn bind(address: SocketAddr, purpose: &str, flag: &str) -> anyhow::Result<Arc<UdpSocket>> {
    let socket = daemon::bind(address).with_context(|| {
        format!(
            "cannot listen on {address} (UDP) for {purpose}; does another guestAgent run? ({flag})"
        )
    })?;
    tracing::info!(address = %socket.local_addr()?, "listening for {purpose}");
    Ok(Arc::new(socket))
}

/// Passes on what a socket receives, as long as somebody listens.
fn listen(
    socket: &Arc<UdpSocket>,
    received: Sender<Received>,
    kind: fn(IpAddr, Box<[u8]>) -> Received,
) {
    let socket = Arc::clone(socket);
    tokio::spawn(async move {
        let mut buffer = [0; BUFFER];
        loop {
            // A refusal by an earlier receiver shows here; it says nothing about what comes next.
            let Ok((length, from)) = socket.recv_from(&mut buffer).await else { continue };
            let datagram = buffer[..length].into();
            if received.send(kind(from.ip().to_canonical(), datagram)).await.is_err() {
                return;
            }
        }
    });
}
