//! A guest that follows a script: the real client core, and around it whatever can go wrong in a
//! guest. Like the client it does no I/O and is given the time.
//!
//! Tell it what its port sees ([`ScriptedGuest::channel_up`], [`channel_down`], [`received`]),
//! call [`handle_deadline`] by [`next_deadline`], and after each of these drain [`poll_write`]:
//! every message is one write. [`ScriptedGuest::act`] makes it misbehave, or behave again.
//! [`attend`] does all of that on a modelled [`Channel`](crate::channel::Channel).
//!
//! [`channel_down`]: ScriptedGuest::channel_down
//! [`received`]: ScriptedGuest::received
//! [`handle_deadline`]: ScriptedGuest::handle_deadline
//! [`next_deadline`]: ScriptedGuest::next_deadline
//! [`poll_write`]: ScriptedGuest::poll_write

mod act;
mod attend;
mod babble;
mod inside;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use guest_client::core::guest::{Input, Output};
use guest_client::core::{Config, Guest, Settings, State};
use protocol::channel::GuestMessage;

pub use act::{Act, AppAct, CheckAct, NotAnAct, Votes, parse_duration};
pub use attend::attend;
use babble::Babble;
pub use inside::APP_ACTION;
use inside::{Inside, Tiding};

/// Answers that a guest which answers late holds back at most; the oldest goes first.
const HELD_MAX: usize = 256;
/// Time between two runs of the health script.
pub const CHECK: Duration = Duration::from_secs(5);

/// What a guest's program does with its port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Port {
    /// It does not run: the port is closed.
    Closed,
    /// It has the port open and hangs: it neither reads nor writes.
    Hung,
    /// It reads and writes.
    Open,
}

/// What [`ScriptedGuest::poll_write`] has put into the buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    /// The answer to a challenge.
    Answer {
        /// Time since the answer before it, in the steady state: absent until the third answer
        /// after an init, because the first gap is that of the host choosing its phase.
        gap: Option<Duration>,
    },
    /// Another object of the protocol.
    Message,
    /// Not of the protocol.
    Noise,
}

/// What a guest has done, over all lives of its program.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Programs started, the first one included.
    pub starts: u64,
    /// Inits written.
    pub inits: u64,
    /// Answers to challenges written, lies included.
    pub answers: u64,
    /// Answers to votes and notifications written.
    pub action_responses: u64,
    /// Graceful leaves written.
    pub exits: u64,
    /// Answers that [`Act::Mute`] swallowed.
    pub muted: u64,
    /// Noise written.
    pub noise: u64,
}

/// One guest.
pub struct ScriptedGuest {
    settings: Settings,
    random: fastrand::Rng,
    /// The heartbeat client, while its program runs.
    client: Option<Guest>,
    inside: Inside,
    connected: bool,
    hung: bool,
    back_at: Option<Instant>,
    habits: Habits,
    held: VecDeque<(Instant, u32, GuestMessage)>,
    babble: Option<Babble>,
    steady: Steady,
    first_unanswered: Option<Instant>,
    counts: Counts,
}

/// How it answers.
#[derive(Debug, Default)]
struct Habits {
    late: Duration,
    lies: bool,
    mute: bool,
}

impl ScriptedGuest {
    /// A healthy guest whose client starts `now`. The same seed gives the same guest.
    pub fn new(config: Config, now: Instant, seed: u64) -> Self {
        let mut guest = Self {
            settings: Settings { channel: config, ..Settings::default() },
            random: fastrand::Rng::with_seed(seed),
            client: None,
            inside: Inside::default(),
            connected: false,
            hung: false,
            back_at: None,
            habits: Habits::default(),
            held: VecDeque::new(),
            babble: None,
            steady: Steady::default(),
            first_unanswered: None,
            counts: Counts::default(),
        };
        guest.start(now);
        guest
    }

    /// Does what the script says, `now`.
    pub fn act(&mut self, now: Instant, act: Act) {
        match act {
            Act::Hang => self.hung = true,
            Act::Recover => self.hung = false,
            Act::Die => self.die(),
            Act::Leave => self.tell(now, Input::Stop),
            Act::Start => self.start(now),
            Act::Reboot { down } => {
                self.die();
                self.back_at = Some(now + down);
            }
            Act::Unhealthy(action) => self.inside.set_ill(Some(action)),
            Act::Healthy => self.inside.set_ill(None),
            Act::App(act) => self.inside.app(act),
            Act::Check(act) => {
                self.inside.check(act);
                self.settings.health_check = (act != CheckAct::Off).then_some(CHECK);
                self.tell(now, Input::Reconfigured(self.settings.clone()));
            }
            Act::AnswerLate(late) => self.habits.late = late,
            Act::Lie(lies) => self.habits.lies = lies,
            Act::Mute(mute) => {
                self.habits.mute = mute;
                self.first_unanswered = None;
            }
            Act::Votes(votes) => {
                self.inside.event = votes;
                self.settings.event_script = votes != Votes::Agree;
                self.tell(now, Input::Reconfigured(self.settings.clone()));
            }
            Act::Babble { per_second } => self.babble = Babble::new(now, per_second),
        }
        self.settle(now);
    }

    /// What its program does with its port; the channel must be made to agree.
    pub fn port(&self) -> Port {
        match self.client {
            None => Port::Closed,
            Some(_) if self.hung => Port::Hung,
            Some(_) => Port::Open,
        }
    }

    /// The open port shows no hang-up (any more). Saying it again changes nothing.
    pub fn channel_up(&mut self, now: Instant) {
        if !std::mem::replace(&mut self.connected, true) {
            self.tell(now, Input::ChannelUp);
        }
    }

    /// The port shows a hang-up. Saying it again changes nothing.
    pub fn channel_down(&mut self, now: Instant) {
        if std::mem::replace(&mut self.connected, false) {
            self.held.clear();
            self.steady = Steady::default();
        }
        self.tell(now, Input::ChannelDown);
    }

    /// Bytes were read from the port.
    pub fn received(&mut self, now: Instant, bytes: &[u8]) {
        self.tell(now, Input::Received(bytes));
    }

    /// Does what is due at `now`.
    pub fn handle_deadline(&mut self, now: Instant) {
        if self.back_at.is_some_and(|at| at <= now) {
            self.start(now);
        }
        if self.hung {
            return;
        }
        // What scripts and applications have said is handed in before any deadline.
        self.settle(now);
        if let Some(client) = &mut self.client {
            client.handle_deadline(now);
            if let Some(babble) = &mut self.babble {
                babble.handle_deadline(now);
            }
        }
    }

    /// When [`ScriptedGuest::handle_deadline`] is to be called and
    /// [`ScriptedGuest::poll_write`] drained again.
    pub fn next_deadline(&self) -> Option<Instant> {
        let running = self.client.as_ref().filter(|_| !self.hung);
        let of_program = running.and_then(|client| {
            let babble = self.babble.as_ref().map(Babble::due);
            let held = self.held.front().map(|(due, ..)| *due);
            [client.next_deadline(), babble, held].into_iter().flatten().min()
        });
        [self.back_at, of_program].into_iter().flatten().min()
    }

    /// Replaces what is in `out` by the next write, if there is one. If the channel takes none of
    /// it, it is to be dropped, as the real client does.
    pub fn poll_write(&mut self, now: Instant, out: &mut Vec<u8>) -> Option<Written> {
        if self.hung {
            return None;
        }
        out.clear();
        while let Some(output) = self.client.as_mut()?.poll_output() {
            if let Some(written) = self.carry_out(now, output, out) {
                return Some(written);
            }
        }
        if self.held.front().is_some_and(|(due, ..)| *due <= now) {
            let (_, sequence, message) = self.held.pop_front()?;
            return Some(self.write(now, sequence, &message, out));
        }
        self.babble.as_mut()?.write(&mut self.random, out).then(|| {
            self.counts.noise += 1;
            Written::Noise
        })
    }

    /// Where the client stands; `None` while its program does not run.
    pub fn state(&self) -> Option<State> {
        self.client.as_ref().map(Guest::state)
    }

    /// Whether its client answers challenges.
    pub fn is_enabled(&self) -> bool {
        self.state() == Some(State::Enabled)
    }

    /// What it has done so far.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// When [`Act::Mute`] swallowed an answer for the first time: from then on it is to be lost.
    pub fn first_unanswered(&self) -> Option<Instant> {
        self.first_unanswered
    }

    fn start(&mut self, now: Instant) {
        self.die();
        let random = &mut self.random;
        let fork = || -> protocol::Random {
            let mut random = random.fork();
            Box::new(move || random.u32(..))
        };
        self.client = Some(Guest::new(self.settings.clone(), now, fork));
        self.inside.client_starts();
        self.counts.starts += 1;
        self.settle(now);
    }

    /// The program is gone, and all that it knew.
    fn die(&mut self) {
        self.client = None;
        self.inside.client_ends();
        self.connected = false;
        self.hung = false;
        self.back_at = None;
        self.held = VecDeque::new();
        self.steady = Steady::default();
    }

    fn tell(&mut self, now: Instant, input: Input<'_>) {
        if let Some(client) = &mut self.client {
            client.handle(now, input);
        }
    }

    /// Hands in what scripts and applications say.
    fn settle(&mut self, now: Instant) {
        if self.hung || self.client.is_none() {
            return;
        }
        while let Some(tiding) = self.inside.next() {
            match tiding {
                Tiding::Connected(key) => self.tell(now, Input::AppConnected(key)),
                Tiding::Says(key, message) => {
                    self.tell(now, Input::AppReceived(key, &message.encode(0)));
                }
                Tiding::Closed(key) => self.tell(now, Input::AppClosed(key)),
                Tiding::Ended(run, end) => self.tell(now, Input::ScriptEnded { run, end }),
            }
        }
    }

    fn carry_out(&mut self, now: Instant, output: Output, out: &mut Vec<u8>) -> Option<Written> {
        match output {
            Output::Send { sequence, message } => return self.send(now, sequence, message, out),
            Output::Run { run, script } => self.inside.runs(run, script),
            Output::AppSend { to, message, .. } => self.inside.told(to, &message),
            Output::AppClose(key) => self.inside.closed(key),
            Output::Kill(_) | Output::Note(_) => {}
            Output::Leave => self.die(),
        }
        self.settle(now);
        None
    }

    fn send(
        &mut self,
        now: Instant,
        sequence: u32,
        mut message: GuestMessage,
        out: &mut Vec<u8>,
    ) -> Option<Written> {
        if let GuestMessage::ChallengeResponse(response) = &mut message {
            if self.habits.mute {
                self.first_unanswered.get_or_insert(now);
                self.counts.muted += 1;
                return None;
            }
            response.heartbeat_response ^= u32::from(self.habits.lies);
        }
        if self.habits.late.is_zero() {
            return Some(self.write(now, sequence, &message, out));
        }
        if self.held.len() == HELD_MAX {
            self.held.pop_front();
        }
        self.held.push_back((now + self.habits.late, sequence, message));
        None
    }

    fn write(
        &mut self,
        now: Instant,
        sequence: u32,
        message: &GuestMessage,
        out: &mut Vec<u8>,
    ) -> Written {
        message.encode(sequence, out);
        match message {
            GuestMessage::ChallengeResponse(_) => {
                self.counts.answers += 1;
                return Written::Answer { gap: self.steady.answered(now) };
            }
            GuestMessage::Init(_) => {
                self.counts.inits += 1;
                self.steady = Steady::default();
            }
            GuestMessage::ActionResponse(_) => self.counts.action_responses += 1,
            GuestMessage::Exit(_) => self.counts.exits += 1,
        }
        Written::Message
    }
}

/// The answers since the last init.
#[derive(Debug, Default)]
struct Steady {
    answers: u32,
    last: Option<Instant>,
}

impl Steady {
    fn answered(&mut self, now: Instant) -> Option<Duration> {
        let last = self.last.replace(now);
        self.answers = self.answers.saturating_add(1);
        last.filter(|_| self.answers > 2).map(|last| now.saturating_duration_since(last))
    }
}
