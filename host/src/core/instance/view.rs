//! What a person or a status file sees of an instance.

use std::time::Duration;

use protocol::InstanceId;
use protocol::channel::Name;

use super::super::cycle::{Cycle, Heartbeat};
use super::Instance;

/// The state of an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InstanceState {
    /// The channel is not connected.
    Unconnected,
    /// It is, and the guest has not sent an init, or was lost.
    AwaitingInit,
    /// The guest sent an init and has not answered healthily yet.
    Starting,
    /// It heartbeats.
    Heartbeating,
}

/// What is known of an instance.
#[derive(Debug, Clone)]
pub struct InstanceView {
    /// Which.
    pub id: InstanceId,
    /// The name that it gave itself.
    pub name: Option<Name>,
    /// Its state.
    pub state: InstanceState,
    /// The interval in force.
    pub interval: Option<Duration>,
    /// Consecutive misses.
    pub misses: u32,
    /// Whether the controller wants its failures.
    pub reporting: bool,
    /// Whether the controller named it.
    pub named: bool,
}

impl InstanceState {
    /// One word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unconnected => "unconnected",
            Self::AwaitingInit => "awaiting-init",
            Self::Starting => "starting",
            Self::Heartbeating => "heartbeating",
        }
    }
}

impl Instance {
    pub(in super::super) fn view(&self) -> InstanceView {
        let cycle = self.cycle();
        InstanceView {
            id: self.id,
            name: self.guest.as_ref().map(|guest| guest.name.clone()),
            state: self.state(),
            interval: cycle.map(|cycle| cycle.interval),
            misses: cycle.map_or(0, |cycle| cycle.misses),
            reporting: self.controller.reporting,
            named: self.controller.named,
        }
    }

    pub(in super::super) fn state(&self) -> InstanceState {
        match self.cycle() {
            Some(cycle) if cycle.heartbeating => InstanceState::Heartbeating,
            Some(_) => InstanceState::Starting,
            None if self.connection.is_up() => InstanceState::AwaitingInit,
            None => InstanceState::Unconnected,
        }
    }

    fn cycle(&self) -> Option<&Cycle> {
        match &self.heartbeat {
            Heartbeat::Cycle(cycle) => Some(cycle),
            Heartbeat::AwaitingInit => None,
        }
    }
}
