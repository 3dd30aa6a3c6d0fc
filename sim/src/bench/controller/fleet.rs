//! Many hosts, each on an address of its own: what their guestServers say to an agent, in the bytes
//! of real ones, by one thread.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use protocol::InstanceId;
use protocol::channel::CorrectiveAction;
use protocol::datagram::{
    Command, DATAGRAM_MAX, Event, EventId, Host, Hostname, InstanceInfo, Switch,
};
use rustix::event::{Timespec, epoll};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::clock;

/// Descriptors that are needed besides one a host.
const RESERVED: u64 = 3000;
/// Attempts to find a port that is free on every address.
const ATTEMPTS: usize = 20;
/// How often the thread looks whether it is to end.
const LOOK: Duration = Duration::from_millis(100);
/// Uuids of hosts begin here, those of instances at 0.
const FIRST_HOST: u64 = 1 << 40;

/// The hosts; their thread and sockets end with this.
pub(super) struct Fleet {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    sockets: Vec<UdpSocket>,
    instances: usize,
    /// Whether each instance heartbeats.
    heartbeating: Vec<AtomicBool>,
    /// Where the agent's commands come from, as its port; it is on 127.0.0.1.
    agent_port: AtomicU32,
    ended: AtomicBool,
    queries: AtomicU64,
    sent: AtomicU64,
    events: AtomicU32,
}

impl Fleet {
    /// `hosts` hosts with `instances` instances each, all heartbeating.
    pub(super) fn start(hosts: usize, instances: usize) -> anyhow::Result<Self> {
        raise_descriptor_limit(hosts as u64 + RESERVED)?;
        let sockets = sockets(hosts)?;
        let heartbeating = (0..hosts * instances).map(|_| AtomicBool::new(true)).collect();
        let shared = Arc::new(Shared {
            sockets,
            instances,
            heartbeating,
            agent_port: AtomicU32::new(0),
            ended: AtomicBool::new(false),
            queries: AtomicU64::new(0),
            sent: AtomicU64::new(0),
            events: AtomicU32::new(0),
        });
        let epoll = watch(&shared.sockets)?;
        let serving = Arc::clone(&shared);
        let thread = std::thread::Builder::new().name("fleet".into());
        let thread = thread.spawn(move || serve(&serving, &epoll))?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// The port of every host.
    pub(super) fn port(&self) -> anyhow::Result<u16> {
        let first = self.shared.sockets.first().context("a fleet has a host")?;
        Ok(first.local_addr()?.port())
    }

    /// The inventory.
    pub(super) fn hosts(&self) -> impl Iterator<Item = Host> {
        (0..self.shared.sockets.len()).map(|index| Host {
            hostname: hostname(index),
            uuid: InstanceId::numbered(FIRST_HOST + index as u64),
            ip: IpAddr::V4(address(index)),
            personality: "worker".into(),
        })
    }

    /// All instances and the names of their hosts.
    pub(super) fn instances(&self) -> impl Iterator<Item = (InstanceId, Hostname)> {
        let each = self.shared.instances;
        (0..self.shared.heartbeating.len()).map(move |index| (id(index), hostname(index / each)))
    }

    /// Queries that came so far.
    pub(super) fn queries(&self) -> u64 {
        self.shared.queries.load(Ordering::Relaxed)
    }

    /// Datagrams that went to the agent so far.
    pub(super) fn sent(&self) -> u64 {
        self.shared.sent.load(Ordering::Relaxed)
    }

    /// Datagrams to the agent for which its socket had no room, so far.
    pub(super) fn lost(&self) -> anyhow::Result<u64> {
        let port = format!(":{:04X}", self.shared.agent_port.load(Ordering::Relaxed));
        let table = std::fs::read_to_string("/proc/net/udp").context("no table of UDP sockets")?;
        let lost = table.lines().filter_map(|line| {
            let mut words = line.split_whitespace();
            words.nth(1).filter(|local| local.ends_with(&port))?;
            words.last()?.parse::<u64>().ok()
        });
        Ok(lost.sum())
    }

    /// An instance is lost: its server says that it has stopped, and that it is lost. When the
    /// second was sent, and how to say it again.
    pub(super) fn lose(&self, index: usize) -> anyhow::Result<Loss<'_>> {
        let shared = &self.shared;
        let host = index / shared.instances;
        shared.heartbeating[index].store(false, Ordering::Relaxed);
        shared.send(host, &Event::Stopped(shared.info(index)), None)?;
        let id = EventId(shared.events.fetch_add(1, Ordering::Relaxed));
        let loss = Loss { fleet: self, index, id, at: clock::now() };
        loss.send()?;
        Ok(loss)
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // If it panicked, that was printed.
            let _ = thread.join();
        }
    }
}

/// A loss that a server reports until the agent acknowledges it.
pub(super) struct Loss<'a> {
    fleet: &'a Fleet,
    index: usize,
    id: EventId,
    /// When it was sent first.
    pub(super) at: Instant,
}

impl Loss<'_> {
    /// Of which instance.
    pub(super) fn instance(&self) -> InstanceId {
        id(self.index)
    }

    /// Reports it, once more.
    pub(super) fn send(&self) -> anyhow::Result<()> {
        let host = self.index / self.fleet.shared.instances;
        let event = Event::Loss { hostname: hostname(host), uuid: self.instance() };
        Ok(self.fleet.shared.send(host, &event, Some(self.id))?)
    }
}

impl Shared {
    fn send(&self, host: usize, event: &Event, id: Option<EventId>) -> io::Result<()> {
        let mut datagram = Vec::with_capacity(DATAGRAM_MAX);
        event.encode_marked(id, &mut datagram);
        let port = u16::try_from(self.agent_port.load(Ordering::Relaxed)).unwrap_or_default();
        self.sockets[host].send_to(&datagram, (Ipv4Addr::LOCALHOST, port))?;
        self.sent.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    fn info(&self, index: usize) -> InstanceInfo {
        InstanceInfo {
            hostname: hostname(index / self.instances),
            uuid: id(index),
            reporting: Switch::Enabled,
            heartbeating: self.heartbeating[index].load(Ordering::Relaxed).into(),
            repair_action: CorrectiveAction::Reboot,
            restart_secs: 121,
            shutdown_secs: 11,
            suspend_secs: 11,
            resume_secs: 11,
            vote_secs: 11,
        }
    }

    /// Reads all that came for a host, and answers the queries.
    fn attend(&self, host: usize) {
        let mut buffer = [0; DATAGRAM_MAX];
        while let Ok((length, from)) = self.sockets[host].recv_from(&mut buffer) {
            self.agent_port.store(from.port().into(), Ordering::Relaxed);
            if matches!(Command::decode(&buffer[..length]), Ok(Command::QueryInstances)) {
                self.queries.fetch_add(1, Ordering::Relaxed);
                self.answer(host);
            }
        }
    }

    fn answer(&self, host: usize) {
        for index in host * self.instances..(host + 1) * self.instances {
            // What the network does not take is a datagram lost; it shows as not sent.
            let _ = self.send(host, &Event::QueryResponse(self.info(index)), None);
        }
    }
}

fn serve(shared: &Shared, epoll: &OwnedFd) {
    let look = Timespec::try_from(LOOK).expect("a tenth of a second is a time");
    let mut events = Vec::with_capacity(1024);
    while !shared.ended.load(Ordering::Relaxed) {
        events.clear();
        // A signal that ends it early does no harm.
        let _ = epoll::wait(epoll, rustix::buffer::spare_capacity(&mut events), Some(&look));
        for event in &events {
            let data = event.data;
            shared.attend(usize::try_from(data.u64()).expect("what was given was an index"));
        }
    }
}

fn watch(sockets: &[UdpSocket]) -> io::Result<OwnedFd> {
    let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
    for (index, socket) in sockets.iter().enumerate() {
        let data = epoll::EventData::new_u64(index as u64);
        epoll::add(&epoll, socket, data, epoll::EventFlags::IN)?;
    }
    Ok(epoll)
}

/// One for each host, all on the same port.
fn sockets(hosts: usize) -> anyhow::Result<Vec<UdpSocket>> {
    for _ in 0..ATTEMPTS {
        let first = bind(0, 0)?;
        let port = first.local_addr()?.port();
        let others = (1..hosts).map(|index| bind(index, port)).collect::<io::Result<Vec<_>>>();
        match others {
            Ok(others) => return Ok(std::iter::once(first).chain(others).collect()),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {}
            Err(error) => return Err(error).context("cannot give each host a socket"),
        }
    }
    bail!("no UDP port is free on every address of the hosts")
}

fn bind(index: usize, port: u16) -> io::Result<UdpSocket> {
    let socket = UdpSocket::bind(SocketAddr::from((address(index), port)))?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

fn address(index: usize) -> Ipv4Addr {
    let [.., high, low] = u32::try_from(index + 1).unwrap_or(u32::MAX).to_be_bytes();
    Ipv4Addr::new(127, 77, high, low)
}

fn hostname(index: usize) -> Hostname {
    Hostname::new(&format!("compute-{index}"))
}

fn id(index: usize) -> InstanceId {
    InstanceId::numbered(index as u64)
}

fn raise_descriptor_limit(needed: u64) -> anyhow::Result<()> {
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_some_and(|current| current < needed) {
        let maximum = limit.maximum;
        setrlimit(Resource::Nofile, Rlimit { current: Some(needed), maximum })
            .with_context(|| format!("{needed} descriptors are needed; raise `ulimit -n`"))?;
    }
    Ok(())
}
