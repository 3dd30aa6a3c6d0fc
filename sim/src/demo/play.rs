//! Everything that is known while the demo runs: the guests, what was done to them, what was heard.

#[cfg(test)]
mod tests;

use std::time::{Duration, Instant};

use super::guest::{Guest, State};
use super::log::Found;
use super::roles::HOSTS;
use super::scene::{Scene, What};
use super::status::Status;
use super::told::{Said, Told};

/// All of it.
#[derive(Debug)]
pub(super) struct Play {
    pub(super) started: Instant,
    pub(super) interval: Duration,
    pub(super) guests: Vec<Guest>,
    /// In the order of their beginning.
    pub(super) scenes: Vec<Scene>,
    pub(super) story: Vec<Entry>,
    /// Events about instances that nobody has.
    pub(super) strangers: u64,
    /// What went wrong between the VIM and guestAgent.
    pub(super) mishaps: Vec<String>,
    /// Of each host.
    stalls: [u64; HOSTS],
}

/// A piece of the story.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Entry {
    /// A new chapter begins.
    Chapter(&'static str),
    /// Something that happened between the daemons.
    Note(String),
    /// Index of a scene.
    Scene(usize),
}

impl Play {
    pub(super) fn new(started: Instant, interval: Duration, guests: Vec<Guest>) -> Self {
        Self {
            started,
            interval,
            guests,
            scenes: Vec::new(),
            story: Vec::new(),
            strangers: 0,
            mishaps: Vec::new(),
            stalls: [0; HOSTS],
        }
    }

    /// A new chapter begins.
    pub(super) fn chapter(&mut self, title: &'static str) {
        self.story.push(Entry::Chapter(title));
    }

    /// Something happened between the daemons.
    pub(super) fn note(&mut self, text: impl Into<String>) {
        self.story.push(Entry::Note(text.into()));
    }

    /// Something is done to a guest now.
    pub(super) fn begin(&mut self, now: Instant, what: What, guest: usize) {
        if what != What::Start {
            self.story.push(Entry::Scene(self.scenes.len()));
        }
        let actor = &mut self.guests[guest];
        actor.begin(what);
        self.scenes.push(Scene::new(what, guest, actor.host, now, actor.last_beat));
    }

    /// The VIM was told something; `connected`: whether guestServer is connected to the guest's
    /// channel. Gives the guest, if it is news.
    pub(super) fn told(
        &mut self,
        told: Told,
        connected: impl FnOnce(usize) -> bool,
    ) -> Option<usize> {
        let Some(guest) = self.guests.iter().position(|guest| guest.id == told.id) else {
            self.strangers += 1;
            return None;
        };
        if self.guests[guest].is_no_news(told.kind) {
            return None;
        }
        self.guests[guest].told(told.at, told.kind, connected(guest));
        if let Some(scene) = self.present_scene(guest) {
            scene.told(told);
        }
        Some(guest)
    }

    /// The agent did something that it must not do, or refused a command.
    pub(super) fn mishap(&mut self, what: String) {
        self.mishaps.push(what);
    }

    /// A guest's client said something.
    pub(super) fn heard(&mut self, at: Instant, guest: usize, said: Said) {
        self.guests[guest].heard(at, said);
        if let Some(scene) = self.present_scene(guest) {
            scene.heard(at, said);
        }
    }

    /// A guestServer's log says why a guest's heartbeat ended, or what it complains of.
    pub(super) fn found(&mut self, found: Found) {
        let Some(guest) = self.guests.iter().position(|guest| guest.id == found.id) else { return };
        if let Some(scene) = self.present_scene(guest) {
            scene.found(found.why);
        }
    }

    /// The guestServer of a host wrote a status.
    pub(super) fn status(&mut self, host: usize, status: &Status) {
        for guest in &mut self.guests {
            if let Some(seen) = status.instances.get(&guest.id) {
                guest.seen(seen);
            }
        }
        // At each stall guestServer blames nobody for what was unanswered then.
        let stalls = status.stalls.saturating_sub(self.stalls[host]);
        self.stalls[host] = status.stalls;
        self.stalled(self.interval * u32::try_from(stalls).unwrap_or(u32::MAX));
    }

    /// This process, or a guestServer, was late by this much.
    pub(super) fn stalled(&mut self, time: Duration) {
        self.scenes.iter_mut().for_each(|scene| scene.stalled(time));
    }

    /// A client that was asked to leave has ended.
    pub(super) fn client_ended(&mut self, guest: usize, well: bool) {
        if let Some(scene) = self.present_scene(guest) {
            scene.client_ended(well);
        }
    }

    /// Judges what can be judged now. Gives the scenes that have a verdict since this call.
    pub(super) fn judge(&mut self, now: Instant) -> Vec<usize> {
        let interval = self.interval;
        let open = self.scenes.iter_mut().enumerate().filter(|(_, s)| s.verdict.is_none());
        open.filter_map(|(index, scene)| {
            scene.verdict = scene.judge(now, interval, false);
            scene.verdict.is_some().then_some(index)
        })
        .collect()
    }

    /// The end: what followed a verdict counts as well.
    pub(super) fn judge_finally(&mut self, now: Instant) {
        for scene in &mut self.scenes {
            let right = scene.verdict.as_ref().is_some_and(|verdict| verdict.right);
            let finally = scene.judge(now, self.interval, true);
            if !right || finally.as_ref().is_some_and(|verdict| !verdict.right) {
                scene.verdict = finally;
            }
        }
    }

    /// Whether everything was right.
    pub(super) fn is_right(&self) -> bool {
        let right = |scene: &Scene| scene.verdict.as_ref().is_some_and(|verdict| verdict.right);
        self.strangers == 0
            && self.mishaps.is_empty()
            && self.scenes.iter().all(right)
            && self.guests.iter().all(|guest| guest.state == State::Heartbeating)
    }

    /// Whether nothing waits for its verdict.
    pub(super) fn is_settled(&self) -> bool {
        self.scenes.iter().all(|scene| scene.verdict.is_some())
    }

    /// The last thing that was done to a guest.
    pub(super) fn last_scene(&self, guest: usize) -> Option<&Scene> {
        self.scenes.iter().rev().find(|scene| scene.guest == guest)
    }

    /// Guests to which nothing was done but starting them.
    pub(super) fn untouched(&self) -> impl Iterator<Item = usize> {
        (0..self.guests.len())
            .filter(|guest| self.last_scene(*guest).is_none_or(|scene| scene.what == What::Start))
    }

    fn present_scene(&mut self, guest: usize) -> Option<&mut Scene> {
        self.scenes.iter_mut().rev().find(|scene| scene.guest == guest)
    }
}
