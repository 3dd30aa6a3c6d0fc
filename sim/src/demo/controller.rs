//! The controller's side: a fake VIM and fake maintenance in this process, and the real guestAgent.

use std::ffi::OsString;
use std::net::{SocketAddr, UdpSocket};
use std::path::Path;

use protocol::InstanceId;
use protocol::channel::EventType;
use protocol::datagram::{Host, Switch};

use super::Error;
use super::bound::{Bound, flags};
use super::place::Place;
use super::roles::{self, HOST_IPS, HOSTS};
use crate::maintenance::{self, FakeMaintenance};
use crate::vim::{self, FakeVim};

/// Its name, also that of its files.
pub(super) const AGENT: &str = "guestAgent";
/// Hosts' uuids begin here, behind those of instances.
const HOST_NUMBERS: u64 = 1_000_000;

/// guestAgent between VIM and maintenance.
pub(super) struct Controller {
    pub(super) agent: Bound,
    vim: FakeVim,
    maintenance: FakeMaintenance,
    server_port: u16,
    /// guestServers' port on each host, kept from others until they take it.
    reserved: Vec<UdpSocket>,
}

impl Controller {
    /// The VIM wants every failure of these instances reported. `instances`: of each its uuid and
    /// its host.
    pub(super) fn start(
        program: &Path,
        place: &Place,
        instances: impl IntoIterator<Item = (InstanceId, usize)>,
    ) -> Result<Self, Error> {
        let open = Error::io("open a port on 127.0.0.1");
        let vim = FakeVim::start(vim_settings(instances)).map_err(open)?;
        let hosts = (0..HOSTS).map(host).collect();
        let settings = maintenance::Settings { hosts, ..maintenance::Settings::default() };
        let open = Error::io("open a port on 127.0.0.1");
        let maintenance = FakeMaintenance::start(settings).map_err(open)?;
        let open = Error::io("open a UDP port on 127.0.0.2 and 127.0.0.3");
        let (server_port, reserved) = port_of_all_hosts().map_err(open)?;
        let peers = [
            ("--vim", vim.address().to_string()),
            ("--maintenance", maintenance.address().to_string()),
            ("--server-port", server_port.to_string()),
        ];
        let agent = Bound::start(program, arguments(place, peers), &place.log(AGENT))
            .map_err(Error::io("start guestAgent"))?;
        Ok(Self { agent, vim, maintenance, server_port, reserved })
    }

    /// guestAgent listens: the VIM learns where. Gives where guestServers send to, and the port
    /// that they listen on, which is free from now on.
    pub(super) fn connect(&mut self, place: &Place) -> Result<(SocketAddr, u16), Error> {
        let log = std::fs::read_to_string(place.log(AGENT)).map_err(Error::io("read a log"))?;
        let listens = |whom| address(&log, whom).ok_or_else(|| Error::Silent(log.clone()));
        self.vim.set_agent(listens("the VIM")?);
        self.reserved.clear();
        Ok((listens("guestServers' events")?, self.server_port))
    }

    /// Whether guestAgent has asked for the inventory.
    pub(super) fn maintenance_was_asked(&self) -> bool {
        self.maintenance.counts().ready > 0
    }

    /// What the VIM hears and does.
    pub(super) fn records(&self) -> vim::Records {
        self.vim.follow(0)
    }

    pub(super) fn counts(&self) -> vim::Counts {
        self.vim.counts()
    }

    /// The VIM asks a guest. What comes of it is in the records.
    pub(super) fn vote(&self, instance: InstanceId, action: EventType) {
        drop(self.vim.vote(instance, action));
    }

    /// The VIM tells a guest. What comes of it is in the records.
    pub(super) fn notify(&self, instance: InstanceId, action: EventType) {
        drop(self.vim.notify(instance, action));
    }
}

/// The host of this uuid.
pub(super) fn host_of_uuid(uuid: InstanceId) -> Option<usize> {
    (0..HOSTS).find(|host| host_uuid(*host) == uuid)
}

fn host_uuid(host: usize) -> InstanceId {
    InstanceId::numbered(HOST_NUMBERS + host as u64)
}

fn host(host: usize) -> Host {
    Host {
        hostname: roles::hostname(host).as_str().into(),
        uuid: host_uuid(host),
        ip: HOST_IPS[host].parse().expect("the list holds IP addresses"),
        personality: "worker".into(),
    }
}

fn vim_settings(instances: impl IntoIterator<Item = (InstanceId, usize)>) -> vim::Settings {
    let mut settings = vim::Settings::default();
    for host in 0..HOSTS {
        let hostname = roles::hostname(host).as_str().into();
        settings.view.put_host(host_uuid(host), hostname, Switch::Enabled);
    }
    for (uuid, host) in instances {
        let hostname = roles::hostname(host).as_str().into();
        settings.view.put_instance(uuid, hostname, Switch::Enabled);
    }
    settings
}

/// Every setting that matters is said, so that nothing on this machine changes it.
fn arguments(place: &Place, peers: [(&'static str, String); 3]) -> Vec<OsString> {
    let files = [
        ("--config", place.config(AGENT)),
        ("--mtc-conf", place.absent()),
        ("--vim-config", place.absent()),
        ("--pid-file", place.pid_file(AGENT)),
        ("--status-file", place.status_file(AGENT)),
    ];
    let words = [
        ("--listen-vim", "127.0.0.1:0"),
        ("--listen", "127.0.0.1:0"),
        ("--maintenance-listen", "127.0.0.1:0"),
        ("--log-format", "text"),
        ("--log-level", "info"),
    ];
    flags(files).chain(flags(words)).chain(flags(peers)).collect()
}

/// Where guestAgent says that it listens for somebody.
fn address(log: &str, whom: &str) -> Option<SocketAddr> {
    let (_, rest) = log.split_once(&format!("listening for {whom} address="))?;
    rest.split_whitespace().next()?.parse().ok()
}

/// A UDP port that nobody has on the addresses of all hosts.
fn port_of_all_hosts() -> std::io::Result<(u16, Vec<UdpSocket>)> {
    let mut error = None;
    for _ in 0..100 {
        let first = UdpSocket::bind((HOST_IPS[0], 0))?;
        let port = first.local_addr()?.port();
        let others = HOST_IPS[1..].iter().map(|ip| UdpSocket::bind((*ip, port)));
        match others.collect::<std::io::Result<Vec<_>>>() {
            Ok(others) => return Ok((port, std::iter::once(first).chain(others).collect())),
            Err(taken) => error = Some(taken),
        }
    }
    Err(error.unwrap_or_else(|| std::io::ErrorKind::AddrInUse.into()))
}
