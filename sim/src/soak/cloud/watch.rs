//! What must be true between hosts, agent and VIM, judged from outside: by what the VIM decides,
//! what servers send, what the agent is handed, and what the VIM is told.
//!
//! What an invariant says holds while certain others are well. Those are watched here: an onlooker
//! that does not know when a network was bad could say nothing for certain.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use protocol::InstanceId;
use protocol::datagram::{Event, Hostname};
use protocol::vim::{CommandReply, VimCommand, VimEvent, VimRequest};

use super::super::invariants::{Judged, Verdict, Violation, violated};
use super::alarms::Alarms;
use super::answers::Answers;
use super::order::Order;
use super::view::Told;
use crate::cloud::{Cloud, Fate, Seen, Temper};
use crate::world::{self, Weather, about};

/// A decision of the VIM has arrived everywhere after this, if nothing is in its way.
const SETTLED: Duration = Duration::from_secs(30);
/// The agent leaves a VIM that was not well alone for at most this long.
const BACKOFF: Duration = Duration::from_secs(31);

/// Watches the cloud.
#[derive(Debug)]
pub(super) struct Watch {
    pub(super) instances: Vec<Instance>,
    numbers: HashMap<InstanceId, usize>,
    pub(super) hosts: Vec<Host>,
    /// When the VIM was last away or moody.
    vim_unwell: Instant,
    /// When the agent was last held up, or started.
    agent_unwell: Instant,
    pub(super) judged: Judged,
}

/// What was seen of an instance.
#[derive(Debug)]
pub(super) struct Instance {
    pub(super) id: InstanceId,
    /// When the VIM last changed its mind about it, and to what.
    pub(super) decided: Instant,
    pub(super) decision: Option<VimCommand>,
    /// The agent has not heard of that.
    pub(super) unheard: bool,
    /// The VIM has deleted it, and the agent knows.
    pub(super) gone: bool,
    pub(super) alarms: Alarms,
    pub(super) answers: Answers,
    pub(super) order: Order,
    pub(super) told: Told,
    /// An event that the agent may send once more, and whether the VIM has taken it.
    pub(super) again: Option<(VimEvent, bool)>,
    /// It may have forgotten that one.
    perhaps_forgotten: bool,
}

/// What was seen of a host.
#[derive(Debug)]
pub(super) struct Host {
    /// When the VIM or maintenance last changed its mind about it, and to what.
    pub(super) decided: Instant,
    pub(super) decision: Option<VimCommand>,
    pub(super) unheard: bool,
    /// The agent knows it; if it does not, since when it should have been told.
    pub(super) is_known: bool,
    pub(super) unknown_since: Instant,
    /// When its server or the network to it was last unwell, or the agent did not know it.
    pub(super) unwell: Instant,
}

impl Watch {
    pub(super) fn new(cloud: &Cloud, instances: usize) -> Self {
        let now = cloud.now();
        let instance = |number| Instance {
            id: InstanceId::numbered(number as u64),
            decided: now,
            decision: None,
            unheard: false,
            gone: false,
            alarms: Alarms::default(),
            answers: Answers::default(),
            order: Order::default(),
            told: Told::new(now),
            again: None,
            perhaps_forgotten: false,
        };
        let host = |_| Host {
            decided: now,
            decision: None,
            unheard: false,
            is_known: false,
            unknown_since: now,
            unwell: now,
        };
        Self {
            instances: (0..instances).map(instance).collect(),
            numbers: (0..instances).map(|n| (InstanceId::numbered(n as u64), n)).collect(),
            hosts: (0..cloud.hosts()).map(host).collect(),
            vim_unwell: now,
            agent_unwell: now,
            judged: Judged::default(),
        }
    }

    pub(super) fn number_of(&self, id: InstanceId) -> Option<usize> {
        self.numbers.get(&id).copied()
    }

    /// Judges what was seen on a host.
    pub(super) fn see_host(&mut self, cloud: &Cloud, host: usize, seen: &world::Seen) {
        match seen {
            world::Seen::Report { event: Event::Loss { uuid, .. }, id: Some(id), .. } => {
                if let Some(number) = self.number_of(*uuid) {
                    let must = self.is_reported(cloud, number, host);
                    self.instances[number].alarms.reported(cloud.now(), host, *id, must);
                }
            }
            world::Seen::ServerEnded => {
                self.hosts[host].unwell = cloud.now();
                for instance in &mut self.instances {
                    instance.alarms.server_ended(host);
                }
            }
            world::Seen::ServerStarted => self.hosts[host].unwell = cloud.now(),
            _ => {}
        }
    }

    /// Judges what was seen elsewhere.
    pub(super) fn see(&mut self, cloud: &Cloud, seen: &Seen) -> Verdict {
        match seen {
            Seen::AgentStarted => self.agent_starts(cloud.now()),
            Seen::AgentEnded => self.agent_ends(cloud.now()),
            Seen::Arrived { host, event } => self.arrived(cloud, *host, event),
            Seen::Handed { host, event, passes, .. } => self.handed(cloud, *host, event, *passes),
            Seen::Sent(request) => return self.sent(request),
            Seen::Took { event, current, corrected } => {
                return self.took(cloud, event, *current, *corrected);
            }
            Seen::Outcome { event, fate } => self.outcome(event, *fate),
            Seen::Decided(command) => self.decided(cloud.now(), command, false),
            Seen::Unheard(command) => self.unheard(command, true),
            Seen::Obeyed { command, reply, correction } => {
                self.unheard(command, false);
                if *correction {
                    self.decided(cloud.now(), command, true);
                }
                let timeout = match reply {
                    Ok(CommandReply::Action { timeout_secs, .. }) => Some(*timeout_secs),
                    _ => None,
                };
                self.obeyed(cloud, command, timeout);
            }
            Seen::Nonsense(why) => {
                let sentence = format!("the agent asks its shell only for what is possible: {why}");
                return Err(Violation { number: None, sentence });
            }
            Seen::Note { .. } => {}
        }
        Ok(())
    }

    /// Judges what can be judged at any time. `thorough` takes longer.
    pub(super) fn sweep(&mut self, cloud: &Cloud, thorough: bool) -> Verdict {
        self.look_around(cloud);
        let well = self.is_well(cloud);
        for number in 0..self.instances.len() {
            self.instances[number].answers.overdue(number, cloud.now(), well)?;
        }
        if thorough {
            self.hosts_are_known(cloud)?;
            self.losses_are_told(cloud)?;
            self.views_agree(cloud)?;
            self.bounds(cloud)?;
        }
        Ok(())
    }

    /// Who is well, and who is not.
    fn look_around(&mut self, cloud: &Cloud) {
        let now = cloud.now();
        if cloud.temper() != Temper::default() {
            self.vim_unwell = now;
        }
        if !cloud.agent_is_driven() {
            self.agent_unwell = now;
        }
        for (number, host) in self.hosts.iter_mut().enumerate() {
            if !cloud.world(number).server_is_driven()
                || cloud.weather(number) != Weather::default()
                || cloud.maintenance_weather != Weather::default()
                || !host.is_known
            {
                host.unwell = now;
            }
            if !cloud.is_listed(number) || host.unheard {
                host.decided = now;
            }
        }
        for instance in self.instances.iter_mut().filter(|instance| instance.unheard) {
            instance.decided = now;
        }
        for host in (0..cloud.hosts()).filter(|host| !cloud.is_listed(*host)) {
            self.host_is_gone(cloud, &cloud.hostname(host));
        }
    }

    /// With a host that is gone from the inventory the agent forgets what it heard and asked there.
    fn host_is_gone(&mut self, cloud: &Cloud, hostname: &Hostname) {
        for instance in &mut self.instances {
            let known = cloud.view().instances().get(&instance.id);
            if known.is_some_and(|known| known.hostname == *hostname) {
                // What it had not told the VIM yet is not told any more.
                instance.alarms.decided();
                instance.answers.uncertain();
                instance.perhaps_forgotten = instance.again.is_some();
            }
        }
    }

    fn losses_are_told(&self, cloud: &Cloud) -> Verdict {
        let well_since = self.well_since();
        let since = |host: usize| well_since.max(self.hosts[host].unwell);
        let mut all = self.instances.iter().enumerate();
        all.try_for_each(|(number, instance)| instance.alarms.overdue(number, cloud.now(), since))
    }

    /// Agent and VIM do at once what there is to do.
    pub(super) fn is_well(&self, cloud: &Cloud) -> bool {
        let now = cloud.now();
        cloud.temper() == Temper::default()
            && cloud.agent_is_driven()
            && now > self.vim_unwell + BACKOFF
            && now > self.agent_unwell + Duration::from_secs(1)
            && cloud.agent().is_some_and(|agent| agent.waiting() < 10)
    }

    /// Since when agent and VIM are well, but for a long queue.
    pub(super) fn well_since(&self) -> Instant {
        (self.vim_unwell + BACKOFF).max(self.agent_unwell)
    }

    /// Whether failures of an instance on a host are for the VIM, and have been for so long that all
    /// know it.
    fn is_reported(&self, cloud: &Cloud, number: usize, host: usize) -> bool {
        let view = cloud.view();
        let wanted = view
            .instances()
            .get(&self.instances[number].id)
            .is_some_and(|known| known.reporting.is_on() && known.hostname == cloud.hostname(host));
        let enabled = view.hosts().get(&cloud.uuid(host)).is_some_and(|host| host.state.is_on());
        wanted && enabled && self.is_settled(cloud, number, host)
    }

    pub(super) fn is_settled(&self, cloud: &Cloud, number: usize, host: usize) -> bool {
        let (instance, host) = (&self.instances[number], &self.hosts[host]);
        !instance.unheard
            && !host.unheard
            && cloud.now() > instance.decided + SETTLED
            && cloud.now() > host.decided + SETTLED
    }

    fn agent_starts(&mut self, now: Instant) {
        self.agent_unwell = now;
        // It reads everything anew.
        self.hosts.iter_mut().for_each(|host| host.unheard = false);
        self.instances.iter_mut().for_each(|instance| instance.unheard = false);
    }

    fn agent_ends(&mut self, now: Instant) {
        self.agent_unwell = now;
        for instance in &mut self.instances {
            instance.alarms.agent_ended();
            instance.answers = Answers::default();
            instance.order = Order::default();
            instance.told.agent_ended();
            instance.again = None;
        }
    }

    fn arrived(&mut self, cloud: &Cloud, host: usize, event: &Event) {
        let Event::Answer(answer) = event else { return };
        let Some(number) = self.number_of(answer.uuid) else { return };
        if self.is_settled(cloud, number, host) {
            self.instances[number].answers.arrived(cloud.now(), answer);
        }
    }

    fn handed(&mut self, cloud: &Cloud, host: usize, event: &Event, passes: bool) {
        let Some(number) = about(event).and_then(|id| self.number_of(id)) else { return };
        let settled = self.is_settled(cloud, number, host);
        let instance = &mut self.instances[number];
        instance.told.handed(event);
        if passes {
            instance.order.taken(event);
        }
        if let (Event::Answer(answer), true, true) = (event, passes, settled) {
            instance.answers.taken(cloud.now(), answer);
        }
    }

    /// The agent speaks to the VIM.
    fn sent(&mut self, request: &VimRequest) -> Verdict {
        let VimRequest::Event(event) = request else { return Ok(()) };
        match self.number_of(event.uuid()) {
            Some(number) if self.instances[number].gone => violated(
                number,
                format!("nothing is said of an instance that the VIM has deleted: {event:?}"),
            ),
            _ => Ok(()),
        }
    }

    fn took(&mut self, cloud: &Cloud, event: &VimEvent, current: bool, corrected: bool) -> Verdict {
        let Some(number) = self.number_of(event.uuid()) else { return Ok(()) };
        if !cloud.view().instances().contains_key(&event.uuid()) {
            return Ok(());
        }
        let settled = cloud.now() > self.instances[number].decided + SETTLED;
        let well_since = self.well_since();
        let instance = &mut self.instances[number];
        if let VimEvent::Status { .. } = event {
            self.judged.statuses += 1;
            return instance.told.status(number, corrected);
        }
        let is_again =
            instance.again.as_ref().is_some_and(|(again, taken)| *taken && again == event);
        if is_again && !instance.perhaps_forgotten {
            return Ok(());
        }
        let (settled, current) = (settled && !is_again, current && !is_again);
        let now = cloud.now();
        match event {
            VimEvent::Alarm { .. } => instance.alarms.took(number, event, settled)?,
            VimEvent::Answer { action, response, .. } => {
                let well = now > well_since;
                instance.answers.took(number, (*action, *response), current && settled, well)?;
            }
            VimEvent::Status { .. } => {}
        }
        if current {
            instance.order.took(number, event)?;
        }
        self.judged.alarms += u64::from(matches!(event, VimEvent::Alarm { .. }));
        self.judged.vim_answers += u64::from(matches!(event, VimEvent::Answer { .. }));
        Ok(())
    }

    /// What the agent cannot be sure of, nobody can.
    fn outcome(&mut self, event: &VimEvent, fate: Fate) {
        let Some(number) = self.number_of(event.uuid()) else { return };
        let instance = &mut self.instances[number];
        if let VimEvent::Status { .. } = event {
            if fate != Fate::Delivered {
                instance.told.uncertain();
            }
            return;
        }
        let is_again = instance.again.as_ref().is_some_and(|(again, _)| again == event);
        match fate {
            Fate::Delivered => instance.again = None,
            Fate::PerhapsTaken | Fate::PerhapsLost if is_again => instance.again = None,
            Fate::PerhapsTaken => instance.again = Some((event.clone(), true)),
            Fate::PerhapsLost => instance.again = Some((event.clone(), false)),
            Fate::NotSent | Fate::Refused => {}
        }
        instance.perhaps_forgotten &= instance.again.is_some();
        if matches!(fate, Fate::Delivered | Fate::NotSent) {
            return;
        }
        match event {
            VimEvent::Status { .. } => {}
            VimEvent::Alarm { .. } => instance.alarms.uncertain(),
            VimEvent::Answer { .. } => instance.answers.uncertain(),
        }
        instance.order.uncertain();
    }
}
