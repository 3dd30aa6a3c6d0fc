//! Every object of the guest channel, byte for byte.

use std::fmt::Debug;

use protocol::channel::{
    ActionNotify, ActionResponse, ChallengeResponse, CorrectiveAction, EventType, Exit,
    GuestMessage, Health, HostMessage, Init, Nack, NotificationType, Refused, VoteResult,
};
use protocol::limits::INT_MAX;

use crate::{golden, lines};

const ID: u32 = 1_804_289_383;

/// A file, the sequence number of its first object, and its objects.
type Case<M> = (&'static str, u32, Vec<M>);

fn init() -> Init {
    Init {
        invocation_id: ID,
        name: "vm-1".into(),
        heartbeat_interval_ms: 1000,
        vote_secs: 11,
        shutdown_notice_secs: 12,
        suspend_notice_secs: 13,
        resume_notice_secs: 14,
        restart_secs: 121,
        corrective_action: CorrectiveAction::Reboot,
    }
}

fn init_at_the_limits() -> Init {
    Init {
        invocation_id: INT_MAX,
        name: "\"Zoë\\Ümit\" 東京 nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn".into(),
        heartbeat_interval_ms: INT_MAX,
        vote_secs: INT_MAX,
        shutdown_notice_secs: INT_MAX,
        suspend_notice_secs: INT_MAX,
        resume_notice_secs: INT_MAX,
        restart_secs: INT_MAX,
        corrective_action: CorrectiveAction::Unknown,
    }
}

fn response(
    value: u32,
    health: Health,
    action: Option<CorrectiveAction>,
    log_msg: &str,
) -> GuestMessage {
    GuestMessage::ChallengeResponse(ChallengeResponse {
        heartbeat_response: value,
        heartbeat_health: health,
        corrective_action: action,
        log_msg: log_msg.into(),
    })
}

fn unhealthy(value: u32, action: CorrectiveAction, log_msg: &str) -> GuestMessage {
    response(value, Health::Unhealthy, Some(action), log_msg)
}

fn answer(
    event_type: EventType,
    notification_type: NotificationType,
    vote_result: VoteResult,
    log_msg: &str,
) -> GuestMessage {
    GuestMessage::ActionResponse(ActionResponse {
        invocation_id: ID,
        event_type,
        notification_type,
        vote_result,
        log_msg: log_msg.into(),
    })
}

fn notify(
    event_type: EventType,
    notification_type: NotificationType,
    timeout_ms: u32,
) -> HostMessage {
    HostMessage::ActionNotify(ActionNotify {
        invocation_id: ID,
        event_type,
        notification_type,
        timeout_ms,
    })
}

fn every_event(notification_type: NotificationType, timeout_ms: u32) -> Vec<HostMessage> {
    EventType::ALL.iter().map(|event| notify(*event, notification_type, timeout_ms)).collect()
}

fn nack(invocation_id: u32, orig_msg_type: &str, log_msg: &str) -> HostMessage {
    HostMessage::Nack(Nack {
        invocation_id,
        orig_msg_type: orig_msg_type.into(),
        log_msg: log_msg.into(),
    })
}

const MIGRATIONS: [EventType; 4] = [
    EventType::LiveMigrateBegin,
    EventType::LiveMigrateEnd,
    EventType::ColdMigrateBegin,
    EventType::ColdMigrateEnd,
];

fn sent_by_guests() -> Vec<Case<GuestMessage>> {
    use {NotificationType as N, VoteResult as V};
    vec![
        ("init.json", 1, vec![GuestMessage::Init(init())]),
        ("init_at_the_limits.json", u32::MAX, vec![GuestMessage::Init(init_at_the_limits())]),
        (
            "challenge_response_healthy.json",
            2,
            vec![response(846_930_886, Health::Healthy, Some(CorrectiveAction::Reboot), "")],
        ),
        (
            "challenge_response_unhealthy.json",
            3,
            vec![
                unhealthy(0, CorrectiveAction::None, "disk /data is 91 % full"),
                unhealthy(1, CorrectiveAction::Log, "say \"cheese\" \\o/"),
                unhealthy(2, CorrectiveAction::Reboot, "Überhitzt: 97 °C 🔥"),
                unhealthy(3, CorrectiveAction::Stop, "a/b <c> & d"),
                unhealthy(4, CorrectiveAction::Unknown, &"x".repeat(223)),
            ],
        ),
        (
            "challenge_response_without_corrective_action.json",
            8,
            vec![response(INT_MAX, Health::Unhealthy, None, "the init says what to do")],
        ),
        (
            "action_response.json",
            9,
            vec![
                answer(EventType::Stop, N::Revocable, V::Accept, ""),
                answer(
                    EventType::LiveMigrateBegin,
                    N::Revocable,
                    V::Reject,
                    "backup runs until 04:00",
                ),
                answer(EventType::Reboot, N::Irrevocable, V::Complete, ""),
                answer(
                    EventType::Suspend,
                    N::Revocable,
                    V::Timeout,
                    "handler \"events.sh\" took over 10 s",
                ),
                answer(EventType::Pause, N::Irrevocable, V::Error, "exit status 126"),
                answer(EventType::Unknown, N::Irrevocable, V::Unknown, "no such event here"),
            ],
        ),
        ("exit.json", 15, vec![GuestMessage::Exit(Exit { log_msg: "stopped by SIGTERM".into() })]),
    ]
}

fn understood_from_guests() -> Vec<Case<GuestMessage>> {
    use {NotificationType as N, VoteResult as V};
    let published = |event| answer(event, N::Revocable, V::Accept, "");
    let huge_times = Init {
        heartbeat_interval_ms: INT_MAX,
        vote_secs: INT_MAX,
        shutdown_notice_secs: INT_MAX,
        suspend_notice_secs: INT_MAX,
        resume_notice_secs: INT_MAX,
        restart_secs: 0,
        corrective_action: CorrectiveAction::Unknown,
        ..init()
    };
    vec![
        ("init_in_another_key_order_with_unknown_keys.json", 1, vec![GuestMessage::Init(init())]),
        (
            "init_of_version_4_without_revision_and_sequence.json",
            0,
            vec![GuestMessage::Init(init())],
        ),
        ("init_with_spaces_and_escapes.json", 1, vec![GuestMessage::Init(init())]),
        (
            "init_with_huge_times_and_an_unknown_action.json",
            1,
            vec![GuestMessage::Init(huge_times)],
        ),
        (
            "challenge_response_without_log_msg.json",
            2,
            vec![
                response(846_930_886, Health::Healthy, None, ""),
                response(846_930_886, Health::Healthy, Some(CorrectiveAction::None), ""),
            ],
        ),
        ("action_response_in_the_published_spelling.json", 4, MIGRATIONS.map(published).to_vec()),
        (
            "action_response_with_unknown_words.json",
            8,
            vec![answer(EventType::Unknown, N::Irrevocable, V::Unknown, "")],
        ),
        ("exit_without_log_msg.json", 9, vec![GuestMessage::Exit(Exit { log_msg: "".into() })]),
    ]
}

fn sent_by_hosts() -> Vec<Case<HostMessage>> {
    let odd_type = "a \"quoted\" type of 31 bytes: ñ";
    let challenge = |heartbeat_challenge| HostMessage::Challenge { heartbeat_challenge };
    vec![
        ("init_ack.json", 1, vec![HostMessage::InitAck { invocation_id: ID }]),
        ("challenge.json", 2, vec![challenge(0), challenge(INT_MAX)]),
        ("action_notify_vote.json", 4, every_event(NotificationType::Revocable, 11_000)),
        ("action_notify_notification.json", 17, every_event(NotificationType::Irrevocable, 12_000)),
        ("exit.json", 30, vec![HostMessage::Exit(Exit { log_msg: "host goes down".into() })]),
        (
            "nack.json",
            31,
            vec![
                nack(ID, "action_response", "failed to parse vote_result"),
                nack(0, odd_type, &format!("unsupported message type: {odd_type}")),
            ],
        ),
    ]
}

fn understood_from_hosts() -> Vec<Case<HostMessage>> {
    let published = |event| notify(event, NotificationType::Irrevocable, 11_000);
    vec![
        ("action_notify_in_the_published_spelling.json", 1, MIGRATIONS.map(published).to_vec()),
        (
            "action_notify_of_an_unknown_event.json",
            5,
            vec![notify(EventType::Unknown, NotificationType::Revocable, INT_MAX)],
        ),
        (
            "nack_of_a_peer.json",
            6,
            vec![
                nack(ID, "", "Bad version: 2, expect version: 3"),
                nack(0, "", "failed to parse invocation_id"),
                nack(0, "", ""),
            ],
        ),
        ("exit_without_log_msg.json", 9, vec![HostMessage::Exit(Exit { log_msg: "".into() })]),
        (
            "challenge_without_revision_and_sequence.json",
            0,
            vec![HostMessage::Challenge { heartbeat_challenge: 424_242 }],
        ),
    ]
}

fn check_decoding<M: Debug + PartialEq>(
    folder: &str,
    cases: &[Case<M>],
    decode: fn(&[u8]) -> Result<M, Refused>,
) {
    let folder = golden::folder(folder);
    golden::assert_files_are(&folder, cases.iter().map(|case| case.0));
    for (file, _, objects) in cases {
        let lines = lines::of(&golden::read(&folder, file));
        let decoded: Result<Vec<M>, _> = lines.iter().map(|line| decode(line)).collect();
        assert_eq!(decoded.as_ref(), Ok(objects), "{file}");
    }
}

fn check_encoding<M>(folder: &str, cases: &[Case<M>], encode: fn(&M, u32, &mut Vec<u8>)) {
    for (file, first, objects) in cases {
        let mut wire = Vec::new();
        for (sequence, object) in (*first..=u32::MAX).zip(objects) {
            encode(object, sequence, &mut wire);
        }
        let golden = golden::read(&golden::folder(folder), file);
        assert_eq!(String::from_utf8(wire), String::from_utf8(golden), "{file}");
    }
}

#[test]
fn what_a_guest_sends_is_its_golden_file() {
    let cases = sent_by_guests();
    check_encoding("guest-channel/guest-to-host", &cases, GuestMessage::encode);
    check_decoding("guest-channel/guest-to-host", &cases, GuestMessage::decode);
}

#[test]
fn what_other_guests_send_is_understood() {
    check_decoding(
        "guest-channel/guest-to-host/understood",
        &understood_from_guests(),
        GuestMessage::decode,
    );
}

#[test]
fn what_a_host_sends_is_its_golden_file() {
    let cases = sent_by_hosts();
    check_encoding("guest-channel/host-to-guest", &cases, HostMessage::encode);
    check_decoding("guest-channel/host-to-guest", &cases, HostMessage::decode);
}

#[test]
fn what_other_hosts_send_is_understood() {
    check_decoding(
        "guest-channel/host-to-guest/understood",
        &understood_from_hosts(),
        HostMessage::decode,
    );
}
