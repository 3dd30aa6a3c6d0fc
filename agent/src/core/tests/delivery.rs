//! What becomes of events on their way to the VIM.

use std::time::Duration;

use protocol::channel::{CorrectiveAction, EventType, NotificationType, VoteResult};

use super::super::{Input, Outcome};
use super::controller::{Controller, Mood, ms, secs};

fn ill(controller: &mut Controller) {
    let ill = controller.servers[&1].ill(1, CorrectiveAction::Log);
    controller.event(1, &ill);
}

#[test]
fn a_vim_that_is_away_is_tried_after_1_s_2_s_and_so_on_up_to_30_s() {
    let mut controller = Controller::with_instance();
    controller.vim.mood = Mood::Away;
    controller.lose(1, 1);
    controller.run(secs(300));
    let attempts = controller.attempts();
    let waits: Vec<Duration> = attempts.windows(2).map(|two| two[1].abs_diff(two[0])).collect();
    let at_most = [1, 2, 4, 8, 16].into_iter().chain(std::iter::repeat(30)).map(secs);
    for (wait, at_most) in waits.iter().zip(at_most) {
        assert!(*wait <= at_most && *wait > at_most * 8 / 10, "{waits:?}");
    }
    assert!(waits.len() > 9, "{waits:?}");
    assert!(waits[5..].windows(2).any(|two| two[0] != two[1]), "no jitter: {waits:?}");
}

#[test]
fn the_waits_begin_anew_after_a_success() {
    let mut controller = Controller::with_instance();
    controller.vim.mood = Mood::Away;
    ill(&mut controller);
    controller.run(secs(600));
    controller.vim.mood = Mood::Well;
    controller.run(secs(30));
    controller.vim.mood = Mood::Away;
    controller.forget();
    ill(&mut controller);
    controller.run(ms(1100));
    assert_eq!(controller.attempts().len(), 2);
}

#[test]
fn nothing_is_lost_while_the_vim_is_away_for_hours() {
    let mut controller = Controller::with_instance();
    controller.vim.mood = Mood::Away;
    let mut expected = Vec::new();
    for hour in 0..5 {
        controller.heartbeat(1, 1, true);
        controller.lose(1, 1);
        expected.push("1 failed: reboot".to_owned());
        for _ in 0..hour {
            ill(&mut controller);
            expected.push("1 unhealthy: log".to_owned());
        }
        controller.run(secs(3600));
    }
    controller.forget();
    controller.vim.mood = Mood::Well;
    controller.run(secs(60));
    let mut events = controller.events();
    events.retain(|event| event != "1 silent");
    assert_eq!(events, expected, "in their order");
    assert!(!controller.heartbeats(1));
    assert!(!controller.vim.heartbeating[&1]);
}

#[test]
fn a_newer_status_takes_the_place_of_an_older_one_behind_what_came_between() {
    let mut controller = Controller::with_instance();
    controller.vim.mood = Mood::Away;
    controller.lose(1, 1);
    ill(&mut controller);
    controller.heartbeat(1, 1, true);
    controller.vim.mood = Mood::Well;
    controller.run(secs(5));
    assert_eq!(controller.events(), ["1 failed: reboot", "1 unhealthy: log", "1 heartbeats"]);
    assert_eq!(controller.agent.waiting(), 0);
}

#[test]
fn what_the_vim_took_is_not_sent_again() {
    for mood in [Mood::Well, Mood::Silent, Mood::Garbage, Mood::Status(200), Mood::Status(202)] {
        let mut controller = Controller::with_instance();
        controller.vim.mood = mood;
        controller.lose(1, 1);
        controller.run(secs(9));
        assert_eq!(controller.events(), ["1 silent", "1 failed: reboot"], "{mood:?}");
    }
}

#[test]
fn an_alarm_without_a_clear_result_is_sent_once_more_and_counted() {
    for mood in [Mood::Unclear, Mood::Deaf] {
        let mut controller = Controller::with_instance();
        controller.vim.mood = mood;
        ill(&mut controller);
        controller.run(secs(600));
        assert_eq!(controller.attempts().len(), 2);
        assert_eq!(controller.agent.counters().uncertain, 2);
        assert_eq!(controller.agent.waiting(), 0);
    }
}

#[test]
fn an_alarm_that_the_vim_failed_over_is_still_sent_once_more_when_its_fate_is_unclear() {
    let mut controller = Controller::with_instance();
    controller.vim.mood = Mood::Status(500);
    ill(&mut controller);
    controller.vim.mood = Mood::Deaf;
    while controller.agent.counters().uncertain == 0 {
        controller.run(secs(1));
    }
    controller.vim.mood = Mood::Well;
    controller.run(secs(60));
    assert_eq!(controller.events(), ["1 unhealthy: log"]);
}

#[test]
fn a_status_without_a_clear_result_is_sent_until_there_is_one() {
    let mut controller = Controller::with_instance();
    controller.vim.mood = Mood::Deaf;
    controller.heartbeat(1, 1, false);
    controller.run(secs(600));
    assert!(controller.attempts().len() > 10);
    ill(&mut controller);
    controller.run(secs(120));
    controller.vim.mood = Mood::Well;
    controller.run(secs(60));
    assert_eq!(controller.events(), ["1 silent"], "and did not stand in the alarm's way");
    assert_eq!(controller.agent.waiting(), 0);
}

#[test]
fn a_vim_that_fails_over_everything_for_an_hour_loses_no_alarm() {
    for status in [500, 503] {
        let mut controller = Controller::with_instance();
        controller.set(2, 1, true).unwrap();
        controller.run(secs(20));
        controller.forget();
        controller.vim.mood = Mood::Status(status);
        for number in [1, 2] {
            controller.lose(1, number);
        }
        ill(&mut controller);
        controller.run(secs(3600));
        let attempts = controller.attempts().len();
        assert!((100..400).contains(&attempts), "{attempts} attempts in an hour");
        controller.vim.mood = Mood::Well;
        controller.run(secs(90));
        let mut events = controller.events();
        events.retain(|event| event != "1 silent" && event != "2 silent");
        events.sort_by_key(|event| event.starts_with('2'));
        assert_eq!(events, ["1 failed: reboot", "1 unhealthy: log", "2 failed: reboot"]);
        assert_eq!(controller.agent.counters().refused_events, 0);
    }
}

#[test]
fn an_event_that_the_vim_fails_over_does_not_hold_up_those_of_others() {
    let mut controller = Controller::with_instance();
    controller.set(2, 1, true).unwrap();
    controller.run(secs(20));
    controller.forget();
    controller.vim.fails_over = Some(1);
    ill(&mut controller);
    for _ in 0..20 {
        controller.run(secs(60));
        let at = controller.time();
        let ill = controller.servers[&1].ill(2, CorrectiveAction::Log);
        controller.event(1, &ill);
        controller.run(ms(10));
        let (last, event) = controller.timed_events().pop().unwrap();
        assert!(event == "2 unhealthy: log" && last <= at + ms(10), "{event}");
    }
    assert_eq!(controller.agent.counters().refused_events, 1, "given up after ten minutes");
    assert_eq!(controller.agent.waiting(), 0);
}

#[test]
fn what_follows_an_event_that_the_vim_fails_over_does_not_overtake_it() {
    let mut controller = Controller::with_instance();
    controller.vim.fails_over = Some(1);
    ill(&mut controller);
    controller.run(secs(20));
    controller.lose(1, 1);
    controller.run(secs(100));
    controller.vim.fails_over = None;
    controller.run(secs(31));
    let mut events = controller.events();
    events.retain(|event| event != "1 silent");
    assert_eq!(events, ["1 unhealthy: log", "1 failed: reboot"]);
}

#[test]
fn an_instance_that_stood_aside_is_deleted_with_all_it_had_to_tell() {
    let mut controller = Controller::with_instance();
    controller.vim.fails_over = Some(1);
    ill(&mut controller);
    controller.delete(1).unwrap();
    controller.vim.fails_over = None;
    controller.forget();
    controller.set(1, 1, true).unwrap();
    ill(&mut controller);
    assert_eq!(controller.events(), ["1 unhealthy: log"], "that of its successor, at once");
    controller.run(secs(60));
    assert_eq!(controller.agent.waiting(), 0);
}

#[test]
fn an_event_that_the_vim_refuses_is_given_up_at_once() {
    let mut controller = Controller::with_instance();
    controller.vim.mood = Mood::Status(400);
    ill(&mut controller);
    ill(&mut controller);
    controller.run(secs(60));
    assert_eq!(controller.attempts().len(), 2);
    assert_eq!(controller.agent.counters().refused_events, 2);
}

#[test]
fn a_slow_vim_gets_one_request_at_a_time() {
    let mut controller = Controller::with_instance();
    controller.vim.delay = secs(20);
    let start = controller.time();
    for _ in 0..3 {
        ill(&mut controller);
    }
    controller.run(secs(100));
    assert_eq!(controller.attempts(), [start, start + secs(20), start + secs(40)]);
}

#[test]
fn an_outcome_that_nobody_waits_for_is_nothing() {
    let mut controller = Controller::with_instance();
    for outcome in [Outcome::Closed, Outcome::NotSent, Outcome::Unknown] {
        controller.input(Input::Vim(outcome));
    }
    ill(&mut controller);
    assert_eq!(controller.events(), ["1 unhealthy: log"]);
}

#[test]
fn nothing_about_a_deleted_instance_is_sent_any_more() {
    let mut controller = Controller::with_instance();
    controller.set(2, 1, true).unwrap();
    controller.forget();
    controller.vim.mood = Mood::Away;
    controller.vim.delay = ms(100);
    controller.lose(1, 1);
    controller.lose(1, 2);
    controller.delete(1).unwrap();
    controller.vim.mood = Mood::Well;
    controller.run(secs(60));
    assert_eq!(controller.events(), ["2 silent", "2 failed: reboot"]);
}

#[test]
fn an_event_under_way_when_its_instance_is_deleted_is_not_repeated() {
    for mood in [Mood::Away, Mood::Deaf, Mood::Status(500), Mood::Well] {
        let mut controller = Controller::with_instance();
        controller.vim.delay = secs(5);
        controller.vim.mood = mood;
        ill(&mut controller);
        controller.delete(1).unwrap();
        controller.run(secs(60));
        assert_eq!(controller.attempts().len(), 1, "{mood:?}");
        assert_eq!(controller.agent.waiting(), 0);
    }
}

#[test]
fn the_outcome_for_a_deleted_instance_is_not_that_of_its_successor() {
    let mut controller = Controller::with_instance();
    controller.vim.delay = secs(5);
    controller.heartbeat(1, 1, false);
    controller.delete(1).unwrap();
    controller.set(1, 1, true).unwrap();
    controller.heartbeat(1, 1, true);
    controller.run(secs(20));
    assert_eq!(controller.events(), ["1 silent", "1 heartbeats"]);
}

#[test]
fn an_answer_does_not_wait_for_all_that_a_restart_has_to_tell() {
    let mut controller = Controller::with_instance();
    controller.vim.delay = ms(100);
    for number in 2..=1000 {
        controller.set(number, 1, true).unwrap();
        controller.heartbeat(1, number, true);
    }
    controller.forget();
    let asked_at = controller.time();
    controller.vote(1, EventType::Stop);
    let asked = (EventType::Stop, NotificationType::Revocable);
    let answer = controller.servers[&1].answer(1, asked, VoteResult::Accept, "");
    controller.event(1, &answer);
    controller.run(secs(1));
    let events = controller.timed_events();
    let (at, _) = events.iter().find(|(_, event)| event == "1 stop: allow").unwrap();
    assert!(*at <= asked_at + ms(200), "{events:?}");
}
