//! What the shells of guestServer and guestAgent share: settings, log, pid file, going to the
//! background, status file, clock, random numbers, limits to how often something happens. Nothing about
//! heartbeats.

mod address;
mod background;
pub mod clock;
mod limiter;
pub mod log;
mod pid;
mod program;
pub mod random;
mod runtime;
pub mod settings;
pub mod status;

pub use address::reachable_from;
pub use background::Background;
pub use limiter::Limiter;
pub use pid::PidFile;
pub use program::main_of;
pub use runtime::{Asked, Signals, serve};
