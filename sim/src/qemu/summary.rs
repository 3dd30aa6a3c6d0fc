//! What the fakes saw, in numbers.

use std::time::Instant;

use serde::Serialize;

use crate::guest::Written;
use crate::histogram::{Histogram, Stats};

/// Counted as it happens.
pub(super) struct Tally {
    /// Gaps before this are not recorded.
    pub(super) settled: Instant,
    pub(super) connected: usize,
    pub(super) connects: u64,
    pub(super) host_hang_ups: u64,
    pub(super) writes_dropped: u64,
    pub(super) gaps: Histogram,
    pub(super) latency: Histogram,
}

impl Tally {
    pub(super) fn new(settled: Instant) -> Self {
        Self {
            settled,
            connected: 0,
            connects: 0,
            host_hang_ups: 0,
            writes_dropped: 0,
            gaps: Histogram::default(),
            latency: Histogram::default(),
        }
    }

    pub(super) fn wrote(&mut self, now: Instant, written: Written) {
        match written {
            Written::Answer { gap: Some(gap) } if now >= self.settled => self.gaps.record(gap),
            _ => {}
        }
    }
}

/// What happened on all channels so far. Guests behind device sockets are other processes: of them
/// only the connections are known.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Summary {
    /// Channels.
    pub channels: usize,
    /// Channels that are connected to a host now.
    pub connected: usize,
    /// Connections that were served.
    pub connects: u64,
    /// Connections that the host ended.
    pub host_hang_ups: u64,
    /// From the creation of a socket's file to the first connection on it.
    pub connect_latency: Stats,
    /// Guests that are enabled now.
    pub enabled: usize,
    /// Inits sent; in an undisturbed run one for each guest.
    pub inits: u64,
    /// Challenges answered, wrongly or rightly.
    pub challenges_answered: u64,
    /// Votes and notifications answered.
    pub action_responses: u64,
    /// Challenges that mute guests did not answer.
    pub muted: u64,
    /// Writes that were not of the protocol.
    pub noise: u64,
    /// Writes that the channel did not take.
    pub writes_dropped: u64,
    /// Between challenges of the same guest in its steady state: without the first gap after an
    /// init, which is the host's choice of phase.
    pub challenge_gaps: Stats,
}
