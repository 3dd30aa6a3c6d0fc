//! UNIX sockets that never block, in an epoll set.

use std::io;
use std::path::Path;

use rustix::event::epoll::{self, EventData, EventFlags};
use rustix::fd::OwnedFd;
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketAddrUnix, SocketFlags, SocketType, accept_with,
    bind, recv, send, socket_with,
};

/// What one read or write did.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Io {
    /// This many bytes.
    Done(usize),
    /// Nothing now.
    WouldBlock,
    /// The other side is gone.
    Closed,
}

/// A descriptor in an epoll set, with what it is watched for.
#[derive(Debug)]
pub(super) struct Watched {
    fd: OwnedFd,
    token: u64,
    interest: EventFlags,
}

impl Watched {
    /// Adds a descriptor, watched for nothing yet.
    pub(super) fn new(epoll: &OwnedFd, fd: OwnedFd, token: u64) -> io::Result<Self> {
        let interest = EventFlags::empty();
        epoll::add(epoll, &fd, EventData::new_u64(token), interest)?;
        Ok(Self { fd, token, interest })
    }

    /// Watches for this from now on.
    pub(super) fn want(&mut self, epoll: &OwnedFd, interest: EventFlags) {
        if self.interest != interest {
            self.interest = interest;
            epoll::modify(epoll, &self.fd, EventData::new_u64(self.token), interest)
                .expect("the descriptor is open and in the set");
        }
    }

    pub(super) fn accept(&self) -> Option<OwnedFd> {
        accept_with(&self.fd, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK).ok()
    }

    pub(super) fn read(&self, into: &mut [u8]) -> Io {
        match recv(&self.fd, into, RecvFlags::DONTWAIT) {
            Ok((0, _)) => Io::Closed,
            Ok((read, _)) => Io::Done(read),
            Err(error) => failed(error),
        }
    }

    pub(super) fn write(&self, bytes: &[u8]) -> Io {
        match send(&self.fd, bytes, SendFlags::DONTWAIT | SendFlags::NOSIGNAL) {
            Ok(written) => Io::Done(written),
            Err(error) => failed(error),
        }
    }
}

fn failed(error: Errno) -> Io {
    match error {
        Errno::AGAIN | Errno::INTR | Errno::NOBUFS => Io::WouldBlock,
        _ => Io::Closed,
    }
}

/// A socket with its file, on which nobody listens yet: connecting is refused.
pub(super) fn bound(path: &Path) -> io::Result<OwnedFd> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    bind(&socket, &SocketAddrUnix::new(path)?)?;
    Ok(socket)
}
