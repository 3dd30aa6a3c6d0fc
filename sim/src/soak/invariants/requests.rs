//! Each vote and notification is answered exactly once, in its time.

use std::time::{Duration, Instant};

use protocol::InstanceId;
use protocol::channel::{EventType, NotificationType, VoteResult, Word};
use protocol::datagram::Answer;

use super::reports::AFTERMATH;
use super::{Checker, Verdict, Watched, violated};
use crate::guest::Votes;
use crate::world::{Instance, Phase, World};

/// Wake-ups that come late, on a sluggish host too.
const SLACK: Duration = Duration::from_millis(250);

/// A vote or notification that reached the server.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked {
    event: EventType,
    kind: NotificationType,
    /// When its answer is due at the latest.
    due: Instant,
    /// It went to the guest.
    forwarded: bool,
}

impl Watched {
    pub(super) fn forwarded(&mut self, event: EventType, kind: NotificationType) {
        for asked in &mut self.asked {
            asked.forwarded |= asked.event == event && asked.kind == kind;
        }
    }

    /// Whether an answer is outstanding.
    pub(super) fn asks(&self) -> bool {
        !self.asked.is_empty()
    }
}

impl Checker {
    pub(super) fn asked(
        &mut self,
        world: &World,
        id: InstanceId,
        name: &Word,
        kind: NotificationType,
    ) {
        let Some(number) = world.number_of(id) else { return };
        let event = EventType::from_word(name.as_str()).unwrap_or(EventType::Unknown);
        let within = time_to_answer(&world.instances()[number], event, kind);
        let due = world.now() + within;
        self.guests[number].asked.push(Asked { event, kind, due, forwarded: false });
    }

    pub(super) fn answered(
        &mut self,
        world: &World,
        number: usize,
        answer: &Answer,
        phase: Phase,
    ) -> Verdict {
        let (event, kind) = (answer.event_type, answer.notification_type);
        let guest = &mut self.guests[number];
        let found = guest.asked.iter().position(|a| a.event == event && a.kind == kind);
        let Some(index) = found else {
            return violated(
                number,
                format!("a vote or notification is answered once: {answer:?}"),
            );
        };
        let asked = guest.asked.remove(index);
        self.judged.answers += 1;
        let by_guest = asked.forwarded && matches!(phase, Phase::Reading(_) | Phase::Deadline);
        if by_guest && kind == NotificationType::Revocable {
            self.guests_word_counts(world, number, answer)?;
        }
        if asked.forwarded {
            self.excuse(world, number, asked, phase);
        }
        Ok(())
    }

    /// The vote of a guest that is not disturbed reaches the agent as it was given.
    fn guests_word_counts(&self, world: &World, number: usize, answer: &Answer) -> Verdict {
        let instance = &world.instances()[number];
        let long_ago = |at: Instant| at + AFTERMATH < world.now();
        let truth = instance.truth();
        let undisturbed = truth.answering.is_some_and(long_ago)
            && truth.habits.is_some_and(long_ago)
            && self.host.late.is_none_or(long_ago)
            && instance.habits().late.is_zero();
        let habits = instance.habits();
        let expected = match (habits.votes, habits.app_votes) {
            (Votes::Reject, _) | (_, Votes::Reject) => VoteResult::Reject,
            (Votes::Ignore, _) => VoteResult::Timeout,
            (Votes::Agree, _) => VoteResult::Accept,
        };
        if undisturbed && answer.vote != expected {
            return violated(
                number,
                format!("a guest's vote reaches the agent: {expected}, not {answer:?}"),
            );
        }
        Ok(())
    }

    /// The guest may be silent now. It is certain that it may if it has answered itself or its time
    /// was over; otherwise the request may have been overtaken by something else.
    fn excuse(&mut self, world: &World, number: usize, asked: Asked, phase: Phase) {
        let Some(window) = Self::absence(world, number, asked.event, asked.kind) else { return };
        let until = world.now() + window;
        let guest = &mut self.guests[number];
        guest.perhaps_excused = guest.perhaps_excused.max(Some(until));
        if matches!(phase, Phase::Reading(_) | Phase::Deadline) {
            guest.excused = Some(until);
            if asked.event == EventType::Suspend {
                guest.suspended = Some(world.now());
            }
        }
    }

    pub(super) fn answered_in_time(&self, world: &World, number: usize) -> Verdict {
        let overdue = |asked: &&Asked| asked.due + SLACK < world.now();
        match self.guests[number].asked.iter().find(overdue) {
            Some(asked) => violated(
                number,
                format!("every vote and notification is answered in its time: {asked:?}"),
            ),
            None => Ok(()),
        }
    }
}

fn time_to_answer(instance: &Instance, event: EventType, kind: NotificationType) -> Duration {
    use EventType as E;
    let config = instance.config();
    let configured = match (kind, event) {
        (NotificationType::Revocable, _) | (_, E::Unknown) => config.vote,
        (_, E::Stop | E::Reboot) => config.shutdown_notice,
        (_, E::Suspend | E::Pause | E::ResizeBegin | E::LiveMigrateBegin | E::ColdMigrateBegin) => {
            config.suspend_notice
        }
        (_, E::Unpause | E::Resume | E::ResizeEnd | E::LiveMigrateEnd | E::ColdMigrateEnd) => {
            config.resume_notice
        }
    };
    configured + Duration::from_secs(1)
}
