//! What holds whatever happens, in any order.

use std::time::{Duration, Instant};

use proptest::collection::vec;
use proptest::prelude::*;
use protocol::channel::{
    ActionNotify, CorrectiveAction, EventType, Exit, GuestMessage, Health, HostMessage, LogMsg,
    Nack, NotificationType, VoteResult, Word,
};

use super::{AskId, Client, Config, HealthReport, Input, Output, State};

/// Outputs of one step, at most: its objects, a note each, and what a deadline adds.
const OUTPUTS_A_STEP: usize = 8;

#[derive(Debug, Clone)]
enum Step {
    Up,
    Down,
    Bytes(Vec<u8>),
    /// The `init_ack` of the init sent this many inits ago.
    Ack(usize),
    Message(HostMessage),
    Health(Health, CorrectiveAction),
    Handlers(bool),
    Answer(u64),
    Sleep(u64),
    /// Time goes by and the deadlines are handled only at its end.
    Stall(u64),
    Stop,
}

fn message() -> impl Strategy<Value = HostMessage> {
    let event = proptest::sample::select(EventType::ALL);
    let kind = proptest::sample::select(NotificationType::ALL);
    let log_msg = "\\PC{0,300}".prop_map(|text| LogMsg::new(&text));
    prop_oneof![
        8 => (0..=i32::MAX as u32).prop_map(|heartbeat_challenge| HostMessage::Challenge { heartbeat_challenge }),
        2 => (event, kind, any::<u16>()).prop_map(|(event_type, notification_type, timeout)| {
            let timeout_ms = timeout.into();
            HostMessage::ActionNotify(ActionNotify { invocation_id: 1, event_type, notification_type, timeout_ms })
        }),
        1 => log_msg.clone().prop_map(|log_msg| HostMessage::Exit(Exit { log_msg })),
        1 => log_msg.prop_map(|log_msg| HostMessage::Nack(Nack { invocation_id: 0, orig_msg_type: Word::new("init"), log_msg })),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let action = proptest::sample::select(CorrectiveAction::ALL);
    prop_oneof![
        6 => Just(Step::Up),
        2 => Just(Step::Down),
        1 => vec(any::<u8>(), 0..200).prop_map(Step::Bytes),
        8 => (0usize..4).prop_map(Step::Ack),
        12 => message().prop_map(Step::Message),
        2 => (proptest::sample::select(Health::ALL), action).prop_map(|(h, a)| Step::Health(h, a)),
        2 => any::<bool>().prop_map(Step::Handlers),
        2 => (0u64..8).prop_map(Step::Answer),
        6 => (0u64..8000).prop_map(Step::Sleep),
        3 => (0u64..8000).prop_map(Step::Stall),
        1 => (0u8..20).prop_map(|n| if n == 0 { Step::Stop } else { Step::Sleep(1) }),
    ]
}

struct World {
    client: Client,
    now: Instant,
    up: bool,
    inits: Vec<u32>,
    /// The challenge that may be answered now.
    challenge: Option<u32>,
    left: bool,
}

impl World {
    fn new() -> Self {
        #[expect(clippy::disallowed_methods, reason = "the start of virtual time")]
        let now = Instant::now();
        let mut drawn = 0;
        let random = Box::new(move || {
            drawn += 1;
            drawn
        });
        let client = Client::new(Config::default(), now, random);
        Self { client, now, up: false, inits: Vec::new(), challenge: None, left: false }
    }

    fn run(&mut self, step: Step) {
        match step {
            Step::Up => {
                self.up = true;
                self.input(Input::ChannelUp);
            }
            Step::Down => {
                self.up = false;
                self.input(Input::ChannelDown);
            }
            Step::Bytes(bytes) => self.input(Input::Received(&bytes)),
            Step::Ack(ago) => {
                let index = self.inits.len().wrapping_sub(1 + ago);
                let invocation_id = self.inits.get(index).copied().unwrap_or(0);
                self.message(&HostMessage::InitAck { invocation_id });
            }
            Step::Message(message) => self.message(&message),
            Step::Health(health, corrective_action) => {
                let log_msg = LogMsg::new("because");
                self.input(Input::Health(HealthReport { health, corrective_action, log_msg }));
            }
            Step::Handlers(registered) => self.input(Input::Handlers { registered }),
            Step::Answer(id) => {
                let (id, vote_result) = (AskId(id), VoteResult::Accept);
                self.input(Input::EventAnswer { id, vote_result, log_msg: LogMsg::default() });
            }
            Step::Sleep(millis) => self.sleep(Duration::from_millis(millis)),
            Step::Stall(millis) => {
                self.now += Duration::from_millis(millis);
                self.deadline();
            }
            Step::Stop => self.input(Input::Stop),
        }
    }

    fn message(&mut self, message: &HostMessage) {
        if let HostMessage::Challenge { heartbeat_challenge } = message {
            self.challenge = Some(*heartbeat_challenge);
        }
        let mut bytes = Vec::new();
        message.encode(1, &mut bytes);
        self.input(Input::Received(&bytes));
        self.sleep(Duration::ZERO);
        self.challenge = None;
    }

    fn input(&mut self, input: Input<'_>) {
        self.client.handle(self.now, input);
        self.drain();
    }

    fn deadline(&mut self) {
        self.client.handle_deadline(self.now);
        self.drain();
    }

    fn sleep(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(at) = self.client.next_deadline().filter(|at| *at <= end) {
            self.now = self.now.max(at);
            self.deadline();
            assert!(self.client.next_deadline().is_none_or(|next| next > self.now), "spins");
        }
        self.now = end;
    }

    fn drain(&mut self) {
        let mut outputs = 0;
        while let Some(output) = self.client.poll_output() {
            assert!(!self.left, "{output:?} after leaving");
            outputs += 1;
            match output {
                Output::Send { message, .. } => self.sent(message),
                Output::Leave => self.left = true,
                Output::Ask(_) | Output::Note(_) => {}
            }
        }
        assert!(outputs <= OUTPUTS_A_STEP, "{outputs} outputs in one step");
        self.check();
    }

    fn sent(&mut self, message: GuestMessage) {
        assert!(self.up, "{message:?} while the channel is down");
        match message {
            GuestMessage::Init(init) => {
                assert!(!self.inits.contains(&init.invocation_id), "an id is used twice");
                self.inits.push(init.invocation_id);
            }
            GuestMessage::ChallengeResponse(answer) => {
                assert_eq!(self.challenge.take(), Some(answer.heartbeat_response));
            }
            GuestMessage::ActionResponse(_) | GuestMessage::Exit(_) => {}
        }
    }

    fn check(&self) {
        let counters = self.client.counters();
        assert!(counters.action_responses <= counters.actions);
        assert_eq!(counters.outputs_lost, 0);
        let state = self.client.state();
        assert_eq!(state == State::Left, self.left);
        if self.up && matches!(state, State::Enabling | State::Enabled) {
            assert!(self.client.next_deadline().is_some(), "{state} without a way out");
        }
    }
}

proptest! {
    #[test]
    fn any_sequence_of_events_keeps_the_rules(steps in vec(step(), 1..120)) {
        let mut world = World::new();
        for step in steps {
            world.run(step);
        }
    }

    #[test]
    fn any_bytes_are_survived(reads in vec(vec(any::<u8>(), 0..600), 0..20)) {
        let mut world = World::new();
        world.run(Step::Up);
        for bytes in reads {
            world.client.handle(world.now, Input::Received(&bytes));
            while world.client.poll_output().is_some() {}
        }
        world.run(Step::Bytes(b"\n".to_vec()));
        world.run(Step::Ack(0));
        prop_assert_eq!(world.client.state(), State::Enabled);
    }

    #[test]
    fn once_faults_stop_it_heals(steps in vec(step(), 1..60)) {
        let mut world = World::new();
        for step in steps.into_iter().filter(|step| !matches!(step, Step::Stop)) {
            world.run(step);
        }
        world.run(Step::Up);
        world.run(Step::Bytes(b"\n".to_vec()));
        for _ in 0..60 {
            world.run(Step::Ack(0));
            world.run(Step::Sleep(1000));
        }
        let answered = world.client.counters().answered;
        world.run(Step::Ack(0));
        world.run(Step::Message(HostMessage::Challenge { heartbeat_challenge: 1 }));
        prop_assert_eq!(world.client.counters().answered, answered + 1);
    }
}
