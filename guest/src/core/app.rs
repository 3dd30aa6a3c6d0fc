//! One registered application: its heartbeat and its health.

use std::time::{Duration, Instant};

use protocol::Random;
use protocol::application::{ChallengeResponse, Init};
use protocol::channel::{CorrectiveAction, EventType, Health, Notice, NotificationType};
use protocol::limits::INT_MAX;

use super::config::{INTERVAL_MIN, TIME_MAX};
use super::health::HealthReport;
use super::pace::{EXCUSES_MAX, Pace, TICK};

/// Challenges of which an answer is taken.
const RECENT: usize = 4;

/// An application.
#[derive(Debug)]
pub(super) struct App {
    init: Init,
    interval: Duration,
    recent: [Option<u32>; RECENT],
    beat: Beat,
    excuses: u8,
    report: HealthReport,
}

#[derive(Debug)]
enum Beat {
    /// The last challenge was answered.
    Idle { next: Instant },
    /// One is not.
    Awaiting {
        /// When it was sent, or our own lateness excused.
        since: Instant,
        /// When our own loop is looked at.
        tick: Instant,
    },
}

/// What became of an application's deadline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Due {
    /// Nothing.
    Nothing,
    /// It is challenged.
    Challenge(u32),
    /// It has not answered for two intervals, and is challenged once more.
    Silent(u32),
}

impl App {
    /// A healthy one; `None` if its interval is too short.
    pub(super) fn new(now: Instant, init: Init) -> Option<Self> {
        let interval = Duration::from_millis(init.heartbeat_interval_ms.into()).min(TIME_MAX);
        (interval >= INTERVAL_MIN).then(|| Self {
            init,
            interval,
            recent: [None; RECENT],
            beat: Beat::Idle { next: now + interval },
            excuses: 0,
            report: HealthReport::healthy(),
        })
    }

    pub(super) fn name(&self) -> &str {
        self.init.application_name.as_str()
    }

    pub(super) fn report(&self) -> &HealthReport {
        &self.report
    }

    pub(super) fn corrective_action(&self) -> CorrectiveAction {
        self.init.corrective_action
    }

    /// Time after which it is taken to be silent.
    pub(super) fn patience(&self) -> Duration {
        2 * self.interval
    }

    /// Time that it has to answer about an event.
    pub(super) fn time_for(&self, event: EventType, kind: NotificationType) -> Duration {
        let secs = match event.notice(kind) {
            Notice::Vote => self.init.vote_secs,
            Notice::Shutdown => self.init.shutdown_notice_secs,
            Notice::Suspend => self.init.suspend_notice_secs,
            Notice::Resume => self.init.resume_notice_secs,
        };
        Duration::from_secs(secs.into()).min(TIME_MAX)
    }

    pub(super) fn next_deadline(&self) -> Instant {
        match self.beat {
            Beat::Idle { next } => next,
            Beat::Awaiting { since, tick } => tick.min(since + self.patience()),
        }
    }

    pub(super) fn handle_deadline(
        &mut self,
        now: Instant,
        pace: &Pace,
        random: &mut Random,
    ) -> Due {
        match &mut self.beat {
            Beat::Idle { next } if *next <= now => Due::Challenge(self.challenge(now, random)),
            Beat::Idle { .. } => Due::Nothing,
            Beat::Awaiting { since, tick } => {
                if *tick <= now {
                    *tick = now + TICK;
                }
                if *since + 2 * self.interval > now {
                    return Due::Nothing;
                }
                if pace.had_gap_since(*since) && self.excuses < EXCUSES_MAX {
                    self.excuses += 1;
                    *since = now;
                    return Due::Nothing;
                }
                self.falls_silent();
                Due::Silent(self.challenge(now, random))
            }
        }
    }

    /// Our own loop is looked at in the second interval only: a gap in the first one leaves the
    /// application another.
    fn challenge(&mut self, now: Instant, random: &mut Random) -> u32 {
        let value = random() & INT_MAX;
        self.recent.rotate_right(1);
        self.recent[0] = Some(value);
        self.beat = Beat::Awaiting { since: now, tick: now + self.interval };
        value
    }

    fn falls_silent(&mut self) {
        let millis = self.patience().as_millis();
        let log_msg = format!("Application {} heartbeat timeout {millis} ms.", self.name());
        self.report = HealthReport::unhealthy(self.init.corrective_action, &log_msg);
    }

    /// Takes an answer; whether it is one to a recent challenge.
    pub(super) fn answered(&mut self, now: Instant, answer: &ChallengeResponse) -> bool {
        if !self.recent.contains(&Some(answer.heartbeat_response)) {
            return false;
        }
        if let Beat::Awaiting { since, .. } = self.beat {
            self.beat = Beat::Idle { next: (since + self.interval).max(now) };
        }
        self.excuses = 0;
        self.report = match answer.health {
            Health::Healthy => HealthReport::healthy(),
            Health::Unhealthy if answer.log_msg.is_empty() => {
                let log_msg = format!("Application {} says unhealthy", self.name());
                HealthReport::unhealthy(answer.corrective_action, &log_msg)
            }
            Health::Unhealthy => {
                HealthReport::unhealthy(answer.corrective_action, answer.log_msg.as_str())
            }
        };
        true
    }
}
