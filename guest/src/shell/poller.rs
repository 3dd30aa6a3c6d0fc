//! Edge-triggered readiness of descriptors, and sleeping until one is ready or a time has come.
//!
//! Each change is reported once. While no host is connected a virtio-serial port reports a hang-up
//! without end: whoever waits for levels, or is given a descriptor that keeps such a readiness,
//! spins.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::io::Errno;
use rustix::time::Timespec;

/// Reports of one look: more than there can be descriptors, so that a look sees all.
const REPORTS: usize = 128;
/// Bits of a token that say what kind of source it is; the others are its number.
const KIND_BITS: u32 = 3;

/// An epoll set.
#[derive(Debug)]
pub(crate) struct Poller {
    epoll: OwnedFd,
}

/// What a descriptor belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    /// The port to the host.
    Port,
    /// The pipe that signals write to.
    Signals,
    /// The socket on which applications connect.
    Listener,
    /// The connection of an application.
    Application(u64),
    /// An output of a script.
    Script(u64),
}

/// What a descriptor is watched for. Hang-ups are always reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Watch {
    /// Input only: what a heartbeat needs, and no report when the other side has read our output.
    Input,
    /// Room for output as well.
    InputAndOutput,
}

/// Something is ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Report {
    pub(crate) source: Source,
    pub(crate) flags: EventFlags,
}

impl Watch {
    fn flags(self) -> EventFlags {
        let input = EventFlags::IN | EventFlags::ET;
        match self {
            Self::Input => input,
            Self::InputAndOutput => input | EventFlags::OUT,
        }
    }
}

impl Source {
    fn data(self) -> EventData {
        let (kind, number) = match self {
            Self::Port => (0, 0),
            Self::Signals => (1, 0),
            Self::Listener => (2, 0),
            Self::Application(number) => (3, number),
            Self::Script(number) => (4, number),
        };
        EventData::new_u64(number << KIND_BITS | kind)
    }

    fn from_data(data: EventData) -> Self {
        let number = data.u64() >> KIND_BITS;
        match data.u64() % (1 << KIND_BITS) {
            0 => Self::Port,
            1 => Self::Signals,
            2 => Self::Listener,
            3 => Self::Application(number),
            _ => Self::Script(number),
        }
    }
}

impl Poller {
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self { epoll: epoll::create(CreateFlags::CLOEXEC)? })
    }

    /// Begins to watch; what holds already is reported too. A closed descriptor leaves by itself.
    pub(crate) fn add(&self, fd: impl AsFd, source: Source, watch: Watch) -> io::Result<()> {
        Ok(epoll::add(&self.epoll, fd, source.data(), watch.flags())?)
    }

    /// Watches for something else, or looks again; what holds already is reported once more.
    pub(crate) fn change(&self, fd: impl AsFd, source: Source, watch: Watch) -> io::Result<()> {
        Ok(epoll::modify(&self.epoll, fd, source.data(), watch.flags())?)
    }

    /// Waits until something is ready, a signal comes or the time is over, and adds what is ready.
    pub(crate) fn wait(
        &self,
        patience: Option<Duration>,
        reports: &mut Vec<Report>,
    ) -> io::Result<()> {
        let none = epoll::Event { flags: EventFlags::empty(), data: EventData::new_u64(0) };
        let mut events = [none; REPORTS];
        let limit = patience.map(timespec);
        let count = match epoll::wait(&self.epoll, &mut events[..], limit.as_ref()) {
            Ok(count) => count,
            Err(Errno::INTR) => 0,
            Err(error) => return Err(error.into()),
        };
        reports.extend(
            events[..count]
                .iter()
                .map(|event| Report { source: Source::from_data(event.data), flags: event.flags }),
        );
        Ok(())
    }
}

fn timespec(time: Duration) -> Timespec {
    Timespec {
        tv_sec: time.as_secs().try_into().unwrap_or(i64::MAX),
        tv_nsec: time.subsec_nanos().into(),
    }
}
