//! What happened, kept short: a hash of all of it, and the last happenings of each instance.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::io::Write as _;
use std::time::{Duration, Instant};

use protocol::datagram::{Command, Event};

use crate::world::{Seen, World, about};

/// Happenings kept of each instance.
const KEPT: usize = 30;

/// What happened in a run.
#[derive(Debug)]
pub(super) struct Trace {
    begin: Instant,
    hash: u64,
    kept: Vec<Kept>,
    /// Happenings of the host are kept after those of the instances.
    print: Print,
    text: String,
}

/// Which happenings are printed while they happen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Print {
    /// None.
    #[default]
    Nothing,
    /// Those of one instance, and of the host.
    Only(usize),
    /// All.
    All,
}

#[derive(Debug, Default)]
struct Kept {
    lines: VecDeque<(Instant, String)>,
    challenges: u32,
    first: Option<Instant>,
    last: Option<Instant>,
}

impl Trace {
    pub(super) fn new(begin: Instant, instances: usize, print: Print) -> Self {
        let kept = std::iter::repeat_with(Kept::default).take(instances + 1).collect();
        Self { begin, hash: 0xcbf2_9ce4_8422_2325, kept, print, text: String::new() }
    }

    /// A number that two runs have in common only if the same happened.
    pub(super) fn hash(&self) -> u64 {
        self.hash
    }

    /// Takes what was seen.
    pub(super) fn see(&mut self, world: &World, seen: &Seen) {
        self.see_on(None, world, seen);
    }

    /// Takes what was seen on one host of several.
    pub(super) fn see_on(&mut self, host: Option<usize>, world: &World, seen: &Seen) {
        let now = world.now();
        if let Seen::Challenge { number, value, .. } = seen {
            self.mix(*number as u64 ^ u64::from(*value) << 32);
            return self.kept[*number].challenge(now);
        }
        let mut text = std::mem::take(&mut self.text);
        text.clear();
        if let Some(host) = host {
            write!(text, "compute-{host}: ").expect("writing to memory");
        }
        let number = describe(world, seen, &mut text);
        if is_common(seen) {
            self.mix_text(&text);
        } else {
            self.put(now, number, &text);
        }
        self.text = text;
    }

    /// Takes something that was done to an instance, or to the host.
    pub(super) fn put(&mut self, now: Instant, number: Option<usize>, text: &str) {
        self.mix_text(text);
        self.mix(u64::try_from((now - self.begin).as_nanos()).unwrap_or(u64::MAX));
        let host = self.kept.len() - 1;
        let line = self.kept[number.unwrap_or(host)].put(now, text);
        let wanted = match self.print {
            Print::Nothing => false,
            Print::All => true,
            Print::Only(only) => number.is_none_or(|number| number == only),
        };
        if wanted {
            let who = number.map_or("host".to_owned(), |number| format!("instance {number}"));
            if let Some(before) = line {
                say(format_args!("{} {who}: {before}", clock(now - self.begin)));
            }
            say(format_args!("{} {who}: {text}", clock(now - self.begin)));
        }
    }

    /// The last happenings of an instance and of the host, in order.
    pub(super) fn last_of(&mut self, number: Option<usize>) -> Vec<String> {
        let host = self.kept.len() - 1;
        let mut lines = Vec::new();
        for kept in number.into_iter().chain([host]) {
            self.kept[kept].flush();
            let host = kept == host;
            lines.extend(self.kept[kept].lines.iter().map(|(at, text)| (*at, host, text.clone())));
        }
        lines.sort_by_key(|(at, ..)| *at);
        let line = |(at, host, text): &(Instant, bool, String)| {
            format!("{} {}{text}", clock(*at - self.begin), if *host { "[host] " } else { "" })
        };
        lines.iter().map(line).collect()
    }

    fn mix_text(&mut self, text: &str) {
        for piece in text.as_bytes().chunks(8) {
            let mut word = [0; 8];
            word[..piece.len()].copy_from_slice(piece);
            self.mix(u64::from_le_bytes(word));
        }
    }

    fn mix(&mut self, word: u64) {
        self.hash = (self.hash ^ word).wrapping_mul(0x0100_0000_01b3).rotate_left(23);
    }
}

impl Kept {
    fn challenge(&mut self, now: Instant) {
        self.challenges += 1;
        self.first.get_or_insert(now);
        self.last = Some(now);
    }

    /// The challenges since the last line, as a line.
    fn flush(&mut self) -> Option<&str> {
        let (first, last) = (self.first.take()?, self.last.take()?);
        let count = std::mem::take(&mut self.challenges);
        let text = format!("{count} challenges, the last {} later", clock(last - first));
        self.push(first, text);
        self.lines.back().map(|(_, text)| text.as_str())
    }

    fn put(&mut self, now: Instant, text: &str) -> Option<String> {
        let before = self.flush().map(str::to_owned);
        self.push(now, text.to_owned());
        before
    }

    fn push(&mut self, at: Instant, text: String) {
        if self.lines.len() == KEPT {
            self.lines.pop_front();
        }
        self.lines.push_back((at, text));
    }
}

/// Prints a line, as long as somebody reads them.
fn say(line: std::fmt::Arguments<'_>) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

/// Whether there are too many of its kind to be worth keeping.
fn is_common(seen: &Seen) -> bool {
    match seen {
        Seen::Report { event: Event::QueryResponse(_), .. } => true,
        Seen::ServerLate(late) => *late < Duration::from_millis(200),
        _ => false,
    }
}

/// A time of the run, for people.
pub(super) fn clock(time: Duration) -> String {
    let secs = time.as_secs();
    let (h, m, s) = (secs / 3600, secs / 60 % 60, secs % 60);
    format!("{h}:{m:02}:{s:02}.{:06}", time.subsec_micros())
}

/// Puts it into words; gives the instance that it is about.
fn describe(world: &World, seen: &Seen, text: &mut String) -> Option<usize> {
    let (number, written) = match seen {
        Seen::ServerStarted => (None, write!(text, "guestServer starts")),
        Seen::ServerEnded => (None, write!(text, "guestServer ends")),
        Seen::ServerLate(late) => (None, write!(text, "guestServer runs {late:?} late")),
        Seen::Command(command) => return describe_command(world, command, text),
        Seen::Report { event, phase, .. } => {
            let number = about(event).and_then(|id| world.number_of(id));
            (number, write!(text, "{phase:?}: reports {event:?}"))
        }
        Seen::Challenge { number, .. } => (Some(*number), write!(text, "challenge")),
        Seen::Acknowledged { number } => (Some(*number), write!(text, "init taken")),
        Seen::Notified { number, event, kind } => {
            (Some(*number), write!(text, "asks the guest about {event} ({kind})"))
        }
        Seen::Connected { number } => (Some(*number), write!(text, "connected")),
        Seen::Closed { number } => (Some(*number), write!(text, "connection ended")),
        Seen::Note { about, note } => {
            (about.and_then(|id| world.number_of(id)), write!(text, "log: {note}"))
        }
        Seen::Nonsense { number, why } => (Some(*number), write!(text, "nonsense: {why}")),
    };
    written.expect("writing to memory");
    number
}

fn describe_command(world: &World, command: &Command, text: &mut String) -> Option<usize> {
    let instance = match command {
        Command::AddInstance { uuid, .. }
        | Command::DeleteInstance { uuid }
        | Command::ModifyInstance { uuid, .. }
        | Command::Vote { uuid, .. }
        | Command::Notify { uuid, .. } => Some(*uuid),
        Command::QueryInstances | Command::ModifyHost { .. } | Command::Loopback => None,
    };
    write!(text, "takes {command:?}").expect("writing to memory");
    instance.and_then(|uuid| world.number_of(uuid))
}
