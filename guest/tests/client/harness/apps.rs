//! An application, as the client sees one.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;

use protocol::application::{
    ActionNotify, ActionResponse, ChallengeResponse, FRAME, FrameDecoder, Init, Message,
};
use protocol::channel::{CorrectiveAction, Health, VoteResult};

use super::PATIENCE;

/// One connection to the client.
pub(crate) struct App {
    stream: UnixStream,
    decoder: FrameDecoder,
    received: Vec<Message>,
}

/// An application that wants a stop when it is silent.
pub(crate) fn registration(name: &str) -> Message {
    Message::Init(Init {
        application_name: name.into(),
        heartbeat_interval_ms: 400,
        vote_secs: 30,
        shutdown_notice_secs: 30,
        suspend_notice_secs: 30,
        resume_notice_secs: 30,
        corrective_action: CorrectiveAction::Stop,
    })
}

impl App {
    pub(crate) fn connect(socket: &Path) -> Self {
        let stream = UnixStream::connect(socket).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        Self { stream, decoder: FrameDecoder::default(), received: Vec::new() }
    }

    /// Connected and registered.
    pub(crate) fn register(socket: &Path, name: &str) -> Self {
        let mut app = Self::connect(socket);
        assert!(app.init(name), "{name} was not accepted");
        app
    }

    /// Whether it was accepted.
    pub(crate) fn init(&mut self, name: &str) -> bool {
        self.send(&registration(name));
        match self.receive() {
            Some(Message::InitAck { accepted }) => accepted,
            other => panic!("no init_ack but {other:?}"),
        }
    }

    pub(crate) fn send(&mut self, message: &Message) {
        self.stream.write_all(&message.encode(1)).unwrap();
    }

    /// As much as the client takes; whether it hung up.
    pub(crate) fn flood(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).is_err()
    }

    /// What the client sent next; `None` if it hung up.
    pub(crate) fn receive(&mut self) -> Option<Message> {
        let mut buffer = [0; FRAME];
        while self.received.is_empty() {
            // A connection that is closed with unread input is reset.
            let len = self.stream.read(&mut buffer).unwrap_or_default();
            if len == 0 {
                return None;
            }
            let received = &mut self.received;
            self.decoder.feed(&buffer[..len], |frame| received.push(frame.message));
        }
        Some(self.received.remove(0))
    }

    /// Answers challenges until it is asked about an event.
    pub(crate) fn receive_notify(&mut self) -> ActionNotify {
        loop {
            match self.receive() {
                Some(Message::ActionNotify(notify)) => return notify,
                Some(Message::Challenge(value)) => self.answer(value, Health::Healthy, ""),
                other => panic!("no action_notify but {other:?}"),
            }
        }
    }

    pub(crate) fn receive_challenge(&mut self) -> u32 {
        match self.receive() {
            Some(Message::Challenge(value)) => value,
            other => panic!("no challenge but {other:?}"),
        }
    }

    /// Unhealthy ones ask for a stop.
    pub(crate) fn answer(&mut self, value: u32, health: Health, why: &str) {
        self.send(&Message::ChallengeResponse(ChallengeResponse {
            heartbeat_response: value,
            health,
            corrective_action: CorrectiveAction::Stop,
            log_msg: why.into(),
        }));
    }

    pub(crate) fn vote(&mut self, notify: ActionNotify, vote_result: VoteResult, why: &str) {
        self.send(&Message::ActionResponse(ActionResponse {
            invocation_id: notify.invocation_id,
            event_type: notify.event_type,
            notification_type: notify.notification_type,
            vote_result,
            log_msg: why.into(),
        }));
    }
}
