//! What the VIM believes: its hosts and instances, and what it makes of what the agent tells it.
//! No socket and no clock, so that the virtual-time world can use it as well.

use std::collections::{BTreeMap, BTreeSet};

use protocol::InstanceId;
use protocol::channel::{CorrectiveAction, EventType};
use protocol::datagram::{Hostname, Switch};
use protocol::vim::{
    AlarmState, GuestResponse, HostStateReply, InstanceListReply, ListedInstance, VimCommand,
    VimEvent, VimRequest,
};

/// The VIM's hosts and instances.
#[derive(Debug, Clone, Default)]
pub struct View {
    hosts: BTreeMap<InstanceId, Host>,
    instances: BTreeMap<InstanceId, Instance>,
    on_host: BTreeMap<Hostname, BTreeSet<InstanceId>>,
}

/// A host as the VIM sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host {
    /// Its name.
    pub hostname: Hostname,
    /// Whether failures on it shall be reported.
    pub state: Switch,
}

/// An instance as the VIM sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instance {
    /// The host it lives on; the VIM decides that.
    pub hostname: Hostname,
    /// Whether its failures shall be reported; the VIM decides that.
    pub reporting: Switch,
    /// Whether it heartbeats, as the agent last said.
    pub heartbeating: Switch,
    /// Seconds that a reboot takes, as the agent last said.
    pub restart_timeout_secs: u32,
    /// What is wrong, as the agent last said; a status with a running heartbeat ends it.
    pub alarm: Option<AlarmState>,
}

/// What the VIM makes of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Consequence {
    /// It knows more than before.
    Noted,
    /// It fails and takes nothing.
    Refused,
    /// It has no such instance and does nothing.
    Unknown,
    /// It reboots the instance.
    Reboots,
    /// It stops the instance.
    Stops,
    /// It writes a line into its log.
    Logs,
    /// The guest agrees: the action goes on to its next step.
    Allowed(EventType),
    /// The guest objects: the action is called off.
    CalledOff(EventType),
    /// The guest is prepared: the action happens.
    Proceeds(EventType),
}

/// What the VIM does about a request of the agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reaction {
    /// The body of its answer; `None`: it closes without a byte.
    pub answer: Option<Vec<u8>>,
    /// Of an event.
    pub consequence: Consequence,
    /// The agent is wrong about the instance's host or reporting: it is told so.
    pub correction: Option<VimCommand>,
}

impl View {
    /// The hosts.
    pub fn hosts(&self) -> &BTreeMap<InstanceId, Host> {
        &self.hosts
    }

    /// The instances.
    pub fn instances(&self) -> &BTreeMap<InstanceId, Instance> {
        &self.instances
    }

    /// The host of this name.
    pub fn host_named(&self, hostname: &str) -> Option<InstanceId> {
        let named = |(_, host): &(_, &Host)| host.hostname.as_str() == hostname;
        self.hosts.iter().find(named).map(|(uuid, _)| *uuid)
    }

    /// A host is there, or has another name or state than before.
    pub fn put_host(&mut self, uuid: InstanceId, hostname: Hostname, state: Switch) {
        self.hosts.insert(uuid, Host { hostname, state });
    }

    /// An instance is there, or elsewhere, or is reported or not; what is known of its heartbeat
    /// stays.
    pub fn put_instance(&mut self, uuid: InstanceId, hostname: Hostname, reporting: Switch) {
        let before = self.remove_instance(uuid);
        self.on_host.entry(hostname.clone()).or_default().insert(uuid);
        let instance = Instance {
            hostname,
            reporting,
            heartbeating: before.as_ref().map_or(Switch::Disabled, |old| old.heartbeating),
            restart_timeout_secs: before.as_ref().map_or(0, |old| old.restart_timeout_secs),
            alarm: before.and_then(|old| old.alarm),
        };
        self.instances.insert(uuid, instance);
    }

    /// An instance is gone.
    pub fn remove_instance(&mut self, uuid: InstanceId) -> Option<Instance> {
        let instance = self.instances.remove(&uuid)?;
        if let Some(others) = self.on_host.get_mut(&instance.hostname) {
            others.remove(&uuid);
        }
        Some(instance)
    }

    /// The VIM has decided on this and is about to tell the agent.
    pub fn apply(&mut self, command: &VimCommand) {
        match command {
            VimCommand::HostCreate { uuid, hostname } => self.name_host(*uuid, hostname, None),
            VimCommand::HostEnable { uuid, hostname } => {
                self.name_host(*uuid, hostname, Some(Switch::Enabled));
            }
            VimCommand::HostDisable { uuid, hostname } => {
                self.name_host(*uuid, hostname, Some(Switch::Disabled));
            }
            VimCommand::HostDelete { uuid: Some(uuid) } => drop(self.hosts.remove(uuid)),
            VimCommand::InstanceCreate { uuid, hostname } => {
                let known = self.instances.get(uuid);
                let reporting = known.map_or(Switch::Disabled, |instance| instance.reporting);
                self.put_instance(*uuid, hostname.clone(), reporting);
            }
            VimCommand::InstanceSet { uuid, hostname, reporting } => {
                self.put_instance(*uuid, hostname.clone(), *reporting);
            }
            VimCommand::InstanceDelete { uuid } => drop(self.remove_instance(*uuid)),
            VimCommand::HostDelete { uuid: None }
            | VimCommand::HostQuery { .. }
            | VimCommand::InstanceQuery { .. }
            | VimCommand::Vote { .. }
            | VimCommand::Notify { .. } => {}
        }
    }

    /// An empty name changes none; a host that is new is disabled.
    fn name_host(&mut self, uuid: InstanceId, hostname: &Hostname, state: Option<Switch>) {
        let new = Host { hostname: hostname.clone(), state: Switch::Disabled };
        let host = self.hosts.entry(uuid).or_insert(new);
        host.state = state.unwrap_or(host.state);
        if !hostname.is_empty() {
            host.hostname = hostname.clone();
        }
    }

    /// Takes a request of the agent.
    pub fn handle(&mut self, request: &VimRequest) -> Reaction {
        match request {
            VimRequest::HostState { uuid, .. } => Reaction::answer(self.host_state(*uuid)),
            VimRequest::InstanceList { host_uuid } => Reaction::answer(self.list(*host_uuid)),
            VimRequest::Event(event) => self.event(event),
        }
    }

    fn host_state(&self, uuid: InstanceId) -> Option<Vec<u8>> {
        let host = self.hosts.get(&uuid)?;
        let reply = HostStateReply { uuid, hostname: host.hostname.clone(), state: host.state };
        Some(reply.encode())
    }

    fn list(&self, host_uuid: InstanceId) -> Option<Vec<u8>> {
        let host = self.hosts.get(&host_uuid)?;
        let here = self.on_host.get(&host.hostname).into_iter().flatten();
        let instances = here.filter_map(|uuid| {
            let Instance { hostname, reporting, .. } = self.instances.get(uuid)?.clone();
            Some(ListedInstance { uuid: *uuid, hostname, reporting })
        });
        Some(InstanceListReply { instances: instances.collect(), skipped: 0 }.encode())
    }

    fn event(&mut self, event: &VimEvent) -> Reaction {
        let uuid = event.uuid();
        let Some(instance) = self.instances.get_mut(&uuid) else { return Reaction::NOTHING };
        match event {
            VimEvent::Status {
                hostname, reporting, heartbeating, restart_timeout_secs, ..
            } => {
                instance.heartbeating = *heartbeating;
                instance.restart_timeout_secs = *restart_timeout_secs;
                if heartbeating.is_on() {
                    instance.alarm = None;
                }
                let agrees = instance.hostname == *hostname && instance.reporting == *reporting;
                let correction = (!agrees).then(|| instance.as_command(uuid));
                Reaction { answer: None, consequence: Consequence::Noted, correction }
            }
            VimEvent::Alarm { state, repair_action, .. } => {
                instance.alarm = Some(*state);
                let consequence = Consequence::of_repair(*repair_action);
                // The real one sends the list of its services, which nobody needs.
                let answer = Some(br#"{"services":[{"service":"heartbeat"}]}"#.to_vec());
                Reaction { answer, consequence, correction: None }
            }
            VimEvent::Answer { action, response, .. } => {
                let consequence = Consequence::of_answer(*action, *response);
                Reaction { answer: None, consequence, correction: None }
            }
        }
    }
}

impl Instance {
    fn as_command(&self, uuid: InstanceId) -> VimCommand {
        VimCommand::InstanceSet { uuid, hostname: self.hostname.clone(), reporting: self.reporting }
    }
}

impl Reaction {
    const NOTHING: Self =
        Self { answer: None, consequence: Consequence::Unknown, correction: None };
    pub(super) const REFUSED: Self =
        Self { answer: None, consequence: Consequence::Refused, correction: None };

    fn answer(answer: Option<Vec<u8>>) -> Self {
        let known = if answer.is_some() { Consequence::Noted } else { Consequence::Unknown };
        Self { answer, consequence: known, correction: None }
    }
}

impl Consequence {
    fn of_repair(action: CorrectiveAction) -> Self {
        match action {
            CorrectiveAction::Reboot => Self::Reboots,
            CorrectiveAction::Stop => Self::Stops,
            CorrectiveAction::Log | CorrectiveAction::None | CorrectiveAction::Unknown => {
                Self::Logs
            }
        }
    }

    fn of_answer(action: EventType, response: GuestResponse) -> Self {
        match response {
            GuestResponse::Allow => Self::Allowed(action),
            GuestResponse::Reject => Self::CalledOff(action),
            GuestResponse::Proceed => Self::Proceeds(action),
        }
    }
}

impl std::fmt::Display for Consequence {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Noted => f.write_str("noted"),
            Self::Refused => f.write_str("refused"),
            Self::Unknown => f.write_str("unknown here: nothing"),
            Self::Reboots => f.write_str("reboots the instance"),
            Self::Stops => f.write_str("stops the instance"),
            Self::Logs => f.write_str("logs it"),
            Self::Allowed(action) => write!(f, "{action} is allowed"),
            Self::CalledOff(action) => write!(f, "{action} is called off"),
            Self::Proceeds(action) => write!(f, "{action} proceeds"),
        }
    }
}
