//! A daemon's process, and what the kernel knows of it.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command};
use std::time::Duration;

use anyhow::{Context, bail};
use rustix::process::{Pid, Signal, kill_process};

use super::span;

const PATIENCE: Duration = Duration::from_mins(1);

/// A running daemon; ended when dropped.
pub(super) struct Process {
    child: Child,
    status_file: PathBuf,
}

impl Process {
    /// Starts it; `status_file` is where it writes when it is asked.
    pub(super) fn start(command: &mut Command, status_file: PathBuf) -> anyhow::Result<Self> {
        let child = command.spawn();
        let program = || format!("cannot start {}", command.get_program().display());
        Ok(Self { child: child.with_context(program)?, status_file })
    }

    /// CPU time of all its threads so far.
    pub(super) fn cpu(&self) -> anyhow::Result<Duration> {
        cpu_of(self.child.id())
    }

    /// Resident memory, in bytes.
    pub(super) fn resident(&self) -> anyhow::Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let kib = (status.lines())
            .find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB")?.parse().ok());
        let kib: u64 = kib.context("the kernel does not tell the resident size")?;
        Ok(kib * 1024)
    }

    /// The counts of its status file, freshly written.
    pub(super) fn counts(&self) -> anyhow::Result<BTreeMap<String, u64>> {
        let _ = fs::remove_file(&self.status_file);
        self.signal(Signal::USR1)?;
        span::wait_for("the status file", PATIENCE, || Ok(self.status_file.exists()))?;
        let text = fs::read_to_string(&self.status_file)?;
        if text.lines().next() != Some("ok") {
            bail!("the status file does not begin with ok");
        }
        let pairs = text.lines().filter_map(|line| line.split_once(' '));
        Ok(pairs.filter_map(|(name, n)| Some((name.to_owned(), n.parse().ok()?))).collect())
    }

    /// Sends it a signal.
    pub(super) fn signal(&self, signal: Signal) -> anyhow::Result<()> {
        Ok(kill_process(Pid::from_child(&self.child), signal)?)
    }

    /// Fails if it has ended.
    pub(super) fn check(&mut self) -> anyhow::Result<()> {
        match self.child.try_wait()? {
            Some(status) => bail!("the daemon ended: {status}"),
            None => Ok(()),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already; then there is nothing to end.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// CPU time of all threads of a process, to the nanosecond.
pub(super) fn cpu_of(pid: u32) -> anyhow::Result<Duration> {
    let mut nanoseconds = 0;
    for task in fs::read_dir(format!("/proc/{pid}/task"))? {
        let schedstat = fs::read_to_string(task?.path().join("schedstat"))?;
        let running = schedstat.split_whitespace().next().and_then(|n| n.parse::<u64>().ok());
        nanoseconds += running.context("the kernel does not tell the CPU time")?;
    }
    Ok(Duration::from_nanos(nanoseconds))
}

/// CPU time of this process with its threads that have ended, to the hundredth of a second.
pub(super) fn own_cpu() -> anyhow::Result<Duration> {
    /// Fields between the name of the program and the time in user mode.
    const SKIPPED: usize = 11;
    let stat = fs::read_to_string("/proc/self/stat")?;
    let fields = stat.rsplit_once(')').context("a process has a name")?.1.split_whitespace();
    let hundredths = fields.skip(SKIPPED).take(2).map(str::parse::<u64>);
    Ok(Duration::from_millis(10 * hundredths.sum::<Result<u64, _>>()?))
}
