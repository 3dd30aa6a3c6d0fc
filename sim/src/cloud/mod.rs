//! A whole cloud in virtual time: some [`World`]s, the real core of guestAgent between them and a
//! VIM, maintenance, and a network that loses, doubles and delays the real bytes.
//!
//! [`Cloud::step`] lets the next thing happen; nothing sleeps, and one seed decides everything. What
//! an onlooker sees is in [`Cloud::take_seen`], and what he sees of a host in its world.
//!
//! - `controller`: drives the agent's core as its shell does;
//! - `vim`: how the VIM takes requests and gives commands;
//! - here: the network, and maintenance.

mod controller;
mod sabotage;
mod seen;
mod vim;

use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, Instant};

use guest_agent::core::Outcome;
use protocol::InstanceId;
use protocol::datagram::{Host, Hostname, MaintenanceCommand};
use protocol::vim::VimRequest;

pub use sabotage::Sabotage;
pub use seen::{Fate, Seen};
pub use vim::Temper;

use crate::world::{Queue, Weather, World, transmit};
use controller::Controller;
use vim::{Request, Vim};

/// Source of the agent's datagrams, in the datagrams themselves.
const CONTROLLER: &str = "192.168.204.2";
/// Where maintenance is.
const MAINTENANCE: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 168, 204, 3));

/// The cloud.
pub struct Cloud {
    begin: Instant,
    now: Instant,
    queue: Queue<Happening>,
    hosts: Vec<Compute>,
    controller: Controller,
    vim: Vim,
    /// How bad the network to maintenance is.
    pub maintenance_weather: Weather,
    /// A fault of the agent that the onlooker is to find.
    pub sabotage: Option<Sabotage>,
    random: fastrand::Rng,
    seen: Vec<Seen>,
}

/// A compute host, seen from the controller.
struct Compute {
    world: World,
    entry: Host,
    /// Maintenance has it in its inventory.
    is_listed: bool,
    weather: Weather,
}

/// What can be to come, besides what happens on the hosts.
#[derive(Debug)]
enum Happening {
    /// The agent's shell wakes up.
    Agent,
    /// An agent starts.
    AgentStarts,
    /// A datagram reaches the controller.
    ToAgent(IpAddr, Box<[u8]>),
    /// A datagram reaches a host.
    ToServer(usize, Box<[u8]>),
    /// A request for the inventory reaches maintenance.
    ToMaintenance,
    /// The VIM takes a request of the agent.
    VimTakes(Request),
    /// What the controller hears of a request, if it is the same agent that sent it.
    Outcome { life: u64, request: VimRequest, outcome: (Fate, Outcome) },
    /// A command of the VIM reaches the controller.
    CommandArrives(u64),
    /// The VIM waits no longer for the reply to a command.
    GivesUp(u64),
    /// The VIM looks after what the agent has not heard of.
    VimAudits,
}

/// Whose turn it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// Something happened on this host.
    Host(usize),
    /// Something happened elsewhere.
    Between,
}

impl Cloud {
    /// A cloud of these hosts, none of them known to the VIM or to maintenance yet.
    pub fn new(now: Instant, seed: u64, worlds: Vec<World>) -> Self {
        let hosts = worlds.into_iter().enumerate().map(|(number, world)| Compute {
            world,
            entry: entry(number),
            is_listed: false,
            weather: Weather::default(),
        });
        let mut cloud = Self {
            begin: now,
            now,
            queue: Queue::default(),
            hosts: hosts.collect(),
            controller: Controller::new(),
            vim: Vim::default(),
            maintenance_weather: Weather::default(),
            sabotage: None,
            random: fastrand::Rng::with_seed(seed),
            seen: Vec::new(),
        };
        cloud.put(Duration::ZERO, Happening::AgentStarts);
        cloud.put(Duration::from_secs(30), Happening::VimAudits);
        cloud
    }

    /// The time in the cloud.
    pub fn now(&self) -> Instant {
        self.now
    }

    /// When the next thing happens.
    pub fn next(&self) -> Option<Instant> {
        let hosts = self.hosts.iter().filter_map(|host| host.world.next());
        hosts.chain(self.queue.next()).min()
    }

    /// Lets time pass up to `now`, which must not be after [`Cloud::next`].
    pub fn pass(&mut self, now: Instant) {
        self.now = self.now.max(now);
        self.hosts.iter_mut().for_each(|host| host.world.pass(now));
    }

    /// Lets the next thing happen.
    pub fn step(&mut self) -> Turn {
        let hosts = self.hosts.iter().enumerate();
        let next = hosts.filter_map(|(number, host)| Some((host.world.next()?, number))).min();
        match next {
            Some((at, host)) if self.queue.next().is_none_or(|other| at <= other) => {
                self.now = self.now.max(at);
                self.hosts[host].world.step();
                self.carry_sent(host);
                Turn::Host(host)
            }
            _ => {
                if let Some((at, happening)) = self.queue.take() {
                    self.now = self.now.max(at);
                    self.happen(at, happening);
                }
                Turn::Between
            }
        }
    }

    fn happen(&mut self, at: Instant, happening: Happening) {
        match happening {
            Happening::Agent => self.agent_wakes(at),
            Happening::AgentStarts => self.agent_starts(),
            Happening::ToAgent(from, bytes) => self.datagram_at_controller(from, bytes),
            Happening::ToServer(host, bytes) => {
                self.hosts[host].world.pass(at);
                self.hosts[host].world.datagram(&bytes);
            }
            Happening::ToMaintenance => self.tell_inventory(),
            Happening::VimTakes(request) => self.vim_takes(request),
            Happening::Outcome { life, request, outcome } => {
                if life == self.controller.life {
                    let (fate, outcome) = outcome;
                    if let VimRequest::Event(event) = request {
                        self.seen.push(Seen::Outcome { event, fate });
                    }
                    self.outcome_at_controller(outcome);
                }
            }
            Happening::CommandArrives(number) => self.command_at_controller(number),
            Happening::GivesUp(number) => self.no_reply(number),
            Happening::VimAudits => self.vim_audits(),
        }
    }

    fn put(&mut self, delay: Duration, happening: Happening) {
        self.queue.put(self.now + delay, happening);
    }

    /// Takes what was seen since this was last asked, in order.
    pub fn take_seen(&mut self, into: &mut Vec<Seen>) {
        into.clear();
        std::mem::swap(&mut self.seen, into);
    }

    /// How many hosts there are.
    pub fn hosts(&self) -> usize {
        self.hosts.len()
    }

    /// A host.
    pub fn world(&self, host: usize) -> &World {
        &self.hosts[host].world
    }

    /// A host, to let something happen to it, now.
    pub fn world_mut(&mut self, host: usize) -> &mut World {
        let world = &mut self.hosts[host].world;
        world.pass(self.now);
        world
    }

    /// The guest of an instance goes from one host to another, which must wait for it.
    pub fn migrate(&mut self, number: usize, from: usize, to: usize) -> bool {
        let Ok([source, target]) = self.hosts.get_disjoint_mut([from, to]) else { return false };
        source.world.pass(self.now);
        target.world.pass(self.now);
        target.world.receive_migration(number, &mut source.world)
    }

    /// The uuid of a host, for the VIM and for maintenance.
    pub fn uuid(&self, host: usize) -> InstanceId {
        self.hosts[host].entry.uuid
    }

    /// The name of a host.
    pub fn hostname(&self, host: usize) -> Hostname {
        self.hosts[host].entry.hostname.clone()
    }

    /// The number of a host.
    pub fn host_named(&self, name: &Hostname) -> Option<usize> {
        self.hosts.iter().position(|host| host.entry.hostname == *name)
    }

    /// How many things are to happen between the hosts that are known by now.
    pub fn happenings(&self) -> usize {
        self.queue.len()
    }

    fn host_at(&self, address: IpAddr) -> Option<usize> {
        self.hosts.iter().position(|host| host.entry.ip == address)
    }
}

/// The network.
impl Cloud {
    /// How bad the network to a host is.
    pub fn weather(&self, host: usize) -> Weather {
        self.hosts[host].weather
    }

    /// The network to a host is like this from now on.
    pub fn set_weather(&mut self, host: usize, weather: Weather) {
        self.hosts[host].weather = weather;
    }

    fn carry_sent(&mut self, host: usize) {
        let (weather, from) = (self.hosts[host].weather, self.hosts[host].entry.ip);
        for bytes in self.hosts[host].world.take_sent() {
            for delay in transmit(weather, &mut self.random) {
                self.put(delay, Happening::ToAgent(from, bytes.clone()));
            }
        }
    }

    fn send_to_server(&mut self, to: IpAddr, bytes: &[u8]) {
        let Some(host) = self.host_at(to) else { return };
        for delay in transmit(self.hosts[host].weather, &mut self.random) {
            self.put(delay, Happening::ToServer(host, bytes.into()));
        }
    }

    fn ask_maintenance(&mut self) {
        for delay in transmit(self.maintenance_weather, &mut self.random) {
            self.put(delay, Happening::ToMaintenance);
        }
    }
}

/// Maintenance.
impl Cloud {
    /// Maintenance has a host from now on, or not any more, and tells the agent.
    pub fn list(&mut self, host: usize, listed: bool) {
        self.hosts[host].is_listed = listed;
        let entry = self.hosts[host].entry.clone();
        let (hostname, uuid) = (entry.hostname.clone(), entry.uuid);
        self.send_from_maintenance(&if listed {
            MaintenanceCommand::AddHost(entry)
        } else {
            MaintenanceCommand::DeleteHost { hostname, uuid }
        });
    }

    /// Whether maintenance has a host.
    pub fn is_listed(&self, host: usize) -> bool {
        self.hosts[host].is_listed
    }

    fn tell_inventory(&mut self) {
        let listed = self.hosts.iter().filter(|host| host.is_listed);
        let entries: Vec<Host> = listed.map(|host| host.entry.clone()).collect();
        for entry in entries {
            self.send_from_maintenance(&MaintenanceCommand::AddHost(entry));
        }
    }

    fn send_from_maintenance(&mut self, command: &MaintenanceCommand) {
        let mut bytes = Vec::new();
        command.encode(&mut bytes);
        for delay in transmit(self.maintenance_weather, &mut self.random) {
            self.put(delay, Happening::ToAgent(MAINTENANCE, bytes.clone().into()));
        }
    }
}

/// The name of a host.
pub fn hostname(host: usize) -> Hostname {
    Hostname::new(&format!("compute-{host}"))
}

fn entry(host: usize) -> Host {
    let number = u16::try_from(host).expect("at most some hundred hosts");
    let [high, low] = number.to_be_bytes();
    Host {
        hostname: hostname(host),
        uuid: InstanceId::numbered(0xffff_0000 + u64::from(number)),
        ip: Ipv4Addr::new(10, 1, high, low).into(),
        personality: "worker".into(),
    }
}
