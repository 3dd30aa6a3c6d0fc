//! What the shells of guestServer and guestAgent share: settings, log, pid file, going to the
//! background, status file, clock, random numbers. Nothing about heartbeats.

mod background;
pub mod clock;
pub mod log;
mod pid;
mod program;
pub mod random;
mod runtime;
pub mod settings;
pub mod status;

pub use background::Background;
pub use pid::PidFile;
pub use program::main_of;
pub use runtime::{Asked, Signals, serve};
