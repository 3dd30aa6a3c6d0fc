//! What the VIM tells the agent.

use serde::Serialize;

use super::SERVICE;
use super::error::{BodyError, RestError};
use super::json::{self, Object};
use super::route::Route;
use crate::InstanceId;
use crate::channel::EventType;
use crate::datagram::{Hostname, Switch};

/// A command of the VIM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VimCommand {
    /// The VIM has this host. Hosts come from maintenance: this adds none.
    HostCreate {
        /// Which.
        uuid: InstanceId,
        /// Its name; may be empty.
        hostname: Hostname,
    },
    /// Failures on this host are reported.
    HostEnable {
        /// Which.
        uuid: InstanceId,
        /// Its name.
        hostname: Hostname,
    },
    /// Failures on this host are not reported.
    HostDisable {
        /// Which.
        uuid: InstanceId,
        /// Its name.
        hostname: Hostname,
    },
    /// "Is this host's reporting enabled?"
    HostQuery {
        /// Which.
        uuid: InstanceId,
    },
    /// The VIM has this host no longer.
    HostDelete {
        /// Which; `None` for a name that can be no host's. That succeeds as well.
        uuid: Option<InstanceId>,
    },
    /// An instance lives on this host.
    InstanceCreate {
        /// Which.
        uuid: InstanceId,
        /// The host it lives on.
        hostname: Hostname,
    },
    /// Whether an instance's failures are reported, and where it lives.
    InstanceSet {
        /// Which.
        uuid: InstanceId,
        /// The host it lives on.
        hostname: Hostname,
        /// On or off.
        reporting: Switch,
    },
    /// "How is this instance?"
    InstanceQuery {
        /// Which.
        uuid: InstanceId,
    },
    /// An instance is no more.
    InstanceDelete {
        /// Which.
        uuid: InstanceId,
    },
    /// Ask the guest whether an action may happen.
    Vote {
        /// Which instance.
        uuid: InstanceId,
        /// The host it lives on.
        hostname: Hostname,
        /// What is planned; never [`EventType::Unknown`].
        action: EventType,
    },
    /// Tell the guest that an action happens.
    Notify {
        /// Which instance.
        uuid: InstanceId,
        /// The host it lives on.
        hostname: Hostname,
        /// What happens; never [`EventType::Unknown`].
        action: EventType,
    },
}

impl VimCommand {
    /// Reads a request: its method, its path with or without a query string, and its whole body.
    pub fn decode(method: &str, path: &str, body: &[u8]) -> Result<Self, RestError> {
        let route = Route::parse(path).ok_or(RestError::NOT_FOUND)?;
        if !route.methods().contains(&method) {
            return Err(RestError::METHOD_NOT_ALLOWED);
        }
        match route {
            Route::Host(uuid) | Route::HostEnable(uuid) | Route::HostDisable(uuid) => {
                Self::of_host(method, route, InstanceId::new(uuid).ok(), body)
            }
            Route::Instance(uuid) | Route::Vote(uuid) | Route::Notify(uuid) => {
                let uuid = InstanceId::new(uuid).map_err(|_| RestError::INVALID_DATA)?;
                Self::of_instance(method, route, uuid, body)
            }
        }
    }

    /// A name that is no uuid is that of a host which does not exist.
    fn of_host(
        method: &str,
        route: Route,
        uuid: Option<InstanceId>,
        body: &[u8],
    ) -> Result<Self, RestError> {
        if method == "DELETE" {
            return Ok(Self::HostDelete { uuid });
        }
        let uuid = uuid.ok_or(RestError::NOT_FOUND)?;
        if method == "GET" {
            return Ok(Self::HostQuery { uuid });
        }
        let body = object(body)?;
        let body = Object::new(&body);
        match route {
            Route::HostEnable(_) => Ok(Self::HostEnable { uuid, hostname: named(body, uuid)? }),
            Route::HostDisable(_) => Ok(Self::HostDisable { uuid, hostname: named(body, uuid)? }),
            _ => Ok(Self::HostCreate { uuid, hostname: perhaps_named(body, uuid)? }),
        }
    }

    fn of_instance(
        method: &str,
        route: Route,
        uuid: InstanceId,
        body: &[u8],
    ) -> Result<Self, RestError> {
        match method {
            "GET" => return Ok(Self::InstanceQuery { uuid }),
            "DELETE" => return Ok(Self::InstanceDelete { uuid }),
            _ => {}
        }
        let body = object(body)?;
        let body = Object::new(&body);
        let hostname = named(body, uuid)?;
        match (route, method) {
            (Route::Vote(_), _) => Ok(Self::Vote { uuid, hostname, action: body.action()? }),
            (Route::Notify(_), _) => Ok(Self::Notify { uuid, hostname, action: body.action()? }),
            (_, "PATCH") => {
                let reporting = body.only_heartbeat()?.switch("state")?;
                Ok(Self::InstanceSet { uuid, hostname, reporting })
            }
            _ => match body.array("services")? {
                [service] if service.as_str() == Some(SERVICE) => {
                    Ok(Self::InstanceCreate { uuid, hostname })
                }
                _ => Err(RestError::INVALID_DATA),
            },
        }
    }

    /// The method with which the VIM sends it.
    pub fn method(&self) -> &'static str {
        match self {
            Self::HostQuery { .. } | Self::InstanceQuery { .. } => "GET",
            Self::HostEnable { .. } | Self::HostDisable { .. } => "PUT",
            Self::HostDelete { .. } | Self::InstanceDelete { .. } => "DELETE",
            Self::InstanceSet { .. } => "PATCH",
            Self::HostCreate { .. }
            | Self::InstanceCreate { .. }
            | Self::Vote { .. }
            | Self::Notify { .. } => "POST",
        }
    }

    /// The path to which the VIM sends it: its query of a host goes to `/disable`.
    pub fn path(&self) -> String {
        match self {
            Self::HostCreate { uuid, .. } | Self::HostDelete { uuid: Some(uuid) } => {
                format!("/v1/hosts/{uuid}")
            }
            Self::HostDelete { uuid: None } => "/v1/hosts/none".to_owned(),
            Self::HostEnable { uuid, .. } => format!("/v1/hosts/{uuid}/enable"),
            Self::HostDisable { uuid, .. } | Self::HostQuery { uuid } => {
                format!("/v1/hosts/{uuid}/disable")
            }
            Self::InstanceCreate { uuid, .. }
            | Self::InstanceSet { uuid, .. }
            | Self::InstanceQuery { uuid }
            | Self::InstanceDelete { uuid } => format!("/v1/instances/{uuid}"),
            Self::Vote { uuid, .. } => format!("/v1/instances/{uuid}/vote"),
            Self::Notify { uuid, .. } => format!("/v1/instances/{uuid}/notify"),
        }
    }

    /// The body that the VIM sends with it: a query of a host has one too.
    pub fn body(&self) -> Option<Vec<u8>> {
        let body = match self {
            Self::HostDelete { .. } | Self::InstanceQuery { .. } | Self::InstanceDelete { .. } => {
                return None;
            }
            Self::HostQuery { uuid } => Body::new(uuid, ""),
            Self::HostCreate { uuid, hostname }
            | Self::HostEnable { uuid, hostname }
            | Self::HostDisable { uuid, hostname } => Body::new(uuid, hostname.as_str()),
            Self::InstanceCreate { uuid, hostname } => Body {
                services: Some(ServicesBody::Names([SERVICE])),
                ..Body::new(uuid, hostname.as_str())
            },
            Self::InstanceSet { uuid, hostname, reporting } => Body {
                services: Some(ServicesBody::States([ServiceState {
                    service: SERVICE,
                    state: *reporting,
                }])),
                ..Body::new(uuid, hostname.as_str())
            },
            Self::Vote { uuid, hostname, action } | Self::Notify { uuid, hostname, action } => {
                Body { action: Some(*action), ..Body::new(uuid, hostname.as_str()) }
            }
        };
        Some(json::bytes(&body))
    }
}

#[derive(Serialize)]
struct Body<'a> {
    uuid: &'a str,
    hostname: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    services: Option<ServicesBody>,
    #[serde(skip_serializing_if = "Option::is_none")]
    action: Option<EventType>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum ServicesBody {
    Names([&'static str; 1]),
    States([ServiceState; 1]),
}

#[derive(Serialize)]
struct ServiceState {
    service: &'static str,
    state: Switch,
}

impl<'a> Body<'a> {
    fn new(uuid: &'a InstanceId, hostname: &'a str) -> Self {
        Self { uuid: uuid.as_str(), hostname, services: None, action: None }
    }
}

/// The body where one is needed.
fn object(body: &[u8]) -> Result<serde_json::Map<String, serde_json::Value>, RestError> {
    if body.is_empty() {
        return Err(RestError::LENGTH_REQUIRED);
    }
    Ok(json::parse(body)?)
}

/// The host name of a body that must speak of the same uuid as the path.
fn named(body: Object, uuid: InstanceId) -> Result<Hostname, BodyError> {
    if body.uuid()? != uuid {
        return Err(BodyError::BadKey("uuid"));
    }
    body.hostname()
}

/// The creation of a host needs neither key; what is there must be right.
fn perhaps_named(body: Object, uuid: InstanceId) -> Result<Hostname, BodyError> {
    if body.has("uuid") && body.uuid()? != uuid {
        return Err(BodyError::BadKey("uuid"));
    }
    if body.has("hostname") { body.hostname() } else { Ok(Hostname::default()) }
}
