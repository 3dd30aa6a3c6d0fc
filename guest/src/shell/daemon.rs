//! The loop.

use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use super::applications::{self, Applications};
use super::conf::{self, Values};
use super::flags::Flags;
use super::log::Log;
use super::poller::{Poller, Report, Source};
use super::port::{self, Port};
use super::script::Scripts;
use super::signals::Signals;
use super::{Error, now, system_random};
use crate::core::guest::{Input, Output, Script};
use crate::core::{Guest, RunId};

/// Events of the port that are handled before everything else is looked at again.
const PORT_EVENTS_A_TURN: usize = 64;
/// Bytes of one read: what the port gives at most.
const READ: usize = 4096;

pub(super) struct Daemon {
    flags: Flags,
    source: conf::Source,
    values: Values,
    guest: Guest,
    poller: Poller,
    port: Port,
    signals: Signals,
    scripts: Scripts<RunId>,
    applications: Option<Applications>,
    log: Log,
    /// Reused for every look.
    reports: Vec<Report>,
    /// Reused for every object that is sent.
    encoded: Vec<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flow {
    Continue,
    Leave,
}

impl Daemon {
    /// Reads the settings and opens everything; the host hears nothing yet.
    pub(super) fn start(flags: &Flags) -> Result<Self, Error> {
        let source = flags.source();
        let values = flags.named(source.load()?);
        let poller = Poller::new().map_err(Error::Runtime)?;
        let port = Port::open(&flags.device, &poller)?;
        let applications = flags.applications(&poller)?;
        // Last: a process that takes signals has started, as heartbeat_init sees it.
        let signals = Signals::new(&poller).map_err(Error::Runtime)?;
        tracing::info!(device = ?flags.device, name = ?values.channel.name, "guest-client starts");
        Ok(Self {
            flags: flags.clone(),
            source,
            guest: Guest::new(values.settings(), now(), system_random),
            values,
            poller,
            port,
            signals,
            scripts: Scripts::new(),
            applications,
            log: Log::default(),
            reports: Vec::new(),
            encoded: Vec::new(),
        })
    }

    /// Heartbeats until a signal says stop, or the port is gone.
    pub(super) fn live(mut self) -> Result<(), Error> {
        let mut buffer = [0; READ];
        let end = loop {
            match self.turn(&mut buffer) {
                Ok(Flow::Continue) => {}
                Ok(Flow::Leave) => break Ok(()),
                Err(error) => break Err(error),
            }
        };
        self.scripts.kill_all(now());
        end
    }

    /// Waits, and does everything that can be done then. A deadline is handled only in a turn at
    /// whose beginning it was due: what was readable at that time has been handed in before.
    fn turn(&mut self, buffer: &mut [u8]) -> Result<Flow, Error> {
        let begin = now();
        let due = self.guest.next_deadline().is_some_and(|at| at <= begin);
        let patience = if due { Some(Duration::ZERO) } else { self.patience(begin) };
        self.poller.wait(patience, &mut self.reports).map_err(Error::Runtime)?;
        let now = if due { begin } else { now() };
        self.distribute(now);
        if due && self.scripts.any() {
            // The signal of a script that has just ended may still be on its way.
            self.scripts.reap(now);
        }
        if self.hand_in(now, buffer)? == Flow::Leave {
            return Ok(Flow::Leave);
        }
        if due {
            self.guest.handle_deadline(now);
        }
        self.carry_out(now)
    }

    /// How long nothing is to be done without a report; `None`: for ever.
    fn patience(&self, now: Instant) -> Option<Duration> {
        let applications = self.applications.as_ref();
        let unfinished = self.port.unfinished()
            || self.scripts.unfinished()
            || applications.is_some_and(Applications::unfinished);
        if unfinished {
            return Some(Duration::ZERO);
        }
        let retry = applications.and_then(Applications::retry_at);
        let times = [self.guest.next_deadline(), self.port.retry_at(), retry];
        let next = times.into_iter().flatten().min()?;
        Some(next.saturating_duration_since(now))
    }

    /// Tells everyone what was reported of their descriptors.
    fn distribute(&mut self, now: Instant) {
        if let Some(applications) = &mut self.applications {
            applications.begin_turn(now);
        }
        for report in self.reports.drain(..) {
            match (report.source, &mut self.applications) {
                (Source::Port, _) => self.port.reported(report.flags),
                (Source::Script(number), _) => self.scripts.reported(number),
                (Source::Listener, Some(applications)) => applications.connections_wait(),
                (Source::Application(number), Some(applications)) => {
                    applications.reported(number, report.flags, &self.poller);
                }
                (Source::Signals, _) => self.signals.reported(),
                (Source::Listener | Source::Application(_), None) => {}
            }
        }
    }

    fn hand_in(&mut self, now: Instant, buffer: &mut [u8]) -> Result<Flow, Error> {
        let steps = [Self::signals, Self::port, Self::scripts, Self::applications];
        for step in steps {
            if step(self, now, buffer)? == Flow::Leave {
                return Ok(Flow::Leave);
            }
        }
        Ok(Flow::Continue)
    }

    fn signals(&mut self, now: Instant, _: &mut [u8]) -> Result<Flow, Error> {
        let came = self.signals.take();
        if came.stop {
            return self.handle(now, Input::Stop);
        }
        if came.child {
            self.scripts.reap(now);
        }
        if came.reload {
            return self.reload(now);
        }
        Ok(Flow::Continue)
    }

    fn port(&mut self, now: Instant, buffer: &mut [u8]) -> Result<Flow, Error> {
        for _ in 0..PORT_EVENTS_A_TURN {
            let input = match self.port.next_event(now, &self.poller, buffer)? {
                None => break,
                Some(port::Event::Up) => Input::ChannelUp,
                Some(port::Event::Down) => Input::ChannelDown,
                Some(port::Event::Read(len)) => Input::Received(&buffer[..len]),
            };
            if self.handle(now, input)? == Flow::Leave {
                return Ok(Flow::Leave);
            }
        }
        Ok(Flow::Continue)
    }

    fn scripts(&mut self, now: Instant, _: &mut [u8]) -> Result<Flow, Error> {
        self.scripts.read(now);
        while let Some((run, end)) = self.scripts.next_end() {
            if self.handle(now, Input::ScriptEnded { run, end })? == Flow::Leave {
                return Ok(Flow::Leave);
            }
        }
        Ok(Flow::Continue)
    }

    fn applications(&mut self, now: Instant, buffer: &mut [u8]) -> Result<Flow, Error> {
        while let Some(applications) = &mut self.applications {
            let input = match applications.next_event(now, &self.poller, buffer) {
                None => break,
                Some(applications::Event::Connected(key)) => Input::AppConnected(key),
                Some(applications::Event::Closed(key)) => Input::AppClosed(key),
                Some(applications::Event::Read(key, len)) => {
                    Input::AppReceived(key, &buffer[..len])
                }
            };
            if self.handle(now, input)? == Flow::Leave {
                return Ok(Flow::Leave);
            }
        }
        Ok(Flow::Continue)
    }

    /// Of a file with a mistake nothing counts.
    fn reload(&mut self, now: Instant) -> Result<Flow, Error> {
        match self.source.load() {
            Ok(values) => {
                self.values = self.flags.named(values);
                tracing::info!("the settings were read again");
                let settings = self.values.settings();
                self.handle(now, Input::Reconfigured(settings))
            }
            Err(error) => {
                tracing::error!("{error}; the settings stay as they are");
                Ok(Flow::Continue)
            }
        }
    }

    fn handle(&mut self, now: Instant, input: Input<'_>) -> Result<Flow, Error> {
        self.guest.handle(now, input);
        self.carry_out(now)
    }

    fn carry_out(&mut self, now: Instant) -> Result<Flow, Error> {
        while let Some(output) = self.guest.poll_output() {
            match output {
                Output::Send { sequence, message } => {
                    self.encoded.clear();
                    message.encode(sequence, &mut self.encoded);
                    self.port.send(now, &self.encoded, &self.poller)?;
                }
                Output::Run { run, script } => self.start_script(run, script),
                Output::Kill(run) => self.scripts.kill(now, run),
                Output::AppSend { to, sequence, message } => {
                    if let Some(applications) = &mut self.applications {
                        applications.send(now, to, &message.encode(sequence), &self.poller);
                    }
                }
                Output::AppClose(key) => {
                    if let Some(applications) = &mut self.applications {
                        applications.close(key);
                    }
                }
                Output::Note(note) => self.log.note(now, &note),
                Output::Leave => return Ok(Flow::Leave),
            }
        }
        Ok(Flow::Continue)
    }

    fn start_script(&mut self, run: RunId, script: Script) {
        let (what, path, arguments) = match script {
            Script::Health => ("health script", &self.values.health_check_script, Vec::new()),
            Script::Event(kind, event) => {
                let arguments = vec![kind.to_string(), event.to_string()];
                ("event script", &self.values.event_notification_script, arguments)
            }
        };
        // The core asks only for scripts that are set.
        let mut command = Command::new(path.as_ref().unwrap_or(&PathBuf::new()));
        self.scripts.start(run, what, command.args(arguments), &self.poller);
    }
}
