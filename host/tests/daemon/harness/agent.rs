//! The agent's end of the link.

use std::io::ErrorKind;
use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use protocol::InstanceId;
use protocol::channel::Word;
use protocol::datagram::{Answer, Command, DATAGRAM_MAX, Event, Switch};

use super::PATIENCE;

/// A socket that the daemon takes for guestAgent's.
pub(crate) struct Agent {
    socket: UdpSocket,
    server: SocketAddr,
}

impl Agent {
    pub(crate) fn new(socket: UdpSocket, server: SocketAddr) -> Self {
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Self { socket, server }
    }

    pub(crate) fn server(&self) -> SocketAddr {
        self.server
    }

    pub(crate) fn send(&self, command: &Command) {
        let mut bytes = Vec::new();
        command.encode("192.0.2.1", "6a9b0c1d-0000-4000-8000-0123456789ab", &mut bytes);
        self.send_bytes(&bytes);
    }

    pub(crate) fn send_bytes(&self, bytes: &[u8]) {
        self.socket.send_to(bytes, self.server).unwrap();
    }

    pub(crate) fn add(&self, number: u64) {
        self.name(number, Switch::Enabled);
    }

    pub(crate) fn name(&self, number: u64, reporting: Switch) {
        self.send(&Command::AddInstance { uuid: InstanceId::numbered(number), reporting });
    }

    pub(crate) fn delete(&self, number: u64) {
        self.send(&Command::DeleteInstance { uuid: InstanceId::numbered(number) });
    }

    pub(crate) fn vote(&self, number: u64, event: &str) {
        let uuid = InstanceId::numbered(number);
        self.send(&Command::Vote { uuid, event: Word::new(event) });
    }

    pub(crate) fn notify(&self, number: u64, event: &str) {
        let uuid = InstanceId::numbered(number);
        self.send(&Command::Notify { uuid, event: Word::new(event) });
    }

    /// Waits until everything that was sent before is done: a vote of an instance that does not
    /// heartbeat is answered at once. The instance is forgotten again, or was not known before.
    pub(crate) fn settle(&self) {
        const NOBODY: u64 = 0xffff_ffff_ffff;
        self.vote(NOBODY, "stop");
        loop {
            if let Event::Answer(Answer { uuid, .. }) = self.event()
                && uuid == InstanceId::numbered(NOBODY)
            {
                return;
            }
        }
    }

    /// The next event that is not ready, which is repeated.
    pub(crate) fn event(&self) -> Event {
        loop {
            match self.next() {
                Event::Ready { .. } => {}
                other => return other,
            }
        }
    }

    /// The next events, each about another of these instances.
    pub(crate) fn running(&self, count: u64) {
        for _ in 0..count {
            let event = self.event();
            assert!(matches!(event, Event::Running(_)), "not running but {event:?}");
        }
    }

    pub(crate) fn next(&self) -> Event {
        let mut bytes = [0; 2 * DATAGRAM_MAX];
        let length = self.socket.recv(&mut bytes).expect("an event in time");
        assert_eq!(length, DATAGRAM_MAX, "a server's datagrams have full length");
        Event::decode(&bytes[..length]).unwrap()
    }

    /// What has come without waiting for more.
    pub(crate) fn arrived(&self) -> Vec<Event> {
        self.within(Duration::from_millis(1))
    }

    /// What comes until nothing came for `time`, ready left out.
    pub(crate) fn within(&self, time: Duration) -> Vec<Event> {
        self.socket.set_read_timeout(Some(time)).unwrap();
        let mut bytes = [0; 2 * DATAGRAM_MAX];
        let mut events = Vec::new();
        loop {
            match self.socket.recv(&mut bytes) {
                Ok(length) => events.push(Event::decode(&bytes[..length]).unwrap()),
                Err(e) if e.kind() == ErrorKind::WouldBlock => break,
                Err(error) => panic!("{error}"),
            }
        }
        self.socket.set_read_timeout(Some(PATIENCE)).unwrap();
        events.retain(|event| !matches!(event, Event::Ready { .. }));
        events
    }
}
