//! One thing that is done to a guest, and whether what followed is right.

use std::time::{Duration, Instant};

use super::play::{Kind, Said};
use super::words;

/// What the machine that all this runs on may add to a time.
const SLACK: Duration = Duration::from_millis(200);
/// Clocks of three processes are read one after the other: a time may seem this much too short.
const EARLY: Duration = Duration::from_millis(50);
/// From a client's start to its first heartbeat when all start at once.
const START: Duration = Duration::from_secs(10);
/// A client that hears no challenge for this long, and at least two intervals, announces itself
/// anew (`HB_MIN_TIMEOUT`).
const CLIENT_SILENCE: Duration = Duration::from_secs(5);

/// What can be done to a guest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    /// Its client is started for the first time.
    Start,
    /// SIGKILL to the client.
    Kill,
    /// SIGSTOP to the client.
    Freeze,
    /// SIGTERM to the client.
    Leave,
    /// SIGKILL to the client and a new one at once.
    Restart,
    /// SIGKILL to QEMU, and with it to the guest.
    KillQemu,
    /// SIGCONT to a frozen client.
    Thaw,
    /// A new client where one was killed.
    StartKilled,
    /// A new client where one left.
    StartLeft,
    /// A new QEMU and a guest in it.
    StartQemu,
}

/// What is right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Right {
    /// "Heartbeat stopped" and "heartbeat loss", 2 to 3 intervals after it.
    Lost,
    /// "Heartbeat stopped" at once, which is long before a missed challenge could tell, and no loss.
    Stopped,
    /// It heartbeats again and there is no loss.
    NeverLost,
    /// "Heartbeat running" within this time.
    Running(Duration),
}

/// Something that is done to a guest and what followed.
#[derive(Debug)]
pub(super) struct Scene {
    pub(super) what: What,
    /// Index of the guest.
    pub(super) guest: usize,
    /// When it was done.
    pub(super) at: Instant,
    /// Until the next scene of this guest begins.
    pub(super) events: Vec<(Instant, Kind)>,
    pub(super) verdict: Option<Verdict>,
    /// The guest's last heartbeat before.
    last_beat: Option<Instant>,
    /// Whether a new client announced itself.
    announced: bool,
    /// The first heartbeat of that client.
    again: Option<Instant>,
    /// Whether the client that was asked to leave ended well.
    ended_well: Option<bool>,
    /// What the machine itself was late.
    stall: Duration,
}

/// What was detected, and whether that is right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Verdict {
    pub(super) right: bool,
    /// In words.
    pub(super) detected: String,
    /// From what was done to the event that matters.
    pub(super) after: Option<Duration>,
}

impl What {
    /// Whether it is a fault, or the end of one.
    pub(super) fn is_fault(self) -> bool {
        use What::{Freeze, Kill, KillQemu, Leave, Restart};
        matches!(self, Kill | Freeze | Leave | Restart | KillQemu)
    }

    fn right(self, interval: Duration) -> Right {
        match self {
            Self::Kill | Self::Freeze => Right::Lost,
            Self::Leave | Self::KillQemu => Right::Stopped,
            Self::Restart => Right::NeverLost,
            Self::Start => Right::Running(START),
            Self::Thaw => Right::Running(CLIENT_SILENCE.max(2 * interval)),
            Self::StartKilled | Self::StartLeft | Self::StartQemu => Right::Running(interval),
        }
    }
}

impl Scene {
    pub(super) fn new(what: What, guest: usize, at: Instant, last_beat: Option<Instant>) -> Self {
        Self {
            what,
            guest,
            at,
            events: Vec::new(),
            verdict: None,
            last_beat,
            announced: false,
            again: None,
            ended_well: None,
            stall: Duration::ZERO,
        }
    }

    /// The guest's client said something.
    pub(super) fn heard(&mut self, at: Instant, said: Said) {
        match said {
            Said::Init => self.announced = true,
            Said::Answer if self.announced && self.again.is_none() => self.again = Some(at),
            Said::Answer | Said::Exit => {}
        }
    }

    /// The client that was asked to leave has ended.
    pub(super) fn client_ended(&mut self, well: bool) {
        self.ended_well = Some(well);
    }

    /// The machine stalled for this long: nobody is to blame for it.
    pub(super) fn stalled(&mut self, time: Duration) {
        if self.verdict.is_none() {
            self.stall += time;
        }
    }

    /// Whether what followed is right; `None`: that cannot be said yet. `over`: nothing more will
    /// follow.
    pub(super) fn judge(&self, now: Instant, interval: Duration, over: bool) -> Option<Verdict> {
        let slack = SLACK + self.stall;
        let silence = 3 * interval + slack;
        match self.what.right(interval) {
            Right::Lost => self.judge_events(
                &[Kind::Stopped, Kind::Loss],
                (2 * interval).saturating_sub(EARLY)..=silence,
                over || now > self.at + silence + 2 * interval,
            ),
            Right::Stopped => self.judge_stopped(now, interval / 2 + slack, silence, over),
            Right::NeverLost => self.judge_restart(now, interval, silence, over),
            Right::Running(within) => self.judge_events(
                &[Kind::Running],
                Duration::ZERO..=within + slack,
                over || now > self.at + within + slack + 2 * interval,
            ),
        }
    }

    /// Right if exactly these events came, the last one within a time. Before the end of waiting a
    /// late one is not judged: a status that explains it may still come.
    fn judge_events(
        &self,
        right: &[Kind],
        within: std::ops::RangeInclusive<Duration>,
        waited: bool,
    ) -> Option<Verdict> {
        let after = self.events.last().map(|(at, _)| at.saturating_duration_since(self.at));
        let so_far = self.is_so_far(right);
        let complete = so_far && self.events.len() == right.len();
        if complete && after.is_some_and(|after| within.contains(&after)) {
            return Some(self.verdict(true, after));
        }
        (waited || !so_far).then(|| self.verdict(false, after))
    }

    fn judge_stopped(
        &self,
        now: Instant,
        at_once: Duration,
        silence: Duration,
        over: bool,
    ) -> Option<Verdict> {
        let after = self.events.first().map(|(at, _)| at.saturating_duration_since(self.at));
        if !self.is_so_far(&[Kind::Stopped]) {
            return Some(self.verdict(false, after));
        }
        let ended_well = self.what != What::Leave || self.ended_well == Some(true);
        let at_once = after.is_some_and(|after| after <= at_once);
        (over || now > self.at + silence).then(|| self.verdict(at_once && ended_well, after))
    }

    /// A restart that took longer than two intervals may be a loss.
    fn judge_restart(
        &self,
        now: Instant,
        interval: Duration,
        silence: Duration,
        over: bool,
    ) -> Option<Verdict> {
        let after = self.again.map(|at| at.saturating_duration_since(self.at));
        let bound = (2 * interval).saturating_sub(EARLY);
        let slow = self.silent().is_none_or(|silent| silent > bound);
        let lost = self.events.iter().any(|(_, kind)| *kind == Kind::Loss);
        let expected = self.events.iter().all(|(_, kind)| !matches!(kind, Kind::Other(_)));
        let complete = lost && self.again.is_some();
        if expected && !complete && !over && now <= self.at + silence {
            return None;
        }
        Some(self.verdict(expected && self.again.is_some() && (!lost || slow), after))
    }

    /// How long the guest was silent in a restart.
    pub(super) fn silent(&self) -> Option<Duration> {
        Some(self.again?.saturating_duration_since(self.last_beat.unwrap_or(self.at)))
    }

    /// Whether the events so far are the first ones of `right`.
    fn is_so_far(&self, right: &[Kind]) -> bool {
        self.events.len() <= right.len()
            && self.events.iter().zip(right).all(|((_, kind), right)| kind == right)
    }

    fn verdict(&self, right: bool, after: Option<Duration>) -> Verdict {
        Verdict { right, detected: words::detected(self, after), after }
    }

    /// Whether the client ended as it was asked to; `None`: it has not.
    pub(super) fn ended_well(&self) -> Option<bool> {
        self.ended_well
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INTERVAL: Duration = Duration::from_secs(1);

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn scene(what: What, events: &[(u64, Kind)]) -> Scene {
        let before = crate::clock::now();
        let at = before + ms(100);
        let mut scene = Scene::new(what, 0, at, Some(before));
        scene.events = events.iter().map(|(after, kind)| (at + ms(*after), *kind)).collect();
        scene
    }

    fn judged(scene: &Scene, after: u64) -> Option<bool> {
        scene.judge(scene.at + ms(after), INTERVAL, false).map(|verdict| verdict.right)
    }

    fn lost(after: u64) -> Scene {
        scene(What::Kill, &[(after, Kind::Stopped), (after, Kind::Loss)])
    }

    #[test]
    fn a_dead_guest_is_to_be_lost_after_2_to_3_intervals() {
        assert_eq!(judged(&scene(What::Kill, &[]), 3000), None);
        assert_eq!(judged(&scene(What::Kill, &[(2500, Kind::Stopped)]), 2500), None);
        assert_eq!(judged(&lost(2500), 2500), Some(true));
        assert_eq!(judged(&lost(3200), 3200), Some(true));
        assert_eq!(judged(&lost(1900), 6000), Some(false));
        assert_eq!(judged(&lost(3300), 6000), Some(false));
        assert_eq!(judged(&scene(What::Freeze, &[]), 6000), Some(false));
    }

    #[test]
    fn the_machine_own_stalls_are_nobody_s_fault() {
        let mut late = lost(4300);
        assert_eq!(judged(&late, 4300), None);
        late.stalled(INTERVAL + ms(100));
        assert_eq!(judged(&late, 4400), Some(true));
    }

    #[test]
    fn a_loss_without_a_stop_or_twice_is_wrong_at_once() {
        assert_eq!(judged(&scene(What::Kill, &[(2500, Kind::Loss)]), 2500), Some(false));
        let mut twice = lost(2500);
        twice.events.push((twice.at + ms(2600), Kind::Loss));
        assert_eq!(judged(&twice, 2600), Some(false));
    }

    #[test]
    fn a_guest_that_leaves_stops_at_once_and_is_not_lost() {
        let mut left = scene(What::Leave, &[(3, Kind::Stopped)]);
        left.client_ended(true);
        assert_eq!(judged(&left, 3000), None, "a loss could still come");
        assert_eq!(judged(&left, 3201), Some(true));
        left.events.push((left.at + ms(2500), Kind::Loss));
        assert_eq!(judged(&left, 2500), Some(false));
    }

    #[test]
    fn a_client_that_does_not_leave_well_is_wrong() {
        let mut left = scene(What::Leave, &[(3, Kind::Stopped)]);
        assert_eq!(judged(&left, 3201), Some(false));
        left.client_ended(false);
        assert_eq!(judged(&left, 3201), Some(false));
    }

    #[test]
    fn a_stop_that_comes_late_is_wrong() {
        assert_eq!(judged(&scene(What::KillQemu, &[(900, Kind::Stopped)]), 3201), Some(false));
        assert_eq!(judged(&scene(What::KillQemu, &[(2, Kind::Stopped)]), 3201), Some(true));
    }

    #[test]
    fn a_quick_restart_is_no_loss() {
        let mut quick = scene(What::Restart, &[(20, Kind::Stopped), (20, Kind::Running)]);
        quick.heard(quick.at + ms(5), Said::Answer);
        assert_eq!(quick.silent(), None, "the old client's answer was on its way");
        quick.heard(quick.at + ms(19), Said::Init);
        quick.heard(quick.at + ms(20), Said::Answer);
        assert_eq!(quick.silent(), Some(ms(120)));
        assert_eq!(judged(&quick, 3201), Some(true));
        quick.events.push((quick.at + ms(3000), Kind::Loss));
        assert_eq!(judged(&quick, 3000), Some(false));
    }

    #[test]
    fn a_restart_that_takes_longer_than_the_bound_may_be_a_loss() {
        let mut slow = scene(What::Restart, &[(2400, Kind::Stopped), (2400, Kind::Loss)]);
        assert_eq!(judged(&slow, 2400), None);
        slow.heard(slow.at + ms(2700), Said::Init);
        slow.heard(slow.at + ms(2701), Said::Answer);
        assert_eq!(judged(&slow, 2701), Some(true));
    }

    #[test]
    fn a_guest_that_comes_back_heartbeats_in_its_time() {
        assert_eq!(judged(&scene(What::StartKilled, &[(30, Kind::Running)]), 30), Some(true));
        assert_eq!(judged(&scene(What::StartKilled, &[(1900, Kind::Running)]), 4000), Some(false));
        assert_eq!(judged(&scene(What::Thaw, &[(5010, Kind::Running)]), 5010), Some(true));
        assert_eq!(judged(&scene(What::Thaw, &[]), 5100), None);
    }

    #[test]
    fn a_verdict_can_turn_when_more_follows() {
        let mut back = scene(What::StartLeft, &[(30, Kind::Running)]);
        back.events.push((back.at + ms(9000), Kind::Stopped));
        let verdict = back.judge(back.at + ms(9000), INTERVAL, true);
        assert!(!verdict.unwrap().right);
    }
}
