//! JSON objects with the protocol's keys picked out; others are skipped, and of a key that comes
//! twice the last value counts.

use serde::Serialize;
use serde_json::{Map, Value};

use super::SERVICE;
use super::error::BodyError;
use crate::InstanceId;
use crate::channel::EventType;
use crate::datagram::{Hostname, Switch};

pub(super) fn bytes(object: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(object).expect("writing strings to memory")
}

/// A JSON object as it came.
#[derive(Debug, Clone, Copy)]
pub(super) struct Object<'a>(&'a Map<String, Value>);

/// One JSON object and nothing else.
pub(super) fn parse(body: &[u8]) -> Result<Map<String, Value>, BodyError> {
    serde_json::from_slice(body).map_err(|_| BodyError::NotAnObject)
}

impl<'a> Object<'a> {
    pub(super) fn new(object: &'a Map<String, Value>) -> Self {
        Self(object)
    }

    /// `None` for a value of another type.
    pub(super) fn of(value: &'a Value) -> Option<Self> {
        value.as_object().map(Self)
    }

    pub(super) fn str(self, key: &'static str) -> Result<&'a str, BodyError> {
        self.0.get(key).and_then(Value::as_str).ok_or(BodyError::BadKey(key))
    }

    /// The string under `key`, read by `read`.
    pub(super) fn read<T>(
        self,
        key: &'static str,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Result<T, BodyError> {
        read(self.str(key)?).ok_or(BodyError::BadKey(key))
    }

    pub(super) fn object(self, key: &'static str) -> Result<Self, BodyError> {
        self.0.get(key).and_then(Self::of).ok_or(BodyError::BadKey(key))
    }

    pub(super) fn array(self, key: &'static str) -> Result<&'a [Value], BodyError> {
        self.0.get(key).and_then(Value::as_array).map(Vec::as_slice).ok_or(BodyError::BadKey(key))
    }

    pub(super) fn has(self, key: &str) -> bool {
        self.0.contains_key(key)
    }

    pub(super) fn uuid(self) -> Result<InstanceId, BodyError> {
        self.read("uuid", |uuid| InstanceId::new(uuid).ok())
    }

    /// A name is an identity here: one that would have to be changed to fit is refused.
    pub(super) fn hostname(self) -> Result<Hostname, BodyError> {
        self.read("hostname", |name| {
            Some(Hostname::new(name)).filter(|clean| clean.as_str() == name)
        })
    }

    pub(super) fn switch(self, key: &'static str) -> Result<Switch, BodyError> {
        self.read(key, Switch::from_word)
    }

    /// Seconds as a decimal string.
    pub(super) fn secs(self, key: &'static str) -> Result<u32, BodyError> {
        self.read(key, |secs| secs.parse().ok())
    }

    pub(super) fn action(self) -> Result<EventType, BodyError> {
        self.read("action", action_from_word)
    }

    /// The heartbeat entry of `services`; `None` if only others are listed.
    pub(super) fn heartbeat(self) -> Result<Option<Object<'a>>, BodyError> {
        for service in self.array("services")? {
            let service = Self::of(service).ok_or(BodyError::BadKey("services"))?;
            if service.str("service")? == SERVICE {
                return Ok(Some(service));
            }
        }
        Ok(None)
    }

    /// The entry of `services` where there must be one and no other.
    pub(super) fn only_heartbeat(self) -> Result<Object<'a>, BodyError> {
        match (self.array("services")?, self.heartbeat()?) {
            ([_], Some(service)) => Ok(service),
            _ => Err(BodyError::BadKey("services")),
        }
    }
}

/// One of the twelve events in the spelling that the VIM uses.
fn action_from_word(word: &str) -> Option<EventType> {
    let known = |event: &EventType| *event != EventType::Unknown && event.as_str() == word;
    EventType::from_word(word).filter(known)
}
