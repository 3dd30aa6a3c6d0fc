//! What is worth a line in the log.

use std::net::IpAddr;
use std::time::Duration;

use protocol::channel::{CorrectiveAction, EventType, LogMsg, NotificationType};
use protocol::datagram::{DatagramError, Hostname};
use protocol::vim::{AlarmState, GuestResponse};

/// Something that a person may want to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Note {
    /// A host became known.
    HostAdded(Hostname, IpAddr),
    /// A host is gone.
    HostDeleted(Hostname),
    /// The VIM switched reporting of a host.
    HostReporting(Hostname, bool),
    /// A server said that it has started.
    ServerReady(Hostname),
    /// The VIM's view of a host was read.
    Synced(Hostname, usize),
    /// An instance became known.
    Added(Hostname),
    /// An instance is gone.
    Deleted,
    /// An instance lives on another host now.
    Moved(Hostname),
    /// The VIM switched its reporting.
    Reporting(bool),
    /// It heartbeats, or does not any more.
    Heartbeating(bool),
    /// A failure goes to the VIM.
    Alarm(AlarmState, CorrectiveAction),
    /// A failure does not go to the VIM: reporting is off.
    NotReported(AlarmState),
    /// A vote or a notification went to its host.
    Asked(EventType, NotificationType),
    /// The answer goes to the VIM.
    Answered(EventType, GuestResponse, LogMsg),
    /// A host did not answer an audit.
    AuditMissed(Hostname, u32),
    /// The audit deleted an instance on a host that should not have it.
    DeletedStranger(Hostname),
    /// A server may not survive more instances.
    HeldFromPeer(Hostname),
    /// A datagram was dropped.
    BadDatagram(IpAddr, DatagramError),
    /// A datagram came from an address that nobody knows.
    Stranger(IpAddr),
    /// The VIM takes nothing.
    VimAway {
        /// When it is tried again.
        retry_in: Duration,
        /// Events that wait.
        waiting: usize,
    },
    /// The VIM takes events again.
    VimBack {
        /// Events that wait.
        waiting: usize,
    },
    /// The VIM answered with an error until the event was given up.
    VimRefused(u16),
    /// The VIM's reply made no sense.
    VimGarbage,
    /// Too many events wait for the VIM; one was dropped.
    Dropped,
}

impl Note {
    /// Whether it tells of something that should not be.
    pub fn is_warning(&self) -> bool {
        matches!(
            self,
            Self::Alarm(..)
                | Self::NotReported(_)
                | Self::AuditMissed(..)
                | Self::DeletedStranger(_)
                | Self::HeldFromPeer(_)
                | Self::BadDatagram(..)
                | Self::Stranger(_)
                | Self::VimAway { .. }
                | Self::VimRefused(_)
                | Self::VimGarbage
                | Self::Dropped
        )
    }
}

impl std::fmt::Display for Note {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::HostAdded(host, ip) => write!(f, "host {host} at {ip}"),
            Self::HostDeleted(host) => write!(f, "host {host} is gone"),
            Self::HostReporting(host, on) => write!(f, "host {host}: reporting {}", word(*on)),
            Self::ServerReady(host) => write!(f, "guestServer on {host} has started"),
            Self::Synced(host, count) => write!(f, "host {host}: the VIM lists {count} instances"),
            Self::Added(host) => write!(f, "added on {host}"),
            Self::Deleted => f.write_str("deleted"),
            Self::Moved(host) => write!(f, "moved to {host}"),
            Self::Reporting(on) => write!(f, "reporting {}", word(*on)),
            Self::Heartbeating(on) => write!(f, "heartbeating {}", word(*on)),
            Self::Alarm(state, action) => write!(f, "{}, asks for {action}", state.as_str()),
            Self::NotReported(state) => {
                write!(f, "{}, not passed on: reporting is disabled", state.as_str())
            }
            Self::Asked(event, kind) => write!(f, "asked about {event} ({kind})"),
            Self::Answered(event, response, reason) => {
                write!(f, "answer about {event}: {} {reason:?}", response.as_str())
            }
            Self::AuditMissed(host, rounds) => {
                write!(
                    f,
                    "host {host} did not answer {rounds} audits; is guestServer running there?"
                )
            }
            Self::DeletedStranger(host) => write!(f, "does not belong to {host}: deleted there"),
            Self::HeldFromPeer(host) => {
                write!(f, "not told to {host}: its server does not survive more instances")
            }
            Self::BadDatagram(from, error) => write!(f, "dropped a datagram from {from}: {error}"),
            Self::Stranger(from) => write!(f, "dropped a datagram from {from}: no known host"),
            Self::VimAway { retry_in, waiting } => write!(
                f,
                "the VIM takes nothing; next attempt in {:.1} s, {waiting} events wait",
                retry_in.as_secs_f64()
            ),
            Self::VimBack { waiting } => write!(f, "the VIM is back, {waiting} events wait"),
            Self::VimRefused(status) => write!(f, "the VIM answered {status}; event given up"),
            Self::VimGarbage => f.write_str("the VIM's reply made no sense; asking again"),
            Self::Dropped => f.write_str("too many events wait for the VIM; one was dropped"),
        }
    }
}

fn word(on: bool) -> &'static str {
    if on { "enabled" } else { "disabled" }
}
