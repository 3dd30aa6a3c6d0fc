//! The port to the host: a virtio-serial device, or a UNIX socket that stands for one.

mod device;
mod socket;

use std::io;
use std::os::unix::fs::FileTypeExt;
use std::path::Path;
use std::time::Instant;

use rustix::event::epoll::EventFlags;

use super::Error;
use super::poller::Poller;
use super::stream::Sent;
use crate::core::Limiter;
use device::Device;
use socket::Socket;

/// Something that happened at the port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Event {
    /// A host is connected.
    Up,
    /// The host hung up.
    Down,
    /// This many bytes came from the host.
    Read(usize),
}

/// The open port. Nothing here blocks.
#[derive(Debug)]
pub(super) struct Port {
    /// What was reported of its descriptor and not dealt with.
    report: Option<EventFlags>,
    kind: Kind,
    /// Objects that the channel did not take.
    dropped: u64,
    warnings: Limiter,
}

#[derive(Debug)]
enum Kind {
    Device(Device),
    Socket(Socket),
}

impl Port {
    /// Opens a device; a socket is connected to by and by.
    pub(super) fn open(path: &Path, poller: &Poller) -> Result<Self, Error> {
        let fail = |source: io::Error| match source.kind() {
            io::ErrorKind::NotFound => Error::NoDevice(path.to_owned()),
            _ => Error::Device { path: path.to_owned(), source },
        };
        let file_type = std::fs::metadata(path).map_err(fail)?.file_type();
        let kind = if file_type.is_socket() {
            Kind::Socket(Socket::new(path))
        } else if file_type.is_char_device() {
            Kind::Device(Device::open(path, poller)?)
        } else {
            return Err(Error::NotAChannel(path.to_owned()));
        };
        Ok(Self { report: None, kind, dropped: 0, warnings: Limiter::default() })
    }

    /// Takes what the poller says of its descriptor.
    pub(super) fn reported(&mut self, flags: EventFlags) {
        self.report = Some(flags);
    }

    /// The next thing that happened; `None` if nothing more has. Bytes are put into `buffer`.
    pub(super) fn next_event(
        &mut self,
        now: Instant,
        poller: &Poller,
        buffer: &mut [u8],
    ) -> Result<Option<Event>, Error> {
        let report = self.report.take();
        match &mut self.kind {
            Kind::Device(device) => device.next_event(now, report, poller, buffer),
            Kind::Socket(socket) => socket.next_event(now, report, poller, buffer),
        }
    }

    /// Sends an object in one write. One that the channel takes nothing of is dropped.
    pub(super) fn send(
        &mut self,
        now: Instant,
        object: &[u8],
        poller: &Poller,
    ) -> Result<(), Error> {
        let sent = match &mut self.kind {
            Kind::Device(device) => device.send(object, poller)?,
            Kind::Socket(socket) => socket.send(object, poller)?,
        };
        if sent == Sent::Dropped {
            self.dropped += 1;
            if self.warnings.admit(now).is_some() {
                tracing::warn!(dropped = self.dropped, "the host does not read what we send");
            }
        }
        Ok(())
    }

    /// Whether [`next_event`](Self::next_event) has something without a report.
    pub(super) fn unfinished(&self) -> bool {
        match &self.kind {
            Kind::Device(device) => device.unfinished(),
            Kind::Socket(socket) => socket.unfinished(),
        }
    }

    /// When [`next_event`](Self::next_event) is to be called without a report.
    pub(super) fn retry_at(&self) -> Option<Instant> {
        match &self.kind {
            Kind::Device(device) => device.retry_at(),
            Kind::Socket(socket) => socket.retry_at(),
        }
    }
}
