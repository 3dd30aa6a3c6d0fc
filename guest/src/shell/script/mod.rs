//! Running the administrator's scripts: each in a process group of its own, its first line of output
//! kept, its complaints logged, and no process of it left unreaped.
//!
//! The exit of the script itself counts. What it left running in the background may keep its
//! outputs open: they are closed, and nobody waits.

mod lines;
mod run;

use std::collections::VecDeque;
use std::io;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use protocol::channel::LogMsg;

use super::allowance::Allowance;
use super::poller::Poller;
use crate::core::ScriptEnd;
use run::Run;

/// Runs at once, those included that were killed and cannot end, as when they hang in a file system
/// that is gone.
const RUNS_MAX: usize = 16;
/// Bytes of one read.
const READ: usize = 4096;

/// The scripts that run. `Id` tells a run from every other.
#[derive(Debug)]
pub(crate) struct Scripts<Id> {
    runs: Vec<Run<Id>>,
    ends: VecDeque<(Id, ScriptEnd)>,
    /// For the next run.
    number: u64,
    chatter: Vec<(&'static str, Allowance)>,
}

impl<Id: Copy + Eq> Scripts<Id> {
    pub(crate) fn new() -> Self {
        Self { runs: Vec::new(), ends: VecDeque::new(), number: 0, chatter: Vec::new() }
    }

    /// Whether any process is awaited.
    pub(crate) fn any(&self) -> bool {
        !self.runs.is_empty()
    }

    /// Starts a run; `what` it is, for the log. [`Self::next_end`] tells its end, also if it could
    /// not be started.
    pub(crate) fn start(
        &mut self,
        id: Id,
        what: &'static str,
        command: &mut Command,
        poller: &Poller,
    ) {
        if self.runs.len() == RUNS_MAX {
            let why = format!("{RUNS_MAX} earlier runs do not end");
            return self.ends.push_back((id, ScriptEnd::NotRun(why)));
        }
        self.number += 1;
        match Run::start(id, what, self.number, command, poller) {
            Ok(run) => self.runs.push(run),
            Err(error) => {
                let why = not_run(Path::new(command.get_program()), &error);
                self.ends.push_back((id, ScriptEnd::NotRun(why)));
            }
        }
    }

    /// Kills a run with its process group; nothing more is heard of it.
    pub(crate) fn kill(&mut self, now: Instant, id: Id) {
        self.ends.retain(|(ended, _)| *ended != id);
        if let Some(run) = self.runs.iter_mut().find(|run| run.is(id)) {
            run.kill(&mut logger(&mut self.chatter, now));
        }
    }

    /// Kills all of them: the client ends.
    pub(crate) fn kill_all(&mut self, now: Instant) {
        let mut log = logger(&mut self.chatter, now);
        for run in self.runs.iter_mut().filter(|run| !run.is_killed()) {
            run.kill(&mut log);
        }
    }

    /// Takes what the poller says of an output.
    pub(crate) fn reported(&mut self, number: u64) {
        for run in &mut self.runs {
            run.reported(number);
        }
    }

    /// Reads what the scripts wrote, within bounds.
    pub(crate) fn read(&mut self, now: Instant) {
        let mut log = logger(&mut self.chatter, now);
        for run in &mut self.runs {
            run.read(&mut log);
        }
    }

    /// Takes those that have ended.
    pub(crate) fn reap(&mut self, now: Instant) {
        let mut log = logger(&mut self.chatter, now);
        let ends = &mut self.ends;
        self.runs.retain_mut(|run| run.runs(ends, &mut log));
    }

    /// The next run that ended, and how.
    pub(crate) fn next_end(&mut self) -> Option<(Id, ScriptEnd)> {
        self.ends.pop_front()
    }

    /// Whether there is something to do without a report.
    pub(crate) fn unfinished(&self) -> bool {
        !self.ends.is_empty() || self.runs.iter().any(Run::unfinished)
    }
}

/// Logs a line of a script's standard error.
fn logger(
    chatter: &mut Vec<(&'static str, Allowance)>,
    now: Instant,
) -> impl FnMut(&'static str, &[u8]) {
    move |what, line| {
        let text = LogMsg::new(&String::from_utf8_lossy(line));
        if text.is_empty() {
            return;
        }
        let known = chatter.iter().position(|(known, _)| *known == what);
        let at = known.unwrap_or_else(|| {
            chatter.push((what, Allowance::default()));
            chatter.len() - 1
        });
        if let Some(held_back) = chatter[at].1.admit(now) {
            tracing::warn!(held_back, "{what} says: {text:?}");
        }
    }
}

/// What an administrator has to mend.
fn not_run(program: &Path, error: &io::Error) -> String {
    let shown = program.display();
    match error.kind() {
        io::ErrorKind::NotFound if program.exists() => {
            format!("{shown}: the interpreter that its first line names does not exist")
        }
        io::ErrorKind::NotFound => format!("{shown}: no such file"),
        io::ErrorKind::PermissionDenied => format!("{shown}: not executable"),
        _ if error.raw_os_error() == Some(rustix::io::Errno::NOEXEC.raw_os_error()) => {
            format!("{shown}: neither a program nor a script that begins with #!")
        }
        _ => format!("{shown}: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "any instant will do to count from")]
    fn all_that_run_can_be_killed_and_are_not_heard_of() {
        let poller = Poller::new().unwrap();
        let mut scripts = Scripts::new();
        let now = Instant::now();
        for id in 0..3 {
            scripts.start(id, "script", Command::new("sleep").arg("600"), &poller);
        }
        scripts.kill(now, 1);
        scripts.kill_all(now);
        while scripts.any() {
            scripts.reap(now);
            std::thread::yield_now();
        }
        assert_eq!(scripts.next_end(), None);
        let mut reports = Vec::new();
        poller.wait(Some(Duration::ZERO), &mut reports).unwrap();
        assert_eq!(reports, [], "their outputs are closed");
    }
}
