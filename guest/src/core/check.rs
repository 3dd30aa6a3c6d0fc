//! The health script: when it runs, and what its end means.

use std::time::{Duration, Instant};

use protocol::channel::{CorrectiveAction, LogMsg};

use super::health::HealthReport;
use super::pace::{EXCUSES_MAX, Pace, TICK};

/// How a script ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ScriptEnd {
    /// It exited.
    Exited {
        /// Its exit status.
        status: u8,
        /// The first line of its output.
        line: String,
    },
    /// It died of a signal.
    Killed {
        /// The signal's number.
        signal: i32,
    },
    /// It could not be run, for this reason.
    NotRun(String),
}

impl ScriptEnd {
    /// What it said, if anything of that can be shown.
    pub(crate) fn said(&self) -> Option<LogMsg> {
        let Self::Exited { line, .. } = self else { return None };
        Some(LogMsg::new(line)).filter(|said| !said.is_empty())
    }

    /// How it ended, if not by saying yes or no.
    pub(super) fn trouble(&self, what: &str) -> String {
        match self {
            Self::Exited { status, .. } => match self.said() {
                None => format!("{what} exited with status {status}"),
                Some(said) => format!("{what} exited with status {status}: {said}"),
            },
            Self::Killed { signal } => format!("{what} died of signal {signal}"),
            Self::NotRun(why) => format!("{what} cannot be run: {why}"),
        }
    }
}

const SCRIPT: &str = "health script";

/// The health script's schedule while the channel is enabled.
#[derive(Debug)]
pub(super) struct Check {
    /// Between two runs.
    interval: Duration,
    /// What is to be done when it says that the guest is unhealthy.
    action: CorrectiveAction,
    /// When the next run begins.
    due: Instant,
    running: Option<Running>,
    excuses: u8,
    report: HealthReport,
}

#[derive(Debug)]
struct Running {
    since: Instant,
    /// When our own loop is looked at.
    tick: Instant,
}

/// What a [`Check`] wants done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    /// Nothing.
    Nothing,
    /// The first or the next run.
    Run,
    /// The present run is to be killed, and the next one to begin.
    KillAndRun,
}

impl Check {
    /// Healthy until the first run, which is at once.
    pub(super) fn new(now: Instant, interval: Duration, action: CorrectiveAction) -> Self {
        let report = HealthReport::healthy();
        Self { interval, action, due: now, running: None, excuses: 0, report }
    }

    /// What it says of the guest's health.
    pub(super) fn report(&self) -> &HealthReport {
        &self.report
    }

    /// Other settings, from the next run on.
    pub(super) fn change(&mut self, now: Instant, interval: Duration, action: CorrectiveAction) {
        (self.interval, self.action) = (interval, action);
        self.due = self.due.min(now + interval);
    }

    pub(super) fn next_deadline(&self) -> Instant {
        self.running.as_ref().map_or(self.due, |running| self.due.min(running.tick))
    }

    pub(super) fn handle_deadline(&mut self, now: Instant, pace: &Pace) -> Wanted {
        if let Some(running) = &mut self.running
            && running.tick <= now
        {
            running.tick = now + TICK;
        }
        if self.due > now {
            return Wanted::Nothing;
        }
        let running = self.running.replace(Running::begins(now, self.interval));
        // However late this run begins, it has its whole time.
        self.due = now + self.interval;
        if let Some(running) = running {
            if pace.had_gap_since(running.since) && self.excuses < EXCUSES_MAX {
                self.excuses += 1;
                return Wanted::Nothing;
            }
            let log_msg = format!("{SCRIPT} did not end within {} s", self.interval.as_secs());
            self.report = HealthReport::unhealthy(self.action, &log_msg);
            return Wanted::KillAndRun;
        }
        Wanted::Run
    }

    /// The present run has ended.
    pub(super) fn ended(&mut self, end: &ScriptEnd) {
        self.running = None;
        self.excuses = 0;
        self.report = match end {
            ScriptEnd::Exited { status: 0, .. } => HealthReport::healthy(),
            ScriptEnd::Exited { status: 1, .. } => match end.said() {
                None => HealthReport::unhealthy(self.action, &format!("{SCRIPT} says unhealthy")),
                Some(said) => HealthReport::unhealthy(self.action, said.as_str()),
            },
            other => HealthReport::unhealthy(CorrectiveAction::Log, &other.trouble(SCRIPT)),
        };
    }
}

impl Running {
    /// Our own loop is looked at in the second half of the time: a gap before it leaves the script
    /// time enough.
    fn begins(now: Instant, interval: Duration) -> Self {
        Self { since: now, tick: now + interval / 2 }
    }
}
