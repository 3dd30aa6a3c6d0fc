//! The agent: where it is, and telling it that this server has started.
//! (docs/protocol.md, "Host-agent link", ready.)

use std::net::IpAddr;
use std::time::{Duration, Instant};

use super::Destination;

/// What is known of the agent.
#[derive(Debug)]
pub(super) struct Link {
    agent: Option<IpAddr>,
    ready_at: Option<Instant>,
    ready_wait: Duration,
}

const FIRST_WAIT: Duration = Duration::from_secs(5);
const LONGEST_WAIT: Duration = Duration::from_mins(1);

impl Link {
    pub(super) fn new(now: Instant) -> Self {
        Self { agent: None, ready_at: Some(now), ready_wait: FIRST_WAIT }
    }

    /// A command came; whether from another agent than the last.
    pub(super) fn heard(&mut self, from: IpAddr) -> bool {
        self.ready_at = None;
        self.agent.replace(from) != Some(from)
    }

    pub(super) fn destination(&self) -> Destination {
        self.agent.map_or(Destination::ConfiguredAgent, Destination::Agent)
    }

    /// When to say ready next.
    pub(super) fn ready_at(&self) -> Option<Instant> {
        self.ready_at
    }

    /// Whether ready is due now; the next time is after 5, 10, 20, ... 60 s.
    pub(super) fn ready_due(&mut self, now: Instant) -> bool {
        if self.ready_at.is_none_or(|at| at > now) {
            return false;
        }
        self.ready_at = Some(now + self.ready_wait);
        self.ready_wait = (self.ready_wait * 2).min(LONGEST_WAIT);
        true
    }
}
