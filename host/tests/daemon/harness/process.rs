//! A process by its descriptor: signals and ends cannot hit another one that got its number.

use std::os::fd::OwnedFd;
use std::path::PathBuf;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use super::limit;

/// A process that was started by a test, or by a process that was.
pub(crate) struct Process {
    pid: Pid,
    descriptor: OwnedFd,
}

/// What the kernel says of a process.
pub(crate) struct Stat {
    pub(crate) session: i32,
    /// 0: none.
    pub(crate) terminal: i32,
    /// Processor time used, in hundredths of a second.
    pub(crate) ticks: u64,
}

impl Process {
    pub(crate) fn new(pid: Pid) -> Self {
        Self { pid, descriptor: pidfd_open(pid, PidfdFlags::empty()).unwrap() }
    }

    pub(crate) fn pid(&self) -> i32 {
        self.pid.as_raw_nonzero().get()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        pidfd_send_signal(&self.descriptor, signal).unwrap();
    }

    /// As [`Self::signal`], of a process that may have ended.
    pub(crate) fn kill(&self) {
        let _ = pidfd_send_signal(&self.descriptor, Signal::KILL);
    }

    pub(crate) fn await_end(&self) {
        let mut ended = [PollFd::new(&self.descriptor, PollFlags::IN)];
        assert_eq!(poll(&mut ended, Some(&limit())).unwrap(), 1, "it does not end");
    }

    /// A file of the process below /proc.
    pub(crate) fn proc(&self, name: &str) -> PathBuf {
        format!("/proc/{}/{name}", self.pid()).into()
    }

    pub(crate) fn name(&self) -> String {
        std::fs::read_to_string(self.proc("comm")).unwrap().trim().to_owned()
    }

    pub(crate) fn descriptors(&self) -> usize {
        std::fs::read_dir(self.proc("fd")).unwrap().count()
    }

    pub(crate) fn stat(&self) -> Stat {
        let text = std::fs::read_to_string(self.proc("stat")).unwrap();
        // The name before the last parenthesis may hold anything.
        let (_, rest) = text.rsplit_once(") ").unwrap();
        let fields: Vec<i64> =
            rest.split_whitespace().skip(1).map(|n| n.parse().unwrap_or(0)).collect();
        let small = |index: usize| i32::try_from(fields[index]).unwrap();
        let ticks = u64::try_from(fields[10] + fields[11]).unwrap();
        Stat { session: small(2), terminal: small(3), ticks }
    }
}
