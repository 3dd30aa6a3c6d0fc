//! What the shells of guestServer and guestAgent share: settings, log, pid file, going to the
//! background, service manager, status file, clock, random numbers, limits to how often something happens. Nothing about
//! heartbeats.

mod background;
pub mod clock;
mod limiter;
pub mod log;
mod notify;
mod pid;
mod program;
pub mod random;
mod runtime;
pub mod settings;
pub mod status;
mod udp;

pub use background::Background;
pub use limiter::Limiter;
pub use notify::Notifier;
pub use pid::PidFile;
pub use program::main_of;
pub use runtime::{Asked, Signals, serve};
pub use udp::{bind, reachable_from};
