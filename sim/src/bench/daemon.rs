//! A guestServer process on a directory of its own.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::process::Signal;

use super::agent::Agent;
use super::process::Process;
use super::span;

const PATIENCE: Duration = Duration::from_mins(1);

/// A running daemon; ended when dropped.
pub(super) struct Daemon {
    process: Process,
    /// Where it looks for channels.
    pub(super) channel_dir: PathBuf,
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
        let mut command = Command::new(guest_server);
        command
            .args(["--config", "/dev/null", "--listen", "127.0.0.1:0", "--hostname", "bench"])
            .args(["--log-level", "error", "--agent", &agent.address()?.to_string()])
            .arg("--channel-dir")
            .arg(&channel_dir)
            .arg("--status-file")
            .arg(&status_file)
            .arg("--pid-file")
            .arg(dir.path().join("pid"))
            .stdin(Stdio::null());
        let process = Process::start(&mut command, status_file)?;
        let daemon = Self { process, channel_dir, agent, _dir: dir };
        span::wait_for("guestServer to say ready", PATIENCE, || {
            Ok(daemon.agent.server().is_some())
        })?;
        Ok(daemon)
    }

    /// CPU time of all its threads so far.
    pub(super) fn cpu(&self) -> anyhow::Result<Duration> {
        self.process.cpu()
    }

    /// Resident memory, in bytes.
    pub(super) fn resident(&self) -> anyhow::Result<u64> {
        self.process.resident()
    }

    /// The counts of its status file, freshly written.
    pub(super) fn counts(&self) -> anyhow::Result<BTreeMap<String, u64>> {
        self.process.counts()
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
        self.process.signal(signal)
    }
}
