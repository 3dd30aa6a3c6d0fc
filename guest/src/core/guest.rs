//! The whole client: its channel, the health and event scripts, and the applications.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use protocol::Random;
use protocol::application::Message;
use protocol::channel::{EventType, GuestMessage, NotificationType};

use super::apps::{ApplicationCrash, Apps, Effect};
use super::check::{Check, ScriptEnd, Wanted};
use super::health::HealthReport;
use super::io::{self, Ask, Note, State};
use super::pace::Pace;
use super::question::Question;
use super::{Client, Config, Counters};

/// Outputs kept for the caller. One input yields fewer; beyond it the oldest goes.
const OUTPUTS_MAX: usize = 1024;

/// What the guest's administrator sets.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Settings {
    /// Of the channel.
    pub channel: Config,
    /// Time between two runs of the health script; `None`: there is none.
    pub health_check: Option<Duration>,
    /// Whether there is an event script.
    pub event_script: bool,
    /// What it means that an application crashes.
    pub application_crash: ApplicationCrash,
}

/// Tells a connection of an application from every other; the caller numbers them as they come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AppKey(pub u64);

/// Tells a run of a script from every other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RunId(pub(super) u64);

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input<'a> {
    /// A host is connected.
    ChannelUp,
    /// The host hung up.
    ChannelDown,
    /// Bytes came from the host, in any pieces.
    Received(&'a [u8]),
    /// A script ended, also one that was killed.
    ScriptEnded {
        /// Which run.
        run: RunId,
        /// How.
        end: ScriptEnd,
    },
    /// An application connected.
    AppConnected(AppKey),
    /// Bytes came from an application, in any pieces.
    AppReceived(AppKey, &'a [u8]),
    /// An application's connection ended; not to be told of one that [`Output::AppClose`] named.
    AppClosed(AppKey),
    /// The administrator changed the settings.
    Reconfigured(Settings),
    /// Leave.
    Stop,
}

/// Something to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Send this to the host in one write. If the channel takes none of it, drop it.
    Send {
        /// For [`GuestMessage::encode`].
        sequence: u32,
        /// The object.
        message: GuestMessage,
    },
    /// Run a script in a process group of its own, and hand in its end.
    Run {
        /// This run.
        run: RunId,
        /// Which script.
        script: Script,
    },
    /// Kill a run with its whole process group. Nothing is expected of it any more.
    Kill(RunId),
    /// Send this to an application. If its socket takes none of it, drop it.
    AppSend {
        /// Whom.
        to: AppKey,
        /// For [`Message::encode`].
        sequence: u32,
        /// What.
        message: Message,
    },
    /// Close an application's connection after what was sent to it.
    AppClose(AppKey),
    /// Something for the log.
    Note(Note),
    /// End the process; nothing follows.
    Leave,
}

/// A script of the administrator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Script {
    /// The health script.
    Health,
    /// The event script, with its two arguments.
    Event(NotificationType, EventType),
}

/// Everything that the client of one guest decides.
pub struct Guest {
    client: Client,
    settings: Settings,
    random: Random,
    check: Option<(Check, Option<RunId>)>,
    question: Option<Question>,
    apps: Apps,
    runs: u64,
    pace: Pace,
    /// The health that the channel was told last.
    told: HealthReport,
    /// When a crash begins to count.
    crash: Option<Instant>,
    outputs: VecDeque<Output>,
}

impl Guest {
    /// A client that starts `now`. `random` gives each caller bits of its own.
    pub fn new(settings: Settings, now: Instant, mut random: impl FnMut() -> Random) -> Self {
        let mut guest = Self {
            client: Client::new(settings.channel.clone(), now, random()),
            settings,
            random: random(),
            check: None,
            question: None,
            apps: Apps::default(),
            runs: 0,
            pace: Pace::default(),
            told: HealthReport::healthy(),
            crash: None,
            outputs: VecDeque::new(),
        };
        guest.after(now);
        guest
    }

    /// Takes what happened. Nothing has an effect once the client has left.
    pub fn handle(&mut self, now: Instant, input: Input<'_>) {
        if self.client.state() == State::Left {
            return;
        }
        self.pace.runs(now, self.next_deadline());
        let mut effects = Vec::new();
        match input {
            Input::ChannelUp => self.client.handle(now, io::Input::ChannelUp),
            Input::ChannelDown => self.client.handle(now, io::Input::ChannelDown),
            Input::Received(bytes) => self.client.handle(now, io::Input::Received(bytes)),
            Input::ScriptEnded { run, end } => self.script_ended(run, &end),
            Input::AppConnected(key) => self.apps.connected(now, key, &mut effects),
            Input::AppReceived(key, bytes) => self.apps.received(now, key, bytes, &mut effects),
            Input::AppClosed(key) => {
                self.apps.closed(now, key, self.settings.application_crash, &mut effects);
            }
            Input::Reconfigured(settings) => self.reconfigured(now, settings),
            Input::Stop => self.client.handle(now, io::Input::Stop),
        }
        self.apply(effects);
        self.after(now);
    }

    /// Does what is due at `now`.
    pub fn handle_deadline(&mut self, now: Instant) {
        self.pace.runs(now, self.next_deadline());
        self.check_due(now);
        if let Some(run) = self.question.as_mut().and_then(|open| open.handle_deadline(now)) {
            self.put(Output::Kill(run));
        }
        let mut effects = Vec::new();
        self.apps.handle_deadline(now, &self.pace, &mut self.random, &mut effects);
        self.apply(effects);
        // The question goes first: the channel would answer for those who just ran out of time.
        self.answer(now);
        self.client.handle_deadline(now);
        self.after(now);
    }

    /// When [`Self::handle_deadline`] is to be called at the latest.
    pub fn next_deadline(&self) -> Option<Instant> {
        let check = self.check.as_ref().map(|(check, _)| check.next_deadline());
        let question = self.question.as_ref().and_then(Question::next_deadline);
        let all =
            [self.client.next_deadline(), check, question, self.apps.next_deadline(), self.crash];
        all.into_iter().flatten().min()
    }

    /// The next thing to do, oldest first.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// Where the client stands.
    pub fn state(&self) -> State {
        self.client.state()
    }

    /// What has happened on the channel so far.
    pub fn counters(&self) -> &Counters {
        self.client.counters()
    }

    /// How many applications are registered.
    pub fn applications(&self) -> usize {
        self.apps.registered()
    }

    fn script_ended(&mut self, run: RunId, end: &ScriptEnd) {
        if let Some((check, awaited)) = &mut self.check
            && awaited.take_if(|awaited| *awaited == run).is_some()
        {
            return check.ended(end);
        }
        if let Some(question) = &mut self.question {
            question.script_ended(run, end);
        }
    }

    fn reconfigured(&mut self, now: Instant, settings: Settings) {
        self.client.handle(now, io::Input::Reconfigured(settings.channel.clone()));
        let action = settings.channel.corrective_action;
        match (settings.health_check, &mut self.check) {
            (Some(interval), Some((check, _))) => check.change(now, interval, action),
            (None, Some(_)) => self.stop_check(),
            (_, None) => {}
        }
        self.settings = settings;
    }

    fn apply(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Send { to, sequence, message } => {
                    self.put(Output::AppSend { to, sequence, message });
                }
                Effect::Close(key) => self.put(Output::AppClose(key)),
                Effect::Note(note) => self.put(Output::Note(note)),
                Effect::Answered(key, answer) => {
                    if let Some(question) = &mut self.question {
                        let (id, log_msg) = (answer.invocation_id, answer.log_msg.as_str());
                        question.application_answered(key, id, answer.vote_result, log_msg);
                    }
                }
                Effect::Gone(key) => {
                    if let Some(question) = &mut self.question {
                        question.application_gone(key);
                    }
                }
            }
        }
    }

    /// What follows from anything: the channel hears what is new, and its outputs are carried out.
    fn after(&mut self, now: Instant) {
        let registered = self.settings.event_script || self.apps.registered() > 0;
        self.client.handle(now, io::Input::Handlers { registered });
        self.crash = self.apps.next_crash(now);
        self.answer(now);
        self.drain(now);
        self.see_state(now);
        self.tell_health(now);
        // Nobody waits for the answer any more: a newer question, or a channel that went.
        if self.question.as_ref().is_some_and(|open| !self.client.asks(open.id)) {
            self.abort();
        }
    }

    fn drain(&mut self, now: Instant) {
        while let Some(output) = self.client.poll_output() {
            match output {
                io::Output::Send { sequence, message } => {
                    self.put(Output::Send { sequence, message });
                }
                // Of several that came at once only the newest is still open.
                io::Output::Ask(ask) if self.client.asks(ask.id) => {
                    self.ask(now, ask);
                    self.answer(now);
                }
                io::Output::Ask(_) => {}
                io::Output::Note(note) => self.put(Output::Note(note)),
                io::Output::Leave => self.leave(),
            }
        }
    }

    /// The health script runs while the channel is enabled, from the beginning each time.
    fn see_state(&mut self, now: Instant) {
        if self.client.state() != State::Enabled {
            self.stop_check();
            self.told = HealthReport::healthy();
            return;
        }
        if let (Some(interval), None) = (self.settings.health_check, &self.check) {
            let action = self.settings.channel.corrective_action;
            self.check = Some((Check::new(now, interval, action), None));
            self.check_due(now);
        }
    }

    fn stop_check(&mut self) {
        if let Some((_, Some(run))) = self.check.take() {
            self.put(Output::Kill(run));
        }
    }

    fn check_due(&mut self, now: Instant) {
        let Some((check, _)) = &mut self.check else { return };
        let wanted = check.handle_deadline(now, &self.pace);
        if wanted == Wanted::Nothing {
            return;
        }
        let run = self.run(Script::Health);
        let before = self.check.as_mut().and_then(|(_, running)| running.replace(run));
        if let (Wanted::KillAndRun, Some(before)) = (wanted, before) {
            self.put(Output::Kill(before));
        }
    }

    fn run(&mut self, script: Script) -> RunId {
        self.runs += 1;
        let run = RunId(self.runs);
        self.put(Output::Run { run, script });
        run
    }

    fn tell_health(&mut self, now: Instant) {
        if self.client.state() != State::Enabled {
            return;
        }
        let check = self.check.iter().map(|(check, _)| check.report());
        let merged = HealthReport::merge(check.chain(self.apps.reports(now)));
        if merged != self.told {
            if merged.is_unhealthy() || self.told.is_unhealthy() {
                self.put(Output::Note(Note::Health(merged.clone())));
            }
            self.told = merged.clone();
            self.client.handle(now, io::Input::Health(merged));
        }
    }

    fn ask(&mut self, now: Instant, ask: Ask) {
        self.abort();
        let mut question = Question::new(now, ask);
        if self.settings.event_script {
            let notify = question.notify();
            let script = Script::Event(notify.notification_type, notify.event_type);
            question.script_runs(self.run(script));
        }
        let mut effects = Vec::new();
        self.apps.ask(now, &mut question, &mut self.random, &mut effects);
        self.question = Some(question);
        self.apply(effects);
    }

    /// Answers the question if everyone has said what they have to say.
    fn answer(&mut self, now: Instant) {
        let Some((vote_result, log_msg)) = self.question.as_ref().and_then(Question::answer) else {
            return;
        };
        if let Some(question) = self.question.take() {
            let id = question.id;
            self.client.handle(now, io::Input::EventAnswer { id, vote_result, log_msg });
            self.drain(now);
        }
    }

    fn abort(&mut self) {
        if let Some(run) = self.question.take().and_then(|question| question.run()) {
            self.put(Output::Kill(run));
        }
    }

    fn leave(&mut self) {
        self.abort();
        self.stop_check();
        self.put(Output::Leave);
    }

    fn put(&mut self, output: Output) {
        if self.outputs.len() == OUTPUTS_MAX {
            self.outputs.pop_front();
        }
        self.outputs.push_back(output);
    }
}
