//! The state query audit: every 10 s each server is asked what it knows, and what differs is
//! corrected. Datagrams get lost; through the audit every state converges within two rounds. Hosts
//! have their turns at different times, so that never all answers arrive at once.
//! (docs/protocol.md, "Host-agent link".)

use std::time::{Duration, Instant};

use protocol::InstanceId;
use protocol::datagram::{Command, InstanceInfo};

use super::agent::{GuestAgent, Job};
use super::hosts::{Audit, Host, HostKey, Sync};
use super::instances::Times;
use super::note::Note;
use super::placement::Tell;
use super::policy::{AUDIT, FIRST_QUERY};

impl GuestAgent {
    /// Gives a new host its turn within the 10 s, and a first one before the VIM is asked about it.
    pub(super) fn start_audit(&mut self, now: Instant, key: HostKey) {
        let turn = f64::from((self.random)()) / f64::from(u32::MAX);
        self.jobs.insert((now + AUDIT.mul_f64(turn), Job::Audit(key)));
        self.jobs.insert((now + FIRST_QUERY.mul_f64(turn / 2.0), Job::Ask(key)));
    }

    /// Asks a host and sets the next turn; turns that were slept through are left out.
    pub(super) fn audit_due(&mut self, now: Instant, at: Instant, key: HostKey) {
        let Some(host) = self.hosts.get_mut(key) else { return };
        if host.is_audited() {
            self.audit_host(now, key);
        } else {
            host.audit = Audit { round: host.audit.round, ..Audit::default() };
        }
        self.jobs.insert((next_turn(now, at), Job::Audit(key)));
    }

    fn audit_host(&mut self, now: Instant, key: HostKey) {
        self.judge_last_round(now, key);
        if let Some(host) = self.hosts.get_mut(key) {
            host.forget_gone();
        }
        self.tell_unseen(now, key);
        let Some(host) = self.hosts.get_mut(key) else { return };
        host.audit.round = host.audit.round.wrapping_add(1);
        host.audit.waiting = host.owes_answers();
        host.audit.linger = host.audit.linger.saturating_sub(1);
        self.counters.audits += 1;
        self.tell_host(key);
        self.send(key, Command::QueryInstances);
    }

    /// A server may know instances since before this agent started, and must not be told of more than
    /// it survives: so it is asked before the VIM's list is read.
    pub(super) fn ask_what_it_knows(&mut self, key: HostKey) {
        if self.hosts.get(key).is_some_and(|host| host.is_unheard() && host.sync == Sync::State) {
            self.send(key, Command::QueryInstances);
        }
    }

    fn judge_last_round(&mut self, now: Instant, key: HostKey) {
        let Some(host) = self.hosts.get_mut(key).filter(|host| host.audit.waiting) else { return };
        host.audit.unanswered = host.audit.unanswered.saturating_add(1);
        let (unanswered, hostname) = (host.audit.unanswered, host.hostname.clone());
        self.counters.audit_misses += 1;
        if unanswered.is_power_of_two() {
            self.note(now, None, Note::AuditMissed(hostname, unanswered));
        }
    }

    /// A server that did not speak of an instance may never have heard of it. To one that has, this
    /// is no change, and so does not disturb the heartbeat of a peer's guest.
    fn tell_unseen(&mut self, now: Instant, key: HostKey) {
        let Some(host) = self.hosts.get(key) else { return };
        let unseen: Vec<InstanceId> =
            host.instances.iter().copied().filter(|id| self.is_unseen(host, *id)).collect();
        for id in unseen {
            if self.hosts.get(key).is_some_and(|host| host.has_room_for(id)) {
                self.tell(now, id, Tell::Modify);
            }
        }
    }

    fn is_unseen(&self, host: &Host, id: InstanceId) -> bool {
        self.instances.get(&id).is_some_and(|i| i.seen_in != Some(host.audit.round))
    }

    /// One instance of a server's answer to a query.
    pub(super) fn query_response(&mut self, now: Instant, key: HostKey, info: &InstanceInfo) {
        let Some(host) = self.hosts.get_mut(key) else { return };
        host.audit.waiting = false;
        host.audit.unanswered = 0;
        let round = host.audit.round;
        let id = info.uuid;
        if !self.lives_on(now, id, key) {
            return;
        }
        let Some(instance) = self.instances.get_mut(&id) else { return };
        instance.seen_in = Some(round);
        instance.times = Times::of(info);
        instance.action = info.repair_action;
        let reporting_differs = info.reporting.is_on() != instance.reporting;
        if info.heartbeating.is_on() != instance.heartbeating {
            self.counters.audit_corrections += 1;
        }
        if reporting_differs {
            self.counters.audit_corrections += 1;
            self.tell(now, id, Tell::Modify);
        }
        self.set_heartbeating(now, id, info.heartbeating.is_on());
    }

    /// Whether an instance that a server speaks of is known to live there; if not, it is deleted.
    pub(super) fn lives_on(&mut self, now: Instant, id: InstanceId, key: HostKey) -> bool {
        if self.instances.get(&id).is_none_or(|instance| instance.host != key) {
            self.stranger(now, key, id);
            return false;
        }
        if let Some(host) = self.hosts.get_mut(key) {
            host.knows(id);
        }
        true
    }

    /// A server knows an instance that is not there: it is deleted there, but never before the VIM's
    /// list for that host was read.
    fn stranger(&mut self, now: Instant, key: HostKey, id: InstanceId) {
        self.counters.strange_events += 1;
        let Some(host) = self.hosts.get_mut(key) else { return };
        host.knows_stranger(id);
        if host.sync != Sync::Done {
            return;
        }
        let hostname = host.hostname.clone();
        self.note(now, Some(id), Note::DeletedStranger(hostname));
        self.delete_there(key, id);
    }
}

/// The first turn after `now` of those that follow each other since `at`.
fn next_turn(now: Instant, at: Instant) -> Instant {
    let late = now.saturating_duration_since(at);
    let missed = Duration::from_secs(late.as_secs() / AUDIT.as_secs() * AUDIT.as_secs());
    at + missed + AUDIT
}
