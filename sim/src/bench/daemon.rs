//! A guestServer process on a directory of its own, and what the kernel knows of it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, bail};
use rustix::process::{Pid, Signal, kill_process};

use super::agent::Agent;
use super::span;

const PATIENCE: Duration = Duration::from_mins(1);

/// A running daemon; ended when dropped.
pub(super) struct Daemon {
    child: Child,
    /// Where it looks for channels.
    pub(super) channel_dir: PathBuf,
    status_file: PathBuf,
    /// Whom it tells.
    pub(super) agent: Agent,
    _dir: tempfile::TempDir,
}

impl Daemon {
    /// Starts it; returns when it has said ready to its fake agent.
    pub(super) fn start(guest_server: &Path) -> anyhow::Result<Self> {
        let dir = tempfile::Builder::new().prefix("gh-bench").tempdir()?;
        let channel_dir = dir.path().join("qemu");
        fs::create_dir(&channel_dir)?;
        let status_file = dir.path().join("status");
        let agent = Agent::start()?;
        let child = Command::new(guest_server)
            .args(["--config", "/dev/null", "--listen", "127.0.0.1:0", "--hostname", "bench"])
            .args(["--log-level", "error", "--agent", &agent.address()?.to_string()])
            .arg("--channel-dir")
            .arg(&channel_dir)
            .arg("--status-file")
            .arg(&status_file)
            .arg("--pid-file")
            .arg(dir.path().join("pid"))
            .stdin(Stdio::null())
            .spawn()
            .with_context(|| format!("cannot start {}", guest_server.display()))?;
        let daemon = Self { child, channel_dir, status_file, agent, _dir: dir };
        span::wait_for("guestServer to say ready", PATIENCE, || {
            Ok(daemon.agent.server().is_some())
        })?;
        Ok(daemon)
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

    /// Waits until so many instances heartbeat.
    pub(super) fn wait_heartbeating(&self, count: usize) -> anyhow::Result<()> {
        span::wait_for("every guest to heartbeat", PATIENCE, || {
            Ok(self.counts()?.get("heartbeating") == Some(&(count as u64)))
        })?;
        Ok(())
    }

    /// Sends it a signal.
    pub(super) fn signal(&self, signal: Signal) -> anyhow::Result<()> {
        Ok(kill_process(Pid::from_child(&self.child), signal)?)
    }
}

impl Drop for Daemon {
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
