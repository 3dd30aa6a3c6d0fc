//! One run: a world, what goes wrong in it, and who watches.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use guest_client::core::Config;
use guest_server::core::Counters;
use protocol::channel::Name;

use super::invariants::{Checker, Judged, Verdict, Violation};
use super::plan::{Done, Plans};
use super::trace::{Print, Trace, clock};
use crate::cloud;
use crate::world::{Sabotage, Seen, World};

/// Time between two looks at what can be judged at any time.
pub(super) const SWEEP: Duration = Duration::from_millis(100);
/// Sweeps between two thorough ones.
pub(super) const THOROUGH: u64 = 50;
/// A storm lasts about this long before everything has to heal.
const ROUND: Duration = Duration::from_mins(30);
/// The shortest run: five minutes of faults, and the time to heal from them.
pub const SHORTEST: Duration = Duration::from_mins(12);

/// What to run.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// Guests, on all hosts together.
    pub guests: usize,
    /// Hosts of a cloud with the real core of guestAgent; none: one host with a simple agent.
    pub hosts: usize,
    /// How long, in virtual time; at least [`SHORTEST`].
    pub lasts: Duration,
    /// Heartbeat interval of most guests. `mixed` gives every tenth another one.
    pub interval: Duration,
    /// Whether some guests have other intervals, and some servers another failure threshold.
    pub mixed: bool,
    /// What is printed meanwhile.
    pub print: Print,
    /// A fault of the server that must be found.
    pub sabotage: Option<Sabotage>,
    /// A fault of the agent of a cloud that must be found.
    pub agent_sabotage: Option<cloud::Sabotage>,
}

/// What came of a run.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Outcome {
    /// The seed that decided everything.
    pub seed: u64,
    /// Challenges that were answered rightly.
    pub heartbeats: u64,
    /// Virtual time that passed, in seconds.
    pub virtual_secs: f64,
    /// Faults, by kind.
    pub faults: BTreeMap<String, u64>,
    /// Judgements found right.
    pub judged: Judged,
    /// Two runs have it in common only if the same happened in both.
    pub hash: u64,
    /// What went wrong.
    pub failure: Option<Failure>,
}

/// An invariant that did not hold.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Failure {
    /// Virtual time, as hours:minutes:seconds.
    pub at: String,
    /// The instance, if it is about one.
    pub instance: Option<usize>,
    /// The invariant, and what happened instead.
    pub sentence: String,
    /// The last things that happened to the instance, and to the host.
    pub last: Vec<String>,
}

impl Settings {
    /// How long a storm lasts, with the calm after it.
    pub(super) fn round(&self) -> Duration {
        let lasts = self.lasts.max(SHORTEST);
        let rounds = u32::try_from(lasts.as_secs() / ROUND.as_secs()).unwrap_or(u32::MAX).max(1);
        lasts / rounds
    }

    /// Consecutive misses that a server forgives.
    pub(super) fn threshold(&self, random: &mut fastrand::Rng) -> u32 {
        if self.mixed { [1, 1, 1, 0, 3][random.usize(..5)] } else { 1 }
    }
}

/// A run under way.
struct Soak {
    begin: Instant,
    world: World,
    plans: Plans,
    checker: Checker,
    trace: Trace,
    heartbeats: u64,
    sweeps: u64,
    next_sweep: Instant,
    seen: Vec<Seen>,
}

/// Runs `settings` with `seed`. `progress` is told of virtual time that has passed, now and then.
pub fn soak(settings: &Settings, seed: u64, progress: &mut dyn FnMut(Duration)) -> Outcome {
    if settings.hosts > 0 {
        return super::cloud::soak(settings, seed, progress);
    }
    let mut soak = Soak::new(settings, seed);
    let verdict = soak.run(settings.lasts.max(SHORTEST), progress);
    soak.outcome(seed, verdict)
}

impl Soak {
    fn new(settings: &Settings, seed: u64) -> Self {
        let begin = crate::clock::now();
        let mut random = fastrand::Rng::with_seed(seed);
        let threshold = settings.threshold(&mut random);
        let configs = (0..settings.guests).map(|n| config(settings, n, &mut random)).collect();
        let mut world = World::new(begin, random.u64(..), configs, threshold);
        world.sabotage = settings.sabotage;
        for number in 0..settings.guests {
            let (wanted, reporting) = (random.u8(..10) > 0, random.u8(..10) > 1);
            if wanted {
                world.want(number, true, reporting);
            }
        }
        Self {
            begin,
            plans: Plans::new(random.u64(..), settings.guests, begin, settings.round()),
            checker: Checker::new(settings.guests, begin, threshold),
            trace: Trace::new(begin, settings.guests, settings.print),
            world,
            heartbeats: 0,
            sweeps: 0,
            next_sweep: begin + SWEEP,
            seen: Vec::new(),
        }
    }

    fn run(&mut self, lasts: Duration, progress: &mut dyn FnMut(Duration)) -> Verdict {
        let end = self.begin + lasts;
        let mut told = self.begin;
        loop {
            let planned = self.plans.next().unwrap_or(end);
            let happens = self.world.next().unwrap_or(end);
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
                self.world.step();
            }
            self.judge()?;
            if next > told + Duration::from_secs(10) {
                progress(next - told);
                told = next;
            }
        }
    }

    fn carry_out_plan(&mut self) -> Verdict {
        let before = self.world.counters().map_or(0, answers);
        let done = self.plans.carry_out(&mut self.world);
        if self.world.counters().is_none() {
            self.heartbeats += before; // The server ended, and its count with it.
        }
        self.did(done)
    }

    fn did(&mut self, done: Done) -> Verdict {
        match done {
            Done::Did(number, text) => self.trace.put(self.world.now(), number, &text),
            Done::Healed => self.checker.all_has_healed(&self.world)?,
            Done::Nothing => {}
        }
        Ok(())
    }

    fn judge(&mut self) -> Verdict {
        let mut seen = std::mem::take(&mut self.seen);
        self.world.take_seen(&mut seen);
        for seen in &seen {
            self.trace.see(&self.world, seen);
        }
        let verdict = seen.iter().try_for_each(|seen| self.checker.see(&self.world, seen));
        self.seen = seen;
        verdict?;
        self.checker.settle()?;
        for answer in self.world.take_answers() {
            if answer.irrevocable {
                let done = self.plans.announced(&mut self.world, answer.number, answer.event);
                self.did(done)?;
            }
        }
        Ok(())
    }

    fn sweep(&mut self) -> Verdict {
        self.world.pass(self.next_sweep);
        self.next_sweep += SWEEP;
        self.sweeps += 1;
        self.checker.sweep(&self.world, self.sweeps.is_multiple_of(THOROUGH))
    }

    fn outcome(mut self, seed: u64, verdict: Verdict) -> Outcome {
        let now = self.world.now();
        let failure = verdict.err().map(|violation: Violation| Failure {
            at: clock(now - self.begin),
            instance: violation.number,
            sentence: violation.sentence,
            last: self.trace.last_of(violation.number),
        });
        Outcome {
            seed,
            heartbeats: self.heartbeats + self.world.counters().map_or(0, answers),
            virtual_secs: (now - self.begin).as_secs_f64(),
            faults: self.plans.injected,
            judged: self.checker.judged,
            hash: self.trace.hash(),
            failure,
        }
    }
}

pub(super) fn answers(counters: &Counters) -> u64 {
    counters.answers
}

pub(super) fn config(settings: &Settings, number: usize, random: &mut fastrand::Rng) -> Config {
    const OTHERS: [u64; 5] = [400, 730, 2000, 3000, 5000];
    let other = settings.mixed && random.u8(..10) == 0;
    let secs = |random: &mut fastrand::Rng, most| Duration::from_secs(random.u64(1..=most));
    Config {
        name: Name::new(&format!("guest-{number}")),
        interval: if other {
            Duration::from_millis(OTHERS[random.usize(..OTHERS.len())])
        } else {
            settings.interval
        },
        vote: secs(random, 20),
        shutdown_notice: secs(random, 20),
        suspend_notice: secs(random, 20),
        resume_notice: secs(random, 20),
        restart: secs(random, 90),
        ..Config::default()
    }
}
