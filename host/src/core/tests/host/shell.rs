//! What the reactor does in the daemon: carries out what the core wants, hands in what follows, and
//! checks that the core may want it.

use std::path::Path;
use std::sync::Arc;

use protocol::channel::{GuestMessage, HostMessage};
use protocol::datagram::Event;
use protocol::limits::{OBJECT_MAX, WRITE_MIN};

use super::super::super::{ConnectError, Destination, Input, Key, Output, Tally, instance_of};
use super::super::guest;
use super::{Answers, Connected, DIRECTORY, Guest, Host, Sent, number_of};

impl Host {
    pub(super) fn key(&self, number: u64) -> Key {
        let mut keys = self.connected.iter();
        let found = keys.find(|(_, connected)| connected.number == number);
        *found.unwrap_or_else(|| panic!("{number} is not connected")).0
    }

    pub(in super::super) fn input(&mut self, input: Input<'_>) {
        self.server.handle(self.now, input);
        self.drain();
    }

    /// Hands in what guests have sent until now, unless their channels are not read from.
    pub(super) fn deliver(&mut self) {
        loop {
            let due = self
                .arriving
                .iter()
                .position(|(at, connection, _)| *at <= self.now && !self.is_paused(*connection));
            let Some(due) = due else { return };
            let (_, connection, bytes) = self.arriving.remove(due).unwrap();
            let mut keys = self.connected.iter();
            let key = keys.find(|(_, connected)| connected.connection == connection);
            if let Some(key) = key.map(|(key, _)| *key) {
                self.server.handle(self.now, Input::Received(key, &bytes));
                self.carry_out();
            }
        }
    }

    fn is_paused(&self, connection: u64) -> bool {
        self.paused.iter().any(|key| self.connected[key].connection == connection)
    }

    pub(super) fn drain(&mut self) {
        self.carry_out();
        self.deliver();
    }

    fn carry_out(&mut self) {
        while let Some(output) = self.server.poll_output() {
            match output {
                Output::Connect(key, path) => self.connect(key, path),
                Output::Close(key) => {
                    let connected = self.connected.remove(&key);
                    self.paused.remove(&key);
                    self.closes.push(connected.expect("closed what is not connected").number);
                }
                Output::Send { key, first, sequence, message } => {
                    self.send(key, first, sequence, message);
                }
                Output::PauseReading(key) => {
                    assert!(self.connected.contains_key(&key), "paused what is not connected");
                    self.paused.insert(key);
                }
                Output::ResumeReading(key) => {
                    assert!(self.paused.remove(&key), "resumed what is not paused");
                }
                Output::Report(destination, event, id) => {
                    self.ids.push(id);
                    self.report(destination, event);
                }
                Output::Scan => self.scan(),
                Output::Note { note, .. } => self.notes.push(note.to_string()),
            }
        }
        self.check_tally();
    }

    fn check_tally(&self) {
        let mut counted = Tally::default();
        self.server.instances().for_each(|instance| counted.add(instance.state));
        assert_eq!(self.server.tally(), counted);
    }

    fn connect(&mut self, key: Key, path: Arc<Path>) {
        assert!(!self.connected.contains_key(&key), "connected twice");
        self.attempts.push((self.time(), Arc::clone(&path)));
        let refused = self.channels.get(&path).map_or(Some(ConnectError::Gone), |c| c.refuses);
        if let Some(error) = refused {
            return self.server.handle(self.now, Input::ConnectFailed(key, error));
        }
        self.connections += 1;
        let number = number_of(instance_of(&path).unwrap());
        let connection = self.connections;
        self.connected.insert(key, Connected { number, path, connection, greeted: false });
        self.server.handle(self.now, Input::Connected(key));
    }

    fn send(&mut self, key: Key, first: bool, sequence: u32, message: HostMessage) {
        let connected = self.connected.get_mut(&key).expect("sent on a closed channel");
        let greeted = std::mem::replace(&mut connected.greeted, true);
        assert_eq!(first, !greeted, "the first object of a connection, and only that, is first");
        let mut bytes = Vec::new();
        message.encode(sequence, &mut bytes);
        assert!((WRITE_MIN..=OBJECT_MAX).contains(&bytes.len()), "{message:?}");
        let (number, connection) = (connected.number, connected.connection);
        if let HostMessage::Challenge { heartbeat_challenge } = message {
            self.challenged(number, connection, heartbeat_challenge);
        }
        self.sent.push(Sent { at: self.time(), number, first, sequence, message });
    }

    fn challenged(&mut self, number: u64, connection: u64, challenge: u32) {
        let Guest { answers, delay } = self.guests.get(&number).copied().unwrap_or_default();
        let response = match answers {
            Answers::Never => return,
            Answers::Healthy => guest::answer(challenge),
            Answers::Unhealthy(action) => guest::unhealthy(challenge, action),
        };
        let mut bytes = Vec::new();
        GuestMessage::ChallengeResponse(response).encode(1, &mut bytes);
        self.arriving.push_back((self.now + delay, connection, bytes));
    }

    fn report(&mut self, destination: Destination, event: Event) {
        match &event {
            Event::Running(info) => {
                assert!(self.running.insert(number_of(info.uuid)), "running twice");
            }
            Event::Stopped(info) => {
                assert!(self.running.remove(&number_of(info.uuid)), "stopped, but not running");
            }
            Event::Answer(answer) => {
                let left = self.unanswered.entry(number_of(answer.uuid)).or_default();
                *left -= 1;
                assert!(*left >= 0, "answered more often than asked");
            }
            _ => {}
        }
        self.events.push((self.time(), event));
        self.destinations.push(destination);
    }

    fn scan(&mut self) {
        self.scans += 1;
        let files = self.channels.iter().map(|(path, channel)| channel.file(path));
        let files = files.filter(|file| file.path.starts_with(DIRECTORY)).collect();
        self.server.handle(self.now, Input::Scanned { directory: Path::new(DIRECTORY), files });
    }
}
