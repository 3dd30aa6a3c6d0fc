//! One run of a cloud.

use std::time::{Duration, Instant};

use protocol::InstanceId;
use protocol::vim::{GuestResponse, VimCommand, VimEvent};

use super::super::invariants::{Checker, Verdict, Violation};
use super::super::plan::Done;
use super::super::run::{Failure, Outcome, SWEEP, Settings, THOROUGH, answers, config};
use super::super::trace::{Trace, clock};
use super::plan::Plans;
use super::watch::Watch;
use crate::cloud::{self, Cloud, Seen, Turn};
use crate::world::{self, World};

/// A run under way.
struct Soak {
    begin: Instant,
    cloud: Cloud,
    plans: Plans,
    /// Who watches each host.
    checkers: Vec<Checker>,
    watch: Watch,
    trace: Trace,
    heartbeats: u64,
    sweeps: u64,
    next_sweep: Instant,
    seen: Vec<Seen>,
    seen_there: Vec<world::Seen>,
}

/// Runs a cloud of `settings` with `seed`.
pub(in super::super) fn soak(
    settings: &Settings,
    seed: u64,
    progress: &mut dyn FnMut(Duration),
) -> Outcome {
    let mut soak = Soak::new(settings, seed);
    let verdict = soak.run(settings.round(), settings.lasts, progress);
    soak.outcome(seed, verdict)
}

impl Soak {
    fn new(settings: &Settings, seed: u64) -> Self {
        let begin = crate::clock::now();
        let mut random = fastrand::Rng::with_seed(seed);
        let threshold = settings.threshold(&mut random);
        let configs: Vec<_> =
            (0..settings.guests).map(|n| config(settings, n, &mut random)).collect();
        let home = |random: &mut fastrand::Rng| {
            let host = random.usize(..settings.hosts);
            (random.u8(..10) > 0).then_some(host)
        };
        let homes: Vec<_> = (0..settings.guests).map(|_| home(&mut random)).collect();
        let world = |host| {
            let (name, configs) = (cloud::hostname(host), configs.clone());
            let lives_here = |number: usize| homes[number] == Some(host);
            let mut world =
                World::of_cloud(begin, random.u64(..), name, configs, threshold, lives_here);
            world.sabotage = settings.sabotage;
            world
        };
        let worlds = (0..settings.hosts).map(world).collect();
        let mut cloud = Cloud::new(begin, random.u64(..), worlds);
        cloud.sabotage = settings.agent_sabotage;
        provision(&mut cloud, &homes, &mut random);
        let checker = |_| Checker::new(settings.guests, begin, threshold);
        Self {
            begin,
            plans: Plans::new(random.u64(..), homes, &cloud, settings.round()),
            checkers: (0..settings.hosts).map(checker).collect(),
            watch: Watch::new(&cloud, settings.guests),
            trace: Trace::new(begin, settings.guests, settings.print),
            cloud,
            heartbeats: 0,
            sweeps: 0,
            next_sweep: begin + SWEEP,
            seen: Vec::new(),
            seen_there: Vec::new(),
        }
    }

    fn run(
        &mut self,
        round: Duration,
        lasts: Duration,
        progress: &mut dyn FnMut(Duration),
    ) -> Verdict {
        let end = self.begin + lasts.max(round);
        let mut told = self.begin;
        loop {
            let planned = self.plans.next().unwrap_or(end);
            let happens = self.cloud.next().unwrap_or(end);
            let next = planned.min(happens);
            if next > end {
                return Ok(());
            }
            if next > self.next_sweep {
                self.sweep()?;
            }
            if planned <= happens {
                self.carry_out_plan()?;
            } else {
                let turn = self.cloud.step();
                self.judge(turn)?;
            }
            if next > told + Duration::from_secs(10) {
                progress(next - told);
                told = next;
            }
        }
    }

    fn carry_out_plan(&mut self) -> Verdict {
        let before = self.answers();
        let done = self.plans.carry_out(&mut self.cloud);
        // A server may have ended, and its count with it.
        self.heartbeats += before - self.answers();
        self.did(done)?;
        (0..self.checkers.len()).try_for_each(|host| self.judge_host(host))?;
        self.judge(Turn::Between)
    }

    /// Challenges answered rightly, as far as present servers counted them.
    fn answers(&self) -> u64 {
        let worlds = (0..self.cloud.hosts()).map(|host| self.cloud.world(host));
        worlds.filter_map(|world| world.counters().map(answers)).sum()
    }

    fn did(&mut self, done: Done) -> Verdict {
        match done {
            Done::Did(number, text) => self.trace.put(self.cloud.now(), number, &text),
            Done::Healed => self.watch.all_has_healed(&self.cloud, &self.checkers)?,
            Done::Nothing => {}
        }
        Ok(())
    }

    fn judge(&mut self, turn: Turn) -> Verdict {
        if let Turn::Host(host) = turn {
            self.judge_host(host)?;
        }
        let mut all = std::mem::take(&mut self.seen);
        self.cloud.take_seen(&mut all);
        for seen in &all {
            self.note(seen);
        }
        let verdict = all.iter().try_for_each(|seen| self.watch.see(&self.cloud, seen));
        let announced: Vec<_> = all.iter().filter_map(proceeds).collect();
        self.seen = all;
        verdict?;
        for (id, event) in announced {
            if let Some(number) = self.watch.number_of(id) {
                let done = self.plans.announced(&mut self.cloud, number, event);
                self.did(done)?;
            }
        }
        Ok(())
    }

    fn judge_host(&mut self, host: usize) -> Verdict {
        let mut all = std::mem::take(&mut self.seen_there);
        self.cloud.world_mut(host).take_seen(&mut all);
        let (world, checker) = (self.cloud.world(host), &mut self.checkers[host]);
        let mut verdict = Ok(());
        for seen in &all {
            self.trace.see_on(Some(host), world, seen);
            self.watch.see_host(&self.cloud, host, seen);
            verdict = verdict.and_then(|()| checker.see(world, seen));
        }
        self.seen_there = all;
        verdict?;
        checker.settle()
    }

    fn note(&mut self, seen: &Seen) {
        let (id, text) = match seen {
            Seen::AgentStarted => (None, "guestAgent starts".to_owned()),
            Seen::AgentEnded => (None, "guestAgent ends".to_owned()),
            Seen::Arrived { .. } => return,
            Seen::Handed { host, event, passes, .. } => {
                if matches!(event, protocol::datagram::Event::QueryResponse(_)) {
                    return;
                }
                let text =
                    format!("guestAgent hears of compute-{host}, passes {passes}: {event:?}");
                (world::about(event), text)
            }
            Seen::Sent(request) => (None, format!("guestAgent asks the VIM: {}", request.path())),
            Seen::Took { event, .. } => (Some(event.uuid()), format!("the VIM takes {event:?}")),
            Seen::Outcome { event, fate } => (Some(event.uuid()), format!("to the VIM: {fate:?}")),
            Seen::Decided(command) => (about(command), format!("the VIM decides {command:?}")),
            Seen::Obeyed { command, reply, .. } => {
                (about(command), format!("guestAgent obeys {command:?}: {reply:?}"))
            }
            Seen::Unheard(command) => (about(command), format!("not heard: {command:?}")),
            Seen::Nonsense(why) => (None, format!("nonsense: {why}")),
            Seen::Note { about, note } => (*about, format!("guestAgent: log: {note}")),
        };
        let number = id.and_then(|id| self.watch.number_of(id));
        self.trace.put(self.cloud.now(), number, &text);
    }

    fn sweep(&mut self) -> Verdict {
        self.cloud.pass(self.next_sweep);
        self.next_sweep += SWEEP;
        self.sweeps += 1;
        let thorough = self.sweeps.is_multiple_of(THOROUGH);
        for (host, checker) in self.checkers.iter_mut().enumerate() {
            checker.sweep(self.cloud.world(host), thorough)?;
        }
        self.watch.sweep(&self.cloud, self.sweeps.is_multiple_of(THOROUGH / 10))
    }

    fn outcome(mut self, seed: u64, verdict: Verdict) -> Outcome {
        let now = self.cloud.now();
        let failure = verdict.err().map(|violation: Violation| Failure {
            at: clock(now - self.begin),
            instance: violation.number,
            sentence: violation.sentence,
            last: self.trace.last_of(violation.number),
        });
        let mut judged = self.watch.judged;
        self.checkers.iter().for_each(|checker| judged.add(&checker.judged));
        Outcome {
            seed,
            heartbeats: self.heartbeats + self.answers(),
            virtual_secs: (now - self.begin).as_secs_f64(),
            faults: self.plans.injected,
            judged,
            hash: self.trace.hash(),
            failure,
        }
    }
}

/// What the VIM and maintenance know before the agent starts.
fn provision(cloud: &mut Cloud, homes: &[Option<usize>], random: &mut fastrand::Rng) {
    for host in 0..cloud.hosts() {
        cloud.list(host, true);
        let (uuid, hostname) = (cloud.uuid(host), cloud.hostname(host));
        cloud.decide(&VimCommand::HostEnable { uuid, hostname });
    }
    for (number, home) in homes.iter().enumerate() {
        let Some(home) = home else { continue };
        let (uuid, hostname) = (InstanceId::numbered(number as u64), cloud.hostname(*home));
        let reporting = (random.u8(..10) > 1).into();
        cloud.decide(&VimCommand::InstanceSet { uuid, hostname, reporting });
    }
}

/// A guest is prepared for what the VIM does now.
fn proceeds(seen: &Seen) -> Option<(InstanceId, protocol::channel::EventType)> {
    match seen {
        Seen::Took {
            event: VimEvent::Answer { uuid, action, response: GuestResponse::Proceed, .. },
            ..
        } => Some((*uuid, *action)),
        _ => None,
    }
}

/// The instance that a command is about.
fn about(command: &VimCommand) -> Option<InstanceId> {
    match command {
        VimCommand::InstanceCreate { uuid, .. }
        | VimCommand::InstanceSet { uuid, .. }
        | VimCommand::InstanceQuery { uuid }
        | VimCommand::InstanceDelete { uuid }
        | VimCommand::Vote { uuid, .. }
        | VimCommand::Notify { uuid, .. } => Some(*uuid),
        VimCommand::HostCreate { .. }
        | VimCommand::HostEnable { .. }
        | VimCommand::HostDisable { .. }
        | VimCommand::HostQuery { .. }
        | VimCommand::HostDelete { .. } => None,
    }
}
