//! A guestAgent process between a fake VIM and a fleet of hosts.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::Context;
use protocol::datagram::Switch;

use super::fleet::Fleet;
use crate::bench::process::Process;
use crate::bench::span;
use crate::vim::{FakeVim, Settings};

/// Until it listens.
const START: Duration = Duration::from_mins(1);
/// Until the VIM has been told of a hundred thousand instances, one request each.
const SYNC: Duration = Duration::from_mins(5);

/// A running agent and its world; all ended when dropped.
pub(super) struct Controller {
    pub(super) agent: Process,
    /// Where it takes the VIM's commands.
    pub(super) address: SocketAddr,
    pub(super) vim: FakeVim,
    pub(super) fleet: Fleet,
    _dir: tempfile::TempDir,
}

impl Controller {
    /// Starts it; returns when the VIM knows that every instance heartbeats.
    pub(super) fn start(
        guest_agent: &Path,
        hosts: usize,
        instances: usize,
    ) -> anyhow::Result<Self> {
        let fleet = Fleet::start(hosts, instances)?;
        let vim = FakeVim::start(settings(&fleet)).context("cannot start the fake VIM")?;
        let dir = tempfile::Builder::new().prefix("gh-bench").tempdir()?;
        fs::write(dir.path().join("hosts.toml"), inventory(&fleet))?;
        let mut command = command(guest_agent, dir.path());
        command.args(["--vim", &vim.address().to_string()]);
        command.args(["--server-port", &fleet.port()?.to_string()]);
        let mut agent = Process::start(&mut command, dir.path().join("status"))?;
        let pid_file = dir.path().join("pid");
        span::wait_for("guestAgent to listen", START, || {
            agent.check()?;
            Ok(pid_file.exists())
        })?;
        let address = listens_at(&fs::read_to_string(dir.path().join("log"))?)?;
        let mut controller = Self { agent, address, vim, fleet, _dir: dir };
        controller.wait_synced((hosts * instances) as u64)?;
        Ok(controller)
    }

    fn wait_synced(&mut self, instances: u64) -> anyhow::Result<()> {
        let Self { agent, vim, .. } = self;
        span::wait_for("the VIM to hear of every instance", SYNC, || {
            agent.check()?;
            Ok(vim.counts().statuses >= instances)
        })?;
        Ok(())
    }
}

/// With nothing of this machine's own settings.
fn command(guest_agent: &Path, dir: &Path) -> Command {
    let mut command = Command::new(guest_agent);
    command.env_clear().stdin(Stdio::null());
    command.args(["--config", "/dev/null", "--mtc-conf", "/dev/null"]);
    command.args(["--vim-config", "/dev/null", "--log-format", "text", "--log-level", "info"]);
    for flag in ["--listen-vim", "--listen", "--maintenance-listen"] {
        command.args([flag, "127.0.0.1:0"]);
    }
    for (flag, file) in [
        ("--hosts", "hosts.toml"),
        ("--pid-file", "pid"),
        ("--status-file", "status"),
        ("--log-file", "log"),
    ] {
        command.arg(flag).arg(dir.join(file));
    }
    command
}

/// It says so in its log.
fn listens_at(log: &str) -> anyhow::Result<SocketAddr> {
    let rest = log.split_once("listening for the VIM address=").map(|(_, rest)| rest);
    let word = rest.and_then(|rest| rest.split_whitespace().next());
    let word = word.context("guestAgent did not say where it listens for the VIM")?;
    word.parse().context("guestAgent listens at what is no address")
}

/// Everything is to be reported.
fn settings(fleet: &Fleet) -> Settings {
    let mut settings = Settings { corrects: false, ..Settings::default() };
    for host in fleet.hosts() {
        settings.view.put_host(host.uuid, host.hostname, Switch::Enabled);
    }
    for (uuid, hostname) in fleet.instances() {
        settings.view.put_instance(uuid, hostname, Switch::Enabled);
    }
    settings
}

/// The file of hosts.
fn inventory(fleet: &Fleet) -> String {
    let entry = |host: protocol::datagram::Host| {
        let (name, uuid, ip) = (host.hostname, host.uuid, host.ip);
        format!("[[host]]\nhostname = \"{name}\"\nuuid = \"{uuid}\"\nip = \"{ip}\"\n")
    };
    fleet.hosts().map(entry).collect()
}
