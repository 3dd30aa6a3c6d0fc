//! Sockets, timers and files around the core. No decision about an instance is here.
//!
//! One thread: datagrams, the VIM's commands and the outcomes of requests to it come through
//! channels into one loop (`reactor`), which hands them to the core and carries out what it wants.

mod links;
mod reactor;
pub mod receiver;
mod status;
pub mod transmitter;

use daemon::Background;

use crate::config::Config;

/// Runs the daemon until a signal ends it. `background` is told once it listens.
pub fn run(config: Config, background: Background) -> anyhow::Result<()> {
    daemon::log::start(&config.common.log)?;
    daemon::serve(reactor::run(config, background))
}
