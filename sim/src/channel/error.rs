//! Why a call did nothing. None of these changes the channel, except that a guest's `WouldBlock` after
//! a fast reconnect is how it notices it.

/// Why a host could not connect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ConnectError {
    /// ENOENT: there is no socket file.
    #[error("no such file")]
    NotFound,
    /// ECONNREFUSED: the file is there, but QEMU does not listen: not yet, or no longer.
    #[error("connection refused")]
    Refused,
    /// EAGAIN: too many hosts wait already.
    #[error("backlog full")]
    WouldBlock,
}

/// Why a host's read or write did nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HostError {
    /// EAGAIN: nothing to read, or no room to write.
    #[error("would block")]
    WouldBlock,
    /// EPIPE: QEMU closed the connection (or the host itself did).
    #[error("broken pipe")]
    BrokenPipe,
}

/// Why a call of the program in the guest did nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum GuestError {
    /// EAGAIN: nothing to read; no host, or no room to write; or the guest is stopped.
    #[error("would block")]
    WouldBlock,
    /// EBUSY: the port is open already.
    #[error("port busy")]
    Busy,
    /// The port is not open.
    #[error("port not open")]
    NotOpen,
    /// No guest runs in this QEMU.
    #[error("no guest")]
    NoGuest,
}

/// [`Channel::receive_migration`](super::Channel::receive_migration) needs a destination that waits and a source that runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the destination is not waiting for a migration, or the source does not run")]
pub struct CannotMigrate;
