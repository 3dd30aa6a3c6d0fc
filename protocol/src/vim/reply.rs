//! How the agent answers a command that it accepts.

use serde::Serialize;

use super::error::BodyError;
use super::event::restart_timeout;
use super::json::{self, Object};
use super::{SERVICE, VimCommand};
use crate::InstanceId;
use crate::channel::EventType;
use crate::datagram::{Hostname, Switch};

/// A reply to a [`VimCommand`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CommandReply {
    /// Done; to the creation of a host or an instance, to enable and disable.
    Pass,
    /// Done; to a deletion.
    Deleted,
    /// To a query of a host.
    Host {
        /// Which.
        uuid: InstanceId,
        /// Its name.
        hostname: Hostname,
        /// Whether failures on it are reported.
        state: Switch,
    },
    /// To a query of an instance, and to a change of its reporting.
    Services(Services),
    /// To a vote and a notification.
    Action {
        /// Which instance.
        uuid: InstanceId,
        /// The host it lives on.
        hostname: Hostname,
        /// What it is asked about.
        action: EventType,
        /// Seconds that the VIM waits for the answer; 0 when the instance does not heartbeat and
        /// is therefore not asked.
        timeout_secs: u32,
    },
}

/// What the agent knows of an instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Services {
    /// Which.
    pub uuid: InstanceId,
    /// The host it lives on.
    pub hostname: Hostname,
    /// `state`: whether its failures are reported.
    pub reporting: Switch,
    /// `status`: whether it heartbeats.
    pub heartbeating: Switch,
    /// Seconds from a reboot until it heartbeats again; `"0"` is sent unless it heartbeats.
    pub restart_timeout_secs: u32,
}

impl CommandReply {
    /// The HTTP status.
    pub fn status(&self) -> u16 {
        match self {
            Self::Deleted => 204,
            Self::Pass | Self::Host { .. } | Self::Services(_) | Self::Action { .. } => 200,
        }
    }

    /// The JSON object, its keys in the protocol's order, if the reply has one.
    pub fn body(&self) -> Option<Vec<u8>> {
        match self {
            Self::Pass => Some(json::bytes(&PassBody { status: "pass" })),
            Self::Deleted => None,
            Self::Host { uuid, hostname, state } => Some(json::bytes(&HostBody {
                uuid: uuid.as_str(),
                hostname: hostname.as_str(),
                state: *state,
            })),
            Self::Services(services) => Some(json::bytes(&ServicesBody::from(services))),
            Self::Action { uuid, hostname, action, timeout_secs } => {
                Some(json::bytes(&ActionBody {
                    uuid: uuid.as_str(),
                    hostname: hostname.as_str(),
                    action: *action,
                    timeout: timeout_secs.to_string(),
                }))
            }
        }
    }

    /// Reads the body of a 2xx reply to `command`, as the VIM does.
    pub fn decode(command: &VimCommand, body: &[u8]) -> Result<Self, BodyError> {
        if matches!(command, VimCommand::HostDelete { .. } | VimCommand::InstanceDelete { .. }) {
            return Ok(Self::Deleted);
        }
        let body = json::parse(body)?;
        let body = Object::new(&body);
        match command {
            VimCommand::HostQuery { .. } => Ok(Self::Host {
                uuid: body.uuid()?,
                hostname: body.hostname()?,
                state: body.switch("state")?,
            }),
            VimCommand::InstanceQuery { .. } | VimCommand::InstanceSet { .. } => {
                Services::read(body).map(Self::Services)
            }
            VimCommand::Vote { .. } | VimCommand::Notify { .. } => Ok(Self::Action {
                uuid: body.uuid()?,
                hostname: body.hostname()?,
                action: body.action()?,
                timeout_secs: body.secs("timeout")?,
            }),
            _ => body.read("status", |word| (word == "pass").then_some(Self::Pass)),
        }
    }
}

impl Services {
    fn read(body: Object) -> Result<Self, BodyError> {
        let entry = body.only_heartbeat()?;
        Ok(Self {
            uuid: body.uuid()?,
            hostname: body.hostname()?,
            reporting: entry.switch("state")?,
            heartbeating: entry.switch("status")?,
            restart_timeout_secs: entry.secs("restart-timeout")?,
        })
    }
}

#[derive(Serialize)]
struct PassBody {
    status: &'static str,
}

#[derive(Serialize)]
struct HostBody<'a> {
    uuid: &'a str,
    hostname: &'a str,
    state: Switch,
}

#[derive(Serialize)]
struct ServicesBody<'a> {
    uuid: &'a str,
    hostname: &'a str,
    services: [ServiceEntry; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct ServiceEntry {
    service: &'static str,
    state: Switch,
    restart_timeout: String,
    status: Switch,
}

#[derive(Serialize)]
struct ActionBody<'a> {
    uuid: &'a str,
    hostname: &'a str,
    action: EventType,
    timeout: String,
}

impl<'a> From<&'a Services> for ServicesBody<'a> {
    fn from(services: &'a Services) -> Self {
        let entry = ServiceEntry {
            service: SERVICE,
            state: services.reporting,
            restart_timeout: restart_timeout(services.heartbeating, services.restart_timeout_secs),
            status: services.heartbeating,
        };
        Self {
            uuid: services.uuid.as_str(),
            hostname: services.hostname.as_str(),
            services: [entry],
        }
    }
}
