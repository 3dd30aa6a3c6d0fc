//! What the agent is told is true, said once, and nothing is said that it does not want to hear.

use std::time::{Duration, Instant};

use guest_server::core::InstanceState;
use protocol::channel::{CorrectiveAction, EventType, NotificationType};
use protocol::datagram::InstanceInfo;

use super::heartbeat::time_to_begin;
use super::{Checker, START_DELAY, Verdict, Watched, violated};
use crate::world::{Phase, World};

/// Time in which the answers of a moment reach the server.
const UNDER_WAY: Duration = Duration::from_millis(20);
/// The server begins cycles on a grid of these; an interval may be judged as much early.
const SLOT: Duration = Duration::from_millis(50);
/// A heartbeat that was disturbed less than this ago may stop for reasons of its own.
pub(super) const AFTERMATH: Duration = Duration::from_secs(40);

/// A heartbeat that ended because of silence.
#[derive(Debug, Clone, Copy)]
pub(super) struct SilentStop {
    /// A loss has to follow.
    due: bool,
    /// None may.
    excused: bool,
}

/// A query is being answered for at most this long, unless the host stalls.
const QUERY_SPAN: Duration = Duration::from_secs(1);
/// Every answer to a query has come after this, the longest stall included.
const QUERY_TIME: Duration = Duration::from_secs(20);

impl Checker {
    pub(super) fn running(&mut self, number: usize) -> Verdict {
        if std::mem::replace(&mut self.guests[number].running, true) {
            return violated(number, "running and stopped alternate: running twice".to_owned());
        }
        Ok(())
    }

    pub(super) fn stopped(&mut self, world: &World, number: usize, phase: Phase) -> Verdict {
        if !std::mem::replace(&mut self.guests[number].running, false) {
            return violated(number, "running and stopped alternate: stopped twice".to_owned());
        }
        let now = world.now();
        let suspended = self.guests[number].suspended == Some(now);
        match phase {
            Phase::Deadline if !suspended => self.silence(world, number),
            Phase::Reading(_) if !suspended => self.began_anew(world, number),
            _ => Ok(()),
        }
    }

    /// The server ends a heartbeat because of silence.
    fn silence(&mut self, world: &World, number: usize) -> Verdict {
        let instance = &world.instances()[number];
        let guest = &self.guests[number];
        if let (Some(since), Some(last)) = (instance.truth().answering, guest.last_challenge)
            && since <= last
        {
            return violated(
                number,
                format!(
                    "a healthy guest is never declared lost: it has answered for {:?}, its last \
                     challenge was {:?} ago",
                    world.now() - since,
                    world.now() - last,
                ),
            );
        }
        let stop = self.judge_silence(world, number);
        let guest = &mut self.guests[number];
        guest.silent_stop = Some(stop);
        guest.held_loss = world.now() < self.host.started + START_DELAY;
        self.silent_stops.push(number);
        Ok(())
    }

    fn judge_silence(&self, world: &World, number: usize) -> SilentStop {
        let instance = &world.instances()[number];
        let guest = &self.guests[number];
        let at_least = instance.config().interval.saturating_sub(SLOT) * (self.threshold + 1);
        let began_by = world.now().checked_sub(at_least).unwrap_or(self.host.started);
        let unexcused =
            |silent: Instant| guest.perhaps_excused.is_none_or(|until| silent >= until + UNDER_WAY);
        SilentStop {
            due: self.reports(number)
                && world.now() >= self.host.started + START_DELAY
                && instance.truth().silent.is_some_and(unexcused),
            excused: guest.excused.is_some_and(|until| began_by < until),
        }
    }

    /// The server ends a heartbeat because the guest leaves or announces itself anew.
    fn began_anew(&self, world: &World, number: usize) -> Verdict {
        let instance = &world.instances()[number];
        let now = world.now();
        let peaceful = AFTERMATH + instance.config().interval * 4;
        let undisturbed = |since: Instant| now > since + peaceful;
        let truth = instance.truth();
        let host_on_time = self.host.late.is_none_or(undisturbed) && undisturbed(self.host.started);
        if host_on_time
            && truth.answering.is_some_and(undisturbed)
            && truth.habits.is_some_and(undisturbed)
        {
            return violated(
                number,
                "a healthy guest on a healthy host does not stop heartbeating".to_owned(),
            );
        }
        Ok(())
    }

    pub(super) fn loss(&mut self, world: &World, number: usize) -> Verdict {
        if !self.reports(number) {
            return violated(
                number,
                "nothing is reported while reporting is off: a loss".to_owned(),
            );
        }
        let just_started = world.now() <= self.host.started + START_DELAY + Duration::from_secs(1);
        let guest = &mut self.guests[number];
        let held = std::mem::take(&mut guest.held_loss) && just_started;
        match guest.silent_stop.take() {
            Some(stop) if stop.excused => {
                return violated(
                    number,
                    "a silence that was announced is not reported as a loss".to_owned(),
                );
            }
            None if !held => {
                return violated(
                    number,
                    "a loss is reported once, when the heartbeat ends by silence".to_owned(),
                );
            }
            _ => {}
        }
        self.judged.losses += 1;
        Ok(())
    }

    /// At the end of the step in which a heartbeat ended by silence.
    pub(super) fn settle_silence(&mut self, number: usize) -> Verdict {
        match self.guests[number].silent_stop.take() {
            Some(stop) if stop.due => violated(
                number,
                "a loss is reported while reporting is on, unless the silence was announced"
                    .to_owned(),
            ),
            Some(_) => {
                self.judged.silences_excused += 1;
                Ok(())
            }
            None => Ok(()),
        }
    }

    pub(super) fn ill_health(
        &mut self,
        world: &World,
        number: usize,
        info: &InstanceInfo,
    ) -> Verdict {
        if !self.reports(number) {
            return violated(
                number,
                "nothing is reported while reporting is off: ill health".to_owned(),
            );
        }
        let (instance, now) = (&world.instances()[number], world.now());
        let changed = instance.truth().habits.is_some_and(|changed| now < changed + AFTERMATH)
            || self.host.late.is_some_and(|late| now < late + AFTERMATH);
        if !changed && instance.habits().ill != Some(info.repair_action) {
            return violated(
                number,
                format!(
                    "ill health is reported only of the ill, with their action: {}",
                    info.repair_action
                ),
            );
        }
        self.guests[number].ill_reported = Some(now);
        self.judged.ill_health += 1;
        Ok(())
    }

    /// Who is ill and wants something done is reported, and again each minute.
    pub(super) fn ill_are_reported(&self, world: &World) -> Verdict {
        for (number, instance) in world.instances().iter().enumerate() {
            let guest = &self.guests[number];
            let wants = matches!(instance.habits().ill, Some(action)
                if !matches!(action, CorrectiveAction::None | CorrectiveAction::Unknown));
            let since = instance.truth().answering.max(instance.truth().habits);
            let (true, Some(since), Some(reports)) = (wants, since, guest.reports_since) else {
                continue;
            };
            let since = since.max(reports).max(self.host.late.unwrap_or(since));
            let within = Duration::from_mins(1) + time_to_begin(instance);
            let reported = guest.ill_reported.is_some_and(|at| at + within > world.now());
            if instance.truth().answering.is_some() && world.now() > since + within && !reported {
                return violated(number, format!("ill health is reported within {within:?}"));
            }
        }
        Ok(())
    }

    /// Keeps in mind since when failures have been reported.
    pub(super) fn note_reporting(&mut self, now: Instant) {
        for guest in &mut self.guests {
            if !(guest.reporting == Some(true) && self.host.reporting) {
                guest.reports_since = None;
            } else if guest.reports_since.is_none() {
                guest.reports_since = Some(now);
            }
        }
    }

    /// A query that comes while one is being answered is answered by the rest of that.
    pub(super) fn queried(&mut self, now: Instant) {
        if self.host.queried.is_some_and(|at| now < at + QUERY_SPAN) {
            return;
        }
        self.host.queried = Some(now);
        for guest in self.guests.iter_mut().filter(|guest| guest.reporting.is_some()) {
            guest.owed_since.get_or_insert(now);
        }
    }

    pub(super) fn query_response(&mut self, number: usize, info: &InstanceInfo) -> Verdict {
        let guest = &self.guests[number];
        if info.heartbeating.is_on() != guest.running
            || guest.reporting != Some(info.reporting.is_on())
        {
            return violated(
                number,
                format!("a query is answered with what was said before: {info:?}"),
            );
        }
        if self.host.queried.is_none() {
            return violated(number, "a query response follows a query".to_owned());
        }
        self.guests[number].owed_since = None;
        Ok(())
    }

    /// A query is answered for each instance that was named when it came.
    fn queries_are_answered(&self, now: Instant) -> Verdict {
        let overdue = |guest: &Watched| guest.owed_since.is_some_and(|at| at + QUERY_TIME < now);
        match self.guests.iter().position(overdue) {
            Some(number) => violated(number, "a query is answered for each named instance".into()),
            None => Ok(()),
        }
    }

    /// What was reported, and what was commanded, is what the server goes by.
    pub(super) fn agent_was_told_the_truth(&mut self, world: &World) -> Verdict {
        let Some(server) = world.server() else { return Ok(()) };
        self.queries_are_answered(world.now())?;
        for view in server.instances() {
            let Some(number) = world.number_of(view.id) else { continue };
            let guest = &self.guests[number];
            let running = view.state == InstanceState::Heartbeating;
            let named = guest.reporting.is_some();
            if view.named != named || named && running != guest.running {
                return violated(number, format!("the agent knows who heartbeats: {view:?}"));
            }
            if guest.reporting.is_some_and(|reporting| view.reporting != reporting) {
                return violated(number, format!("the server reports as it was told: {view:?}"));
            }
        }
        if server.host_reporting() != self.host.reporting {
            return Err(super::Violation {
                number: None,
                sentence: "the host's reporting is as it was told".to_owned(),
            });
        }
        Ok(())
    }

    fn reports(&self, number: usize) -> bool {
        let guest = &self.guests[number];
        guest.reporting == Some(true) && self.host.reporting
    }

    /// How long silence is expected after an answered request.
    pub(super) fn absence(
        world: &World,
        number: usize,
        event: EventType,
        kind: NotificationType,
    ) -> Option<Duration> {
        use EventType as E;
        let restart = world.instances()[number].config().restart + Duration::from_secs(1);
        match (kind, event) {
            (NotificationType::Revocable, _) => None,
            (_, E::Reboot) => Some(restart),
            (_, E::Suspend | E::Pause | E::Stop | E::LiveMigrateBegin | E::ColdMigrateBegin) => {
                Some(Duration::from_mins(1))
            }
            _ => None,
        }
    }
}
