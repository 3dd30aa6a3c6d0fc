//! The loop: waits for whatever comes next, puts it into the [`Play`], shows it.

use std::time::{Duration, Instant};

use protocol::datagram::{Command, Event, Switch};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc::{Receiver, channel};
use tokio::time::{Interval, MissedTickBehavior, interval};

use super::agent::Agent;
use super::cast::{Cast, name};
use super::place::{Place, Programs};
use super::play::{Kind, Play};
use super::scene::What;
use super::screen::{self, Screen};
use super::status::Status;
use super::tap::{self, Heard};
use super::text::{Line, Style, mark};
use super::usage::Usage;
use super::{Error, Options, view};
use crate::clock;

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
    agent: Agent,
    heard: Receiver<Heard>,
    ends: Ends,
    child: Signal,
    ticker: Interval,
    ticks: u64,
    /// The tick at which a status file is asked for.
    ask_at: u64,
    /// The tick at which it is read.
    read_at: u64,
    server_ready: bool,
    usage: Usage,
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
    Event(std::io::Result<Event>),
    Heard(Heard),
    Tick(Duration),
}

impl Stage {
    /// Makes the channels and starts guestServer and the agent. Clients come later.
    pub(super) async fn set(options: &Options) -> Result<Self, Error> {
        // Before the first file: whatever ends this process removes them.
        let ends = Ends::new().map_err(Error::io("handle signals"))?;
        let child = signal(SignalKind::child()).map_err(Error::io("handle signals"))?;
        let programs = Programs::find(&options.bin_dir)?;
        let place = Place::make().map_err(Error::io("make a temporary folder"))?;
        let screen = Screen::open(options.output)?;
        clean_up_in_panic(&place, &screen);
        let agent = Agent::bind().await.map_err(Error::io("open a UDP socket on 127.0.0.1"))?;
        let address = agent.address().map_err(Error::io("open a UDP socket on 127.0.0.1"))?;
        let cast = Cast::start(options, programs, place, &address.to_string())?;
        let heard = tap_all(&cast, options.guests)?;
        let guests = (0..options.guests).map(|guest| (name(guest), cast.qemus.id(guest)));
        let play = Play::new(clock::now(), options.interval, guests);
        let mut ticker = interval(TICK);
        ticker.set_missed_tick_behavior(MissedTickBehavior::Skip);
        Ok(Self {
            screen,
            cast,
            play,
            agent,
            heard,
            ends,
            child,
            ticker,
            ticks: 0,
            ask_at: STATUS,
            read_at: 0,
            server_ready: false,
            usage: Usage::default(),
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

    /// Does something to a guest.
    pub(super) fn act(&mut self, what: What, guest: usize) -> Result<(), Error> {
        self.play.begin(clock::now(), what, guest);
        if what != What::Start {
            let rule = what.rule(self.play.interval);
            self.say(guest, Line::plain(format!("{}. Right is: {rule}", what.done())))?;
        }
        self.cast.act(what, guest)
    }

    /// Whether guestServer said that it is ready.
    pub(super) fn server_is_ready(&self) -> bool {
        self.server_ready
    }

    /// Tells guestServer that it is to report the failures of every instance.
    pub(super) async fn name_instances(&self) -> Result<(), Error> {
        for guest in &self.play.guests {
            let command = Command::AddInstance { uuid: guest.id, reporting: Switch::Enabled };
            self.agent.send(&command).await.map_err(Error::io("send to guestServer"))?;
        }
        Ok(())
    }

    /// Ends guestServer; how long that took, at most a second.
    pub(super) async fn end_server(&mut self) -> Option<Duration> {
        let start = clock::now();
        self.cast.end_server();
        while !self.cast.server_has_ended() {
            if elapsed(start) > Duration::from_secs(1) {
                return None;
            }
            tokio::select! {
                _ = self.child.recv() => {}
                _ = self.ticker.tick() => {}
            }
        }
        Some(elapsed(start))
    }

    pub(super) fn server_usage(&self) -> Usage {
        Usage::of(self.cast.server())
    }

    /// Waits for the next thing to happen and handles it.
    async fn go_on(&mut self) -> Result<(), Error> {
        let happened = tokio::select! {
            () = self.ends.come() => Happened::Interrupted,
            _ = self.child.recv() => Happened::ChildEnded,
            event = self.agent.receive() => Happened::Event(event),
            Some(heard) = self.heard.recv() => Happened::Heard(heard),
            due = self.ticker.tick() => {
                Happened::Tick(clock::now().saturating_duration_since(due.into_std()))
            }
        };
        match happened {
            Happened::Interrupted => return Err(Error::Interrupted),
            Happened::ChildEnded => self.look_after()?,
            Happened::Event(event) => {
                self.event(&event.map_err(Error::io("receive from guestServer"))?)?;
            }
            Happened::Heard((at, guest, said)) => self.play.heard(at, guest, said),
            Happened::Tick(late) => self.tick(late)?,
        }
        self.tell_verdicts()
    }

    fn event(&mut self, event: &Event) -> Result<(), Error> {
        let Some((id, kind)) = Kind::of(event) else {
            self.server_ready = true;
            return Ok(());
        };
        self.ask_at = self.ask_at.min(self.ticks + 1);
        let now = clock::now();
        let qemus = &self.cast.qemus;
        match self.play.event(now, id, kind, |guest| qemus.has_host(guest)) {
            Some(guest) => self.say(guest, Line::plain(kind.as_str())),
            None => Ok(()),
        }
    }

    fn tick(&mut self, late: Duration) -> Result<(), Error> {
        self.ticks += 1;
        if late > TICK {
            self.play.stalled(late);
        }
        if self.server_ready && self.ticks >= self.ask_at {
            self.cast.ask_status();
            self.ask_at = self.ticks + STATUS;
            self.read_at = self.ticks + STATUS_READ;
        }
        if self.ticks == self.read_at {
            self.read_status();
            self.look_after()?;
        }
        if self.screen.is_live() && self.ticks.is_multiple_of(REDRAW) {
            return self.draw();
        }
        Ok(())
    }

    /// There is none before the first was asked for.
    fn read_status(&mut self) {
        if let Ok(text) = std::fs::read_to_string(self.cast.place().status_file()) {
            self.play.status(&Status::parse(&text));
        }
        self.usage = self.server_usage();
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
        self.screen.say(&Line::plain(format!("{secs:7.3} s  {whom:<12} ")).then(line))
    }
}

/// What all the guests' clients will say.
fn tap_all(cast: &Cast, guests: usize) -> Result<Receiver<Heard>, Error> {
    let (say, heard) = channel(HEARD);
    for guest in 0..guests {
        let device = cast.qemus.device_path(guest).expect("the plan has a device folder");
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
