//! What the guest's administrator sets.

use std::time::Duration;

use protocol::channel::{CorrectiveAction, Init, Name};
use protocol::limits::INT_MAX;

/// Shortest heartbeat interval.
pub const INTERVAL_MIN: Duration = Duration::from_millis(400);
/// Longest interval, retry, timeout or notice.
pub const TIME_MAX: Duration = Duration::from_hours(1);

/// Shortest time between two inits: even a careless setting must not flood the host.
const INIT_RETRY_MIN: Duration = Duration::from_millis(400);
/// What an announced time has on top of the configured one, for the way to the handler and back.
pub(super) const PROPAGATION: Duration = Duration::from_secs(1);

/// Settings of the client. The default is that of `guest_heartbeat.conf`; the times are taken
/// within [`INTERVAL_MIN`] and [`TIME_MAX`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The guest's name, for people.
    pub name: Name,
    /// Time between challenges, 400 ms to 1 h.
    pub interval: Duration,
    /// Time between inits, 400 ms to 1 h.
    pub init_retry: Duration,
    /// Least time without a challenge before the client announces itself anew.
    pub min_timeout: Duration,
    /// How long a vote may take, in whole seconds.
    pub vote: Duration,
    /// How long to prepare for a stop or reboot, in whole seconds.
    pub shutdown_notice: Duration,
    /// How long to prepare for a pause, suspend, resize or migration, in whole seconds.
    pub suspend_notice: Duration,
    /// How long to settle after these, in whole seconds.
    pub resume_notice: Duration,
    /// From a reboot until the guest heartbeats again, in whole seconds.
    pub restart: Duration,
    /// What the host does when this guest is lost.
    pub corrective_action: CorrectiveAction,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            name: Name::default(),
            interval: Duration::from_secs(1),
            init_retry: Duration::from_secs(5),
            min_timeout: Duration::from_secs(5),
            vote: Duration::from_secs(10),
            shutdown_notice: Duration::from_secs(10),
            suspend_notice: Duration::from_secs(10),
            resume_notice: Duration::from_secs(10),
            restart: Duration::from_mins(2),
            corrective_action: CorrectiveAction::Reboot,
        }
    }
}

impl Config {
    /// The same settings with every time within its bounds.
    pub(super) fn bounded(mut self) -> Self {
        self.interval = self.interval.clamp(INTERVAL_MIN, TIME_MAX);
        self.init_retry = self.init_retry.clamp(INIT_RETRY_MIN, TIME_MAX);
        for time in [
            &mut self.min_timeout,
            &mut self.vote,
            &mut self.shutdown_notice,
            &mut self.suspend_notice,
            &mut self.resume_notice,
            &mut self.restart,
        ] {
            *time = (*time).min(TIME_MAX);
        }
        self
    }

    /// Time without a challenge after which the host is taken to have forgotten this guest.
    pub(super) fn silence(&self) -> Duration {
        self.min_timeout.max(2 * self.interval)
    }

    pub(super) fn init(&self, invocation_id: u32) -> Init {
        Init {
            invocation_id,
            name: self.name.clone(),
            heartbeat_interval_ms: self.interval.as_millis().try_into().unwrap_or(INT_MAX),
            vote_secs: announced(self.vote),
            shutdown_notice_secs: announced(self.shutdown_notice),
            suspend_notice_secs: announced(self.suspend_notice),
            resume_notice_secs: announced(self.resume_notice),
            restart_secs: announced(self.restart),
            corrective_action: self.corrective_action,
        }
    }
}

fn announced(time: Duration) -> u32 {
    (time + PROPAGATION).as_secs().try_into().unwrap_or(INT_MAX)
}
