//! The descriptor of the port: reading what is there, sending an object whole or not at all.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Instant;

use rustix::io::{Errno, read, retry_on_intr, write};

use crate::core::Limiter;

/// A non-blocking descriptor that carries objects.
#[derive(Debug)]
pub(super) struct Stream {
    fd: OwnedFd,
    /// There may be more to read: no report comes before all was read.
    readable: bool,
    /// What is left of an object of which the channel took a part.
    rest: Vec<u8>,
    /// Objects that the channel did not take.
    dropped: u64,
    warnings: Limiter,
}

/// What is there to read.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Incoming {
    /// This many bytes.
    Bytes(usize),
    /// Nothing for now.
    Nothing,
    /// The other side is gone.
    End,
}

impl Stream {
    pub(super) fn new(fd: OwnedFd) -> Self {
        Self { fd, readable: false, rest: Vec::new(), dropped: 0, warnings: Limiter::default() }
    }

    pub(super) fn set_readable(&mut self) {
        self.readable = true;
    }

    pub(super) fn readable(&self) -> bool {
        self.readable
    }

    /// Whether room for output is awaited.
    pub(super) fn has_rest(&self) -> bool {
        !self.rest.is_empty()
    }

    /// Forgets what is left of an object: the host for which it was is gone.
    pub(super) fn forget_rest(&mut self) {
        self.rest = Vec::new();
    }

    pub(super) fn read(&mut self, buffer: &mut [u8]) -> Result<Incoming, Errno> {
        if !self.readable {
            return Ok(Incoming::Nothing);
        }
        match retry_on_intr(|| read(&self.fd, &mut *buffer)) {
            Ok(0) => self.readable = false,
            Ok(len) => return Ok(Incoming::Bytes(len)),
            Err(Errno::AGAIN) => {
                self.readable = false;
                return Ok(Incoming::Nothing);
            }
            Err(error) => return Err(error),
        }
        Ok(Incoming::End)
    }

    /// Sends an object in one write, or drops it if the channel is full: the protocol repeats what
    /// matters. Of an object that was taken in part the rest is kept, so that the host never sees
    /// half of one.
    pub(super) fn send(&mut self, now: Instant, object: &[u8]) -> Result<(), Errno> {
        if self.has_rest() {
            self.drop_object(now);
            return Ok(());
        }
        match retry_on_intr(|| write(&self.fd, object)) {
            Ok(sent) => {
                self.rest.extend_from_slice(&object[sent..]);
                Ok(())
            }
            Err(Errno::AGAIN) => {
                self.drop_object(now);
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// Sends more of what is left of an object.
    pub(super) fn flush(&mut self) -> Result<(), Errno> {
        while self.has_rest() {
            match retry_on_intr(|| write(&self.fd, &self.rest)) {
                Ok(sent) => drop(self.rest.drain(..sent)),
                Err(Errno::AGAIN) => break,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn drop_object(&mut self, now: Instant) {
        self.dropped += 1;
        if self.warnings.admit(now).is_some() {
            tracing::warn!(dropped = self.dropped, "the host does not read what we send");
        }
    }
}

impl AsFd for Stream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}
