//! Any value of every message, with the texts that strangers would choose.

use proptest::prelude::*;
use protocol::channel::{
    ActionNotify, ActionResponse, ChallengeResponse, CorrectiveAction, EventType, Exit,
    GuestMessage, Health, HostMessage, Init, Nack, NotificationType, VoteResult,
};
use protocol::datagram::{Answer, Command, Event, Host, InstanceInfo, MaintenanceCommand, Switch};
use protocol::limits::INT_MAX;
use protocol::{InstanceId, Text};

/// How often each property is tried; failures are printed, not written to a file.
pub(crate) fn config() -> ProptestConfig {
    ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() }
}

/// Text of any kind: plain, full of escapes, controls or wide characters, empty, very long.
pub(crate) fn any_text() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[ -~]{0,80}",
        r#"["\\]{0,300}"#,
        r#"[\x00-\x1f\x7f-\u{9f}"\\ aé東🔥]{0,300}"#,
        "[ äß€東🔥\u{2028}\u{202e}\u{feff}]{0,300}",
        "\\PC{0,3000}",
    ]
}

/// A text that went through its limit.
pub(crate) fn text<const MAX: usize>() -> impl Strategy<Value = Text<MAX>> {
    any_text().prop_map(|text| Text::new(&text))
}

/// Where the integers of an object are drawn from.
pub(crate) type Int = fn() -> BoxedStrategy<u32>;

/// Any integer that a caller may give.
pub(crate) fn any_int() -> BoxedStrategy<u32> {
    any::<u32>().boxed()
}

/// An integer that the wire carries unchanged.
pub(crate) fn wire_int() -> BoxedStrategy<u32> {
    prop_oneof![0..=INT_MAX, Just(0), Just(INT_MAX)].boxed()
}

/// One of a table's values.
pub(crate) fn one_of<T: Copy + std::fmt::Debug>(all: &'static [T]) -> impl Strategy<Value = T> {
    prop::sample::select(all)
}

/// Any object of a guest, its integers drawn from `int`.
pub(crate) fn guest_message(int: Int) -> impl Strategy<Value = GuestMessage> {
    prop_oneof![
        init(int).prop_map(GuestMessage::Init),
        challenge_response(int).prop_map(GuestMessage::ChallengeResponse),
        action_response(int).prop_map(GuestMessage::ActionResponse),
        text().prop_map(|log_msg| GuestMessage::Exit(Exit { log_msg })),
    ]
}

/// Any object of a host, its integers drawn from `int`.
pub(crate) fn host_message(int: Int) -> impl Strategy<Value = HostMessage> {
    prop_oneof![
        int().prop_map(|invocation_id| HostMessage::InitAck { invocation_id }),
        int().prop_map(|heartbeat_challenge| HostMessage::Challenge { heartbeat_challenge }),
        action_notify(int).prop_map(HostMessage::ActionNotify),
        text().prop_map(|log_msg| HostMessage::Exit(Exit { log_msg })),
        nack(int).prop_map(HostMessage::Nack),
    ]
}

prop_compose! {
    fn init(int: Int)(
        numbers in prop::collection::vec(int(), 7),
        name in text(),
        corrective_action in one_of(CorrectiveAction::ALL),
    ) -> Init {
        Init {
            invocation_id: numbers[0],
            name,
            heartbeat_interval_ms: numbers[1],
            vote_secs: numbers[2],
            shutdown_notice_secs: numbers[3],
            suspend_notice_secs: numbers[4],
            resume_notice_secs: numbers[5],
            restart_secs: numbers[6],
            corrective_action,
        }
    }
}

prop_compose! {
    fn challenge_response(int: Int)(
        heartbeat_response in int(),
        heartbeat_health in one_of(Health::ALL),
        corrective_action in prop::option::of(one_of(CorrectiveAction::ALL)),
        log_msg in text(),
    ) -> ChallengeResponse {
        ChallengeResponse { heartbeat_response, heartbeat_health, corrective_action, log_msg }
    }
}

prop_compose! {
    fn action_response(int: Int)(
        invocation_id in int(),
        event_type in one_of(EventType::ALL),
        notification_type in one_of(NotificationType::ALL),
        vote_result in one_of(VoteResult::ALL),
        log_msg in text(),
    ) -> ActionResponse {
        ActionResponse { invocation_id, event_type, notification_type, vote_result, log_msg }
    }
}

prop_compose! {
    fn action_notify(int: Int)(
        invocation_id in int(),
        event_type in one_of(EventType::ALL),
        notification_type in one_of(NotificationType::ALL),
        timeout_ms in int(),
    ) -> ActionNotify {
        ActionNotify { invocation_id, event_type, notification_type, timeout_ms }
    }
}

prop_compose! {
    fn nack(int: Int)(
        invocation_id in int(),
        orig_msg_type in text(),
        log_msg in text(),
    ) -> Nack {
        Nack { invocation_id, orig_msg_type, log_msg }
    }
}

/// The uuid of an instance or a host.
pub(crate) fn uuid() -> impl Strategy<Value = InstanceId> {
    "[0-9a-fA-F-]{36}".prop_map(|uuid| InstanceId::new(&uuid).unwrap())
}

/// On or off.
pub(crate) fn switch() -> impl Strategy<Value = Switch> {
    any::<bool>().prop_map(Switch::from)
}

/// Any command of an agent.
pub(crate) fn command() -> impl Strategy<Value = Command> {
    prop_oneof![
        (uuid(), switch()).prop_map(|(uuid, reporting)| Command::AddInstance { uuid, reporting }),
        uuid().prop_map(|uuid| Command::DeleteInstance { uuid }),
        (uuid(), switch())
            .prop_map(|(uuid, reporting)| Command::ModifyInstance { uuid, reporting }),
        Just(Command::QueryInstances),
        (uuid(), text()).prop_map(|(uuid, event)| Command::Vote { uuid, event }),
        (uuid(), text()).prop_map(|(uuid, event)| Command::Notify { uuid, event }),
        switch().prop_map(|reporting| Command::ModifyHost { reporting }),
        Just(Command::Loopback),
    ]
}

/// Any event of a server.
pub(crate) fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        text().prop_map(|hostname| Event::Ready { hostname }),
        info().prop_map(Event::Running),
        info().prop_map(Event::Stopped),
        info().prop_map(Event::IllHealth),
        (text(), uuid()).prop_map(|(hostname, uuid)| Event::Loss { hostname, uuid }),
        info().prop_map(Event::QueryResponse),
        answer().prop_map(Event::Answer),
    ]
}

prop_compose! {
    fn info()(
        hostname in text(),
        uuid in uuid(),
        reporting in switch(),
        heartbeating in switch(),
        repair_action in one_of(CorrectiveAction::ALL),
        secs in any::<[u32; 5]>(),
    ) -> InstanceInfo {
        let [restart_secs, shutdown_secs, suspend_secs, resume_secs, vote_secs] = secs;
        InstanceInfo {
            hostname, uuid, reporting, heartbeating, repair_action,
            restart_secs, shutdown_secs, suspend_secs, resume_secs, vote_secs,
        }
    }
}

prop_compose! {
    fn answer()(
        hostname in text(),
        uuid in uuid(),
        notification_type in one_of(NotificationType::ALL),
        event_type in one_of(EventType::ALL),
        vote in one_of(VoteResult::ALL),
        reason in text(),
    ) -> Answer {
        Answer { hostname, uuid, notification_type, event_type, vote, reason }
    }
}

/// Any command of maintenance.
pub(crate) fn maintenance_command() -> impl Strategy<Value = MaintenanceCommand> {
    let host = || {
        (text(), uuid(), any::<std::net::IpAddr>(), text())
            .prop_map(|(hostname, uuid, ip, personality)| Host { hostname, uuid, ip, personality })
    };
    prop_oneof![
        host().prop_map(MaintenanceCommand::AddHost),
        host().prop_map(MaintenanceCommand::ModifyHost),
        (text(), uuid())
            .prop_map(|(hostname, uuid)| MaintenanceCommand::DeleteHost { hostname, uuid }),
    ]
}
