//! What a program registers with.

use std::path::Path;
use std::time::Duration;

use protocol::application::Init;
use protocol::channel::CorrectiveAction;

use super::registration::{Registration, Session};
use super::{Application, Error};

/// What a program registers with. By default it is asked every second how it is, has ten seconds for
/// everything, and its silence is logged.
#[derive(Debug, Clone)]
pub struct Builder {
    init: Init,
}

impl Builder {
    pub(super) fn new(name: &str) -> Self {
        let init = Init {
            application_name: name.into(),
            heartbeat_interval_ms: 1000,
            vote_secs: 10,
            shutdown_notice_secs: 10,
            suspend_notice_secs: 10,
            resume_notice_secs: 10,
            corrective_action: CorrectiveAction::Log,
        };
        Self { init }
    }

    /// Time between two challenges, at least 400 ms. After two of them without an answer the program
    /// is reported with its corrective action.
    pub fn interval(mut self, interval: Duration) -> Self {
        self.init.heartbeat_interval_ms = interval.as_millis().try_into().unwrap_or(u32::MAX);
        self
    }

    /// Time for a vote, in whole seconds.
    pub fn vote_time(mut self, time: Duration) -> Self {
        self.init.vote_secs = whole_secs(time);
        self
    }

    /// Time to prepare for a stop or reboot, in whole seconds.
    pub fn shutdown_notice(mut self, time: Duration) -> Self {
        self.init.shutdown_notice_secs = whole_secs(time);
        self
    }

    /// Time to prepare for a suspend, pause, resize or migration, in whole seconds.
    pub fn suspend_notice(mut self, time: Duration) -> Self {
        self.init.suspend_notice_secs = whole_secs(time);
        self
    }

    /// Time after one of these, in whole seconds.
    pub fn resume_notice(mut self, time: Duration) -> Self {
        self.init.resume_notice_secs = whole_secs(time);
        self
    }

    /// What is to be done when the program is silent.
    pub fn corrective_action(mut self, action: CorrectiveAction) -> Self {
        self.init.corrective_action = action;
        self
    }

    /// Registers with the client of this socket. Once it is registered it stays so: when the client
    /// restarts it registers again. Needs a tokio runtime with I/O and time.
    pub async fn connect(self, path: impl AsRef<Path>) -> Result<Application, Error> {
        let session = Session::open(path.as_ref(), &self.init).await?;
        Ok(Registration::spawn(path.as_ref(), self.init, Some(session)))
    }

    /// As [`Self::connect`], for a client that need not be there yet: it registers as soon as it can.
    /// Must be called in a tokio runtime with I/O and time.
    pub fn start(self, path: impl AsRef<Path>) -> Application {
        Registration::spawn(path.as_ref(), self.init, None)
    }
}

/// The protocol has whole seconds; of a part of one nothing is lost.
fn whole_secs(time: Duration) -> u32 {
    let secs = time.as_secs().saturating_add((time.subsec_nanos() > 0).into());
    secs.try_into().unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_rounded_up_to_whole_seconds_and_never_wrap() {
        let secs = [0, 1, 999, 1000, 1001].map(|ms| whole_secs(Duration::from_millis(ms)));
        assert_eq!(secs, [0, 1, 1, 1, 2]);
        assert_eq!(whole_secs(Duration::MAX), u32::MAX);
    }
}
