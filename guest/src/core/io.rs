//! What goes into the client and what comes out.

use std::fmt;
use std::time::Duration;

use protocol::application::{AppName, LogText};
use protocol::channel::{ActionNotify, Exit, GuestMessage, LogMsg, Nack, Refused, VoteResult};

use super::{Config, HealthReport};

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input<'a> {
    /// A host is connected.
    ChannelUp,
    /// The host hung up.
    ChannelDown,
    /// Bytes came from the host, in any pieces.
    Received(&'a [u8]),
    /// A health check ended. The client forgets it when it is enabled anew: run one then.
    Health(HealthReport),
    /// Whether anybody wants to be asked about events. Nobody does at first, and the client
    /// answers by itself.
    Handlers {
        /// Someone is to be asked with [`Output::Ask`].
        registered: bool,
    },
    /// The handlers answered; ignored if the question is no longer open.
    EventAnswer {
        /// The question.
        id: AskId,
        /// Their answer.
        vote_result: VoteResult,
        /// Why, for people.
        log_msg: LogMsg,
    },
    /// The administrator changed the settings. The host is told if it was told of one of them.
    Reconfigured(Config),
    /// Leave.
    Stop,
}

/// Something to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Send this in one write. If the channel takes none of it, drop it: the protocol repeats.
    Send {
        /// For [`GuestMessage::encode`].
        sequence: u32,
        /// The object.
        message: GuestMessage,
    },
    /// Ask the handlers. A question that is still open is over.
    Ask(Ask),
    /// Something for the log.
    Note(Note),
    /// End the process; nothing follows.
    Leave,
}

/// Tells a question from the ones before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AskId(pub(super) u64);

/// A question to the handlers; [`Input::EventAnswer`] is the answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ask {
    /// For the answer.
    pub id: AskId,
    /// What happens.
    pub notify: ActionNotify,
    /// Time that the handlers have; after it the client answers for them.
    pub within: Duration,
}

/// Where the client stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Just started; nothing is known of the channel.
    Initial,
    /// Announces itself.
    Enabling,
    /// Answers challenges.
    Enabled,
    /// No host is connected.
    Disabled,
    /// Has left.
    Left,
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Initial => "initial",
            Self::Enabling => "enabling",
            Self::Enabled => "enabled",
            Self::Disabled => "disabled",
            Self::Left => "left",
        })
    }
}

/// Why the client went from one [`State`] to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// The time after start is over.
    Started,
    /// A host connected.
    ChannelUp,
    /// The host hung up.
    ChannelDown,
    /// The host took our init.
    Acknowledged,
    /// No challenge came for too long.
    NoChallenge,
    /// The host said that it leaves.
    HostExit,
    /// What was announced has changed.
    Reconfigured,
    /// We were told to leave.
    Stopped,
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Started => "started",
            Self::ChannelUp => "the host is connected",
            Self::ChannelDown => "the host is not connected",
            Self::Acknowledged => "the host took our init",
            Self::NoChallenge => "no challenge came for too long",
            Self::HostExit => "the host leaves",
            Self::Reconfigured => "the settings changed",
            Self::Stopped => "told to leave",
        })
    }
}

/// Something that an administrator may want to know. What the host can cause at will comes at most
/// once in ten seconds; `held_back` counts those not given since.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Note {
    /// The state changed.
    State {
        /// The state before.
        from: State,
        /// The state now.
        to: State,
        /// Why.
        cause: Cause,
    },
    /// The host refused an object of ours.
    Nacked {
        /// Its refusal.
        nack: Nack,
        /// See [`Note`].
        held_back: u64,
    },
    /// An object of the host cannot be used.
    Refused {
        /// Why.
        refused: Refused,
        /// See [`Note`].
        held_back: u64,
    },
    /// The host leaves.
    HostExit(Exit),
    /// A vote or notification was answered.
    Answered {
        /// What it was about.
        notify: ActionNotify,
        /// Our answer.
        vote_result: VoteResult,
        /// See [`Note`].
        held_back: u64,
    },
    /// No challenge came, but the client itself was not scheduled on time: it waits once more.
    Excused,
    /// What the guest says of its health has changed.
    Health(HealthReport),
    /// An application registered.
    ApplicationRegistered {
        /// Its name.
        name: AppName,
    },
    /// An application was not registered.
    ApplicationRefused {
        /// Its name.
        name: AppName,
        /// Why.
        why: &'static str,
    },
    /// An application left with notice.
    ApplicationLeft {
        /// Its name.
        name: AppName,
        /// Its last words.
        log_msg: LogText,
    },
    /// An application left without notice.
    ApplicationCrashed {
        /// Its name.
        name: AppName,
    },
    /// What an application says of its health has changed, or what is said of it.
    ApplicationHealth {
        /// Its name.
        name: AppName,
        /// How it is.
        report: HealthReport,
    },
}
