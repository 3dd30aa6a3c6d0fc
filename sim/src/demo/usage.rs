//! What a process used, from `/proc`.

use std::time::Duration;

use rustix::process::Pid;
use serde::Serialize;

/// Processor time and memory of a process.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Usage {
    /// Processor time of all its threads, in seconds.
    pub cpu_seconds: f64,
    /// Resident memory, in kilobytes of 1024.
    pub resident_kb: u64,
}

impl Usage {
    /// Of a process that runs; zeros of one that does not.
    pub(super) fn of(pid: Pid) -> Self {
        let dir = format!("/proc/{pid}");
        Self {
            cpu_seconds: cpu(&dir).unwrap_or_default().as_secs_f64(),
            resident_kb: resident(&dir).unwrap_or_default(),
        }
    }
}

/// The scheduler's count in nanoseconds, of all threads that live.
fn cpu(dir: &str) -> Option<Duration> {
    let mut sum = Duration::ZERO;
    for thread in std::fs::read_dir(format!("{dir}/task")).ok()? {
        let schedstat = std::fs::read_to_string(thread.ok()?.path().join("schedstat")).ok()?;
        sum += Duration::from_nanos(schedstat.split(' ').next()?.parse().ok()?);
    }
    Some(sum)
}

fn resident(dir: &str) -> Option<u64> {
    let status = std::fs::read_to_string(format!("{dir}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().trim_end_matches("kB").trim().parse().ok()
}
