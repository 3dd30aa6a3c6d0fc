//! Child processes that end with their parent, however it ends.
//!
//! The kernel can send a signal to a process whose parent died, but the process has to ask for it.
//! So this program starts itself again first ([`become_program`]), asks, and turns into the program
//! that was wanted; the request survives that.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{
    Pid, PidfdFlags, Signal, getpid, getppid, kill_process, pidfd_open,
    set_parent_process_death_signal,
};

use crate::clock;

/// What the command line of this program has before its own pid and the program to become.
pub const FLAGS: [&str; 2] = ["demo", "--bound-to"];
/// Settings of the programs that the caller's environment may hold.
const ENVIRONMENT: &str = "GUEST_";
/// How long a process that is told to end may take for it.
const GRACE: Duration = Duration::from_secs(1);

/// A process that is killed and waited for when this is dropped.
#[derive(Debug)]
pub(super) struct Bound {
    child: std::process::Child,
    pid: Pid,
}

impl Bound {
    /// Starts a program in a process group of its own, so that Ctrl-C in a terminal does not reach
    /// it. Its messages go to the end of `log`.
    pub(super) fn start(
        program: &Path,
        args: impl IntoIterator<Item = impl AsRef<OsStr>>,
        log: &Path,
    ) -> io::Result<Self> {
        let log = File::options().create(true).append(true).open(log)?;
        let mut command = Command::new(std::env::current_exe()?);
        command.args(FLAGS).arg(getpid().to_string()).arg("--").arg(program).args(args);
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with(ENVIRONMENT) {
                command.env_remove(name);
            }
        }
        let child = command
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .process_group(0)
            .spawn()?;
        let pid = Pid::from_child(&child);
        Ok(Self { child, pid })
    }

    pub(super) fn pid(&self) -> Pid {
        self.pid
    }

    /// Sends a signal. That the process has just ended shows elsewhere.
    pub(super) fn signal(&self, signal: Signal) {
        // It is not waited for before it is known to have ended, so the pid is still its own.
        let _ = kill_process(self.pid, signal);
    }

    /// Waits for its end for a while. If that is not possible it has no time to end.
    fn await_end(&self, limit: Duration) {
        let Ok(ending) = pidfd_open(self.pid, PidfdFlags::empty()) else { return };
        let Ok(limit) = Timespec::try_from(limit) else { return };
        let _ = poll(&mut [PollFd::new(&ending, PollFlags::IN)], Some(&limit));
    }

    /// How it ended, if it has.
    pub(super) fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }
}

impl Drop for Bound {
    fn drop(&mut self) {
        // Errors: it has ended and was waited for already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Tells all of them to end, so that each ends what it started, and waits a second for it.
pub(super) fn end_well(processes: &[Bound]) {
    for process in processes {
        process.signal(Signal::TERM);
        // One that is frozen must be able to.
        process.signal(Signal::CONT);
    }
    let start = clock::now();
    for process in processes {
        let rest = GRACE.saturating_sub(clock::now().saturating_duration_since(start));
        process.await_end(rest);
    }
}

/// The arguments that give each flag its value.
pub(super) fn flags<V: Into<OsString>>(
    values: impl IntoIterator<Item = (&'static str, V)>,
) -> impl Iterator<Item = OsString> {
    values.into_iter().flat_map(|(flag, value)| [flag.into(), value.into()])
}

/// Turns this process into `program`, to be killed when the process `parent` dies. Returns only if
/// that fails.
pub fn become_program(parent: i32, program: &[OsString]) -> io::Error {
    if let Err(error) = set_parent_process_death_signal(Some(Signal::KILL)) {
        return error.into();
    }
    if getppid() != Pid::from_raw(parent) {
        return io::Error::other("the demo has ended already");
    }
    match program {
        [program, args @ ..] => Command::new(program).args(args).exec(),
        [] => io::Error::other("no program is given"),
    }
}
