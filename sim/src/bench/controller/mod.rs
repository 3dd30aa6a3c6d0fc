//! `guest-sim bench --agent`: the real guestAgent as a whole process, measured from outside.
//!
//! Each measurement starts an agent of its own on a temporary directory, a fake VIM, and a
//! [`fleet`](self::fleet) of hosts in this process, on addresses of the loopback interface; all end
//! with the measurement.

mod daemon;
mod fleet;
mod load;
mod rows;

use std::path::PathBuf;
use std::time::Duration;

use super::Report;

/// How large and how long.
#[derive(Debug, Clone)]
pub struct AgentOptions {
    /// Where the guestAgent binary is.
    pub guest_agent: PathBuf,
    /// Hosts of the large measurement.
    pub hosts: usize,
    /// Instances on each of them.
    pub instances: usize,
    /// Rounds of the audit that are measured.
    pub rounds: u32,
    /// How long the VIM asks 500 times a second.
    pub load_span: Duration,
    /// How many instances are lost, one after the other.
    pub losses: usize,
    /// How long the idle agent is watched.
    pub idle_span: Duration,
    /// Show progress on standard error.
    pub progress: bool,
}

/// Runs all measurements of guestAgent, one after the other.
pub fn run_agent(options: &AgentOptions) -> anyhow::Result<Report> {
    let mut report = Report::default();
    rows::idle(options, &mut report)?;
    rows::large(options, &mut report)?;
    Ok(report)
}
