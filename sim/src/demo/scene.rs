//! One thing that is done to a guest, and whether what followed is right.

#[cfg(test)]
mod tests;

use std::ops::RangeInclusive;
use std::time::{Duration, Instant};

use protocol::channel::EventType;
use protocol::vim::{AlarmState, GuestResponse};

use super::inside::HEALTH_INTERVAL;
use super::told::{Kind, Said, Told};
use super::words;
use crate::vim::Consequence;

/// What the machine that all this runs on may add to a time.
const SLACK: Duration = Duration::from_millis(250);
/// Clocks of several processes are read one after the other: a time may seem this much too short.
const EARLY: Duration = Duration::from_millis(50);
/// From a client's start to when the VIM hears of it, when all start at once: datagrams may get lost
/// then, and two rounds of guestAgent's audit make up for them.
const START: Duration = Duration::from_secs(20);
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
    /// The VIM reboots a lost guest: a new QEMU with a new client.
    Repair,
    /// SIGSTOP to the client.
    Freeze,
    /// SIGCONT to a frozen client.
    Thaw,
    /// Its health script fails.
    FallIll,
    /// The VIM reboots an ill guest, and what it was ill of is gone.
    RebootIll,
    /// SIGKILL to the application in it.
    CrashApplication,
    /// The application is started again.
    StartApplication,
    /// SIGTERM to the client.
    Leave,
    /// A new client where one left.
    StartLeft,
    /// SIGKILL to the client and a new one at once.
    Restart,
    /// SIGKILL to QEMU, and with it to the guest.
    KillQemu,
    /// A new QEMU and a guest in it.
    StartQemu,
    /// The VIM asks whether it may be stopped, and it objects.
    VoteStop,
    /// The VIM asks whether it may be rebooted, and it agrees.
    VoteReboot,
    /// The VIM tells it that it is rebooted.
    NotifyReboot,
    /// The VIM reboots it: its client is killed and nobody is there for a while.
    Reboot,
    /// It has booted.
    StartRebooted,
}

/// What is right for the VIM to be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Right {
    /// "Heartbeat stopped" and "failed", 2 to 3 intervals after it, and this is what the VIM does.
    Lost(Consequence),
    /// "Unhealthy" within this time, and this is what the VIM does.
    Ill(Duration, Consequence),
    /// The guest says that it is well within this time. There is no event for that, so the VIM is
    /// told nothing.
    Well(Duration),
    /// "Heartbeat stopped" and then "heartbeat running", this one within this time.
    Rebooted(Duration),
    /// "Heartbeat stopped" at once, which is long before a missed challenge could tell, and no
    /// alarm.
    Stopped,
    /// "Heartbeat stopped" 2 to 3 intervals after it, and no alarm: its silence was announced.
    Excused,
    /// It heartbeats again and there is no alarm.
    NeverLost,
    /// "Heartbeat running" within this time.
    Running(Duration),
    /// This answer, and this is what it means, within an interval.
    Answer(GuestResponse, Consequence),
}

/// Something that is done to a guest and what followed.
#[derive(Debug)]
pub(super) struct Scene {
    pub(super) what: What,
    /// Index of the guest.
    pub(super) guest: usize,
    /// Index of its host.
    pub(super) host: usize,
    /// When it was done.
    pub(super) at: Instant,
    /// Until the next scene of this guest begins.
    pub(super) events: Vec<(Instant, Kind)>,
    pub(super) verdict: Option<Verdict>,
    /// The reason that came with the last event that had one.
    pub(super) reason: String,
    /// What guestServer found out, in its words.
    pub(super) found: Option<String>,
    /// The guest's last heartbeat before.
    last_beat: Option<Instant>,
    /// Whether a new client announced itself.
    announced: bool,
    /// The first heartbeat of that client.
    again: Option<Instant>,
    /// The first healthy answer.
    well: Option<Instant>,
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
    /// Whether it is a fault; otherwise the end of one, or something that the VIM does.
    pub(super) fn is_fault(self) -> bool {
        use What::{CrashApplication, FallIll, Freeze, Kill, KillQemu, Leave, Restart};
        matches!(self, Kill | Freeze | FallIll | CrashApplication | Leave | Restart | KillQemu)
    }

    fn right(self, interval: Duration) -> Right {
        match self {
            Self::Kill => Right::Lost(Consequence::Reboots),
            Self::Freeze => Right::Lost(Consequence::Logs),
            // The next run of the script finds it, the next answer tells.
            Self::FallIll => Right::Ill(HEALTH_INTERVAL + interval, Consequence::Reboots),
            // It is away for one of them.
            Self::RebootIll => Right::Rebooted(2 * interval),
            Self::CrashApplication => Right::Ill(interval, Consequence::Logs),
            Self::StartApplication => Right::Well(interval),
            Self::Leave | Self::KillQemu => Right::Stopped,
            Self::Reboot => Right::Excused,
            Self::Restart => Right::NeverLost,
            Self::Start => Right::Running(START),
            Self::Thaw => Right::Running(CLIENT_SILENCE.max(2 * interval)),
            // As above.
            Self::Repair => Right::Running(2 * interval),
            Self::StartLeft | Self::StartQemu | Self::StartRebooted => Right::Running(interval),
            Self::VoteStop => {
                Right::Answer(GuestResponse::Reject, Consequence::CalledOff(EventType::Stop))
            }
            Self::VoteReboot => {
                Right::Answer(GuestResponse::Allow, Consequence::Allowed(EventType::Reboot))
            }
            Self::NotifyReboot => {
                Right::Answer(GuestResponse::Proceed, Consequence::Proceeds(EventType::Reboot))
            }
        }
    }
}

impl Scene {
    pub(super) fn new(
        what: What,
        guest: usize,
        host: usize,
        at: Instant,
        last_beat: Option<Instant>,
    ) -> Self {
        Self {
            what,
            guest,
            host,
            at,
            events: Vec::new(),
            verdict: None,
            reason: String::new(),
            found: None,
            last_beat,
            announced: false,
            again: None,
            well: None,
            ended_well: None,
            stall: Duration::ZERO,
        }
    }

    /// The VIM was told something about the guest.
    pub(super) fn told(&mut self, told: Told) {
        self.events.push((told.at, told.kind));
        if !told.reason.is_empty() {
            self.reason = told.reason;
        }
    }

    /// guestServer said why it ended the guest's heartbeat, or what the guest complains of.
    pub(super) fn found(&mut self, why: String) {
        self.found = Some(why);
    }

    /// The guest's client said something.
    pub(super) fn heard(&mut self, at: Instant, said: Said) {
        match said {
            Said::Init => self.announced = true,
            Said::Exit => {}
            Said::Answer | Said::Unhealthy => {
                if self.announced {
                    self.again.get_or_insert(at);
                }
                if said == Said::Answer {
                    self.well.get_or_insert(at);
                }
            }
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
        let in_silence = (2 * interval).saturating_sub(EARLY)..=silence;
        let waited = |within: Duration| over || now > self.at + within + 2 * interval;
        match self.what.right(interval) {
            Right::Lost(repair) => self.judge_events(
                &[Kind::Stopped, Kind::Alarm(AlarmState::Failed, repair)],
                in_silence,
                waited(silence),
            ),
            Right::Ill(within, so) => {
                let within = within + slack;
                let alarm = [Kind::Alarm(AlarmState::Unhealthy, so)];
                self.judge_events(&alarm, Duration::ZERO..=within, waited(within))
            }
            Right::Well(within) => {
                let within = within + slack;
                self.judge_well(now, within, waited(within))
            }
            Right::Rebooted(within) => {
                let within = within + slack;
                let events = [Kind::Stopped, Kind::Running];
                self.judge_events(&events, Duration::ZERO..=within, waited(within))
            }
            Right::Stopped => {
                let at_once = Duration::ZERO..=interval / 2 + slack;
                self.judge_stopped(at_once, over || now > self.at + silence)
            }
            Right::Excused => self.judge_stopped(in_silence, over || now > self.at + silence),
            Right::NeverLost => self.judge_restart(now, interval, silence, over),
            Right::Running(within) => {
                let within = within + slack;
                self.judge_events(&[Kind::Running], Duration::ZERO..=within, waited(within))
            }
            Right::Answer(response, so) => {
                let within = interval + slack;
                let answer = [Kind::Answer(response, so)];
                self.judge_events(&answer, Duration::ZERO..=within, waited(within))
            }
        }
    }

    /// Right if exactly these events came, the last one within a time. Before the end of waiting a
    /// late one is not judged: a status that explains it may still come.
    fn judge_events(
        &self,
        right: &[Kind],
        within: RangeInclusive<Duration>,
        waited: bool,
    ) -> Option<Verdict> {
        let after = self.events.last().map(|(at, _)| at.saturating_duration_since(self.at));
        let so_far = self.is_so_far(right);
        let complete = so_far && self.events.len() == right.len();
        if complete && after.is_some_and(|after| within.contains(&after)) {
            // Whoever calls something off wants to know why.
            let explained = self.what != What::VoteStop || !self.reason.is_empty();
            return Some(self.verdict(explained, after));
        }
        (waited || !so_far).then(|| self.verdict(false, after))
    }

    /// Right if the heartbeat stopped within a time and, as long as one could come, no alarm did.
    fn judge_stopped(&self, within: RangeInclusive<Duration>, waited: bool) -> Option<Verdict> {
        let after = self.events.first().map(|(at, _)| at.saturating_duration_since(self.at));
        if !self.is_so_far(&[Kind::Stopped]) {
            return Some(self.verdict(false, after));
        }
        let ended_well = self.what != What::Leave || self.ended_well == Some(true);
        let in_time = after.is_some_and(|after| within.contains(&after));
        waited.then(|| self.verdict(in_time && ended_well, after))
    }

    /// Right if it was well within a time and no event came in that time.
    fn judge_well(&self, now: Instant, within: Duration, waited: bool) -> Option<Verdict> {
        let after = self.well_after();
        let quiet = self.events.is_empty();
        let in_time = after.is_some_and(|after| after <= within);
        let over = waited || (in_time && now > self.at + within);
        (over || !quiet).then(|| self.verdict(in_time && quiet, after))
    }

    /// How long it took until the guest said that it is well.
    pub(super) fn well_after(&self) -> Option<Duration> {
        Some(self.well?.saturating_duration_since(self.at))
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
        let lost = self.is_lost();
        let expected = self.events.iter().all(|(_, kind)| !matches!(kind, Kind::Answer(..)));
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

    /// Whether the VIM was told of a failure.
    pub(super) fn is_lost(&self) -> bool {
        self.events.iter().any(|(_, kind)| kind.is_alarm())
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
