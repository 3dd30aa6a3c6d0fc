//! When things go wrong in a cloud, and what the VIM decides meanwhile.
//!
//! As for a single host: rounds of a storm and a calm. In the last minutes of a calm a daemon is
//! restarted, and nothing else: what it has forgotten must be found again at once.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use protocol::InstanceId;
use protocol::channel::EventType;
use protocol::vim::VimCommand;

use super::super::faults::{Fault, announced};
use super::super::plan::{CALM, Done, WARM_UP, secs};
use super::moves::Move;
use crate::cloud::{Cloud, Temper};
use crate::world::{Queue, Weather};

/// From the beginning of the calm to the restart of one daemon.
const UNSETTLE: Duration = Duration::from_mins(5);

/// What is to come.
#[derive(Debug, Clone, Copy)]
enum Plan {
    /// The next fault of an instance.
    Fault(usize),
    /// The end of one, if it is still the same.
    End(usize, u32),
    /// The VIM wants something of an instance.
    Errand(usize),
    /// An instance is deleted, or made.
    Membership(usize),
    /// An instance is to live elsewhere.
    Migrate(usize),
    /// The next step of that.
    GoOn(usize),
    /// A host is held up.
    Stall(usize),
    /// A server is restarted.
    Restart(usize),
    /// A host's reporting is switched.
    HostReporting(usize),
    /// A host leaves the inventory, or is in it again.
    Inventory(usize),
    /// The network to a host changes.
    Weather(usize),
    /// The network to maintenance changes.
    MaintenanceWeather,
    /// The agent is held up or restarted.
    Agent,
    /// The VIM is away, or answers as it should not, or is well again.
    Vim,
    /// The storm ends.
    Calm,
    /// One daemon is restarted.
    Unsettle,
    /// Everything must have healed; the next storm begins.
    Healed,
}

/// An instance, as far as plans go.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Instance {
    /// Where its machine is, if there is one.
    pub(super) home: Option<usize>,
    pub(super) moving: Option<Move>,
    fault: Option<Fault>,
    /// Counts its faults.
    count: u32,
}

/// All that is planned.
#[derive(Debug)]
pub(in super::super) struct Plans {
    queue: Queue<Plan>,
    pub(super) instances: Vec<Instance>,
    pub(super) random: Vec<fastrand::Rng>,
    cloud_random: fastrand::Rng,
    storm: bool,
    /// Only guests fail in this storm, and the VIM decides; all else is well.
    quiet: bool,
    round: Duration,
    pub(in super::super) injected: BTreeMap<String, u64>,
}

impl Plans {
    /// Plans for rounds of this length; `homes`: where each instance lives, if it exists.
    pub(in super::super) fn new(
        seed: u64,
        homes: Vec<Option<usize>>,
        cloud: &Cloud,
        round: Duration,
    ) -> Self {
        let mut random = fastrand::Rng::with_seed(seed);
        let instance = |home| Instance { home, ..Instance::default() };
        let mut plans = Self {
            queue: Queue::default(),
            random: homes.iter().map(|_| random.fork()).collect(),
            instances: homes.into_iter().map(instance).collect(),
            cloud_random: random,
            storm: false,
            quiet: false,
            round,
            injected: BTreeMap::new(),
        };
        plans.begin_round(cloud.now(), cloud.hosts());
        plans
    }

    /// When the next plan is due.
    pub(in super::super) fn next(&self) -> Option<Instant> {
        self.queue.next()
    }

    fn begin_round(&mut self, now: Instant, hosts: usize) {
        self.storm = true;
        self.quiet = self.cloud_random.u8(..4) == 0;
        let first = now + WARM_UP;
        for number in 0..self.instances.len() {
            let random = &mut self.random[number];
            self.queue.put(first + secs(random, 0..240), Plan::Fault(number));
            self.queue.put(first + secs(random, 0..150), Plan::Errand(number));
            self.queue.put(first + secs(random, 0..1800), Plan::Membership(number));
            self.queue.put(first + secs(random, 0..1200), Plan::Migrate(number));
        }
        let random = &mut self.cloud_random;
        for host in 0..hosts {
            self.queue.put(first + secs(random, 0..300), Plan::HostReporting(host));
            if !self.quiet {
                self.queue.put(first + secs(random, 0..120), Plan::Stall(host));
                self.queue.put(first + secs(random, 50..900), Plan::Restart(host));
                self.queue.put(first + secs(random, 0..120), Plan::Weather(host));
                self.queue.put(first + secs(random, 200..3000), Plan::Inventory(host));
            }
        }
        if !self.quiet {
            self.queue.put(first + secs(random, 0..300), Plan::MaintenanceWeather);
            self.queue.put(first + secs(random, 0..300), Plan::Agent);
            self.queue.put(first + secs(random, 0..300), Plan::Vim);
        }
        self.queue.put(now + self.round.saturating_sub(CALM), Plan::Calm);
    }

    /// Carries out the next plan.
    pub(in super::super) fn carry_out(&mut self, cloud: &mut Cloud) -> Done {
        let Some((at, plan)) = self.queue.take() else { return Done::Nothing };
        cloud.pass(at);
        match plan {
            Plan::Calm => self.calm(cloud),
            Plan::Unsettle => self.unsettle(cloud),
            Plan::Healed => {
                self.begin_round(at, cloud.hosts());
                Done::Healed
            }
            Plan::End(number, count) => self.end(cloud, number, Some(count)),
            Plan::Fault(number) => self.fault(cloud, number),
            Plan::Errand(number) => self.errand(cloud, number),
            Plan::Membership(number) => self.membership(cloud, number),
            Plan::Migrate(number) => self.migrate(cloud, number),
            Plan::GoOn(number) => self.go_on(cloud, number),
            Plan::Stall(host) => self.stall(cloud, host),
            Plan::Restart(host) => self.restart(cloud, host),
            Plan::HostReporting(host) => self.host_reporting(cloud, host),
            Plan::Inventory(host) => self.inventory(cloud, host),
            Plan::Weather(host) => self.weather(cloud, Some(host)),
            Plan::MaintenanceWeather => self.weather(cloud, None),
            Plan::Agent => self.agent(cloud),
            Plan::Vim => self.vim(cloud),
        }
    }

    /// A guest does what it was notified of.
    pub(in super::super) fn announced(
        &mut self,
        cloud: &mut Cloud,
        number: usize,
        event: EventType,
    ) -> Done {
        match announced(event) {
            Some(fault) if self.storm && self.random[number].bool() => {
                self.inject(cloud, number, fault)
            }
            _ => Done::Nothing,
        }
    }

    pub(super) fn count(&mut self, what: &str) {
        *self.injected.entry(what.to_owned()).or_default() += 1;
    }

    pub(super) fn go_on_in(&mut self, cloud: &Cloud, number: usize, wait: Duration) {
        self.queue.put(cloud.now() + wait, Plan::GoOn(number));
    }

    fn fault(&mut self, cloud: &mut Cloud, number: usize) -> Done {
        let random = &mut self.random[number];
        self.queue.put(cloud.now() + secs(random, 20..240), Plan::Fault(number));
        let fault = Fault::ALL[random.usize(..Fault::ALL.len())];
        self.inject(cloud, number, fault)
    }

    fn inject(&mut self, cloud: &mut Cloud, number: usize, fault: Fault) -> Done {
        let instance = &mut self.instances[number];
        let Some(home) = instance.home else { return Done::Nothing };
        if instance.fault.is_some() || instance.moving.is_some() {
            return Done::Nothing;
        }
        let lasts = fault.begin(cloud.world_mut(home), number, &mut self.random[number]);
        instance.fault = Some(fault);
        instance.count += 1;
        self.queue.put(cloud.now() + lasts, Plan::End(number, instance.count));
        self.count(&format!("{fault:?}"));
        Done::Did(Some(number), format!("fault: {fault:?} for {lasts:?}"))
    }

    pub(super) fn end(&mut self, cloud: &mut Cloud, number: usize, count: Option<u32>) -> Done {
        let instance = &mut self.instances[number];
        if count.is_some_and(|count| count != instance.count) {
            return Done::Nothing;
        }
        let (Some(fault), Some(home)) = (instance.fault.take(), instance.home) else {
            return Done::Nothing;
        };
        fault.end(cloud.world_mut(home), number);
        Done::Did(Some(number), format!("fault ends: {fault:?}"))
    }

    fn errand(&mut self, cloud: &mut Cloud, number: usize) -> Done {
        let random = &mut self.random[number];
        self.queue.put(cloud.now() + secs(random, 5..200), Plan::Errand(number));
        let uuid = InstanceId::numbered(number as u64);
        let Some(known) = cloud.view().instances().get(&uuid).cloned() else {
            return Done::Nothing;
        };
        let hostname = known.hostname;
        let command = match random.u8(..16) {
            0 | 1 => {
                let reporting = (!known.reporting.is_on()).into();
                VimCommand::InstanceSet { uuid, hostname, reporting }
            }
            2 => VimCommand::InstanceQuery { uuid },
            roll => {
                // All but the last, which is "unknown".
                let action = EventType::ALL[random.usize(..EventType::ALL.len() - 1)];
                if roll < 7 {
                    VimCommand::Notify { uuid, hostname, action }
                } else {
                    VimCommand::Vote { uuid, hostname, action }
                }
            }
        };
        if random.u8(..8) == 0 {
            cloud.decide(&command);
        }
        let text = format!("VIM: {command:?}");
        cloud.decide(&command);
        Done::Did(Some(number), text)
    }

    fn membership(&mut self, cloud: &mut Cloud, number: usize) -> Done {
        let next = match self.instances[number].home {
            Some(_) => secs(&mut self.random[number], 40..300),
            None => secs(&mut self.random[number], 300..2500),
        };
        self.queue.put(cloud.now() + next, Plan::Membership(number));
        self.change_existence(cloud, number)
    }

    fn migrate(&mut self, cloud: &mut Cloud, number: usize) -> Done {
        let next = secs(&mut self.random[number], 60..1800);
        self.queue.put(cloud.now() + next, Plan::Migrate(number));
        self.begin_move(cloud, number)
    }

    fn stall(&mut self, cloud: &mut Cloud, host: usize) -> Done {
        let random = &mut self.cloud_random;
        self.queue.put(cloud.now() + secs(random, 20..240), Plan::Stall(host));
        let (kind, text) = super::super::plan::hold_up(cloud.world_mut(host), random);
        self.count(kind);
        Done::Did(None, format!("compute-{host}: {text}"))
    }

    fn restart(&mut self, cloud: &mut Cloud, host: usize) -> Done {
        let random = &mut self.cloud_random;
        self.queue.put(cloud.now() + secs(random, 200..1500), Plan::Restart(host));
        let down = Duration::from_millis(random.u64(1..8000));
        cloud.world_mut(host).restart_server(down);
        self.count("ServerRestart");
        Done::Did(None, format!("compute-{host}: fault: guestServer is restarted"))
    }

    fn host_reporting(&mut self, cloud: &mut Cloud, host: usize) -> Done {
        let random = &mut self.cloud_random;
        let on = random.u8(..4) > 0;
        let next = if on { secs(random, 60..900) } else { secs(random, 10..100) };
        self.queue.put(cloud.now() + next, Plan::HostReporting(host));
        switch_host(cloud, host, on);
        Done::Did(None, format!("VIM: reporting of compute-{host} {on}"))
    }

    fn inventory(&mut self, cloud: &mut Cloud, host: usize) -> Done {
        let random = &mut self.cloud_random;
        let listed = !cloud.is_listed(host);
        let next = if listed { secs(random, 500..4000) } else { secs(random, 1..90) };
        self.queue.put(cloud.now() + next, Plan::Inventory(host));
        cloud.list(host, listed);
        self.count("Inventory");
        Done::Did(None, format!("maintenance: compute-{host} is listed: {listed}"))
    }

    fn weather(&mut self, cloud: &mut Cloud, host: Option<usize>) -> Done {
        let random = &mut self.cloud_random;
        let again = host.map_or(Plan::MaintenanceWeather, Plan::Weather);
        self.queue.put(cloud.now() + secs(random, 20..300), again);
        let mut worst = |most| if random.bool() { random.u32(..most) } else { 0 };
        let mut weather = Weather { lost: worst(500), doubled: worst(200), overtaken: worst(300) };
        match random.u8(..8) {
            0 => weather.lost = 1000,
            1..=3 => weather = Weather::default(),
            _ => {}
        }
        self.count("Weather");
        let text = if let Some(host) = host {
            cloud.set_weather(host, weather);
            format!("network to compute-{host}: {weather:?}")
        } else {
            cloud.maintenance_weather = weather;
            format!("network to maintenance: {weather:?}")
        };
        Done::Did(None, text)
    }

    fn agent(&mut self, cloud: &mut Cloud) -> Done {
        let random = &mut self.cloud_random;
        self.queue.put(cloud.now() + secs(random, 30..500), Plan::Agent);
        if random.u8(..3) == 0 {
            let down = Duration::from_millis(random.u64(1..20_000));
            cloud.restart_agent(down);
            self.count("AgentRestart");
            return Done::Did(None, format!("fault: guestAgent is restarted in {down:?}"));
        }
        let most = if random.u8(..4) == 0 { 60_000 } else { 3000 };
        let lasts = Duration::from_millis(random.u64(20..most));
        cloud.stall_agent(lasts);
        self.count("AgentStall");
        Done::Did(None, format!("fault: the controller stalls for {lasts:?}"))
    }

    fn vim(&mut self, cloud: &mut Cloud) -> Done {
        let random = &mut self.cloud_random;
        let was_well = cloud.temper() == Temper::default();
        let hours = random.u8(..8) == 0;
        let next = match (was_well, hours) {
            (false, _) => secs(random, 30..400),
            (true, false) => secs(random, 1..120),
            (true, true) => secs(random, 600..14_400),
        };
        self.queue.put(cloud.now() + next, Plan::Vim);
        let temper = match (was_well, random.bool()) {
            (false, _) => Temper::default(),
            (true, true) => Temper { away: true, moody: 0 },
            (true, false) => Temper { away: false, moody: random.u8(5..70) },
        };
        cloud.set_temper(temper);
        if was_well {
            self.count(if temper.away { "VimAway" } else { "VimMoody" });
        }
        Done::Did(None, format!("the VIM's temper: {temper:?}"))
    }

    fn calm(&mut self, cloud: &mut Cloud) -> Done {
        self.storm = false;
        self.queue = Queue::default();
        self.queue.put(cloud.now() + UNSETTLE, Plan::Unsettle);
        self.queue.put(cloud.now() + CALM, Plan::Healed);
        cloud.maintenance_weather = Weather::default();
        cloud.set_temper(Temper::default());
        for host in 0..cloud.hosts() {
            cloud.set_weather(host, Weather::default());
            cloud.world_mut(host).slow_host(Duration::from_millis(1));
            if !cloud.is_listed(host) {
                cloud.list(host, true);
            }
            switch_host(cloud, host, true);
        }
        for number in 0..self.instances.len() {
            self.end(cloud, number, None);
            self.finish_move(cloud, number);
            self.report(cloud, number);
        }
        Done::Did(None, "faults stop".to_owned())
    }

    /// All existing instances are reported in a calm.
    fn report(&mut self, cloud: &mut Cloud, number: usize) {
        if let Some(home) = self.instances[number].home {
            cloud.world_mut(home).withdraw(number);
        }
        let uuid = InstanceId::numbered(number as u64);
        let known = cloud.view().instances().get(&uuid);
        if let Some(known) = known.filter(|known| !known.reporting.is_on()) {
            let (hostname, reporting) = (known.hostname.clone(), true.into());
            cloud.decide(&VimCommand::InstanceSet { uuid, hostname, reporting });
        }
    }

    fn unsettle(&mut self, cloud: &mut Cloud) -> Done {
        let random = &mut self.cloud_random;
        let down = Duration::from_millis(random.u64(1..2000));
        match random.u8(..4) {
            0 => Done::Nothing,
            1 => {
                let host = random.usize(..cloud.hosts());
                cloud.world_mut(host).restart_server(down);
                self.count("ServerRestart");
                Done::Did(None, format!("compute-{host}: guestServer is restarted in the calm"))
            }
            _ => {
                cloud.restart_agent(down);
                self.count("AgentRestart");
                Done::Did(None, "guestAgent is restarted in the calm".to_owned())
            }
        }
    }
}

fn switch_host(cloud: &mut Cloud, host: usize, on: bool) {
    let (uuid, hostname) = (cloud.uuid(host), cloud.hostname(host));
    cloud.decide(&if on {
        VimCommand::HostEnable { uuid, hostname }
    } else {
        VimCommand::HostDisable { uuid, hostname }
    });
}
