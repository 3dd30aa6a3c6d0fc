//! The console of a fake: lines from standard input, JSON lines to standard output, and the signals
//! that end it.

use std::io::{self, BufRead, Write};

use serde_json::Value;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;

/// Lines that wait to be carried out; beyond them standard input waits.
const LINES_MAX: usize = 100;

/// What a person does at the console.
#[derive(Debug)]
pub(crate) enum Said {
    /// A line.
    Line(String),
    /// SIGTERM, SIGINT or SIGHUP.
    End,
}

/// Lines and signals.
#[derive(Debug)]
pub(crate) struct Console {
    lines: mpsc::Receiver<String>,
    ends: [Signal; 3],
    /// Standard input has ended: only a signal ends the fake then.
    is_closed: bool,
}

impl Console {
    /// Needs a reactor.
    pub(crate) fn open() -> io::Result<Self> {
        let ends = [
            signal(SignalKind::terminate())?,
            signal(SignalKind::interrupt())?,
            signal(SignalKind::hangup())?,
        ];
        let (read, lines) = mpsc::channel(LINES_MAX);
        // It ends with the process: nothing can interrupt a read of standard input.
        std::thread::Builder::new().name("console".to_owned()).spawn(move || {
            for line in io::stdin().lock().lines() {
                let line = line.unwrap_or_else(|error| format!("({error})"));
                if read.blocking_send(line).is_err() {
                    return;
                }
            }
        })?;
        Ok(Self { lines, ends, is_closed: false })
    }

    /// The next of them. Cancelling it loses none.
    pub(crate) async fn next(&mut self) -> Said {
        loop {
            let [terminate, interrupt, hang_up] = &mut self.ends;
            tokio::select! {
                _ = terminate.recv() => return Said::End,
                _ = interrupt.recv() => return Said::End,
                _ = hang_up.recv() => return Said::End,
                line = self.lines.recv(), if !self.is_closed => match line {
                    Some(line) => return Said::Line(line),
                    None => self.is_closed = true,
                }
            }
        }
    }
}

/// Prints one JSON object in one line. An error is a reader that has gone.
pub(crate) fn print(object: &Value) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{object}")?;
    out.flush()
}
