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
    /// Resident memory in megabytes of 1024 kilobytes.
    pub(super) fn megabytes(&self) -> f64 {
        let kilobytes = u32::try_from(self.resident_kb).unwrap_or(u32::MAX);
        f64::from(kilobytes) / 1024.0
    }

    /// Of a process that runs; zeros of one that does not.
    pub(super) fn of(pid: Pid) -> Self {
        let dir = format!("/proc/{pid}");
        Self {
            cpu_seconds: cpu(&dir).unwrap_or_default().as_secs_f64(),
            resident_kb: resident(&dir).unwrap_or_default(),
        }
    }
}

/// What the daemons used.
#[derive(Debug, Clone, Default)]
pub(super) struct Usages {
    pub(super) agent: Usage,
    /// Of each host its guestServer.
    pub(super) servers: Vec<Usage>,
}

impl Usages {
    /// Of all guestServers.
    pub(super) fn all_servers(&self) -> Usage {
        self.servers.iter().fold(Usage::default(), |sum, one| Usage {
            cpu_seconds: sum.cpu_seconds + one.cpu_seconds,
            resident_kb: sum.resident_kb + one.resident_kb,
        })
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
