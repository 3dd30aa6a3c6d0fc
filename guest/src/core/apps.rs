//! The applications: who is connected, who is registered, and who went without a word.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use protocol::Random;
use protocol::application::{
    APPLICATIONS_MAX, ActionNotify, ActionResponse, Frame, FrameDecoder, Init, LogText, Message,
};
use protocol::channel::CorrectiveAction;
use protocol::limits::INT_MAX;

use super::app::{App, Due};
use super::guest::AppKey;
use super::health::HealthReport;
use super::io::Note;
use super::pace::Pace;
use super::question::Question;

/// Connections at once, registered or not; one more takes the place of the oldest that is not.
pub const CONNECTIONS_MAX: usize = 64;
/// Time that a connection has to register.
const REGISTER: Duration = Duration::from_secs(10);
/// Time that a crash counts, unless an application of that name registers before.
const CRASH: Duration = Duration::from_mins(1);

/// What it means that an application's connection ends without notice (`APPLICATION_CRASH`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ApplicationCrash {
    /// Unhealthy with action `log`.
    #[default]
    Log,
    /// After two of its intervals unhealthy with its own corrective action.
    Action,
    /// Nothing, as deployed clients have it.
    Ignore,
}

/// Everyone who is or was connected and still counts.
#[derive(Debug, Default)]
pub(super) struct Apps {
    connections: BTreeMap<AppKey, Connection>,
    crashed: Vec<Crashed>,
}

#[derive(Debug)]
struct Connection {
    decoder: FrameDecoder,
    sequence: u32,
    seat: Seat,
}

#[derive(Debug)]
enum Seat {
    /// It has not registered yet.
    Waiting { until: Instant },
    /// It has.
    Registered(Box<App>),
}

/// An application that is gone without a word.
#[derive(Debug)]
struct Crashed {
    name: String,
    /// When this begins to count.
    from: Instant,
    /// When it ends.
    until: Instant,
    report: HealthReport,
}

/// What comes of an input.
#[derive(Debug)]
pub(super) enum Effect {
    /// Send this.
    Send { to: AppKey, sequence: u32, message: Message },
    /// Close this connection; nothing more is heard of it.
    Close(AppKey),
    /// It answered an event.
    Answered(AppKey, ActionResponse),
    /// It is registered no more.
    Gone(AppKey),
    /// Say this.
    Note(Note),
}

impl Apps {
    /// How many are registered.
    pub(super) fn registered(&self) -> usize {
        self.registrations().count()
    }

    fn registrations(&self) -> impl Iterator<Item = (AppKey, &App)> {
        self.connections.iter().filter_map(|(key, connection)| match &connection.seat {
            Seat::Registered(app) => Some((*key, &**app)),
            Seat::Waiting { .. } => None,
        })
    }

    /// What each says of its health, in the order in which they connected, and then what is said of
    /// those that crashed.
    pub(super) fn reports(&self, now: Instant) -> impl Iterator<Item = &HealthReport> {
        let crashed = self.crashed.iter().filter(move |crashed| crashed.from <= now);
        let registered = self.registrations().map(|(_, app)| app.report());
        registered.chain(crashed.map(|crashed| &crashed.report))
    }

    pub(super) fn connected(&mut self, now: Instant, key: AppKey, effects: &mut Vec<Effect>) {
        if self.connections.len() == CONNECTIONS_MAX {
            let waits = |(_, c): &(&AppKey, &Connection)| matches!(c.seat, Seat::Waiting { .. });
            let oldest = self.connections.iter().find(waits).map(|(key, _)| *key);
            // There are more places than applications may register.
            self.close(oldest.unwrap_or(key), effects);
        }
        let seat = Seat::Waiting { until: now + REGISTER };
        let decoder = FrameDecoder::default();
        self.connections.insert(key, Connection { decoder, sequence: 0, seat });
    }

    pub(super) fn received(
        &mut self,
        now: Instant,
        key: AppKey,
        bytes: &[u8],
        effects: &mut Vec<Effect>,
    ) {
        let Some(connection) = self.connections.get_mut(&key) else { return };
        let mut decoder = std::mem::take(&mut connection.decoder);
        decoder.feed(bytes, |frame| self.frame(now, key, frame, effects));
        if let Some(connection) = self.connections.get_mut(&key) {
            connection.decoder = decoder;
        }
    }

    fn frame(&mut self, now: Instant, key: AppKey, frame: Frame, effects: &mut Vec<Effect>) {
        match frame.message {
            Message::Init(init) => self.init(now, key, init, effects),
            Message::Final(log_msg) => self.deregister(key, log_msg, effects),
            Message::ChallengeResponse(answer) => {
                let Some(app) = self.app(key) else { return };
                let was_ill = app.report().is_unhealthy();
                if app.answered(now, &answer) && was_ill != app.report().is_unhealthy() {
                    effects.push(Effect::Note(app_note(app)));
                }
            }
            Message::ActionResponse(answer) => {
                if self.app(key).is_some() {
                    effects.push(Effect::Answered(key, answer));
                }
            }
            // Ours to send: from an application they mean nothing.
            Message::InitAck { .. } | Message::Challenge(_) | Message::ActionNotify(_) => {}
        }
    }

    fn app(&mut self, key: AppKey) -> Option<&mut App> {
        match &mut self.connections.get_mut(&key)?.seat {
            Seat::Registered(app) => Some(app),
            Seat::Waiting { .. } => None,
        }
    }

    /// Registers it, or anew with other values. One that is refused is told so and closed.
    fn init(&mut self, now: Instant, key: AppKey, init: Init, effects: &mut Vec<Effect>) {
        let Some(connection) = self.connections.get(&key) else { return };
        let again = matches!(connection.seat, Seat::Registered(_));
        let name = init.application_name.clone();
        let full = !again && self.registered() == APPLICATIONS_MAX;
        let app = App::new(now, init).filter(|_| !full);
        let accepted = app.is_some();
        self.send(key, Message::InitAck { accepted }, effects);
        let Some(app) = app else {
            let why = if full { "too many are registered" } else { "its interval is too short" };
            effects.push(Effect::Note(Note::ApplicationRefused { name, why }));
            return self.leave(key, effects);
        };
        self.crashed.retain(|crashed| crashed.name != app.name());
        if let Some(connection) = self.connections.get_mut(&key) {
            connection.seat = Seat::Registered(Box::new(app));
        }
        if again {
            effects.push(Effect::Gone(key));
        }
        effects.push(Effect::Note(Note::ApplicationRegistered { name }));
    }

    fn deregister(&mut self, key: AppKey, log_msg: LogText, effects: &mut Vec<Effect>) {
        let Some(app) = self.app(key) else { return self.close(key, effects) };
        let name = app.name().into();
        effects.push(Effect::Note(Note::ApplicationLeft { name, log_msg }));
        self.leave(key, effects);
    }

    fn leave(&mut self, key: AppKey, effects: &mut Vec<Effect>) {
        if self.app(key).is_some() {
            effects.push(Effect::Gone(key));
        }
        self.close(key, effects);
    }

    fn close(&mut self, key: AppKey, effects: &mut Vec<Effect>) {
        self.connections.remove(&key);
        effects.push(Effect::Close(key));
    }

    /// Its connection ended.
    pub(super) fn closed(
        &mut self,
        now: Instant,
        key: AppKey,
        crash: ApplicationCrash,
        effects: &mut Vec<Effect>,
    ) {
        let Some(connection) = self.connections.remove(&key) else { return };
        let Seat::Registered(app) = connection.seat else { return };
        effects.push(Effect::Gone(key));
        effects.push(Effect::Note(Note::ApplicationCrashed { name: app.name().into() }));
        let (delay, action) = match crash {
            ApplicationCrash::Log => (Duration::ZERO, CorrectiveAction::Log),
            ApplicationCrash::Action => (app.patience(), app.corrective_action()),
            ApplicationCrash::Ignore => return,
        };
        let log_msg = format!("Application {} closed without notice", app.name());
        let report = HealthReport::unhealthy(action, &log_msg);
        let from = now + delay;
        if self.crashed.len() == APPLICATIONS_MAX {
            self.crashed.remove(0);
        }
        self.crashed.push(Crashed { name: app.name().into(), from, until: from + CRASH, report });
    }

    /// Everyone registered is asked; the question remembers whom.
    pub(super) fn ask(
        &mut self,
        now: Instant,
        question: &mut Question,
        random: &mut Random,
        effects: &mut Vec<Effect>,
    ) {
        let (event, kind) = (question.notify().event_type, question.notify().notification_type);
        let keys: Vec<AppKey> = self.registrations().map(|(key, _)| key).collect();
        for key in keys {
            let Some(app) = self.app(key) else { continue };
            let (name, time) = (app.name().to_owned(), app.time_for(event, kind));
            let invocation_id = random() & INT_MAX;
            question.asked(now, key, invocation_id, name, time);
            let notification_type = Some(kind);
            let notify = ActionNotify { invocation_id, event_type: event, notification_type };
            self.send(key, Message::ActionNotify(notify), effects);
        }
    }

    pub(super) fn next_deadline(&self) -> Option<Instant> {
        let connections = self.connections.values().map(|connection| match &connection.seat {
            Seat::Waiting { until } => *until,
            Seat::Registered(app) => app.next_deadline(),
        });
        connections.chain(self.crashed.iter().map(|crashed| crashed.until)).min()
    }

    /// When a crash begins to count, if that is to come.
    pub(super) fn next_crash(&self, now: Instant) -> Option<Instant> {
        self.crashed.iter().map(|crashed| crashed.from).filter(|from| *from > now).min()
    }

    pub(super) fn handle_deadline(
        &mut self,
        now: Instant,
        pace: &Pace,
        random: &mut Random,
        effects: &mut Vec<Effect>,
    ) {
        self.crashed.retain(|crashed| crashed.until > now);
        let keys: Vec<AppKey> = self.connections.keys().copied().collect();
        for key in keys {
            let Some(connection) = self.connections.get_mut(&key) else { continue };
            let due = match &mut connection.seat {
                Seat::Waiting { until } if *until <= now => {
                    self.close(key, effects);
                    continue;
                }
                Seat::Waiting { .. } => continue,
                Seat::Registered(app) => {
                    let was_ill = app.report().is_unhealthy();
                    let due = app.handle_deadline(now, pace, random);
                    if was_ill != app.report().is_unhealthy() {
                        effects.push(Effect::Note(app_note(app)));
                    }
                    due
                }
            };
            match due {
                Due::Challenge(value) | Due::Silent(value) => {
                    self.send(key, Message::Challenge(value), effects);
                }
                Due::Nothing => {}
            }
        }
    }

    fn send(&mut self, to: AppKey, message: Message, effects: &mut Vec<Effect>) {
        let Some(connection) = self.connections.get_mut(&to) else { return };
        connection.sequence = connection.sequence.wrapping_add(1);
        let sequence = connection.sequence;
        effects.push(Effect::Send { to, sequence, message });
    }
}

fn app_note(app: &App) -> Note {
    Note::ApplicationHealth { name: app.name().into(), report: app.report().clone() }
}
