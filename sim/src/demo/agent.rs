//! A fake agent: names the instances to guestServer and hears its events.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use protocol::datagram::{Command, DATAGRAM_MAX, Event};
use tokio::net::UdpSocket;

/// The agent's end of the host-agent link, on a port that nobody else has.
#[derive(Debug)]
pub(super) struct Agent {
    socket: UdpSocket,
    /// Known from the first event on.
    server: Option<SocketAddr>,
    buffer: [u8; DATAGRAM_MAX],
}

impl Agent {
    pub(super) async fn bind() -> io::Result<Self> {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        Ok(Self { socket, server: None, buffer: [0; DATAGRAM_MAX] })
    }

    pub(super) fn address(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// The next event. Cancelling it loses none.
    pub(super) async fn receive(&mut self) -> io::Result<Event> {
        loop {
            let (length, from) = self.socket.recv_from(&mut self.buffer).await?;
            if let Ok(event) = Event::decode(&self.buffer[..length]) {
                self.server = Some(from);
                return Ok(event);
            }
        }
    }

    /// Sends a command to the server that was heard.
    pub(super) async fn send(&self, command: &Command) -> io::Result<()> {
        let server = self.server.ok_or(io::ErrorKind::NotConnected)?;
        let mut datagram = Vec::new();
        command.encode("127.0.0.1", "", &mut datagram);
        self.socket.send_to(&datagram, server).await.map(drop)
    }
}
