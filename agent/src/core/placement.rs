//! Where instances live, and what the servers there are told of them.

use std::time::Instant;

use protocol::InstanceId;
use protocol::datagram::{Command, Hostname};

use super::agent::GuestAgent;
use super::hosts::{HostKey, Sync};
use super::instances::Instance;
use super::note::Note;
use super::policy::LINGER;

/// How a server is told of an instance. It takes both the same way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tell {
    /// It is new there.
    Add,
    /// It is known there, or should be.
    Modify,
}

impl GuestAgent {
    /// Makes an instance known on a host, moves it there, or switches its reporting; whatever of
    /// that is new, its server is told.
    pub(super) fn put_instance(
        &mut self,
        now: Instant,
        id: InstanceId,
        host: HostKey,
        reporting: Option<bool>,
    ) {
        let Some(instance) = self.instances.get_mut(&id) else {
            self.instances.insert(id, Instance::new(host, reporting.unwrap_or(false)));
            return self.settle_on(now, id, host, Note::Added);
        };
        let old_reporting = instance.reporting;
        instance.reporting = reporting.unwrap_or(old_reporting);
        let (changed, old_host) = (instance.reporting != old_reporting, instance.host);
        if changed {
            let reporting = instance.reporting;
            self.note(now, Some(id), Note::Reporting(reporting));
        }
        if old_host != host {
            self.leave_host(old_host, id);
            self.settle_on(now, id, host, Note::Moved);
            return self.set_heartbeating(now, id, false);
        }
        if changed {
            self.tell(now, id, Tell::Modify);
        }
    }

    fn settle_on(
        &mut self,
        now: Instant,
        id: InstanceId,
        host: HostKey,
        note: fn(Hostname) -> Note,
    ) {
        if let Some(instance) = self.instances.get_mut(&id) {
            instance.host = host;
            instance.seen_in = None;
        }
        if let Some(host) = self.hosts.get_mut(host) {
            host.instances.insert(id);
            let hostname = host.hostname.clone();
            self.note(now, Some(id), note(hostname));
        }
        self.tell(now, id, Tell::Add);
    }

    /// Deletes an instance on the server of the host that it leaves.
    fn leave_host(&mut self, key: HostKey, id: InstanceId) {
        if let Some(host) = self.hosts.get_mut(key) {
            host.loses(id);
        }
        self.delete_there(key, id);
    }

    /// Deletes an instance on a server, and asks that server again, for the deletion may get lost.
    pub(super) fn delete_there(&mut self, key: HostKey, id: InstanceId) {
        if let Some(host) = self.hosts.get_mut(key) {
            host.audit.linger = LINGER;
        }
        self.send(key, Command::DeleteInstance { uuid: id });
    }

    /// Forgets an instance, and deletes it on its server; nothing about it goes to the VIM any more.
    pub(super) fn delete_instance(&mut self, now: Instant, id: InstanceId) -> bool {
        let Some(instance) = self.instances.remove(&id) else { return false };
        for request in &instance.requests {
            self.jobs.remove(&request.job(id));
        }
        self.leave_host(instance.host, id);
        self.delivery.queue.forget(id);
        self.note(now, Some(id), Note::Deleted);
        true
    }

    /// Tells an instance's server about it. A server that may not survive more is not told.
    pub(super) fn tell(&mut self, now: Instant, id: InstanceId, tell: Tell) {
        let Some(instance) = self.instances.get(&id) else { return };
        let (key, reporting) = (instance.host, instance.reporting.into());
        let Some(host) = self.hosts.get_mut(key) else { return };
        if !host.has_room_for(id) {
            let hostname = host.hostname.clone();
            self.counters.held_from_peers += 1;
            return self.note(now, Some(id), Note::HeldFromPeer(hostname));
        }
        host.knows(id);
        self.send(
            key,
            match tell {
                Tell::Add => Command::AddInstance { uuid: id, reporting },
                Tell::Modify => Command::ModifyInstance { uuid: id, reporting },
            },
        );
    }

    /// Tells a server whether its failures are reported at all. Before the VIM has said that, there
    /// is nothing to tell, but the server hears that an agent is there.
    pub(super) fn tell_host(&mut self, key: HostKey) {
        let Some(host) = self.hosts.get(key) else { return };
        let reporting = host.reporting.into();
        let is_known = host.sync != Sync::State;
        self.send(
            key,
            if is_known { Command::ModifyHost { reporting } } else { Command::Loopback },
        );
    }

    /// A server that says that it acknowledges is ours and takes any number of instances: it hears
    /// of those that were held from it. One that does not say so any more was replaced.
    pub(super) fn know_server(&mut self, now: Instant, key: HostKey, is_ours: bool) {
        let Some(host) = self.hosts.get_mut(key).filter(|host| host.is_ours != is_ours) else {
            return;
        };
        host.is_ours = is_ours;
        host.forget_all_gone();
        if !is_ours {
            return host.told.clear();
        }
        let held: Vec<InstanceId> = host.instances.difference(&host.told).copied().collect();
        for id in held {
            self.tell(now, id, Tell::Add);
        }
    }
}
