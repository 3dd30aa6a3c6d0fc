//! How many instances there are and in what state, kept up to date: counting ten thousand anew would
//! cost more than their heartbeats.

use std::fmt;

use super::instance::InstanceState;

/// Numbers of instances.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Known ones.
    pub instances: usize,
    /// Those whose channel is connected.
    pub connected: usize,
    /// Those that heartbeat.
    pub heartbeating: usize,
}

impl Tally {
    /// An instance has this state from now on.
    pub(super) fn add(&mut self, state: InstanceState) {
        self.instances += 1;
        self.connected += usize::from(state != InstanceState::Unconnected);
        self.heartbeating += usize::from(state == InstanceState::Heartbeating);
    }

    /// An instance that was added with this state has it no more.
    pub(super) fn remove(&mut self, state: InstanceState) {
        self.instances -= 1;
        self.connected -= usize::from(state != InstanceState::Unconnected);
        self.heartbeating -= usize::from(state == InstanceState::Heartbeating);
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { instances, connected, heartbeating } = self;
        write!(f, "{heartbeating} of {instances} instances heartbeat on {connected} channels")
    }
}
