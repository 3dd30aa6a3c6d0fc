//! Votes and notifications: rule 9. Each is answered once.

use std::time::Duration;

use protocol::channel::{
    ActionNotify, ActionResponse, EventType, GuestMessage, HostMessage, Init, LogMsg,
    NotificationType, VoteResult,
};
use protocol::datagram::Switch;
use protocol::limits::INT_MAX;

use super::super::InstanceState;
use super::guest;
use super::host::{Answers, Host, ms, secs, since};

use NotificationType::{Irrevocable, Revocable};

fn respond(host: &mut Host, event: EventType, kind: NotificationType, result: VoteResult) {
    host.say(1, &GuestMessage::ActionResponse(guest::vote(event, kind, result)));
}

fn notify(host: &mut Host) -> ActionNotify {
    match host.messages().pop() {
        Some(HostMessage::ActionNotify(notify)) => notify,
        other => panic!("not an action_notify: {other:?}"),
    }
}

#[test]
fn a_vote_goes_to_the_guest_and_its_answer_to_the_agent_once() {
    let mut host = Host::with_heartbeat();
    host.vote(1, "stop");
    let expected = ActionNotify {
        invocation_id: guest::INVOCATION,
        event_type: EventType::Stop,
        notification_type: Revocable,
        timeout_ms: 11_000,
    };
    assert_eq!(notify(&mut host), expected);
    for _ in 0..3 {
        respond(&mut host, EventType::Stop, Revocable, VoteResult::Reject);
    }
    host.run(secs(60));
    assert_eq!(host.events(), ["1 reject to revocable stop: because"]);
}

#[test]
fn a_guest_has_the_time_that_it_announced_for_what_happens() {
    use EventType as E;
    for event in EventType::ALL.iter().copied().filter(|event| *event != E::Unknown) {
        let notice = match event {
            E::Stop | E::Reboot => 12,
            E::Suspend | E::Pause | E::ResizeBegin | E::LiveMigrateBegin | E::ColdMigrateBegin => {
                13
            }
            _ => 14,
        };
        for (kind, time, word) in [(Revocable, 11, "accept"), (Irrevocable, notice, "complete")] {
            let mut host = Host::with_heartbeat();
            let start = host.time();
            match kind {
                Revocable => host.vote(1, event.as_str()),
                Irrevocable => host.notify(1, event.as_str()),
            }
            assert_eq!(u64::from(notify(&mut host).timeout_ms), time * 1000, "{kind} {event}");
            host.run(secs(60));
            let (at, answer) = host.timed_events().swap_remove(0);
            assert_eq!(since(at, start), secs(time), "the host answers for the guest");
            assert!(answer.starts_with(&format!("1 {word} to {kind} {event}: ")), "{answer}");
        }
    }
}

#[test]
fn an_answer_is_not_lost_when_challenges_are_sent_meanwhile() {
    let mut host = Host::with_heartbeat();
    host.notify(1, "stop");
    host.run(secs(10));
    respond(&mut host, EventType::Stop, Irrevocable, VoteResult::Complete);
    assert_eq!(host.events(), ["1 complete to irrevocable stop: because"]);
    assert_eq!(host.state(1), Some(InstanceState::Heartbeating));
}

#[test]
fn huge_times_count_as_an_hour_and_none_as_none() {
    for (announced, secs) in [(INT_MAX, 3600), (3600, 3600), (0, 0)] {
        let mut host = Host::managed();
        host.name(1, Switch::Enabled);
        host.boot(1);
        let init = Init { vote_secs: announced, ..guest::init() };
        host.say(1, &GuestMessage::Init(init));
        host.forget();
        let start = host.time();
        host.vote(1, "stop");
        assert_eq!(notify(&mut host).timeout_ms, secs * 1000);
        host.run(Duration::from_hours(2));
        assert_eq!(since(host.timed_events()[0].0, start), Duration::from_secs(secs.into()));
    }
}

#[test]
fn an_answer_of_a_client_that_does_not_know_the_event_is_its_answer() {
    let mut host = Host::with_heartbeat();
    host.vote(1, "resize_begin");
    respond(&mut host, EventType::Unknown, Revocable, VoteResult::Reject);
    assert_eq!(host.events(), ["1 reject to revocable resize_begin: because"]);
}

#[test]
fn accept_and_complete_mean_the_same_and_error_and_unknown_agree() {
    use VoteResult as V;
    for result in [V::Accept, V::Complete, V::Error, V::Unknown] {
        for (kind, word) in [(Revocable, "accept"), (Irrevocable, "complete")] {
            let mut host = Host::with_heartbeat();
            match kind {
                Revocable => host.vote(1, "stop"),
                Irrevocable => host.notify(1, "stop"),
            }
            respond(&mut host, EventType::Stop, kind, result);
            let answer = host.events().swap_remove(0);
            assert!(answer.starts_with(&format!("1 {word} to {kind} stop: ")), "{answer}");
            assert!(answer.contains("because"), "its reason stays: {answer}");
        }
    }
}

#[test]
fn reject_and_timeout_are_passed_on() {
    for result in [VoteResult::Reject, VoteResult::Timeout] {
        let mut host = Host::with_heartbeat();
        host.vote(1, "live_migrate_begin");
        respond(&mut host, EventType::LiveMigrateBegin, Revocable, result);
        let expected = format!("1 {result} to revocable live_migrate_begin: because");
        assert_eq!(host.events(), [expected]);
    }
}

#[test]
fn an_answer_with_another_invocation_id_is_refused_and_the_request_stays() {
    let mut host = Host::with_heartbeat();
    host.vote(1, "stop");
    host.forget();
    let response = guest::vote(EventType::Stop, Revocable, VoteResult::Reject);
    let response = ActionResponse { invocation_id: 1, ..response };
    host.say(1, &GuestMessage::ActionResponse(response));
    let messages = host.messages();
    let [HostMessage::Nack(nack)] = &messages[..] else { panic!("{messages:?}") };
    assert_eq!((nack.invocation_id, nack.orig_msg_type.as_str()), (1, "action_response"));
    assert_eq!(host.events(), [""; 0]);
    respond(&mut host, EventType::Stop, Revocable, VoteResult::Accept);
    assert_eq!(host.events(), ["1 accept to revocable stop: because"]);
}

#[test]
fn an_answer_without_a_request_is_counted() {
    let mut host = Host::with_heartbeat();
    respond(&mut host, EventType::Stop, Revocable, VoteResult::Reject);
    assert_eq!((host.events(), host.messages()), (vec![], vec![]));
    assert_eq!(host.server.counters().stale_answers, 1);
}

#[test]
fn a_late_answer_is_not_taken_for_the_next_requests() {
    let mut host = Host::with_heartbeat();
    host.vote(1, "stop");
    host.run(secs(11));
    host.notify(1, "stop");
    host.forget();
    respond(&mut host, EventType::Stop, Revocable, VoteResult::Reject);
    assert_eq!(host.events(), [""; 0], "the answer to the vote");
    respond(&mut host, EventType::Stop, Irrevocable, VoteResult::Complete);
    assert_eq!(host.events(), ["1 complete to irrevocable stop: because"]);
}

#[test]
fn a_request_to_what_does_not_heartbeat_is_answered_at_once() {
    let mut host = Host::managed();
    host.name(1, Switch::Enabled);
    host.vote(1, "stop");
    host.appear(1);
    host.notify(1, "pause");
    assert_eq!(
        host.events(),
        [
            "1 accept to revocable stop: the guest does not heartbeat",
            "1 complete to irrevocable pause: the guest does not heartbeat"
        ]
    );
    assert_eq!(host.messages(), []);
}

#[test]
fn a_request_to_an_unknown_instance_is_answered_and_the_instance_is_not_kept() {
    let mut host = Host::managed();
    host.vote(9, "stop");
    host.notify(9, "resume");
    assert_eq!(host.events().len(), 2);
    assert_eq!(host.server.instances().count(), 0);
}

#[test]
fn a_request_about_an_unknown_event_is_answered_at_once() {
    let mut host = Host::with_heartbeat();
    host.vote(1, "defragment");
    assert_eq!(host.events(), ["1 accept to revocable unknown: this event is not known here"]);
    assert_eq!(host.messages(), []);
}

#[test]
fn the_published_spelling_of_migrations_is_understood() {
    let mut host = Host::with_heartbeat();
    host.vote(1, "live_migration_begin");
    assert_eq!(notify(&mut host).event_type, EventType::LiveMigrateBegin);
}

#[test]
fn the_same_request_again_asks_the_guest_once_and_is_answered_twice() {
    let mut host = Host::with_heartbeat();
    host.vote(1, "stop");
    host.vote(1, "stop");
    assert_eq!(host.messages().len(), 1);
    respond(&mut host, EventType::Stop, Revocable, VoteResult::Accept);
    assert_eq!(host.events(), ["1 accept to revocable stop: because"; 2]);
}

#[test]
fn a_newer_request_takes_the_place_of_an_older_one_which_is_answered() {
    let mut host = Host::with_heartbeat();
    host.vote(1, "stop");
    host.notify(1, "stop");
    host.vote(1, "pause");
    assert_eq!(
        host.events(),
        [
            "1 accept to revocable stop: superseded by a newer request",
            "1 complete to irrevocable stop: superseded by a newer request"
        ]
    );
    assert_eq!(host.messages().len(), 3);
    respond(&mut host, EventType::Stop, Revocable, VoteResult::Reject);
    respond(&mut host, EventType::Pause, Revocable, VoteResult::Reject);
    assert_eq!(host.events(), ["1 reject to revocable pause: because"]);
}

#[test]
fn a_request_is_answered_when_the_guest_leaves_restarts_or_its_channel_ends() {
    let ends: [fn(&mut Host); 4] = [
        |host| host.say(1, &guest::exit()),
        |host| host.say(1, &GuestMessage::Init(guest::init())),
        |host| host.hang_up(1),
        |host| host.vanish(1),
    ];
    for end in ends {
        let mut host = Host::with_heartbeat();
        host.vote(1, "stop");
        end(&mut host);
        assert_eq!(host.unanswered(), 0);
        host.run(secs(60));
        assert_eq!(host.unanswered(), 0, "and never again");
    }
}

#[test]
fn a_request_to_a_guest_that_falls_silent_is_answered_in_its_time() {
    let mut host = Host::with_heartbeat();
    host.vote(1, "stop");
    host.answer(1, Answers::Never);
    host.run(ms(10_999));
    assert_eq!(host.unanswered(), 1);
    host.run(ms(1));
    assert_eq!(host.unanswered(), 0);
}

#[test]
fn a_reason_is_stripped_and_cut_before_it_goes_on() {
    let mut host = Host::with_heartbeat();
    host.vote(1, "stop");
    let line = format!(
        "\n{{\"version\":3,\"msg_type\":\"action_response\",\"invocation_id\":{},\
         \"event_type\":\"stop\",\"notification_type\":\"revocable\",\"vote_result\":\"reject\",\
         \"log_msg\":\"\\u001b[31m{}\"}}\n",
        guest::INVOCATION,
        "\\\"\u{e9}".repeat(400)
    );
    host.say_bytes(1, line.as_bytes());
    let events = host.full_events();
    let [protocol::datagram::Event::Answer(answer)] = &events[..] else { panic!("{events:?}") };
    assert!(!answer.reason.as_str().contains('\u{1b}'));
    assert!(answer.reason.as_str().len() <= 223);
    assert!(answer.reason.as_str().starts_with("[31m\"\u{e9}"));
    let mut bytes = Vec::new();
    events[0].encode(&mut bytes);
    let read = protocol::datagram::Event::decode(&bytes);
    assert!(read.is_ok_and(|event| event == events[0]), "whole on the wire");
}

#[test]
fn an_answer_without_a_message_is_an_answer() {
    let mut host = Host::with_heartbeat();
    host.vote(1, "stop");
    let response = guest::vote(EventType::Stop, Revocable, VoteResult::Accept);
    let response = ActionResponse { log_msg: LogMsg::default(), ..response };
    let mut bytes = Vec::new();
    GuestMessage::ActionResponse(response).encode(1, &mut bytes);
    let line = String::from_utf8(bytes).unwrap().replace(",\"log_msg\":\"\"", "");
    assert!(!line.contains("log_msg"));
    host.say_bytes(1, line.as_bytes());
    assert_eq!(host.events(), ["1 accept to revocable stop: "]);
}
