//! Edge-triggered readiness of one descriptor, and an alarm.
//!
//! The descriptor is not given to tokio itself: while no host is connected a virtio-serial port
//! reports a hang-up without end, which tokio's `AsyncFd` keeps as readiness and spins on. It is
//! registered in an epoll set of its own, which reports each change once, and tokio waits for that
//! set. The alarm is in there too: tokio's timers wake a process also between the deadlines, which
//! would double the wake-ups of a heartbeat.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_settime,
};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// What a report of the set is about.
const DESCRIPTOR: u64 = 0;
const ALARM: u64 = 1;

const AT_ONCE: Timespec = Timespec { tv_sec: 0, tv_nsec: 0 };

/// An epoll set for one descriptor and an alarm.
#[derive(Debug)]
pub(super) struct Poller {
    epoll: AsyncFd<OwnedFd>,
    timer: OwnedFd,
    /// When the alarm goes off, or went.
    alarm: Option<Instant>,
    /// The set may hold a report that was not taken.
    woken: bool,
}

/// What a descriptor is watched for. Hang-ups are always reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Watch {
    /// Input only: what a heartbeat needs, and no report when the host has read our output.
    Input,
    /// Room for output as well.
    InputAndOutput,
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

impl Poller {
    #[expect(
        deprecated,
        reason = "its successor is unsafe because a type may lie about its descriptor; an OwnedFd \
                  does not"
    )]
    pub(super) fn new() -> io::Result<Self> {
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        let flags = TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK;
        let timer = timerfd_create(TimerfdClockId::Monotonic, flags)?;
        epoll::add(&epoll, &timer, EventData::new_u64(ALARM), EventFlags::IN | EventFlags::ET)?;
        let epoll = AsyncFd::with_interest(epoll, Interest::READABLE)?;
        Ok(Self { epoll, timer, alarm: None, woken: false })
    }

    /// Begins to watch; what holds already is reported too. A closed descriptor leaves by itself.
    pub(super) fn add(&mut self, fd: impl AsFd, watch: Watch) -> io::Result<()> {
        self.woken = true;
        Ok(epoll::add(&self.epoll, fd, EventData::new_u64(DESCRIPTOR), watch.flags())?)
    }

    /// Watches for something else, or looks again; what holds already is reported once more.
    pub(super) fn change(&mut self, fd: impl AsFd, watch: Watch) -> io::Result<()> {
        self.woken = true;
        Ok(epoll::modify(&self.epoll, fd, EventData::new_u64(DESCRIPTOR), watch.flags())?)
    }

    /// Takes what has been reported since the last call.
    pub(super) fn take(&mut self) -> io::Result<Option<EventFlags>> {
        if !std::mem::take(&mut self.woken) {
            return Ok(None);
        }
        let none = epoll::Event { flags: EventFlags::empty(), data: EventData::new_u64(0) };
        let mut events = [none; 2];
        let count = rustix::io::retry_on_intr(|| {
            epoll::wait(&self.epoll, &mut events[..], Some(&AT_ONCE))
        })?;
        let of_descriptor = |event: &&epoll::Event| event.data.u64() == DESCRIPTOR;
        Ok(events[..count].iter().find(of_descriptor).map(|event| event.flags))
    }

    /// Has [`woken`](Self::woken) end at this time at the latest.
    pub(super) fn set_alarm(&mut self, now: Instant, at: Option<Instant>) -> io::Result<()> {
        if at == self.alarm {
            return Ok(());
        }
        self.alarm = at;
        let time = Itimerspec {
            it_interval: AT_ONCE,
            it_value: at.map_or(AT_ONCE, |at| time_until(at, now)),
        };
        timerfd_settime(&self.timer, TimerfdTimerFlags::empty(), &time)?;
        Ok(())
    }

    /// Waits until there may be something to take.
    pub(super) async fn woken(&mut self) -> io::Result<()> {
        if !self.woken {
            self.epoll.readable().await?.clear_ready();
            self.woken = true;
        }
        Ok(())
    }
}

/// At least a nanosecond: no time at all would turn the alarm off.
fn time_until(at: Instant, now: Instant) -> Timespec {
    let time = at.saturating_duration_since(now).max(Duration::from_nanos(1));
    Timespec {
        tv_sec: time.as_secs().try_into().unwrap_or(i64::MAX),
        tv_nsec: time.subsec_nanos().into(),
    }
}
