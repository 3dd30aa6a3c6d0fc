//! The VIM believes what is true, the agent goes by what the VIM decides, and neither keeps telling
//! the other the same.

use std::time::{Duration, Instant};

use guest_server::core::InstanceState;
use protocol::datagram::Event;

use super::super::invariants::heartbeat::not_healed;
use super::super::invariants::{Checker, Verdict, Violation, violated};
use super::watch::Watch;
use crate::cloud::Cloud;

/// Two rounds of the audit, the agent's first questions to the VIM, and what is under way.
const TWO_ROUNDS: Duration = Duration::from_secs(20 + 2 + 3);
/// Statuses and corrections beyond those that have a reason.
const FREE: i64 = 4;

/// What the VIM is told of an instance.
#[derive(Debug)]
pub(super) struct Told {
    /// The VIM may have been wrong since then.
    pub(super) wrong_since: Instant,
    /// What servers last said of its heartbeat.
    last: Option<bool>,
    /// Statuses and corrections for which there was a reason.
    reasons: i64,
}

impl Told {
    pub(super) fn new(now: Instant) -> Self {
        Self { wrong_since: now, last: None, reasons: FREE }
    }

    /// The agent is handed a server's event: a reason for a status if it is news.
    pub(super) fn handed(&mut self, event: &Event) {
        let heartbeating = match event {
            Event::Running(_) => true,
            Event::Stopped(_) | Event::Loss { .. } => false,
            Event::QueryResponse(info) => info.heartbeating.is_on(),
            _ => return,
        };
        if self.last.replace(heartbeating) != Some(heartbeating) {
            self.reason(1);
        }
    }

    /// A new agent tells what it finds.
    pub(super) fn agent_ended(&mut self) {
        self.last = None;
        self.reason(1);
    }

    /// The VIM decides something: it may be told what is not right any more, and correct it.
    pub(super) fn decided(&mut self) {
        self.reason(3);
    }

    /// The agent does not know whether a status has arrived.
    pub(super) fn uncertain(&mut self) {
        self.reason(2);
    }

    fn reason(&mut self, count: i64) {
        self.reasons = (self.reasons + count).min(50);
    }

    /// The VIM takes a status, and says whether it is right.
    pub(super) fn status(&mut self, number: usize, corrected: bool) -> Verdict {
        self.reasons -= 1 + i64::from(corrected);
        if self.reasons < 0 {
            return violated(
                number,
                "the VIM is told what is new, and not in a loop with its corrections".to_owned(),
            );
        }
        Ok(())
    }
}

impl Watch {
    /// While all are well, what the VIM believes is true within two rounds of the audit.
    pub(super) fn views_agree(&mut self, cloud: &Cloud) -> Verdict {
        let (now, well_since) = (cloud.now(), self.well_since());
        for number in 0..self.instances.len() {
            let id = self.instances[number].id;
            let known = cloud.view().instances().get(&id);
            let host = known.and_then(|known| cloud.host_named(&known.hostname));
            let (Some(known), Some(host)) = (known, host) else {
                self.instances[number].told.wrong_since = now;
                continue;
            };
            let truth = truth(cloud, number, host);
            let (instance, watched) = (&self.instances[number], &self.hosts[host]);
            let reported = cloud.view().hosts().get(&cloud.uuid(host));
            let is_judged = reported.is_some_and(|host| host.state.is_on())
                && truth.is_some()
                && watched.is_known;
            let disturbed =
                well_since.max(watched.unwell).max(watched.decided).max(instance.decided);
            let is_right = truth == Some(known.heartbeating.is_on());
            if is_right || !is_judged {
                self.instances[number].told.wrong_since = now;
            } else if now > instance.told.wrong_since.max(disturbed) + TWO_ROUNDS {
                return violated(
                    number,
                    format!(
                        "the VIM's view is true within two audits: on {} it heartbeats: {truth:?}",
                        known.hostname
                    ),
                );
            }
        }
        Ok(())
    }

    /// Nothing has gone wrong for as long as healing may take.
    pub(super) fn all_has_healed(&mut self, cloud: &Cloud, checkers: &[Checker]) -> Verdict {
        let Some(agent) = cloud.agent() else {
            return Err(wrong("no agent runs"));
        };
        if agent.waiting() > 0 {
            return Err(wrong(&format!("{} events wait for the VIM", agent.waiting())));
        }
        let hosts = agent.hosts().filter(|host| host.reporting && host.unanswered == 0).count();
        if hosts != cloud.hosts() {
            return Err(wrong(&format!("{hosts} of {} hosts are in order", cloud.hosts())));
        }
        if let Some(view) =
            agent.instances().find(|view| !cloud.view().instances().contains_key(&view.id))
        {
            return Err(wrong(&format!("the agent knows an instance too many: {}", view.id)));
        }
        for number in 0..self.instances.len() {
            self.instance_has_healed(cloud, checkers, number)?;
            self.instances[number].alarms.all_delivered(number)?;
            self.instances[number].answers.all_answered(number)?;
        }
        self.judged.healings += 1;
        Ok(())
    }

    fn instance_has_healed(&self, cloud: &Cloud, checkers: &[Checker], number: usize) -> Verdict {
        let id = self.instances[number].id;
        let known = cloud.view().instances().get(&id);
        for (host, checker) in checkers.iter().enumerate() {
            let lives_here = known.is_some_and(|known| known.hostname == cloud.hostname(host));
            let world = cloud.world(host);
            if let Some(known) = known.filter(|_| lives_here) {
                checker.has_healed(world, number, known.reporting.is_on())?;
            } else if world.server().and_then(|server| server.instance(id)).is_some() {
                return not_healed(number, "a server knows it that should not");
            }
        }
        let Some(known) = known else { return Ok(()) };
        let agent = cloud.agent().and_then(|agent| agent.instance(id));
        let Some(view) = agent else { return not_healed(number, "the agent does not know it") };
        if view.hostname != known.hostname || view.reporting != known.reporting.is_on() {
            return not_healed(number, "the agent does not go by what the VIM says of it");
        }
        if !view.heartbeating || !known.heartbeating.is_on() {
            return not_healed(number, "the VIM does not know that it heartbeats");
        }
        Ok(())
    }
}

fn wrong(what: &str) -> Violation {
    Violation { number: None, sentence: format!("when faults stop everything heals: {what}") }
}

/// Whether an instance heartbeats, as the server of its host has found.
fn truth(cloud: &Cloud, number: usize, host: usize) -> Option<bool> {
    let world = cloud.world(host);
    let id = world.instances()[number].id();
    let view = world.server().filter(|_| world.server_is_driven())?.instance(id);
    Some(view.is_some_and(|view| view.state == InstanceState::Heartbeating))
}
