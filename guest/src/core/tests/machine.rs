//! A guest as a whole in virtual time: its channel, its scripts and its applications.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use protocol::application::{AppName, ChallengeResponse, Init, LogText, Message};
use protocol::channel::{
    ActionNotify, ActionResponse, CorrectiveAction, EventType, GuestMessage, Health, HostMessage,
    NotificationType,
};

use super::SECOND;
use crate::core::guest::{Input, Output, Script};
use crate::core::{
    AppKey, ApplicationCrash, Config, Guest, Note, RunId, ScriptEnd, Settings, State,
};

/// The guest, its clock, and what it put out.
pub(super) struct Machine {
    pub(super) guest: Guest,
    pub(super) now: Instant,
    pub(super) sent: Vec<GuestMessage>,
    /// Scripts that run.
    pub(super) running: Vec<(RunId, Script)>,
    pub(super) killed: Vec<RunId>,
    /// What each application was sent since it was last asked.
    apps: BTreeMap<u64, Vec<Message>>,
    pub(super) closed: Vec<u64>,
    pub(super) notes: Vec<Note>,
    pub(super) left: bool,
}

pub(super) fn health_check(secs: u64) -> Settings {
    Settings { health_check: Some(Duration::from_secs(secs)), ..Settings::default() }
}

pub(super) fn event_script() -> Settings {
    Settings { event_script: true, ..Settings::default() }
}

pub(super) fn crash(application_crash: ApplicationCrash) -> Settings {
    Settings { application_crash, ..Settings::default() }
}

pub(super) fn exits(status: u8, line: &str) -> ScriptEnd {
    ScriptEnd::Exited { status, line: line.to_owned() }
}

/// An application's init: half a second, five seconds for a vote, three for the rest.
pub(super) fn init(name: &str) -> Init {
    Init {
        application_name: AppName::new(name),
        heartbeat_interval_ms: 500,
        vote_secs: 5,
        shutdown_notice_secs: 3,
        suspend_notice_secs: 3,
        resume_notice_secs: 3,
        corrective_action: CorrectiveAction::Stop,
    }
}

impl Machine {
    /// A guest that the host has taken, with hours between two challenges, so that none is missed.
    pub(super) fn with(mut settings: Settings) -> Self {
        settings.channel.interval = Duration::from_hours(1);
        #[expect(clippy::disallowed_methods, reason = "the start of virtual time")]
        let now = Instant::now();
        let random = || -> protocol::Random {
            let mut drawn = 0;
            Box::new(move || {
                drawn += 1;
                drawn
            })
        };
        let mut machine = Self {
            guest: Guest::new(settings, now, random),
            now,
            sent: Vec::new(),
            running: Vec::new(),
            killed: Vec::new(),
            apps: BTreeMap::new(),
            closed: Vec::new(),
            notes: Vec::new(),
            left: false,
        };
        machine.connect();
        machine
    }

    pub(super) fn new() -> Self {
        Self::with(Settings::default())
    }

    /// The host connects and takes the init.
    pub(super) fn connect(&mut self) {
        self.input(Input::ChannelUp);
        let Some(GuestMessage::Init(init)) = self.sent.pop() else { panic!("no init") };
        self.host(&HostMessage::InitAck { invocation_id: init.invocation_id });
        assert_eq!(self.guest.state(), State::Enabled);
    }

    pub(super) fn input(&mut self, input: Input<'_>) {
        self.guest.handle(self.now, input);
        self.drain();
    }

    pub(super) fn host(&mut self, message: &HostMessage) {
        let mut bytes = Vec::new();
        message.encode(1, &mut bytes);
        self.input(Input::Received(&bytes));
    }

    /// The answer to a challenge.
    pub(super) fn health(&mut self) -> (Health, CorrectiveAction, String) {
        self.host(&HostMessage::Challenge { heartbeat_challenge: 1 });
        self.sleep(Duration::ZERO);
        match self.sent.pop() {
            Some(GuestMessage::ChallengeResponse(answer)) => {
                let action = answer.corrective_action.unwrap();
                (answer.heartbeat_health, action, answer.log_msg.to_string())
            }
            other => panic!("no answer but {other:?}"),
        }
    }

    pub(super) fn is_healthy(&mut self) -> bool {
        self.health().0 == Health::Healthy
    }

    /// The host asks about an event; the handlers have ten seconds.
    pub(super) fn notify(&mut self, event_type: EventType, kind: NotificationType) {
        let notify = ActionNotify {
            invocation_id: 9,
            event_type,
            notification_type: kind,
            timeout_ms: 11_000,
        };
        self.host(&HostMessage::ActionNotify(notify));
    }

    pub(super) fn vote(&mut self) {
        self.notify(EventType::Stop, NotificationType::Revocable);
    }

    /// The answers to events since this was last asked.
    pub(super) fn answers(&mut self) -> Vec<ActionResponse> {
        let sent = std::mem::take(&mut self.sent);
        let answer = |message| match message {
            GuestMessage::ActionResponse(answer) => Some(answer),
            _ => None,
        };
        sent.into_iter().filter_map(answer).collect()
    }

    /// The run of a script that was started last.
    pub(super) fn run(&self) -> RunId {
        self.running.last().expect("a script runs").0
    }

    /// The script that was started last ends.
    pub(super) fn ends(&mut self, end: ScriptEnd) {
        let (run, _) = self.running.pop().expect("a script runs");
        self.input(Input::ScriptEnded { run, end });
    }

    pub(super) fn app(&mut self, key: u64, message: &Message) {
        let bytes = message.encode(1);
        self.input(Input::AppReceived(AppKey(key), &bytes));
    }

    /// An application registers; what it is answered.
    pub(super) fn register_as(&mut self, key: u64, init: Init) -> Vec<Message> {
        self.input(Input::AppConnected(AppKey(key)));
        self.app(key, &Message::Init(init));
        self.said_to(key)
    }

    pub(super) fn register(&mut self, key: u64, name: &str) {
        assert_eq!(self.register_as(key, init(name)), [Message::InitAck { accepted: true }]);
    }

    /// What an application was sent since this was last asked.
    pub(super) fn said_to(&mut self, key: u64) -> Vec<Message> {
        self.apps.remove(&key).unwrap_or_default()
    }

    /// The challenges among it.
    pub(super) fn challenges(&mut self, key: u64) -> Vec<u32> {
        let challenge = |message| match message {
            Message::Challenge(value) => Some(value),
            _ => None,
        };
        self.said_to(key).into_iter().filter_map(challenge).collect()
    }

    pub(super) fn app_answers(&mut self, key: u64, value: u32, health: Health, log_msg: &str) {
        let answer = ChallengeResponse {
            heartbeat_response: value,
            health,
            corrective_action: CorrectiveAction::Reboot,
            log_msg: LogText::new(log_msg),
        };
        self.app(key, &Message::ChallengeResponse(answer));
    }

    pub(super) fn app_closes(&mut self, key: u64) {
        self.input(Input::AppClosed(AppKey(key)));
    }

    /// Time goes by; every deadline is handled when it is due. Gives the number of wake-ups.
    pub(super) fn sleep(&mut self, time: Duration) -> usize {
        let end = self.now + time;
        let mut wake_ups = 0;
        while let Some(at) = self.guest.next_deadline().filter(|at| *at <= end) {
            self.now = self.now.max(at);
            self.guest.handle_deadline(self.now);
            self.drain();
            assert!(self.guest.next_deadline().is_none_or(|next| next > self.now), "spins");
            wake_ups += 1;
        }
        self.now = end;
        wake_ups
    }

    /// The whole machine does not run for a while; then what was due is handled.
    pub(super) fn stall(&mut self, time: Duration) {
        self.now += time;
        self.guest.handle_deadline(self.now);
        self.drain();
    }

    /// The applications answer each challenge for a while.
    pub(super) fn answer_for(&mut self, keys: &[u64], time: Duration) {
        let end = self.now + time;
        while self.now < end {
            self.sleep(SECOND / 10);
            for key in keys {
                for value in self.challenges(*key) {
                    self.app_answers(*key, value, Health::Healthy, "");
                }
            }
        }
    }

    fn drain(&mut self) {
        while let Some(output) = self.guest.poll_output() {
            match output {
                Output::Send { message, .. } => self.sent.push(message),
                Output::Run { run, script } => self.running.push((run, script)),
                Output::Kill(run) => {
                    self.running.retain(|(running, _)| *running != run);
                    self.killed.push(run);
                }
                Output::AppSend { to, message, .. } => {
                    self.apps.entry(to.0).or_default().push(message);
                }
                Output::AppClose(key) => self.closed.push(key.0),
                Output::Note(note) => self.notes.push(note),
                Output::Leave => self.left = true,
            }
        }
    }

    pub(super) fn reconfigure(&mut self, settings: Settings) {
        let channel = Config { interval: Duration::from_hours(1), ..settings.channel };
        self.input(Input::Reconfigured(Settings { channel, ..settings }));
    }
}
