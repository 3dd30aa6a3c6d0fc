//! The loop: wait, hand in what happened, carry out what is wanted.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::Context;
use daemon::{Asked, Background, Notifier, PidFile, Signals, clock, log, random};
use protocol::channel::Name;
use tokio::time::sleep_until;

use super::channels::{Channels, Read};
use super::directories::{Directories, FileEvent};
use super::link::Link;
use super::status;
use crate::config::Config;
use crate::core::{GuestServer, Input, Key, Output};

/// How often a directory that cannot be watched is tried again.
const WATCH_AGAIN: Duration = Duration::from_secs(5);
/// Rounds in which every readable channel is read once before a deadline is judged: with a channel's
/// socket buffer at the kernel's default, more than a guest can have written.
const ROUNDS_BEFORE_DEADLINE: usize = 16;
/// Datagrams taken before the channels have their turn.
const DATAGRAMS_A_TURN: usize = 64;
/// Longer than any datagram, so that one that is too long shows.
const DATAGRAM_BUFFER: usize = 2048;

struct Reactor {
    core: GuestServer,
    channels: Channels,
    directories: Directories,
    link: Link,
    watch_again: Option<Instant>,
    started: Instant,
    status_file: PathBuf,
    ready: Vec<Key>,
}

/// Serves until a signal ends it.
pub(super) async fn run(config: Config, background: Background) -> anyhow::Result<()> {
    let mut signals = Signals::new()?;
    let mut reactor = Reactor::new(&config)?;
    let (channels, files) = (reactor.channels.readiness()?, reactor.directories.readiness()?);
    let _pid_file = PidFile::write(&config.common.pid_file, config.common.pid_file_needed)?;
    background.ready()?;
    let mut notifier = Notifier::from_environment(clock::now());
    notifier.ready();
    let sleep = sleep_until(clock::now().into());
    tokio::pin!(sleep);
    loop {
        notifier.turned(clock::now, || reactor.core.tally());
        let wake = reactor.next_wake(notifier.next_wake()).into();
        if sleep.deadline() != wake {
            sleep.as_mut().reset(wake);
        }
        tokio::select! {
            guard = channels.readable() => {
                let mut guard = guard?;
                if !reactor.read_channels()? {
                    guard.clear_ready();
                }
            }
            () = &mut sleep => reactor.watch_again(),
            ready = reactor.link.readable() => { ready?; reactor.receive(); }
            ready = reactor.link.writable() => { ready?; reactor.link.flush(); }
            guard = files.readable() => {
                let mut guard = guard?;
                if !reactor.file_events() {
                    guard.clear_ready();
                }
            }
            asked = signals.next() => match asked {
                Asked::End => break,
                Asked::Anew => log::reopen(),
                Asked::Status => reactor.write_status(),
            },
        }
        reactor.handle_deadline()?;
    }
    notifier.stopping();
    tracing::info!("ended by a signal");
    Ok(())
}

impl Reactor {
    fn new(config: &Config) -> anyhow::Result<Self> {
        let link = Link::bind(config)?;
        let started = clock::now();
        let mut reactor = Self {
            core: GuestServer::new(config.policy.clone(), started, random::system()),
            channels: Channels::new().context("cannot make an epoll set")?,
            directories: Directories::new(&config.channel_dirs)
                .context("cannot use inotify (raise fs.inotify.max_user_instances?)")?,
            link,
            watch_again: None,
            started,
            status_file: config.common.status_file.clone(),
            ready: Vec::new(),
        };
        reactor.carry_out();
        Ok(reactor)
    }

    fn next_wake(&self, notifier: Option<Instant>) -> Instant {
        let far = || clock::now() + Duration::from_hours(1);
        let wakes = [self.core.next_deadline(), self.watch_again, notifier];
        wakes.into_iter().flatten().min().unwrap_or_else(far)
    }

    /// Hands one thing in and carries out all that follows.
    fn hand_in(&mut self, input: Input<'_>) {
        self.core.handle(clock::now(), input);
        self.carry_out();
    }

    fn handle_deadline(&mut self) -> anyhow::Result<()> {
        if self.core.next_deadline().is_none_or(|at| at > clock::now()) {
            return Ok(());
        }
        for _ in 0..ROUNDS_BEFORE_DEADLINE * self.channels.turns_a_round() {
            if !self.read_channels()? {
                break;
            }
        }
        self.core.handle_deadline(clock::now());
        self.carry_out();
        Ok(())
    }

    /// Takes every output until there is none: after every input, and nowhere else.
    fn carry_out(&mut self) {
        while let Some(output) = self.core.poll_output() {
            match output {
                Output::Connect(key, path) => {
                    let input = match self.channels.connect(key, &path) {
                        Ok(()) => Input::Connected(key),
                        Err(error) => Input::ConnectFailed(key, error),
                    };
                    self.core.handle(clock::now(), input);
                }
                Output::Close(key) => self.channels.close(key),
                Output::Send { key, first, sequence, message } => {
                    self.channels.send(key, first, sequence, &message);
                }
                Output::PauseReading(key) => self.channels.pause(key, true),
                Output::ResumeReading(key) => self.channels.pause(key, false),
                Output::Report(destination, event, id) => {
                    self.link.send(destination, &event, id);
                }
                Output::Scan => self.scan(),
                Output::Note { about, note, held_back } => {
                    let (id, name) = about.unzip();
                    let name = name.flatten();
                    let name = name.as_ref().map(Name::as_str);
                    log::note(id, name, &note, note.is_warning(), held_back);
                }
            }
        }
    }

    /// Reads once from every channel that can be read; whether there may be more.
    fn read_channels(&mut self) -> anyhow::Result<bool> {
        let mut ready = std::mem::take(&mut self.ready);
        let mut more = self.channels.ready(&mut ready).context("epoll failed")?;
        for key in ready.drain(..) {
            let now = clock::now();
            match self.channels.read(key) {
                Read::Bytes { bytes, more: rest } => {
                    more |= rest;
                    self.core.handle(now, Input::Received(key, bytes));
                }
                Read::Nothing => continue,
                Read::Ended => self.core.handle(now, Input::Closed(key)),
            }
            self.carry_out();
        }
        self.ready = ready;
        Ok(more)
    }

    fn receive(&mut self) {
        let mut buffer = [0; DATAGRAM_BUFFER];
        for _ in 0..DATAGRAMS_A_TURN {
            let Some((length, from)) = self.link.receive(&mut buffer) else { return };
            self.hand_in(Input::Datagram { from, bytes: &buffer[..length] });
        }
    }

    /// Hands in what happened to files; whether there may be more.
    fn file_events(&mut self) -> bool {
        let (events, more) = self.directories.events();
        for event in events {
            match event {
                FileEvent::Appeared(file) => self.hand_in(Input::FileAppeared(file)),
                FileEvent::Touched(path) => self.hand_in(Input::FileTouched(&path)),
                FileEvent::Vanished(path) => self.hand_in(Input::FileVanished(&path)),
                FileEvent::Lost => self.hand_in(Input::FileEventsLost),
            }
        }
        more
    }

    /// Keeps trying for directories that cannot be watched; what they hold is seen by the scan.
    fn watch_again(&mut self) {
        if self.watch_again.is_some_and(|at| at <= clock::now()) {
            self.hand_in(Input::FileEventsLost);
        }
    }

    /// Watches before it looks, so that nothing can appear in between unseen.
    fn scan(&mut self) {
        let missing = self.directories.watch();
        self.watch_again = missing.then(|| clock::now() + WATCH_AGAIN);
        for (directory, files) in self.directories.scan() {
            self.core.handle(clock::now(), Input::Scanned { directory: &directory, files });
        }
    }

    fn write_status(&mut self) {
        let uptime = clock::now() - self.started;
        let dropped = self.channels.dropped_sends();
        let text = status::text(&self.core, uptime, dropped);
        daemon::status::write(&self.status_file, &text);
    }
}
