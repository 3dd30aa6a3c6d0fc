//! A UNIX socket that stands for a port: containers and the simulator have it.
//!
//! When the other side closes it is connected to anew, by and by, for as long as the client runs;
//! that its file is gone for a while changes nothing.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::event::epoll::EventFlags;
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with};

use super::Event;
use crate::shell::Error;
use crate::shell::poller::{Poller, Source, Watch};
use crate::shell::stream::{Incoming, Sent, Stream};

/// Time before the first attempt to connect anew; doubles with each that fails.
const RETRY_FIRST: Duration = Duration::from_millis(1500);
/// Longest time between two attempts.
const RETRY_MAX: Duration = Duration::from_secs(5);

/// A socket, connected or not.
#[derive(Debug)]
pub(super) struct Socket {
    path: PathBuf,
    link: Link,
    /// Time before the next attempt after this one.
    retry: Duration,
}

#[derive(Debug)]
enum Link {
    /// Not tried yet.
    New,
    Up(Stream),
    /// A write found the other side gone; not told yet.
    Lost,
    Down {
        retry_at: Instant,
    },
}

impl Socket {
    pub(super) fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), link: Link::New, retry: RETRY_FIRST }
    }

    pub(super) fn next_event(
        &mut self,
        now: Instant,
        report: Option<EventFlags>,
        poller: &Poller,
        buffer: &mut [u8],
    ) -> Result<Option<Event>, Error> {
        match &mut self.link {
            Link::New => Ok(Some(self.connect(now, poller).unwrap_or(Event::Down))),
            Link::Down { retry_at } if *retry_at <= now => Ok(self.connect(now, poller)),
            Link::Down { .. } => Ok(None),
            Link::Lost => Ok(Some(self.down(now))),
            Link::Up(stream) => match Self::read(stream, report, poller, buffer)? {
                Incoming::Bytes(len) => Ok(Some(Event::Read(len))),
                Incoming::Nothing => Ok(None),
                Incoming::End => Ok(Some(self.down(now))),
            },
        }
    }

    fn read(
        stream: &mut Stream,
        report: Option<EventFlags>,
        poller: &Poller,
        buffer: &mut [u8],
    ) -> Result<Incoming, Error> {
        if let Some(flags) = report {
            if flags.intersects(EventFlags::IN | EventFlags::HUP | EventFlags::ERR) {
                stream.set_readable();
            }
            if flags.contains(EventFlags::OUT) {
                if stream.flush().is_err() {
                    return Ok(Incoming::End);
                }
                if !stream.has_rest() {
                    poller.change(&*stream, Source::Port, Watch::Input).map_err(Error::Runtime)?;
                }
            }
        }
        // Whatever the error: the connection is of no more use.
        Ok(stream.read(buffer).unwrap_or(Incoming::End))
    }

    fn connect(&mut self, now: Instant, poller: &Poller) -> Option<Event> {
        match connected(&self.path, poller) {
            Ok(stream) => {
                self.link = Link::Up(stream);
                self.retry = RETRY_FIRST;
                Some(Event::Up)
            }
            Err(error) => {
                tracing::debug!("{}: cannot connect: {error}", self.path.display());
                self.down(now);
                None
            }
        }
    }

    fn down(&mut self, now: Instant) -> Event {
        self.link = Link::Down { retry_at: now + self.retry };
        self.retry = (self.retry * 2).min(RETRY_MAX);
        Event::Down
    }

    pub(super) fn send(&mut self, object: &[u8], poller: &Poller) -> Result<Sent, Error> {
        let Link::Up(stream) = &mut self.link else { return Ok(Sent::Taken) };
        let Ok(sent) = stream.send(object) else {
            self.link = Link::Lost;
            return Ok(Sent::Taken);
        };
        if stream.has_rest() {
            poller.change(&*stream, Source::Port, Watch::InputAndOutput).map_err(Error::Runtime)?;
        }
        Ok(sent)
    }

    pub(super) fn retry_at(&self) -> Option<Instant> {
        match self.link {
            Link::Down { retry_at } => Some(retry_at),
            _ => None,
        }
    }

    pub(super) fn unfinished(&self) -> bool {
        match &self.link {
            Link::New | Link::Lost => true,
            Link::Up(stream) => stream.readable(),
            Link::Down { .. } => false,
        }
    }
}

fn connected(path: &Path, poller: &Poller) -> Result<Stream, Errno> {
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let fd = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    connect(&fd, &SocketAddrUnix::new(path)?)?;
    poller
        .add(&fd, Source::Port, Watch::Input)
        .map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))?;
    Ok(Stream::new(fd))
}
