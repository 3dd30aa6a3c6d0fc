//! Drives the core of guestAgent as its shell does: one input after the other, in whatever order
//! they are picked from those that are there, and outputs are drained after each.

use std::collections::{BTreeSet, VecDeque};
use std::net::IpAddr;
use std::time::{Duration, Instant};

use guest_agent::core::{GuestAgent, Input, Outcome, Output};
use protocol::channel::{EventType, LogMsg};
use protocol::datagram::{Command, Event, EventId, Hostname, MaintenanceCommand, MarkedEvent};
use protocol::vim::{CommandReply, GuestResponse, VimCommand, VimEvent, VimRequest};

use super::vim::Reply;
use super::{CONTROLLER, Cloud, Happening, MAINTENANCE, Sabotage, Seen};

/// Datagrams that wait in the loop's channel and in the sockets; more are lost.
const DATAGRAMS_MAX: usize = 1024 + 256;

/// The controller, as far as guestAgent is concerned.
pub(super) struct Controller {
    pub(super) core: Option<GuestAgent>,
    /// Counts the agents that there were.
    pub(super) life: u64,
    pub(super) stalled_until: Option<Instant>,
    /// A request to the VIM has no outcome yet.
    pub(super) asking: bool,
    wake_at: Option<Instant>,
    datagrams: VecDeque<(IpAddr, Box<[u8]>)>,
    commands: VecDeque<u64>,
    outcome: Option<Outcome>,
    /// Events that the present agent has acknowledged.
    acknowledged: BTreeSet<(usize, EventId)>,
    forged: u32,
}

/// What the shell can do next.
#[derive(Debug, Clone, Copy)]
enum Branch {
    Datagram,
    Command,
    Outcome,
    Deadline,
}

impl Controller {
    pub(super) fn new() -> Self {
        Self {
            core: None,
            life: 0,
            stalled_until: None,
            asking: false,
            wake_at: None,
            datagrams: VecDeque::new(),
            commands: VecDeque::new(),
            outcome: None,
            acknowledged: BTreeSet::new(),
            forged: 0,
        }
    }

    fn is_due(&self, now: Instant) -> bool {
        let next = self.core.as_ref().and_then(GuestAgent::next_deadline);
        next.is_some_and(|next| next <= now)
    }

    fn branches(&self, now: Instant) -> Vec<Branch> {
        let ready = [
            (!self.datagrams.is_empty()).then_some(Branch::Datagram),
            (!self.commands.is_empty()).then_some(Branch::Command),
            self.outcome.is_some().then_some(Branch::Outcome),
            self.is_due(now).then_some(Branch::Deadline),
        ];
        ready.into_iter().flatten().collect()
    }
}

impl Cloud {
    /// The agent, if one runs.
    pub fn agent(&self) -> Option<&GuestAgent> {
        self.controller.core.as_ref()
    }

    /// Whether an agent runs and is not held up.
    pub fn agent_is_driven(&self) -> bool {
        self.controller.core.is_some() && self.controller.stalled_until.is_none()
    }

    /// The agent ends; another one starts after `down`.
    pub fn restart_agent(&mut self, down: Duration) {
        if self.controller.core.is_none() {
            return;
        }
        let commands = std::mem::take(&mut self.controller.commands);
        self.no_replies(commands.into_iter());
        self.controller = Controller { life: self.controller.life + 1, ..Controller::new() };
        self.seen.push(Seen::AgentEnded);
        self.put(down, Happening::AgentStarts);
    }

    /// Nothing of the agent is driven for a while.
    pub fn stall_agent(&mut self, lasts: Duration) {
        let until = self.now + lasts;
        let until = self.controller.stalled_until.map_or(until, |already| already.max(until));
        self.controller.stalled_until = Some(until);
        self.controller.wake_at = None;
        self.wake_agent(Duration::ZERO);
    }

    pub(super) fn agent_starts(&mut self) {
        let mut random = self.random.fork();
        let core = GuestAgent::new(self.now, Box::new(move || random.u32(..)));
        self.controller.core = Some(core);
        self.seen.push(Seen::AgentStarted);
        self.carry_out();
        self.sleep();
    }

    /// Wakes the shell no later than after `delay`.
    pub(super) fn wake_agent(&mut self, delay: Duration) {
        let stalled = self.controller.stalled_until.filter(|until| *until > self.now);
        let at = (self.now + delay).max(stalled.unwrap_or(self.now));
        if self.controller.wake_at.is_none_or(|wake| wake > at) {
            self.controller.wake_at = Some(at);
            self.queue.put(at, Happening::Agent);
        }
    }

    pub(super) fn datagram_at_controller(&mut self, from: IpAddr, bytes: Box<[u8]>) {
        let room = self.controller.datagrams.len() < DATAGRAMS_MAX;
        if self.controller.core.is_none() || !room {
            return;
        }
        if let (Some(host), Ok(marked)) = (self.host_at(from), Event::decode_marked(&bytes)) {
            let known = |id| self.controller.acknowledged.contains(&(host, id));
            if !marked.id.is_some_and(known) {
                self.seen.push(Seen::Arrived { host, event: marked.event });
            }
        }
        self.controller.datagrams.push_back((from, bytes));
        self.wake_agent(Duration::from_micros(50));
    }

    pub(super) fn command_at_controller(&mut self, number: u64) {
        if self.controller.core.is_none() {
            return self.no_reply(number);
        }
        self.controller.commands.push_back(number);
        self.wake_agent(Duration::from_micros(200));
    }

    pub(super) fn outcome_at_controller(&mut self, outcome: Outcome) {
        self.controller.outcome = Some(outcome);
        self.wake_agent(Duration::from_micros(50));
    }

    pub(super) fn agent_wakes(&mut self, at: Instant) {
        let due = self.controller.wake_at.take_if(|wake| *wake == at).is_some();
        if !due || self.controller.stalled_until.is_some_and(|until| until > at) {
            return;
        }
        self.controller.stalled_until = None;
        if self.controller.core.is_none() {
            return;
        }
        loop {
            let branches = self.controller.branches(at);
            if branches.is_empty() {
                break;
            }
            let picked = self.random.usize(..branches.len());
            self.take_branch(branches[picked]);
            self.carry_out();
        }
        self.sleep();
    }

    fn sleep(&mut self) {
        let next = self.controller.core.as_ref().and_then(GuestAgent::next_deadline);
        if let Some(next) = next {
            let jitter = Duration::from_micros(self.random.u64(..1500));
            self.wake_agent(next.saturating_duration_since(self.now) + jitter);
        }
    }

    fn take_branch(&mut self, branch: Branch) {
        match branch {
            Branch::Datagram => {
                if let Some((from, bytes)) = self.controller.datagrams.pop_front() {
                    self.hand_in_datagram(from, &bytes);
                }
            }
            Branch::Command => {
                if let Some(number) = self.controller.commands.pop_front() {
                    self.obey(number);
                }
            }
            Branch::Outcome => {
                if let Some(outcome) = self.controller.outcome.take() {
                    self.controller.asking = false;
                    self.hand_in(Input::Vim(outcome));
                }
            }
            Branch::Deadline => {
                if let Some(core) = &mut self.controller.core {
                    core.handle_deadline(self.now);
                }
            }
        }
    }

    fn hand_in(&mut self, input: Input<'_>) {
        if let Some(core) = &mut self.controller.core {
            core.handle(self.now, input);
        }
    }

    fn hand_in_datagram(&mut self, from: IpAddr, bytes: &[u8]) {
        if from == MAINTENANCE {
            if self.sabotage == Some(Sabotage::IgnoreHost) && names_host(bytes, &self.hostname(0)) {
                return;
            }
            return self.hand_in(Input::Maintenance { from, bytes });
        }
        let before = self.not_passed();
        self.hand_in(Input::Datagram { from, bytes });
        let passed = self.not_passed() == before;
        let Ok(MarkedEvent { event, id, .. }) = Event::decode_marked(bytes) else { return };
        let Some(host) = self.host_at(from) else { return };
        let first = self.acknowledges_for_the_first_time(host, id);
        self.seen.push(Seen::Handed { host, event, id, passes: passed && first });
        if self.sabotage == Some(Sabotage::Hoard) && self.vim.temper.away {
            self.forge_loss(from);
        }
    }

    /// What the agent remembers, and what it is said to.
    pub fn remembered(&self) -> usize {
        let entries = self.agent().map_or(0, GuestAgent::entries);
        if self.sabotage == Some(Sabotage::Remember) {
            let handed = self.agent().map_or(0, |agent| agent.counters().events);
            return entries + usize::try_from(handed).unwrap_or(usize::MAX);
        }
        entries
    }

    /// Events that the agent took and that go no further.
    fn not_passed(&self) -> u64 {
        let Some(agent) = &self.controller.core else { return 0 };
        let counters = agent.counters();
        counters.unreported + counters.late_answers + counters.strange_events
    }

    /// Carries out what the event has led to; whether that is its first acknowledgement.
    fn acknowledges_for_the_first_time(&mut self, host: usize, id: Option<EventId>) -> bool {
        let Some(id) = id else { return false };
        let known = self.controller.acknowledged.contains(&(host, id));
        self.carry_out();
        !known && self.controller.acknowledged.contains(&(host, id))
    }

    fn forge_loss(&mut self, from: IpAddr) {
        let Some(core) = &mut self.controller.core else { return };
        let Some(view) = core.instances().find(|view| view.reporting) else { return };
        self.controller.forged += 1;
        let event = Event::Loss { hostname: view.hostname, uuid: view.id };
        let mut bytes = Vec::new();
        event.encode_marked(Some(EventId(self.controller.forged)), &mut bytes);
        self.hand_in(Input::Datagram { from, bytes: &bytes });
    }

    /// As the shell: a command whose connection has given up is not obeyed.
    fn obey(&mut self, number: u64) {
        let Some((command, correction)) = self.pending(number) else { return };
        let Some(core) = &mut self.controller.core else { return };
        let keeps = self.sabotage == Some(Sabotage::KeepDeleted);
        let reply: Reply = match &command {
            VimCommand::InstanceDelete { .. } if keeps => Ok(CommandReply::Deleted),
            _ => core.command(self.now, command.clone()),
        };
        self.carry_out();
        self.seen.push(Seen::Obeyed { command: command.clone(), reply, correction });
        self.misbehave(&command, correction);
    }

    fn misbehave(&mut self, command: &VimCommand, correction: bool) {
        match (self.sabotage, command) {
            (Some(Sabotage::Contradict), VimCommand::InstanceSet { uuid, hostname, reporting })
                if correction || self.now > self.begin + Duration::from_mins(1) =>
            {
                let event = VimEvent::Status {
                    uuid: *uuid,
                    hostname: hostname.clone(),
                    reporting: (!reporting.is_on()).into(),
                    heartbeating: true.into(),
                    restart_timeout_secs: 1,
                };
                drop(self.takes_event(event, self.controller.life));
            }
            (Some(Sabotage::SpeakOfDeleted), VimCommand::InstanceDelete { uuid }) => {
                let (uuid, action) = (*uuid, EventType::Stop);
                let response = GuestResponse::Allow;
                let reason = LogMsg::default();
                let event = VimEvent::Answer { uuid, action, response, reason };
                self.seen.push(Seen::Sent(VimRequest::Event(event)));
            }
            _ => {}
        }
    }

    fn carry_out(&mut self) {
        while let Some(output) = self.controller.core.as_mut().and_then(GuestAgent::poll_output) {
            match output {
                Output::Command { to, host, command } => {
                    let mut bytes = Vec::new();
                    command.encode_marked(CONTROLLER, host.as_str(), &mut bytes);
                    self.send_to_server(to, &bytes);
                }
                Output::Acknowledge { to, id } => self.acknowledge(to, id),
                Output::AskInventory => {
                    // What the shell learns when it looks maintenance up.
                    self.hand_in(Input::MaintenanceIsAt(MAINTENANCE));
                    self.ask_maintenance();
                }
                Output::Vim(request) => self.request(&request),
                Output::Note { about, note, .. } => self.seen.push(Seen::Note { about, note }),
            }
        }
    }

    fn acknowledge(&mut self, to: IpAddr, id: EventId) {
        if let Some(host) = self.host_at(to) {
            self.controller.acknowledged.insert((host, id));
        }
        let mut bytes = Vec::new();
        Command::encode_acknowledgement(id, CONTROLLER, &mut bytes);
        self.send_to_server(to, &bytes);
    }
}

/// Whether a datagram of maintenance is about this host.
fn names_host(bytes: &[u8], host: &Hostname) -> bool {
    match MaintenanceCommand::decode(bytes) {
        Ok(MaintenanceCommand::AddHost(entry) | MaintenanceCommand::ModifyHost(entry)) => {
            entry.hostname == *host
        }
        _ => false,
    }
}
