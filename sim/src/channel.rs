//! QEMU's virtio-serial channel as a pure model: what a host that connects to the channel's socket
//! and a program that opens the port in the guest see of each other. No I/O and no clock; a call
//! either happens at once or says why it cannot.
//!
//! The model follows what was measured on real QEMU (docs/protocol.md, "How a real channel
//! behaves"), and above all what is surprising there: an end of file means that QEMU closed the
//! connection and never that the guest died, a second host is connected but not served, and bytes
//! outlive the one who was to read them. The 20 ms of hang-up that a fast reconnect shows the guest
//! are modelled as "until the guest has seen it".

mod buffer;
mod error;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;

use buffer::Buffer;
pub use error::{CannotMigrate, ConnectError, GuestError, HostError};

/// Bytes that are accepted from a host while nobody in the guest reads them.
pub const TO_GUEST_MAX: usize = 95_000;
/// Writes of the guest that pile up while the host does not read.
pub const TO_HOST_WRITES_MAX: usize = 400;
/// Bytes of the guest that pile up while the host does not read.
pub const TO_HOST_MAX: usize = 208 * 1024;
/// Most that one write in the guest takes, in bytes.
pub const GUEST_WRITE_MAX: usize = 32_768;
/// Most that one read in the guest gives, in bytes.
pub const GUEST_READ_MAX: usize = 4096;
/// Hosts that may wait behind the one that is served.
pub const BACKLOG: usize = 2;

/// A host's end of one connection, until it is given to [`Channel::host_close`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HostConn(u32);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Qemu {
    /// The file exists, nobody listens yet.
    Starting,
    Running,
    /// QMP `stop`, or a snapshot being taken.
    Stopped,
    /// Started to receive a migration: listens, its guest is still elsewhere.
    Incoming,
    /// Its guest has migrated away; the process is still there.
    Outgone,
    /// SIGKILL: the file stays.
    Killed,
    /// Gone, and the file with it.
    Gone,
}

#[derive(Debug)]
struct Connection {
    id: HostConn,
    /// QEMU closed it; the host has not noticed or not closed its end yet.
    dropped: bool,
    to_guest: Buffer,
    to_host: Buffer,
}

/// One channel: the socket that QEMU listens on, the port in the guest, and what is under way
/// between them. An idle channel holds no buffers.
#[derive(Debug)]
pub struct Channel {
    qemu: Qemu,
    /// In the order in which they connected: QEMU serves the first that it has not dropped.
    connections: VecDeque<Connection>,
    last_id: u32,
    port_open: bool,
    /// The host left while the guest ran, and the guest has not seen it yet.
    hang_up_unseen: bool,
    /// What has reached the port: it stays when the host leaves.
    port: Buffer,
}

impl Default for Channel {
    fn default() -> Self {
        Self::new()
    }
}

/// QEMU and its machine.
impl Channel {
    /// A running guest whose program has not opened the port yet, and no host.
    pub fn new() -> Self {
        Self::with(Qemu::Running)
    }

    /// The moment when the file exists but QEMU does not listen yet; see [`Channel::listen`].
    pub fn starting() -> Self {
        Self::with(Qemu::Starting)
    }

    /// A QEMU that waits for [`Channel::receive_migration`].
    pub fn incoming() -> Self {
        Self::with(Qemu::Incoming)
    }

    fn with(qemu: Qemu) -> Self {
        Self {
            qemu,
            connections: VecDeque::new(),
            last_id: 0,
            port_open: false,
            hang_up_unseen: false,
            port: Buffer::default(),
        }
    }

    /// A starting QEMU listens now, and the guest boots.
    pub fn listen(&mut self) {
        if self.qemu == Qemu::Starting {
            self.qemu = Qemu::Running;
        }
    }

    /// The instance is started again after [`Channel::kill`] or [`Channel::quit`]; the file is made
    /// anew and [`Channel::listen`] must follow.
    pub fn start(&mut self) {
        if matches!(self.qemu, Qemu::Killed | Qemu::Gone) {
            self.qemu = Qemu::Starting;
        }
    }

    /// QMP `stop`: the guest is frozen, the host notices nothing.
    pub fn stop(&mut self) {
        if self.qemu == Qemu::Running {
            self.qemu = Qemu::Stopped;
        }
    }

    /// QMP `cont`.
    pub fn cont(&mut self) {
        if self.qemu == Qemu::Stopped {
            self.qemu = Qemu::Running;
            self.hang_up_unseen |= self.port_open && self.served().is_none();
        }
    }

    /// SIGKILL: hosts see an end of file, the socket file stays and refuses.
    pub fn kill(&mut self) {
        self.end(Qemu::Killed);
    }

    /// A clean end, or libvirt cleaning up after any end: the socket file is removed.
    pub fn quit(&mut self) {
        self.end(Qemu::Gone);
    }

    fn end(&mut self, how: Qemu) {
        self.qemu = how;
        self.port_open = false;
        self.port.clear();
        for connection in &mut self.connections {
            connection.drop_by_qemu();
        }
    }

    /// The guest of `source` goes on here, in the middle of its stream; `source` stays silent until
    /// it is ended. Says [`CannotMigrate`] and changes nothing unless this is [`Channel::incoming`].
    pub fn receive_migration(&mut self, source: &mut Self) -> Result<(), CannotMigrate> {
        if self.qemu != Qemu::Incoming || !matches!(source.qemu, Qemu::Running | Qemu::Stopped) {
            return Err(CannotMigrate);
        }
        self.qemu = std::mem::replace(&mut source.qemu, Qemu::Outgone);
        self.port_open = std::mem::take(&mut source.port_open);
        self.port = std::mem::take(&mut source.port);
        self.hang_up_unseen = self.port_open && self.served().is_none();
        self.move_to_port();
        Ok(())
    }

    /// Whether the socket file is in its directory.
    pub fn file_exists(&self) -> bool {
        self.qemu != Qemu::Gone
    }

    /// Whether the guest is frozen by [`Channel::stop`].
    pub fn is_stopped(&self) -> bool {
        self.qemu == Qemu::Stopped
    }

    /// Whether a guest runs here: not stopped, not elsewhere, not ended.
    pub fn is_running(&self) -> bool {
        self.qemu == Qemu::Running
    }

    /// Bytes held in all buffers.
    pub fn held(&self) -> usize {
        let connections = self.connections.iter();
        self.port.len() + connections.map(|c| c.to_guest.len() + c.to_host.len()).sum::<usize>()
    }
}

/// The host's side.
impl Channel {
    /// Connects. It succeeds while another host is served, but then nothing is answered until that
    /// one closes.
    pub fn host_connect(&mut self) -> Result<HostConn, ConnectError> {
        match self.qemu {
            Qemu::Gone => return Err(ConnectError::NotFound),
            Qemu::Starting | Qemu::Killed => return Err(ConnectError::Refused),
            Qemu::Running | Qemu::Stopped | Qemu::Incoming | Qemu::Outgone => {}
        }
        if self.connections.iter().filter(|c| !c.dropped).count() > BACKLOG {
            return Err(ConnectError::WouldBlock);
        }
        self.last_id = self.last_id.wrapping_add(1);
        let id = HostConn(self.last_id);
        self.connections.push_back(Connection {
            id,
            dropped: false,
            to_guest: Buffer::default(),
            to_host: Buffer::default(),
        });
        Ok(id)
    }

    /// Writes; gives how many bytes were taken. They are taken without anybody who reads them, up
    /// to [`TO_GUEST_MAX`].
    pub fn host_write(&mut self, id: HostConn, bytes: &[u8]) -> Result<usize, HostError> {
        let index = self.live(id).ok_or(HostError::BrokenPipe)?;
        let served = self.served() == Some(index);
        let connection = &mut self.connections[index];
        let under_way = connection.to_guest.len() + if served { self.port.len() } else { 0 };
        let room = TO_GUEST_MAX.saturating_sub(under_way);
        if room == 0 {
            return Err(HostError::WouldBlock);
        }
        let taken = bytes.len().min(room);
        connection.to_guest.push(&bytes[..taken]);
        if served {
            self.move_to_port();
        }
        Ok(taken)
    }

    /// Reads into `out`; 0 is the end of file, which only QEMU causes.
    pub fn host_read(&mut self, id: HostConn, out: &mut [u8]) -> Result<usize, HostError> {
        let connection = self.connection(id).ok_or(HostError::BrokenPipe)?;
        match connection.to_host.pull(out) {
            0 if connection.dropped => Ok(0),
            0 => Err(HostError::WouldBlock),
            read => Ok(read),
        }
    }

    /// Closes. What this host has not read is lost, and so is what it wrote and the guest's port
    /// has not got yet. The next host that waits is served.
    pub fn host_close(&mut self, id: HostConn) {
        let Some(index) = self.connections.iter().position(|c| c.id == id) else { return };
        let was_served = self.served() == Some(index);
        self.connections.remove(index);
        if self.connections.is_empty() {
            self.connections = VecDeque::new();
        }
        if was_served {
            self.host_left();
        }
    }

    /// shutdown(2) of the sending direction: QEMU drops the whole connection. (It does not notice it
    /// of a host that waits, and neither does this.)
    pub fn host_half_close(&mut self, id: HostConn) {
        let Some(index) = self.live(id) else { return };
        let was_served = self.served() == Some(index);
        if was_served {
            self.connections[index].drop_by_qemu();
            self.host_left();
        }
    }

    /// Whether this connection is the one that QEMU serves.
    pub fn host_is_served(&self, id: HostConn) -> bool {
        self.served().is_some_and(|index| self.connections[index].id == id)
    }

    /// Whether a read would give something, the end of file included.
    pub fn host_readable(&self, id: HostConn) -> bool {
        self.connections
            .iter()
            .find(|c| c.id == id)
            .is_some_and(|c| c.dropped || !c.to_host.is_empty())
    }

    /// Whether the next read gives the end of file.
    pub fn host_sees_eof(&self, id: HostConn) -> bool {
        self.connections
            .iter()
            .find(|c| c.id == id)
            .is_some_and(|c| c.dropped && c.to_host.is_empty())
    }

    fn connection(&mut self, id: HostConn) -> Option<&mut Connection> {
        self.connections.iter_mut().find(|c| c.id == id)
    }

    fn live(&self, id: HostConn) -> Option<usize> {
        self.connections.iter().position(|c| c.id == id && !c.dropped)
    }

    fn served(&self) -> Option<usize> {
        self.connections.iter().position(|c| !c.dropped)
    }

    /// A guest that runs sees a hang-up even if another host is there at once; a stopped one sees
    /// only what is there when it goes on.
    fn host_left(&mut self) {
        self.hang_up_unseen |= self.port_open && self.qemu == Qemu::Running;
        self.move_to_port();
    }

    /// QEMU carries to the port what it can: only when it is open, and nothing of a new host before
    /// the guest has seen that the old one left.
    fn move_to_port(&mut self) {
        if !self.port_open || self.hang_up_unseen {
            return;
        }
        if let Some(index) = self.served() {
            self.port.append(&mut self.connections[index].to_guest);
        }
    }
}

/// The guest's side: one program at a time.
impl Channel {
    /// Opens the port. It works without a host.
    pub fn guest_open(&mut self) -> Result<(), GuestError> {
        self.check_guest()?;
        if self.port_open {
            return Err(GuestError::Busy);
        }
        self.port_open = true;
        self.hang_up_unseen = false;
        self.move_to_port();
        Ok(())
    }

    /// The program closed the port, was killed, or its machine rebooted or panicked. The host sees
    /// none of it. What the program had not read is lost; what comes from now on waits for the next.
    pub fn guest_close(&mut self) {
        self.port_open = false;
        self.hang_up_unseen = false;
        self.port.clear();
    }

    /// Reads into `out`, at most [`GUEST_READ_MAX`] bytes; 0 is a hang-up.
    pub fn guest_read(&mut self, out: &mut [u8]) -> Result<usize, GuestError> {
        self.check_open()?;
        let most = out.len().min(GUEST_READ_MAX);
        let read = self.port.pull(&mut out[..most]);
        if read > 0 {
            return Ok(read);
        }
        if !self.guest_sees_hup() {
            return Err(GuestError::WouldBlock);
        }
        self.hang_up_unseen = false;
        self.move_to_port();
        Ok(0)
    }

    /// Writes, at most [`GUEST_WRITE_MAX`] bytes; gives how many were taken. Nothing is kept for a
    /// host that is not there.
    pub fn guest_write(&mut self, bytes: &[u8]) -> Result<usize, GuestError> {
        self.check_open()?;
        let index = self.served().ok_or(GuestError::WouldBlock)?;
        if std::mem::take(&mut self.hang_up_unseen) {
            self.move_to_port();
            return Err(GuestError::WouldBlock);
        }
        let to_host = &mut self.connections[index].to_host;
        let room = to_host.room(TO_HOST_MAX, TO_HOST_WRITES_MAX);
        if room == 0 {
            return Err(GuestError::WouldBlock);
        }
        let taken = bytes.len().min(GUEST_WRITE_MAX).min(room);
        to_host.push(&bytes[..taken]);
        Ok(taken)
    }

    /// Whether a program has the port open.
    pub fn guest_is_open(&self) -> bool {
        self.port_open
    }

    /// POLLHUP: no host, or one that left and came back and the guest has not looked since.
    pub fn guest_sees_hup(&self) -> bool {
        self.guest_looks() && (self.hang_up_unseen || self.served().is_none())
    }

    /// POLLIN: a read gives bytes, or the 0 of a hang-up.
    pub fn guest_readable(&self) -> bool {
        self.guest_looks() && (!self.port.is_empty() || self.guest_sees_hup())
    }

    /// POLLOUT: a write would be taken.
    pub fn guest_writable(&self) -> bool {
        let room = |i: usize| self.connections[i].to_host.room(TO_HOST_MAX, TO_HOST_WRITES_MAX) > 0;
        self.guest_looks() && !self.guest_sees_hup() && self.served().is_some_and(room)
    }

    fn guest_looks(&self) -> bool {
        self.port_open && self.qemu == Qemu::Running
    }

    fn check_guest(&self) -> Result<(), GuestError> {
        match self.qemu {
            Qemu::Running => Ok(()),
            Qemu::Stopped => Err(GuestError::WouldBlock),
            Qemu::Starting | Qemu::Incoming | Qemu::Outgone | Qemu::Killed | Qemu::Gone => {
                Err(GuestError::NoGuest)
            }
        }
    }

    fn check_open(&self) -> Result<(), GuestError> {
        self.check_guest()?;
        if self.port_open { Ok(()) } else { Err(GuestError::NotOpen) }
    }
}

impl Connection {
    fn drop_by_qemu(&mut self) {
        self.dropped = true;
        self.to_guest.clear();
    }
}
