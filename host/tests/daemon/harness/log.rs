//! The daemon's log, read as it is written.

use std::io::{BufRead, BufReader, Read};
use std::sync::mpsc::{Receiver, channel};

use super::PATIENCE;

/// Lines read by a thread, so that the daemon is never held up.
pub(crate) struct Log {
    lines: Receiver<String>,
    seen: Vec<String>,
}

impl Log {
    pub(crate) fn of(source: impl Read + Send + 'static) -> Self {
        let (read, lines) = channel();
        std::thread::spawn(move || {
            let lines = BufReader::new(source).split(b'\n').map_while(Result::ok);
            for line in lines {
                let _ = read.send(String::from_utf8_lossy(&line).into_owned());
            }
        });
        Self { lines, seen: Vec::new() }
    }

    /// The next line that has `text`.
    pub(crate) fn find(&mut self, text: &str) -> String {
        loop {
            let Ok(line) = self.lines.recv_timeout(PATIENCE) else {
                panic!("no {text:?} in the log");
            };
            self.seen.push(line.clone());
            if line.contains(text) {
                return line;
            }
        }
    }

    /// Everything until now.
    pub(crate) fn all(&mut self) -> &[String] {
        self.seen.extend(self.lines.try_iter());
        &self.seen
    }

    /// The last lines until the daemon's end.
    pub(crate) fn end(&mut self) -> Vec<String> {
        const SHOWN: usize = 50;
        let mut lines = self.rest();
        lines.split_off(lines.len().saturating_sub(SHOWN))
    }

    /// Everything until the daemon's end.
    pub(crate) fn rest(&mut self) -> Vec<String> {
        self.seen.extend(self.lines.iter());
        std::mem::take(&mut self.seen)
    }
}
