//! What the agent sends to the VIM's event server, and what that answers.

use serde::Serialize;
use serde_json::Value;

use super::error::BodyError;
use super::json::{self, Object};
use super::{SERVICE, VimEvent};
use crate::InstanceId;
use crate::datagram::{Hostname, Switch};

const HOSTS: &str = "/nfvi-plugins/v1/hosts/";
const INSTANCES: &str = "/nfvi-plugins/v1/instances/";
const OF_HOST: &str = "?host_uuid=";

/// A request of the agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VimRequest {
    /// "Is this host's reporting enabled?" Answered by a [`HostStateReply`].
    HostState {
        /// Which.
        uuid: InstanceId,
        /// Its name.
        hostname: Hostname,
    },
    /// "Which instances live on this host?" Answered by an [`InstanceListReply`].
    InstanceList {
        /// Which host.
        host_uuid: InstanceId,
    },
    /// Something has happened. Answered by nothing: that is success.
    Event(VimEvent),
}

impl VimRequest {
    /// The HTTP method.
    pub fn method(&self) -> &'static str {
        match self {
            Self::HostState { .. } | Self::InstanceList { .. } => "GET",
            Self::Event(_) => "PATCH",
        }
    }

    /// The path with its query string.
    pub fn path(&self) -> String {
        match self {
            Self::HostState { uuid, .. } => format!("{HOSTS}{uuid}"),
            Self::InstanceList { host_uuid } => format!("{INSTANCES}{OF_HOST}{host_uuid}"),
            Self::Event(event) => format!("{INSTANCES}{}", event.uuid()),
        }
    }

    /// The body, if it has one: the query of a host must.
    pub fn body(&self) -> Option<Vec<u8>> {
        match self {
            Self::HostState { uuid, hostname } => Some(json::bytes(&HostStateBody {
                hostname: hostname.as_str(),
                uuid: uuid.as_str(),
            })),
            Self::InstanceList { .. } => None,
            Self::Event(event) => Some(event.body()),
        }
    }

    /// Reads a request, as the VIM does.
    pub fn decode(method: &str, path: &str, body: &[u8]) -> Result<Self, BodyError> {
        if let ("GET", Some(uuid)) = (method, path.strip_prefix(HOSTS)) {
            let body = json::parse(body)?;
            let body = Object::new(&body);
            return Ok(Self::HostState {
                uuid: same(body.uuid()?, uuid)?,
                hostname: body.hostname()?,
            });
        }
        let rest = path.strip_prefix(INSTANCES).ok_or(BodyError::UnknownRequest)?;
        match (method, rest.strip_prefix(OF_HOST)) {
            ("GET", Some(uuid)) => {
                let uuid = InstanceId::new(uuid).map_err(|_| BodyError::BadKey("host_uuid"))?;
                Ok(Self::InstanceList { host_uuid: uuid })
            }
            ("PATCH", None) => {
                let event = VimEvent::decode(body)?;
                same(event.uuid(), rest)?;
                Ok(Self::Event(event))
            }
            _ => Err(BodyError::UnknownRequest),
        }
    }
}

/// The uuid of a body, if it is the one of the path.
fn same(uuid: InstanceId, in_path: &str) -> Result<InstanceId, BodyError> {
    if uuid.as_str() == in_path { Ok(uuid) } else { Err(BodyError::BadKey("uuid")) }
}

/// The VIM's answer to [`VimRequest::HostState`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostStateReply {
    /// Which host.
    pub uuid: InstanceId,
    /// Its name.
    pub hostname: Hostname,
    /// Whether failures on it are reported.
    pub state: Switch,
}

impl HostStateReply {
    /// Reads the body of the reply. No byte at all is `None`: the VIM does not know the host yet.
    pub fn decode(body: &[u8]) -> Result<Option<Self>, BodyError> {
        if body.is_empty() {
            return Ok(None);
        }
        let body = json::parse(body)?;
        let body = Object::new(&body);
        let (uuid, hostname) = (body.uuid()?, body.hostname()?);
        Ok(Some(Self { uuid, hostname, state: body.switch("state")? }))
    }

    /// The JSON object, as the VIM writes it.
    pub fn encode(&self) -> Vec<u8> {
        json::bytes(&HostStateReplyBody {
            uuid: self.uuid.as_str(),
            hostname: self.hostname.as_str(),
            state: self.state,
        })
    }
}

/// The VIM's answer to [`VimRequest::InstanceList`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct InstanceListReply {
    /// The instances whose heartbeat the agent minds.
    pub instances: Vec<ListedInstance>,
    /// How many others could not be understood: a bad uuid, no host name, an unknown state.
    pub skipped: usize,
}

/// One instance of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedInstance {
    /// Which.
    pub uuid: InstanceId,
    /// The host it lives on.
    pub hostname: Hostname,
    /// Whether its failures are reported.
    pub reporting: Switch,
}

impl InstanceListReply {
    /// Reads the body of the reply. No byte at all is `None`: the VIM does not know the host yet.
    /// An instance without the heartbeat service is left out and not counted.
    pub fn decode(body: &[u8]) -> Result<Option<Self>, BodyError> {
        if body.is_empty() {
            return Ok(None);
        }
        let body = json::parse(body)?;
        let mut reply = Self::default();
        for instance in Object::new(&body).array("instances")? {
            match ListedInstance::read(instance) {
                Ok(Some(instance)) => reply.instances.push(instance),
                Ok(None) => {}
                Err(_) => reply.skipped += 1,
            }
        }
        Ok(Some(reply))
    }

    /// The JSON object, as the VIM writes it; of what was skipped nothing is left.
    pub fn encode(&self) -> Vec<u8> {
        let instances = self.instances.iter().map(ListedInstanceBody::from).collect();
        json::bytes(&InstanceListBody { instances })
    }
}

impl ListedInstance {
    fn read(instance: &Value) -> Result<Option<Self>, BodyError> {
        let instance = Object::of(instance).ok_or(BodyError::NotAnObject)?;
        let (uuid, hostname) = (instance.uuid()?, instance.hostname()?);
        let Some(heartbeat) = instance.heartbeat()? else { return Ok(None) };
        Ok(Some(Self { uuid, hostname, reporting: heartbeat.switch("state")? }))
    }
}

#[derive(Serialize)]
struct HostStateBody<'a> {
    hostname: &'a str,
    uuid: &'a str,
}

#[derive(Serialize)]
struct HostStateReplyBody<'a> {
    uuid: &'a str,
    hostname: &'a str,
    state: Switch,
}

#[derive(Serialize)]
struct InstanceListBody<'a> {
    instances: Vec<ListedInstanceBody<'a>>,
}

#[derive(Serialize)]
struct ListedInstanceBody<'a> {
    uuid: &'a str,
    hostname: &'a str,
    services: [ServiceState; 1],
}

#[derive(Serialize)]
struct ServiceState {
    service: &'static str,
    state: Switch,
}

impl<'a> From<&'a ListedInstance> for ListedInstanceBody<'a> {
    fn from(instance: &'a ListedInstance) -> Self {
        Self {
            uuid: instance.uuid.as_str(),
            hostname: instance.hostname.as_str(),
            services: [ServiceState { service: SERVICE, state: instance.reporting }],
        }
    }
}
