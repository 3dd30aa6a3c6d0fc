//! The end of it: an object for programs, a summary for people.

use std::time::{Duration, Instant};

use serde::Serialize;

use super::Look;
use super::play::Play;
use super::roles::{self, HOST_IPS};
use super::scene::{Scene, What};
use super::text::{Line, Style, mark, wrap};
use super::told::Kind;
use super::usage::{Usage, Usages};
use super::words;
use crate::vim::Counts;

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
    /// What the VIM heard and did.
    pub vim: Vim,
    /// guestAgent.
    pub agent: Daemon,
    /// Each host with its guestServer.
    pub hosts: Vec<Host>,
}

/// Something that was done to a guest.
#[derive(Debug, Clone, Serialize)]
pub struct SceneReport {
    /// The guest's name.
    pub guest: String,
    /// Its host.
    pub host: String,
    /// What was done, in one word.
    pub action: &'static str,
    /// Whether it was a fault: otherwise the end of one, or something that the VIM does.
    pub fault: bool,
    /// What was done.
    pub done: &'static str,
    /// What the specification says is right.
    pub expected: String,
    /// What the VIM was told.
    pub events: Vec<EventReport>,
    /// What was detected, in words.
    pub detected: String,
    /// Who detected it and by what, in words.
    pub found_by: Option<String>,
    /// Why, in the guest's words, if it said.
    pub reason: Option<String>,
    /// From what was done to the event that matters, if it came.
    pub after_ms: Option<f64>,
    /// Whether it was right.
    pub right: bool,
    #[serde(skip)]
    short: &'static str,
}

/// An event as the VIM understood it.
#[derive(Debug, Clone, Serialize)]
pub struct EventReport {
    /// Its name.
    pub event: &'static str,
    /// What the VIM makes of it, if that is more than to know it.
    pub so: Option<String>,
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
    /// Its host.
    pub host: String,
    /// Its uuid.
    pub uuid: String,
    /// Its state.
    pub state: &'static str,
    /// Heartbeats of it.
    pub heartbeats: u64,
    /// From its client's first start to its first heartbeat as reported.
    pub first_heartbeat_after_ms: Option<f64>,
}

/// What the VIM heard and did.
#[derive(Debug, Clone, Serialize)]
pub struct Vim {
    /// How often it was told that an instance heartbeats, or does not any more.
    pub statuses: u64,
    /// How often it was told of a failure.
    pub alarms: u64,
    /// Answers of guests to votes and notifications.
    pub answers: u64,
    /// Commands that it gave.
    pub commands: u64,
    /// Events about instances that do not exist.
    pub stray_events: u64,
    /// What went wrong between the VIM and guestAgent.
    pub mishaps: Vec<String>,
}

/// A host with its guestServer.
#[derive(Debug, Clone, Serialize)]
pub struct Host {
    /// Its name.
    pub hostname: String,
    /// Where its guestServer listens.
    pub ip: &'static str,
    /// The guestServer.
    pub server: Daemon,
}

/// guestAgent or a guestServer.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Daemon {
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
    /// `ended`: how long guestAgent and then each guestServer took to end.
    pub(super) fn new(
        play: &Play,
        end: Instant,
        usages: &Usages,
        counts: Counts,
        ended: &[Option<Duration>],
    ) -> Self {
        let scenes = play.scenes.iter().filter(|scene| scene.what != What::Start);
        let all_ended = ended.iter().all(Option::is_some);
        let mut ended = ended.iter().map(|ended| ended.map(ms));
        let mut daemon =
            |usage: &Usage| Daemon { usage: *usage, ended_after_ms: ended.next().flatten() };
        let agent = daemon(&usages.agent);
        let servers = usages.servers.iter().map(daemon);
        let hosts = HOST_IPS.into_iter().zip(servers).enumerate();
        Self {
            right: play.is_right() && all_ended,
            interval_ms: u64::try_from(play.interval.as_millis()).unwrap_or(u64::MAX),
            seconds: end.saturating_duration_since(play.started).as_secs_f64(),
            heartbeats: play.guests.iter().map(|guest| guest.beats).sum(),
            scenes: scenes.map(|scene| SceneReport::new(play, scene)).collect(),
            untouched: Untouched::new(play),
            instances: (0..play.guests.len()).map(|guest| Instance::new(play, guest)).collect(),
            vim: Vim::new(play, counts),
            agent,
            hosts: hosts.map(|(host, (ip, server))| Host::new(host, ip, server)).collect(),
        }
    }

    /// The summary, to be printed.
    pub fn text(&self, look: Look, columns: usize) -> String {
        let mut lines = vec![Line::default(), self.headline(), Line::default()];
        lines.extend(self.scenes.iter().flat_map(|scene| scene.told(look, columns)));
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
                ": {guests} guests on {} hosts, a heartbeat every {} ms, {:.0} s",
                self.hosts.len(),
                self.interval_ms,
                self.seconds
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
        let daemons = std::iter::once(&self.agent).chain(self.hosts.iter().map(|it| &it.server));
        let slowest = daemons.map(|daemon| daemon.ended_after_ms);
        let slowest = slowest.reduce(|a, b| Some(a?.max(b?))).flatten();
        let ended = match slowest {
            Some(ms) => format!("ended after {ms:.0} ms"),
            None => "one is still there after a second".to_owned(),
        };
        lines.extend(told(slowest.is_some(), "daemons told to end", &ended, look, columns));
        let silent = self.instances.iter().filter(|guest| guest.state != "heartbeating");
        for guest in silent {
            lines.extend(told(false, &guest.name, "does not heartbeat in the end", look, columns));
        }
        if self.vim.stray_events > 0 {
            let count = self.vim.stray_events;
            let what = format!("{count} events about instances that do not exist");
            lines.extend(told(false, "the VIM was told", &what, look, columns));
        }
        let mishaps = self.vim.mishaps.iter();
        lines.extend(mishaps.flat_map(|what| told(false, "the VIM", what, look, columns)));
        lines
    }

    fn conclusion(&self, look: Look, columns: usize) -> Vec<Line> {
        let servers = self.hosts.iter().map(|host| host.server.usage);
        let servers = Usages { agent: self.agent.usage, servers: servers.collect() };
        let all = servers.all_servers();
        let numbers = format!(
            "{} heartbeats were exchanged, the VIM was told {} things and gave {} commands. For \
             that the guestServers used {:.3} s of CPU and {:.1} MB together, guestAgent {:.3} s \
             and {:.1} MB.",
            self.heartbeats,
            self.vim.statuses + self.vim.alarms + self.vim.answers,
            self.vim.commands,
            all.cpu_seconds,
            all.megabytes(),
            self.agent.usage.cpu_seconds,
            self.agent.usage.megabytes(),
        );
        let mut lines: Vec<Line> = wrap(&numbers, columns).into_iter().map(Line::plain).collect();
        let (style, _) = mark(self.right, look);
        let verdict = if self.right {
            "All right: the VIM heard of every failure and of nothing else, the guests were asked \
             and told, all heartbeat again."
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
            event: kind.word(),
            so: kind.consequence().map(|so| so.to_string()),
            after_ms: after(*at),
        };
        Self {
            guest: play.guests[scene.guest].name.clone(),
            host: roles::hostname(scene.host),
            action: scene.what.key(),
            fault: scene.what.is_fault(),
            done: scene.what.done(),
            expected: scene.what.rule(play.interval),
            events: scene.events.iter().map(event).collect(),
            detected: verdict.map(|verdict| verdict.detected.clone()).unwrap_or_default(),
            found_by: words::found_by(scene),
            reason: (!scene.reason.is_empty()).then(|| scene.reason.clone()),
            after_ms: verdict.and_then(|verdict| verdict.after).map(ms),
            right: verdict.is_some_and(|verdict| verdict.right),
            short: scene.what.short(),
        }
    }

    fn told(&self, look: Look, columns: usize) -> Vec<Line> {
        let by = self.found_by.as_ref().map(|by| format!(" ({by})")).unwrap_or_default();
        let detected = format!("{}{by}", self.detected);
        told(self.right, &format!("{} {}", self.guest, self.short), &detected, look, columns)
    }
}

impl Vim {
    fn new(play: &Play, counts: Counts) -> Self {
        Self {
            statuses: counts.statuses,
            alarms: counts.alarms,
            answers: counts.answers,
            commands: counts.commands,
            stray_events: play.strangers,
            mishaps: play.mishaps.clone(),
        }
    }
}

impl Host {
    fn new(host: usize, ip: &'static str, server: Daemon) -> Self {
        Self { hostname: roles::hostname(host), ip, server }
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
            host: roles::hostname(guest.host),
            uuid: guest.id.to_string(),
            state: guest.state.as_str(),
            heartbeats: guest.beats,
            first_heartbeat_after_ms: verdict.and_then(|verdict| verdict.after).map(ms),
        }
    }
}
