//! The guest's side of a channel for a real client: a UNIX socket instead of a character device.
//!
//! A socket has no hang-up that ends again, so a hang-up closes the client's connection, and until
//! a host is there the file refuses to be connected to. The file itself is always there: a client
//! that finds none is not configured and gives up. A second client waits until the first is gone.

use std::io;
use std::path::{Path, PathBuf};

use rustix::event::epoll::EventFlags;
use rustix::fd::OwnedFd;
use rustix::net::listen;

use super::machine::{Role, Turn, flag};
use super::socket::{Io, Watched, bound};
use crate::channel::GUEST_WRITE_MAX;

/// The socket, and the client that is connected to it.
pub(super) struct Device {
    index: usize,
    path: PathBuf,
    door: Door,
    client: Option<Watched>,
    /// The rest of what the client's buffer took only in part.
    to_client: Vec<u8>,
}

enum Door {
    /// No QEMU.
    Gone,
    /// No host. Not in the epoll set: an idle socket is always ready there.
    Refusing(OwnedFd),
    /// Clients may come.
    Open(Watched),
}

impl Device {
    pub(super) fn new(index: usize, path: PathBuf) -> Self {
        Self { index, path, door: Door::Gone, client: None, to_client: Vec::new() }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Puts a file there that refuses, in one step in place of an old one.
    pub(super) fn refuse(&mut self) -> io::Result<()> {
        let new = self.path.with_extension("new");
        let _ = std::fs::remove_file(&new);
        let socket = bound(&new)?;
        std::fs::rename(&new, &self.path)?;
        self.door = Door::Refusing(socket);
        Ok(())
    }

    /// The guest is gone.
    pub(super) fn close(&mut self) {
        self.door = Door::Gone;
        self.client_left();
    }

    /// A host is there: clients may come.
    pub(super) fn open(&mut self, epoll: &OwnedFd) -> io::Result<()> {
        match std::mem::replace(&mut self.door, Door::Gone) {
            Door::Refusing(socket) => {
                listen(&socket, 1)?;
                let token = Role::DeviceListener.token(self.index);
                self.door = Door::Open(Watched::new(epoll, socket, token)?);
            }
            door => self.door = door,
        }
        Ok(())
    }

    /// The host is not there (any more).
    pub(super) fn hang_up(&mut self) -> io::Result<()> {
        if matches!(self.door, Door::Open(_)) {
            // In this order, so that a client which sees the hang-up is refused from then on.
            self.refuse()?;
            self.client_left();
        }
        Ok(())
    }

    pub(super) fn accept(&mut self, turn: &Turn<'_>) {
        let (None, Door::Open(listener)) = (&self.client, &self.door) else { return };
        let Some(socket) = listener.accept() else { return };
        self.client = Watched::new(turn.epoll, socket, Role::Device.token(self.index)).ok();
    }

    pub(super) fn has_client(&self) -> bool {
        self.client.is_some()
    }

    pub(super) fn reads(&self) -> bool {
        self.client.is_some() && self.to_client.is_empty()
    }

    /// Passes on what the host wrote. It is called only while [`Device::reads`].
    pub(super) fn send(&mut self, bytes: &[u8]) {
        let Some(client) = &self.client else { return };
        match client.write(bytes) {
            Io::Done(taken) => self.to_client.extend_from_slice(&bytes[taken..]),
            Io::WouldBlock => self.to_client.extend_from_slice(bytes),
            Io::Closed => self.client_reads_no_more(),
        }
    }

    /// Handles what epoll reported of the client. Gives the length of what it wrote, which is in
    /// `turn.read` then.
    pub(super) fn ready(
        &mut self,
        flags: EventFlags,
        may_read: bool,
        turn: &mut Turn<'_>,
    ) -> Option<usize> {
        if flags.contains(EventFlags::OUT) {
            self.flush();
        }
        let client = self.client.as_ref()?;
        if !may_read {
            if flags.intersects(EventFlags::RDHUP | EventFlags::HUP | EventFlags::ERR) {
                self.client_left();
            }
            return None;
        }
        match client.read(&mut turn.read[..GUEST_WRITE_MAX]) {
            Io::Done(read) => return Some(read),
            Io::WouldBlock => {}
            Io::Closed => self.client_left(),
        }
        None
    }

    pub(super) fn watch(&mut self, epoll: &OwnedFd, running: bool, may_read: bool) {
        let accepts = running && self.client.is_none();
        if let Door::Open(listener) = &mut self.door {
            listener.want(epoll, flag(EventFlags::IN, accepts));
        }
        if let Some(client) = &mut self.client {
            let read = flag(EventFlags::IN, running && may_read);
            let write = flag(EventFlags::OUT, running && !self.to_client.is_empty());
            client.want(epoll, EventFlags::RDHUP | read | write);
        }
    }

    fn flush(&mut self) {
        let Some(client) = &self.client else { return };
        match client.write(&self.to_client) {
            Io::Done(taken) => drop(self.to_client.drain(..taken)),
            Io::WouldBlock => {}
            Io::Closed => self.client_reads_no_more(),
        }
        if self.to_client.is_empty() {
            self.to_client = Vec::new();
        }
    }

    /// The program ended, but what it wrote last may not be read yet: the end of file follows.
    fn client_reads_no_more(&mut self) {
        self.to_client = Vec::new();
    }

    /// The program ended: the host notices nothing, and what the program had not read is lost.
    fn client_left(&mut self) {
        self.client = None;
        self.to_client = Vec::new();
    }
}
