//! What is behind a fake channel: a scripted guest, or the socket of a real client.

use std::io;
use std::ops::{Deref, DerefMut};
use std::time::Instant;

use super::device::Device;
use super::machine::Turn;
use crate::guest::{Act, Port, ScriptedGuest};

/// The guest's side of a channel.
pub(super) enum Behind {
    Guest(Box<Scripted>),
    Device(Device),
}

/// A scripted guest and the hang-up that it has not looked at yet.
pub(super) struct Scripted {
    guest: ScriptedGuest,
    hang_up_unseen: bool,
}

impl Behind {
    pub(super) fn guest(guest: ScriptedGuest) -> Self {
        Self::Guest(Box::new(Scripted { guest, hang_up_unseen: false }))
    }

    pub(super) fn power_on(&mut self, turn: &mut Turn<'_>) -> io::Result<()> {
        match self {
            Self::Guest(guest) if guest.port() == Port::Closed => {
                guest.act(turn.now, Act::Start);
                Ok(())
            }
            Self::Guest(_) => Ok(()),
            Self::Device(device) => device.refuse(),
        }
    }

    pub(super) fn power_off(&mut self, turn: &Turn<'_>) {
        match self {
            Self::Guest(guest) => guest.act(turn.now, Act::Die),
            Self::Device(device) => device.close(),
        }
    }

    /// Whether a program in the guest has the port open.
    pub(super) fn is_open(&self) -> bool {
        match self {
            Self::Guest(guest) => guest.port() != Port::Closed,
            Self::Device(device) => device.has_client(),
        }
    }

    /// Whether somebody reads what the host writes. What nobody reads stays in the host's socket.
    pub(super) fn reads(&self) -> bool {
        match self {
            Self::Guest(guest) => guest.port() == Port::Open,
            Self::Device(device) => device.reads(),
        }
    }

    /// The host wrote the first `read` bytes of `turn.read`.
    pub(super) fn received(&mut self, turn: &Turn<'_>, read: usize) {
        match self {
            Self::Guest(guest) => guest.received(turn.now, &turn.read[..read]),
            Self::Device(device) => device.send(&turn.read[..read]),
        }
    }

    /// The host left a guest that runs.
    pub(super) fn hang_up(&mut self, turn: &Turn<'_>) {
        if let Self::Guest(guest) = self {
            guest.hang_up_unseen = true;
        }
        self.see_host(false, turn);
    }

    /// A guest that runs sees whether a host is there.
    pub(super) fn see_host(&mut self, there: bool, turn: &Turn<'_>) {
        let seen = match self {
            Self::Guest(guest) => {
                guest.see_host(turn.now, there);
                Ok(())
            }
            Self::Device(device) if there => device.open(turn.epoll),
            Self::Device(device) => device.hang_up(),
        };
        if let (Err(_), Self::Device(device)) = (seen, self) {
            // Its folder is gone, or descriptors are: nothing can be offered to a client.
            device.close();
        }
    }
}

impl Scripted {
    pub(super) fn script(&mut self, now: Instant, act: Act) {
        self.guest.act(now, act);
    }

    fn see_host(&mut self, now: Instant, there: bool) {
        match self.guest.port() {
            Port::Closed => self.hang_up_unseen = false,
            Port::Hung => {}
            Port::Open => {
                if std::mem::take(&mut self.hang_up_unseen) || !there {
                    self.guest.channel_down(now);
                }
                if there {
                    self.guest.channel_up(now);
                }
            }
        }
    }
}

impl Deref for Scripted {
    type Target = ScriptedGuest;

    fn deref(&self) -> &ScriptedGuest {
        &self.guest
    }
}

impl DerefMut for Scripted {
    fn deref_mut(&mut self) -> &mut ScriptedGuest {
        &mut self.guest
    }
}
