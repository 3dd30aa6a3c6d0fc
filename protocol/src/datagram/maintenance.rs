//! What maintenance (mtcAgent) tells the agent, and the one thing that the agent tells it.

use std::net::IpAddr;

use serde::Serialize;

use super::Hostname;
use super::frame::{self, DatagramError, Frame, Signature};
use crate::channel::Word;

const ADD_HOST: u32 = 0x1111_0010;
const DELETE_HOST: u32 = 0x1111_0011;
const MODIFY_HOST: u32 = 0x1111_0012;
const READY: u32 = 0xf0f0_f0f0;

/// The agent's name at byte 18 of the header of a message to maintenance.
const DAEMON_NAME: &[u8] = b"guestAgent";
const DAEMON_NAME_AT: usize = 18;

/// A host of the inventory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host {
    /// Its name.
    pub hostname: Hostname,
    /// Its uuid.
    pub uuid: crate::InstanceId,
    /// Its address on the management network.
    pub ip: IpAddr,
    /// Its role: `worker` on a compute host.
    pub personality: Word,
}

/// A command of maintenance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MaintenanceCommand {
    /// A host exists; for a known one this is an update.
    AddHost(Host),
    /// A host has changed.
    ModifyHost(Host),
    /// A host is gone.
    DeleteHost {
        /// Its name.
        hostname: Hostname,
        /// Its uuid.
        uuid: crate::InstanceId,
    },
}

#[derive(Serialize)]
struct HostBody<'a> {
    hostname: &'a str,
    uuid: &'a str,
    ip: IpAddr,
    personality: &'a str,
}

#[derive(Serialize)]
struct DeleteBody<'a> {
    hostname: &'a str,
    uuid: &'a str,
}

impl MaintenanceCommand {
    /// Writes the datagram, 100 + length bytes, into `out`.
    pub fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::AddHost(host) => write(ADD_HOST, &HostBody::from(host), out),
            Self::ModifyHost(host) => write(MODIFY_HOST, &HostBody::from(host), out),
            Self::DeleteHost { hostname, uuid } => {
                let body = DeleteBody { hostname: hostname.as_str(), uuid: uuid.as_str() };
                write(DELETE_HOST, &body, out);
            }
        }
    }

    /// Reads a datagram of maintenance.
    pub fn decode(datagram: &[u8]) -> Result<Self, DatagramError> {
        let frame = Frame::read(datagram, Signature::Maintenance, &[])?;
        match frame.cmd {
            ADD_HOST => Ok(Self::AddHost(frame.host()?)),
            MODIFY_HOST => Ok(Self::ModifyHost(frame.host()?)),
            DELETE_HOST => {
                Ok(Self::DeleteHost { hostname: frame.hostname()?, uuid: frame.uuid()? })
            }
            unknown => Err(DatagramError::UnknownCommand(unknown)),
        }
    }
}

/// Writes the agent's request for the inventory into `out`.
pub fn encode_maintenance_ready(out: &mut Vec<u8>) {
    frame::write(Signature::GuestMessage, READY, None::<&()>, out);
    out[DAEMON_NAME_AT..DAEMON_NAME_AT + DAEMON_NAME.len()].copy_from_slice(DAEMON_NAME);
}

fn write(cmd: u32, object: &impl Serialize, out: &mut Vec<u8>) {
    frame::write(Signature::Maintenance, cmd, Some(object), out);
}

impl<'a> From<&'a Host> for HostBody<'a> {
    fn from(host: &'a Host) -> Self {
        Self {
            hostname: host.hostname.as_str(),
            uuid: host.uuid.as_str(),
            ip: host.ip,
            personality: host.personality.as_str(),
        }
    }
}

impl Frame {
    fn host(&self) -> Result<Host, DatagramError> {
        Ok(Host {
            hostname: self.hostname()?,
            uuid: self.uuid()?,
            ip: self.read_str("ip", |ip| ip.parse().ok())?,
            personality: self.str("personality")?.into(),
        })
    }
}
