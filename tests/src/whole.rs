//! Everything there is: guestAgent, two guestServers with a guest each, and fakes of what is around
//! them.

use std::net::{SocketAddr, UdpSocket};
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use guest_sim::maintenance::{self, FakeMaintenance};
use guest_sim::qemu::{FakeQemus, Plan};
use guest_sim::vim::{self, Consequence, FakeVim, Record, What};
use protocol::InstanceId;
use protocol::datagram::{Host, Switch};
use protocol::vim::{VimEvent, VimRequest};

use crate::{LIMIT, Process, Scratch, binary, guest_server, until};

/// Where the servers of the hosts listen, all on the same port.
const HOST_IPS: [&str; 2] = ["127.0.0.2", "127.0.0.3"];

/// An agent with its VIM and its maintenance, and two hosts of which each has one instance. The VIM
/// wants every failure reported.
pub struct WholeLoop {
    /// The VIM.
    pub vim: FakeVim,
    /// Maintenance.
    pub maintenance: FakeMaintenance,
    /// guestAgent.
    pub agent: Process,
    /// Of each host its channel.
    pub qemus: [FakeQemus; 2],
    _servers: [Process; 2],
    scratch: Scratch,
}

impl WholeLoop {
    /// Starts it all, and waits for nothing but the agent's ports.
    pub fn start() -> Self {
        let scratch = Scratch::new();
        let vim = FakeVim::start(vim_settings()).expect("a free port on 127.0.0.1");
        let hosts = [0, 1].map(host).to_vec();
        let settings = maintenance::Settings { hosts, ..maintenance::Settings::default() };
        let maintenance = FakeMaintenance::start(settings).expect("a free port on 127.0.0.1");
        let server_port = free_port_of_all_hosts();
        let mut command = guest_agent(&scratch);
        command.args(["--vim", &vim.address().to_string()]);
        command.args(["--maintenance", &maintenance.address().to_string()]);
        command.args(["--server-port", &server_port.to_string()]);
        let agent = Process::start(&mut command);
        until("guestAgent's pid file", || scratch.file("guestAgent.pid").exists());
        vim.set_agent(address(&scratch, "the VIM"));
        let events = address(&scratch, "guestServers' events");
        let qemus = [0, 1].map(|index| channel(&scratch, index));
        let servers = [0, 1].map(|index| {
            let hostname = hostname(index);
            let channels = qemus[index].plan().dir.clone();
            let mut command = guest_server(&scratch, &hostname, &channels);
            command.args(["--listen", &format!("{}:{server_port}", HOST_IPS[index])]);
            command.args(["--agent", &events.to_string()]);
            Process::start(&mut command)
        });
        Self { vim, maintenance, agent, qemus, _servers: servers, scratch }
    }

    /// The same, once the VIM knows that both guests heartbeat.
    pub fn heartbeating() -> Self {
        let whole = Self::start();
        for index in [0, 1] {
            whole.until_status(0, index, Switch::Enabled);
        }
        whole
    }

    /// The instance on the first or the second host.
    pub fn instance(&self, index: usize) -> InstanceId {
        self.qemus[index].id(0)
    }

    /// Waits for a status of an instance, among the VIM's records from this number on.
    pub fn until_status(&self, since: u64, index: usize, wanted: Switch) -> Record {
        let id = self.instance(index);
        self.record(since, move |record| {
            matches!(record.event(), Some(VimEvent::Status { uuid, heartbeating, .. })
                if *uuid == id && *heartbeating == wanted)
        })
    }

    /// Waits for an alarm about an instance; what the VIM makes of it.
    pub fn until_alarm(&self, since: u64, index: usize) -> (VimEvent, Consequence) {
        let id = self.instance(index);
        let record = self.record(since, move |record| {
            matches!(record.event(), Some(VimEvent::Alarm { uuid, .. }) if *uuid == id)
        });
        match record.what {
            What::Request { request: VimRequest::Event(event), consequence, .. } => {
                (event, consequence)
            }
            other => unreachable!("not an event: {other:?}"),
        }
    }

    /// Waits for a record of the VIM.
    pub fn record(
        &self,
        since: u64,
        wanted: impl FnMut(&Record) -> bool + Send + 'static,
    ) -> Record {
        let found = self.vim.wait_for(since, LIMIT, wanted).wait();
        found.unwrap_or_else(|error| panic!("{error}; the VIM has {:#?}", self.vim.records(since)))
    }

    /// All events about an instance, also those that the VIM did nothing about.
    pub fn events_about(&self, since: u64, id: InstanceId) -> Vec<VimEvent> {
        let about = |record: Record| match record.what {
            What::Request { request: VimRequest::Event(event), .. } if event.uuid() == id => {
                Some(event)
            }
            _ => None,
        };
        self.vim.records(since).into_iter().filter_map(about).collect()
    }

    /// A file of the test's own folder.
    pub fn file(&self, name: &str) -> PathBuf {
        self.scratch.file(name)
    }
}

/// guestAgent with files in a folder and ports of its own; nothing of this machine changes it.
pub fn guest_agent(scratch: &Scratch) -> Command {
    let config = scratch.file("guestAgent.ini");
    std::fs::write(&config, "").expect("a file can be written in a new folder");
    let mut command = Command::new(binary("guestAgent"));
    // A GUEST_AGENT_DAEMON of the caller would send it to the background, out of reach.
    command.env_clear();
    command.arg("--config").arg(config);
    for (flag, file) in [
        ("--mtc-conf", "no-mtc.conf"),
        ("--vim-config", "no-vim.ini"),
        ("--pid-file", "guestAgent.pid"),
        ("--status-file", "guestAgent.info"),
        ("--log-file", "guestAgent.log"),
    ] {
        command.arg(flag).arg(scratch.file(file));
    }
    for flag in ["--listen-vim", "--listen", "--maintenance-listen"] {
        command.args([flag, "127.0.0.1:0"]);
    }
    command.args(["--log-format", "text", "--log-level", "info"]);
    command
}

/// Where guestAgent says that it listens for somebody.
fn address(scratch: &Scratch, whom: &str) -> SocketAddr {
    let log = std::fs::read_to_string(scratch.file("guestAgent.log")).expect("a log file");
    let wanted = format!("listening for {whom} address=");
    let rest = log.split_once(&wanted).unwrap_or_else(|| panic!("no {wanted:?} in:\n{log}")).1;
    let word = rest.split_whitespace().next().expect("an address");
    word.parse().expect("an address and a port")
}

fn hostname(index: usize) -> String {
    format!("compute-{index}")
}

fn host(index: usize) -> Host {
    Host {
        hostname: hostname(index).as_str().into(),
        uuid: host_uuid(index),
        ip: HOST_IPS[index].parse().expect("an address"),
        personality: "worker".into(),
    }
}

/// Those of instances begin at 0.
fn host_uuid(index: usize) -> InstanceId {
    InstanceId::numbered(1000 + index as u64)
}

fn vim_settings() -> vim::Settings {
    let mut settings = vim::Settings { grace: LIMIT, ..vim::Settings::default() };
    for index in [0, 1] {
        let hostname = hostname(index);
        settings.view.put_host(host_uuid(index), hostname.as_str().into(), Switch::Enabled);
        let instance = InstanceId::numbered(index as u64);
        settings.view.put_instance(instance, hostname.as_str().into(), Switch::Enabled);
    }
    settings
}

fn channel(scratch: &Scratch, index: usize) -> FakeQemus {
    let mut plan = Plan::new(scratch.folder(&format!("channels-{index}")), 1);
    plan.first = index as u64;
    plan.guest.interval = Duration::from_millis(400);
    plan.guest.init_retry = Duration::from_millis(400);
    FakeQemus::start(plan).expect("channels")
}

/// A UDP port that is free on the addresses of all hosts.
fn free_port_of_all_hosts() -> u16 {
    let free = || {
        let first = UdpSocket::bind((HOST_IPS[0], 0)).expect("127.0.0.0/8 is there");
        let port = first.local_addr().expect("a bound socket has an address").port();
        UdpSocket::bind((HOST_IPS[1], port)).is_ok().then_some(port)
    };
    std::iter::repeat_with(free).flatten().next().expect("it goes on until there is one")
}
