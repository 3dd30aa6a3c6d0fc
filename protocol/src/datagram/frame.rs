//! Header and buffer of a datagram.
//!
//! | offset | size | field |
//! | --- | --- | --- |
//! | 0 | 64 | signature with its NUL, then (to maintenance only) the sender's name at 18 |
//! | 64 | 2+2+4 | version, revision, reserved: 0 |
//! | 72 | 4 | command, little-endian |
//! | 76 | 4+20 | number, parameters: 0 |
//! | 100 | up to 960 | JSON object, NUL padded |

use std::collections::BTreeMap;

use serde::Serialize;

/// Bytes before the JSON object.
pub const HEADER_LEN: usize = 100;
/// Room for the JSON object, in bytes.
pub const BUF_MAX: usize = 960;
/// The longest datagram, in bytes.
pub const DATAGRAM_MAX: usize = HEADER_LEN + BUF_MAX;

const CMD_AT: usize = 72;

/// Why a datagram was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DatagramError {
    /// Shorter than a header or longer than a datagram can be.
    #[error("{0} bytes, expected {HEADER_LEN} to {DATAGRAM_MAX}")]
    BadLength(usize),
    /// Not from the kind of sender that is heard here.
    #[error("wrong signature")]
    BadSignature,
    /// A command that this receiver does not have.
    #[error("unknown command {0:#010x}")]
    UnknownCommand(u32),
    /// The buffer is not a JSON object of strings.
    #[error("the buffer is not a JSON object of strings")]
    NotAnObject,
    /// A needed key is absent or has no valid value.
    #[error("key {0:?} is missing or invalid")]
    BadKey(&'static str),
}

/// What stands in front of the NUL at byte 17 of the header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Signature {
    /// All zero: a server's event.
    Empty,
    /// From the agent.
    GuestMessage,
    /// From maintenance.
    Maintenance,
}

impl Signature {
    fn bytes(self) -> &'static [u8] {
        match self {
            Self::Empty => b"",
            Self::GuestMessage => b"guest msg header:\0",
            Self::Maintenance => b"cgts mtc cmd req:\0",
        }
    }

    fn heads(self, datagram: &[u8]) -> bool {
        match self {
            Self::Empty => datagram[0] == 0,
            named => datagram.starts_with(named.bytes()),
        }
    }
}

/// Writes a datagram of header and object into `out`, which is emptied first.
pub(super) fn write(
    signature: Signature,
    cmd: u32,
    object: Option<&impl Serialize>,
    out: &mut Vec<u8>,
) {
    out.clear();
    out.resize(HEADER_LEN, 0);
    out[..signature.bytes().len()].copy_from_slice(signature.bytes());
    out[CMD_AT..CMD_AT + 4].copy_from_slice(&cmd.to_le_bytes());
    if let Some(object) = object {
        serde_json::to_writer(&mut *out, object).expect("writing strings to memory");
    }
}

/// A received datagram: its command and the strings of its object.
#[derive(Debug)]
pub(super) struct Frame {
    pub(super) cmd: u32,
    strings: BTreeMap<String, serde_json::Value>,
}

impl Frame {
    /// Reads a datagram that must carry `signature`. A command in `without_object` may have an
    /// empty buffer.
    pub(super) fn read(
        datagram: &[u8],
        signature: Signature,
        without_object: &[u32],
    ) -> Result<Self, DatagramError> {
        if !(HEADER_LEN..=DATAGRAM_MAX).contains(&datagram.len()) {
            return Err(DatagramError::BadLength(datagram.len()));
        }
        if !signature.heads(datagram) {
            return Err(DatagramError::BadSignature);
        }
        let (header, buf) = datagram.split_at(HEADER_LEN);
        let cmd = header[CMD_AT..CMD_AT + 4].try_into().map(u32::from_le_bytes);
        let cmd = cmd.expect("four bytes of the header");
        let object = buf.split(|byte| *byte == 0).next().unwrap_or_default();
        let strings = match serde_json::from_slice(object) {
            Ok(strings) => strings,
            Err(_) if object.is_empty() && without_object.contains(&cmd) => BTreeMap::new(),
            Err(_) => return Err(DatagramError::NotAnObject),
        };
        Ok(Self { cmd, strings })
    }

    /// Whether `key` is there, whatever its value.
    pub(super) fn has(&self, key: &str) -> bool {
        self.strings.contains_key(key)
    }

    /// The string under `key`.
    pub(super) fn str(&self, key: &'static str) -> Result<&str, DatagramError> {
        self.strings.get(key).and_then(|value| value.as_str()).ok_or(DatagramError::BadKey(key))
    }

    /// The string under `key`, read by `read`.
    pub(super) fn read_str<T>(
        &self,
        key: &'static str,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Result<T, DatagramError> {
        read(self.str(key)?).ok_or(DatagramError::BadKey(key))
    }

    /// The instance named by `uuid`.
    pub(super) fn uuid(&self) -> Result<crate::InstanceId, DatagramError> {
        self.read_str("uuid", |uuid| crate::InstanceId::new(uuid).ok())
    }
}
