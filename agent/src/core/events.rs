//! What the servers tell.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use protocol::InstanceId;
use protocol::channel::{CorrectiveAction, EventType, LogMsg, NotificationType, VoteResult};
use protocol::datagram::{Answer, Command, Event, InstanceInfo, MarkedEvent};
use protocol::vim::{AlarmState, GuestResponse, VimEvent};

use super::Output;
use super::agent::GuestAgent;
use super::hosts::{HostKey, Sync};
use super::instances::{Instance, Request, Times};
use super::note::Note;
use super::placement::Tell;
use super::policy::{ANSWER_GRACE, LAST_LOOK, REQUESTS_MAX};

impl GuestAgent {
    pub(super) fn host_datagram(&mut self, now: Instant, from: IpAddr, bytes: &[u8]) {
        let Some(host) = self.hosts.by_ip(from) else {
            self.counters.strangers += 1;
            return self.note(now, None, Note::Stranger(from));
        };
        match Event::decode_marked(bytes) {
            Ok(marked) => self.marked_event(now, host, marked),
            Err(error) => {
                self.counters.bad_datagrams += 1;
                self.note(now, None, Note::BadDatagram(from, error));
            }
        }
    }

    /// An event that is repeated until it is acknowledged counts once.
    fn marked_event(&mut self, now: Instant, key: HostKey, marked: MarkedEvent) {
        self.know_server(now, key, marked.features.ack);
        if let Some(id) = marked.id {
            if self.is_early(key, &marked.event) {
                self.counters.early_events += 1;
                return;
            }
            let Some(host) = self.hosts.get_mut(key) else { return };
            let (to, first) = (host.ip, host.seen.is_first(id.0));
            self.put(Output::Acknowledge { to, id });
            if !first {
                self.counters.repeated_events += 1;
                return;
            }
        }
        self.event(now, key, marked.event);
    }

    /// Before the VIM's view of a host was read, nobody can say whether a failure there is to be
    /// passed on. Its server will repeat it.
    fn is_early(&self, key: HostKey, event: &Event) -> bool {
        let (Event::IllHealth(InstanceInfo { uuid, .. }) | Event::Loss { uuid, .. }) = event else {
            return false;
        };
        let Some(host) = self.hosts.get(key) else { return false };
        let reported = |i: &Instance| i.host == key && i.reporting && host.reporting;
        host.sync != Sync::Done && !self.instances.get(uuid).is_some_and(reported)
    }

    fn event(&mut self, now: Instant, key: HostKey, event: Event) {
        self.counters.events += 1;
        match event {
            Event::Ready { .. } => self.server_ready(now, key),
            Event::QueryResponse(info) => self.query_response(now, key, &info),
            Event::Running(info) => self.running(now, key, &info, true),
            Event::Stopped(info) => self.running(now, key, &info, false),
            Event::IllHealth(info) => {
                let action = info.repair_action;
                if self.lives_on(now, info.uuid, key) {
                    self.alarm(now, info.uuid, AlarmState::Unhealthy, Some(action));
                }
            }
            Event::Loss { uuid, .. } => self.lost(now, key, uuid),
            Event::Answer(answer) => self.answer(now, key, &answer),
        }
    }

    /// A server that starts knows nothing of what it was told before.
    fn server_ready(&mut self, now: Instant, key: HostKey) {
        let Some(host) = self.hosts.get_mut(key) else { return };
        host.forget_all_gone();
        let hostname = host.hostname.clone();
        let all: Vec<InstanceId> = host.instances.iter().copied().collect();
        self.note(now, None, Note::ServerReady(hostname));
        self.tell_host(key);
        for id in all {
            self.tell(now, id, Tell::Modify);
        }
    }

    fn running(&mut self, now: Instant, key: HostKey, info: &InstanceInfo, running: bool) {
        if !self.lives_on(now, info.uuid, key) {
            return;
        }
        if let Some(instance) = self.instances.get_mut(&info.uuid) {
            instance.times = Times::of(info);
            instance.action = info.repair_action;
        }
        self.set_heartbeating(now, info.uuid, running);
    }

    fn lost(&mut self, now: Instant, key: HostKey, id: InstanceId) {
        if self.lives_on(now, id, key) {
            self.set_heartbeating(now, id, false);
            self.alarm(now, id, AlarmState::Failed, None);
        }
    }

    /// A failure goes to the VIM if it wants to hear of it. Without an action of its own it carries
    /// the last that the guest announced.
    fn alarm(
        &mut self,
        now: Instant,
        id: InstanceId,
        state: AlarmState,
        action: Option<CorrectiveAction>,
    ) {
        let Some(instance) = self.instances.get(&id) else { return };
        let host_reporting = self.hosts.get(instance.host).is_some_and(|host| host.reporting);
        if !instance.reporting || !host_reporting {
            self.counters.unreported += 1;
            return self.note(now, Some(id), Note::NotReported(state));
        }
        let repair_action = action.unwrap_or(instance.action);
        let hostname = self.hostname_of(instance);
        self.note(now, Some(id), Note::Alarm(state, repair_action));
        self.tell_vim(now, VimEvent::Alarm { uuid: id, hostname, state, repair_action });
    }

    /// Sends a vote or a notification to an instance's host and waits for the answer; the seconds
    /// that the guest may take.
    pub(super) fn ask(
        &mut self,
        now: Instant,
        id: InstanceId,
        event: EventType,
        kind: NotificationType,
    ) -> u32 {
        self.requests += 1;
        let number = self.requests;
        let Some(instance) = self.instances.get_mut(&id) else { return 0 };
        let secs = instance.times.answer_secs(event, kind);
        let until = now + Duration::from_secs(secs.into()) + ANSWER_GRACE;
        let request = Request { number, event, kind, until, is_over: false };
        instance.requests.push(request);
        let (host, oldest) = (instance.host, instance.requests[0].number);
        if instance.requests.len() > REQUESTS_MAX {
            self.answer_for_host(now, id, oldest, "too many newer requests");
        }
        self.jobs.insert(request.job(id));
        self.counters.requests += 1;
        self.note(now, Some(id), Note::Asked(event, kind));
        let word = event.as_str().into();
        self.send(
            host,
            match kind {
                NotificationType::Revocable => Command::Vote { uuid: id, event: word },
                NotificationType::Irrevocable => Command::Notify { uuid: id, event: word },
            },
        );
        secs
    }

    fn answer(&mut self, now: Instant, key: HostKey, answer: &Answer) {
        if !self.lives_on(now, answer.uuid, key) {
            return;
        }
        let Some(instance) = self.instances.get_mut(&answer.uuid) else { return };
        let kind = answer.notification_type;
        let Some(request) = instance.take_request(answer.event_type, kind) else {
            self.counters.late_answers += 1;
            return;
        };
        self.counters.request_answers += 1;
        self.jobs.remove(&request.job(answer.uuid));
        let reason = match answer.vote {
            unclear @ (VoteResult::Timeout | VoteResult::Error | VoteResult::Unknown) => {
                LogMsg::new(&format!("guest answered {unclear}: {}", answer.reason))
            }
            _ => answer.reason.clone(),
        };
        self.answered(now, answer.uuid, request, answer.vote, reason);
    }

    /// The host has not answered in the guest's time: silence counts as agreement. What has come
    /// meanwhile is handed in before that.
    pub(super) fn request_due(&mut self, now: Instant, id: InstanceId, number: u64) {
        let instance = self.instances.get_mut(&id);
        let Some(request) = instance.and_then(|i| i.request_mut(number)) else { return };
        if !std::mem::replace(&mut request.is_over, true) {
            request.until = now + LAST_LOOK;
            let job = request.job(id);
            self.jobs.insert(job);
            return;
        }
        self.answer_for_host(now, id, number, "no answer from the guest's host in time");
    }

    fn answer_for_host(&mut self, now: Instant, id: InstanceId, number: u64, reason: &str) {
        let Some(request) = self.instances.get_mut(&id).and_then(|i| i.take_overdue(number)) else {
            return;
        };
        self.counters.request_timeouts += 1;
        self.jobs.remove(&request.job(id));
        self.answered(now, id, request, VoteResult::Timeout, LogMsg::new(reason));
    }

    fn answered(
        &mut self,
        now: Instant,
        id: InstanceId,
        request: Request,
        vote: VoteResult,
        reason: LogMsg,
    ) {
        let response = GuestResponse::to(request.kind, vote);
        self.note(now, Some(id), Note::Answered(request.event, response, reason.clone()));
        let action = request.event;
        self.tell_vim(now, VimEvent::Answer { uuid: id, action, response, reason });
    }
}
