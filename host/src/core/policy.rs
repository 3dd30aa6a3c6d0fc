//! The numbers that decide, in one place.

use std::time::Duration;

use protocol::datagram::Hostname;

/// What an operator may choose.
#[derive(Debug, Clone)]
pub struct Policy {
    /// This host's name in events.
    pub hostname: Hostname,
    /// Least interval between challenges (`hbs_pulse_period`): 10 ms to 1 h.
    pub pulse_period: Duration,
    /// Consecutive misses that are forgiven (`hbs_failure_threshold`); one more ends the cycle.
    pub failure_threshold: u32,
    /// Failures are reported from this long after the start on (`start_delay`).
    pub start_delay: Duration,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            hostname: Hostname::new("localhost"),
            pulse_period: Duration::from_millis(400),
            failure_threshold: 1,
            start_delay: Duration::from_secs(1),
        }
    }
}

/// Longest interval and longest timeout that a guest may announce.
pub(super) const ANNOUNCED_MAX: Duration = Duration::from_hours(1);
/// A deadline that is handled later than this tells of a stalled host: misses are not judged.
pub(super) const LATE: Duration = Duration::from_millis(200);
/// Silent judgements in a row that a stalled host may put off; the next one counts, so that a host
/// which is always late still finds its dead guests.
pub(super) const PUT_OFF_MAX: u32 = 10;
/// A connection without a heartbeat is given up after this.
pub(super) const INIT_WAIT: Duration = Duration::from_mins(2);
/// How long a guest may be silent after a notification that lets it be.
pub(super) const ABSENCE: Duration = Duration::from_mins(1);
/// The net under inotify.
pub(super) const RESCAN: Duration = Duration::from_mins(3);
/// A scan that a command asks for waits this long for the next command.
pub(super) const RESCAN_SOON: Duration = Duration::from_millis(50);
/// Instances that are known at once; more are dropped and counted.
pub(super) const INSTANCES_MAX: usize = 20_000;
/// Bytes of one guest that are looked at within [`READ_WINDOW`]; the rest waits in its channel.
pub(super) const READ_BUDGET: usize = 64 * 1024;
/// See [`READ_BUDGET`].
pub(super) const READ_WINDOW: Duration = Duration::from_millis(100);
/// Instances that a query is answered for at once.
pub(super) const QUERY_SLICE: usize = 256;
/// Until it is answered for the next ones.
pub(super) const QUERY_PAUSE: Duration = Duration::from_millis(2);
