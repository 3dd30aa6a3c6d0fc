//! When things go wrong, and what the orchestrator wants meanwhile.
//!
//! A run is made of rounds: a storm, in which faults come, then a calm, in which everything heals.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use protocol::channel::{EventType, Word};
use protocol::datagram::Command;

use super::faults::{Fault, announced};
use crate::world::{Queue, Weather, World};

/// Nothing goes wrong at first.
pub(super) const WARM_UP: Duration = Duration::from_secs(20);
/// Time for everything to heal: a rescan, the longest backoff, a client's doubts, two audits.
pub(super) const CALM: Duration = Duration::from_mins(7);

/// What is to come.
#[derive(Debug, Clone, Copy)]
enum Plan {
    /// The next fault of an instance.
    Fault(usize),
    /// The end of one, if it is still the same.
    End(usize, u32),
    /// The orchestrator wants something of an instance.
    Errand(usize),
    /// The agent forgets an instance, or wants it back.
    Membership(usize),
    /// The host is held up.
    Stall,
    /// The server is restarted.
    Restart,
    /// The host's reporting is switched.
    HostReporting,
    /// The network changes; noise arrives.
    Weather,
    /// The storm ends.
    Calm,
    /// Everything must have healed; the next storm begins.
    Healed,
}

/// A fault that has not ended.
#[derive(Debug, Clone, Copy, Default)]
struct Instance {
    fault: Option<Fault>,
    /// Counts its faults.
    count: u32,
}

/// All that is planned.
#[derive(Debug)]
pub(super) struct Plans {
    queue: Queue<Plan>,
    instances: Vec<Instance>,
    random: Vec<fastrand::Rng>,
    host_random: fastrand::Rng,
    storm: bool,
    /// The orchestrator wants nothing, and the network is good: only the server itself can heal.
    quiet: bool,
    round: Duration,
    pub(super) injected: BTreeMap<String, u64>,
}

/// What a plan came to.
#[derive(Debug)]
pub(super) enum Done {
    /// Something was done to an instance, or to the host.
    Did(Option<usize>, String),
    /// It is time to see whether everything has healed.
    Healed,
    /// Nothing.
    Nothing,
}

impl Plans {
    /// Plans for rounds of this length.
    pub(super) fn new(seed: u64, instances: usize, begin: Instant, round: Duration) -> Self {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut plans = Self {
            queue: Queue::default(),
            instances: vec![Instance::default(); instances],
            random: (0..instances).map(|_| random.fork()).collect(),
            host_random: random,
            storm: false,
            quiet: false,
            round,
            injected: BTreeMap::new(),
        };
        plans.begin_round(begin);
        plans
    }

    /// When the next plan is due.
    pub(super) fn next(&self) -> Option<Instant> {
        self.queue.next()
    }

    fn begin_round(&mut self, now: Instant) {
        self.storm = true;
        self.quiet = self.host_random.u8(..4) == 0;
        let first = now + WARM_UP;
        for number in 0..self.instances.len() {
            let random = &mut self.random[number];
            self.queue.put(first + secs(random, 0..240), Plan::Fault(number));
            if !self.quiet {
                self.queue.put(first + secs(random, 0..150), Plan::Errand(number));
                self.queue.put(first + secs(random, 0..1500), Plan::Membership(number));
            }
        }
        let random = &mut self.host_random;
        self.queue.put(first + secs(random, 0..60), Plan::Stall);
        if !self.quiet {
            self.queue.put(first + secs(random, 100..600), Plan::Restart);
            self.queue.put(first + secs(random, 0..200), Plan::HostReporting);
            self.queue.put(first, Plan::Weather);
        }
        self.queue.put(now + self.round.saturating_sub(CALM), Plan::Calm);
    }

    /// Carries out the next plan.
    pub(super) fn carry_out(&mut self, world: &mut World) -> Done {
        let Some((at, plan)) = self.queue.take() else { return Done::Nothing };
        world.pass(at);
        match plan {
            Plan::Calm => self.calm(world),
            Plan::Healed => {
                self.begin_round(at);
                Done::Healed
            }
            Plan::End(number, count) => self.end(world, number, Some(count)),
            Plan::Fault(number) => self.fault(world, number),
            Plan::Errand(number) => self.errand(world, number),
            Plan::Membership(number) => self.membership(world, number),
            Plan::Stall => self.stall(world),
            Plan::Restart => self.restart(world),
            Plan::HostReporting => self.host_reporting(world),
            Plan::Weather => self.weather(world),
        }
    }

    /// A guest does what it was notified of.
    pub(super) fn announced(&mut self, world: &mut World, number: usize, event: EventType) -> Done {
        let idle = self.storm && self.instances[number].fault.is_none();
        match announced(event) {
            Some(fault) if idle && self.random[number].bool() => self.inject(world, number, fault),
            _ => Done::Nothing,
        }
    }

    fn count(&mut self, what: &str) {
        *self.injected.entry(what.to_owned()).or_default() += 1;
    }

    fn fault(&mut self, world: &mut World, number: usize) -> Done {
        let random = &mut self.random[number];
        self.queue.put(world.now() + secs(random, 20..240), Plan::Fault(number));
        if self.instances[number].fault.is_some() {
            return Done::Nothing;
        }
        let fault = Fault::ALL[random.usize(..Fault::ALL.len())];
        self.inject(world, number, fault)
    }

    fn inject(&mut self, world: &mut World, number: usize, fault: Fault) -> Done {
        let lasts = fault.begin(world, number, &mut self.random[number]);
        let instance = &mut self.instances[number];
        instance.fault = Some(fault);
        instance.count += 1;
        self.queue.put(world.now() + lasts, Plan::End(number, instance.count));
        self.count(&format!("{fault:?}"));
        Done::Did(Some(number), format!("fault: {fault:?} for {lasts:?}"))
    }

    fn end(&mut self, world: &mut World, number: usize, count: Option<u32>) -> Done {
        let instance = &mut self.instances[number];
        if count.is_some_and(|count| count != instance.count) {
            return Done::Nothing;
        }
        let Some(fault) = instance.fault.take() else { return Done::Nothing };
        fault.end(world, number);
        Done::Did(Some(number), format!("fault ends: {fault:?}"))
    }

    fn errand(&mut self, world: &mut World, number: usize) -> Done {
        let random = &mut self.random[number];
        self.queue.put(world.now() + secs(random, 5..200), Plan::Errand(number));
        let uuid = world.instances()[number].id();
        let known = world.agent().instance(number);
        if random.u8(..8) == 0 && known.wanted {
            let reporting = !known.reporting;
            world.want(number, true, reporting);
            return Done::Did(Some(number), format!("orchestrator: reporting {reporting}"));
        }
        let event = Word::new(EVENTS[random.usize(..EVENTS.len())]);
        let text = format!("orchestrator: asks about {event}");
        let command = if random.u8(..3) == 0 {
            Command::Notify { uuid, event }
        } else {
            Command::Vote { uuid, event }
        };
        world.command(&command);
        if random.u8(..6) == 0 {
            world.command(&command);
        }
        Done::Did(Some(number), text)
    }

    fn membership(&mut self, world: &mut World, number: usize) -> Done {
        let random = &mut self.random[number];
        let wanted = !world.agent().instance(number).wanted;
        let next = if wanted { secs(random, 300..1800) } else { secs(random, 0..120) };
        self.queue.put(world.now() + next, Plan::Membership(number));
        world.want(number, wanted, random.u8(..5) > 0);
        Done::Did(Some(number), format!("orchestrator: wanted {wanted}"))
    }

    fn stall(&mut self, world: &mut World) -> Done {
        let random = &mut self.host_random;
        self.queue.put(world.now() + secs(random, 10..120), Plan::Stall);
        let (kind, text) = hold_up(world, random);
        self.count(kind);
        Done::Did(None, text)
    }

    fn restart(&mut self, world: &mut World) -> Done {
        let random = &mut self.host_random;
        self.queue.put(world.now() + secs(random, 100..900), Plan::Restart);
        world.restart_server(Duration::from_millis(random.u64(1..8000)));
        self.count("ServerRestart");
        Done::Did(None, "fault: guestServer is restarted".to_owned())
    }

    fn host_reporting(&mut self, world: &mut World) -> Done {
        let random = &mut self.host_random;
        let reporting = random.u8(..4) > 0;
        self.queue.put(world.now() + secs(random, 20..200), Plan::HostReporting);
        world.switch_host(reporting);
        Done::Did(None, format!("orchestrator: reporting of the host {reporting}"))
    }

    fn weather(&mut self, world: &mut World) -> Done {
        let random = &mut self.host_random;
        self.queue.put(world.now() + secs(random, 20..200), Plan::Weather);
        let mut worst = |most| if random.bool() { random.u32(..most) } else { 0 };
        world.weather = Weather { lost: worst(300), doubled: worst(200), overtaken: worst(300) };
        let length = random.usize(..1200);
        let noise: Vec<u8> = std::iter::repeat_with(|| random.u8(..)).take(length).collect();
        world.datagram(&noise);
        self.count("Weather");
        Done::Did(None, format!("network: {:?}", world.weather))
    }

    fn calm(&mut self, world: &mut World) -> Done {
        self.storm = false;
        self.queue = Queue::default();
        self.queue.put(world.now() + CALM, Plan::Healed);
        world.weather = Weather::default();
        world.slow_host(Duration::from_millis(1));
        world.switch_host(true);
        for number in 0..self.instances.len() {
            self.end(world, number, None);
            world.withdraw(number);
            let known = world.agent().instance(number);
            if !(known.wanted && known.reporting) {
                world.want(number, true, true);
            }
        }
        Done::Did(None, "faults stop".to_owned())
    }
}

/// Holds a host up in some way; which, and what there is to say of it.
pub(super) fn hold_up(world: &mut World, random: &mut fastrand::Rng) -> (&'static str, String) {
    world.slow_host(Duration::from_millis(1));
    if random.u8(..4) == 0 {
        let up_to = Duration::from_millis(random.u64(30..180));
        world.slow_host(up_to);
        return ("HostSluggish", format!("fault: the host is up to {up_to:?} late"));
    }
    let lasts = match random.u8(..4) {
        0 => Duration::from_millis(random.u64(50..250)),
        1 | 2 => Duration::from_millis(random.u64(200..3000)),
        _ => Duration::from_millis(random.u64(3000..15_000)),
    };
    if random.bool() {
        world.freeze_machine(lasts);
        return ("MachineFrozen", format!("fault: the machine freezes for {lasts:?}"));
    }
    world.stall_host(lasts);
    ("HostStall", format!("fault: the host stalls for {lasts:?}"))
}

/// What the orchestrator asks about; the server does not know the last one.
const EVENTS: [&str; 14] = [
    "stop",
    "reboot",
    "suspend",
    "pause",
    "unpause",
    "resume",
    "resize_begin",
    "resize_end",
    "live_migrate_begin",
    "live_migrate_end",
    "cold_migrate_begin",
    "cold_migrate_end",
    "live_migration_begin",
    "evacuate",
];

pub(super) fn secs(random: &mut fastrand::Rng, range: std::ops::Range<u64>) -> Duration {
    Duration::from_millis(random.u64(range.start * 1000..range.end * 1000))
}
