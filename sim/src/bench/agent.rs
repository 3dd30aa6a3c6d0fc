//! A fake agent: names instances and takes down what it is told.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Context;
use protocol::InstanceId;
use protocol::datagram::{Command, DATAGRAM_MAX, Event, Switch};

use crate::clock;

/// The fake agent; its thread ends with it.
pub(super) struct Agent {
    socket: UdpSocket,
    seen: Arc<Seen>,
}

#[derive(Default)]
struct Seen {
    server: Mutex<Option<SocketAddr>>,
    losses: Mutex<Vec<(InstanceId, Instant)>>,
}

impl Agent {
    pub(super) fn start() -> anyhow::Result<Self> {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).context("no UDP socket")?;
        let seen = Arc::new(Seen::default());
        let (listening, weak) = (socket.try_clone()?, Arc::downgrade(&seen));
        listening.set_read_timeout(Some(Duration::from_millis(200)))?;
        std::thread::spawn(move || {
            let mut buffer = [0; DATAGRAM_MAX];
            while let Some(seen) = weak.upgrade() {
                if let Ok((length, from)) = listening.recv_from(&mut buffer) {
                    seen.take(&buffer[..length], from);
                }
            }
        });
        Ok(Self { socket, seen })
    }

    pub(super) fn address(&self) -> anyhow::Result<SocketAddr> {
        Ok(self.socket.local_addr()?)
    }

    /// Where the server's events come from, once it said ready.
    pub(super) fn server(&self) -> Option<SocketAddr> {
        *self.seen.server.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells the server about an instance whose failures shall be reported.
    pub(super) fn name(&self, uuid: InstanceId) -> anyhow::Result<()> {
        let server = self.server().context("guestServer did not say ready")?;
        let mut datagram = Vec::new();
        let command = Command::AddInstance { uuid, reporting: Switch::Enabled };
        command.encode("127.0.0.1", "", &mut datagram);
        self.socket.send_to(&datagram, server).context("cannot reach guestServer")?;
        Ok(())
    }

    /// Every loss reported so far and when it came.
    pub(super) fn losses(&self) -> Vec<(InstanceId, Instant)> {
        self.seen.losses.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Seen {
    fn take(&self, datagram: &[u8], from: SocketAddr) {
        match Event::decode(datagram) {
            Ok(Event::Ready { .. }) => {
                *self.server.lock().unwrap_or_else(PoisonError::into_inner) = Some(from);
            }
            Ok(Event::Loss { uuid, .. }) => {
                let mut losses = self.losses.lock().unwrap_or_else(PoisonError::into_inner);
                losses.push((uuid, clock::now()));
            }
            _ => {}
        }
    }
}
