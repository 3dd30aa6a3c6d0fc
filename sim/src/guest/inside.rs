//! What runs in a guest besides its client: its scripts and its applications, as far as the client
//! sees them.

use std::collections::VecDeque;

use guest_client::core::guest::Script;
use guest_client::core::{AppKey, RunId, ScriptEnd};
use protocol::application::{
    ActionNotify, ActionResponse, AppName, ChallengeResponse, Init, LogText, Message,
};
use protocol::channel::{CorrectiveAction, Health, NotificationType, VoteResult};

use super::act::{AppAct, CheckAct, Votes};

/// Time between two challenges of the supervisor: the shortest that there is.
const SUPERVISOR_MS: u32 = 400;
/// Time between two challenges of the application.
const APP_MS: u32 = 1000;
/// Seconds that an application has for an answer, if the host gives it as many.
const ANSWER_SECS: u32 = 3600;

/// What the application wants done when it is silent.
pub const APP_ACTION: CorrectiveAction = CorrectiveAction::Stop;

/// Everything of it.
#[derive(Debug)]
pub(super) struct Inside {
    /// Says what [`super::Act::Unhealthy`] wants said.
    supervisor: App,
    /// The application that [`super::Act::App`] is about.
    app: App,
    pub(super) event: Votes,
    check: CheckAct,
    /// What the client is to be told, oldest first.
    tidings: VecDeque<Tiding>,
    keys: u64,
}

/// Something that the client sees.
#[derive(Debug)]
pub(super) enum Tiding {
    Connected(AppKey),
    Says(AppKey, Message),
    Closed(AppKey),
    Ended(RunId, ScriptEnd),
}

#[derive(Debug)]
struct App {
    name: &'static str,
    interval_ms: u32,
    /// What it wants done when it is silent.
    action: CorrectiveAction,
    lives: bool,
    hangs: bool,
    ill: Option<CorrectiveAction>,
    votes: Votes,
    connection: Option<AppKey>,
}

impl Default for Inside {
    fn default() -> Self {
        Self {
            supervisor: App::new("supervisor", SUPERVISOR_MS, CorrectiveAction::Log),
            app: App::new("app", APP_MS, APP_ACTION),
            event: Votes::Agree,
            check: CheckAct::Pass,
            tidings: VecDeque::new(),
            keys: 0,
        }
    }
}

impl Inside {
    /// The next that the client is to be told.
    pub(super) fn next(&mut self) -> Option<Tiding> {
        self.tidings.pop_front()
    }

    /// The client runs: applications find it.
    pub(super) fn client_starts(&mut self) {
        self.client_ends();
        let Self { supervisor, app, keys, tidings, .. } = self;
        for app in [supervisor, app] {
            app.connect(keys, tidings);
        }
    }

    /// The client is gone, and what it had started.
    pub(super) fn client_ends(&mut self) {
        self.tidings.clear();
        self.supervisor.connection = None;
        self.app.connection = None;
    }

    /// Something is wrong that wants this done; `None`: nothing is wrong any more.
    pub(super) fn set_ill(&mut self, ill: Option<CorrectiveAction>) {
        let Self { supervisor, keys, tidings, .. } = self;
        supervisor.ill = ill;
        if ill.is_none() {
            supervisor.quit(tidings);
        } else {
            supervisor.lives = true;
            supervisor.connect(keys, tidings);
        }
    }

    pub(super) fn check(&mut self, act: CheckAct) {
        self.check = act;
    }

    pub(super) fn app(&mut self, act: AppAct) {
        let Self { app, keys, tidings, .. } = self;
        match act {
            AppAct::Start => {
                (app.lives, app.hangs) = (true, false);
                app.connect(keys, tidings);
            }
            AppAct::Hang => app.hangs = true,
            AppAct::Recover => app.hangs = false,
            AppAct::Crash => {
                app.lives = false;
                tidings.extend(app.connection.take().map(Tiding::Closed));
            }
            AppAct::Quit => app.quit(tidings),
            AppAct::Votes(votes) => app.votes = votes,
        }
    }

    /// A script was started. One that hangs never ends.
    pub(super) fn runs(&mut self, run: RunId, script: Script) {
        let (status, line) = match script {
            Script::Health => match self.check {
                CheckAct::Pass | CheckAct::Off => (0, "fine"),
                CheckAct::Break => (3, "broken"),
                CheckAct::Hang => return,
            },
            Script::Event(..) => match self.event {
                Votes::Agree => (0, ""),
                Votes::Reject => (1, "not now"),
                Votes::Ignore => return,
            },
        };
        let line = line.to_owned();
        self.tidings.push_back(Tiding::Ended(run, ScriptEnd::Exited { status, line }));
    }

    /// The client says something to an application.
    pub(super) fn told(&mut self, to: AppKey, message: &Message) {
        let Self { supervisor, app, tidings, .. } = self;
        let Some(app) = [supervisor, app].into_iter().find(|app| app.connection == Some(to)) else {
            return;
        };
        let reply = match message {
            Message::Challenge(_) if app.hangs => None,
            Message::Challenge(value) => Some(app.answer(*value)),
            Message::ActionNotify(notify) => app.vote(*notify),
            _ => None,
        };
        tidings.extend(reply.map(|reply| Tiding::Says(to, reply)));
    }

    /// The client has closed a connection.
    pub(super) fn closed(&mut self, key: AppKey) {
        for app in [&mut self.supervisor, &mut self.app] {
            app.connection.take_if(|connection| *connection == key);
        }
    }
}

impl App {
    fn new(name: &'static str, interval_ms: u32, action: CorrectiveAction) -> Self {
        let (votes, connection) = (Votes::Agree, None);
        Self { name, interval_ms, action, lives: false, hangs: false, ill: None, votes, connection }
    }

    /// Registers, if it lives and has not yet.
    fn connect(&mut self, keys: &mut u64, tidings: &mut VecDeque<Tiding>) {
        if !self.lives || self.connection.is_some() {
            return;
        }
        *keys += 1;
        let key = AppKey(*keys);
        self.connection = Some(key);
        tidings.push_back(Tiding::Connected(key));
        let init = Init {
            application_name: AppName::new(self.name),
            heartbeat_interval_ms: self.interval_ms,
            vote_secs: ANSWER_SECS,
            shutdown_notice_secs: ANSWER_SECS,
            suspend_notice_secs: ANSWER_SECS,
            resume_notice_secs: ANSWER_SECS,
            corrective_action: self.action,
        };
        tidings.push_back(Tiding::Says(key, Message::Init(init)));
    }

    /// Leaves with notice.
    fn quit(&mut self, tidings: &mut VecDeque<Tiding>) {
        self.lives = false;
        let last_words = |key| Tiding::Says(key, Message::Final(LogText::new("done")));
        tidings.extend(self.connection.take().map(last_words));
    }

    fn answer(&self, value: u32) -> Message {
        Message::ChallengeResponse(ChallengeResponse {
            heartbeat_response: value,
            health: if self.ill.is_some() { Health::Unhealthy } else { Health::Healthy },
            corrective_action: self.ill.unwrap_or(CorrectiveAction::None),
            log_msg: LogText::new("the script says so"),
        })
    }

    fn vote(&self, notify: ActionNotify) -> Option<Message> {
        let vote_result = match (self.votes, notify.notification_type) {
            (Votes::Ignore, _) => return None,
            (Votes::Reject, _) => VoteResult::Reject,
            (Votes::Agree, Some(NotificationType::Irrevocable)) => VoteResult::Complete,
            (Votes::Agree, _) => VoteResult::Accept,
        };
        Some(Message::ActionResponse(ActionResponse {
            invocation_id: notify.invocation_id,
            event_type: notify.event_type,
            notification_type: notify.notification_type,
            vote_result,
            log_msg: LogText::new(if self.votes == Votes::Reject {
                "the application says so"
            } else {
                ""
            }),
        }))
    }
}
