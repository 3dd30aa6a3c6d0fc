//! The instances, wherever they live, and the votes and notifications that they have not answered.

use std::collections::BTreeMap;
use std::time::Instant;

use protocol::InstanceId;
use protocol::channel::{CorrectiveAction, EventType, Notice, NotificationType};
use protocol::datagram::InstanceInfo;

use super::agent::Job;
use super::hosts::HostKey;
use super::policy::ANSWER_SECS_MAX;

/// What is known of an instance.
#[derive(Debug)]
pub(super) struct Instance {
    pub(super) host: HostKey,
    /// Whether the VIM wants to hear of its failures.
    pub(super) reporting: bool,
    pub(super) heartbeating: bool,
    /// What the VIM was told last about `heartbeating`.
    pub(super) vim_knows: Option<bool>,
    /// What to do when it is lost.
    pub(super) action: CorrectiveAction,
    pub(super) times: Times,
    /// The audit round in which its server last spoke of it.
    pub(super) seen_in: Option<u32>,
    pub(super) requests: Vec<Request>,
}

/// The guest's times, in seconds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Times {
    vote: u32,
    shutdown: u32,
    suspend: u32,
    resume: u32,
    pub(super) restart: u32,
}

/// A vote or a notification without an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Request {
    pub(super) number: u64,
    pub(super) event: EventType,
    pub(super) kind: NotificationType,
    pub(super) until: Instant,
    /// Its time is over but for a last look at what has come.
    pub(super) is_over: bool,
}

/// All instances.
pub(super) type Instances = BTreeMap<InstanceId, Instance>;

impl Instance {
    pub(super) fn new(host: HostKey, reporting: bool) -> Self {
        Self {
            host,
            reporting,
            heartbeating: false,
            vim_knows: None,
            action: CorrectiveAction::Log,
            times: Times { vote: 10, shutdown: 10, suspend: 10, resume: 10, restart: 120 },
            seen_in: None,
            requests: Vec::new(),
        }
    }

    /// The request that an answer belongs to: the oldest about that event and of that kind, else
    /// about that event, else the oldest: a deployed guest may not know the event.
    pub(super) fn take_request(
        &mut self,
        event: EventType,
        kind: NotificationType,
    ) -> Option<Request> {
        let exact = self.requests.iter().position(|r| r.event == event && r.kind == kind);
        let same_event = || self.requests.iter().position(|r| r.event == event);
        let oldest = || (event == EventType::Unknown && !self.requests.is_empty()).then_some(0);
        let index = exact.or_else(same_event).or_else(oldest)?;
        Some(self.requests.remove(index))
    }

    /// A request that is not answered yet.
    pub(super) fn request_mut(&mut self, number: u64) -> Option<&mut Request> {
        self.requests.iter_mut().find(|request| request.number == number)
    }

    /// A request that nobody answered in its time.
    pub(super) fn take_overdue(&mut self, number: u64) -> Option<Request> {
        let index = self.requests.iter().position(|request| request.number == number)?;
        Some(self.requests.remove(index))
    }
}

impl Request {
    /// Answers it for a host that does not.
    pub(super) fn job(&self, id: InstanceId) -> (Instant, Job) {
        (self.until, Job::Answer(id, self.number))
    }
}

impl Times {
    pub(super) fn of(info: &InstanceInfo) -> Self {
        Self {
            vote: answer_secs(info.vote_secs),
            shutdown: answer_secs(info.shutdown_secs),
            suspend: answer_secs(info.suspend_secs),
            resume: answer_secs(info.resume_secs),
            restart: info.restart_secs,
        }
    }

    /// How long the guest may take to answer, in seconds.
    pub(super) fn answer_secs(&self, event: EventType, kind: NotificationType) -> u32 {
        match event.notice(kind) {
            Notice::Vote => self.vote,
            Notice::Shutdown => self.shutdown,
            Notice::Suspend => self.suspend,
            Notice::Resume => self.resume,
        }
    }
}

/// 0 would tell the VIM that the instance does not heartbeat; a huge one would never be over.
fn answer_secs(secs: u32) -> u32 {
    secs.clamp(1, ANSWER_SECS_MAX)
}
