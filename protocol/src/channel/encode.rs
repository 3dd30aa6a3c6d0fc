//! From a typed object to its bytes: a newline, the object with its keys in the protocol's order, a
//! newline. The types keep every string within its limit, so an object always fits
//! [`OBJECT_MAX`](crate::limits::OBJECT_MAX); integers are held to [`INT_MAX`] here.

use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};

use super::{
    ActionNotify, ActionResponse, ChallengeResponse, Exit, GuestMessage, HostMessage, Init, Nack,
    REVISION, VERSION,
};
use crate::limits::INT_MAX;

impl GuestMessage {
    /// Appends the object with its delimiters to `out`. `sequence` counts what its sender sent.
    pub fn encode(&self, sequence: u32, out: &mut Vec<u8>) {
        append(&Wire { msg_type: self.msg_type(), sequence, body: self }, out);
    }
}

impl HostMessage {
    /// Appends the object with its delimiters to `out`. `sequence` counts what its sender sent.
    pub fn encode(&self, sequence: u32, out: &mut Vec<u8>) {
        append(&Wire { msg_type: self.msg_type(), sequence, body: self }, out);
    }
}

fn append(object: &impl Serialize, out: &mut Vec<u8>) {
    out.push(b'\n');
    serde_json::to_writer(&mut *out, object).expect("writing integers and strings to memory");
    out.push(b'\n');
}

struct Wire<'a, B> {
    msg_type: &'static str,
    sequence: u32,
    body: &'a B,
}

impl<B: Body> Serialize for Wire<'_, B> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("version", &VERSION)?;
        map.serialize_entry("revision", &REVISION)?;
        map.serialize_entry("msg_type", self.msg_type)?;
        map.serialize_entry("sequence", &self.sequence)?;
        self.body.entries(&mut map)?;
        map.end()
    }
}

/// The keys of an object after the four that all have.
trait Body {
    fn entries<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error>;
}

/// A peer clamps a larger integer to this one, so no other is ever sent.
fn int<M: SerializeMap>(map: &mut M, key: &'static str, value: u32) -> Result<(), M::Error> {
    map.serialize_entry(key, &value.min(INT_MAX))
}

impl Body for GuestMessage {
    fn entries<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        match self {
            Self::Init(init) => init.entries(map),
            Self::ChallengeResponse(response) => response.entries(map),
            Self::ActionResponse(response) => response.entries(map),
            Self::Exit(exit) => exit.entries(map),
        }
    }
}

impl Body for HostMessage {
    fn entries<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        match self {
            Self::InitAck { invocation_id } => int(map, "invocation_id", *invocation_id),
            Self::Challenge { heartbeat_challenge } => {
                int(map, "heartbeat_challenge", *heartbeat_challenge)
            }
            Self::ActionNotify(notify) => notify.entries(map),
            Self::Exit(exit) => exit.entries(map),
            Self::Nack(nack) => nack.entries(map),
        }
    }
}

impl Body for Init {
    fn entries<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        int(map, "invocation_id", self.invocation_id)?;
        map.serialize_entry("name", self.name.as_str())?;
        int(map, "heartbeat_interval_ms", self.heartbeat_interval_ms)?;
        int(map, "vote_secs", self.vote_secs)?;
        int(map, "shutdown_notice_secs", self.shutdown_notice_secs)?;
        int(map, "suspend_notice_secs", self.suspend_notice_secs)?;
        int(map, "resume_notice_secs", self.resume_notice_secs)?;
        int(map, "restart_secs", self.restart_secs)?;
        map.serialize_entry("corrective_action", &self.corrective_action)
    }
}

impl Body for ChallengeResponse {
    fn entries<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        int(map, "heartbeat_response", self.heartbeat_response)?;
        map.serialize_entry("heartbeat_health", &self.heartbeat_health)?;
        if let Some(action) = self.corrective_action {
            map.serialize_entry("corrective_action", &action)?;
        }
        map.serialize_entry("log_msg", self.log_msg.as_str())
    }
}

impl Body for ActionNotify {
    fn entries<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        int(map, "invocation_id", self.invocation_id)?;
        map.serialize_entry("event_type", &self.event_type)?;
        map.serialize_entry("notification_type", &self.notification_type)?;
        int(map, "timeout_ms", self.timeout_ms)
    }
}

impl Body for ActionResponse {
    fn entries<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        int(map, "invocation_id", self.invocation_id)?;
        map.serialize_entry("event_type", &self.event_type)?;
        map.serialize_entry("notification_type", &self.notification_type)?;
        map.serialize_entry("vote_result", &self.vote_result)?;
        map.serialize_entry("log_msg", self.log_msg.as_str())
    }
}

impl Body for Exit {
    fn entries<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        map.serialize_entry("log_msg", self.log_msg.as_str())
    }
}

impl Body for Nack {
    fn entries<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        int(map, "invocation_id", self.invocation_id)?;
        map.serialize_entry("orig_msg_type", self.orig_msg_type.as_str())?;
        map.serialize_entry("log_msg", self.log_msg.as_str())
    }
}
