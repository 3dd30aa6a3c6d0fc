//! What the guest says, and what its silence says.

use std::time::{Duration, Instant};

use protocol::channel::{
    ActionResponse, ChallengeResponse, CorrectiveAction, Exit, GuestMessage, Health, HostMessage,
    Init, LogMsg, Nack, Refusal, Refused, Word,
};
use protocol::limits::INT_MAX;

use super::super::connection::Connection;
use super::super::cycle::{Cycle, Heartbeat, Verdict};
use super::super::note::{Note, Stop};
use super::super::policy::{ANNOUNCED_MAX, INIT_WAIT};
use super::super::request::Timeouts;
use super::super::server::Shared;
use super::super::timer::Timer;
use super::{Announced, Instance};

impl Instance {
    pub(super) fn line(&mut self, now: Instant, line: &[u8], shared: &mut Shared) {
        if !self.connection.is_up() {
            return; // A line before this one ended the connection.
        }
        match GuestMessage::decode(line) {
            Ok(GuestMessage::Init(init)) => self.init(now, init, shared),
            // What precedes an init may be stale, from before this connection.
            Ok(_) if self.connection.accepted().is_none() => shared.counters.before_init += 1,
            Ok(GuestMessage::ChallengeResponse(response)) => self.answer(now, response, shared),
            Ok(GuestMessage::ActionResponse(response)) => self.response(now, &response, shared),
            Ok(GuestMessage::Exit(exit)) => self.exit(now, exit, shared),
            Err(refused) => self.refuse(now, refused, shared),
        }
    }

    /// Rules 3 and 8.
    fn init(&mut self, now: Instant, init: Init, shared: &mut Shared) {
        if !self.inits.allow(now) {
            shared.counters.flooded += 1;
            return;
        }
        shared.counters.inits += 1;
        self.stop_heartbeat(now, Stop::NewInit, shared);
        self.absent_until = self.absent_until.take().filter(|absence| absence.outlives_init);
        if let Some(absence) = &mut self.absent_until {
            absence.outlives_init = false;
        }
        self.settle(now, "the guest started anew before it answered", shared);
        let interval = Duration::from_millis(init.heartbeat_interval_ms.into())
            .clamp(shared.policy.pulse_period, ANNOUNCED_MAX);
        let invocation_id = init.invocation_id;
        self.guest = Some(Announced::from(init));
        let action = self.repair_action();
        self.note(now, Note::Init { interval, action }, shared);
        if let Connection::Up { accepted, .. } = &mut self.connection {
            *accepted = Some(invocation_id);
        }
        self.send(HostMessage::InitAck { invocation_id }, shared);
        let (slot, due) = shared.grid.enter(now, interval);
        let mut cycle = Cycle::new(interval, slot);
        self.challenge(now, &mut cycle, shared);
        self.heartbeat = Heartbeat::Cycle(cycle);
        self.timers.set(Timer::Interval, due);
    }

    fn challenge(&mut self, now: Instant, cycle: &mut Cycle, shared: &mut Shared) {
        let heartbeat_challenge = (shared.random)() & INT_MAX;
        cycle.challenge(now, heartbeat_challenge);
        shared.counters.challenges += 1;
        self.send(HostMessage::Challenge { heartbeat_challenge }, shared);
    }

    /// Rules 4 and 6.
    fn answer(&mut self, now: Instant, response: ChallengeResponse, shared: &mut Shared) {
        let Heartbeat::Cycle(cycle) = &mut self.heartbeat else {
            shared.counters.stale_answers += 1;
            return;
        };
        if !cycle.answer(response.heartbeat_response) {
            shared.counters.stale_answers += 1;
            return;
        }
        shared.counters.answers += 1;
        match response.heartbeat_health {
            Health::Unhealthy => self.unhealthy(now, response, shared),
            Health::Healthy if cycle.heartbeating => self.held_report = None,
            Health::Healthy => self.running(now, shared),
        }
    }

    fn running(&mut self, now: Instant, shared: &mut Shared) {
        if let Heartbeat::Cycle(cycle) = &mut self.heartbeat {
            cycle.heartbeating = true;
        }
        self.held_report = None;
        self.timers.stop(Timer::HeldReport);
        self.timers.stop(Timer::InitWait);
        self.note(now, Note::Running, shared);
        self.report_running(shared);
    }

    fn unhealthy(&mut self, now: Instant, response: ChallengeResponse, shared: &mut Shared) {
        let action = response.corrective_action.unwrap_or_else(|| self.repair_action());
        if matches!(action, CorrectiveAction::None | CorrectiveAction::Unknown) {
            return;
        }
        shared.counters.ill_health += 1;
        self.note(now, Note::IllHealth { action, log_msg: response.log_msg }, shared);
        self.report_ill_health(now, action, shared);
    }

    /// Rule 5.
    pub(super) fn interval_over(&mut self, now: Instant, due: Instant, shared: &mut Shared) {
        let Heartbeat::Cycle(mut cycle) =
            std::mem::replace(&mut self.heartbeat, Heartbeat::AwaitingInit)
        else {
            return;
        };
        let threshold = shared.policy.failure_threshold;
        let verdict = cycle.interval_over(now, shared.stalled, threshold);
        if matches!(verdict, Verdict::Missed | Verdict::Over { .. }) {
            shared.counters.misses += 1;
        }
        if let Verdict::Over { silent_since } = verdict {
            self.heartbeat = Heartbeat::Cycle(cycle);
            return self.silent(now, silent_since, shared);
        }
        let (next, skipped) = cycle.next_due(due, now);
        shared.counters.skipped_intervals += skipped;
        self.challenge(now, &mut cycle, shared);
        self.heartbeat = Heartbeat::Cycle(cycle);
        self.timers.set(Timer::Interval, next);
    }

    fn silent(&mut self, now: Instant, silent_since: Instant, shared: &mut Shared) {
        let expected = self.absent_until.is_some_and(|absence| silent_since < absence.until);
        let why = if expected {
            Stop::ExpectedSilence
        } else {
            Stop::Silent { since: now - silent_since }
        };
        if !self.stop_heartbeat(now, why, shared) {
            return; // It never heartbeated: perhaps it is still booting.
        }
        shared.counters.losses += 1;
        if expected {
            shared.counters.expected_absences += 1;
        } else {
            self.report_loss(now, shared);
        }
    }

    /// Ends the cycle; whether the instance was heartbeating.
    pub(super) fn stop_heartbeat(&mut self, now: Instant, why: Stop, shared: &mut Shared) -> bool {
        let Heartbeat::Cycle(cycle) =
            std::mem::replace(&mut self.heartbeat, Heartbeat::AwaitingInit)
        else {
            return false;
        };
        shared.grid.leave(&cycle.slot);
        self.timers.stop(Timer::Interval);
        if !cycle.heartbeating {
            return false;
        }
        self.timers.set(Timer::InitWait, now + INIT_WAIT);
        self.note(now, Note::Stopped(why), shared);
        self.report_stopped(shared);
        true
    }

    /// Rule 7.
    fn exit(&mut self, now: Instant, exit: Exit, shared: &mut Shared) {
        shared.counters.exits += 1;
        self.note(now, Note::Exit { log_msg: exit.log_msg }, shared);
        self.stop_heartbeat(now, Stop::Exit, shared);
        self.settle(now, "the guest left before it answered", shared);
    }

    /// Rule 9: an answer to a vote or a notification.
    fn response(&mut self, now: Instant, response: &ActionResponse, shared: &mut Shared) {
        let accepted = self.connection.accepted();
        if accepted != Some(response.invocation_id) {
            let log_msg = format!(
                "unexpected invocation_id: {}, expect: {}",
                response.invocation_id,
                accepted.unwrap_or(0)
            );
            let id = response.invocation_id;
            return self.nack(now, id, &Word::new("action_response"), &log_msg, shared);
        }
        match self.request {
            Some(request) if request.is_answered_by(response) => {
                self.guest_answered(now, request, response, shared);
            }
            _ => shared.counters.stale_answers += 1,
        }
    }

    fn refuse(&mut self, now: Instant, refused: Refused, shared: &mut Shared) {
        let accepted = self.connection.accepted().is_some();
        if refused.refusal == Refusal::NotAnObject {
            shared.counters.bad_lines += 1;
        } else if !accepted && refused.msg_type.as_str() != "init" {
            shared.counters.before_init += 1;
        } else {
            let id = refused.invocation_id.or(self.connection.accepted()).unwrap_or(0);
            let log_msg = refused.refusal.to_string();
            self.nack(now, id, &refused.msg_type, &log_msg, shared);
        }
        self.note(now, Note::Refused(refused), shared);
    }

    fn nack(&mut self, now: Instant, id: u32, msg_type: &Word, why: &str, shared: &mut Shared) {
        if !self.nacks.allow(now) {
            shared.counters.flooded += 1;
            return;
        }
        shared.counters.nacks += 1;
        let nack =
            Nack { invocation_id: id, orig_msg_type: msg_type.clone(), log_msg: LogMsg::new(why) };
        self.send(HostMessage::Nack(nack), shared);
    }
}

impl From<Init> for Announced {
    fn from(init: Init) -> Self {
        let longest = u32::try_from(ANNOUNCED_MAX.as_secs()).unwrap_or(u32::MAX);
        Self {
            name: init.name,
            corrective_action: init.corrective_action,
            timeouts: Timeouts {
                vote: init.vote_secs.min(longest),
                shutdown: init.shutdown_notice_secs.min(longest),
                suspend: init.suspend_notice_secs.min(longest),
                resume: init.resume_notice_secs.min(longest),
                restart: init.restart_secs.min(longest),
            },
        }
    }
}
