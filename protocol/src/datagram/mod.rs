//! The host-agent link: UDP datagrams of a 100 byte header and a NUL padded JSON object whose values
//! are all strings (docs/protocol.md, "Host-agent link").
//!
//! [`Command`] goes from agent to server, [`Event`] from server to agent, [`MaintenanceCommand`]
//! from maintenance to the agent. What our own two daemons say to each other besides, in keys that
//! others ignore, is in [`Features`] and [`EventId`].

mod command;
mod event;
mod frame;
mod maintenance;
mod marks;

pub use command::{Command, Switch};
pub use event::{Answer, Event, InstanceInfo};
pub use frame::{BUF_MAX, DATAGRAM_MAX, DatagramError, HEADER_LEN};
pub use maintenance::{Host, MaintenanceCommand, encode_maintenance_ready};
pub use marks::{EventId, Features, MarkedCommand, MarkedEvent};

/// A host name on the link.
pub type Hostname = crate::Text<{ crate::limits::HOSTNAME_MAX }>;
