//! What must be true in every run. Judged from outside: by what the world says is true and by what
//! goes in and comes out of the server, never by what the server thinks.
//!
//! - [`heartbeat`]: a healthy guest is never lost, a dead one is found, all heartbeat again;
//! - [`reports`]: what the agent is told, and when it is told nothing;
//! - [`requests`]: each vote and notification is answered exactly once, in time;
//! - [`cadence`]: challenges come at their interval, without drift;
//! - [`bounds`]: memory and queues.

mod bounds;
mod cadence;
pub(super) mod heartbeat;
mod reports;
mod requests;

use std::time::{Duration, Instant};

use protocol::channel::NotificationType;
use protocol::datagram::{Command, Event};

use crate::world::{Phase, Seen, World, about};
use cadence::Cadence;
use reports::SilentStop;
use requests::Asked;

/// The server reports no failure for this long after its start.
const START_DELAY: Duration = Duration::from_secs(1);

/// An invariant that does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Violation {
    /// The instance, if it is about one.
    pub(super) number: Option<usize>,
    /// The invariant, and what happened instead.
    pub(super) sentence: String,
}

/// `Ok` while the invariants hold.
pub(super) type Verdict = Result<(), Violation>;

/// Watches a run.
#[derive(Debug)]
pub(super) struct Checker {
    /// Consecutive misses that the server forgives.
    threshold: u32,
    guests: Vec<Watched>,
    host: HostWatched,
    /// Instances whose silence ended their heartbeat in the present step.
    silent_stops: Vec<usize>,
    pub(super) judged: Judged,
}

/// How many judgements were found right.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Judged {
    /// Losses reported, each of a guest that was silent.
    pub losses: u64,
    /// Silences not reported, each for a good reason.
    pub silences_excused: u64,
    /// Votes and notifications answered.
    pub answers: u64,
    /// Reports of ill health.
    pub ill_health: u64,
    /// Times that everything had healed.
    pub healings: u64,
    /// Losses that reached the VIM.
    pub alarms: u64,
    /// Answers of guests that reached the VIM.
    pub vim_answers: u64,
    /// Statuses that reached the VIM.
    pub statuses: u64,
}

/// What was seen of the host.
#[derive(Debug)]
struct HostWatched {
    reporting: bool,
    started: Instant,
    /// When the server last was late.
    late: Option<Instant>,
    /// When the last query came that was to be answered in full.
    queried: Option<Instant>,
}

/// What was seen of an instance.
#[derive(Debug, Default)]
struct Watched {
    /// Whether its failures are reported; `None` if the agent has not named it.
    reporting: Option<bool>,
    /// The agent was told that it heartbeats.
    running: bool,
    /// Its loss may be reported late because the server has only just started.
    held_loss: bool,
    cadence: Cadence,
    last_challenge: Option<Instant>,
    asked: Vec<Asked>,
    /// It may be excused until then.
    perhaps_excused: Option<Instant>,
    /// It is excused for certain until then.
    excused: Option<Instant>,
    /// When the connection was last given up for a suspend.
    suspended: Option<Instant>,
    /// When a connection last ended, or the instance was deleted.
    parted: Option<Instant>,
    silent_stop: Option<SilentStop>,
    /// When its ill health was last reported.
    ill_reported: Option<Instant>,
    /// Since when a query about it waits for an answer.
    owed_since: Option<Instant>,
    /// Its failures have been reported since then.
    reports_since: Option<Instant>,
}

pub(super) fn violated(number: usize, sentence: String) -> Verdict {
    Err(Violation { number: Some(number), sentence })
}

impl Checker {
    pub(super) fn new(instances: usize, begin: Instant, threshold: u32) -> Self {
        Self {
            threshold,
            guests: std::iter::repeat_with(Watched::default).take(instances).collect(),
            host: HostWatched { reporting: true, started: begin, late: None, queried: None },
            silent_stops: Vec::new(),
            judged: Judged::default(),
        }
    }

    /// Judges what was seen.
    pub(super) fn see(&mut self, world: &World, seen: &Seen) -> Verdict {
        let now = world.now();
        match seen {
            Seen::Challenge { number, late, .. } => self.challenge(world, *number, *late),
            Seen::ServerStarted => {
                self.host =
                    HostWatched { reporting: true, started: now, late: None, queried: None };
                Ok(())
            }
            Seen::ServerEnded => {
                self.guests.iter_mut().for_each(|guest| *guest = Watched::default());
                Ok(())
            }
            Seen::ServerLate(_) => {
                self.host.late = Some(now);
                Ok(())
            }
            Seen::Command(command) => {
                self.command(world, command);
                self.note_reporting(now);
                Ok(())
            }
            Seen::Report { event, phase, .. } => self.report(world, event, *phase),
            Seen::Acknowledged { number } => {
                let guest = &mut self.guests[*number];
                guest.cadence.begin();
                guest.excused = None;
                Ok(())
            }
            Seen::Notified { number, event, kind } => {
                self.guests[*number].forwarded(*event, *kind);
                Ok(())
            }
            Seen::Closed { number } => {
                let guest = &mut self.guests[*number];
                guest.cadence.begin();
                guest.parted = Some(now);
                Ok(())
            }
            Seen::Connected { .. } | Seen::Note { .. } => Ok(()),
            Seen::Nonsense { number, why } => violated(
                *number,
                format!("the server asks its shell only for what is possible: {why}"),
            ),
        }
    }

    /// Judges what a step has left open.
    pub(super) fn settle(&mut self) -> Verdict {
        while let Some(number) = self.silent_stops.pop() {
            self.settle_silence(number)?;
        }
        Ok(())
    }

    /// Judges what can be judged at any time. `thorough` takes longer.
    pub(super) fn sweep(&mut self, world: &World, thorough: bool) -> Verdict {
        if !world.server_is_driven() {
            return Ok(());
        }
        for number in 0..self.guests.len() {
            self.dead_is_found(world, number)?;
            self.answered_in_time(world, number)?;
            self.new_file_is_connected(world, number)?;
        }
        if thorough {
            self.healthy_heartbeats(world)?;
            self.ill_are_reported(world)?;
            self.listening_is_connected(world)?;
            self.agent_was_told_the_truth(world)?;
            self.bounds(world)?;
        }
        Ok(())
    }

    fn command(&mut self, world: &World, command: &Command) {
        match command {
            Command::AddInstance { uuid, reporting }
            | Command::ModifyInstance { uuid, reporting } => {
                if let Some(number) = world.number_of(*uuid) {
                    let guest = &mut self.guests[number];
                    guest.reporting = Some(reporting.is_on());
                }
            }
            Command::DeleteInstance { uuid } => {
                if let Some(number) = world.number_of(*uuid) {
                    let parted = Some(world.now());
                    self.guests[number] = Watched { parted, ..Watched::default() };
                }
            }
            Command::ModifyHost { reporting } => self.host.reporting = reporting.is_on(),
            Command::Vote { uuid, event } => {
                self.asked(world, *uuid, event, NotificationType::Revocable);
            }
            Command::Notify { uuid, event } => {
                self.asked(world, *uuid, event, NotificationType::Irrevocable);
            }
            Command::QueryInstances => self.queried(world.now()),
            Command::Loopback => {}
        }
    }

    fn report(&mut self, world: &World, event: &Event, phase: Phase) -> Verdict {
        let Some(number) = about(event).and_then(|id| world.number_of(id)) else {
            return match event {
                Event::Ready { .. } => Ok(()),
                _ => Err(Violation {
                    number: None,
                    sentence: format!("events are about instances that exist: {event:?}"),
                }),
            };
        };
        if self.guests[number].reporting.is_none() && !matches!(event, Event::Answer(_)) {
            return violated(
                number,
                format!("nothing is said of an instance that the agent has not named: {event:?}"),
            );
        }
        match event {
            Event::Ready { .. } => Ok(()),
            Event::Running(_) => self.running(number),
            Event::Stopped(_) => self.stopped(world, number, phase),
            Event::IllHealth(info) => self.ill_health(world, number, info),
            Event::Loss { .. } => self.loss(world, number),
            Event::QueryResponse(info) => self.query_response(number, info),
            Event::Answer(answer) => self.answered(world, number, answer, phase),
        }
    }
}
