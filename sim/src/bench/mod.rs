//! `guest-sim bench`: the real daemons as whole processes, measured from outside.
//!
//! guestAgent's measurements are in `controller`. Each of guestServer's starts a daemon of its own
//! on a temporary directory, fake channels in this process, and a fake agent; all end with the
//! measurement. CPU time is the kernel's count for the daemon's threads, memory its resident set.

mod agent;
mod controller;
mod daemon;
mod floor;
mod process;
mod report;
mod rows;
mod span;

use std::path::PathBuf;
use std::time::Duration;

pub use controller::{AgentOptions, run_agent};
pub use floor::{Part, run_part};
pub use report::{Report, Row};

/// How long to measure guestServer.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where the guestServer binary is.
    pub guest_server: PathBuf,
    /// Where this program is: it runs the floor's two ends as processes.
    pub guest_sim: PathBuf,
    /// Span of the measurements without guests and with 100.
    pub span: Duration,
    /// Span of the measurement with many.
    pub long_span: Duration,
    /// How many are many.
    pub many: usize,
    /// Show progress on standard error.
    pub progress: bool,
}

/// Runs all measurements of guestServer, one after the other.
pub fn run(options: &Options) -> anyhow::Result<Report> {
    let mut report = Report::default();
    rows::idle(options, &mut report)?;
    rows::hundred(options, &mut report)?;
    rows::loss(options, &mut report)?;
    rows::thousand_at_once(options, &mut report)?;
    rows::stopped_daemon(options, &mut report)?;
    rows::many(options, &mut report)?;
    Ok(report)
}
