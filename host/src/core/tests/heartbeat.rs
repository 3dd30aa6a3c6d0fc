//! The heartbeat cycle of a guest that answers: rules 3, 4, 6, 7 and 8.

use protocol::channel::{
    ChallengeResponse, CorrectiveAction, GuestMessage, HostMessage, Init, NotificationType,
};
use protocol::datagram::{Event, Switch};
use protocol::limits::INT_MAX;

use super::super::InstanceState;
use super::guest;
use super::host::{Answers, Host, Sent, ms, secs, since};

fn is_challenge(sent: &Sent) -> bool {
    matches!(sent.message, HostMessage::Challenge { .. })
}

#[test]
fn an_init_is_answered_by_its_acknowledgement_and_directly_by_a_challenge() {
    let mut host = Host::managed();
    host.appear(1);
    host.run(secs(3));
    host.say(1, &GuestMessage::Init(guest::init()));
    let sent = host.sent();
    assert_eq!(sent[0].message, HostMessage::InitAck { invocation_id: guest::INVOCATION });
    assert!(is_challenge(&sent[1]));
    assert_eq!((sent.len(), sent[0].at, sent[1].at), (2, secs(3), secs(3)));
}

#[test]
fn an_interval_below_the_floor_is_raised_to_it_and_a_huge_one_is_an_hour() {
    for (asked, got) in [(0, 400), (1, 400), (399, 400), (400, 400), (7000, 7000)]
        .into_iter()
        .chain([(3_600_001, 3_600_000), (INT_MAX, 3_600_000)])
    {
        let mut host = Host::managed();
        host.appear(1);
        host.answer(1, Answers::Healthy);
        let init = Init { heartbeat_interval_ms: asked, ..guest::init() };
        host.say(1, &GuestMessage::Init(init));
        host.run(secs(4 * 3600));
        let at: Vec<_> = host.sent().iter().filter(|s| is_challenge(s)).map(|s| s.at).collect();
        assert!(at[1..].windows(2).all(|pair| since(pair[1], pair[0]) == ms(got)), "{asked}");
        assert!(since(at[1], at[0]) <= ms(got), "the first interval may be shorter");
        assert_eq!(host.events(), [""; 0]);
    }
}

#[test]
fn one_challenge_an_interval_each_with_a_new_value_and_no_drift() {
    let mut host = Host::with_heartbeat();
    host.run(secs(3600));
    let sent = host.sent();
    assert_eq!(sent.len(), 3600);
    assert!(sent.windows(2).all(|pair| since(pair[1].at, pair[0].at) == secs(1)));
    let mut values: Vec<u32> = (sent.iter())
        .map(|sent| match sent.message {
            HostMessage::Challenge { heartbeat_challenge } => heartbeat_challenge,
            ref other => panic!("{other:?}"),
        })
        .collect();
    assert!(values.iter().all(|value| *value <= INT_MAX));
    values.sort_unstable();
    values.dedup();
    assert!(values.len() > 3590, "random");
}

#[test]
fn a_late_wake_up_does_not_shift_the_cadence() {
    let mut host = Host::with_heartbeat();
    host.run(ms(500));
    let due = host.server.next_deadline();
    host.stall(secs(1));
    host.forget();
    host.run(secs(3));
    let at: Vec<_> = host.sent().iter().map(|sent| sent.at.as_millis() % 1000).collect();
    assert_eq!(at.len(), 3);
    assert!(due.is_some() && at.windows(2).all(|pair| pair[0] == pair[1]));
    assert_eq!(at[0] % 50, 0, "on the grid");
}

#[test]
fn the_first_right_healthy_answer_is_running_and_is_told_once() {
    let mut host = Host::managed();
    host.name(1, Switch::Disabled);
    host.appear(1);
    host.say(1, &GuestMessage::Init(guest::init()));
    assert_eq!(host.state(1), Some(InstanceState::Starting));
    assert_eq!(host.events(), [""; 0]);
    host.answer(1, Answers::Healthy);
    host.run(secs(60));
    assert_eq!(host.state(1), Some(InstanceState::Heartbeating));
    assert_eq!(host.events(), ["1 running"], "whether its failures are reported or not");
}

#[test]
fn an_answer_with_a_wrong_value_is_ignored_and_counted() {
    let mut host = Host::managed();
    host.name(1, Switch::Enabled);
    host.appear(1);
    host.say(1, &GuestMessage::Init(guest::init()));
    let Some(HostMessage::Challenge { heartbeat_challenge }) = host.messages().pop() else {
        panic!("not challenged");
    };
    let wrong = guest::answer(heartbeat_challenge ^ 1);
    host.say(1, &GuestMessage::ChallengeResponse(wrong));
    assert_eq!(host.server.counters().stale_answers, 1);
    assert_eq!((host.events(), host.messages()), (vec![], vec![]), "no answer to it");
    host.say(1, &GuestMessage::ChallengeResponse(guest::answer(heartbeat_challenge)));
    assert_eq!(host.events(), ["1 running"]);
}

#[test]
fn an_answer_to_the_challenge_before_is_not_the_answer_to_this_one() {
    let mut host = Host::with_heartbeat();
    host.answer_after(1, ms(1001));
    host.run(secs(10));
    assert_eq!(host.events(), ["1 stopped", "1 lost"]);
    assert!(host.server.counters().stale_answers >= 1);
}

#[test]
fn unhealthy_answers_keep_the_cycle_and_each_is_reported_with_its_action() {
    let mut host = Host::with_heartbeat();
    host.answer(1, Answers::Unhealthy(CorrectiveAction::Stop));
    host.run(secs(3));
    assert_eq!(host.events(), ["1 ill: stop"; 3]);
    host.answer(1, Answers::Unhealthy(CorrectiveAction::Log));
    host.run(secs(1));
    host.answer(1, Answers::Unhealthy(CorrectiveAction::None));
    host.run(secs(60));
    host.answer(1, Answers::Unhealthy(CorrectiveAction::Unknown));
    host.run(secs(60));
    assert_eq!(host.events(), ["1 ill: log"]);
    assert_eq!(host.state(1), Some(InstanceState::Heartbeating));
}

#[test]
fn ill_health_carries_the_answers_action_and_later_events_the_inits() {
    let mut host = Host::with_heartbeat();
    host.answer(1, Answers::Unhealthy(CorrectiveAction::Stop));
    host.run(secs(1));
    host.hang_up(1);
    let events = host.full_events();
    let [Event::IllHealth(ill), Event::Stopped(stopped)] = &events[..] else {
        panic!("{events:?}");
    };
    assert_eq!(ill.repair_action, CorrectiveAction::Stop);
    assert_eq!(ill.heartbeating, Switch::Enabled);
    assert_eq!(stopped.repair_action, CorrectiveAction::Reboot);
    assert_eq!(stopped.heartbeating, Switch::Disabled);
}

#[test]
fn an_unhealthy_answer_without_an_action_means_the_inits() {
    let mut host = Host::with_heartbeat();
    host.answer(1, Answers::Never);
    host.run(secs(1));
    let Some(HostMessage::Challenge { heartbeat_challenge }) = host.messages().pop() else {
        panic!("not challenged");
    };
    let ill = guest::unhealthy(heartbeat_challenge, CorrectiveAction::Log);
    let ill = ChallengeResponse { corrective_action: None, ..ill };
    host.say(1, &GuestMessage::ChallengeResponse(ill));
    assert_eq!(host.events(), ["1 ill: reboot"]);
}

#[test]
fn ill_health_is_reported_only_while_host_and_instance_are() {
    let mut host = Host::with_heartbeat();
    host.answer(1, Answers::Unhealthy(CorrectiveAction::Reboot));
    host.name(1, Switch::Disabled);
    host.run(secs(3));
    host.name(1, Switch::Enabled);
    host.command(&protocol::datagram::Command::ModifyHost { reporting: Switch::Disabled });
    host.run(secs(3));
    assert_eq!(host.events(), [""; 0]);
    host.command(&protocol::datagram::Command::ModifyHost { reporting: Switch::Enabled });
    host.run(secs(1));
    assert_eq!(host.events(), ["1 ill: reboot"]);
}

#[test]
fn a_guest_that_was_never_healthy_is_not_running() {
    let mut host = Host::managed();
    host.name(1, Switch::Enabled);
    host.boot(1);
    host.forget();
    host.answer(1, Answers::Unhealthy(CorrectiveAction::Log));
    host.say(1, &GuestMessage::Init(guest::init()));
    host.run(secs(1));
    assert_eq!(host.state(1), Some(InstanceState::Starting));
    assert!(!host.events().contains(&"1 running".to_owned()));
    host.answer(1, Answers::Healthy);
    host.run(secs(1));
    assert_eq!(host.events(), ["1 running"]);
}

#[test]
fn an_exit_is_a_graceful_leave() {
    let mut host = Host::with_heartbeat();
    host.run(secs(2));
    host.forget();
    host.say(1, &guest::exit());
    assert_eq!(host.events(), ["1 stopped"]);
    assert_eq!(host.state(1), Some(InstanceState::AwaitingInit));
    host.run(secs(60));
    assert_eq!((host.events(), host.sent()), (vec![], vec![]), "no loss, no challenge");
    host.say(1, &GuestMessage::Init(guest::init()));
    assert_eq!(host.events(), ["1 running"]);
}

#[test]
fn a_guest_that_reboots_is_not_a_loss() {
    let mut host = Host::with_heartbeat();
    host.run(secs(2));
    host.forget();
    let init = Init { invocation_id: 2, ..guest::init() };
    host.say(1, &GuestMessage::Init(init));
    let messages = host.messages();
    assert_eq!(messages[0], HostMessage::InitAck { invocation_id: 2 });
    assert!(matches!(messages[1], HostMessage::Challenge { .. }), "at once");
    assert_eq!(host.events(), ["1 stopped", "1 running"]);
    host.vote(1, "stop");
    let Some(HostMessage::ActionNotify(notify)) = host.messages().pop() else {
        panic!("not asked");
    };
    assert_eq!(notify.invocation_id, 2, "the new one holds");
    assert_eq!(notify.notification_type, NotificationType::Revocable);
}

#[test]
fn several_inits_in_a_row_are_each_answered() {
    let mut host = Host::managed();
    host.name(1, Switch::Enabled);
    host.appear(1);
    let mut bytes = Vec::new();
    for invocation_id in 1..=5 {
        GuestMessage::Init(Init { invocation_id, ..guest::init() }).encode(1, &mut bytes);
    }
    host.answer(1, Answers::Healthy);
    host.say_bytes(1, &bytes);
    let acks: Vec<_> = (host.messages().into_iter())
        .filter_map(|message| match message {
            HostMessage::InitAck { invocation_id } => Some(invocation_id),
            _ => None,
        })
        .collect();
    assert_eq!(acks, [1, 2, 3, 4, 5]);
    host.run(secs(10));
    assert_eq!(host.events(), ["1 running"]);
}

#[test]
fn a_version_above_ours_is_taken_as_ours() {
    let mut host = Host::managed();
    host.name(1, Switch::Enabled);
    host.appear(1);
    host.answer(1, Answers::Healthy);
    let mut bytes = Vec::new();
    GuestMessage::Init(guest::init()).encode(1, &mut bytes);
    let line = String::from_utf8(bytes).unwrap().replace("\"version\":3", "\"version\":4");
    host.say_bytes(1, line.as_bytes());
    assert_eq!(host.events(), ["1 running"]);
}
