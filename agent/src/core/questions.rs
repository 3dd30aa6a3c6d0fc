//! What the VIM is asked about each host until it has answered: its state, then its instances.
//! (docs/protocol.md, "VIM REST".)

use std::collections::{BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use protocol::vim::{HostStateReply, InstanceListReply, ListedInstance, VimRequest};

use super::Outcome;
use super::agent::{GuestAgent, Job};
use super::hosts::{HostKey, Sync};
use super::note::Note;
use super::policy::QUERY_AGAIN;

/// Hosts that the VIM is to be asked about, each once.
#[derive(Debug, Default)]
pub(super) struct Questions {
    order: VecDeque<HostKey>,
    hosts: BTreeSet<HostKey>,
}

impl Questions {
    pub(super) fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    fn contains(&self, key: HostKey) -> bool {
        self.hosts.contains(&key)
    }

    fn push(&mut self, key: HostKey) {
        if self.hosts.insert(key) {
            self.order.push_back(key);
        }
    }

    fn pop(&mut self) -> Option<HostKey> {
        let key = self.order.pop_front()?;
        self.hosts.remove(&key);
        Some(key)
    }
}

impl GuestAgent {
    /// Asks the VIM about a host after `wait`, unless all is read or that is to happen already.
    pub(super) fn query_in(&mut self, now: Instant, key: HostKey, wait: Duration) {
        let Some(host) = self.hosts.get_mut(key).filter(|host| host.sync != Sync::Done) else {
            return;
        };
        if host.query_at.is_none() && !self.delivery.questions.contains(key) {
            host.query_at = Some(now + wait);
            self.jobs.insert((now + wait, Job::Query(key)));
        }
    }

    pub(super) fn query_due(&mut self, key: HostKey) {
        let Some(host) = self.hosts.get_mut(key) else { return };
        if let Some(at) = host.query_at.take() {
            self.jobs.remove(&(at, Job::Query(key)));
        }
        self.delivery.questions.push(key);
        self.ask_what_it_knows(key);
    }

    /// What was answered so far does not hold any more, unless all was read.
    pub(super) fn ask_again(&mut self, key: HostKey) {
        if let Some(host) = self.hosts.get_mut(key).filter(|host| host.sync == Sync::List) {
            host.sync = Sync::State;
        }
    }

    /// The next host that there is something to ask about, and what.
    pub(super) fn next_question(&mut self) -> Option<(HostKey, Sync, VimRequest)> {
        while let Some(key) = self.delivery.questions.pop() {
            let Some(host) = self.hosts.get(key) else { continue };
            let (uuid, hostname) = (host.uuid, host.hostname.clone());
            let request = match host.sync {
                Sync::State => VimRequest::HostState { uuid, hostname },
                Sync::List => VimRequest::InstanceList { host_uuid: uuid },
                Sync::Done => continue,
            };
            return Some((key, host.sync, request));
        }
        None
    }

    /// What became of a question. If the VIM itself said something newer meanwhile, the answer
    /// does not count.
    pub(super) fn question_outcome(
        &mut self,
        now: Instant,
        key: HostKey,
        asked: Sync,
        outcome: &Outcome,
    ) {
        let Some(host) = self.hosts.get(key) else { return };
        let read = match outcome {
            Outcome::Replied { status: 200..300, .. } if host.sync != asked => true,
            Outcome::Replied { status: 200..300, body } if asked == Sync::State => {
                self.host_state(now, key, body)
            }
            Outcome::Replied { status: 200..300, body } => self.instance_list(now, key, body),
            _ => false,
        };
        if read {
            self.query_due(key);
        } else {
            self.query_in(now, key, QUERY_AGAIN);
        }
    }

    fn host_state(&mut self, now: Instant, key: HostKey, body: &[u8]) -> bool {
        let uuid = self.hosts.get(key).map(|host| host.uuid);
        match HostStateReply::decode(body) {
            Ok(Some(reply)) if Some(reply.uuid) == uuid => {
                self.switch_host(now, key, reply.state.is_on());
                true
            }
            Ok(None) => false,
            Ok(Some(_)) | Err(_) => self.garbage(now),
        }
    }

    fn instance_list(&mut self, now: Instant, key: HostKey, body: &[u8]) -> bool {
        match InstanceListReply::decode(body) {
            Ok(Some(reply)) => {
                self.take_list(now, key, reply);
                true
            }
            Ok(None) => false,
            Err(_) => self.garbage(now),
        }
    }

    fn take_list(&mut self, now: Instant, key: HostKey, reply: InstanceListReply) {
        let count = reply.instances.len();
        self.counters.bad_replies += u64::try_from(reply.skipped).unwrap_or(u64::MAX);
        for listed in reply.instances {
            self.take_listed(now, key, &listed);
        }
        if let Some(host) = self.hosts.get_mut(key) {
            host.sync = Sync::Done;
            let hostname = host.hostname.clone();
            self.note(now, None, Note::Synced(hostname, count));
        }
    }

    /// What the VIM said of an instance while the list was under way is newer than the list.
    fn take_listed(&mut self, now: Instant, key: HostKey, listed: &ListedInstance) {
        if self.delivery.was_overtaken(listed.uuid) || self.room_for(listed.uuid).is_err() {
            return;
        }
        let host = self.hosts.by_name(&listed.hostname).unwrap_or(key);
        self.put_instance(now, listed.uuid, host, Some(listed.reporting.is_on()));
    }

    fn garbage(&mut self, now: Instant) -> bool {
        self.counters.bad_replies += 1;
        self.note(now, None, Note::VimGarbage);
        false
    }
}
