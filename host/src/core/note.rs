//! What is worth a line in the log.

use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use protocol::channel::{
    CorrectiveAction, EventType, LogMsg, NotificationType, Refused, VoteResult,
};
use protocol::datagram::DatagramError;

use super::ConnectError;

/// Something that a person may want to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Note {
    /// A channel's file appeared.
    Appeared(Arc<Path>),
    /// Its file is gone.
    Vanished,
    /// The controller told about the instance for the first time.
    Named {
        /// Whether its failures are reported.
        reporting: bool,
    },
    /// The controller deleted the instance.
    Deleted,
    /// The channel is connected.
    Connected,
    /// It could not be connected.
    ConnectFailed {
        /// Why.
        error: ConnectError,
        /// When the next attempt is made.
        retry_in: Duration,
    },
    /// The channel ended.
    Closed,
    /// Two minutes passed without a heartbeat.
    NoHeartbeat,
    /// An init was taken.
    Init {
        /// Interval in force.
        interval: Duration,
        /// What the guest wants when it is lost.
        action: CorrectiveAction,
    },
    /// The instance heartbeats.
    Running,
    /// The instance does not heartbeat any more.
    Stopped(Stop),
    /// The guest leaves.
    Exit {
        /// In its words.
        log_msg: LogMsg,
    },
    /// Its loss is reported.
    LossReported,
    /// Its loss is not reported.
    LossNotReported {
        /// Whether the controller named the instance at all.
        named: bool,
    },
    /// It says that it is unhealthy.
    IllHealth {
        /// What it wants done.
        action: CorrectiveAction,
        /// In its words.
        log_msg: LogMsg,
    },
    /// A vote or notification went to the guest.
    Asked {
        /// What about.
        event: EventType,
        /// Vote or notification.
        kind: NotificationType,
    },
    /// Its answer, or the host's for it, went to the agent.
    Answered {
        /// What about.
        event: EventType,
        /// The answer.
        vote: VoteResult,
        /// Why.
        reason: LogMsg,
    },
    /// An object of the guest was refused.
    Refused(Refused),
    /// The guest sends more than is looked at.
    Flooding,
    /// More instances than this server takes.
    TooManyInstances,
    /// The agent spoke for the first time, or another one did.
    AgentIs(IpAddr),
    /// The agent switched reporting for the whole host.
    HostReporting(bool),
    /// A datagram was dropped.
    BadDatagram {
        /// Who sent it.
        from: IpAddr,
        /// Why.
        error: DatagramError,
    },
    /// The host ran late.
    Stalled {
        /// By how much.
        late: Duration,
    },
}

/// Why a heartbeat stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// The guest does not answer.
    Silent {
        /// For how long.
        since: Duration,
    },
    /// The guest does not answer, as announced by a notification.
    ExpectedSilence,
    /// The guest left.
    Exit,
    /// The guest sent a new init.
    NewInit,
    /// The channel ended.
    ChannelClosed,
    /// The guest is about to be suspended.
    Suspend,
}

impl Note {
    /// Whether it tells of something that should not be.
    pub fn is_warning(&self) -> bool {
        matches!(
            self,
            Self::LossReported
                | Self::LossNotReported { .. }
                | Self::IllHealth { .. }
                | Self::Refused(_)
                | Self::Flooding
                | Self::TooManyInstances
                | Self::BadDatagram { .. }
                | Self::Stalled { .. }
                | Self::NoHeartbeat
                | Self::ConnectFailed { .. }
        )
    }
}

impl std::fmt::Display for Note {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Appeared(path) => write!(f, "channel {} appeared", path.display()),
            Self::Vanished => f.write_str("channel file is gone"),
            Self::Named { reporting } => {
                write!(f, "named by the controller, reporting {}", on(*reporting))
            }
            Self::Deleted => f.write_str("deleted by the controller"),
            Self::Connected => f.write_str("channel connected, waiting for init"),
            Self::ConnectFailed { error, retry_in } => {
                write!(
                    f,
                    "cannot connect: {error}; next attempt in {:.1} s",
                    retry_in.as_secs_f64()
                )
            }
            Self::Closed => f.write_str("channel closed by QEMU, reconnecting"),
            Self::NoHeartbeat => f.write_str("no heartbeat for two minutes, reconnecting"),
            Self::Init { interval, action } => {
                write!(f, "init: interval {} ms, when lost: {action}", interval.as_millis())
            }
            Self::Running => f.write_str("heartbeat running"),
            Self::Stopped(why) => write!(f, "heartbeat stopped: {why}"),
            Self::Exit { log_msg } => write!(f, "exit: {log_msg:?}"),
            Self::LossReported => f.write_str("heartbeat loss reported"),
            Self::LossNotReported { named: true } => {
                f.write_str("heartbeat loss not reported: reporting is disabled")
            }
            Self::LossNotReported { named: false } => {
                f.write_str("heartbeat loss not reported: the controller has not named it")
            }
            Self::IllHealth { action, log_msg } => {
                write!(f, "unhealthy, wants {action}: {log_msg:?}")
            }
            Self::Asked { event, kind } => write!(f, "asked about {event} ({kind})"),
            Self::Answered { event, vote, reason } => {
                write!(f, "answer about {event}: {vote} {reason:?}")
            }
            Self::Refused(refused) => {
                write!(f, "refused {:?}: {:?}", refused.msg_type, refused.refusal.to_string())
            }
            Self::Flooding => f.write_str("sends more than is looked at; slowed down"),
            Self::TooManyInstances => f.write_str("too many instances: not taken"),
            Self::AgentIs(address) => write!(f, "guestAgent is at {address}"),
            Self::HostReporting(reporting) => {
                write!(f, "reporting of this host {}", on(*reporting))
            }
            Self::BadDatagram { from, error } => {
                write!(f, "dropped a datagram from {from}: {error}")
            }
            Self::Stalled { late } => write!(
                f,
                "this host ran {} ms late (overloaded or suspended?): no guest is blamed for it",
                late.as_millis()
            ),
        }
    }
}

impl std::fmt::Display for Stop {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Silent { since } => write!(f, "no answer for {} ms", since.as_millis()),
            Self::ExpectedSilence => f.write_str("silent after a notification, as expected"),
            Self::Exit => f.write_str("the guest left"),
            Self::NewInit => f.write_str("the guest started anew"),
            Self::ChannelClosed => f.write_str("the channel closed"),
            Self::Suspend => f.write_str("about to be suspended"),
        }
    }
}

fn on(on: bool) -> &'static str {
    if on { "enabled" } else { "disabled" }
}
