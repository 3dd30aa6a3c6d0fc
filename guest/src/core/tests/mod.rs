//! The client's life in virtual time.

use std::time::{Duration, Instant};

use protocol::channel::{ChallengeResponse, GuestMessage, HostMessage, Init};

use super::{Ask, Client, Config, Counters, Input, Note, Output, State};

mod anything;
mod applications;
mod events;
mod health;
mod input;
mod life;
mod machine;
mod questions;
mod reload;

const SECOND: Duration = Duration::from_secs(1);

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// A client, its clock and what it put out since it was last asked.
struct Guest {
    client: Client,
    now: Instant,
    sent: Vec<GuestMessage>,
    sequences: Vec<u32>,
    notes: Vec<Note>,
    asks: Vec<Ask>,
    left: bool,
}

impl Guest {
    fn with(config: Config) -> Self {
        #[expect(clippy::disallowed_methods, reason = "the start of virtual time")]
        let now = Instant::now();
        let mut drawn = 0;
        let random = Box::new(move || {
            drawn += 1;
            drawn | 0x8000_0000
        });
        Self {
            client: Client::new(config, now, random),
            now,
            sent: Vec::new(),
            sequences: Vec::new(),
            notes: Vec::new(),
            asks: Vec::new(),
            left: false,
        }
    }

    fn new() -> Self {
        Self::with(Config::default())
    }

    /// With a host that took its init; nothing of that is left to look at.
    fn enabled() -> Self {
        Self::new().enable()
    }

    fn enable(mut self) -> Self {
        self.input(Input::ChannelUp);
        let id = self.last_init().invocation_id;
        self.host(&HostMessage::InitAck { invocation_id: id });
        assert_eq!(self.client.state(), State::Enabled);
        self.forget();
        self
    }

    fn forget(&mut self) {
        self.sent.clear();
        self.notes.clear();
    }

    fn input(&mut self, input: Input<'_>) {
        self.client.handle(self.now, input);
        self.drain();
    }

    fn host(&mut self, message: &HostMessage) {
        let mut bytes = Vec::new();
        message.encode(7, &mut bytes);
        self.input(Input::Received(&bytes));
        self.sleep(Duration::ZERO);
    }

    fn challenge(&mut self, value: u32) {
        self.host(&HostMessage::Challenge { heartbeat_challenge: value });
    }

    fn drain(&mut self) {
        while let Some(output) = self.client.poll_output() {
            match output {
                Output::Send { sequence, message } => {
                    self.sequences.push(sequence);
                    self.sent.push(message);
                }
                Output::Note(note) => self.notes.push(note),
                Output::Ask(ask) => self.asks.push(ask),
                Output::Leave => self.left = true,
            }
        }
    }

    /// Time goes by; every deadline is handled when it is due. Gives the number of wake-ups.
    fn sleep(&mut self, time: Duration) -> usize {
        let end = self.now + time;
        let mut wake_ups = 0;
        while let Some(at) = self.client.next_deadline().filter(|at| *at <= end) {
            self.now = self.now.max(at);
            self.client.handle_deadline(self.now);
            self.drain();
            wake_ups += 1;
        }
        self.now = end;
        wake_ups
    }

    /// The client is not scheduled for a while, then handles what was due.
    fn stall(&mut self, time: Duration) {
        self.now += time;
        self.client.handle_deadline(self.now);
        self.drain();
    }

    fn last_init(&self) -> &Init {
        match self.sent.last() {
            Some(GuestMessage::Init(init)) => init,
            other => panic!("no init but {other:?}"),
        }
    }

    fn answers(&self) -> Vec<&ChallengeResponse> {
        self.sent
            .iter()
            .filter_map(|message| match message {
                GuestMessage::ChallengeResponse(answer) => Some(answer),
                _ => None,
            })
            .collect()
    }

    fn state(&self) -> State {
        self.client.state()
    }

    fn counters(&self) -> &Counters {
        self.client.counters()
    }
}
