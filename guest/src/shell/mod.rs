//! Everything around the core: the port, the timer, the signals, the file and the log.
//!
//! No decision of the protocol is made here. The loop in [`run`] sleeps until the port, a signal or
//! a deadline wakes it, hands in what happened and carries out what comes out.

mod conf;
mod error;
mod flags;
mod log;
mod port;

use std::time::Instant;

use protocol::Random;
use rustix::rand::{GetRandomFlags, getrandom};
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::core::{Client, Input, Output};
pub use error::Error;
pub use flags::{Flags, LogFormat, LogLevel};
pub use log::start_log;
use port::{Event, Port};

/// Events of the port that are handled before the signals and deadlines are looked at again.
const EVENTS_A_TURN: usize = 64;
/// Bytes of one read: what the port gives at most.
const READ: usize = 4096;

/// Heartbeats until a signal says stop.
pub fn run(flags: &Flags) -> Result<(), Error> {
    let config = flags.settings()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build();
    runtime.map_err(Error::Runtime)?.block_on(async {
        let port = Port::open(&flags.device)?;
        tracing::info!(device = ?flags.device, name = ?config.name, "guest-client starts");
        let core = Client::new(config, now(), system_random());
        Daemon { core, port, encoded: Vec::new() }.live().await
    })
}

struct Daemon {
    core: Client,
    port: Port,
    /// Reused for every object that is sent.
    encoded: Vec<u8>,
}

enum Flow {
    Continue,
    Leave,
}

impl Daemon {
    async fn live(mut self) -> Result<(), Error> {
        let mut signals = Signals::new()?;
        let mut buffer = [0; READ];
        while let Flow::Continue = self.turn(&mut buffer)? {
            let deadline = self.core.next_deadline();
            tokio::select! {
                () = signals.stop() => {
                    self.core.handle(now(), Input::Stop);
                    self.carry_out()?;
                    break;
                }
                woken = self.port.woken(now(), deadline) => woken?,
            }
        }
        Ok(())
    }

    /// Everything that can be done now. What was readable goes in before a deadline is judged.
    fn turn(&mut self, buffer: &mut [u8]) -> Result<Flow, Error> {
        for _ in 0..EVENTS_A_TURN {
            let input = match self.port.next_event(now(), buffer)? {
                None => break,
                Some(Event::Up) => Input::ChannelUp,
                Some(Event::Down) => Input::ChannelDown,
                Some(Event::Read(len)) => Input::Received(&buffer[..len]),
            };
            self.core.handle(now(), input);
            self.carry_out()?;
        }
        let now = now();
        if self.core.next_deadline().is_some_and(|at| at <= now) {
            self.core.handle_deadline(now);
        }
        self.carry_out()
    }

    fn carry_out(&mut self) -> Result<Flow, Error> {
        while let Some(output) = self.core.poll_output() {
            match output {
                Output::Send { sequence, message } => {
                    self.encoded.clear();
                    message.encode(sequence, &mut self.encoded);
                    self.port.send(now(), &self.encoded)?;
                }
                Output::Note(note) => log::note(&note),
                // No handlers are registered, so the core asks nobody.
                Output::Ask(_) => {}
                Output::Leave => return Ok(Flow::Leave),
            }
        }
        Ok(Flow::Continue)
    }
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn new() -> Result<Self, Error> {
        let listen = |kind| signal(kind).map_err(Error::Runtime);
        Ok(Self {
            terminate: listen(SignalKind::terminate())?,
            interrupt: listen(SignalKind::interrupt())?,
        })
    }

    async fn stop(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// The one place where time is read.
#[expect(clippy::disallowed_methods, reason = "the shell tells the core the time")]
fn now() -> Instant {
    Instant::now()
}

/// Random numbers of the operating system. They only have to differ, so an early boot that has
/// gathered little randomness is no reason to wait; kernels before 5.6 know no such flag.
fn system_random() -> Random {
    Box::new(|| {
        let mut bytes = [0; 4];
        if getrandom(&mut bytes, GetRandomFlags::INSECURE).is_err() {
            getrandom(&mut bytes, GetRandomFlags::empty())
                .expect("the kernel gives a few bytes of randomness without fail");
        }
        u32::from_ne_bytes(bytes)
    })
}
