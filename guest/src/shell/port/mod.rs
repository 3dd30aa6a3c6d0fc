//! The port to the host: a virtio-serial device, or a UNIX socket that stands for one.

mod device;
mod poller;
mod socket;
mod stream;

use std::io;
use std::os::unix::fs::FileTypeExt;
use std::path::Path;
use std::time::Instant;

use super::Error;
use device::Device;
use poller::Poller;
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

/// The open port. Nothing here blocks but [`woken`](Self::woken).
#[derive(Debug)]
pub(super) struct Port {
    poller: Poller,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Device(Device),
    Socket(Socket),
}

impl Port {
    /// Opens a device; a socket is connected to by and by.
    pub(super) fn open(path: &Path) -> Result<Self, Error> {
        let fail = |source: io::Error| match source.kind() {
            io::ErrorKind::NotFound => Error::NoDevice(path.to_owned()),
            _ => Error::Device { path: path.to_owned(), source },
        };
        let file_type = std::fs::metadata(path).map_err(fail)?.file_type();
        let mut poller = Poller::new().map_err(Error::Runtime)?;
        let kind = if file_type.is_socket() {
            Kind::Socket(Socket::new(path))
        } else if file_type.is_char_device() {
            Kind::Device(Device::open(path, &mut poller)?)
        } else {
            return Err(Error::NotAChannel(path.to_owned()));
        };
        Ok(Self { poller, kind })
    }

    /// The next thing that happened; `None` if nothing more has. Bytes are put into `buffer`.
    pub(super) fn next_event(
        &mut self,
        now: Instant,
        buffer: &mut [u8],
    ) -> Result<Option<Event>, Error> {
        let report = self.poller.take().map_err(Error::Runtime)?;
        match &mut self.kind {
            Kind::Device(device) => device.next_event(now, report, &mut self.poller, buffer),
            Kind::Socket(socket) => socket.next_event(now, report, &mut self.poller, buffer),
        }
    }

    /// Sends an object in one write. One that the channel takes nothing of is dropped.
    pub(super) fn send(&mut self, now: Instant, object: &[u8]) -> Result<(), Error> {
        match &mut self.kind {
            Kind::Device(device) => device.send(now, object, &mut self.poller),
            Kind::Socket(socket) => socket.send(now, object, &mut self.poller),
        }
    }

    /// Waits until [`next_event`](Self::next_event) may have something, at most until `deadline`.
    pub(super) async fn woken(
        &mut self,
        now: Instant,
        deadline: Option<Instant>,
    ) -> Result<(), Error> {
        let (unfinished, retry_at) = match &self.kind {
            Kind::Device(device) => (device.unfinished(), device.retry_at()),
            Kind::Socket(socket) => (socket.unfinished(), socket.retry_at()),
        };
        if unfinished {
            // A host that never stops sending must not keep signals from being seen.
            tokio::task::yield_now().await;
            return Ok(());
        }
        let alarm = deadline.into_iter().chain(retry_at).min();
        self.poller.set_alarm(now, alarm).map_err(Error::Runtime)?;
        self.poller.woken().await.map_err(Error::Runtime)
    }
}
