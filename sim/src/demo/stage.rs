//! The loop: waits for whatever comes next, puts it into the [`Play`], shows it.

use std::time::{Duration, Instant};

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc::{Receiver, channel};
use tokio::time::{Interval, MissedTickBehavior, interval};

use super::cast::Cast;
use super::controller::host_of_uuid;
use super::guest::Guest;
use super::place::{Place, Programs};
use super::play::Play;
use super::roles::{self, HOSTS, hostname, name};
use super::scene::What;
use super::screen::{self, Screen};
use super::tap::{self, Heard};
use super::text::{Line, Style, mark};
use super::told::Told;
use super::usage::Usages;
use super::{Error, Options, view};
use crate::clock;
use crate::vim::{self, Record, Records};
use protocol::vim::VimRequest;

/// How often what can only be looked at is looked at.
const TICK: Duration = Duration::from_millis(20);
/// Ticks between two redraws.
const REDRAW: u64 = 5;
/// Ticks between two status files when nothing happens.
const STATUS: u64 = 25;
/// Ticks from asking for one to reading it.
const STATUS_READ: u64 = 3;
/// What guests said that waits for being looked at.
const HEARD: usize = 1024;

/// The demo while it runs. Everything of it ends and is removed when this is dropped; the screen is
/// as before then.
pub(super) struct Stage {
    screen: Screen,
    pub(super) cast: Cast,
    pub(super) play: Play,
    records: Records,
    heard: Receiver<Heard>,
    ends: Ends,
    child: Signal,
    ticker: Interval,
    ticks: u64,
    /// The tick at which a status file is asked for.
    ask_at: u64,
    /// The tick at which it is read.
    read_at: u64,
    usage: Usages,
}

/// The signals that end the demo.
struct Ends {
    interrupt: Signal,
    terminate: Signal,
    hang_up: Signal,
}

enum Happened {
    Interrupted,
    ChildEnded,
    Record(Record),
    Heard(Heard),
    Tick(Duration),
}

impl Stage {
    /// Makes the channels and starts the controller. guestServers and clients come later.
    pub(super) fn set(options: &Options) -> Result<Self, Error> {
        // Before the first file: whatever ends this process removes them.
        let ends = Ends::new().map_err(Error::io("handle signals"))?;
        let child = signal(SignalKind::child()).map_err(Error::io("handle signals"))?;
        let programs = Programs::find(&options.bin_dir)?;
        let place = Place::make().map_err(Error::io("make a temporary folder"))?;
        let screen = Screen::open(options.output)?;
        clean_up_in_panic(&place, &screen);
        let cast = Cast::start(options, programs, place)?;
        let heard = tap_all(&cast, options.guests)?;
        let guest = |guest| Guest::new(name(guest), roles::host_of(guest), cast.channels.id(guest));
        let guests = (0..options.guests).map(guest).collect();
        let play = Play::new(clock::now(), options.interval, guests);
        let mut ticker = interval(TICK);
        ticker.set_missed_tick_behavior(MissedTickBehavior::Skip);
        Ok(Self {
            screen,
            records: cast.controller.records(),
            cast,
            play,
            heard,
            ends,
            child,
            ticker,
            ticks: 0,
            ask_at: STATUS,
            read_at: 0,
            usage: Usages::default(),
        })
    }

    /// Goes on until `done`, at most for `limit`; whether it was done.
    pub(super) async fn until(
        &mut self,
        limit: Duration,
        mut done: impl FnMut(&mut Self) -> bool,
    ) -> Result<bool, Error> {
        let end = clock::now() + limit;
        while !done(self) {
            if clock::now() > end {
                return Ok(false);
            }
            self.go_on().await?;
        }
        Ok(true)
    }

    /// As [`Stage::until`], where nothing can be shown without it.
    pub(super) async fn need(
        &mut self,
        what: &'static str,
        limit: Duration,
        done: impl FnMut(&mut Self) -> bool,
    ) -> Result<(), Error> {
        if self.until(limit, done).await? {
            return Ok(());
        }
        Err(Error::NotReady { what, limit, log: self.cast.last_words() })
    }

    /// Goes on for a while.
    pub(super) async fn pass(&mut self, time: Duration) -> Result<(), Error> {
        self.until(time, |_| false).await.map(drop)
    }

    /// A new chapter of the story.
    pub(super) fn chapter(&mut self, title: &'static str) -> Result<(), Error> {
        self.play.chapter(title);
        self.screen.say(&Line::default())?;
        self.screen.say(&Line::default().put(Style::Bold, title))
    }

    /// Something between the daemons is worth a line.
    pub(super) fn note(&mut self, whom: &str, text: &str) -> Result<(), Error> {
        self.play.note(format!("{whom} {text}"));
        self.say_of(whom, Line::plain(text))
    }

    /// Does something to a guest, or has the VIM do it.
    pub(super) fn act(&mut self, what: What, guest: usize) -> Result<(), Error> {
        self.play.begin(clock::now(), what, guest);
        if what != What::Start {
            let rule = what.rule(self.play.interval);
            self.say(guest, Line::default().put(Style::Bold, what.done()))?;
            self.say_of("", Line::plain(format!("right is: {rule}")))?;
        }
        self.cast.act(what, guest)
    }

    /// Whether every guestServer knows that the VIM wants every failure reported.
    pub(super) fn all_are_named(&self) -> bool {
        let statuses: Vec<_> = (0..HOSTS).filter_map(|host| self.cast.status(host)).collect();
        let named = |guest: &Guest| {
            let seen = statuses.iter().find_map(|status| status.instances.get(&guest.id));
            seen.is_some_and(|seen| seen.reporting)
        };
        self.play.guests.iter().all(named)
    }

    /// Ends guestAgent and the guestServers; how long each took, at most a second.
    pub(super) async fn end_daemons(&mut self) -> Vec<Option<Duration>> {
        let start = clock::now();
        self.cast.end_daemons();
        let mut took = vec![None; HOSTS + 1];
        while took.contains(&None) && elapsed(start) <= Duration::from_secs(1) {
            tokio::select! {
                _ = self.child.recv() => {}
                _ = self.ticker.tick() => {}
            }
            for (took, ended) in took.iter_mut().zip(self.cast.daemons_ended()) {
                *took = took.or(ended.then(|| elapsed(start)));
            }
        }
        took
    }

    pub(super) fn usage(&self) -> Usages {
        self.cast.usage()
    }

    /// Waits for the next thing to happen and handles it.
    async fn go_on(&mut self) -> Result<(), Error> {
        let happened = tokio::select! {
            () = self.ends.come() => Happened::Interrupted,
            _ = self.child.recv() => Happened::ChildEnded,
            Some(record) = self.records.next() => Happened::Record(record),
            Some(heard) = self.heard.recv() => Happened::Heard(heard),
            due = self.ticker.tick() => {
                Happened::Tick(clock::now().saturating_duration_since(due.into_std()))
            }
        };
        match happened {
            Happened::Interrupted => return Err(Error::Interrupted),
            Happened::ChildEnded => self.look_after()?,
            Happened::Record(record) => self.record(record)?,
            Happened::Heard((at, guest, said)) => self.play.heard(at, guest, said),
            Happened::Tick(late) => self.tick(late)?,
        }
        self.tell_verdicts()
    }

    fn record(&mut self, record: Record) -> Result<(), Error> {
        match record.what {
            vim::What::Request { request: VimRequest::Event(event), consequence, .. } => {
                self.told(Told::new(record.at, &event, consequence))
            }
            vim::What::Request { request, .. } => self.asked(&request),
            vim::What::Command { outcome: Err(error), .. } => {
                self.play.mishap(format!("a command of the VIM came to nothing: {error}"));
                Ok(())
            }
            vim::What::Misstep(misstep) => {
                self.play.mishap(format!("guestAgent to the VIM: {misstep}"));
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn told(&mut self, told: Told) -> Result<(), Error> {
        // What guestServer found came before it.
        self.read_logs()?;
        self.ask_at = self.ask_at.min(self.ticks + 1);
        let (kind, reason, channels) = (told.kind, told.reason.clone(), &self.cast.channels);
        let Some(guest) = self.play.told(told, |guest| channels.has_host(guest)) else {
            return Ok(());
        };
        let name = &self.play.guests[guest].name;
        let why = if reason.is_empty() { reason } else { format!(", {reason:?}") };
        self.say_of("VIM", Line::plain(format!("{name}: {kind}{why}")))
    }

    fn asked(&mut self, request: &VimRequest) -> Result<(), Error> {
        let VimRequest::InstanceList { host_uuid } = request else { return Ok(()) };
        let host = host_of_uuid(*host_uuid).map(hostname).unwrap_or_default();
        self.note("guestAgent", &format!("asks the VIM for the instances on {host}"))
    }

    fn read_logs(&mut self) -> Result<(), Error> {
        for (host, found) in self.cast.found() {
            let guest = self.play.guests.iter().find(|guest| guest.id == found.id);
            let name = guest.map(|guest| guest.name.clone()).unwrap_or_default();
            let words = format!("{name}: {}{}", found.what.words(), found.why);
            self.say_of(&hostname(host), Line::plain(words))?;
            self.play.found(found);
        }
        Ok(())
    }

    fn tick(&mut self, late: Duration) -> Result<(), Error> {
        self.ticks += 1;
        if late > TICK {
            self.play.stalled(late);
        }
        if self.ticks >= self.ask_at && self.cast.servers_listen() {
            self.cast.ask_status();
            self.ask_at = self.ticks + STATUS;
            self.read_at = self.ticks + STATUS_READ;
        }
        if self.ticks == self.read_at {
            self.read_status();
            self.read_logs()?;
            self.look_after()?;
        }
        if self.screen.is_live() && self.ticks.is_multiple_of(REDRAW) {
            return self.draw();
        }
        Ok(())
    }

    fn read_status(&mut self) {
        for host in 0..HOSTS {
            if let Some(status) = self.cast.status(host) {
                self.play.status(host, &status);
            }
        }
        self.usage = self.usage();
    }

    fn look_after(&mut self) -> Result<(), Error> {
        for (guest, well) in self.cast.look_after()? {
            self.play.client_ended(guest, well);
        }
        Ok(())
    }

    fn draw(&self) -> Result<(), Error> {
        let look = self.screen.look();
        let lines = view::frame(&self.play, &self.usage, clock::now(), Screen::size(), look);
        self.screen.draw(&lines)
    }

    fn tell_verdicts(&mut self) -> Result<(), Error> {
        for index in self.play.judge(clock::now()) {
            let scene = &self.play.scenes[index];
            let Some(verdict) = scene.verdict.as_ref().filter(|_| scene.what != What::Start) else {
                continue;
            };
            let (style, mark) = mark(verdict.right, self.screen.look());
            let short = scene.what.short();
            let line = Line::default().put(style, mark);
            let told = format!(" {short}: {}", verdict.detected);
            self.say(scene.guest, line.put(Style::Plain, told))?;
        }
        Ok(())
    }

    fn say(&self, guest: usize, line: Line) -> Result<(), Error> {
        let name = &self.play.guests[guest].name;
        self.say_of(name, line)
    }

    /// Says something with the time and whom it is about.
    pub(super) fn say_of(&self, whom: &str, line: Line) -> Result<(), Error> {
        let secs = elapsed(self.play.started).as_secs_f64();
        self.screen.say(&Line::plain(format!("{secs:7.3} s  {whom:<11} ")).then(line))
    }
}

/// What all the guests' clients will say.
fn tap_all(cast: &Cast, guests: usize) -> Result<Receiver<Heard>, Error> {
    let (say, heard) = channel(HEARD);
    for guest in 0..guests {
        let device = cast.channels.device_path(guest);
        tap::start(guest, &cast.place().tap(&name(guest)), device, say.clone())
            .map_err(Error::io("make a socket for a guest"))?;
    }
    Ok(heard)
}

/// How long ago that was.
pub(super) fn elapsed(since: Instant) -> Duration {
    clock::now().saturating_duration_since(since)
}

/// A panic runs no destructors where it aborts, and its message must not vanish with the screen.
/// The processes end with this one.
fn clean_up_in_panic(place: &Place, screen: &Screen) {
    let (dir, live) = (place.dir().to_owned(), screen.is_live());
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if live {
            screen::leave();
        }
        let _ = std::fs::remove_dir_all(&dir);
        usual(panic);
    }));
}

impl Ends {
    fn new() -> std::io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hang_up: signal(SignalKind::hangup())?,
        })
    }

    async fn come(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            _ = self.hang_up.recv() => {}
        }
    }
}
