//! The host's end of one channel, in the test's own hands.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use protocol::channel::{GuestMessage, HostMessage, Init, LineDecoder};

use crate::LIMIT;

/// A host that says only what it is told to say.
#[derive(Debug)]
pub struct ChannelHost {
    stream: UnixStream,
    decoder: LineDecoder,
    received: VecDeque<GuestMessage>,
}

impl ChannelHost {
    /// Connects to a channel.
    pub fn connect(channel: &Path) -> Self {
        let stream = UnixStream::connect(channel).expect("QEMU listens");
        Self { stream, decoder: LineDecoder::default(), received: VecDeque::new() }
    }

    /// Sends an object.
    pub fn send(&mut self, message: &HostMessage) {
        let mut bytes = Vec::new();
        message.encode(1, &mut bytes);
        self.stream.write_all(&bytes).expect("QEMU takes it");
    }

    /// The next object of the guest.
    pub fn receive(&mut self) -> GuestMessage {
        self.next_within(LIMIT).expect("the guest says something")
    }

    /// The next object, if one comes within this time.
    pub fn next_within(&mut self, limit: Duration) -> Option<GuestMessage> {
        self.stream.set_read_timeout(Some(limit)).expect("a limit above zero");
        let mut buffer = [0; 4096];
        while self.received.is_empty() {
            let read = match self.stream.read(&mut buffer) {
                Ok(0) => panic!("QEMU hung up"),
                Ok(read) => read,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return None,
                Err(error) => panic!("cannot read from QEMU: {error}"),
            };
            let mut lines = self.decoder.feed(&buffer[..read]);
            while let Some(line) = lines.next() {
                let message = GuestMessage::decode(line).expect("an object of the protocol");
                self.received.push_back(message);
            }
        }
        self.received.pop_front()
    }

    /// Takes the next init; the guest is enabled when it has read the answer.
    pub fn enable(&mut self) -> Init {
        match self.receive() {
            GuestMessage::Init(init) => {
                self.send(&HostMessage::InitAck { invocation_id: init.invocation_id });
                init
            }
            other => panic!("not an init: {other:?}"),
        }
    }

    /// A challenge and the right answer to it.
    pub fn heartbeat(&mut self, heartbeat_challenge: u32) {
        self.send(&HostMessage::Challenge { heartbeat_challenge });
        match self.receive() {
            GuestMessage::ChallengeResponse(answer) => {
                assert_eq!(answer.heartbeat_response, heartbeat_challenge);
            }
            other => panic!("not an answer: {other:?}"),
        }
    }
}
