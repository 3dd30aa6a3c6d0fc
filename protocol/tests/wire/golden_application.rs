//! Every message of the application API, byte for byte.

use protocol::application::{
    ActionNotify, ActionResponse, ChallengeResponse, Frame, FrameDecoder, Init, Message,
};
use protocol::channel::{CorrectiveAction, EventType, Health, NotificationType, VoteResult};

use crate::golden;

type Case = (&'static str, u32, Message);

fn init() -> Init {
    Init {
        application_name: "database".into(),
        heartbeat_interval_ms: 1000,
        vote_secs: 8,
        shutdown_notice_secs: 20,
        suspend_notice_secs: 5,
        resume_notice_secs: 6,
        corrective_action: CorrectiveAction::Reboot,
    }
}

fn init_at_the_limits() -> Init {
    Init {
        application_name: "a".repeat(39).as_str().into(),
        heartbeat_interval_ms: u32::MAX,
        vote_secs: u32::MAX,
        shutdown_notice_secs: u32::MAX,
        suspend_notice_secs: u32::MAX,
        resume_notice_secs: u32::MAX,
        corrective_action: CorrectiveAction::Log,
    }
}

fn answer(
    heartbeat_response: u32,
    health: Health,
    corrective_action: CorrectiveAction,
    log_msg: &str,
) -> Message {
    let log_msg = log_msg.into();
    let answer = ChallengeResponse { heartbeat_response, health, corrective_action, log_msg };
    Message::ChallengeResponse(answer)
}

fn notify(
    invocation_id: u32,
    event_type: EventType,
    notification_type: Option<NotificationType>,
) -> Message {
    Message::ActionNotify(ActionNotify { invocation_id, event_type, notification_type })
}

fn response(
    invocation_id: u32,
    event_type: EventType,
    notification_type: Option<NotificationType>,
    vote_result: VoteResult,
    log_msg: &str,
) -> Message {
    let log_msg = log_msg.into();
    Message::ActionResponse(ActionResponse {
        invocation_id,
        event_type,
        notification_type,
        vote_result,
        log_msg,
    })
}

fn sent_by_applications() -> Vec<Case> {
    use {CorrectiveAction as C, EventType as E, NotificationType as N, VoteResult as V};
    let reason = "a backup of the database runs until it is done; ".repeat(4);
    let (reject, complete) = (0x5ec0_de01, 0xfedc_ba98);
    let (vote, notification) = (Some(N::Revocable), Some(N::Irrevocable));
    let unhealthy = "disk full: say \"no\" né";
    vec![
        ("init.txt", 1, Message::Init(init())),
        ("init_at_the_limits.txt", u32::MAX, Message::Init(init_at_the_limits())),
        ("final.txt", 9, Message::Final("shut down by the operator".into())),
        ("challenge_response_healthy.txt", 2, answer(0x1a2b_3c4d, Health::Healthy, C::None, "")),
        (
            "challenge_response_unhealthy.txt",
            3,
            answer(0x7fff_ffff, Health::Unhealthy, C::Stop, unhealthy),
        ),
        (
            "action_response_reject.txt",
            4,
            response(reject, E::LiveMigrateBegin, vote, V::Reject, &reason),
        ),
        ("action_response_accept.txt", 5, response(reject, E::Unpause, vote, V::Accept, "")),
        (
            "action_response_complete.txt",
            6,
            response(complete, E::Stop, notification, V::Complete, "flushed"),
        ),
    ]
}

fn understood_from_applications() -> Vec<Case> {
    use CorrectiveAction as C;
    let full_name = Init {
        application_name: "b".repeat(40).as_str().into(),
        heartbeat_interval_ms: 400,
        vote_secs: 10,
        shutdown_notice_secs: 10,
        suspend_notice_secs: 10,
        resume_notice_secs: 10,
        corrective_action: C::Unknown,
    };
    let unknown_action = Init { corrective_action: C::Unknown, ..init() };
    let full_text = format!("\u{fffd}{}", "x".repeat(191));
    vec![
        ("init_of_a_full_name.txt", 1, Message::Init(full_name)),
        ("init_of_unknown_numbers.txt", 0, Message::Init(unknown_action)),
        ("init_with_bytes_behind_the_nul.txt", 1, Message::Init(init())),
        ("final_without_nul.txt", 7, Message::Final(full_text.as_str().into())),
        ("final_of_a_later_revision.txt", 7, Message::Final("later".into())),
        ("challenge_response_of_health_7.txt", 2, answer(1, Health::Healthy, C::Log, "so so")),
        (
            "action_response_of_unknown_numbers.txt",
            2,
            response(1, EventType::Unknown, None, VoteResult::Unknown, ""),
        ),
    ]
}

fn sent_by_the_client() -> Vec<Case> {
    use {EventType as E, NotificationType as N};
    let (vote, notification) = (Some(N::Revocable), Some(N::Irrevocable));
    vec![
        ("init_ack_accepted.txt", 1, Message::InitAck { accepted: true }),
        ("init_ack_refused.txt", 1, Message::InitAck { accepted: false }),
        ("challenge.txt", 2, Message::Challenge(0x1a2b_3c4d)),
        ("action_notify_vote.txt", 3, notify(0x5ec0_de01, E::LiveMigrateBegin, vote)),
        ("action_notify_notification.txt", 4, notify(0xfedc_ba98, E::Stop, notification)),
    ]
}

fn understood_from_clients() -> Vec<Case> {
    vec![
        ("init_ack_of_2.txt", 1, Message::InitAck { accepted: true }),
        ("action_notify_of_unknown_numbers.txt", 1, notify(5, EventType::Unknown, None)),
    ]
}

fn check_decoding(folder: &str, cases: &[Case]) {
    let folder = golden::folder(folder);
    golden::assert_files_are(&folder, cases.iter().map(|case| case.0));
    for (file, sequence, message) in cases {
        let (mut decoder, mut frames) = (FrameDecoder::default(), Vec::new());
        decoder.feed(&golden::read_dump(&folder, file), |frame| frames.push(frame));
        assert_eq!(frames, [Frame { sequence: *sequence, message: message.clone() }], "{file}");
        assert_eq!((decoder.noise(), decoder.skipped()), (0, 0), "{file}");
    }
}

fn check_encoding(folder: &str, cases: &[Case]) {
    let folder = golden::folder(folder);
    for (file, sequence, message) in cases {
        let frame = message.encode(*sequence);
        assert!(frame[..] == golden::read_dump(&folder, file), "{file}: {}", frame.escape_ascii());
    }
}

#[test]
fn what_an_application_sends_is_its_golden_file() {
    let cases = sent_by_applications();
    check_encoding("application/application-to-client", &cases);
    check_decoding("application/application-to-client", &cases);
}

#[test]
fn what_other_applications_send_is_understood() {
    check_decoding("application/application-to-client/understood", &understood_from_applications());
}

#[test]
fn what_the_client_sends_is_its_golden_file() {
    let cases = sent_by_the_client();
    check_encoding("application/client-to-application", &cases);
    check_decoding("application/client-to-application", &cases);
}

#[test]
fn what_other_clients_send_is_understood() {
    check_decoding("application/client-to-application/understood", &understood_from_clients());
}
