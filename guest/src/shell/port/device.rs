//! A virtio-serial port.
//!
//! The descriptor outlives the host's connections. While none is there the port reports a hang-up,
//! reads give nothing and writes are refused; all that clears with the next connection.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::event::epoll::EventFlags;
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

use super::Event;
use super::poller::{Poller, Watch};
use super::stream::{Incoming, Stream};
use crate::shell::Error;

/// How often the port is looked at while no host is there, should its return not be reported.
const LOOK_AGAIN: Duration = Duration::from_secs(5);
/// Reads for what a host left behind when it hung up; more is read as if it were the next one's.
const LEFTOVER_READS: usize = 64;

/// An open virtio-serial port.
#[derive(Debug)]
pub(super) struct Device {
    path: PathBuf,
    stream: Stream,
    host: Host,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Host {
    /// Nothing was reported since the port was opened.
    Unknown,
    Present,
    Absent {
        look_again_at: Instant,
    },
}

impl Device {
    pub(super) fn open(path: &Path, poller: &mut Poller) -> Result<Self, Error> {
        let flags = OFlags::RDWR | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY;
        let fd = rustix::fs::open(path, flags, Mode::empty()).map_err(|error| match error {
            Errno::NOENT | Errno::NODEV | Errno::NXIO => Error::NoDevice(path.to_owned()),
            Errno::BUSY => Error::Busy(path.to_owned()),
            error => device_error(path, error),
        })?;
        let device = Self { path: path.to_owned(), stream: Stream::new(fd), host: Host::Unknown };
        // A character device that cannot be waited for, such as /dev/null, is no port.
        poller.add(&device.stream, Watch::InputAndOutput).map_err(|error| match error.kind() {
            std::io::ErrorKind::PermissionDenied => Error::NotAChannel(path.to_owned()),
            _ => Error::Runtime(error),
        })?;
        Ok(device)
    }

    pub(super) fn next_event(
        &mut self,
        now: Instant,
        report: Option<EventFlags>,
        poller: &mut Poller,
        buffer: &mut [u8],
    ) -> Result<Option<Event>, Error> {
        if self.retry_at().is_some_and(|at| at <= now) {
            self.host = Host::Absent { look_again_at: now + LOOK_AGAIN };
            self.watch(poller)?;
        }
        if let Some(flags) = report
            && let Some(event) = self.reported(now, flags, poller, buffer)?
        {
            return Ok(Some(event));
        }
        match self.stream.read(buffer) {
            Ok(Incoming::Bytes(len)) => Ok(Some(Event::Read(len))),
            Ok(Incoming::Nothing) => Ok(None),
            Ok(Incoming::End) => self.hung_up(now, poller),
            Err(error) => Err(self.error(error)),
        }
    }

    fn reported(
        &mut self,
        now: Instant,
        flags: EventFlags,
        poller: &mut Poller,
        buffer: &mut [u8],
    ) -> Result<Option<Event>, Error> {
        if flags.intersects(EventFlags::HUP | EventFlags::ERR) {
            self.discard_leftovers(buffer)?;
            return self.hung_up(now, poller);
        }
        if flags.contains(EventFlags::IN) {
            self.stream.set_readable();
        }
        let came = self.host != Host::Present;
        self.host = Host::Present;
        if flags.contains(EventFlags::OUT) {
            self.stream.flush().map_err(|error| self.error(error))?;
            self.watch(poller)?;
        }
        Ok(came.then_some(Event::Up))
    }

    fn hung_up(&mut self, now: Instant, poller: &mut Poller) -> Result<Option<Event>, Error> {
        if matches!(self.host, Host::Absent { .. }) {
            return Ok(None);
        }
        self.host = Host::Absent { look_again_at: now + LOOK_AGAIN };
        self.stream.forget_rest();
        self.watch(poller)?;
        Ok(Some(Event::Down))
    }

    /// What a host sent before it hung up is no longer of use. Reading it also tells a port that
    /// was unplugged from one whose host is gone.
    fn discard_leftovers(&mut self, buffer: &mut [u8]) -> Result<(), Error> {
        self.stream.set_readable();
        for _ in 0..LEFTOVER_READS {
            match self.stream.read(buffer).map_err(|error| self.error(error))? {
                Incoming::Bytes(_) => {}
                Incoming::Nothing | Incoming::End => break,
            }
        }
        Ok(())
    }

    pub(super) fn send(
        &mut self,
        now: Instant,
        object: &[u8],
        poller: &mut Poller,
    ) -> Result<(), Error> {
        self.stream.send(now, object).map_err(|error| self.error(error))?;
        if self.stream.has_rest() {
            self.watch(poller)?;
        }
        Ok(())
    }

    pub(super) fn retry_at(&self) -> Option<Instant> {
        match self.host {
            Host::Absent { look_again_at } => Some(look_again_at),
            Host::Unknown | Host::Present => None,
        }
    }

    pub(super) fn unfinished(&self) -> bool {
        self.stream.readable()
    }

    /// Room for output is what a port reports when its host is back.
    fn watch(&self, poller: &mut Poller) -> Result<(), Error> {
        let watch = match self.host {
            Host::Present if !self.stream.has_rest() => Watch::Input,
            _ => Watch::InputAndOutput,
        };
        poller.change(&self.stream, watch).map_err(Error::Runtime)
    }

    fn error(&self, error: Errno) -> Error {
        match error {
            Errno::NODEV => Error::Unplugged(self.path.clone()),
            error => device_error(&self.path, error),
        }
    }
}

fn device_error(path: &Path, error: Errno) -> Error {
    Error::Device { path: path.to_owned(), source: error.into() }
}
