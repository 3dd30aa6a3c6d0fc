//! The demo, the whole loop on one machine: the real guestAgent between a fake VIM and fake
//! maintenance, a real guestServer for each of two hosts, real guest clients; and what the VIM hears
//! when guests die, hang, leave, restart and come back, are asked and told.
//!
//! - `play`, `guest` and `scene` know what was done, what was heard and whether that is right; they
//!   read no clock and touch no process. `roles` says whose part is what.
//! - `view`, `report` and `words` turn it into a table, a summary and sentences.
//! - `inside` is what the guests are furnished with: settings, scripts.
//! - `stage` runs the `script`: processes ([`bound`]), the VIM's records, guestServers' logs and
//!   status files, a tap on each guest's device.

pub mod bound;
mod cast;
mod channels;
mod controller;
mod guest;
mod inside;
mod log;
mod place;
mod play;
mod report;
mod roles;
mod scene;
mod screen;
mod script;
mod stage;
mod status;
mod tap;
mod text;
mod told;
mod usage;
mod view;
mod words;

use std::io;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::time::Duration;

pub use report::Report;
pub use screen::{Look, Output};

/// The fewest guests: each part has one of its own.
pub const GUESTS_MIN: u64 = roles::ROLES as u64;
/// The most: each is a process.
pub const GUESTS_MAX: u64 = 500;

/// What to show.
#[derive(Debug, Clone)]
pub struct Options {
    /// How many guests, [`GUESTS_MIN`] to [`GUESTS_MAX`].
    pub guests: usize,
    /// The guests' heartbeat interval, at least 400 ms.
    pub interval: Duration,
    /// Goes on heartbeating for at least this long.
    pub at_least: Duration,
    /// Where the programs are.
    pub bin_dir: PathBuf,
    /// How it is shown.
    pub output: Output,
}

/// Why the demo did not come to its end. By then every process and file of it is gone.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A program is missing.
    #[error(
        "{} is not there: run `cargo build` first (`make demo` does both), or say where it is \
         with --bin-dir", .0.display()
    )]
    NotBuilt(PathBuf),
    /// A signal came.
    #[error("interrupted; all processes of the demo are ended and its files removed")]
    Interrupted,
    /// A process ended that should not have.
    #[error("{name} ended by itself ({status}); its last words:\n{log}")]
    Ended {
        /// Whose it was.
        name: String,
        /// How.
        status: ExitStatus,
        /// The end of its log.
        log: String,
    },
    /// The beginning failed, so that there is nothing to show.
    #[error("waited {} s in vain for {what}; the last words of the daemons:\n{log}", limit.as_secs())]
    NotReady {
        /// What was waited for.
        what: &'static str,
        /// For how long.
        limit: Duration,
        /// The ends of the daemons' logs.
        log: String,
    },
    /// guestAgent says not where it listens.
    #[error("guestAgent does not say where it listens; its words:\n{0}")]
    Silent(String),
    /// The channels could not be made.
    #[error(transparent)]
    Channels(#[from] crate::qemu::Error),
    /// The operating system refused something.
    #[error("cannot {what}: {error}")]
    Io {
        /// What.
        what: String,
        /// Why.
        error: io::Error,
    },
}

impl Error {
    fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        move |error| Self::Io { what, error }
    }
}

/// Runs the demo to its end. Processes and files of it are gone when it returns, also in a panic.
///
/// Children end with the thread that started them, so this thread must outlive the call.
pub fn run(options: &Options) -> Result<Report, Error> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Error::io("start the runtime"))?;
    runtime.block_on(script::perform(options))
}
