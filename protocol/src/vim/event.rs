//! What the agent tells the VIM of an instance.

use serde::Serialize;

use super::SERVICE;
use super::error::BodyError;
use super::json::{self, Object};
use crate::InstanceId;
use crate::channel::{CorrectiveAction, EventType, LogMsg, NotificationType, VoteResult};
use crate::datagram::{Hostname, Switch};

/// What is wrong with an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AlarmState {
    /// It says so itself.
    Unhealthy,
    /// It stopped answering.
    Failed,
}

impl AlarmState {
    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unhealthy => "unhealthy",
            Self::Failed => "failed",
        }
    }

    /// Reads the word.
    pub fn from_word(word: &str) -> Option<Self> {
        match word {
            "unhealthy" => Some(Self::Unhealthy),
            "failed" => Some(Self::Failed),
            _ => None,
        }
    }
}

/// What the VIM hears of a guest's answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GuestResponse {
    /// To a vote: it may happen.
    Allow,
    /// To a vote: it must not happen.
    Reject,
    /// To a notification: the guest is prepared.
    Proceed,
}

impl GuestResponse {
    /// The response to what was asked. The VIM's steps after a notification know only `proceed`, so
    /// a guest's objection to one shows in the reason alone; a guest that gave no opinion agrees.
    pub fn to(asked: NotificationType, vote: VoteResult) -> Self {
        match (asked, vote) {
            (NotificationType::Irrevocable, _) => Self::Proceed,
            (NotificationType::Revocable, VoteResult::Reject) => Self::Reject,
            (NotificationType::Revocable, _) => Self::Allow,
        }
    }

    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Reject => "reject",
            Self::Proceed => "proceed",
        }
    }

    /// Reads the word.
    pub fn from_word(word: &str) -> Option<Self> {
        match word {
            "allow" => Some(Self::Allow),
            "reject" => Some(Self::Reject),
            "proceed" => Some(Self::Proceed),
            _ => None,
        }
    }
}

/// An event of the agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VimEvent {
    /// How an instance is. A later one makes an earlier one of the same instance needless.
    Status {
        /// Which.
        uuid: InstanceId,
        /// The host it lives on.
        hostname: Hostname,
        /// `state`: whether its failures are reported.
        reporting: Switch,
        /// `status`: whether it heartbeats.
        heartbeating: Switch,
        /// Seconds from a reboot until it heartbeats again; `"0"` is sent unless it heartbeats.
        restart_timeout_secs: u32,
    },
    /// Ill health or a loss.
    Alarm {
        /// Which.
        uuid: InstanceId,
        /// The host it lives on.
        hostname: Hostname,
        /// Which of the two.
        state: AlarmState,
        /// What the guest wants done about it.
        repair_action: CorrectiveAction,
    },
    /// The answer to a vote or a notification.
    Answer {
        /// Which instance.
        uuid: InstanceId,
        /// What it was asked about.
        action: EventType,
        /// The answer.
        response: GuestResponse,
        /// Why, for people.
        reason: LogMsg,
    },
}

impl VimEvent {
    /// The instance it is about.
    pub fn uuid(&self) -> InstanceId {
        match self {
            Self::Status { uuid, .. } | Self::Alarm { uuid, .. } | Self::Answer { uuid, .. } => {
                *uuid
            }
        }
    }

    /// The JSON object, its keys in the protocol's order.
    pub fn body(&self) -> Vec<u8> {
        match self {
            Self::Status { hostname, reporting, heartbeating, restart_timeout_secs, .. } => self
                .service(
                    hostname,
                    "service",
                    StatusEntry {
                        service: SERVICE,
                        state: *reporting,
                        status: *heartbeating,
                        restart_timeout: restart_timeout(*heartbeating, *restart_timeout_secs),
                    },
                ),
            Self::Alarm { hostname, state, repair_action, .. } => self.service(
                hostname,
                "alarm",
                AlarmEntry {
                    service: SERVICE,
                    state: state.as_str(),
                    repair_action: *repair_action,
                },
            ),
            Self::Answer { uuid, action, response, reason } => json::bytes(&Body {
                uuid: uuid.as_str(),
                hostname: None,
                event_type: "action",
                event_data: ActionData {
                    action: *action,
                    guest_response: response.as_str(),
                    reason: reason.as_str(),
                },
            }),
        }
    }

    fn service(
        &self,
        hostname: &Hostname,
        event_type: &'static str,
        entry: impl Serialize,
    ) -> Vec<u8> {
        json::bytes(&Body {
            uuid: self.uuid().as_str(),
            hostname: Some(hostname.as_str()),
            event_type,
            event_data: ServicesData { services: [entry] },
        })
    }

    /// Reads the body of an event, as the VIM does.
    pub fn decode(body: &[u8]) -> Result<Self, BodyError> {
        let body = json::parse(body)?;
        let body = Object::new(&body);
        let (uuid, data) = (body.uuid()?, body.object("event-data")?);
        match body.str("event-type")? {
            "service" => Self::status(uuid, body.hostname()?, data.only_heartbeat()?),
            "alarm" => Self::alarm(uuid, body.hostname()?, data.only_heartbeat()?),
            "action" => Ok(Self::Answer {
                uuid,
                action: data.action()?,
                response: data.read("guest-response", GuestResponse::from_word)?,
                reason: data.str("reason")?.into(),
            }),
            _ => Err(BodyError::BadKey("event-type")),
        }
    }

    fn status(uuid: InstanceId, hostname: Hostname, entry: Object) -> Result<Self, BodyError> {
        Ok(Self::Status {
            uuid,
            hostname,
            reporting: entry.switch("state")?,
            heartbeating: entry.switch("status")?,
            restart_timeout_secs: entry.secs("restart-timeout")?,
        })
    }

    fn alarm(uuid: InstanceId, hostname: Hostname, entry: Object) -> Result<Self, BodyError> {
        Ok(Self::Alarm {
            uuid,
            hostname,
            state: entry.read("state", AlarmState::from_word)?,
            repair_action: entry.read("repair-action", CorrectiveAction::from_word)?,
        })
    }
}

/// What an instance that does not heartbeat announced once does not count any more.
pub(super) fn restart_timeout(heartbeating: Switch, secs: u32) -> String {
    if heartbeating.is_on() { secs.to_string() } else { "0".to_owned() }
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Body<'a, D> {
    uuid: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    hostname: Option<&'a str>,
    event_type: &'static str,
    event_data: D,
}

#[derive(Serialize)]
struct ServicesData<E> {
    services: [E; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct StatusEntry {
    service: &'static str,
    state: Switch,
    status: Switch,
    restart_timeout: String,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct AlarmEntry {
    service: &'static str,
    state: &'static str,
    repair_action: CorrectiveAction,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct ActionData<'a> {
    action: EventType,
    guest_response: &'static str,
    reason: &'a str,
}
