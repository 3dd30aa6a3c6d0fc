//! What is done, one thing after the other.

use std::time::Duration;

use super::scene::What;
use super::stage::{Stage, elapsed};
use super::text::Line;
use super::{Error, Options, Report};
use crate::clock;

/// Limit for what takes milliseconds on a machine that is not overloaded.
const SOON: Duration = Duration::from_secs(20);
/// Heartbeats of each guest before the first fault, and after the last recovery.
const STEADY: u64 = 3;
const HEALED: u64 = 2;

/// To which guest it is done.
const KILLED: usize = 0;
const FROZEN: usize = 1;
const LEAVING: usize = 2;
const RESTARTED: usize = 3;
const WITHOUT_QEMU: usize = 4;

/// Runs it to its end.
pub(super) async fn perform(options: &Options) -> Result<Report, Error> {
    let mut stage = Stage::set(options).await?;
    stage.opening().await?;
    stage.faults().await?;
    stage.recoveries().await?;
    stage.play_on(options.at_least).await?;
    stage.ending().await
}

impl Stage {
    /// guestServer comes up, is told of the instances, connects; then the clients start.
    async fn opening(&mut self) -> Result<(), Error> {
        self.need("guestServer to be ready", SOON, |stage| stage.server_is_ready()).await?;
        self.name_instances().await?;
        let guests = self.play.guests.len();
        let place = self.cast.place().dir().display().to_string();
        self.say_of("guestServer", Line::plain(format!("runs; {guests} channels in {place}")))?;
        self.need("guestServer to connect to every channel", SOON, |stage| {
            (0..guests).all(|guest| stage.cast.qemus.has_host(guest))
        })
        .await?;
        for guest in 0..guests {
            self.act(What::Start, guest)?;
        }
        self.beats("every guest to heartbeat", STEADY).await
    }

    async fn faults(&mut self) -> Result<(), Error> {
        for (what, guest) in [(What::Kill, KILLED), (What::Freeze, FROZEN)] {
            // Not right after a heartbeat: guests die at any time.
            self.pass(self.play.interval / 3).await?;
            self.act(what, guest)?;
            self.settle().await?;
        }
        // That no loss follows takes time to show. It passes together with the next faults.
        for (what, guest) in
            [(What::Leave, LEAVING), (What::Restart, RESTARTED), (What::KillQemu, WITHOUT_QEMU)]
        {
            self.act(what, guest)?;
            self.pass(self.play.interval).await?;
        }
        self.settle().await
    }

    async fn recoveries(&mut self) -> Result<(), Error> {
        self.act(What::Thaw, FROZEN)?;
        for (what, guest) in [(What::StartKilled, KILLED), (What::StartLeft, LEAVING)] {
            self.act(what, guest)?;
            self.pass(self.play.interval).await?;
        }
        self.act(What::StartQemu, WITHOUT_QEMU)?;
        let connected = |stage: &mut Self| stage.cast.qemus.has_host(WITHOUT_QEMU);
        self.until(self.play.interval, connected).await?;
        self.cast.start_client(WITHOUT_QEMU)?;
        self.settle().await?;
        // If someone does not heartbeat again that is the verdict, not an error.
        let beats = self.further_beats(HEALED);
        self.until(10 * self.play.interval, beats).await.map(drop)
    }

    async fn play_on(&mut self, at_least: Duration) -> Result<(), Error> {
        let rest = at_least.saturating_sub(elapsed(self.play.started));
        if rest.is_zero() { Ok(()) } else { self.pass(rest).await }
    }

    async fn ending(mut self) -> Result<Report, Error> {
        let (now, usage) = (clock::now(), self.server_usage());
        self.play.judge_finally(now);
        let ended = self.end_server().await;
        Ok(Report::new(&self.play, now, usage, ended))
    }

    async fn settle(&mut self) -> Result<(), Error> {
        self.until(SOON + 10 * self.play.interval, |stage| stage.play.is_settled()).await.map(drop)
    }

    async fn beats(&mut self, what: &'static str, count: u64) -> Result<(), Error> {
        let limit = SOON + 10 * self.play.interval;
        let beats = self.further_beats(count);
        self.need(what, limit, beats).await
    }

    /// Whether every guest has heartbeat this many times from now on.
    fn further_beats(&self, count: u64) -> impl FnMut(&mut Self) -> bool + use<> {
        let before: Vec<u64> = self.play.guests.iter().map(|guest| guest.beats).collect();
        move |stage: &mut Self| {
            let mut guests = stage.play.guests.iter().zip(&before);
            guests.all(|(guest, before)| guest.beats >= before + count)
        }
    }
}
