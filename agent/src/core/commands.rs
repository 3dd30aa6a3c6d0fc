//! What the VIM asks for, and the answer. (docs/protocol.md, "VIM REST", its commands.)

use std::time::Instant;

use protocol::InstanceId;
use protocol::channel::{EventType, NotificationType};
use protocol::datagram::{Hostname, Switch};
use protocol::vim::{CommandReply, RestError, Services, VimCommand};

use super::agent::GuestAgent;
use super::hosts::{HostKey, Sync};
use super::note::Note;
use super::policy::INSTANCES_MAX;

impl GuestAgent {
    /// Obeys a command of the VIM.
    pub fn command(
        &mut self,
        now: Instant,
        command: VimCommand,
    ) -> Result<CommandReply, RestError> {
        let reply = self.obey(now, command);
        match reply {
            Ok(_) => self.counters.commands += 1,
            Err(_) => self.counters.refused_commands += 1,
        }
        self.pump(now);
        reply
    }

    fn obey(&mut self, now: Instant, command: VimCommand) -> Result<CommandReply, RestError> {
        match command {
            VimCommand::HostCreate { uuid, .. } => self.host(now, uuid).map(|_| CommandReply::Pass),
            VimCommand::HostEnable { uuid, .. } => self.enable_host(now, uuid, true),
            VimCommand::HostDisable { uuid, .. } => self.enable_host(now, uuid, false),
            VimCommand::HostQuery { uuid } => self.query_host(now, uuid),
            VimCommand::HostDelete { uuid } => {
                self.vacate_host(now, uuid);
                Ok(CommandReply::Deleted)
            }
            VimCommand::InstanceCreate { uuid, hostname } => {
                let host = self.host_named(now, &hostname).ok_or(RestError::UNKNOWN_HOST)?;
                self.room_for(uuid)?;
                self.delivery.overtake(uuid);
                self.put_instance(now, uuid, host, None);
                Ok(CommandReply::Pass)
            }
            VimCommand::InstanceSet { uuid, hostname, reporting } => {
                self.set_instance(now, uuid, &hostname, reporting)
            }
            VimCommand::InstanceQuery { uuid } => self.services(uuid),
            VimCommand::InstanceDelete { uuid } => {
                self.delivery.overtake(uuid);
                let deleted = self.delete_instance(now, uuid);
                deleted.then_some(CommandReply::Deleted).ok_or(RestError::NOT_FOUND)
            }
            VimCommand::Vote { uuid, action, .. } => {
                self.ask_guest(now, uuid, action, NotificationType::Revocable)
            }
            VimCommand::Notify { uuid, action, .. } => {
                self.ask_guest(now, uuid, action, NotificationType::Irrevocable)
            }
        }
    }

    /// A host that is not known may be on its way: maintenance is asked again.
    fn host(&mut self, now: Instant, uuid: InstanceId) -> Result<HostKey, RestError> {
        let key = self.hosts.by_uuid(uuid);
        if key.is_none() {
            self.name_unknown_host(now);
        }
        key.ok_or(RestError::NOT_FOUND)
    }

    fn host_named(&mut self, now: Instant, hostname: &Hostname) -> Option<HostKey> {
        let key = self.hosts.by_name(hostname);
        if key.is_none() {
            self.name_unknown_host(now);
        }
        key
    }

    pub(super) fn room_for(&self, id: InstanceId) -> Result<(), RestError> {
        if self.instances.len() >= INSTANCES_MAX && !self.instances.contains_key(&id) {
            return Err(RestError::TOO_LARGE);
        }
        Ok(())
    }

    fn enable_host(
        &mut self,
        now: Instant,
        uuid: InstanceId,
        on: bool,
    ) -> Result<CommandReply, RestError> {
        let key = self.host(now, uuid)?;
        self.switch_host(now, key, on);
        Ok(CommandReply::Pass)
    }

    /// Switches the reporting of a host and tells its server. What the VIM says now is newer than an
    /// answer to the question about it that may be under way.
    pub(super) fn switch_host(&mut self, now: Instant, key: HostKey, on: bool) {
        let Some(host) = self.hosts.get_mut(key) else { return };
        if host.sync == Sync::State {
            host.sync = Sync::List;
        }
        if std::mem::replace(&mut host.reporting, on) != on {
            let hostname = host.hostname.clone();
            self.note(now, None, Note::HostReporting(hostname, on));
        }
        self.tell_host(key);
    }

    fn query_host(&mut self, now: Instant, uuid: InstanceId) -> Result<CommandReply, RestError> {
        let key = self.host(now, uuid)?;
        let host = self.hosts.get(key).ok_or(RestError::NOT_FOUND)?;
        let (hostname, state) = (host.hostname.clone(), host.reporting.into());
        Ok(CommandReply::Host { uuid, hostname, state })
    }

    /// The VIM gives a host up. It stays in the inventory, which is maintenance's, without
    /// instances and without reporting. A list that is not read yet may be from before.
    fn vacate_host(&mut self, now: Instant, uuid: Option<InstanceId>) {
        let Some(key) = uuid.and_then(|uuid| self.hosts.by_uuid(uuid)) else { return };
        let Some(host) = self.hosts.get(key) else { return };
        let all: Vec<InstanceId> = host.instances.iter().copied().collect();
        for id in all {
            self.delete_instance(now, id);
        }
        self.switch_host(now, key, false);
        self.ask_again(key);
    }

    fn set_instance(
        &mut self,
        now: Instant,
        id: InstanceId,
        hostname: &Hostname,
        reporting: Switch,
    ) -> Result<CommandReply, RestError> {
        let host = self.host_named(now, hostname).ok_or(RestError::NOT_FOUND)?;
        self.room_for(id)?;
        self.delivery.overtake(id);
        self.put_instance(now, id, host, Some(reporting.is_on()));
        self.services(id)
    }

    fn services(&self, id: InstanceId) -> Result<CommandReply, RestError> {
        let instance = self.instances.get(&id).ok_or(RestError::NOT_FOUND)?;
        Ok(CommandReply::Services(Services {
            uuid: id,
            hostname: self.hostname_of(instance),
            reporting: instance.reporting.into(),
            heartbeating: instance.heartbeating.into(),
            restart_timeout_secs: instance.times.restart,
        }))
    }

    /// An instance that does not heartbeat is not asked: the VIM does not wait then.
    fn ask_guest(
        &mut self,
        now: Instant,
        id: InstanceId,
        action: EventType,
        kind: NotificationType,
    ) -> Result<CommandReply, RestError> {
        let instance = self.instances.get(&id).ok_or(RestError::NOT_FOUND)?;
        let (hostname, heartbeating) = (self.hostname_of(instance), instance.heartbeating);
        let timeout_secs = if heartbeating { self.ask(now, id, action, kind) } else { 0 };
        Ok(CommandReply::Action { uuid: id, hostname, action, timeout_secs })
    }
}
