//! An application that stands in for commands: one that tells how it is, one that is told of events.
//! What it decides, without I/O.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use guest_application::{Application, Event, HealthReport};
use protocol::application::{ActionNotify, FRAME, Init};
use protocol::channel::{CorrectiveAction, VoteResult};

use super::backoff::Backoff;
use super::{agreement, answer_to, time_for};
use crate::core::ScriptEnd;

/// A deadline that is seen later than this after its time was ours to miss: the guest was paused or
/// overloaded, and a command that did not end meanwhile has an excuse, once.
const LATE: Duration = Duration::from_millis(800);

/// What it does.
#[derive(Debug, Clone)]
pub(super) struct Settings {
    pub(super) init: Init,
    /// Between two health commands; `None`: there is none, all is always well.
    pub(super) health_interval: Option<Duration>,
    /// Whether there is a command for events; without one everything is agreed to.
    pub(super) on_event: bool,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Input<'a> {
    /// [`Output::Connect`] worked.
    Connected,
    /// It did not, for this reason.
    NotConnected(String),
    /// Read from the client.
    Received(&'a [u8]),
    /// The connection ended.
    Closed,
    /// A command ended.
    Ended { run: u64, end: ScriptEnd },
    /// A signal says stop.
    Stop,
}

/// What to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Output {
    /// Connect, and say whether it worked.
    Connect,
    /// Close the connection.
    Close,
    /// Send this to the client.
    Send([u8; FRAME]),
    /// Run the health command.
    RunHealth { run: u64 },
    /// Run the command for events.
    RunEvent { run: u64, question: ActionNotify },
    /// Kill this run; nothing more is to be heard of it.
    Kill(u64),
    /// Say this to people.
    Note(Note),
    /// That was all.
    Leave,
}

/// What people want to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Note {
    Registered,
    Refused,
    NotConnected(String),
    ConnectionLost,
    Health(HealthReport),
    Answered(ActionNotify, VoteResult, String),
    TooSlow(ActionNotify, Duration),
}

#[derive(Debug)]
pub(super) struct StandIn {
    settings: Settings,
    application: Application,
    link: Link,
    backoff: Backoff,
    health: Health,
    asked: Option<Asked>,
    /// For the next run.
    run: u64,
    outputs: VecDeque<Output>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Link {
    Up,
    /// Told: whether people know why it is down.
    Down {
        retry: Instant,
        told: bool,
    },
}

#[derive(Debug)]
struct Health {
    report: HealthReport,
    /// When the next run begins; `None`: there is no command.
    due: Option<Instant>,
    running: Option<u64>,
    excused: bool,
}

/// The question that the command for events is dealing with.
#[derive(Debug)]
struct Asked {
    question: ActionNotify,
    run: u64,
    until: Instant,
}

impl StandIn {
    /// It connects and runs its first health command at once.
    pub(super) fn new(settings: Settings, now: Instant) -> Self {
        let due = settings.health_interval.map(|_| now);
        let health = Health { report: HealthReport::healthy(), due, running: None, excused: false };
        Self {
            settings,
            application: Application::default(),
            link: Link::Down { retry: now, told: false },
            backoff: Backoff::default(),
            health,
            asked: None,
            run: 0,
            outputs: VecDeque::new(),
        }
    }

    pub(super) fn handle(&mut self, now: Instant, input: Input<'_>) {
        match input {
            Input::Connected => {
                self.link = Link::Up;
                self.application.register(self.settings.init.clone());
            }
            Input::NotConnected(why) => self.not_connected(now, why),
            Input::Received(bytes) => self.application.receive(bytes),
            Input::Closed => self.application.connection_lost(),
            Input::Ended { run, end } => self.ended(run, &end),
            Input::Stop => return self.stop(),
        }
        self.deal(now);
    }

    pub(super) fn next_deadline(&self) -> Option<Instant> {
        let retry = match self.link {
            Link::Up => None,
            Link::Down { retry, .. } => Some(retry),
        };
        let until = self.asked.as_ref().map(|asked| asked.until);
        [retry, self.health.due, until].into_iter().flatten().min()
    }

    pub(super) fn handle_deadline(&mut self, now: Instant) {
        if let Link::Down { retry, told } = self.link
            && retry <= now
        {
            self.link = Link::Down { retry: now + self.backoff.next(), told };
            self.outputs.push_back(Output::Connect);
        }
        if let (Some(due), Some(interval)) = (self.health.due, self.settings.health_interval)
            && due <= now
        {
            self.check_health(now, due, interval);
        }
        if let Some(asked) = self.asked.take_if(|asked| asked.until <= now) {
            // The client takes the silence for agreement.
            let time = time_for(asked.question, &self.settings.init);
            self.outputs.push_back(Output::Kill(asked.run));
            self.note(Note::TooSlow(asked.question, time));
        }
        self.deal(now);
    }

    pub(super) fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    fn not_connected(&mut self, now: Instant, why: String) {
        if let Link::Down { told: false, .. } = self.link {
            self.note(Note::NotConnected(why));
        }
        let retry = match self.link {
            Link::Up => now + self.backoff.next(),
            Link::Down { retry, .. } => retry,
        };
        self.link = Link::Down { retry, told: true };
    }

    fn check_health(&mut self, now: Instant, due: Instant, interval: Duration) {
        self.health.due = Some(now + interval);
        if let Some(run) = self.health.running {
            if now.saturating_duration_since(due) > LATE && !self.health.excused {
                self.health.excused = true;
                return;
            }
            self.outputs.push_back(Output::Kill(run));
            let why = format!("health command did not end within {} s", interval.as_secs());
            self.set_health(self.unhealthy(&why));
        }
        let run = self.next_run();
        self.health.running = Some(run);
        self.health.excused = false;
        self.outputs.push_back(Output::RunHealth { run });
    }

    fn unhealthy(&self, why: &str) -> HealthReport {
        HealthReport::unhealthy(self.settings.init.corrective_action, why)
    }

    fn set_health(&mut self, report: HealthReport) {
        if self.health.report != report {
            self.note(Note::Health(report.clone()));
            self.health.report = report;
        }
    }

    fn ended(&mut self, run: u64, end: &ScriptEnd) {
        if self.health.running == Some(run) {
            self.health.running = None;
            let report = match Verdict::of("health command", end) {
                Verdict::Yes => HealthReport::healthy(),
                Verdict::No(why) => self.unhealthy(&why),
                // Seen by the operator, but no reason to reboot.
                Verdict::None(why) => HealthReport::unhealthy(CorrectiveAction::Log, &why),
            };
            self.set_health(report);
        }
        if let Some(asked) = self.asked.take_if(|asked| asked.run == run) {
            let agreed = agreement(asked.question);
            let (result, why) = match Verdict::of("event command", end) {
                Verdict::Yes => (agreed, String::new()),
                Verdict::No(why) => (VoteResult::Reject, why),
                Verdict::None(why) => (agreed, why),
            };
            self.answer(asked.question, result, why);
        }
    }

    fn answer(&mut self, question: ActionNotify, result: VoteResult, why: String) {
        // It fails only without a connection, and then there is no question.
        if self.application.answer(answer_to(question, result, &why)).is_ok() {
            self.note(Note::Answered(question, result, why));
        }
    }

    fn deal(&mut self, now: Instant) {
        while let Some(event) = self.application.poll_event() {
            match event {
                Event::Registered => {
                    self.backoff = Backoff::default();
                    self.note(Note::Registered);
                }
                Event::Refused => {
                    self.application.connection_lost();
                    self.outputs.push_back(Output::Close);
                    self.down(now, Note::Refused);
                }
                Event::ConnectionLost => {
                    if self.link == Link::Up {
                        self.down(now, Note::ConnectionLost);
                    }
                }
                Event::HealthQuestion { challenge } => {
                    self.application.answer_health(challenge, self.health.report.clone());
                }
                Event::Question(question) => self.ask(now, question),
            }
        }
        while let Some(frame) = self.application.poll_frame() {
            self.outputs.push_back(Output::Send(frame));
        }
    }

    fn down(&mut self, now: Instant, note: Note) {
        self.link = Link::Down { retry: now + self.backoff.next(), told: true };
        self.forget_question();
        self.note(note);
    }

    /// A newer question takes the place of the older: nobody waits for that answer any more.
    fn ask(&mut self, now: Instant, question: ActionNotify) {
        self.forget_question();
        if !self.settings.on_event {
            return self.answer(question, agreement(question), String::new());
        }
        let run = self.next_run();
        let until = now + time_for(question, &self.settings.init);
        self.asked = Some(Asked { question, run, until });
        self.outputs.push_back(Output::RunEvent { run, question });
    }

    fn forget_question(&mut self) {
        if let Some(asked) = self.asked.take() {
            self.outputs.push_back(Output::Kill(asked.run));
        }
    }

    fn stop(&mut self) {
        self.forget_question();
        if let Some(run) = self.health.running.take() {
            self.outputs.push_back(Output::Kill(run));
        }
        // It fails only without a connection: then nobody is to be told.
        let _ = self.application.deregister("told to stop".into());
        while let Some(frame) = self.application.poll_frame() {
            self.outputs.push_back(Output::Send(frame));
        }
        self.outputs.extend([Output::Close, Output::Leave]);
    }

    fn next_run(&mut self) -> u64 {
        self.run += 1;
        self.run
    }

    fn note(&mut self, note: Note) {
        self.outputs.push_back(Output::Note(note));
    }
}

/// What the end of a command says.
enum Verdict {
    Yes,
    /// No, and why.
    No(String),
    /// Nothing, and why not.
    None(String),
}

impl Verdict {
    /// A shell exits with 126 and 127 when it cannot run a command, and with more for a signal.
    fn of(what: &str, end: &ScriptEnd) -> Self {
        match end {
            ScriptEnd::Exited { status: 0, .. } => Self::Yes,
            ScriptEnd::Exited { status, .. } if *status <= 125 => Self::No(match end.said() {
                None => format!("{what} exited with status {status}"),
                Some(said) => said.as_str().to_owned(),
            }),
            ScriptEnd::Exited { status: 126 | 127, .. } => {
                Self::None(format!("{what} cannot be run"))
            }
            ScriptEnd::Exited { status, .. } => {
                Self::None(format!("{what} exited with status {status}"))
            }
            ScriptEnd::Killed { signal } => Self::None(format!("{what} died of signal {signal}")),
            ScriptEnd::NotRun(why) => Self::None(format!("{what} cannot be run: {why}")),
        }
    }
}

#[cfg(test)]
mod tests;
