//! What the VIM decides and commands, as far as it changes what may be expected.

use std::time::Instant;

use protocol::datagram::Hostname;
use protocol::vim::VimCommand;

use super::answers::Answers;
use super::order::Order;
use super::watch::{Instance, Watch};
use crate::cloud::Cloud;

impl Watch {
    /// The VIM decides something about a host or an instance, or says `again` what it decided.
    pub(super) fn decided(&mut self, now: Instant, command: &VimCommand, again: bool) {
        match command {
            VimCommand::HostEnable { .. } | VimCommand::HostDisable { .. } => {
                let Some(host) = host_of(command) else { return };
                let decision = Some(command.clone());
                let is_new = std::mem::replace(&mut self.hosts[host].decision, decision.clone());
                if again || is_new != decision {
                    self.hosts[host].decided = now;
                    let there = self.instances.iter_mut().filter(|i| i.lives_on(command));
                    there.for_each(|instance| instance.alarms.decided());
                }
            }
            VimCommand::InstanceSet { uuid, .. } | VimCommand::InstanceDelete { uuid } => {
                let Some(number) = self.number_of(*uuid) else { return };
                let instance = &mut self.instances[number];
                instance.gone &= matches!(command, VimCommand::InstanceDelete { .. });
                if !again {
                    instance.told.decided();
                }
                let decision = Some(command.clone());
                let is_new = std::mem::replace(&mut instance.decision, decision.clone());
                if again || is_new != decision {
                    instance.decided = now;
                    instance.alarms.decided();
                    instance.answers.decided();
                }
            }
            VimCommand::InstanceCreate { uuid, .. } => {
                if let Some(number) = self.number_of(*uuid) {
                    let instance = &mut self.instances[number];
                    (instance.decided, instance.gone) = (now, false);
                    instance.told.decided();
                }
            }
            _ => {}
        }
    }

    pub(super) fn unheard(&mut self, command: &VimCommand, unheard: bool) {
        match command {
            VimCommand::InstanceCreate { uuid, .. }
            | VimCommand::InstanceSet { uuid, .. }
            | VimCommand::InstanceDelete { uuid } => {
                if let Some(number) = self.number_of(*uuid) {
                    self.instances[number].unheard = unheard;
                }
            }
            _ => {
                if let Some(host) = host_of(command) {
                    self.hosts[host].unheard = unheard;
                }
            }
        }
    }

    /// The agent has obeyed; `timeout`: seconds that the VIM is to wait for a guest.
    pub(super) fn obeyed(&mut self, cloud: &Cloud, command: &VimCommand, timeout: Option<u32>) {
        match (command, timeout) {
            (VimCommand::InstanceDelete { uuid }, _) => {
                let Some(number) = self.number_of(*uuid) else { return };
                let is_wanted = cloud.view().instances().contains_key(uuid);
                let instance = &mut self.instances[number];
                instance.gone = !is_wanted;
                // A server that does not hear of it goes on to report its loss, perhaps until it is
                // made anew.
                instance.alarms.decided();
                instance.answers = Answers::default();
                instance.order = Order::default();
                instance.again = None;
            }
            (
                VimCommand::Vote { uuid, action, .. } | VimCommand::Notify { uuid, action, .. },
                Some(secs @ 1..),
            ) => {
                let Some(number) = self.number_of(*uuid) else { return };
                let is_vote = matches!(command, VimCommand::Vote { .. });
                let well = self.is_well(cloud);
                let home = cloud.view().instances().get(uuid).map(|known| &known.hostname);
                let home = home.and_then(|hostname| cloud.host_named(hostname));
                let is_sure = home.is_some_and(|host| self.is_settled(cloud, number, host));
                let answers = &mut self.instances[number].answers;
                answers.asked(cloud.now(), (*action, is_vote), secs, well);
                if !is_sure {
                    answers.uncertain();
                }
            }
            _ => {}
        }
    }
}

impl Instance {
    /// Whether it lives on the host that a command is about, as the VIM last said.
    fn lives_on(&self, command: &VimCommand) -> bool {
        let host = host_of(command);
        self.decision.as_ref().is_some_and(|decision| match decision {
            VimCommand::InstanceSet { hostname, .. } => number_of_host(hostname) == host,
            _ => false,
        })
    }
}

fn host_of(command: &VimCommand) -> Option<usize> {
    let (VimCommand::HostEnable { hostname, .. }
    | VimCommand::HostDisable { hostname, .. }
    | VimCommand::HostCreate { hostname, .. }) = command
    else {
        return None;
    };
    number_of_host(hostname)
}

fn number_of_host(hostname: &Hostname) -> Option<usize> {
    hostname.as_str().strip_prefix("compute-")?.parse().ok()
}
