//! Thousands of machines on one thread: one epoll set, one heap of deadlines.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io;
use std::time::{Duration, Instant};

use protocol::InstanceId;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::fd::{AsFd, OwnedFd};
use rustix::time::Timespec;

use super::behind::Behind;
use super::device::Device;
use super::machine::{Machine, QemuAct, Role, Turn};
use super::summary::Tally;
use super::{Fault, Plan, Summary, What};
use crate::channel::GUEST_WRITE_MAX;
use crate::clock;
use crate::guest::{Act, ScriptedGuest};

/// The token of what wakes the farm from outside.
const WAKER: u64 = u64::MAX;
/// Events taken in one turn.
const EVENTS: usize = 1024;

/// All machines and what they share. Faults and deadlines happen in [`Farm::turn`].
pub(super) struct Farm {
    epoll: OwnedFd,
    machines: Vec<Machine>,
    /// At most one entry a machine that counts: the one that `queued` names.
    deadlines: BinaryHeap<Reverse<(Instant, usize)>>,
    queued: Vec<Option<Instant>>,
    /// Latest first.
    faults: Vec<(Instant, Fault)>,
    tally: Tally,
    events: Vec<Event>,
    read: Vec<u8>,
    out: Vec<u8>,
}

impl Farm {
    pub(super) fn new(waker: impl AsFd) -> io::Result<Self> {
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        epoll::add(&epoll, waker, EventData::new_u64(WAKER), EventFlags::IN | EventFlags::ET)?;
        Ok(Self {
            epoll,
            machines: Vec::new(),
            deadlines: BinaryHeap::new(),
            queued: Vec::new(),
            faults: Vec::new(),
            tally: Tally::new(clock::now()),
            events: Vec::with_capacity(EVENTS),
            read: vec![0; GUEST_WRITE_MAX],
            out: Vec::new(),
        })
    }

    /// Creates the channels of a plan; those that are there are served meanwhile.
    pub(super) fn populate(&mut self, plan: &Plan) -> io::Result<()> {
        for index in 0..plan.count {
            self.add(plan, index)?;
            if index % 16 == 0 {
                self.poll(Some(Duration::ZERO))?;
            }
        }
        let now = clock::now();
        self.tally.settled = now + plan.settle;
        self.faults = plan.faults.iter().map(|fault| (now + fault.after, *fault)).collect();
        self.faults.sort_by_key(|(at, _)| Reverse(*at));
        Ok(())
    }

    fn add(&mut self, plan: &Plan, index: usize) -> io::Result<()> {
        let now = clock::now();
        let number = plan.first + index as u64;
        let id = InstanceId::numbered(number);
        let behind = match &plan.device_dir {
            Some(dir) => Behind::Device(Device::new(index, dir.join(format!("{id}.sock")))),
            None => Behind::guest(ScriptedGuest::new(
                plan.guest_config(number),
                now,
                plan.seed.wrapping_add(number),
            )),
        };
        let path = plan.channel_path(index);
        let machine = Machine::start(index, path, behind, &mut self.turn_at(now))?;
        self.machines.push(machine);
        self.queued.push(None);
        self.queue(index);
        Ok(())
    }

    /// Waits until something happens, and handles all that did.
    pub(super) fn turn(&mut self) -> io::Result<()> {
        let fault = self.faults.last().map(|(at, _)| *at);
        let deadline = self.deadlines.peek().map(|Reverse((at, _))| *at);
        let next = [fault, deadline].into_iter().flatten().min();
        self.poll(next.map(|at| at.saturating_duration_since(clock::now())))?;
        self.do_what_is_due();
        Ok(())
    }

    /// Does this to one machine.
    pub(super) fn qemu_act(&mut self, index: usize, act: QemuAct) -> io::Result<()> {
        self.with(index, |machine, turn| machine.act(act, turn)).unwrap_or(Ok(()))
    }

    /// Does this to one machine's guest.
    pub(super) fn guest_act(&mut self, index: usize, act: Act) {
        self.with(index, |machine, turn| machine.guest_act(act, turn));
    }

    pub(super) fn guest(&self, index: usize) -> Option<&ScriptedGuest> {
        match self.machines.get(index)?.behind() {
            Behind::Guest(guest) => Some(guest),
            Behind::Device(_) => None,
        }
    }

    pub(super) fn has_host(&self, index: usize) -> bool {
        self.machines.get(index).is_some_and(Machine::has_host)
    }

    pub(super) fn guest_is_open(&self, index: usize) -> bool {
        self.machines.get(index).is_some_and(|machine| machine.behind().is_open())
    }

    pub(super) fn summary(&self) -> Summary {
        let mut summary = Summary {
            channels: self.machines.len(),
            connected: self.tally.connected,
            connects: self.tally.connects,
            host_hang_ups: self.tally.host_hang_ups,
            connect_latency: self.tally.latency.stats(),
            writes_dropped: self.tally.writes_dropped,
            challenge_gaps: self.tally.gaps.stats(),
            ..Summary::default()
        };
        for guest in (0..self.machines.len()).filter_map(|index| self.guest(index)) {
            let counts = guest.counts();
            summary.enabled += usize::from(guest.is_enabled());
            summary.inits += counts.inits;
            summary.challenges_answered += counts.answers;
            summary.action_responses += counts.action_responses;
            summary.muted += counts.muted;
            summary.noise += counts.noise;
        }
        summary
    }

    fn poll(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        let timeout = timeout.and_then(|timeout| Timespec::try_from(timeout).ok());
        let mut events = std::mem::take(&mut self.events);
        events.clear();
        let spare = rustix::buffer::spare_capacity(&mut events);
        match epoll::wait(&self.epoll, spare, timeout.as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        for event in &events {
            self.ready(event.data.u64(), event.flags);
        }
        self.events = events;
        Ok(())
    }

    fn ready(&mut self, token: u64, flags: EventFlags) {
        let Ok(token) = usize::try_from(token) else { return };
        let role = Role::ALL[token % Role::ALL.len()];
        self.with(token / Role::ALL.len(), |machine, turn| machine.ready(role, flags, turn));
    }

    /// Faults, and deadlines after the bytes that were there already: nobody is blamed for the
    /// farm's own delay.
    fn do_what_is_due(&mut self) {
        let now = clock::now();
        while let Some((_, fault)) = self.faults.pop_if(|(at, _)| *at <= now) {
            self.inflict(fault);
        }
        while let Some(Reverse((at, index))) = self.deadlines.peek().copied() {
            if at > now {
                return;
            }
            self.deadlines.pop();
            if self.queued[index] == Some(at) {
                self.queued[index] = None;
                self.with(index, Machine::handle_deadline);
            }
        }
    }

    fn inflict(&mut self, fault: Fault) {
        for index in (0..self.machines.len()).step_by(fault.every) {
            match fault.what {
                // A folder that vanished meanwhile leaves a QEMU that cannot start.
                What::Qemu(act) => drop(self.qemu_act(index, act)),
                What::Guest(act) => self.guest_act(index, act),
            }
        }
    }

    fn with<T>(
        &mut self,
        index: usize,
        work: impl FnOnce(&mut Machine, &mut Turn<'_>) -> T,
    ) -> Option<T> {
        let mut turn = Turn {
            epoll: &self.epoll,
            now: clock::now(),
            read: &mut self.read,
            out: &mut self.out,
            tally: &mut self.tally,
        };
        let result = work(self.machines.get_mut(index)?, &mut turn);
        self.queue(index);
        Some(result)
    }

    fn turn_at(&mut self, now: Instant) -> Turn<'_> {
        Turn {
            epoll: &self.epoll,
            now,
            read: &mut self.read,
            out: &mut self.out,
            tally: &mut self.tally,
        }
    }

    /// Sees to it that a machine is looked at by its next deadline. One that moves later, as with
    /// every challenge, costs nothing: the earlier look finds nothing due and queues again.
    fn queue(&mut self, index: usize) {
        let Some(at) = self.machines[index].next_deadline() else { return };
        if self.queued[index].is_none_or(|queued| at < queued) {
            self.queued[index] = Some(at);
            self.deadlines.push(Reverse((at, index)));
        }
    }
}
