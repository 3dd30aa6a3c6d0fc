//! A compute host with its guests, and an agent, in virtual time: the real cores of guestServer and
//! of the clients, real bytes between them, and everything else modelled.
//!
//! [`World::step`] lets the next thing happen; nothing sleeps, and one seed decides everything.
//! What an onlooker sees of it is in [`World::take_seen`]; what is true is in
//! [`Instance::truth`]. `act` and its kind make things go wrong.
//!
//! - `guest`: one instance: channel, guest, truth;
//! - `host`: drives the server's core as its shell does; `outputs` carries out what it wants;
//! - `qemu`: what happens to machines and their files;
//! - `agent`, `link`: the controller, and the network to it. In a [`Cloud`](crate::cloud::Cloud) both
//!   are outside: the real core of guestAgent has several of these hosts.

mod agent;
mod guest;
mod host;
mod link;
mod outputs;
mod qemu;
mod queue;
mod sabotage;
mod seen;

use std::collections::HashMap;
use std::time::{Duration, Instant};

use guest_client::core::Config;
use guest_server::core::Counters;
use protocol::InstanceId;
use protocol::channel::{EventType, VoteResult};
use protocol::datagram::{Command, Event, Hostname};

pub use agent::{Agent, Known};
pub use guest::{Habits, Instance, Truth};
pub use link::Weather;
pub(crate) use link::transmit;
pub use queue::Queue;
pub use sabotage::Sabotage;
pub use seen::{Phase, Seen};

use crate::channel::TO_GUEST_MAX;
use crate::guest::Act;
use host::Host;

/// Time between two audits of the agent.
const AUDIT: Duration = Duration::from_secs(30);
/// Source of the agent's datagrams, in the datagrams themselves.
const CONTROLLER: &str = "192.168.204.2";
/// uuid of the host.
const HOST_UUID: &str = "00000000-0000-4000-8000-00000000aaaa";

/// The world.
pub struct World {
    hostname: Hostname,
    begin: Instant,
    now: Instant,
    queue: Queue<Happening>,
    instances: Vec<Instance>,
    numbers: HashMap<InstanceId, usize>,
    host: Host,
    agent: Agent,
    /// What the server sends, where the agent is outside of this world.
    outbox: Option<Vec<Box<[u8]>>>,
    /// Until then no guest runs, because the machine does not.
    frozen_until: Option<Instant>,
    /// How bad the network is.
    pub weather: Weather,
    /// A fault of the server that the onlooker is to find.
    pub sabotage: Option<Sabotage>,
    random: fastrand::Rng,
    seen: Vec<Seen>,
    answers: Vec<Answered>,
    scratch: Vec<u8>,
}

/// An answer to a vote or notification, as it reached the agent.
#[derive(Debug, Clone, Copy)]
pub struct Answered {
    /// About which instance.
    pub number: usize,
    /// What was asked.
    pub event: EventType,
    /// Whether it was a notification.
    pub irrevocable: bool,
    /// The answer.
    pub vote: VoteResult,
}

/// What can be to come.
#[derive(Debug)]
enum Happening {
    /// A guest looks at its port and its timers.
    Guest(usize),
    /// The server's shell wakes up.
    Host,
    /// A server starts.
    ServerStarts,
    /// A datagram reaches the host.
    ToHost(Box<[u8]>),
    /// A datagram reaches the agent.
    ToAgent(Box<[u8]>),
    /// A starting QEMU listens.
    Listen { number: usize, made: i64 },
    /// The agent audits.
    Audit,
}

impl World {
    /// A host where one guest of each of `configs` boots in the next seconds; its server forgives
    /// `threshold` consecutive misses.
    pub fn new(now: Instant, seed: u64, configs: Vec<Config>, threshold: u32) -> Self {
        let mut world = Self::still(now, seed, configs, threshold);
        world.begin();
        world
    }

    /// One host of several: its agent is outside, and so is the network to it. Of the instances that
    /// there are, those live here for which `lives_here` says so; the others may come.
    pub fn of_cloud(
        now: Instant,
        seed: u64,
        hostname: Hostname,
        configs: Vec<Config>,
        threshold: u32,
        lives_here: impl Fn(usize) -> bool,
    ) -> Self {
        let mut world = Self::still(now, seed, configs, threshold);
        (world.hostname, world.outbox) = (hostname, Some(Vec::new()));
        world.begin();
        for number in (0..world.instances.len()).filter(|number| !lives_here(*number)) {
            world.quit_qemu(number, false);
        }
        world
    }

    /// Nothing has happened yet.
    fn still(now: Instant, seed: u64, configs: Vec<Config>, threshold: u32) -> Self {
        let mut random = fastrand::Rng::with_seed(seed);
        let instances: Vec<Instance> = (configs.into_iter().enumerate())
            .map(|(number, config)| Instance::new(number, config, now, random.u64(..)))
            .collect();
        let numbers = instances.iter().enumerate().map(|(number, i)| (i.id, number)).collect();
        Self {
            hostname: Hostname::new("compute-0"),
            begin: now,
            now,
            queue: Queue::default(),
            host: Host::new(random.u64(..), instances.len(), threshold),
            agent: Agent::new(instances.len()),
            outbox: None,
            frozen_until: None,
            weather: Weather::default(),
            sabotage: None,
            random,
            seen: Vec::new(),
            answers: Vec::new(),
            scratch: Vec::new(),
            instances,
            numbers,
        }
    }

    fn begin(&mut self) {
        for number in 0..self.instances.len() {
            let down = Duration::from_micros(self.random.u64(..5_000_000));
            self.act(number, Act::Reboot { down });
        }
        self.queue.put(self.now, Happening::ServerStarts);
        if self.outbox.is_none() {
            self.queue.put(self.now + AUDIT, Happening::Audit);
        }
    }

    /// When the next thing happens.
    pub fn next(&self) -> Option<Instant> {
        self.queue.next()
    }

    /// The time in the world.
    pub fn now(&self) -> Instant {
        self.now
    }

    /// Lets time pass up to `now`, which must not be after [`World::next`].
    pub fn pass(&mut self, now: Instant) {
        self.now = self.now.max(now);
    }

    /// Lets the next thing happen.
    pub fn step(&mut self) {
        let Some((at, happening)) = self.queue.take() else { return };
        self.pass(at);
        match happening {
            Happening::Guest(number) => self.guest_wakes(number, at),
            Happening::Host => self.host_wakes(at),
            Happening::ServerStarts => self.server_starts(),
            Happening::ToHost(bytes) => self.datagram_at_host(bytes),
            Happening::ToAgent(bytes) => self.datagram_at_agent(&bytes),
            Happening::Listen { number, made } => self.listen(number, made),
            Happening::Audit => self.audit(),
        }
    }

    /// Takes what was seen since this was last asked, in order.
    pub fn take_seen(&mut self, into: &mut Vec<Seen>) {
        into.clear();
        std::mem::swap(&mut self.seen, into);
    }

    /// Takes the answers to votes and notifications that reached the agent.
    pub fn take_answers(&mut self) -> Vec<Answered> {
        std::mem::take(&mut self.answers)
    }

    /// Every instance.
    pub fn instances(&self) -> &[Instance] {
        &self.instances
    }

    /// The number of an instance.
    pub fn number_of(&self, id: InstanceId) -> Option<usize> {
        self.numbers.get(&id).copied()
    }

    /// The agent.
    pub fn agent(&self) -> &Agent {
        &self.agent
    }

    /// What the present server counted, if one runs.
    pub fn counters(&self) -> Option<&Counters> {
        self.host.core.as_ref().map(guest_server::core::GuestServer::counters)
    }

    /// The server, to be looked at, if one runs.
    pub fn server(&self) -> Option<&guest_server::core::GuestServer> {
        self.host.core.as_ref()
    }

    /// Whether the server runs and is not held up.
    pub fn server_is_driven(&self) -> bool {
        self.host.core.is_some() && self.host.stalled_until.is_none()
    }

    /// How many things are to happen that are known by now.
    pub fn happenings(&self) -> usize {
        self.queue.len()
    }

    /// The agent sends a command.
    pub fn command(&mut self, command: &Command) {
        let mut bytes = Vec::new();
        command.encode(CONTROLLER, HOST_UUID, &mut bytes);
        for delay in link::transmit(self.weather, &mut self.random) {
            self.queue.put(self.now + delay, Happening::ToHost(bytes.clone().into()));
        }
    }

    /// The agent wants an instance on this host, or not any more.
    pub fn want(&mut self, number: usize, wanted: bool, reporting: bool) {
        let known = &mut self.agent.instances[number];
        (known.wanted, known.reporting) = (wanted, reporting);
        let uuid = self.instances[number].id;
        let command = if wanted {
            Command::AddInstance { uuid, reporting: reporting.into() }
        } else {
            known.heartbeating = None;
            Command::DeleteInstance { uuid }
        };
        self.command(&command);
    }

    /// The agent switches reporting of the whole host.
    pub fn switch_host(&mut self, reporting: bool) {
        self.agent.host_reporting = reporting;
        self.command(&Command::ModifyHost { reporting: reporting.into() });
    }

    /// A datagram reaches the host, whatever is in it.
    pub fn datagram(&mut self, bytes: &[u8]) {
        self.queue.put(self.now, Happening::ToHost(bytes.into()));
    }

    /// Takes what the server has sent to an agent outside.
    pub fn take_sent(&mut self) -> Vec<Box<[u8]>> {
        self.outbox.as_mut().map(std::mem::take).unwrap_or_default()
    }

    fn datagram_at_agent(&mut self, bytes: &[u8]) {
        let event = Event::decode(bytes).expect("a server sends what an agent reads");
        let number = about(&event).and_then(|id| self.number_of(id));
        if let (Event::Answer(answer), Some(number)) = (&event, number) {
            self.answers.push(Answered {
                number,
                event: answer.event_type,
                irrevocable: answer.notification_type
                    == protocol::channel::NotificationType::Irrevocable,
                vote: answer.vote,
            });
        }
        for command in self.agent.hear(&event, number) {
            self.command(&command);
        }
    }

    fn audit(&mut self) {
        for command in self.agent.audit() {
            self.command(&command);
        }
        self.queue.put(self.now + AUDIT, Happening::Audit);
    }

    /// Lets something happen to a guest.
    pub fn act(&mut self, number: usize, act: Act) {
        self.instances[number].act(self.now, act);
        self.wake_guest(number, Duration::ZERO);
    }

    /// A guest writes bytes that its client did not.
    pub fn forge(&mut self, number: usize, bytes: &[u8]) {
        let _ = self.instances[number].channel.guest_write(bytes);
        self.wake_guest(number, Duration::ZERO);
    }

    /// Has a guest look at its port no later than after `delay`.
    fn wake_guest(&mut self, number: usize, delay: Duration) {
        let at = self.now + delay;
        let instance = &mut self.instances[number];
        if instance.wake_at.is_none_or(|wake| wake > at) {
            instance.wake_at = Some(at);
            self.queue.put(at, Happening::Guest(number));
        }
    }

    /// A guest that has just been written to.
    fn wake_guest_soon(&mut self, number: usize) {
        let delay = self.instances[number].random.u64(20..2000);
        self.wake_guest(number, Duration::from_micros(delay));
    }

    fn guest_wakes(&mut self, number: usize, at: Instant) {
        if self.instances[number].wake_at.take_if(|wake| *wake == at).is_none() {
            return;
        }
        match self.frozen_until.filter(|until| *until > at) {
            // The server is scheduled first: the worst order.
            Some(until) => {
                let delay = Duration::from_micros(self.instances[number].random.u64(100..20_000));
                self.wake_guest(number, until + delay - at);
            }
            None => self.attend(number),
        }
    }

    fn attend(&mut self, number: usize) {
        let now = self.now;
        let instance = &mut self.instances[number];
        crate::guest::attend(&mut instance.guest, &mut instance.channel, now, &mut self.scratch);
        instance.see(now);
        let next = instance.guest.next_deadline().filter(|_| instance.channel.is_running());
        if let Some(next) = next {
            let delay = next.saturating_duration_since(now).max(Duration::from_millis(1));
            self.wake_guest(number, delay);
        }
        self.after_guest(number);
    }
}

/// The most bytes that the channel of one instance may hold.
pub const HELD_MAX: usize =
    (crate::channel::BACKLOG + 2) * (TO_GUEST_MAX + crate::channel::TO_HOST_MAX);

/// The instance that an event is about.
pub fn about(event: &Event) -> Option<InstanceId> {
    match event {
        Event::Ready { .. } => None,
        Event::Running(info)
        | Event::Stopped(info)
        | Event::IllHealth(info)
        | Event::QueryResponse(info) => Some(info.uuid),
        Event::Loss { uuid, .. } => Some(*uuid),
        Event::Answer(answer) => Some(answer.uuid),
    }
}
