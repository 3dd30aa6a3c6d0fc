//! A guestAgent in virtual time, with servers, a VIM and maintenance that do what a scenario says.
//!
//! What the core promises its shell is checked at every step: one request to the VIM at a time, and
//! no deadline left in the past.

mod names;
mod server;
mod vim;

use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, Instant};

use protocol::channel::EventType;
use protocol::datagram::{Command, Event, EventId, Host, MaintenanceCommand};
use protocol::vim::{CommandReply, RestError, VimCommand, VimRequest};

use super::super::{GuestAgent, Input, Outcome, Output};

pub(super) use names::{address, entry, host_id, host_name, id, number_of};
pub(super) use server::{Known, Server};
pub(super) use vim::{Mood, Vim};

pub(super) const MAINTENANCE: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 9));

/// A controller and its surroundings.
pub(super) struct Controller {
    pub(super) agent: GuestAgent,
    start: Instant,
    now: Instant,
    pub(super) vim: Vim,
    pub(super) servers: BTreeMap<u64, Server>,
    /// Datagrams that servers have sent.
    arriving: VecDeque<(IpAddr, Vec<u8>)>,
    /// The request under way, and when its outcome comes.
    under_way: Option<(Instant, Outcome)>,
    /// Chance, of 100, that a datagram of the host link gets lost.
    pub(super) loss: u32,
    pub(super) chance: fastrand::Rng,
    inventories: Vec<Duration>,
    commands: Vec<(u64, Command)>,
    acknowledged: Vec<(u64, EventId)>,
    /// Requests, and whether the VIM took them.
    requests: Vec<(Duration, VimRequest, bool)>,
    pub(super) notes: Vec<String>,
}

impl Controller {
    /// An agent that has just started; maintenance's address is known, nothing else.
    #[expect(clippy::disallowed_methods, reason = "any instant will do as a start")]
    pub(super) fn new() -> Self {
        let start = Instant::now();
        let mut controller = Self {
            agent: new_agent(start),
            start,
            now: start,
            vim: Vim::new(),
            servers: BTreeMap::new(),
            arriving: VecDeque::new(),
            under_way: None,
            loss: 0,
            chance: fastrand::Rng::with_seed(7),
            inventories: Vec::new(),
            commands: Vec::new(),
            acknowledged: Vec::new(),
            requests: Vec::new(),
            notes: Vec::new(),
        };
        controller.input(Input::MaintenanceIsAt(MAINTENANCE));
        controller
    }

    /// One host, number 1, with a server of our kind, that the VIM reports on; all questions about
    /// it are answered.
    pub(super) fn with_host() -> Self {
        let mut controller = Self::new();
        controller.add_host(1, true);
        controller.settled()
    }

    /// The same, with an instance, number 1, that is reported and heartbeats.
    pub(super) fn with_instance() -> Self {
        Self::with_instance_on(true)
    }

    /// The same on a server that is a peer.
    pub(super) fn with_instance_on_peer() -> Self {
        Self::with_instance_on(false)
    }

    fn with_instance_on(is_ours: bool) -> Self {
        let mut controller = Self::new();
        controller.add_host(1, is_ours);
        controller.vim.instances.insert(1, (1, true));
        let mut controller = controller.settled();
        controller.heartbeat(1, 1, true);
        controller.settled()
    }

    /// After two rounds of the audit; what happened is forgotten.
    pub(super) fn settled(mut self) -> Self {
        self.run(secs(25));
        self.forget();
        self
    }

    /// The agent starts again and knows nothing; what was under way is gone.
    pub(super) fn restart_agent(&mut self) {
        self.agent = new_agent(self.now);
        self.under_way = None;
        self.arriving.clear();
        self.input(Input::MaintenanceIsAt(MAINTENANCE));
    }

    // Time.

    pub(super) fn time(&self) -> Duration {
        self.now - self.start
    }

    /// Lets time pass, every deadline in its moment.
    pub(super) fn run(&mut self, time: Duration) {
        let end = self.now + time;
        let mut wakes_now = 0;
        while let Some(at) = self.next_moment().filter(|at| *at <= end) {
            wakes_now = if at > self.now { 0 } else { wakes_now + 1 };
            assert!(wakes_now < 1000, "spinning at {:?}", self.time());
            self.now = self.now.max(at);
            self.wake();
        }
        self.now = end;
    }

    /// The controller does nothing for a while, then catches up.
    pub(super) fn stall(&mut self, time: Duration) {
        self.now += time;
        self.wake();
    }

    fn wake(&mut self) {
        self.drain();
        self.agent.handle_deadline(self.now);
        let next = self.agent.next_deadline();
        assert!(next.is_none_or(|next| next > self.now), "a deadline in the past is left");
        self.drain();
    }

    fn next_moment(&self) -> Option<Instant> {
        let outcome = self.under_way.as_ref().map(|(at, _)| *at);
        self.agent.next_deadline().into_iter().chain(outcome).min()
    }

    // What happens to the agent.

    pub(super) fn input(&mut self, input: Input<'_>) {
        self.agent.handle(self.now, input);
        self.drain();
    }

    pub(super) fn maintenance(&mut self, command: &MaintenanceCommand) {
        let mut bytes = Vec::new();
        command.encode(&mut bytes);
        self.input(Input::Maintenance { from: MAINTENANCE, bytes: &bytes });
    }

    /// Maintenance adds a host that the VIM reports on, with a server.
    pub(super) fn add_host(&mut self, number: u64, is_ours: bool) {
        self.servers.insert(number, Server::new(number, is_ours));
        self.vim.hosts.insert(number, true);
        self.tell_host(entry(number));
    }

    /// Maintenance adds a host whose server runs already.
    pub(super) fn add_host_again(&mut self, number: u64) {
        self.tell_host(entry(number));
    }

    pub(super) fn tell_host(&mut self, host: Host) {
        self.maintenance(&MaintenanceCommand::AddHost(host));
    }

    /// The VIM commands something.
    pub(super) fn ask(&mut self, command: VimCommand) -> Result<CommandReply, RestError> {
        let reply = self.agent.command(self.now, command);
        self.drain();
        reply
    }

    pub(super) fn set(
        &mut self,
        number: u64,
        host: u64,
        on: bool,
    ) -> Result<CommandReply, RestError> {
        let reporting = on.into();
        self.ask(VimCommand::InstanceSet { uuid: id(number), hostname: host_name(host), reporting })
    }

    pub(super) fn delete(&mut self, number: u64) -> Result<CommandReply, RestError> {
        self.ask(VimCommand::InstanceDelete { uuid: id(number) })
    }

    /// The seconds that the VIM is told to wait.
    pub(super) fn vote(&mut self, number: u64, action: EventType) -> u32 {
        let (uuid, hostname) = (id(number), host_name(1));
        waiting(self.ask(VimCommand::Vote { uuid, hostname, action }))
    }

    pub(super) fn notify(&mut self, number: u64, action: EventType) -> u32 {
        let (uuid, hostname) = (id(number), host_name(1));
        waiting(self.ask(VimCommand::Notify { uuid, hostname, action }))
    }

    /// A guest begins to heartbeat, or stops.
    pub(super) fn heartbeat(&mut self, host: u64, number: u64, on: bool) {
        let server = self.servers.get_mut(&host).unwrap();
        server.instances.entry(number).and_modify(|known| known.heartbeating = on);
        let info = server.info(number);
        self.event(host, &if on { Event::Running(info) } else { Event::Stopped(info) });
    }

    /// A guest is lost: its server says so in two events.
    pub(super) fn lose(&mut self, host: u64, number: u64) {
        self.heartbeat(host, number, false);
        let loss = self.servers[&host].loss(number);
        self.event(host, &loss);
    }

    /// An event of a server.
    pub(super) fn event(&mut self, host: u64, event: &Event) {
        let bytes = self.encode(host, event);
        self.datagram(host, &bytes);
    }

    /// The datagram of an event, to be sent as often as a scenario likes.
    pub(super) fn encode(&mut self, host: u64, event: &Event) -> Vec<u8> {
        self.servers.get_mut(&host).unwrap().encode(event)
    }

    pub(super) fn datagram(&mut self, host: u64, bytes: &[u8]) {
        self.send_from(host, bytes.to_vec());
        self.drain();
    }

    fn send_from(&mut self, host: u64, bytes: Vec<u8>) {
        let is_reachable = self.servers.get(&host).is_none_or(|server| server.is_reachable);
        if is_reachable && !self.is_lost() {
            self.arriving.push_back((address(host), bytes));
        }
    }

    fn is_lost(&mut self) -> bool {
        self.loss > 0 && self.chance.u32(0..100) < self.loss
    }

    fn drain(&mut self) {
        loop {
            while let Some(output) = self.agent.poll_output() {
                self.carry_out(output);
            }
            if let Some((from, bytes)) = self.arriving.pop_front() {
                self.agent.handle(self.now, Input::Datagram { from, bytes: &bytes });
            } else if let Some((_, outcome)) = self.under_way.take_if(|(at, _)| *at <= self.now) {
                self.agent.handle(self.now, Input::Vim(outcome));
            } else {
                return;
            }
        }
    }

    fn carry_out(&mut self, output: Output) {
        match output {
            Output::Command { to, command, .. } => self.command_to(names::host_at(to), command),
            Output::Acknowledge { to, id } => self.acknowledged.push((names::host_at(to), id)),
            Output::AskInventory => self.inventories.push(self.time()),
            Output::Vim(request) => self.request(request),
            Output::Note { note, .. } => self.notes.push(note.to_string()),
        }
    }

    fn command_to(&mut self, host: u64, command: Command) {
        let is_lost = self.is_lost();
        if let Some(server) = self.servers.get_mut(&host).filter(|s| s.is_reachable && !is_lost) {
            for event in server.take(&command) {
                let bytes = self.encode(host, &event);
                self.send_from(host, bytes);
            }
        }
        self.commands.push((host, command));
    }

    fn request(&mut self, request: VimRequest) {
        assert!(self.under_way.is_none(), "a second request at once: {request:?}");
        let (outcome, taken) = self.vim.take(&request);
        self.under_way = Some((self.now + self.vim.delay, outcome));
        self.requests.push((self.time(), request, taken));
    }

    // What came of it. Each of these forgets what it returns.

    /// Events that the VIM took, as text.
    pub(super) fn events(&mut self) -> Vec<String> {
        self.timed_events().into_iter().map(|(_, event)| event).collect()
    }

    pub(super) fn timed_events(&mut self) -> Vec<(Duration, String)> {
        let all =
            self.take_requests(|request, taken| taken && matches!(request, VimRequest::Event(_)));
        all.into_iter().map(|(at, request)| (at, names::request_text(&request))).collect()
    }

    /// Questions that went to the VIM, whatever became of them, as text.
    pub(super) fn questions(&mut self) -> Vec<(Duration, String)> {
        let all = self.take_requests(|request, _| !matches!(request, VimRequest::Event(_)));
        all.into_iter().map(|(at, request)| (at, names::request_text(&request))).collect()
    }

    /// When it was tried to reach the VIM.
    pub(super) fn attempts(&mut self) -> Vec<Duration> {
        self.take_requests(|_, _| true).into_iter().map(|(at, _)| at).collect()
    }

    fn take_requests(
        &mut self,
        matches: impl Fn(&VimRequest, bool) -> bool,
    ) -> Vec<(Duration, VimRequest)> {
        let all = std::mem::take(&mut self.requests);
        let (taken, left) =
            all.into_iter().partition(|(_, request, taken)| matches(request, *taken));
        self.requests = left;
        let taken: Vec<(Duration, VimRequest, bool)> = taken;
        taken.into_iter().map(|(at, request, _)| (at, request)).collect()
    }

    /// Commands that were sent to a host, as text.
    pub(super) fn commands(&mut self, host: u64) -> Vec<String> {
        let all = std::mem::take(&mut self.commands);
        let (taken, left) = all.into_iter().partition(|(to, _)| *to == host);
        self.commands = left;
        let taken: Vec<(u64, Command)> = taken;
        taken.iter().map(|(_, command)| names::command_text(command)).collect()
    }

    /// The same without the audit's own.
    pub(super) fn changes(&mut self, host: u64) -> Vec<String> {
        let mut commands = self.commands(host);
        commands.retain(|command| command != "query" && !command.starts_with("host"));
        commands
    }

    pub(super) fn acknowledged(&mut self) -> Vec<(u64, EventId)> {
        std::mem::take(&mut self.acknowledged)
    }

    /// When the inventory was asked for.
    pub(super) fn inventories(&mut self) -> Vec<Duration> {
        std::mem::take(&mut self.inventories)
    }

    pub(super) fn forget(&mut self) {
        self.requests.clear();
        self.commands.clear();
        self.acknowledged.clear();
        self.inventories.clear();
        self.notes.clear();
    }

    // What the agent knows.

    pub(super) fn known(&self) -> Vec<u64> {
        self.agent.instances().map(|instance| number_of(instance.id)).collect()
    }

    pub(super) fn heartbeats(&self, number: u64) -> bool {
        self.agent.instances().any(|view| view.id == id(number) && view.heartbeating)
    }

    pub(super) fn host_of(&self, number: u64) -> Option<String> {
        let view = self.agent.instances().find(|view| view.id == id(number))?;
        Some(view.hostname.to_string())
    }
}

fn new_agent(now: Instant) -> GuestAgent {
    let mut chance = fastrand::Rng::with_seed(1);
    GuestAgent::new(now, Box::new(move || chance.u32(..)))
}

fn waiting(reply: Result<CommandReply, RestError>) -> u32 {
    match reply {
        Ok(CommandReply::Action { timeout_secs, .. }) => timeout_secs,
        other => panic!("{other:?}"),
    }
}

pub(super) fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

pub(super) fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}
