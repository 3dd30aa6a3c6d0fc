//! The handle, and the one socket behind it.

use std::collections::BTreeMap;
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use protocol::InstanceId;
use protocol::datagram::{
    DATAGRAM_MAX, HEADER_LEN, Host, MaintenanceCommand, encode_maintenance_ready,
};
use tokio::sync::watch;
use tokio::time::timeout;

use super::{Counts, Error, Settings};
use crate::background::{Background, Call};

/// A maintenance that is there until this is dropped; then its port is free again.
#[derive(Debug)]
pub struct FakeMaintenance {
    background: Background,
    shared: Arc<Shared>,
    address: SocketAddr,
}

#[derive(Debug)]
struct Shared {
    socket: UdpSocket,
    state: Mutex<State>,
    counts: watch::Sender<Counts>,
}

#[derive(Debug)]
struct State {
    agent: Option<SocketAddr>,
    hosts: BTreeMap<InstanceId, Host>,
    silent: bool,
}

/// What a datagram is, judged by its header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Ready,
    BadSignature,
    Other,
}

impl FakeMaintenance {
    /// Starts it. Its port is open when this returns.
    pub fn start(settings: Settings) -> io::Result<Self> {
        let background = Background::start("fake-maintenance")?;
        let socket = UdpSocket::bind(settings.listen)?;
        socket.set_nonblocking(true)?;
        let address = socket.local_addr()?;
        let hosts = settings.hosts.into_iter().map(|host| (host.uuid, host)).collect();
        let state = State { agent: settings.agent, hosts, silent: false };
        let shared = Arc::new(Shared {
            socket: socket.try_clone()?,
            state: Mutex::new(state),
            counts: watch::Sender::default(),
        });
        let listening = {
            let _reactor = background.enter();
            tokio::net::UdpSocket::from_std(socket)?
        };
        background.spawn(serve(Arc::clone(&shared), listening));
        Ok(Self { background, shared, address })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where commands go from now on.
    pub fn set_agent(&self, agent: SocketAddr) {
        self.shared.state().agent = Some(agent);
    }

    /// Whether requests for the inventory stay without an answer from now on.
    pub fn set_silent(&self, silent: bool) {
        self.shared.state().silent = silent;
    }

    /// The inventory.
    pub fn hosts(&self) -> Vec<Host> {
        self.shared.state().hosts.values().cloned().collect()
    }

    /// Changes the inventory without a word to the agent, who hears of it when it asks.
    pub fn put(&self, host: Host) {
        self.shared.state().hosts.insert(host.uuid, host);
    }

    /// Takes a host into the inventory and sends an add.
    pub fn add(&self, host: Host) {
        self.put(host.clone());
        self.send(&MaintenanceCommand::AddHost(host));
    }

    /// Changes a host of the inventory and sends a modify.
    pub fn modify(&self, host: Host) {
        self.put(host.clone());
        self.send(&MaintenanceCommand::ModifyHost(host));
    }

    /// Takes a host out of the inventory and sends a delete; `false` if there is no such host.
    pub fn delete(&self, uuid: InstanceId) -> bool {
        let Some(host) = self.shared.state().hosts.remove(&uuid) else { return false };
        self.send(&MaintenanceCommand::DeleteHost { hostname: host.hostname, uuid });
        true
    }

    /// Sends any command to the agent, if it is known where that is; the inventory stays as it is.
    pub fn send(&self, command: &MaintenanceCommand) {
        let agent = self.shared.state().agent;
        self.shared.send(agent, command);
    }

    /// What came and went so far.
    pub fn counts(&self) -> Counts {
        *self.shared.counts.borrow()
    }

    /// The same, to see it change.
    pub fn follow(&self) -> watch::Receiver<Counts> {
        self.shared.counts.subscribe()
    }

    /// What came and went, as soon as it is as wanted.
    pub fn wait_for(
        &self,
        limit: Duration,
        mut wanted: impl FnMut(&Counts) -> bool + Send + 'static,
    ) -> Call<Counts, Error> {
        let mut counts = self.shared.counts.subscribe();
        self.background.call(async move {
            let found = timeout(limit, counts.wait_for(|counts| wanted(counts))).await;
            let found = found.map_err(|_| Error::TimedOut)?;
            found.map(|counts| *counts).map_err(|_| Error::TimedOut)
        })
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing that is done with it can fail in between.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self, datagram: &[u8], from: SocketAddr) {
        let kind = Kind::of(datagram);
        self.counts.send_modify(|counts| match kind {
            Kind::Ready => counts.ready += 1,
            Kind::BadSignature => counts.bad_signature += 1,
            Kind::Other => counts.other += 1,
        });
        if kind != Kind::Ready {
            return;
        }
        let (to, inventory) = {
            let state = self.state();
            let hosts = if state.silent { Vec::new() } else { state.hosts.values().collect() };
            (state.agent.unwrap_or(from), hosts.into_iter().cloned().collect::<Vec<_>>())
        };
        for host in inventory {
            self.send(Some(to), &MaintenanceCommand::AddHost(host));
        }
    }

    /// Datagrams are as good as sent at once; one that is not is lost, as any may be.
    fn send(&self, to: Option<SocketAddr>, command: &MaintenanceCommand) {
        let mut datagram = Vec::new();
        command.encode(&mut datagram);
        let sent = to.is_some_and(|to| self.socket.send_to(&datagram, to).is_ok());
        self.counts.send_modify(|counts| {
            *if sent { &mut counts.sent } else { &mut counts.not_sent } += 1;
        });
    }
}

impl Kind {
    fn of(datagram: &[u8]) -> Self {
        /// Bytes of the signature with its NUL, of the daemon's name behind it; where the command is.
        const SIGNATURE: usize = 18;
        const NAMED: usize = SIGNATURE + "guestAgent".len();
        const COMMAND: std::ops::Range<usize> = 72..76;
        let mut ready = Vec::new();
        encode_maintenance_ready(&mut ready);
        if !(HEADER_LEN..=DATAGRAM_MAX).contains(&datagram.len())
            || datagram[..SIGNATURE] != ready[..SIGNATURE]
        {
            return Self::BadSignature;
        }
        let same = |range: std::ops::Range<usize>| datagram[range.clone()] == ready[range];
        if same(SIGNATURE..NAMED) && same(COMMAND) { Self::Ready } else { Self::Other }
    }
}

async fn serve(shared: Arc<Shared>, socket: tokio::net::UdpSocket) {
    let mut buffer = [0; DATAGRAM_MAX + 1];
    loop {
        // An error is an earlier datagram that nobody took.
        if let Ok((length, from)) = socket.recv_from(&mut buffer).await {
            shared.take(&buffer[..length], from);
        }
    }
}
