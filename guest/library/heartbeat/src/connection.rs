//! A connection to the client, which never blocks and raises no signal.

use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};

use protocol::application::FRAME;
use rustix::io::{Errno, retry_on_intr};
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, Shutdown, SocketAddrUnix, SocketFlags, SocketType,
    connect, recv, send, shutdown, socket_with,
};

/// Bytes of one read.
const READ: usize = 4096;
/// Reads of one call: a client that never stops keeps nobody for long.
const READS_MAX: usize = 16;

/// The program's end of a connection. It is closed when a program is replaced by another (exec).
#[derive(Debug)]
pub(crate) struct Connection(OwnedFd);

/// Whether there is more to come of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stream {
    Open,
    Ended,
}

/// The client did not take a frame. What it would read next is no whole frame.
#[derive(Debug)]
pub(crate) struct NotSent;

impl Connection {
    /// Connects. `EAGAIN`: too many others are about to.
    pub(crate) fn open(path: &[u8]) -> Result<Self, Errno> {
        let address = SocketAddrUnix::new(path)?;
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
        connect(&socket, &address)?;
        Ok(Self(socket))
    }

    /// What the program polls.
    pub(crate) fn descriptor(&self) -> RawFd {
        self.0.as_raw_fd()
    }

    /// Sends a frame at once. A client that has not read for so long that there is no room for one
    /// is given up: the connection ends, which the program sees as readable.
    pub(crate) fn send(&self, frame: &[u8; FRAME]) -> Result<(), NotSent> {
        let flags = SendFlags::NOSIGNAL | SendFlags::DONTWAIT;
        if retry_on_intr(|| send(&self.0, frame, flags)) == Ok(FRAME) {
            return Ok(());
        }
        // It fails only if the connection has ended already.
        let _ = shutdown(&self.0, Shutdown::Both);
        Err(NotSent)
    }

    /// Hands over what there is to read.
    pub(crate) fn read(&self, mut take: impl FnMut(&[u8])) -> Stream {
        let mut buffer = [0; READ];
        for _ in 0..READS_MAX {
            match receive(&self.0, &mut buffer) {
                Ok(0) => return Stream::Ended,
                Ok(count) => take(buffer.get(..count).unwrap_or_default()),
                Err(Errno::WOULDBLOCK) => return Stream::Open,
                Err(_) => return Stream::Ended,
            }
        }
        Stream::Open
    }

    /// Closes it in such a way that the client still reads all that was sent: a close with something
    /// unread would be a reset.
    pub(crate) fn close(self) {
        let _ = shutdown(&self.0, Shutdown::Write);
        self.read(|_| {});
    }
}

fn receive(socket: impl AsFd, buffer: &mut [u8; READ]) -> Result<usize, Errno> {
    let received = retry_on_intr(|| recv(&socket, &mut buffer[..], RecvFlags::DONTWAIT));
    received.map(|(count, _)| count)
}
