//! Sockets, timers, inotify, signals and files around the core. No decision about a guest is here.
//!
//! One thread and one loop (`reactor`): it waits, hands what happened to the core, and carries out
//! what the core wants. All channels are in one epoll set and the core's deadlines are one sleep,
//! so that work that is due together is done in one wake-up.

mod channels;
mod directories;
mod link;
mod reactor;
mod readiness;
mod status;

use daemon::Background;

use crate::config::Config;

/// Runs the daemon until a signal ends it. `background` is told once it listens.
pub fn run(config: Config, background: Background) -> anyhow::Result<()> {
    daemon::log::start(&config.common.log)?;
    raise_descriptor_limit();
    daemon::serve(reactor::run(config, background))
}

/// A channel is a descriptor, and the soft limit is often 1024.
fn raise_descriptor_limit() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    if let Err(error) = setrlimit(Resource::Nofile, limit) {
        tracing::warn!(%error, "cannot raise the limit of open files");
    }
}
