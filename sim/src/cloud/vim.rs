//! The VIM in virtual time: what it believes is its [`View`]; here is how it behaves.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use guest_agent::core::Outcome;
use protocol::InstanceId;
use protocol::vim::{CommandReply, GuestResponse, RestError, VimCommand, VimEvent, VimRequest};

use super::{Cloud, Fate, Happening, Sabotage, Seen};
use crate::vim::{Manner, Reaction, View};

/// How long the agent's transmitter waits for a reply, and the VIM for one of the agent.
const GIVE_UP: Duration = Duration::from_secs(20);
/// From the VIM to the agent, or back.
const WAY: Duration = Duration::from_millis(1);
/// Between two looks of the VIM at what the agent has not heard of.
const AUDIT: Duration = Duration::from_secs(30);

/// The VIM.
#[derive(Debug, Default)]
pub(super) struct Vim {
    pub(super) view: View,
    pub(super) temper: Temper,
    commands: u64,
    /// Commands without a reply so far, and whether they are corrections.
    pending: BTreeMap<u64, (VimCommand, bool)>,
    /// Hosts and instances of which the agent does not know all.
    unheard: BTreeSet<Entity>,
    /// An event that is held back for [`Sabotage::Overtake`].
    overtaken: Option<VimEvent>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Entity {
    Host(InstanceId),
    Instance(InstanceId),
}

/// How well it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Temper {
    /// Nobody listens.
    pub away: bool,
    /// Requests in a hundred that it deals with in some other way than it should.
    pub moody: u8,
}

/// A request on its way.
#[derive(Debug, Clone)]
pub(super) struct Request {
    what: VimRequest,
    /// The agent that sent it.
    life: u64,
    manner: Manner,
}

impl Cloud {
    /// What the VIM believes.
    pub fn view(&self) -> &View {
        &self.vim.view
    }

    /// How well the VIM is.
    pub fn temper(&self) -> Temper {
        self.vim.temper
    }

    /// The VIM is well from now on, or not.
    pub fn set_temper(&mut self, temper: Temper) {
        self.vim.temper = temper;
    }

    /// The agent sends a request, through the bytes that it would be.
    pub(super) fn request(&mut self, request: &VimRequest) {
        let body = request.body().unwrap_or_default();
        let request = VimRequest::decode(request.method(), &request.path(), &body)
            .expect("the VIM reads what the agent sends");
        if !self.is_kept_secret(&request) {
            self.seen.push(Seen::Sent(request.clone()));
        }
        if std::mem::replace(&mut self.controller.asking, true) {
            self.seen.push(Seen::Nonsense("a second request to the VIM at once"));
        }
        let life = self.controller.life;
        if self.vim.temper.away {
            let outcome = (Fate::NotSent, Outcome::NotSent);
            return self.put(WAY, Happening::Outcome { life, request, outcome });
        }
        let manner = self.manner();
        let reaches = !(manner == Manner::Fail || manner == Manner::Reset && self.random.bool());
        if !reaches {
            let outcome = match manner {
                Manner::Fail => (Fate::Refused, Outcome::Replied { status: 500, body: Vec::new() }),
                _ => (Fate::PerhapsLost, Outcome::Unknown),
            };
            return self.put(WAY * 2, Happening::Outcome { life, request, outcome });
        }
        let delay = match manner {
            _ if self.is_late_answer(&request) => Duration::from_secs(3),
            _ => Duration::from_micros(self.random.u64(300..5000)),
        };
        self.put(delay, Happening::VimTakes(Request { what: request, life, manner }));
    }

    fn manner(&mut self) -> Manner {
        if self.random.u8(..100) >= self.vim.temper.moody {
            return Manner::Normal;
        }
        match self.random.u8(..7) {
            0 => Manner::Garbage,
            1 => Manner::WrongTypes,
            2 => Manner::Fail,
            3 => Manner::Hang,
            4 => Manner::Slow(Duration::from_millis(self.random.u64(100..30_000))),
            _ => Manner::Reset,
        }
    }

    /// The VIM has read a request and does what it does about it.
    pub(super) fn vim_takes(&mut self, taken: Request) {
        let Request { what: request, life, manner } = taken;
        let Reaction { answer, .. } = self.react(&request, life);
        let well = || match answer {
            Some(body) => Outcome::Replied { status: 200, body },
            None => Outcome::Closed,
        };
        let (wait, fate, outcome) = match manner {
            Manner::WrongTypes => {
                let body = br#"{"instances":7,"state":[]}"#.to_vec();
                (WAY, Fate::Delivered, Outcome::Replied { status: 200, body })
            }
            Manner::Normal => (WAY, Fate::Delivered, well()),
            Manner::Slow(time) if time < GIVE_UP => (time, Fate::Delivered, well()),
            Manner::Slow(_) | Manner::Hang => (GIVE_UP, Fate::PerhapsTaken, Outcome::Unknown),
            Manner::Garbage | Manner::Reset | Manner::Fail => {
                (WAY, Fate::PerhapsTaken, Outcome::Unknown)
            }
        };
        let outcome = (fate, outcome);
        self.put(wait, Happening::Outcome { life, request, outcome });
    }

    fn react(&mut self, request: &VimRequest, life: u64) -> Reaction {
        match (self.sabotage, request) {
            (Some(sabotage), VimRequest::Event(event)) => self.sabotaged(sabotage, event, life),
            (None, VimRequest::Event(event)) => self.takes_event(event.clone(), life),
            _ => self.vim.view.handle(request),
        }
    }

    fn sabotaged(&mut self, sabotage: Sabotage, event: &VimEvent, life: u64) -> Reaction {
        use Sabotage as S;
        use VimEvent as E;
        match (sabotage, event) {
            (S::SwallowLosses, E::Alarm { .. })
            | (S::SwallowStatuses, E::Status { .. })
            | (S::SwallowAnswers, E::Answer { .. }) => return ignored(event),
            (S::RepeatLosses, E::Alarm { .. }) | (S::RepeatAnswers, E::Answer { .. }) => {
                self.takes_event(event.clone(), life);
            }
            (S::Overtake, E::Alarm { .. }) if self.vim.overtaken.is_none() => {
                self.vim.overtaken = Some(event.clone());
                return ignored(event);
            }
            (S::Overtake, E::Alarm { uuid, .. } | E::Answer { uuid, .. }) => {
                let reaction = self.takes_event(event.clone(), life);
                if let Some(held) = self.vim.overtaken.take_if(|held| held.uuid() == *uuid) {
                    self.takes_event(held, life);
                }
                return reaction;
            }
            (
                S::AgreeForGuest,
                E::Answer { uuid, action, response: GuestResponse::Reject, reason },
            ) => {
                let (uuid, action, reason) = (*uuid, *action, reason.clone());
                let response = GuestResponse::Allow;
                return self.takes_event(E::Answer { uuid, action, response, reason }, life);
            }
            _ => {}
        }
        self.takes_event(event.clone(), life)
    }

    pub(super) fn takes_event(&mut self, event: VimEvent, life: u64) -> Reaction {
        let reaction = self.vim.view.handle(&VimRequest::Event(event.clone()));
        let corrected = reaction.correction.is_some();
        let current = life == self.controller.life && self.controller.core.is_some();
        self.seen.push(Seen::Took { event, corrected, current });
        if let Some(correction) = reaction.correction.clone() {
            self.tell(&correction, true);
        }
        reaction
    }

    fn is_kept_secret(&self, request: &VimRequest) -> bool {
        self.sabotage == Some(Sabotage::KeepDeleted)
            && matches!(request, VimRequest::Event(event)
                if !self.vim.view.instances().contains_key(&event.uuid()))
    }

    fn is_late_answer(&self, request: &VimRequest) -> bool {
        self.sabotage == Some(Sabotage::LateAnswers)
            && matches!(request, VimRequest::Event(VimEvent::Answer { .. }))
    }

    /// The VIM decides something and tells the agent.
    pub fn decide(&mut self, command: &VimCommand) {
        self.vim.view.apply(command);
        self.seen.push(Seen::Decided(command.clone()));
        self.tell(command, false);
    }

    /// Sends a command, through the bytes that it would be.
    fn tell(&mut self, command: &VimCommand, correction: bool) {
        let body = command.body().unwrap_or_default();
        let command = VimCommand::decode(command.method(), &command.path(), &body)
            .expect("the agent reads what the VIM sends");
        let number = self.vim.commands;
        self.vim.commands += 1;
        self.vim.pending.insert(number, (command, correction));
        self.put(WAY, Happening::CommandArrives(number));
        self.put(GIVE_UP, Happening::GivesUp(number));
    }

    /// A command, if the VIM still waits for its reply.
    pub(super) fn pending(&mut self, number: u64) -> Option<(VimCommand, bool)> {
        self.vim.pending.remove(&number)
    }

    /// There will be no reply. The VIM does not try again, but its own audit finds what differs.
    pub(super) fn no_reply(&mut self, number: u64) {
        let Some((command, _)) = self.pending(number) else { return };
        self.vim.unheard.extend(entity(&command));
        self.seen.push(Seen::Unheard(command));
    }

    /// All commands that a controller which has ended had taken.
    pub(super) fn no_replies(&mut self, numbers: impl Iterator<Item = u64>) {
        numbers.for_each(|number| self.no_reply(number));
    }

    pub(super) fn vim_audits(&mut self) {
        self.put(AUDIT, Happening::VimAudits);
        if self.controller.core.is_none() {
            return;
        }
        for entity in std::mem::take(&mut self.vim.unheard) {
            let command = self.vim.as_it_is(entity);
            self.tell(&command, true);
        }
    }
}

impl Vim {
    fn as_it_is(&self, entity: Entity) -> VimCommand {
        match entity {
            Entity::Host(uuid) => match self.view.hosts().get(&uuid) {
                None => VimCommand::HostDelete { uuid: Some(uuid) },
                Some(host) if host.state.is_on() => {
                    VimCommand::HostEnable { uuid, hostname: host.hostname.clone() }
                }
                Some(host) => VimCommand::HostDisable { uuid, hostname: host.hostname.clone() },
            },
            Entity::Instance(uuid) => match self.view.instances().get(&uuid) {
                None => VimCommand::InstanceDelete { uuid },
                Some(instance) => VimCommand::InstanceSet {
                    uuid,
                    hostname: instance.hostname.clone(),
                    reporting: instance.reporting,
                },
            },
        }
    }
}

/// As a VIM that knows nothing would.
fn ignored(event: &VimEvent) -> Reaction {
    View::default().handle(&VimRequest::Event(event.clone()))
}

/// What the VIM has to say again if a command was not heard.
fn entity(command: &VimCommand) -> Option<Entity> {
    match command {
        VimCommand::HostCreate { uuid, .. }
        | VimCommand::HostEnable { uuid, .. }
        | VimCommand::HostDisable { uuid, .. }
        | VimCommand::HostDelete { uuid: Some(uuid) } => Some(Entity::Host(*uuid)),
        VimCommand::InstanceCreate { uuid, .. }
        | VimCommand::InstanceSet { uuid, .. }
        | VimCommand::InstanceDelete { uuid } => Some(Entity::Instance(*uuid)),
        VimCommand::HostDelete { uuid: None }
        | VimCommand::HostQuery { .. }
        | VimCommand::InstanceQuery { .. }
        | VimCommand::Vote { .. }
        | VimCommand::Notify { .. } => None,
    }
}

/// What the agent says to a command.
pub(super) type Reply = Result<CommandReply, RestError>;
