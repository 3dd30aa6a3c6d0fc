//! A vote or a notification: whom it is put to, and how their answers become one.

use std::time::{Duration, Instant};

use protocol::channel::{ActionNotify, LogMsg, NotificationType, VoteResult};

use super::check::ScriptEnd;
use super::io::{Ask, AskId};
use super::{AppKey, RunId};

const SCRIPT: &str = "event script";
/// Exit statuses up to this reject; higher ones are the shell's words for a command that cannot be
/// run or died.
const REJECTS_MAX: u8 = 125;

/// The question that is open, and what was said of it so far.
#[derive(Debug)]
pub(super) struct Question {
    pub(super) id: AskId,
    notify: ActionNotify,
    within: Duration,
    until: Instant,
    script: Option<(RunId, Opinion)>,
    applications: Vec<Asked>,
}

/// An application that was asked.
#[derive(Debug)]
struct Asked {
    key: AppKey,
    invocation_id: u32,
    until: Instant,
    name: String,
    opinion: Opinion,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Opinion {
    Awaited,
    Agrees,
    Rejects(String),
    /// It gave none, for this reason.
    None(String),
    /// It gave none in its time.
    Hung(String),
}

impl Question {
    pub(super) fn new(now: Instant, ask: Ask) -> Self {
        let until = now + ask.within;
        let (id, notify, within) = (ask.id, ask.notify, ask.within);
        Self { id, notify, within, until, script: None, applications: Vec::new() }
    }

    pub(super) fn notify(&self) -> &ActionNotify {
        &self.notify
    }

    /// The event script was started.
    pub(super) fn script_runs(&mut self, run: RunId) {
        self.script = Some((run, Opinion::Awaited));
    }

    /// An application was asked, and has this long.
    pub(super) fn asked(
        &mut self,
        now: Instant,
        key: AppKey,
        invocation_id: u32,
        name: String,
        time: Duration,
    ) {
        let until = self.until.min(now + time);
        let opinion = Opinion::Awaited;
        self.applications.push(Asked { key, invocation_id, until, name, opinion });
    }

    /// The run that is awaited, which is to be killed when the question is over.
    pub(super) fn run(&self) -> Option<RunId> {
        self.script
            .as_ref()
            .filter(|(_, opinion)| *opinion == Opinion::Awaited)
            .map(|(run, _)| *run)
    }

    /// The script ended; whether it is this question's.
    pub(super) fn script_ended(&mut self, run: RunId, end: &ScriptEnd) -> bool {
        if self.run() != Some(run) {
            return false;
        }
        let opinion = match end {
            ScriptEnd::Exited { status: 0, .. } => Opinion::Agrees,
            ScriptEnd::Exited { status: 1..=REJECTS_MAX, .. } => {
                let said = end.said().map(|said| said.as_str().to_owned());
                Opinion::Rejects(said.unwrap_or_else(|| end.trouble(SCRIPT)))
            }
            _ => Opinion::None(end.trouble(SCRIPT)),
        };
        self.script = Some((run, opinion));
        true
    }

    /// An application answered; whether this question is what it answers.
    pub(super) fn application_answered(
        &mut self,
        key: AppKey,
        invocation_id: u32,
        vote_result: VoteResult,
        log_msg: &str,
    ) -> bool {
        let awaited = |asked: &&mut Asked| {
            let same = asked.key == key && asked.invocation_id == invocation_id;
            same && asked.opinion == Opinion::Awaited
        };
        let Some(asked) = self.applications.iter_mut().find(awaited) else { return false };
        asked.opinion = match vote_result {
            VoteResult::Reject if log_msg.is_empty() => {
                Opinion::Rejects(format!("application {} rejects", asked.name))
            }
            VoteResult::Reject => Opinion::Rejects(log_msg.to_owned()),
            _ => Opinion::Agrees,
        };
        true
    }

    /// An application is gone: it has agreed.
    pub(super) fn application_gone(&mut self, key: AppKey) {
        let its = |asked: &&mut Asked| asked.key == key && asked.opinion == Opinion::Awaited;
        for asked in self.applications.iter_mut().filter(its) {
            asked.opinion = Opinion::Agrees;
        }
    }

    /// When [`Self::handle_deadline`] is to be called.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        let script = self.run().map(|_| self.until);
        let awaited = |asked: &&Asked| asked.opinion == Opinion::Awaited;
        let applications = self.applications.iter().filter(awaited).map(|asked| asked.until);
        applications.chain(script).min()
    }

    /// Who is out of time has had it: an application has agreed, and the script, which is given
    /// back to be killed, has no opinion.
    pub(super) fn handle_deadline(&mut self, now: Instant) -> Option<RunId> {
        let overdue = |asked: &&mut Asked| asked.opinion == Opinion::Awaited && asked.until <= now;
        for asked in self.applications.iter_mut().filter(overdue) {
            asked.opinion = Opinion::Agrees;
        }
        let run = self.run().filter(|_| self.until <= now)?;
        let why = format!("{SCRIPT} did not end within {} s", self.within.as_secs());
        self.script = Some((run, Opinion::Hung(why)));
        Some(run)
    }

    /// The answer, once everyone has said what they have to say.
    pub(super) fn answer(&self) -> Option<(VoteResult, LogMsg)> {
        let opinions: Vec<&Opinion> = self.opinions().collect();
        if opinions.contains(&&Opinion::Awaited) {
            return None;
        }
        let text = |all: Vec<&str>| LogMsg::new(&all.join("; "));
        let rejections: Vec<&str> =
            opinions.iter().filter_map(|opinion| opinion.rejects()).collect();
        let troubles: Vec<&str> = opinions.iter().filter_map(|opinion| opinion.trouble()).collect();
        let hung = opinions.iter().any(|opinion| matches!(opinion, Opinion::Hung(_)));
        let vote = match self.notify.notification_type {
            NotificationType::Irrevocable => VoteResult::Complete,
            NotificationType::Revocable if !rejections.is_empty() => VoteResult::Reject,
            NotificationType::Revocable if hung => VoteResult::Timeout,
            NotificationType::Revocable => VoteResult::Accept,
        };
        Some((vote, text(if rejections.is_empty() { troubles } else { rejections })))
    }

    fn opinions(&self) -> impl Iterator<Item = &Opinion> {
        let script = self.script.iter().map(|(_, opinion)| opinion);
        script.chain(self.applications.iter().map(|asked| &asked.opinion))
    }
}

impl Opinion {
    fn rejects(&self) -> Option<&str> {
        match self {
            Self::Rejects(why) => Some(why),
            _ => None,
        }
    }

    fn trouble(&self) -> Option<&str> {
        match self {
            Self::None(why) | Self::Hung(why) => Some(why),
            _ => None,
        }
    }
}
