//! Everything that is known while the demo runs: the guests, what was done to them, what was heard.

use std::time::{Duration, Instant};

use protocol::InstanceId;
use protocol::channel::GuestMessage;
use protocol::datagram::Event;

use super::scene::{Scene, What};
use super::status::Status;

/// Misses after which guestServer, as it is started here, declares a loss.
pub(super) const LOST_MISSES: u32 = 2;

/// What guestServer reported about a guest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Running,
    Stopped,
    Loss,
    /// Nothing that belongs here.
    Other(&'static str),
}

/// What a guest's client said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Said {
    Init,
    /// The answer to a challenge: a heartbeat.
    Answer,
    Exit,
}

/// What the table says of a guest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Waiting,
    Heartbeating,
    Lost,
    Left,
    Unreachable,
}

/// A guest.
#[derive(Debug)]
pub(super) struct Guest {
    pub(super) name: String,
    pub(super) id: InstanceId,
    pub(super) state: State,
    /// As guestServer's status says.
    pub(super) interval: Option<Duration>,
    /// In a row, as guestServer's status says.
    pub(super) misses: u32,
    pub(super) beats: u64,
    pub(super) last_beat: Option<Instant>,
    said_exit: bool,
}

/// All of it.
#[derive(Debug)]
pub(super) struct Play {
    pub(super) started: Instant,
    pub(super) interval: Duration,
    pub(super) guests: Vec<Guest>,
    /// In the order of their beginning.
    pub(super) scenes: Vec<Scene>,
    /// Events about instances that nobody has.
    pub(super) strangers: u64,
    stalls: u64,
}

impl Kind {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Running => "heartbeat running",
            Self::Stopped => "heartbeat stopped",
            Self::Loss => "heartbeat loss",
            Self::Other(name) => name,
        }
    }

    /// What an event says and about whom; `None` if it is about no instance.
    pub(super) fn of(event: &Event) -> Option<(InstanceId, Self)> {
        match event {
            Event::Ready { .. } => None,
            Event::Running(info) => Some((info.uuid, Self::Running)),
            Event::Stopped(info) => Some((info.uuid, Self::Stopped)),
            Event::Loss { uuid, .. } => Some((*uuid, Self::Loss)),
            Event::IllHealth(info) => Some((info.uuid, Self::Other("ill health"))),
            Event::QueryResponse(info) => Some((info.uuid, Self::Other("query response"))),
            Event::Answer(answer) => Some((answer.uuid, Self::Other("vote answer"))),
        }
    }
}

impl Said {
    pub(super) fn of(message: &GuestMessage) -> Option<Self> {
        match message {
            GuestMessage::Init(_) => Some(Self::Init),
            GuestMessage::ChallengeResponse(_) => Some(Self::Answer),
            GuestMessage::Exit(_) => Some(Self::Exit),
            GuestMessage::ActionResponse(_) => None,
        }
    }
}

impl State {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Heartbeating => "heartbeating",
            Self::Lost => "lost",
            Self::Left => "left",
            Self::Unreachable => "unreachable",
        }
    }
}

impl Guest {
    fn new((name, id): (String, InstanceId)) -> Self {
        Self {
            name,
            id,
            state: State::Waiting,
            interval: None,
            misses: 0,
            beats: 0,
            last_beat: None,
            said_exit: false,
        }
    }

    fn event(&mut self, kind: Kind, connected: bool) {
        if matches!(kind, Kind::Stopped | Kind::Loss) {
            self.interval = None;
        }
        match kind {
            Kind::Running => {
                self.state = State::Heartbeating;
                self.misses = 0;
            }
            Kind::Loss => {
                self.state = State::Lost;
                self.misses = LOST_MISSES;
            }
            Kind::Stopped if !connected => self.state = State::Unreachable,
            Kind::Stopped if self.said_exit => self.state = State::Left,
            Kind::Stopped => self.state = State::Waiting,
            Kind::Other(_) => {}
        }
    }

    fn heard(&mut self, at: Instant, said: Said) {
        match said {
            Said::Init => self.said_exit = false,
            Said::Exit => {
                self.said_exit = true;
                // guestServer's report may have come first.
                if self.state == State::Waiting {
                    self.state = State::Left;
                }
            }
            Said::Answer => {
                self.beats += 1;
                self.last_beat = Some(at);
            }
        }
    }
}

impl Play {
    pub(super) fn new(
        started: Instant,
        interval: Duration,
        guests: impl IntoIterator<Item = (String, InstanceId)>,
    ) -> Self {
        let guests = guests.into_iter().map(Guest::new).collect();
        Self { started, interval, guests, scenes: Vec::new(), strangers: 0, stalls: 0 }
    }

    /// Something is done to a guest now.
    pub(super) fn begin(&mut self, now: Instant, what: What, guest: usize) {
        self.scenes.push(Scene::new(what, guest, now, self.guests[guest].last_beat));
    }

    /// guestServer reported something; `connected`: whether it is connected to the guest's channel.
    /// Gives the guest.
    pub(super) fn event(
        &mut self,
        at: Instant,
        id: InstanceId,
        kind: Kind,
        connected: impl FnOnce(usize) -> bool,
    ) -> Option<usize> {
        let Some(guest) = self.guests.iter().position(|guest| guest.id == id) else {
            self.strangers += 1;
            return None;
        };
        self.guests[guest].event(kind, connected(guest));
        if let Some(scene) = self.present_scene(guest) {
            scene.events.push((at, kind));
        }
        Some(guest)
    }

    /// A guest's client said something.
    pub(super) fn heard(&mut self, at: Instant, guest: usize, said: Said) {
        self.guests[guest].heard(at, said);
        if let Some(scene) = self.present_scene(guest) {
            scene.heard(at, said);
        }
    }

    /// guestServer wrote a status.
    pub(super) fn status(&mut self, status: &Status) {
        for guest in &mut self.guests {
            let Some(seen) = status.instances.get(&guest.id) else { continue };
            guest.interval = seen.interval;
            if guest.state != State::Lost {
                guest.misses = seen.misses;
            }
        }
        // At each stall guestServer blames nobody for what was unanswered then.
        let stalls = status.stalls.saturating_sub(self.stalls);
        self.stalls = status.stalls;
        self.stalled(self.interval * u32::try_from(stalls).unwrap_or(u32::MAX));
    }

    /// This process, or guestServer, was late by this much.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;
    use crate::demo::status::Seen;

    const INTERVAL: Duration = Duration::from_secs(1);

    fn play() -> Play {
        let guests = (0..2).map(|n| (format!("guest-{n}"), InstanceId::numbered(n)));
        let mut play = Play::new(clock::now(), INTERVAL, guests);
        let now = play.started;
        play.begin(now, What::Start, 0);
        play.begin(now, What::Start, 1);
        report(&mut play, 10, 0, Kind::Running);
        report(&mut play, 10, 1, Kind::Running);
        play
    }

    fn after(play: &Play, ms: u64) -> Instant {
        play.started + Duration::from_millis(ms)
    }

    fn report(play: &mut Play, ms: u64, guest: u64, kind: Kind) {
        let at = after(play, ms);
        play.event(at, InstanceId::numbered(guest), kind, |_| true);
    }

    #[test]
    fn what_a_guest_s_end_looks_like_is_its_state() {
        let mut play = play();
        assert_eq!(play.guests[0].state, State::Heartbeating);
        report(&mut play, 20, 0, Kind::Stopped);
        report(&mut play, 20, 0, Kind::Loss);
        assert_eq!((play.guests[0].state, play.guests[0].misses), (State::Lost, LOST_MISSES));
        let at = after(&play, 30);
        play.heard(at, 1, Said::Exit);
        report(&mut play, 31, 1, Kind::Stopped);
        assert_eq!(play.guests[1].state, State::Left);
        report(&mut play, 32, 1, Kind::Running);
        play.heard(at, 1, Said::Init);
        report(&mut play, 33, 1, Kind::Stopped);
        assert_eq!(play.guests[1].state, State::Waiting);
        play.heard(at, 1, Said::Exit);
        assert_eq!(play.guests[1].state, State::Left, "the report may come before the exit");
        report(&mut play, 40, 1, Kind::Running);
        play.event(at, InstanceId::numbered(1), Kind::Stopped, |_| false);
        assert_eq!(play.guests[1].state, State::Unreachable);
    }

    #[test]
    fn an_untouched_guest_that_is_lost_makes_it_all_wrong() {
        let mut play = play();
        assert_eq!(play.judge(after(&play, 20)), [0, 1]);
        play.judge_finally(after(&play, 20));
        assert!(play.is_right());
        report(&mut play, 30, 1, Kind::Stopped);
        report(&mut play, 30, 1, Kind::Loss);
        report(&mut play, 40, 1, Kind::Running);
        play.judge_finally(after(&play, 50));
        assert!(!play.is_right());
        assert_eq!(play.untouched().collect::<Vec<_>>(), [0, 1]);
    }

    #[test]
    fn a_wrong_verdict_stays_although_all_heartbeat_in_the_end() {
        let mut play = play();
        play.judge(after(&play, 20));
        play.begin(after(&play, 1000), What::Kill, 0);
        let end = after(&play, 10_000);
        assert_eq!(play.judge(end), [2]);
        assert!(!play.scenes[2].verdict.as_ref().unwrap().right);
        play.judge_finally(end);
        assert!(!play.is_right());
    }

    #[test]
    fn an_event_about_a_stranger_is_wrong() {
        let mut play = play();
        play.judge(after(&play, 20));
        report(&mut play, 30, 7, Kind::Running);
        assert!(!play.is_right());
    }

    #[test]
    fn a_stall_that_guest_server_saw_gives_an_interval_of_time() {
        let mut play = play();
        play.judge(after(&play, 20));
        play.begin(after(&play, 1000), What::Kill, 0);
        report(&mut play, 5000, 0, Kind::Stopped);
        report(&mut play, 5000, 0, Kind::Loss);
        assert!(play.judge(after(&play, 5000)).is_empty());
        let seen = Seen { interval: None, misses: 0 };
        let instances = [(InstanceId::numbered(0), seen)].into();
        play.status(&Status { stalls: 1, instances });
        assert_eq!(play.judge(after(&play, 5100)), [2]);
        assert!(play.scenes[2].verdict.as_ref().unwrap().right);
        assert_eq!(play.guests[0].misses, LOST_MISSES);
    }
}
