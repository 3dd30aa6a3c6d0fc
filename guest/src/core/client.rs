//! The client's life: initial, enabling, enabled, and disabled while no host is connected.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use protocol::Random;
use protocol::channel::{
    ActionNotify, Exit, GuestMessage, HostMessage, LineDecoder, LogMsg, Nack, Refused, VoteResult,
};
use protocol::limits::INT_MAX;

use super::action::{self, OpenAction};
use super::health::Condition;
use super::io::{AskId, Cause, Input, Note, Output, State};
use super::limiter::Limiter;
use super::silence::{Silence, Verdict};
use super::timer::{Timer, Timers};
use super::{Config, Counters};

/// Time after start in which the channel may come up before the client begins without it.
const START: Duration = Duration::from_secs(1);
/// Outputs kept for the caller. One read of the shell yields fewer; beyond it the oldest goes.
const OUTPUTS_MAX: usize = 256;

/// The heartbeat client of one guest, without I/O.
pub struct Client {
    config: Config,
    random: Random,
    life: Life,
    channel_up: bool,
    handlers: bool,
    /// What was announced has changed, and is to be announced anew.
    announce: bool,
    asked: u64,
    sequence: u32,
    decoder: LineDecoder,
    timers: Timers,
    outputs: VecDeque<Output>,
    counters: Counters,
    nack_notes: Limiter,
    refusal_notes: Limiter,
    action_notes: Limiter,
}

/// [`State`] with what belongs to it.
enum Life {
    Initial,
    Enabling { last: Option<u32>, before: Option<u32> },
    Enabled { silence: Silence, condition: Condition, action: OpenAction, challenge: Option<u32> },
    Disabled,
    Left,
}

impl Client {
    /// A client that starts `now`. Times beyond their bounds are taken as the bounds.
    pub fn new(config: Config, now: Instant, random: Random) -> Self {
        let mut timers = Timers::default();
        timers.set(Timer::Start, now + START);
        Self {
            config: config.bounded(),
            random,
            life: Life::Initial,
            channel_up: false,
            handlers: false,
            announce: false,
            asked: 0,
            sequence: 0,
            decoder: LineDecoder::default(),
            timers,
            outputs: VecDeque::new(),
            counters: Counters::default(),
            nack_notes: Limiter::default(),
            refusal_notes: Limiter::default(),
            action_notes: Limiter::default(),
        }
    }

    /// Takes what happened. Nothing has an effect once the client has left.
    pub fn handle(&mut self, now: Instant, input: Input<'_>) {
        if matches!(self.life, Life::Left) {
            return;
        }
        match input {
            Input::ChannelUp => self.channel_up(now),
            Input::ChannelDown => self.channel_down(),
            Input::Received(bytes) => self.received(now, bytes),
            Input::Health(report) => {
                if let Life::Enabled { condition, .. } = &mut self.life {
                    condition.update(report);
                }
            }
            Input::Handlers { registered } => self.handlers = registered,
            Input::EventAnswer { id, vote_result, log_msg } => {
                self.handlers_answered(now, id, vote_result, log_msg);
            }
            Input::Reconfigured(config) => self.reconfigured(now, config),
            Input::Stop => self.leave(),
        }
    }

    /// Does what is due at `now`.
    pub fn handle_deadline(&mut self, now: Instant) {
        for timer in Timer::ALL {
            if let Some(late) = self.timers.expire(timer, now) {
                self.fire(now, timer, late);
            }
        }
    }

    /// When [`handle_deadline`](Self::handle_deadline) is to be called at the latest.
    pub fn next_deadline(&self) -> Option<Instant> {
        self.timers.next()
    }

    /// The next thing to do, oldest first.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// Where the client stands.
    pub fn state(&self) -> State {
        match self.life {
            Life::Initial => State::Initial,
            Life::Enabling { .. } => State::Enabling,
            Life::Enabled { .. } => State::Enabled,
            Life::Disabled => State::Disabled,
            Life::Left => State::Left,
        }
    }

    /// Whether this question still waits for its answer.
    pub fn asks(&self, id: AskId) -> bool {
        matches!(&self.life, Life::Enabled { action, .. } if action.is(id))
    }

    /// What has happened so far.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    fn channel_up(&mut self, now: Instant) {
        if std::mem::replace(&mut self.channel_up, true) {
            return;
        }
        match self.life {
            // The time after start was over before the channel came: only the init is missing.
            Life::Enabling { .. } => self.send_init(now),
            _ => self.enter_enabling(now, Cause::ChannelUp),
        }
    }

    fn channel_down(&mut self) {
        if std::mem::replace(&mut self.channel_up, false) {
            self.counters.hang_ups += 1;
        }
        self.decoder.reset();
        if !matches!(self.life, Life::Disabled) {
            self.enter(Life::Disabled, Cause::ChannelDown);
        }
    }

    fn received(&mut self, now: Instant, bytes: &[u8]) {
        if !self.channel_up {
            self.counters.dropped.while_down += 1;
            return;
        }
        let mut decoder = std::mem::take(&mut self.decoder);
        let mut lines = decoder.feed(bytes);
        while let Some(line) = lines.next() {
            match HostMessage::decode(line) {
                Ok(message) => self.message(now, message),
                Err(refused) => self.refused(now, refused),
            }
        }
        self.counters.dropped.overlong = decoder.overlong();
        self.decoder = decoder;
    }

    fn message(&mut self, now: Instant, message: HostMessage) {
        match message {
            HostMessage::InitAck { invocation_id } => self.init_ack(now, invocation_id),
            HostMessage::Challenge { heartbeat_challenge } => {
                self.challenge(now, heartbeat_challenge);
            }
            HostMessage::ActionNotify(notify) => self.action_notify(now, notify),
            HostMessage::Exit(exit) => self.host_exit(now, exit),
            HostMessage::Nack(nack) => self.nack(now, nack),
        }
    }

    fn refused(&mut self, now: Instant, refused: Refused) {
        self.counters.dropped.count(&refused.refusal);
        if let Some(held_back) = self.refusal_notes.admit(now) {
            self.note(Note::Refused { refused, held_back });
        }
    }

    fn init_ack(&mut self, now: Instant, invocation_id: u32) {
        let acked = Some(invocation_id);
        match self.life {
            Life::Enabling { last, before } if acked == last || acked == before => {
                self.counters.acks += 1;
                self.enter_enabled(now);
            }
            _ => self.counters.dropped.stray_ack += 1,
        }
    }

    /// Outside enabled a challenge is a leftover of an earlier connection: no host challenges
    /// before it took an init. Of several that waited in the channel the host remembers the newest
    /// only.
    fn challenge(&mut self, now: Instant, value: u32) {
        self.counters.challenges += 1;
        let Life::Enabled { silence, challenge, .. } = &mut self.life else {
            self.counters.dropped.stale += 1;
            return;
        };
        silence.heard(now, &mut self.timers);
        if challenge.replace(value).is_some() {
            self.counters.dropped.outdated += 1;
        }
        self.timers.set(Timer::Challenge, now);
    }

    fn answer_challenge(&mut self, now: Instant) {
        let Life::Enabled { condition, challenge, .. } = &mut self.life else { return };
        let Some(value) = challenge.take() else { return };
        let answer = condition.answer(now, value, self.config.corrective_action);
        self.counters.answered += 1;
        self.send(GuestMessage::ChallengeResponse(answer));
    }

    /// What was announced is announced anew if it changed; the rest just counts from now on. An
    /// open question is answered first: its answer names the init that it belongs to.
    fn reconfigured(&mut self, now: Instant, config: Config) {
        let config = config.bounded();
        self.announce |= config.init(0) != self.config.init(0);
        self.config = config;
        if let Life::Enabled { silence, .. } = &mut self.life {
            silence.set_limit(self.config.silence());
        }
        self.announce_anew(now);
    }

    fn announce_anew(&mut self, now: Instant) {
        let asks = matches!(&self.life, Life::Enabled { action, .. } if action.is_open());
        if !self.announce || asks {
            return;
        }
        self.announce = false;
        if matches!(self.life, Life::Enabling { .. } | Life::Enabled { .. }) {
            self.enter_enabling(now, Cause::Reconfigured);
        }
    }

    fn action_notify(&mut self, now: Instant, notify: ActionNotify) {
        self.counters.actions += 1;
        let Life::Enabled { action, .. } = &mut self.life else {
            return self.respond(now, notify, VoteResult::Complete, LogMsg::default());
        };
        if !self.handlers {
            let agreed = action::agreement(notify.notification_type);
            return self.respond(now, notify, agreed, LogMsg::default());
        }
        self.asked += 1;
        let ask = action.open(AskId(self.asked), notify);
        self.timers.set(Timer::Answer, now + ask.within);
        self.push(Output::Ask(ask));
    }

    fn handlers_answered(&mut self, now: Instant, id: AskId, vote: VoteResult, log_msg: LogMsg) {
        let Life::Enabled { action, .. } = &mut self.life else { return };
        if let Some(notify) = action.close(id) {
            self.timers.stop(Timer::Answer);
            self.respond(now, notify, vote, log_msg);
        }
    }

    fn handlers_overdue(&mut self, now: Instant) {
        let Life::Enabled { action, .. } = &mut self.life else { return };
        if let Some(notify) = action.give_up() {
            let vote = action::overdue(notify.notification_type);
            self.respond(now, notify, vote, LogMsg::new("no answer within the time given"));
        }
    }

    fn respond(
        &mut self,
        now: Instant,
        notify: ActionNotify,
        vote_result: VoteResult,
        log_msg: LogMsg,
    ) {
        self.counters.action_responses += 1;
        let response = action::response(&notify, vote_result, log_msg);
        self.send(GuestMessage::ActionResponse(response));
        if let Some(held_back) = self.action_notes.admit(now) {
            self.note(Note::Answered { notify, vote_result, held_back });
        }
        self.announce_anew(now);
    }

    /// Outside enabled an exit is stale, and must not put off our inits.
    fn host_exit(&mut self, now: Instant, exit: Exit) {
        if !matches!(self.life, Life::Enabled { .. }) {
            self.counters.dropped.stale += 1;
            return;
        }
        self.counters.host_exits += 1;
        self.note(Note::HostExit(exit));
        self.enter(Life::Enabling { last: None, before: None }, Cause::HostExit);
        self.timers.set(Timer::InitRetry, now + self.config.init_retry);
    }

    fn nack(&mut self, now: Instant, nack: Nack) {
        self.counters.nacks += 1;
        if let Some(held_back) = self.nack_notes.admit(now) {
            self.note(Note::Nacked { nack, held_back });
        }
    }

    fn fire(&mut self, now: Instant, timer: Timer, late: Duration) {
        match timer {
            Timer::Start => self.enter_enabling(now, Cause::Started),
            Timer::Challenge => self.answer_challenge(now),
            Timer::InitRetry => self.send_init(now),
            Timer::Watch => {
                if let Life::Enabled { silence, .. } = &mut self.life {
                    silence.watched(now, late, &mut self.timers);
                }
            }
            Timer::Silence => self.silence(now),
            Timer::Answer => self.handlers_overdue(now),
        }
    }

    fn silence(&mut self, now: Instant) {
        let Life::Enabled { silence, .. } = &mut self.life else { return };
        match silence.judge(now, &mut self.timers) {
            Verdict::Excused => {
                self.counters.excused += 1;
                self.note(Note::Excused);
            }
            Verdict::Stopped => {
                self.counters.reinits += 1;
                self.enter_enabling(now, Cause::NoChallenge);
            }
        }
    }

    fn enter_enabling(&mut self, now: Instant, cause: Cause) {
        self.enter(Life::Enabling { last: None, before: None }, cause);
        if self.channel_up {
            self.send_init(now);
        }
    }

    fn enter_enabled(&mut self, now: Instant) {
        let silence = Silence::new(self.config.interval, self.config.silence());
        let (condition, action) = (Condition::healthy(), OpenAction::default());
        let life = Life::Enabled { silence, condition, action, challenge: None };
        self.enter(life, Cause::Acknowledged);
        if let Life::Enabled { silence, .. } = &mut self.life {
            silence.heard(now, &mut self.timers);
        }
    }

    fn leave(&mut self) {
        if matches!(self.life, Life::Enabled { .. }) {
            self.send(GuestMessage::Exit(Exit { log_msg: LogMsg::new("the client was stopped") }));
        }
        self.enter(Life::Left, Cause::Stopped);
        self.push(Output::Leave);
    }

    /// Every change of state: no timer of the old one outlives it.
    fn enter(&mut self, life: Life, cause: Cause) {
        let from = self.state();
        self.life = life;
        self.timers.stop_all();
        self.note(Note::State { from, to: self.state(), cause });
    }

    fn send_init(&mut self, now: Instant) {
        let Life::Enabling { last, before } = &mut self.life else { return };
        let invocation_id = (self.random)() & INT_MAX;
        *before = last.replace(invocation_id);
        self.counters.inits += 1;
        self.timers.set(Timer::InitRetry, now + self.config.init_retry);
        let init = self.config.init(invocation_id);
        self.send(GuestMessage::Init(init));
    }

    fn send(&mut self, message: GuestMessage) {
        self.sequence = self.sequence.wrapping_add(1);
        self.push(Output::Send { sequence: self.sequence, message });
    }

    fn note(&mut self, note: Note) {
        self.push(Output::Note(note));
    }

    fn push(&mut self, output: Output) {
        if self.outputs.len() == OUTPUTS_MAX {
            self.outputs.pop_front();
            self.counters.outputs_lost += 1;
        }
        self.outputs.push_back(output);
    }
}
