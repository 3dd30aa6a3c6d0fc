//! What the controller asks about the instance, and what it is told.

use std::time::{Duration, Instant};

use protocol::channel::{
    ActionNotify, ActionResponse, CorrectiveAction, EventType, HostMessage, LogMsg,
    NotificationType, VoteResult, Word,
};
use protocol::datagram::{Answer, Event, InstanceInfo};

use super::super::cycle::Heartbeat;
use super::super::note::{Note, Stop};
use super::super::policy::ANNOUNCED_MAX;
use super::super::request::{Request, Timeouts};
use super::super::server::Shared;
use super::super::timer::Timer;
use super::{Absence, HeldReport, Instance};

impl Instance {
    /// Add and modify: the instance is known to the controller, with or without reporting.
    pub(in super::super) fn named(&mut self, now: Instant, reporting: bool, shared: &mut Shared) {
        let first = !std::mem::replace(&mut self.controller.named, true);
        let changed = std::mem::replace(&mut self.controller.reporting, reporting) != reporting;
        if first || changed {
            self.note(now, Note::Named { reporting }, shared);
        }
        if first && self.is_heartbeating() {
            self.report_running(shared);
        }
    }

    /// Delete: forget all, without an event.
    pub(in super::super) fn deleted(&mut self, now: Instant, shared: &mut Shared) {
        self.note(now, Note::Deleted, shared);
        self.controller.named = false;
        self.request = None;
        self.disconnect(now, Stop::ChannelClosed, shared);
        self.file = None;
    }

    /// What a query is answered with; `None` if the controller never named the instance.
    pub(in super::super) fn query_response(&self, shared: &Shared) -> Option<Event> {
        self.controller.named.then(|| Event::QueryResponse(self.info(shared)))
    }

    /// Rules 9 and 10: a vote or a notification.
    pub(in super::super) fn ask(
        &mut self,
        now: Instant,
        word: &Word,
        kind: NotificationType,
        shared: &mut Shared,
    ) {
        shared.counters.requests += 1;
        let event = EventType::from_word(word.as_str()).unwrap_or(EventType::Unknown);
        if let Some(request) = self.request.as_mut().filter(|r| r.event == event && r.kind == kind)
        {
            request.askers += 1;
            return;
        }
        self.settle(now, "superseded by a newer request", shared);
        let request = Request { event, kind, askers: 1 };
        if event == EventType::Unknown {
            return self.agree(now, request, "this event is not known here", shared);
        }
        if matches!(event, EventType::Resume | EventType::Unpause) {
            self.connect_at_once(shared);
        }
        match self.connection.accepted() {
            Some(invocation_id) if matches!(self.heartbeat, Heartbeat::Cycle(_)) => {
                self.forward(now, request, invocation_id, shared);
            }
            _ => self.agree(now, request, "the guest does not heartbeat", shared),
        }
    }

    fn connect_at_once(&mut self, shared: &mut Shared) {
        if !self.connection.is_up() {
            self.attempts.reset();
            self.connect(shared);
        }
    }

    fn forward(&mut self, now: Instant, request: Request, invocation_id: u32, shared: &mut Shared) {
        let Request { event, kind, .. } = request;
        let secs = self.timeouts().answer_secs(event, kind);
        let timeout = Duration::from_secs(secs.into()).min(ANNOUNCED_MAX);
        self.note(now, Note::Asked { event, kind }, shared);
        self.request = Some(request);
        self.timers.set(Timer::Answer, now + timeout);
        let notify = ActionNotify {
            invocation_id,
            event_type: event,
            notification_type: kind,
            timeout_ms: secs * 1000,
        };
        self.send(HostMessage::ActionNotify(notify), shared);
    }

    pub(super) fn guest_answered(
        &mut self,
        now: Instant,
        request: Request,
        response: &ActionResponse,
        shared: &mut Shared,
    ) {
        let (vote, reason) = (request.result(response), Request::reason(response));
        self.finish(now, request, vote, &reason, shared);
        self.let_go(now, request, shared);
    }

    /// The guest's time is over.
    pub(super) fn answer_for_guest(&mut self, now: Instant, shared: &mut Shared) {
        let Some(request) = self.request else { return };
        shared.counters.request_timeouts += 1;
        self.agree(now, request, "the guest did not answer in its time", shared);
        self.let_go(now, request, shared);
    }

    /// Answers what the guest cannot answer any more. The agent goes on, so what it does then
    /// excuses silence.
    pub(super) fn settle(&mut self, now: Instant, why: &str, shared: &mut Shared) {
        if let Some(request) = self.request {
            self.agree(now, request, why, shared);
            self.excuse_silence(now, request);
        }
    }

    fn agree(&mut self, now: Instant, request: Request, why: &str, shared: &mut Shared) {
        self.finish(now, request, request.agreement(), &LogMsg::new(why), shared);
    }

    fn finish(
        &mut self,
        now: Instant,
        request: Request,
        vote: VoteResult,
        reason: &LogMsg,
        shared: &mut Shared,
    ) {
        self.request = None;
        self.timers.stop(Timer::Answer);
        let note = Note::Answered { event: request.event, vote, reason: reason.clone() };
        self.note(now, note, shared);
        for _ in 0..request.askers {
            shared.counters.request_answers += 1;
            shared.report(Event::Answer(Answer {
                hostname: shared.policy.hostname.clone(),
                uuid: self.id,
                notification_type: request.kind,
                event_type: request.event,
                vote,
                reason: reason.clone(),
            }));
        }
    }

    /// Rule 10: from now on the guest may be silent for a while.
    fn excuse_silence(&mut self, now: Instant, request: Request) {
        let Some(window) = self.timeouts().absence(request.event, request.kind) else { return };
        self.absent_until = Some(Absence { until: now + window, outlives_init: false });
    }

    /// Rule 10: the guest knows, or had its time.
    fn let_go(&mut self, now: Instant, request: Request, shared: &mut Shared) {
        self.excuse_silence(now, request);
        let suspended =
            request.event == EventType::Suspend && request.kind == NotificationType::Irrevocable;
        if suspended && self.connection.is_up() {
            if let Some(absence) = &mut self.absent_until {
                absence.outlives_init = true;
            }
            self.disconnect(now, Stop::Suspend, shared);
            self.attempts.skip_quick();
            let wait = self.attempts.after_failure(&mut shared.random);
            self.timers.set(Timer::Connect, now + wait);
        }
    }

    fn timeouts(&self) -> Timeouts {
        self.guest.as_ref().map(|guest| guest.timeouts.clone()).unwrap_or_default()
    }

    /// What the guest wants when it is lost; `log` before its first init.
    pub(super) fn repair_action(&self) -> CorrectiveAction {
        self.guest.as_ref().map_or(CorrectiveAction::Log, |guest| guest.corrective_action)
    }

    pub(super) fn is_heartbeating(&self) -> bool {
        matches!(&self.heartbeat, Heartbeat::Cycle(cycle) if cycle.heartbeating)
    }

    fn info(&self, shared: &Shared) -> InstanceInfo {
        let timeouts = self.timeouts();
        InstanceInfo {
            hostname: shared.policy.hostname.clone(),
            uuid: self.id,
            reporting: self.controller.reporting.into(),
            heartbeating: self.is_heartbeating().into(),
            repair_action: self.repair_action(),
            restart_secs: timeouts.restart,
            shutdown_secs: timeouts.shutdown,
            suspend_secs: timeouts.suspend,
            resume_secs: timeouts.resume,
            vote_secs: timeouts.vote,
        }
    }

    pub(super) fn report_running(&self, shared: &mut Shared) {
        self.report(Event::Running(self.info(shared)), shared);
    }

    pub(super) fn report_stopped(&self, shared: &mut Shared) {
        self.report(Event::Stopped(self.info(shared)), shared);
    }

    pub(super) fn report_loss(&mut self, now: Instant, shared: &mut Shared) {
        let reported = self.reports_failures(shared);
        let named = self.controller.named;
        let note = if reported { Note::LossReported } else { Note::LossNotReported { named } };
        self.note(now, note, shared);
        self.report_failure(now, HeldReport::Loss, shared);
    }

    pub(super) fn report_ill_health(
        &mut self,
        now: Instant,
        action: CorrectiveAction,
        shared: &mut Shared,
    ) {
        self.report_failure(now, HeldReport::IllHealth(action), shared);
    }

    /// A failure that comes too early after the start is held until failures are reported.
    fn report_failure(&mut self, now: Instant, failure: HeldReport, shared: &mut Shared) {
        self.held_report = Some(failure);
        let from = shared.failures_reported_from();
        if now < from {
            self.timers.set(Timer::HeldReport, from);
        } else {
            self.report_held(shared);
        }
    }

    pub(super) fn report_held(&mut self, shared: &mut Shared) {
        let Some(failure) = self.held_report.take() else { return };
        if !self.reports_failures(shared) {
            return;
        }
        let event = match failure {
            HeldReport::Loss => {
                Event::Loss { hostname: shared.policy.hostname.clone(), uuid: self.id }
            }
            HeldReport::IllHealth(action) => {
                Event::IllHealth(InstanceInfo { repair_action: action, ..self.info(shared) })
            }
        };
        self.report(event, shared);
    }

    fn reports_failures(&self, shared: &Shared) -> bool {
        self.controller.named && self.controller.reporting && shared.host_reporting
    }

    /// The controller hears only of instances that it named.
    fn report(&self, event: Event, shared: &mut Shared) {
        if self.controller.named {
            shared.report(event);
        }
    }
}
