//! The end of it: an object for programs, a summary for people.

use std::time::{Duration, Instant};

use serde::Serialize;

use super::Look;
use super::play::{Kind, Play};
use super::scene::{Scene, What};
use super::text::{Line, Style, mark, wrap};
use super::usage::Usage;

/// What the demo showed.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// Whether all of it was right.
    pub right: bool,
    /// The guests' heartbeat interval.
    pub interval_ms: u64,
    /// How long it took.
    pub seconds: f64,
    /// Heartbeats of all guests.
    pub heartbeats: u64,
    /// What was done to guests and what followed, in order.
    pub scenes: Vec<SceneReport>,
    /// The guests to which nothing was done.
    pub untouched: Untouched,
    /// Each guest at the end.
    pub instances: Vec<Instance>,
    /// Events about instances that do not exist.
    pub stray_events: u64,
    /// guestServer.
    pub server: Server,
}

/// Something that was done to a guest.
#[derive(Debug, Clone, Serialize)]
pub struct SceneReport {
    /// The guest's name.
    pub guest: String,
    /// What was done, in one word.
    pub action: &'static str,
    /// Whether it was a fault: otherwise the end of one.
    pub fault: bool,
    /// What was done.
    pub done: &'static str,
    /// What the specification says is right.
    pub expected: String,
    /// What guestServer reported.
    pub events: Vec<EventReport>,
    /// What was detected, in words.
    pub detected: String,
    /// From what was done to the event that matters, if it came.
    pub after_ms: Option<f64>,
    /// Whether it was right.
    pub right: bool,
    #[serde(skip)]
    short: &'static str,
}

/// An event of guestServer.
#[derive(Debug, Clone, Serialize)]
pub struct EventReport {
    /// Its name.
    pub event: &'static str,
    /// How long after what was done.
    pub after_ms: f64,
}

/// The guests to which nothing was done.
#[derive(Debug, Clone, Serialize)]
pub struct Untouched {
    /// Their names.
    pub guests: Vec<String>,
    /// Heartbeats of them.
    pub heartbeats: u64,
    /// Whether nothing was reported about them but that they heartbeat.
    pub right: bool,
}

/// A guest at the end.
#[derive(Debug, Clone, Serialize)]
pub struct Instance {
    /// Its name.
    pub name: String,
    /// Its uuid.
    pub uuid: String,
    /// Its state.
    pub state: &'static str,
    /// Heartbeats of it.
    pub heartbeats: u64,
    /// From its client's first start to its first heartbeat as reported.
    pub first_heartbeat_after_ms: Option<f64>,
}

/// guestServer.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Server {
    /// What it used.
    #[serde(flatten)]
    pub usage: Usage,
    /// How long it took to end after SIGTERM; `None`: it did not within a second.
    pub ended_after_ms: Option<f64>,
}

/// Milliseconds with three decimals.
fn ms(time: Duration) -> f64 {
    (time.as_secs_f64() * 1_000_000.0).round() / 1000.0
}

impl Report {
    pub(super) fn new(play: &Play, end: Instant, usage: Usage, ended: Option<Duration>) -> Self {
        let scene = |scene| SceneReport::new(play, scene);
        let scenes = play.scenes.iter().filter(|scene| scene.what != What::Start);
        Self {
            right: play.is_right() && ended.is_some(),
            interval_ms: u64::try_from(play.interval.as_millis()).unwrap_or(u64::MAX),
            seconds: end.saturating_duration_since(play.started).as_secs_f64(),
            heartbeats: play.guests.iter().map(|guest| guest.beats).sum(),
            scenes: scenes.map(scene).collect(),
            untouched: Untouched::new(play),
            instances: (0..play.guests.len()).map(|guest| Instance::new(play, guest)).collect(),
            stray_events: play.strangers,
            server: Server { usage, ended_after_ms: ended.map(ms) },
        }
    }

    /// The summary, to be printed.
    pub fn text(&self, look: Look, columns: usize) -> String {
        let mut lines = vec![Line::default(), self.headline(), Line::default()];
        let scenes = self.scenes.iter();
        lines.extend(scenes.flat_map(|scene| {
            told(
                scene.right,
                &format!("{} {}", scene.guest, scene.short),
                &scene.detected,
                look,
                columns,
            )
        }));
        lines.extend(self.rest(look, columns));
        lines.push(Line::default());
        lines.extend(self.conclusion(look, columns));
        lines.iter().map(|line| line.paint(look) + "\n").collect()
    }

    fn headline(&self) -> Line {
        let guests = self.instances.len();
        Line::default().put(Style::Bold, "guest-sim demo").put(
            Style::Plain,
            format!(
                ": {guests} guests, a heartbeat every {} ms, {:.0} s",
                self.interval_ms, self.seconds
            ),
        )
    }

    /// What is no scene.
    fn rest(&self, look: Look, columns: usize) -> Vec<Line> {
        let mut lines = Vec::new();
        let others = &self.untouched;
        if let [first, rest @ ..] = &others.guests[..] {
            let who = rest.last().map_or(first.clone(), |last| format!("{first} to {last}"));
            let what = format!("{} heartbeats, nothing else to report", others.heartbeats);
            let wrong = "something was reported about guests to which nothing was done";
            let what = if others.right { what } else { wrong.to_owned() };
            lines.extend(told(others.right, &format!("{who} untouched"), &what, look, columns));
        }
        let ended = match self.server.ended_after_ms {
            Some(ms) => format!("ended after {ms:.0} ms"),
            None => "still there after a second".to_owned(),
        };
        let right = self.server.ended_after_ms.is_some();
        lines.extend(told(right, "guestServer told to end", &ended, look, columns));
        let silent = self.instances.iter().filter(|guest| guest.state != "heartbeating");
        for guest in silent {
            lines.extend(told(false, &guest.name, "does not heartbeat in the end", look, columns));
        }
        if self.stray_events > 0 {
            let what = format!("{} events about instances that do not exist", self.stray_events);
            lines.extend(told(false, "guestServer", &what, look, columns));
        }
        lines
    }

    fn conclusion(&self, look: Look, columns: usize) -> Vec<Line> {
        let usage = &self.server.usage;
        let numbers = format!(
            "{} heartbeats were exchanged. For all of them guestServer used {:.3} s of CPU ({:.2} % \
             of one) and {:.1} MB of memory.",
            self.heartbeats,
            usage.cpu_seconds,
            100.0 * usage.cpu_seconds / self.seconds.max(0.001),
            super::view::megabytes(usage),
        );
        let mut lines: Vec<Line> = wrap(&numbers, columns).into_iter().map(Line::plain).collect();
        let (style, _) = mark(self.right, look);
        let verdict = if self.right {
            "All right: the dead were found, nobody alive was lost, all heartbeat again."
        } else {
            "Not all was right: see the marks above."
        };
        lines.extend(
            wrap(verdict, columns).into_iter().map(|text| Line::default().put(style, text)),
        );
        lines
    }
}

/// A mark, what it is about, what was detected.
fn told(right: bool, what: &str, detected: &str, look: Look, columns: usize) -> Vec<Line> {
    let (style, mark) = mark(right, look);
    let indent = mark.chars().count() + 2;
    let text = format!("{what}: {detected}");
    let texts = wrap(&text, columns.saturating_sub(indent));
    let lines = texts.into_iter().enumerate().map(|(index, text)| {
        let mark = if index == 0 { mark } else { "" };
        Line::plain(" ")
            .put(style, format!("{mark:<width$}", width = indent - 1))
            .put(Style::Plain, text)
    });
    lines.collect()
}

impl SceneReport {
    fn new(play: &Play, scene: &Scene) -> Self {
        let after = |at: Instant| ms(at.saturating_duration_since(scene.at));
        let verdict = scene.verdict.as_ref();
        let event = |(at, kind): &(Instant, Kind)| EventReport {
            event: kind.as_str(),
            after_ms: after(*at),
        };
        Self {
            guest: play.guests[scene.guest].name.clone(),
            action: scene.what.key(),
            fault: scene.what.is_fault(),
            done: scene.what.done(),
            expected: scene.what.rule(play.interval),
            events: scene.events.iter().map(event).collect(),
            detected: verdict.map(|verdict| verdict.detected.clone()).unwrap_or_default(),
            after_ms: verdict.and_then(|verdict| verdict.after).map(ms),
            right: verdict.is_some_and(|verdict| verdict.right),
            short: scene.what.short(),
        }
    }
}

impl Untouched {
    fn new(play: &Play) -> Self {
        let guests: Vec<usize> = play.untouched().collect();
        let right = |guest: &usize| {
            let verdict = play.last_scene(*guest).and_then(|scene| scene.verdict.as_ref());
            verdict.is_some_and(|verdict| verdict.right)
        };
        Self {
            guests: guests.iter().map(|guest| play.guests[*guest].name.clone()).collect(),
            heartbeats: guests.iter().map(|guest| play.guests[*guest].beats).sum(),
            right: guests.iter().all(right),
        }
    }
}

impl Instance {
    fn new(play: &Play, guest: usize) -> Self {
        let start = play.scenes.iter().find(|s| s.guest == guest && s.what == What::Start);
        let verdict = start.and_then(|scene| scene.verdict.as_ref());
        let guest = &play.guests[guest];
        Self {
            name: guest.name.clone(),
            uuid: guest.id.to_string(),
            state: guest.state.as_str(),
            heartbeats: guest.beats,
            first_heartbeat_after_ms: verdict.and_then(|verdict| verdict.after).map(ms),
        }
    }
}
