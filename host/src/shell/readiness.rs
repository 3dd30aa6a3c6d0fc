//! Lets the runtime wait for descriptors that it has no type for: an epoll set, inotify.

use std::os::fd::{AsFd, OwnedFd};

use tokio::io::Interest;
use tokio::io::unix::{AsyncFd, AsyncFdReadyGuard};

/// Waits until a descriptor can be read.
#[derive(Debug)]
pub(super) struct Readiness(AsyncFd<OwnedFd>);

impl Readiness {
    /// Of a duplicate of `fd`, so that it stays open as long as this lives.
    pub(super) fn of(fd: &impl AsFd) -> std::io::Result<Self> {
        let fd = fd.as_fd().try_clone_to_owned()?;
        #[expect(
            deprecated,
            reason = "its successor is unsafe because a type may lie about its descriptor; an \
                      OwnedFd does not"
        )]
        AsyncFd::with_interest(fd, Interest::READABLE).map(Self)
    }

    /// Waits; who has read everything clears the guard.
    pub(super) async fn readable(&self) -> std::io::Result<AsyncFdReadyGuard<'_, OwnedFd>> {
        self.0.readable().await
    }
}
