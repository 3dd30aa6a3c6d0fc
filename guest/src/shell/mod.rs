//! Everything around the core: the port, scripts, applications, signals, the file and the log.
//!
//! No decision of the protocol is made here. The loop in [`run`] sleeps until something is ready, a
//! signal comes or a deadline is due, hands in what happened and carries out what comes out. It has
//! one thread, and nothing in it waits for anyone in particular.

mod allowance;
mod applications;
mod conf;
mod daemon;
mod error;
mod flags;
mod log;
pub(crate) mod poller;
mod port;
pub(crate) mod script;
pub(crate) mod signals;
pub(crate) mod stream;

use std::time::Instant;

use protocol::Random;
use rustix::rand::{GetRandomFlags, getrandom};

pub use error::Error;
pub use flags::{Flags, LogFormat, LogLevel};
pub use log::start_log;

/// Heartbeats until a signal says stop; or only checks the file, if told so.
pub fn run(flags: &Flags) -> Result<(), Error> {
    if flags.check_config {
        return conf::check(&flags.source());
    }
    daemon::Daemon::start(flags)?.live()
}

/// The one place where time is read.
#[expect(clippy::disallowed_methods, reason = "the shell tells the core the time")]
fn now() -> Instant {
    Instant::now()
}

/// Random numbers of the operating system. They only have to differ, so an early boot that has
/// gathered little randomness is no reason to wait; kernels before 5.6 know no such flag.
fn system_random() -> Random {
    Box::new(|| {
        let mut bytes = [0; 4];
        if getrandom(&mut bytes, GetRandomFlags::INSECURE).is_err() {
            getrandom(&mut bytes, GetRandomFlags::empty())
                .expect("the kernel gives a few bytes of randomness without fail");
        }
        u32::from_ne_bytes(bytes)
    })
}
