//! Votes and notifications: each gets exactly one answer.

use protocol::channel::{EventType, NotificationType, VoteResult};
use protocol::datagram::{Event, InstanceInfo};

use super::controller::{Controller, Mood, ms, secs};

const VOTE: NotificationType = NotificationType::Revocable;
const NOTIFY: NotificationType = NotificationType::Irrevocable;

fn answer(
    controller: &mut Controller,
    asked: (EventType, NotificationType),
    vote: VoteResult,
    reason: &str,
) {
    let answer = controller.servers[&1].answer(1, asked, vote, reason);
    controller.event(1, &answer);
}

fn ask(controller: &mut Controller, kind: NotificationType, event: EventType) -> u32 {
    match kind {
        VOTE => controller.vote(1, event),
        NOTIFY => controller.notify(1, event),
    }
}

#[test]
fn the_vim_is_told_how_long_the_guest_may_take() {
    use EventType as E;
    let mut controller = Controller::with_instance();
    for (event, secs) in [
        (E::Stop, 12),
        (E::Reboot, 12),
        (E::Suspend, 13),
        (E::Pause, 13),
        (E::Unpause, 14),
        (E::Resume, 14),
        (E::ResizeBegin, 13),
        (E::ResizeEnd, 14),
        (E::LiveMigrateBegin, 13),
        (E::LiveMigrateEnd, 14),
        (E::ColdMigrateBegin, 13),
        (E::ColdMigrateEnd, 14),
    ] {
        assert_eq!(controller.vote(1, event), 11, "{event}");
        assert_eq!(controller.notify(1, event), secs, "{event}");
        let expected = [format!("vote 1 {event}"), format!("notify 1 {event}")];
        assert_eq!(controller.changes(1), expected);
    }
}

#[test]
fn an_instance_that_does_not_heartbeat_is_not_asked_and_the_vim_does_not_wait() {
    let mut controller = Controller::with_instance();
    controller.heartbeat(1, 1, false);
    controller.forget();
    assert_eq!(controller.vote(1, EventType::Stop), 0);
    assert_eq!(controller.notify(1, EventType::Stop), 0);
    controller.run(secs(60));
    assert_eq!(controller.changes(1), [""; 0]);
    assert_eq!(controller.events(), [""; 0]);
}

#[test]
fn the_answer_goes_to_the_vim_at_once_by_the_type_of_what_was_asked() {
    use VoteResult as V;
    for (kind, vote, expected) in [
        (VOTE, V::Accept, "allow (why)"),
        (VOTE, V::Complete, "allow (why)"),
        (VOTE, V::Reject, "reject (why)"),
        (VOTE, V::Timeout, "allow (guest answered timeout: why)"),
        (VOTE, V::Error, "allow (guest answered error: why)"),
        (VOTE, V::Unknown, "allow (guest answered unknown: why)"),
        (NOTIFY, V::Accept, "proceed (why)"),
        (NOTIFY, V::Complete, "proceed (why)"),
        (NOTIFY, V::Reject, "proceed (why)"),
        (NOTIFY, V::Timeout, "proceed (guest answered timeout: why)"),
        (NOTIFY, V::Error, "proceed (guest answered error: why)"),
        (NOTIFY, V::Unknown, "proceed (guest answered unknown: why)"),
    ] {
        for answered_kind in [VOTE, NOTIFY] {
            let mut controller = Controller::with_instance();
            ask(&mut controller, kind, EventType::Reboot);
            controller.run(ms(500));
            let asked_at = controller.time();
            answer(&mut controller, (EventType::Reboot, answered_kind), vote, "why");
            controller.run(secs(60));
            let expected = (asked_at, format!("1 reboot: {expected}"));
            assert_eq!(controller.timed_events(), [expected], "as {answered_kind}");
        }
    }
}

#[test]
fn silence_is_answered_for_within_a_second_after_the_time() {
    for (kind, time, word) in [(VOTE, 11, "allow"), (NOTIFY, 12, "proceed")] {
        let mut controller = Controller::with_instance();
        let start = controller.time();
        ask(&mut controller, kind, EventType::Stop);
        controller.run(secs(time));
        assert_eq!(controller.events(), [""; 0], "the host may still answer for its guest");
        controller.run(secs(60));
        let events = controller.timed_events();
        let [(at, text)] = &events[..] else { panic!("{events:?}") };
        assert_eq!(text, &format!("1 stop: {word} (no answer from the guest's host in time)"));
        assert!(*at > start + secs(time) && *at <= start + secs(time + 1));
    }
}

#[test]
fn a_controller_that_was_held_up_reads_what_has_come_before_it_answers_for_a_guest() {
    let mut controller = Controller::with_instance();
    controller.vote(1, EventType::Stop);
    controller.stall(secs(20));
    let caught_up = controller.time();
    assert_eq!(controller.events(), [""; 0], "the answer may wait in the socket");
    answer(&mut controller, (EventType::Stop, VOTE), VoteResult::Reject, "why");
    controller.run(secs(60));
    assert_eq!(controller.timed_events(), [(caught_up, "1 stop: reject (why)".to_owned())]);
}

#[test]
fn a_second_and_a_late_answer_are_counted_and_dropped() {
    let mut controller = Controller::with_instance();
    let asked = (EventType::Stop, VOTE);
    controller.vote(1, EventType::Stop);
    answer(&mut controller, asked, VoteResult::Reject, "busy");
    answer(&mut controller, asked, VoteResult::Accept, "");
    controller.vote(1, EventType::Stop);
    controller.run(secs(60));
    answer(&mut controller, asked, VoteResult::Reject, "busy");
    let silence = "1 stop: allow (no answer from the guest's host in time)";
    assert_eq!(controller.events(), ["1 stop: reject (busy)", silence]);
    let counters = controller.agent.counters();
    assert_eq!((counters.late_answers, counters.request_timeouts), (2, 1));
}

#[test]
fn an_answer_about_something_else_is_not_the_answer() {
    let mut controller = Controller::with_instance();
    controller.vote(1, EventType::Stop);
    answer(&mut controller, (EventType::Reboot, VOTE), VoteResult::Reject, "busy");
    assert_eq!(controller.events(), [""; 0]);
    answer(&mut controller, (EventType::Stop, VOTE), VoteResult::Accept, "");
    assert_eq!(controller.events(), ["1 stop: allow"]);
}

#[test]
fn an_answer_about_an_event_that_the_guest_does_not_know_is_the_answer_to_the_oldest() {
    let mut controller = Controller::with_instance();
    controller.vote(1, EventType::ResizeBegin);
    controller.notify(1, EventType::Stop);
    for _ in 0..3 {
        answer(&mut controller, (EventType::Unknown, VOTE), VoteResult::Accept, "");
    }
    assert_eq!(controller.events(), ["1 resize_begin: allow", "1 stop: proceed"]);
}

#[test]
fn a_vote_and_a_notification_about_the_same_are_told_apart() {
    let mut controller = Controller::with_instance();
    controller.vote(1, EventType::Stop);
    controller.notify(1, EventType::Stop);
    answer(&mut controller, (EventType::Stop, NOTIFY), VoteResult::Complete, "");
    answer(&mut controller, (EventType::Stop, VOTE), VoteResult::Reject, "busy");
    assert_eq!(controller.events(), ["1 stop: proceed", "1 stop: reject (busy)"]);
}

#[test]
fn of_too_many_requests_the_oldest_is_answered_at_once() {
    let mut controller = Controller::with_instance();
    for _ in 0..40 {
        controller.vote(1, EventType::Pause);
        controller.run(ms(10));
    }
    let events = controller.events();
    assert_eq!(events, ["1 pause: allow (too many newer requests)"; 24]);
    for _ in 0..5 {
        answer(&mut controller, (EventType::Pause, VOTE), VoteResult::Accept, "");
    }
    assert_eq!(controller.events(), ["1 pause: allow"; 5]);
    controller.run(secs(60));
    assert_eq!(controller.events().len(), 11);
}

#[test]
fn a_guest_that_is_lost_before_it_answers_has_agreed() {
    let mut controller = Controller::with_instance();
    controller.notify(1, EventType::Reboot);
    controller.lose(1, 1);
    controller.run(secs(60));
    let expected = "1 reboot: proceed (no answer from the guest's host in time)";
    assert_eq!(controller.events(), ["1 silent", "1 failed: reboot", expected]);
}

#[test]
fn a_request_on_an_instance_that_moves_is_answered_once() {
    let mut controller = Controller::with_instance();
    controller.add_host(2, true);
    let mut controller = controller.settled();
    controller.vote(1, EventType::LiveMigrateBegin);
    controller.set(1, 2, true).unwrap();
    answer(&mut controller, (EventType::LiveMigrateBegin, VOTE), VoteResult::Accept, "");
    controller.run(secs(60));
    let events = controller.events();
    assert_eq!(events.iter().filter(|e| e.contains("live_migrate_begin")).count(), 1);
}

#[test]
fn a_request_on_an_instance_that_is_deleted_is_not_answered() {
    let mut controller = Controller::with_instance();
    controller.vote(1, EventType::Stop);
    controller.delete(1).unwrap();
    controller.set(1, 1, true).unwrap();
    controller.heartbeat(1, 1, true);
    answer(&mut controller, (EventType::Stop, VOTE), VoteResult::Accept, "");
    controller.run(secs(60));
    assert_eq!(controller.events(), ["1 heartbeats"]);
}

#[test]
fn an_answer_waits_for_a_vim_that_is_away() {
    let mut controller = Controller::with_instance();
    controller.vim.mood = Mood::Away;
    controller.vote(1, EventType::Stop);
    answer(&mut controller, (EventType::Stop, VOTE), VoteResult::Reject, "busy");
    controller.run(secs(7200));
    controller.vim.mood = Mood::Well;
    controller.run(secs(60));
    assert_eq!(controller.events(), ["1 stop: reject (busy)"]);
}

#[test]
fn nonsensical_times_are_kept_within_a_second_and_an_hour() {
    for (announced, expected) in [(0, 1), (u32::MAX, 3600)] {
        let mut controller = Controller::with_instance();
        let info = InstanceInfo {
            vote_secs: announced,
            shutdown_secs: announced,
            ..controller.servers[&1].info(1)
        };
        controller.event(1, &Event::Running(info));
        assert_eq!(controller.vote(1, EventType::Stop), expected);
        assert_eq!(controller.notify(1, EventType::Stop), expected);
        controller.servers.get_mut(&1).unwrap().is_reachable = false;
        controller.run(secs(3601));
        assert_eq!(controller.events().len(), 2);
    }
}
