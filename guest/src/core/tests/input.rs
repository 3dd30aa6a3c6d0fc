//! What comes from the host, good and bad.

use std::time::Duration;

use protocol::channel::{
    ActionNotify, ChallengeResponse, CorrectiveAction, EventType, Exit, GuestMessage, Health,
    HostMessage, LogMsg, Nack, NotificationType, Word,
};

use super::events::notify;
use super::{Guest, SECOND, ms};
use crate::core::{Input, Note, State};

#[test]
fn a_challenge_is_answered_at_once() {
    let mut guest = Guest::enabled();
    guest.challenge(0x7fff_ffff);
    let expected = ChallengeResponse {
        heartbeat_response: 0x7fff_ffff,
        heartbeat_health: Health::Healthy,
        corrective_action: Some(CorrectiveAction::Reboot),
        log_msg: LogMsg::default(),
    };
    assert_eq!(guest.sent, [GuestMessage::ChallengeResponse(expected)]);
    assert!(guest.notes.is_empty(), "nothing is logged per interval");
}

#[test]
fn leftovers_of_an_earlier_connection_are_harmless() {
    let mut guest = Guest::new();
    guest.input(Input::ChannelUp);
    guest.forget();
    guest.input(Input::Received(b"oken\":1}\n"));
    guest.challenge(1);
    guest.host(&HostMessage::InitAck { invocation_id: 77 });
    guest.host(&HostMessage::Exit(Exit { log_msg: LogMsg::default() }));
    assert_eq!(guest.state(), State::Enabling);
    assert!(guest.sent.is_empty());
    assert_eq!(guest.counters().dropped.stale, 2);
    guest.sleep(5 * SECOND);
    assert_eq!(guest.last_init().invocation_id, 2, "the exit put nothing off");
}

#[test]
fn nothing_is_sent_while_the_channel_is_down() {
    let mut guest = Guest::enabled();
    guest.input(Input::ChannelDown);
    guest.challenge(1);
    guest.host(&HostMessage::ActionNotify(notify(EventType::Stop, NotificationType::Revocable)));
    guest.sleep(60 * SECOND);
    assert!(guest.sent.is_empty());
    assert_eq!(guest.counters().dropped.while_down, 2);
}

#[test]
fn a_nack_is_noted_and_a_flood_of_them_is_not() {
    let mut guest = Guest::enabled();
    let nack = Nack {
        invocation_id: 1,
        orig_msg_type: Word::new("init"),
        log_msg: LogMsg::new("failed to parse name"),
    };
    for _ in 0..100 {
        guest.host(&HostMessage::Nack(nack.clone()));
    }
    assert_eq!(guest.notes, [Note::Nacked { nack: nack.clone(), held_back: 0 }]);
    assert_eq!(guest.state(), State::Enabled);
    guest.challenge(1);
    guest.sleep(ms(4000));
    guest.challenge(2);
    guest.sleep(ms(4000));
    guest.challenge(3);
    guest.sleep(ms(2000));
    guest.forget();
    guest.host(&HostMessage::Nack(nack.clone()));
    assert_eq!(guest.notes, [Note::Nacked { nack, held_back: 99 }]);
}

#[test]
fn what_is_no_object_of_version_3_is_dropped_and_counted() {
    let mut guest = Guest::enabled();
    guest.input(Input::Received(b"\xff\xfe\x00\n[[[[\n{\"version\":3}\n"));
    for version in [2, 4] {
        guest.input(Input::Received(
            format!("{{\"version\":{version},\"revision\":1,\"msg_type\":\"challenge\",\"sequence\":1,\"heartbeat_challenge\":5}}\n").as_bytes(),
        ));
    }
    guest.input(Input::Received(b"{\"version\":3,\"msg_type\":\"dance\"}\n"));
    guest.input(Input::Received(&[b'x'; 5000]));
    guest.input(Input::Received(b"\n"));
    assert!(guest.sent.is_empty(), "a guest answers none of it");
    assert_eq!(guest.notes.len(), 1);
    let dropped = guest.counters().dropped;
    assert_eq!((dropped.not_an_object, dropped.bad_version), (2, 2));
    assert_eq!((dropped.bad_key, dropped.unknown_type, dropped.overlong), (1, 1, 1));
    guest.challenge(6);
    assert_eq!(guest.answers().len(), 1);
}

#[test]
fn of_challenges_that_waited_only_the_newest_is_answered() {
    let mut guest = Guest::enabled();
    for heartbeat_challenge in 0..1000 {
        let mut bytes = Vec::new();
        HostMessage::Challenge { heartbeat_challenge }.encode(1, &mut bytes);
        guest.input(Input::Received(&bytes));
    }
    assert!(guest.sent.is_empty(), "more may be readable");
    guest.sleep(Duration::ZERO);
    assert_eq!(guest.answers().len(), 1);
    assert_eq!(guest.answers()[0].heartbeat_response, 999);
    assert_eq!(guest.counters().dropped.outdated, 999);
}

#[test]
fn a_challenge_that_waited_is_not_answered_on_the_next_connection() {
    let mut guest = Guest::enabled();
    let mut bytes = Vec::new();
    HostMessage::Challenge { heartbeat_challenge: 1 }.encode(1, &mut bytes);
    guest.input(Input::Received(&bytes));
    guest.input(Input::ChannelDown);
    guest.input(Input::ChannelUp);
    guest.sleep(Duration::ZERO);
    assert!(guest.answers().is_empty());
}

#[test]
fn a_caller_that_does_not_drain_loses_the_oldest() {
    let mut guest = Guest::enabled();
    let mut bytes = Vec::new();
    let kind = NotificationType::Irrevocable;
    for timeout_ms in 0..1000 {
        let notify = ActionNotify { timeout_ms, ..notify(EventType::Pause, kind) };
        HostMessage::ActionNotify(notify).encode(1, &mut bytes);
    }
    guest.input(Input::Received(&bytes));
    assert_eq!(guest.sent.len(), 256);
    assert_eq!(guest.counters().outputs_lost, 745, "a note of the first one went too");
}
