//! Helpers of the end-to-end tests: the real binaries, each in a folder of its test's own, and an
//! agent that they talk to.
//!
//! Nothing here waits for time to pass: it waits for what must happen, within a limit that only ends
//! a broken run. Whatever a test started is gone when the test is.

mod agent;
mod debian;
mod host;
pub mod init;
pub mod lsb;
mod process;
mod scratch;
mod service;
pub mod services;
mod whole;

use std::time::{Duration, Instant};

use rustix::event::{Timespec, poll};

pub use agent::Agent;
pub use debian::{Debian, Outcome};
pub use host::ChannelHost;
pub use process::{Ending, Process, binary, mentioning};
pub use scratch::Scratch;
pub use service::{SHELLS, Said, Service};
pub use whole::{WholeLoop, guest_agent};

use agent::guest_server;

/// Ends a broken run.
pub const LIMIT: Duration = Duration::from_mins(2);

/// Looks every few milliseconds whether something is so, until it is.
pub fn until(what: &str, condition: impl Fn() -> bool) {
    let end = now() + LIMIT;
    let a_moment = Timespec { tv_sec: 0, tv_nsec: 2_000_000 };
    while !condition() {
        assert!(now() < end, "in vain: {what}");
        // A signal that ends it early does no harm.
        let _ = poll(&mut [], Some(&a_moment));
    }
}

#[expect(clippy::disallowed_methods, reason = "a broken run is to end")]
fn now() -> Instant {
    Instant::now()
}
