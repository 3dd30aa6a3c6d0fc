//! A client of the guest, as its applications see it: a socket that they connect to.

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::time::Duration;

use protocol::application::{
    ActionNotify, ActionResponse, ChallengeResponse, FrameDecoder, Init, Message,
};
use protocol::channel::{EventType, NotificationType};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use tempfile::TempDir;

/// How long anything may take before a test gives up on it.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// A folder with the socket.
pub(crate) struct FakeClient {
    folder: TempDir,
    listener: Option<UnixListener>,
}

/// The client's end of a connection.
pub(crate) struct Peer {
    stream: UnixStream,
    decoder: FrameDecoder,
    received: VecDeque<Message>,
    sequence: u32,
}

impl FakeClient {
    /// It listens already.
    pub(crate) fn new() -> Self {
        let mut client = Self::absent();
        client.start();
        client
    }

    /// It is not there yet.
    pub(crate) fn absent() -> Self {
        Self { folder: TempDir::new().unwrap(), listener: None }
    }

    pub(crate) fn start(&mut self) {
        self.listener = Some(UnixListener::bind(self.path()).unwrap());
    }

    /// Nobody listens any more, but the file stays.
    pub(crate) fn stop(&mut self) {
        self.listener = None;
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("api")
    }

    /// The next application's connection.
    pub(crate) fn accept(&self) -> Peer {
        assert!(self.connected_within(PATIENCE), "no application connects");
        let (stream, _) = self.listener.as_ref().unwrap().accept().unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        let (decoder, received) = (FrameDecoder::default(), VecDeque::new());
        Peer { stream, decoder, received, sequence: 0 }
    }

    /// Whether an application waits to be accepted.
    pub(crate) fn connected_within(&self, limit: Duration) -> bool {
        let mut ready = [PollFd::new(self.listener.as_ref().unwrap(), PollFlags::IN)];
        poll(&mut ready, Some(&Timespec::try_from(limit).unwrap())).unwrap() == 1
    }

    /// The next application, which is accepted.
    pub(crate) fn register(&self) -> (Peer, Init) {
        let mut peer = self.accept();
        let init = peer.receive_init();
        peer.send(&Message::InitAck { accepted: true });
        (peer, init)
    }
}

impl Peer {
    pub(crate) fn send(&mut self, message: &Message) {
        self.sequence += 1;
        self.send_bytes(&message.encode(self.sequence));
    }

    pub(crate) fn send_bytes(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).unwrap();
    }

    /// What the application sent next; `None` if it closed.
    pub(crate) fn receive(&mut self) -> Option<Message> {
        let mut buffer = [0; 4096];
        while self.received.is_empty() {
            let count = match self.stream.read(&mut buffer).unwrap() {
                0 => return None,
                count => count,
            };
            self.decoder.feed(&buffer[..count], |frame| self.received.push_back(frame.message));
        }
        assert_eq!((self.decoder.noise(), self.decoder.skipped()), (0, 0));
        self.received.pop_front()
    }

    pub(crate) fn receive_init(&mut self) -> Init {
        match self.receive() {
            Some(Message::Init(init)) => init,
            other => panic!("no init but {other:?}"),
        }
    }

    /// Challenges it; its answer to that.
    pub(crate) fn challenge(&mut self, value: u32) -> ChallengeResponse {
        self.send(&Message::Challenge(value));
        match self.receive() {
            Some(Message::ChallengeResponse(answer)) => {
                assert_eq!(answer.heartbeat_response, value);
                answer
            }
            other => panic!("no answer but {other:?}"),
        }
    }

    /// Asks it; the question.
    pub(crate) fn notify(&mut self, event: EventType, kind: NotificationType) -> ActionNotify {
        self.sequence += 1;
        let invocation_id = 0xfedc_0000 + self.sequence;
        let notification_type = Some(kind);
        let question = ActionNotify { invocation_id, event_type: event, notification_type };
        self.send(&Message::ActionNotify(question));
        question
    }

    /// Asks it; its answer to that.
    pub(crate) fn ask(&mut self, event: EventType, kind: NotificationType) -> ActionResponse {
        let question = self.notify(event, kind);
        match self.receive() {
            Some(Message::ActionResponse(answer)) => {
                assert_eq!(answer.invocation_id, question.invocation_id);
                assert_eq!((answer.event_type, answer.notification_type), (event, Some(kind)));
                answer
            }
            other => panic!("no answer but {other:?}"),
        }
    }
}
