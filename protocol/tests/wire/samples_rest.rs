//! Any value of every request and reply of REST.

use proptest::prelude::*;
use protocol::channel::{CorrectiveAction, EventType};
use protocol::datagram::Hostname;
use protocol::vim::{
    AlarmState, CommandReply, GuestResponse, HostStateReply, InstanceListReply, ListedInstance,
    Services, VimCommand, VimEvent, VimRequest,
};

use crate::samples::{any_text, one_of, switch, text, uuid};

fn hostname() -> impl Strategy<Value = Hostname> {
    any_text().prop_map(|name| Hostname::new(&name))
}

/// One of the twelve events.
fn action() -> impl Strategy<Value = EventType> {
    let (_unknown, twelve) = EventType::ALL.split_last().expect("events");
    one_of(twelve)
}

/// Any command of the VIM.
pub(crate) fn vim_command() -> impl Strategy<Value = VimCommand> {
    use VimCommand as C;
    let on_host = || (uuid(), hostname());
    let about = || (uuid(), hostname(), action());
    prop_oneof![
        on_host().prop_map(|(uuid, hostname)| C::HostCreate { uuid, hostname }),
        on_host().prop_map(|(uuid, hostname)| C::HostEnable { uuid, hostname }),
        on_host().prop_map(|(uuid, hostname)| C::HostDisable { uuid, hostname }),
        uuid().prop_map(|uuid| C::HostQuery { uuid }),
        prop::option::of(uuid()).prop_map(|uuid| C::HostDelete { uuid }),
        on_host().prop_map(|(uuid, hostname)| C::InstanceCreate { uuid, hostname }),
        (uuid(), hostname(), switch()).prop_map(|(uuid, hostname, reporting)| C::InstanceSet {
            uuid,
            hostname,
            reporting
        }),
        uuid().prop_map(|uuid| C::InstanceQuery { uuid }),
        uuid().prop_map(|uuid| C::InstanceDelete { uuid }),
        about().prop_map(|(uuid, hostname, action)| C::Vote { uuid, hostname, action }),
        about().prop_map(|(uuid, hostname, action)| C::Notify { uuid, hostname, action }),
    ]
}

/// Any command with a reply that it may get.
pub(crate) fn command_and_reply() -> impl Strategy<Value = (VimCommand, CommandReply)> {
    (vim_command(), switch(), switch(), 1..=u32::MAX).prop_map(|(command, on, beats, secs)| {
        let reply = match command.clone() {
            VimCommand::HostQuery { uuid } => {
                CommandReply::Host { uuid, hostname: "compute-0".into(), state: on }
            }
            VimCommand::HostDelete { .. } | VimCommand::InstanceDelete { .. } => {
                CommandReply::Deleted
            }
            VimCommand::InstanceQuery { uuid } | VimCommand::InstanceSet { uuid, .. } => {
                CommandReply::Services(Services {
                    uuid,
                    hostname: "compute-0".into(),
                    reporting: on,
                    heartbeating: beats,
                    restart_timeout_secs: if beats.is_on() { secs } else { 0 },
                })
            }
            VimCommand::Vote { uuid, hostname, action }
            | VimCommand::Notify { uuid, hostname, action } => {
                CommandReply::Action { uuid, hostname, action, timeout_secs: secs }
            }
            _ => CommandReply::Pass,
        };
        (command, reply)
    })
}

/// Any event of the agent.
fn vim_event() -> impl Strategy<Value = VimEvent> {
    let responses = one_of(&[GuestResponse::Allow, GuestResponse::Reject, GuestResponse::Proceed]);
    let states = one_of(&[AlarmState::Unhealthy, AlarmState::Failed]);
    prop_oneof![
        (uuid(), hostname(), switch(), switch(), any::<u32>()).prop_map(
            |(uuid, hostname, reporting, heartbeating, secs)| VimEvent::Status {
                uuid,
                hostname,
                reporting,
                heartbeating,
                restart_timeout_secs: if heartbeating.is_on() { secs } else { 0 },
            }
        ),
        (uuid(), hostname(), states, one_of(CorrectiveAction::ALL)).prop_map(
            |(uuid, hostname, state, repair_action)| VimEvent::Alarm {
                uuid,
                hostname,
                state,
                repair_action
            }
        ),
        (uuid(), action(), responses, text()).prop_map(|(uuid, action, response, reason)| {
            VimEvent::Answer { uuid, action, response, reason }
        }),
    ]
}

/// Any request of the agent.
pub(crate) fn vim_request() -> impl Strategy<Value = VimRequest> {
    prop_oneof![
        (uuid(), hostname()).prop_map(|(uuid, hostname)| VimRequest::HostState { uuid, hostname }),
        uuid().prop_map(|host_uuid| VimRequest::InstanceList { host_uuid }),
        vim_event().prop_map(VimRequest::Event),
    ]
}

/// Any answer of the VIM about a host.
pub(crate) fn host_state() -> impl Strategy<Value = HostStateReply> {
    (uuid(), hostname(), switch()).prop_map(|(uuid, hostname, state)| HostStateReply {
        uuid,
        hostname,
        state,
    })
}

/// Any answer of the VIM about the instances of a host.
pub(crate) fn instance_list() -> impl Strategy<Value = InstanceListReply> {
    let instance = (uuid(), hostname(), switch())
        .prop_map(|(uuid, hostname, reporting)| ListedInstance { uuid, hostname, reporting });
    prop::collection::vec(instance, 0..20)
        .prop_map(|instances| InstanceListReply { instances, skipped: 0 })
}
