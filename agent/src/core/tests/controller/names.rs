//! Numbers for hosts and instances, and what goes over the wires as text.

use std::net::{IpAddr, Ipv4Addr};

use protocol::InstanceId;
use protocol::datagram::{Command, Host, Hostname};
use protocol::vim::{VimEvent, VimRequest};

const HOSTS: u64 = 0xffff_0000_0000;

pub(in super::super) fn id(number: u64) -> InstanceId {
    InstanceId::numbered(number)
}

pub(in super::super) fn host_id(number: u64) -> InstanceId {
    InstanceId::numbered(HOSTS + number)
}

pub(in super::super) fn host_name(number: u64) -> Hostname {
    Hostname::new(&format!("host-{number}"))
}

pub(in super::super) fn address(host: u64) -> IpAddr {
    IpAddr::V4(Ipv4Addr::from_bits(0x0a00_0000 + u32::try_from(host).unwrap()))
}

pub(in super::super) fn entry(host: u64) -> Host {
    Host {
        hostname: host_name(host),
        uuid: host_id(host),
        ip: address(host),
        personality: "worker".into(),
    }
}

pub(in super::super) fn number_of(id: InstanceId) -> u64 {
    u64::from_str_radix(&id.as_str()[24..], 16).unwrap()
}

pub(super) fn host_at(address: IpAddr) -> u64 {
    let IpAddr::V4(address) = address else { panic!("{address} is no host's") };
    u64::from(address.to_bits() - 0x0a00_0000)
}

pub(super) fn command_text(command: &Command) -> String {
    match command {
        Command::AddInstance { uuid, reporting } => {
            format!("add {} {}", number_of(*uuid), reporting.as_str())
        }
        Command::ModifyInstance { uuid, reporting } => {
            format!("modify {} {}", number_of(*uuid), reporting.as_str())
        }
        Command::DeleteInstance { uuid } => format!("delete {}", number_of(*uuid)),
        Command::Vote { uuid, event } => format!("vote {} {event}", number_of(*uuid)),
        Command::Notify { uuid, event } => format!("notify {} {event}", number_of(*uuid)),
        Command::ModifyHost { reporting } => format!("host {}", reporting.as_str()),
        Command::QueryInstances => "query".to_owned(),
        Command::Loopback => "loopback".to_owned(),
    }
}

/// An event without host and reporting, or a question.
pub(super) fn request_text(request: &VimRequest) -> String {
    match request {
        VimRequest::HostState { uuid, .. } => format!("state {}", number_of(*uuid) - HOSTS),
        VimRequest::InstanceList { host_uuid } => format!("list {}", number_of(*host_uuid) - HOSTS),
        VimRequest::Event(event) => event_text(event),
    }
}

fn event_text(event: &VimEvent) -> String {
    let number = number_of(event.uuid());
    match event {
        VimEvent::Status { heartbeating, .. } if heartbeating.is_on() => {
            format!("{number} heartbeats")
        }
        VimEvent::Status { .. } => format!("{number} silent"),
        VimEvent::Alarm { state, repair_action, .. } => {
            format!("{number} {}: {repair_action}", state.as_str())
        }
        VimEvent::Answer { action, response, reason, .. } if reason.is_empty() => {
            format!("{number} {action}: {}", response.as_str())
        }
        VimEvent::Answer { action, response, reason, .. } => {
            format!("{number} {action}: {} ({reason})", response.as_str())
        }
    }
}
