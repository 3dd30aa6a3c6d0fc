//! A healthy guest is never lost; a dead one is found; when nothing disturbs them all heartbeat.

use std::time::{Duration, Instant};

use guest_server::core::InstanceState;

use super::{Checker, Verdict, violated};
use crate::world::{Instance, World};

/// Wake-ups that come late, by up to what the server does not call late, and answers under way.
const SLACK: Duration = Duration::from_millis(230);
/// The quick attempts to connect are over, on a sluggish host too; the next would be later.
const AT_ONCE: Duration = Duration::from_secs(1);
/// Longest wait before a connection is tried again, with its jitter and the quick attempts.
const BACKOFF: Duration = Duration::from_secs(67);
/// The directory is scanned this often.
const RESCAN: Duration = Duration::from_mins(3);

impl Checker {
    /// When a guest that is silent since `silent` must have been found, at the latest.
    fn found_by(&self, instance: &Instance, silent: Instant) -> Instant {
        let from = self.host.late.map_or(silent, |late| silent.max(late)).max(self.host.started);
        from + instance.config().interval * (self.threshold + 2) + SLACK
    }

    pub(super) fn dead_is_found(&self, world: &World, number: usize) -> Verdict {
        let instance = &world.instances()[number];
        let Some(silent) = instance.truth().silent else { return Ok(()) };
        if !self.guests[number].running || world.now() <= self.found_by(instance, silent) {
            return Ok(());
        }
        let since = world.now() - silent;
        violated(
            number,
            format!(
                "a dead guest is found within {} intervals: silent for {since:?} and still \
                 said to heartbeat",
                self.threshold + 2
            ),
        )
    }

    /// A guest that answers, is healthy and has been left in peace long enough heartbeats.
    pub(super) fn healthy_heartbeats(&self, world: &World) -> Verdict {
        for (number, instance) in world.instances().iter().enumerate() {
            let Some(since) = self.in_peace_since(instance) else { continue };
            if world.now() < since + time_to_begin(instance) || self.heartbeats(world, number) {
                continue;
            }
            return violated(
                number,
                format!(
                    "a healthy guest heartbeats within {:?} of being connected: it has \
                     answered for {:?}",
                    time_to_begin(instance),
                    world.now() - since,
                ),
            );
        }
        Ok(())
    }

    fn in_peace_since(&self, instance: &Instance) -> Option<Instant> {
        let truth = instance.truth();
        let since = truth.answering.filter(|_| instance.habits().ill.is_none())?;
        Some(since.max(truth.habits?).max(self.host.late.unwrap_or(since)).max(self.host.started))
    }

    fn heartbeats(&self, world: &World, number: usize) -> bool {
        if self.guests[number].reporting.is_some() {
            return self.guests[number].running;
        }
        let view =
            world.server().and_then(|server| server.instance(world.instances()[number].id()));
        view.is_some_and(|view| view.state == InstanceState::Heartbeating)
    }

    /// A channel that appears is connected to by the quick attempts: it listens within 30 ms.
    pub(super) fn new_file_is_connected(&self, world: &World, number: usize) -> Verdict {
        let truth = world.instances()[number].truth();
        let (Some(announced), Some(_)) = (truth.announced, truth.listening) else { return Ok(()) };
        let disturbed = |at: Option<Instant>| at.is_some_and(|at| at >= announced);
        let guest = &self.guests[number];
        if world.instances()[number].is_connected()
            || world.now() < announced + AT_ONCE
            || disturbed(self.host.late)
            || disturbed(Some(self.host.started))
            || disturbed(guest.parted)
        {
            return Ok(());
        }
        violated(number, format!("a channel that appears is connected to within {AT_ONCE:?}"))
    }

    /// A channel that listens is connected to.
    pub(super) fn listening_is_connected(&self, world: &World) -> Verdict {
        for (number, instance) in world.instances().iter().enumerate() {
            let Some(listening) = instance.truth().listening else { continue };
            let since = listening
                .max(self.host.started)
                .max(self.host.late.unwrap_or(listening))
                .max(self.guests[number].parted.unwrap_or(listening));
            if !instance.is_connected() && world.now() > since + RESCAN + BACKOFF {
                return violated(
                    number,
                    format!("a channel that listens is connected to within {:?}", RESCAN + BACKOFF),
                );
            }
        }
        Ok(())
    }

    /// Nothing has gone wrong for as long as healing may take.
    pub(in super::super) fn all_has_healed(&mut self, world: &World) -> Verdict {
        for number in 0..world.instances().len() {
            let known = world.agent().instance(number);
            self.has_healed(world, number, known.reporting)?;
            if known.heartbeating != Some(true) {
                return not_healed(number, "the agent does not know that it heartbeats");
            }
        }
        self.judged.healings += 1;
        Ok(())
    }

    /// The same of one instance and its server, of which the agent wants it `reported` or not.
    pub(in super::super) fn has_healed(
        &self,
        world: &World,
        number: usize,
        reported: bool,
    ) -> Verdict {
        if !world.instances()[number].is_connected() {
            return not_healed(number, "it is not connected");
        }
        if !self.heartbeats(world, number) {
            return not_healed(number, "it does not heartbeat");
        }
        if self.guests[number].reporting != Some(reported) {
            return not_healed(number, "the server does not report as the agent wants");
        }
        if self.guests[number].asks() {
            return not_healed(number, "a vote or notification is still open");
        }
        Ok(())
    }
}

/// Something is still wrong with an instance at the end of a calm.
pub(in super::super) fn not_healed(number: usize, what: &str) -> Verdict {
    violated(number, format!("when faults stop everything heals: {what}"))
}

/// The client announces itself after this, even if it thinks for a while that it was late itself.
pub(super) fn time_to_begin(instance: &Instance) -> Duration {
    let config = instance.config();
    config.min_timeout.max(config.interval * 2) * 4 + config.init_retry * 3
}
