//! One instance of the world: its channel, its guest, and the truth about it.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use guest_client::core::Config;
use guest_server::core::{ChannelFile, FileIdentity, Key};
use protocol::InstanceId;
use protocol::channel::CorrectiveAction;

use crate::channel::{Channel, HostConn};
use crate::guest::{APP_ACTION, Act, AppAct, CheckAct, Port, ScriptedGuest, Votes};

/// Noise at a rate up to this does not keep a guest from answering.
const HARMLESS_NOISE: u32 = 10;

/// An instance.
pub struct Instance {
    pub(super) id: InstanceId,
    pub(super) path: Arc<Path>,
    /// Counts the files that there were under this name.
    pub(super) made: i64,
    pub(super) channel: Channel,
    pub(super) guest: ScriptedGuest,
    pub(super) config: Config,
    pub(super) habits: Habits,
    pub(super) wake_at: Option<Instant>,
    pub(super) conn: Option<Connected>,
    pub(super) intruder: Option<HostConn>,
    pub(super) intruder_waits: bool,
    pub(super) random: fastrand::Rng,
    /// Its noise may have filled the channel, and cost it an init.
    choked: bool,
    truth: Truth,
}

/// guestServer's connection to the channel.
#[derive(Debug)]
pub(super) struct Connected {
    pub(super) key: Key,
    pub(super) conn: HostConn,
    pub(super) paused: bool,
    /// The end of an object of which the channel took only the beginning.
    pub(super) rest: Vec<u8>,
}

/// What the guest does otherwise than it should.
#[derive(Debug, Clone, Copy)]
pub struct Habits {
    /// It reads challenges and does not answer.
    pub mute: bool,
    /// It answers with wrong values.
    pub lies: bool,
    /// How late it answers.
    pub late: Duration,
    /// Writes of noise a second.
    pub noise: u32,
    /// What its health check wants done; `None` while it passes.
    pub ill: Option<CorrectiveAction>,
    /// What its event script says to votes.
    pub votes: Votes,
    /// What its application says to votes.
    pub app_votes: Votes,
}

/// What is true about the instance, whatever the server believes. Each is unbroken since then.
#[derive(Debug, Clone, Copy, Default)]
pub struct Truth {
    /// The server is connected and the guest answers every challenge in time.
    pub answering: Option<Instant>,
    /// No right answer reaches the server.
    pub silent: Option<Instant>,
    /// A connection would be accepted.
    pub listening: Option<Instant>,
    /// It has had the file that it has now, and the server was told of it.
    pub announced: Option<Instant>,
    /// The last change of habits.
    pub habits: Option<Instant>,
}

impl Instance {
    pub(super) fn new(number: usize, config: Config, now: Instant, seed: u64) -> Self {
        let id = InstanceId::numbered(number as u64);
        let path = format!("/run/channels/cgcs.heartbeat.{id}.sock");
        let mut random = fastrand::Rng::with_seed(seed);
        let guest = ScriptedGuest::new(config.clone(), now, random.u64(..));
        Self {
            id,
            path: Path::new(&path).into(),
            made: 1,
            channel: Channel::new(),
            guest,
            config,
            habits: Habits::default(),
            wake_at: None,
            conn: None,
            intruder: None,
            intruder_waits: false,
            random,
            choked: false,
            truth: Truth { listening: Some(now), ..Truth::default() },
        }
    }

    /// Its id.
    pub fn id(&self) -> InstanceId {
        self.id
    }

    /// The settings of its client.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// What is true about it.
    pub fn truth(&self) -> &Truth {
        &self.truth
    }

    /// What it does otherwise than it should.
    pub fn habits(&self) -> &Habits {
        &self.habits
    }

    /// Bytes held in its channel, and of objects that wait for room in it.
    pub fn held(&self) -> usize {
        self.channel.held() + self.conn.as_ref().map_or(0, |conn| conn.rest.len())
    }

    /// Whether guestServer is connected.
    pub fn is_connected(&self) -> bool {
        self.conn.is_some()
    }

    pub(super) fn file(&self) -> ChannelFile {
        ChannelFile {
            path: Arc::clone(&self.path),
            identity: FileIdentity { inode: 7, made_ns: self.made },
            is_socket: true,
        }
    }

    pub(super) fn act(&mut self, now: Instant, act: Act) {
        match act {
            Act::Mute(mute) => self.habits.mute = mute,
            Act::Lie(lies) => self.habits.lies = lies,
            Act::AnswerLate(late) => self.habits.late = late,
            Act::Babble { per_second } => self.habits.noise = per_second,
            Act::Unhealthy(action) => self.habits.ill = Some(action),
            Act::Healthy => self.habits.ill = None,
            Act::Votes(votes) => self.habits.votes = votes,
            Act::App(act) => self.app_act(act),
            Act::Check(act) => self.habits.ill = self.wanted_by_check(act),
            Act::Hang | Act::Recover | Act::Die | Act::Leave | Act::Start | Act::Reboot { .. } => {
                // Whatever was true before, it is not unbroken.
                self.truth.answering = None;
            }
        }
        self.truth.habits = Some(now);
        self.guest.act(now, act);
        self.see(now);
    }

    fn app_act(&mut self, act: AppAct) {
        match act {
            AppAct::Start | AppAct::Recover | AppAct::Quit => self.habits.ill = None,
            AppAct::Hang => self.habits.ill = Some(APP_ACTION),
            AppAct::Crash => self.habits.ill = Some(CorrectiveAction::Log),
            AppAct::Votes(votes) => self.habits.app_votes = votes,
        }
    }

    fn wanted_by_check(&self, act: CheckAct) -> Option<CorrectiveAction> {
        match act {
            CheckAct::Pass | CheckAct::Off => None,
            CheckAct::Hang => Some(self.config.corrective_action),
            CheckAct::Break => Some(CorrectiveAction::Log),
        }
    }

    /// Brings the truth up to date after anything that may have changed it.
    pub(super) fn see(&mut self, now: Instant) {
        let running = self.channel.is_running() && self.guest.port() == Port::Open;
        let served = (self.conn.as_ref()).is_some_and(|c| self.channel.host_is_served(c.conn));
        let speaks = running && served && !self.habits.mute && !self.habits.lies;
        let floods = self.habits.noise > HARMLESS_NOISE;
        self.choked = floods || self.choked && !self.has_recovered();
        let hampered = self.choked || self.habits.late > self.config.interval * 3 / 5;
        note(&mut self.truth.answering, speaks && !hampered, now);
        note(&mut self.truth.silent, !speaks, now);
    }

    /// All its noise has been read, and the client has announced itself since.
    fn has_recovered(&self) -> bool {
        let all_read = |c: &Connected| !c.paused && !self.channel.host_readable(c.conn);
        self.guest.is_enabled() && self.conn.as_ref().is_none_or(all_read)
    }

    pub(super) fn set_listening(&mut self, now: Instant, listening: bool) {
        self.truth.listening = listening.then_some(now);
        self.truth.announced = self.truth.announced.filter(|_| listening);
    }

    pub(super) fn set_announced(&mut self, now: Instant) {
        self.truth.announced = Some(now);
    }

    /// What was true of its connections is not any more.
    pub(super) fn break_off(&mut self, now: Instant) {
        self.truth.answering = None;
        self.see(now);
    }
}

impl Default for Habits {
    fn default() -> Self {
        Self {
            mute: false,
            lies: false,
            late: Duration::ZERO,
            noise: 0,
            ill: None,
            votes: Votes::Agree,
            app_votes: Votes::Agree,
        }
    }
}

fn note(since: &mut Option<Instant>, is: bool, now: Instant) {
    match (is, &since) {
        (true, None) => *since = Some(now),
        (false, Some(_)) => *since = None,
        _ => {}
    }
}
