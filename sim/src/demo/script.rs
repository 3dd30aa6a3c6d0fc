//! What is done, one thing after the other.

use std::time::Duration;

use super::roles::{
    FROZEN, HOST_IPS, ILL, KILLED, LEAVING, REJECTING, RESTARTED, WITH_APPLICATION, WITHOUT_QEMU,
    hostname, name,
};
use super::scene::What;
use super::stage::{Stage, elapsed};
use super::{Error, Options, Report};
use crate::clock;

/// Limit for what takes milliseconds on a machine that is not overloaded.
const SOON: Duration = Duration::from_secs(20);
/// Heartbeats of each guest before the first fault, and after the last recovery.
const STEADY: u64 = 3;
const HEALED: u64 = 2;

/// Runs it to its end.
pub(super) async fn perform(options: &Options) -> Result<Report, Error> {
    let mut stage = Stage::set(options)?;
    stage.opening().await?;
    stage.failures().await?;
    stage.illness().await?;
    stage.no_failures().await?;
    stage.questions().await?;
    stage.play_on(options.at_least).await?;
    stage.ending().await
}

impl Stage {
    /// The daemons come up and find each other and the channels; then the clients start.
    async fn opening(&mut self) -> Result<(), Error> {
        self.chapter("1. The daemons find each other")?;
        self.need("guestAgent to listen", SOON, |stage| stage.cast.agent_listens()).await?;
        self.note("guestAgent", "listens for the VIM (faked) and for guestServers")?;
        let asked = |stage: &mut Self| stage.cast.controller.maintenance_was_asked();
        self.need("guestAgent to ask maintenance for the hosts", SOON, asked).await?;
        self.note("guestAgent", "asks maintenance (faked) for the hosts")?;
        self.cast.start_servers()?;
        self.need("guestServers to listen", SOON, |stage| stage.cast.servers_listen()).await?;
        let place = self.cast.place().dir().display().to_string();
        for (host, ip) in HOST_IPS.iter().enumerate() {
            self.note("guestServer", &format!("listens on {}, {ip}", hostname(host)))?;
        }
        self.note("QEMUs", &format!("are faked, with channels in {place}"))?;
        let guests = self.play.guests.len();
        self.need("guestServers to connect to every channel", SOON, |stage| {
            (0..guests).all(|guest| stage.cast.channels.has_host(guest))
        })
        .await?;
        let what = "guestAgent to tell guestServers which instances the VIM has";
        // Datagrams that got lost are made up for by guestAgent's audit.
        self.need(what, 2 * SOON, |stage| stage.all_are_named()).await?;
        self.note("guestAgent", "names them to the guestServers. Now the guests start")?;
        for guest in 0..guests {
            self.act(What::Start, guest)?;
        }
        let registered = |stage: &mut Self| stage.cast.application_is_registered();
        self.need("an application to register", SOON, registered).await?;
        self.note(&name(WITH_APPLICATION), "has an application, which registers with its client")?;
        self.beats("every guest to heartbeat", STEADY).await?;
        self.settle().await
    }

    /// One guest dies, another hangs, and the VIM does what each wants.
    async fn failures(&mut self) -> Result<(), Error> {
        self.chapter("2. A guest dies, another hangs: silence tells, and the VIM acts")?;
        // Not right after a heartbeat: guests die at any time.
        self.pass(self.play.interval / 3).await?;
        self.act(What::Kill, KILLED)?;
        self.settle().await?;
        // To see that it is lost, and then that it is away.
        self.pass(self.play.interval).await?;
        self.act(What::Repair, KILLED)?;
        self.pass(self.play.interval).await?;
        self.cast.channels.restart(KILLED);
        self.boot(KILLED).await?;
        self.settle().await?;
        self.pass(self.play.interval * 4 / 3).await?;
        self.act(What::Freeze, FROZEN)?;
        self.settle().await?;
        self.pass(self.play.interval).await?;
        self.act(What::Thaw, FROZEN)
    }

    /// Guests that answer, but say that something is wrong in them.
    async fn illness(&mut self) -> Result<(), Error> {
        self.chapter("3. Alive but not well: a script and an application tell")?;
        self.act(What::FallIll, ILL)?;
        self.settle_with(ILL).await?;
        self.pass(self.play.interval).await?;
        self.act(What::RebootIll, ILL)?;
        self.pass(self.play.interval).await?;
        self.cast.channels.restart(ILL);
        self.boot(ILL).await?;
        self.settle_with(ILL).await?;
        self.pass(self.play.interval).await?;
        self.act(What::CrashApplication, WITH_APPLICATION)?;
        self.settle_with(WITH_APPLICATION).await?;
        self.pass(self.play.interval * 4 / 3).await?;
        self.act(What::StartApplication, WITH_APPLICATION)?;
        self.settle_with(WITH_APPLICATION).await
    }

    /// Heartbeats end, but nobody is to be alarmed.
    async fn no_failures(&mut self) -> Result<(), Error> {
        self.chapter("4. Not every end is a failure: no alarm for these")?;
        // That no alarm follows takes time to show. It passes together with the next ones.
        for (what, guest) in
            [(What::Leave, LEAVING), (What::Restart, RESTARTED), (What::KillQemu, WITHOUT_QEMU)]
        {
            self.act(what, guest)?;
            self.pass(self.play.interval).await?;
        }
        self.settle().await?;
        self.pass(self.play.interval).await?;
        self.act(What::StartLeft, LEAVING)?;
        self.act(What::StartQemu, WITHOUT_QEMU)?;
        self.boot(WITHOUT_QEMU).await?;
        self.settle().await?;
        self.pass(2 * self.play.interval).await
    }

    /// The VIM asks before it acts, and tells before it does.
    async fn questions(&mut self) -> Result<(), Error> {
        self.chapter("5. The VIM asks first: a guest can object, or prepare itself")?;
        for (what, guest) in [
            (What::VoteStop, REJECTING),
            (What::VoteReboot, RESTARTED),
            (What::NotifyReboot, RESTARTED),
        ] {
            self.act(what, guest)?;
            self.settle().await?;
            // For whoever reads it.
            self.pass(2 * self.play.interval).await?;
        }
        self.act(What::Reboot, RESTARTED)?;
        self.settle().await?;
        self.act(What::StartRebooted, RESTARTED)?;
        self.settle().await?;
        // If someone does not heartbeat again that is the verdict, not an error.
        let beats = self.further_beats(HEALED);
        self.until(10 * self.play.interval, beats).await.map(drop)
    }

    /// A guest boots in a new QEMU.
    async fn boot(&mut self, guest: usize) -> Result<(), Error> {
        let connected = |stage: &mut Self| stage.cast.channels.has_host(guest);
        self.until(self.play.interval, connected).await?;
        self.cast.start_client(guest)
    }

    async fn play_on(&mut self, at_least: Duration) -> Result<(), Error> {
        let rest = at_least.saturating_sub(elapsed(self.play.started));
        if rest.is_zero() { Ok(()) } else { self.pass(rest).await }
    }

    async fn ending(mut self) -> Result<Report, Error> {
        let (now, usage) = (clock::now(), self.usage());
        self.play.judge_finally(now);
        let counts = self.cast.controller.counts();
        let ended = self.end_daemons().await;
        Ok(Report::new(&self.play, now, &usage, counts, &ended))
    }

    async fn settle(&mut self) -> Result<(), Error> {
        self.until(SOON + 10 * self.play.interval, |stage| stage.play.is_settled()).await.map(drop)
    }

    /// Does not wait for what was done to other guests.
    async fn settle_with(&mut self, guest: usize) -> Result<(), Error> {
        let settled = |stage: &mut Self| {
            stage.play.last_scene(guest).is_none_or(|scene| scene.verdict.is_some())
        };
        self.until(SOON + 10 * self.play.interval, settled).await.map(drop)
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
