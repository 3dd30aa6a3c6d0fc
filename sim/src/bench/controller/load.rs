//! What a VIM may ask at most: instance queries at a steady rate, whether the answers come or not.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::ensure;
use protocol::InstanceId;
use protocol::vim::VimCommand;
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval};

use crate::background::{Background, Ended};
use crate::clock;
use crate::histogram::{Histogram, Stats};
use crate::vim;

/// Requests a second.
pub(super) const RATE: u32 = 500;
/// A request that takes longer has failed.
const GIVE_UP: Duration = Duration::from_secs(5);
/// A prime, so that all instances have their turn, and neighbours do not follow each other.
const STRIDE: u64 = 7919;

/// Asks about instances, of which there are `instances`, for so long. Each request has a connection
/// of its own and is timed from its start; the next one does not wait for it.
pub(super) fn query(agent: SocketAddr, instances: usize, span: Duration) -> anyhow::Result<Stats> {
    let background = Background::start("bench-load")?;
    let count = (span * RATE).as_secs();
    let call = background.call(async move {
        let (done, mut outcomes) = mpsc::unbounded_channel();
        let mut ticks = interval(Duration::from_secs(1) / RATE);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
        for number in 0..count {
            ticks.tick().await;
            let uuid = InstanceId::numbered(number * STRIDE % instances as u64);
            let done = done.clone();
            tokio::spawn(async move {
                let begun = clock::now();
                let reply = vim::send(agent, &VimCommand::InstanceQuery { uuid }, GIVE_UP).await;
                // Nobody waits any more only if the bench has failed.
                let _ = done.send(reply.map(|_| clock::now() - begun));
            });
        }
        drop(done);
        let mut took = Histogram::default();
        let mut failed = Vec::new();
        while let Some(outcome) = outcomes.recv().await {
            match outcome {
                Ok(time) => took.record(time),
                Err(error) => failed.push(error),
            }
        }
        Ok::<_, Ended>((took.stats(), failed))
    });
    let (stats, failed) = call.wait()?;
    let first = failed.first();
    ensure!(first.is_none(), "{} of {count} queries failed, such as: {first:?}", failed.len());
    Ok(stats)
}
