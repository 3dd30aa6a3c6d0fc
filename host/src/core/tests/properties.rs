//! Whatever happens, in whatever order: what the core promises its shell and the agent holds.
//! Most of it is checked by [`Host`] at every step.

use proptest::collection::vec;
use proptest::prelude::*;

use protocol::channel::{
    CorrectiveAction, EventType, GuestMessage, Init, NotificationType, VoteResult,
};
use protocol::datagram::Command;

use super::super::{ConnectError, Input, InstanceState, Policy};
use super::guest;
use super::host::{AGENT, Answers, Host, ms, other_path_of, path_of, secs};

const GUESTS: u64 = 3;

#[derive(Debug, Clone)]
enum Step {
    Run(u64),
    Stall(u64),
    Appear { number: u64, other_name: bool, is_socket: bool },
    Vanish { number: u64, other_name: bool, seen: bool },
    Touch(u64),
    Refuse(u64, Option<ConnectError>),
    HangUp(u64),
    Answer(u64, Answers, u64),
    Say(u64, GuestMessage),
    Bytes(u64, Vec<u8>),
    Command(Command),
    Datagram(Vec<u8>),
}

fn number() -> impl Strategy<Value = u64> {
    1..=GUESTS
}

fn time() -> impl Strategy<Value = u64> {
    prop_oneof![0..5_u64, 5..500_u64, 500..5_000_u64, 5_000..200_000_u64]
}

fn error() -> impl Strategy<Value = Option<ConnectError>> {
    use ConnectError as E;
    prop_oneof![
        Just(None),
        Just(Some(E::Refused)),
        Just(Some(E::Gone)),
        Just(Some(E::Denied)),
        Just(Some(E::NoDescriptor)),
        Just(Some(E::Other(107))),
    ]
}

fn answers() -> impl Strategy<Value = Answers> {
    prop_oneof![
        4 => Just(Answers::Healthy),
        2 => Just(Answers::Never),
        1 => proptest::sample::select(CorrectiveAction::ALL).prop_map(Answers::Unhealthy),
    ]
}

fn event() -> impl Strategy<Value = EventType> {
    proptest::sample::select(EventType::ALL)
}

fn kind() -> impl Strategy<Value = NotificationType> {
    proptest::sample::select(NotificationType::ALL)
}

fn message() -> impl Strategy<Value = GuestMessage> {
    let init =
        (0..3_u32, prop_oneof![0..2_000_u32, any::<u32>()], prop_oneof![0..20_u32, any::<u32>()])
            .prop_map(|(id, heartbeat_interval_ms, seconds)| {
                GuestMessage::Init(Init {
                    invocation_id: guest::INVOCATION + id,
                    heartbeat_interval_ms,
                    vote_secs: seconds,
                    restart_secs: seconds,
                    ..guest::init()
                })
            });
    let results = proptest::sample::select(VoteResult::ALL);
    let response = (event(), kind(), results).prop_map(|(event, kind, result)| {
        GuestMessage::ActionResponse(guest::vote(event, kind, result))
    });
    let answer =
        any::<u32>().prop_map(|value| GuestMessage::ChallengeResponse(guest::answer(value)));
    prop_oneof![4 => init, 3 => response, 1 => answer, 1 => Just(guest::exit())]
}

/// Lines that are nearly right, noise, and long ones.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let mutated = (message(), any::<prop::sample::Index>(), any::<u8>()).prop_map(
        |(message, index, byte)| {
            let mut bytes = Vec::new();
            message.encode(1, &mut bytes);
            let at = index.index(bytes.len());
            bytes[at] = byte;
            bytes
        },
    );
    let cut = (message(), any::<prop::sample::Index>()).prop_map(|(message, index)| {
        let mut bytes = Vec::new();
        message.encode(1, &mut bytes);
        bytes.truncate(index.index(bytes.len()));
        bytes
    });
    let long = (0..200_000_usize).prop_map(|len| vec![b'x'; len]);
    prop_oneof![4 => mutated, 2 => cut, 2 => vec(any::<u8>(), 0..200), 1 => long]
}

fn command() -> impl Strategy<Value = Command> {
    let named = (number(), any::<bool>(), any::<bool>()).prop_map(|(number, add, reporting)| {
        let (uuid, reporting) = (protocol::InstanceId::numbered(number), reporting.into());
        if add {
            Command::AddInstance { uuid, reporting }
        } else {
            Command::ModifyInstance { uuid, reporting }
        }
    });
    let asked = (number(), event(), kind()).prop_map(|(number, event, kind)| {
        let (uuid, event) = (protocol::InstanceId::numbered(number), event.as_str().into());
        match kind {
            NotificationType::Revocable => Command::Vote { uuid, event },
            NotificationType::Irrevocable => Command::Notify { uuid, event },
        }
    });
    let deleted = number().prop_map(|number| Command::DeleteInstance {
        uuid: protocol::InstanceId::numbered(number),
    });
    let host = any::<bool>().prop_map(|on| Command::ModifyHost { reporting: on.into() });
    prop_oneof![
        4 => named,
        4 => asked,
        1 => deleted,
        1 => host,
        1 => Just(Command::QueryInstances),
        1 => Just(Command::Loopback),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => time().prop_map(Step::Run),
        2 => time().prop_map(Step::Stall),
        4 => (number(), prop::bool::weighted(0.2), prop::bool::weighted(0.9)).prop_map(
            |(number, other_name, is_socket)| Step::Appear { number, other_name, is_socket }
        ),
        2 => (number(), prop::bool::weighted(0.2), any::<bool>()).prop_map(
            |(number, other_name, seen)| Step::Vanish { number, other_name, seen }
        ),
        1 => number().prop_map(Step::Touch),
        2 => (number(), error()).prop_map(|(number, error)| Step::Refuse(number, error)),
        2 => number().prop_map(Step::HangUp),
        3 => (number(), answers(), 0..1500_u64).prop_map(|(n, a, delay)| Step::Answer(n, a, delay)),
        8 => (number(), message()).prop_map(|(number, message)| Step::Say(number, message)),
        3 => (number(), bytes()).prop_map(|(number, bytes)| Step::Bytes(number, bytes)),
        6 => command().prop_map(Step::Command),
        1 => vec(any::<u8>(), 0..1200).prop_map(Step::Datagram),
    ]
}

fn path(number: u64, other_name: bool) -> std::sync::Arc<std::path::Path> {
    if other_name { other_path_of(number) } else { path_of(number) }
}

fn take(host: &mut Host, step: Step) {
    match step {
        Step::Run(time) => host.run(ms(time)),
        Step::Stall(time) => host.stall(ms(time)),
        Step::Appear { number, other_name, is_socket } => {
            host.appear_at(&path(number, other_name), is_socket);
        }
        Step::Vanish { number, other_name, seen: true } => {
            host.vanish_at(&path(number, other_name));
        }
        Step::Vanish { number, other_name, seen: false } => {
            host.remove_file(&path(number, other_name));
        }
        Step::Touch(number) => host.touch(number),
        Step::Refuse(number, error) if host.files().contains(&path_of(number)) => {
            host.refuse(number, error);
        }
        Step::Refuse(..) => {}
        Step::Answer(number, answers, delay) => {
            host.answer(number, answers);
            host.answer_after(number, ms(delay));
        }
        Step::Command(command) => host.command(&command),
        Step::Datagram(bytes) => host.input(Input::Datagram { from: AGENT, bytes: &bytes }),
        Step::HangUp(number) | Step::Say(number, _) | Step::Bytes(number, _)
            if host.connected_to(number).is_none() => {}
        Step::HangUp(number) => host.hang_up(number),
        Step::Say(number, message) => host.say(number, &message),
        Step::Bytes(number, bytes) => host.say_bytes(number, &bytes),
    }
}

/// Everything is well from now on: each guest's channel is served and it answers.
fn heal(host: &mut Host) {
    for path in host.files() {
        host.vanish_at(&path);
    }
    host.input(Input::FileEventsLost);
    host.run(secs(1));
    for number in 1..=GUESTS {
        host.answer_after(number, ms(5));
        host.boot(number);
        host.name(number, protocol::datagram::Switch::Enabled);
    }
    host.command(&Command::ModifyHost { reporting: protocol::datagram::Switch::Enabled });
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..Default::default() })]

    #[test]
    fn any_sequence_of_inputs_keeps_the_promises_and_heals(steps in vec(step(), 0..120)) {
        let mut host = Host::with_policy(Policy { start_delay: secs(3), ..Policy::default() });
        for step in steps {
            take(&mut host, step);
            prop_assert!(host.server.instances().count() <= 3);
        }
        heal(&mut host);
        host.run(secs(3700));
        prop_assert_eq!(host.unanswered(), 0);
        for number in 1..=GUESTS {
            prop_assert_eq!(host.state(number), Some(InstanceState::Heartbeating));
        }
        host.forget();
        host.run(secs(600));
        prop_assert_eq!(host.events(), Vec::<String>::new());
        for path in host.files() {
            host.vanish_at(&path);
        }
        (1..=GUESTS).for_each(|number| host.delete(number));
        prop_assert_eq!(host.server.instances().count(), 0);
        host.run(secs(1));
        let scans = host.scans;
        host.run(secs(1800));
        prop_assert_eq!(host.scans - scans, 10);
    }
}
