//! What an application says, and when.

use std::collections::VecDeque;
use std::fmt;

use protocol::application::{
    ActionNotify, ActionResponse, ChallengeResponse, FRAME, FrameDecoder, Init, LogText, Message,
};
use protocol::channel::{CorrectiveAction, Health};

/// Questions that wait for the program. The client has one at a time; of more the oldest are
/// forgotten, and the client takes their silence for agreement.
const QUESTIONS_MAX: usize = 16;
/// Frames that wait to be sent. A program that answers more than it is asked loses the oldest.
const FRAMES_MAX: usize = 64;

/// One application, connected or not.
#[derive(Debug, Default)]
pub struct Application {
    phase: Phase,
    decoder: FrameDecoder,
    /// The newest challenge without an answer.
    challenge: Option<u32>,
    events: VecDeque<Event>,
    frames: VecDeque<[u8; FRAME]>,
    /// Of the last frame; they count from 1 on each connection.
    sequence: u32,
    ignored: u64,
}

/// Where the registration stands.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// No connection, or none that says anything.
    #[default]
    Apart,
    /// `init` is on its way.
    Registering,
    /// The client took it.
    Registered,
    /// The client did not take it.
    Refused,
}

/// What the program has to hear or to answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The client took the application.
    Registered,
    /// The client does not take it: its interval is too short, or too many are registered. The
    /// connection is of no more use.
    Refused,
    /// How is it? [`Application::answer_health`] wants this challenge back.
    HealthQuestion {
        /// The challenge.
        challenge: u32,
    },
    /// A vote or a notification, for [`Application::answer`].
    Question(ActionNotify),
    /// The connection ended. The program may connect and register again.
    ConnectionLost,
}

/// How a program is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HealthReport {
    /// Whether all is well.
    pub health: Health,
    /// What to do about it if not.
    pub corrective_action: CorrectiveAction,
    /// Why, for people.
    pub log_msg: LogText,
}

/// There is no client to say it to. Nothing was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotConnected;

impl fmt::Display for NotConnected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not registered with a client")
    }
}

impl std::error::Error for NotConnected {}

impl HealthReport {
    /// All is well.
    pub fn healthy() -> Self {
        Self {
            health: Health::Healthy,
            corrective_action: CorrectiveAction::None,
            log_msg: LogText::default(),
        }
    }

    /// Something is wrong, and what to do about it.
    pub fn unhealthy(corrective_action: CorrectiveAction, why: &str) -> Self {
        Self { health: Health::Unhealthy, corrective_action, log_msg: LogText::new(why) }
    }
}

impl Application {
    /// Says `init` on a connection that was just made, or again on the present one.
    pub fn register(&mut self, init: Init) {
        if self.phase == Phase::Apart {
            self.forget();
        }
        self.phase = Phase::Registering;
        self.send(&Message::Init(init));
    }

    /// Takes what was read.
    pub fn receive(&mut self, bytes: &[u8]) {
        if self.phase == Phase::Apart {
            return;
        }
        let mut decoder = std::mem::take(&mut self.decoder);
        decoder.feed(bytes, |frame| self.take(&frame.message));
        self.decoder = decoder;
    }

    /// The connection ended, or can no more be written to. Said once to the program.
    pub fn connection_lost(&mut self) {
        if self.phase != Phase::Apart {
            self.forget();
            self.events.push_back(Event::ConnectionLost);
        }
    }

    /// Answers a challenge. An answer to an older one than the newest, or to one of an earlier
    /// connection, says nothing any more: it is left out.
    pub fn answer_health(&mut self, challenge: u32, report: HealthReport) {
        if self.challenge != Some(challenge) {
            return;
        }
        self.challenge = None;
        self.send(&Message::ChallengeResponse(ChallengeResponse {
            heartbeat_response: challenge,
            health: report.health,
            corrective_action: report.corrective_action,
            log_msg: report.log_msg,
        }));
    }

    /// Answers a question. Whether it is still open is the client's to say.
    pub fn answer(&mut self, answer: ActionResponse) -> Result<(), NotConnected> {
        if self.phase == Phase::Apart {
            return Err(NotConnected);
        }
        self.send(&Message::ActionResponse(answer));
        Ok(())
    }

    /// Says `final`; the connection can be closed once it is sent. What was not dealt with is
    /// forgotten.
    pub fn deregister(&mut self, log_msg: LogText) -> Result<(), NotConnected> {
        if self.phase == Phase::Apart {
            return Err(NotConnected);
        }
        self.events.clear();
        self.challenge = None;
        self.send(&Message::Final(log_msg));
        self.phase = Phase::Apart;
        Ok(())
    }

    /// What the program is to hear next.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// What is to be sent next.
    pub fn poll_frame(&mut self) -> Option<[u8; FRAME]> {
        self.frames.pop_front()
    }

    /// Whether the client has taken this application.
    pub fn is_registered(&self) -> bool {
        self.phase == Phase::Registered
    }

    /// Messages that a client has no reason to send.
    pub fn ignored(&self) -> u64 {
        self.ignored
    }

    fn take(&mut self, message: &Message) {
        match *message {
            Message::InitAck { accepted } => self.acknowledged(accepted),
            Message::Challenge(challenge) => {
                self.challenge = Some(challenge);
                self.events.retain(|event| !matches!(event, Event::HealthQuestion { .. }));
                self.events.push_back(Event::HealthQuestion { challenge });
            }
            Message::ActionNotify(question) => {
                self.make_room_for_a_question();
                self.events.push_back(Event::Question(question));
            }
            Message::Init(_)
            | Message::Final(_)
            | Message::ChallengeResponse(_)
            | Message::ActionResponse(_) => self.ignored += 1,
        }
    }

    /// Each change is told once, however often the client says it.
    fn acknowledged(&mut self, accepted: bool) {
        let (phase, event) = if accepted {
            (Phase::Registered, Event::Registered)
        } else {
            (Phase::Refused, Event::Refused)
        };
        if self.phase == Phase::Refused || self.phase == phase {
            self.ignored += 1;
            return;
        }
        self.phase = phase;
        self.events.push_back(event);
    }

    fn make_room_for_a_question(&mut self) {
        let is_question = |event: &Event| matches!(event, Event::Question(_));
        if self.events.iter().filter(|event| is_question(event)).count() < QUESTIONS_MAX {
            return;
        }
        if let Some(oldest) = self.events.iter().position(is_question) {
            self.events.remove(oldest);
        }
    }

    fn send(&mut self, message: &Message) {
        if self.frames.len() == FRAMES_MAX {
            self.frames.pop_front();
        }
        self.sequence = self.sequence.wrapping_add(1);
        self.frames.push_back(message.encode(self.sequence));
    }

    /// Back to the beginning; `ignored` goes on counting.
    fn forget(&mut self) {
        let ignored = self.ignored;
        *self = Self { ignored, ..Self::default() };
    }
}
