//! How scenarios name instances, channels and events.

use std::path::Path;
use std::sync::Arc;

use protocol::InstanceId;
use protocol::datagram::Event;

use super::DIRECTORY;

/// The usual path of an instance's channel.
pub(in super::super) fn path_of(number: u64) -> Arc<Path> {
    let id = InstanceId::numbered(number);
    Path::new(DIRECTORY).join(format!("cgcs.heartbeat.{id}.sock")).into()
}

/// The path of its channel under the alternative name.
pub(in super::super) fn other_path_of(number: u64) -> Arc<Path> {
    let id = InstanceId::numbered(number);
    Path::new(DIRECTORY).join(format!("wrs.heartbeat.agent.0.{id}.sock")).into()
}

pub(super) fn number_of(id: InstanceId) -> u64 {
    u64::from_str_radix(&id.as_str()[24..], 16).unwrap()
}

pub(super) fn text_of(event: &Event) -> String {
    match event {
        Event::Ready { .. } => "ready".to_owned(),
        Event::Running(info) => format!("{} running", number_of(info.uuid)),
        Event::Stopped(info) => format!("{} stopped", number_of(info.uuid)),
        Event::IllHealth(info) => {
            format!("{} ill: {}", number_of(info.uuid), info.repair_action)
        }
        Event::Loss { uuid, .. } => format!("{} lost", number_of(*uuid)),
        Event::QueryResponse(info) => format!(
            "{} reporting {} heartbeating {}",
            number_of(info.uuid),
            info.reporting.as_str(),
            info.heartbeating.as_str()
        ),
        Event::Answer(answer) => {
            let number = number_of(answer.uuid);
            let (kind, event) = (answer.notification_type, answer.event_type);
            format!("{number} {} to {kind} {event}: {}", answer.vote, answer.reason)
        }
    }
}
