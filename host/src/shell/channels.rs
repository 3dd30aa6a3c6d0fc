//! The channels' sockets: one epoll set, one buffer.

use std::os::fd::{AsRawFd, OwnedFd};
use std::path::Path;

use protocol::channel::HostMessage;
use rustix::event::{Timespec, epoll};
use rustix::io::{Errno, read};
use rustix::net::{
    AddressFamily, SendFlags, SocketAddrUnix, SocketFlags, SocketType, connect, send, socket_with,
};
use rustix::process::{Resource, getrlimit};

use super::readiness::Readiness;
use crate::core::{ConnectError, Key};

/// Events taken from the kernel at once.
const EVENTS: usize = 1024;
/// Bytes read from one channel before the others have their turn.
const READ_SIZE: usize = 16 * 1024;
/// What a first object is preceded by: a peer's parser that was left with half an object needs it.
const FIRST_BYTES: &[u8] = b" \n";

/// Descriptors left for the log, the status file, a name lookup.
const RESERVED: u64 = 16;

/// All connected channels.
pub(super) struct Channels {
    epoll: OwnedFd,
    open: Vec<Option<Channel>>,
    events: Vec<epoll::Event>,
    read_buffer: Box<[u8; READ_SIZE]>,
    encoded: Vec<u8>,
    dropped_sends: u64,
    /// Sockets have lower numbers than this.
    descriptors: u64,
}

#[derive(Debug)]
struct Channel {
    socket: OwnedFd,
    /// What is left of an object that the channel took a part of.
    rest: Vec<u8>,
    paused: bool,
}

/// What a read gave.
pub(super) enum Read<'a> {
    /// Bytes; `more` if there may be more.
    Bytes { bytes: &'a [u8], more: bool },
    /// Nothing for now.
    Nothing,
    /// The channel ended; it is closed already.
    Ended,
}

impl Channels {
    pub(super) fn new() -> std::io::Result<Self> {
        Ok(Self {
            epoll: epoll::create(epoll::CreateFlags::CLOEXEC)?,
            open: Vec::new(),
            events: Vec::with_capacity(EVENTS),
            read_buffer: Box::new([0; READ_SIZE]),
            encoded: Vec::with_capacity(2048),
            dropped_sends: 0,
            descriptors: getrlimit(Resource::Nofile)
                .current
                .unwrap_or(u64::MAX)
                .saturating_sub(RESERVED),
        })
    }

    /// For the reactor to wait on.
    pub(super) fn readiness(&self) -> std::io::Result<Readiness> {
        Readiness::of(&self.epoll)
    }

    /// Objects dropped because their channel was full.
    pub(super) fn dropped_sends(&self) -> u64 {
        self.dropped_sends
    }

    /// Calls of [`Self::ready`] that name every channel which can be read: the kernel lets them take
    /// turns.
    pub(super) fn turns_a_round(&self) -> usize {
        self.open.len().div_ceil(EVENTS).max(1)
    }

    /// Fills `ready` with the channels that can be read; whether there may be more.
    pub(super) fn ready(&mut self, ready: &mut Vec<Key>) -> std::io::Result<bool> {
        self.events.clear();
        let now = Timespec { tv_sec: 0, tv_nsec: 0 };
        let spare = rustix::buffer::spare_capacity(&mut self.events);
        match epoll::wait(&self.epoll, spare, Some(&now)) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let events = std::mem::take(&mut self.events);
        for event in &events {
            let key = usize::try_from(event.data.u64()).expect("a key was put in");
            let flags = event.flags;
            if flags.contains(epoll::EventFlags::OUT) {
                self.flush(key);
            }
            if flags
                .intersects(epoll::EventFlags::IN | epoll::EventFlags::HUP | epoll::EventFlags::ERR)
            {
                ready.push(key);
            }
        }
        let more = events.len() == EVENTS;
        self.events = events;
        Ok(more)
    }

    /// Reads once from a channel.
    pub(super) fn read(&mut self, key: Key) -> Read<'_> {
        let Some(channel) = self.open.get(key).and_then(Option::as_ref) else {
            return Read::Nothing;
        };
        match read(&channel.socket, &mut self.read_buffer[..]) {
            Ok(0) => {}
            Ok(bytes) => {
                let more = bytes == READ_SIZE;
                return Read::Bytes { bytes: &self.read_buffer[..bytes], more };
            }
            Err(Errno::AGAIN | Errno::INTR) => return Read::Nothing,
            Err(error) => tracing::debug!(%error, "channel ended"),
        }
        self.close(key);
        Read::Ended
    }

    /// Connects a channel, without waiting.
    pub(super) fn connect(&mut self, key: Key, path: &Path) -> Result<(), ConnectError> {
        let socket = self.connect_to(path).map_err(connect_error)?;
        epoll::add(&self.epoll, &socket, data(key), epoll::EventFlags::IN)
            .map_err(connect_error)?;
        if self.open.len() <= key {
            self.open.resize_with(key + 1, || None);
        }
        self.open[key] = Some(Channel { socket, rest: Vec::new(), paused: false });
        Ok(())
    }

    /// Closes a channel; its socket leaves the epoll set with it.
    pub(super) fn close(&mut self, key: Key) {
        if let Some(channel) = self.open.get_mut(key) {
            *channel = None;
        }
    }

    /// Sends an object in one write. What a full channel does not take is dropped; the protocol
    /// repeats what matters. A broken channel shows when it is read.
    pub(super) fn send(&mut self, key: Key, first: bool, sequence: u32, message: &HostMessage) {
        let Some(channel) = self.open.get_mut(key).and_then(Option::as_mut) else { return };
        if !channel.rest.is_empty() {
            self.dropped_sends += 1;
            return;
        }
        self.encoded.clear();
        if first {
            self.encoded.extend_from_slice(FIRST_BYTES);
        }
        message.encode(sequence, &mut self.encoded);
        match send(&channel.socket, &self.encoded, SendFlags::NOSIGNAL) {
            Ok(sent) if sent == self.encoded.len() => {}
            Ok(sent) => {
                channel.rest.extend_from_slice(&self.encoded[sent..]);
                self.set_interest(key);
            }
            Err(_) => self.dropped_sends += 1,
        }
    }

    /// Stops or goes on reading a channel.
    pub(super) fn pause(&mut self, key: Key, paused: bool) {
        if let Some(channel) = self.open.get_mut(key).and_then(Option::as_mut) {
            channel.paused = paused;
            self.set_interest(key);
        }
    }

    fn connect_to(&self, path: &Path) -> rustix::io::Result<OwnedFd> {
        let address = SocketAddrUnix::new(path)?;
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
        if u64::try_from(socket.as_raw_fd()).is_ok_and(|number| number >= self.descriptors) {
            return Err(Errno::MFILE);
        }
        connect(&socket, &address)?;
        Ok(socket)
    }

    fn flush(&mut self, key: Key) {
        let Some(channel) = self.open.get_mut(key).and_then(Option::as_mut) else { return };
        match send(&channel.socket, &channel.rest, SendFlags::NOSIGNAL) {
            Ok(sent) => drop(channel.rest.drain(..sent)),
            Err(Errno::AGAIN | Errno::INTR) => return,
            Err(_) => channel.rest.clear(),
        }
        self.set_interest(key);
    }

    fn set_interest(&mut self, key: Key) {
        let Some(channel) = self.open.get(key).and_then(Option::as_ref) else { return };
        let mut flags = epoll::EventFlags::empty();
        flags.set(epoll::EventFlags::IN, !channel.paused);
        flags.set(epoll::EventFlags::OUT, !channel.rest.is_empty());
        if let Err(error) = epoll::modify(&self.epoll, &channel.socket, data(key), flags) {
            tracing::error!(%error, "epoll does not take a channel's interest");
        }
    }
}

fn data(key: Key) -> epoll::EventData {
    epoll::EventData::new_u64(key as u64)
}

fn connect_error(error: Errno) -> ConnectError {
    match error {
        Errno::NOENT => ConnectError::Gone,
        Errno::CONNREFUSED | Errno::AGAIN => ConnectError::Refused,
        Errno::ACCESS | Errno::PERM => ConnectError::Denied,
        Errno::MFILE | Errno::NFILE => ConnectError::NoDescriptor,
        other => ConnectError::Other(other.raw_os_error()),
    }
}
