//! Registered applications.

use std::time::Duration;

use protocol::application::{Init, LogText, Message};
use protocol::channel::{CorrectiveAction, Health};

use super::machine::{Machine, crash, init};
use super::{SECOND, ms};
use crate::core::guest::Input;
use crate::core::{AppKey, ApplicationCrash, CONNECTIONS_MAX, Note};

const TIMEOUT: &str = "Application db heartbeat timeout 1000 ms.";
const CRASHED: &str = "Application db closed without notice";

#[test]
fn an_application_is_challenged_every_interval() {
    let mut machine = Machine::new();
    machine.register(1, "db");
    machine.sleep(ms(499));
    assert!(machine.said_to(1).is_empty());
    machine.sleep(ms(1));
    let first = machine.challenges(1);
    assert_eq!(first.len(), 1);
    machine.app_answers(1, first[0], Health::Healthy, "");
    machine.sleep(ms(500));
    let second = machine.challenges(1);
    assert_eq!(second.len(), 1);
    assert_ne!(first, second);
    assert!(machine.is_healthy());
}

#[test]
fn no_challenge_goes_out_while_one_is_unanswered_until_it_is_given_up() {
    let mut machine = Machine::new();
    machine.register(1, "db");
    machine.sleep(ms(1499));
    assert_eq!(machine.challenges(1).len(), 1);
    assert!(machine.is_healthy());
    machine.sleep(ms(1));
    assert_eq!(machine.challenges(1).len(), 1);
    let (health, action, log_msg) = machine.health();
    assert_eq!(health, Health::Unhealthy);
    assert_eq!((action, log_msg.as_str()), (CorrectiveAction::Stop, TIMEOUT), "its own action");
}

#[test]
fn a_later_answer_to_one_of_the_last_four_challenges_makes_it_healthy_again() {
    let mut machine = Machine::new();
    machine.register(1, "db");
    let mut challenges = Vec::new();
    while challenges.len() < 5 {
        machine.sleep(SECOND);
        challenges.extend(machine.challenges(1));
    }
    machine.app_answers(1, challenges[0], Health::Healthy, "");
    assert!(!machine.is_healthy(), "it is the fifth last");
    machine.app_answers(1, 12345, Health::Healthy, "");
    assert!(!machine.is_healthy(), "nobody asked that");
    machine.app_answers(1, challenges[1], Health::Healthy, "");
    assert!(machine.is_healthy());
}

#[test]
fn a_machine_that_stood_still_does_not_take_it_for_the_applications_silence() {
    let mut machine = Machine::new();
    machine.register(1, "db");
    machine.sleep(ms(900));
    machine.stall(5 * SECOND);
    assert!(machine.is_healthy());
    assert_eq!(machine.challenges(1).len(), 1, "the same one is awaited");
    machine.sleep(ms(999));
    assert!(machine.is_healthy());
    machine.sleep(ms(1));
    assert!(!machine.is_healthy());
}

#[test]
fn a_gap_in_the_middle_of_its_time_restarts_the_clock() {
    let mut machine = Machine::new();
    machine.register_as(1, Init { heartbeat_interval_ms: 2000, ..init("db") });
    machine.sleep(ms(4500)); // Challenged at 2.0, watched since 4.0.
    machine.stall(ms(900)); // It runs again at 5.4; 6.0 would be too late.
    machine.sleep(ms(700));
    assert!(machine.is_healthy());
    machine.sleep(ms(4000));
    assert!(!machine.is_healthy());
}

#[test]
fn excuses_for_an_application_end() {
    let mut machine = Machine::new();
    machine.register(1, "db");
    machine.sleep(ms(500));
    for _ in 0..3 {
        machine.stall(5 * SECOND);
        assert!(machine.is_healthy());
    }
    machine.stall(5 * SECOND);
    assert!(!machine.is_healthy());
}

#[test]
fn an_answer_sets_its_health_action_and_message() {
    let mut machine = Machine::new();
    machine.register(1, "db");
    machine.sleep(ms(500));
    let value = machine.challenges(1)[0];
    machine.app_answers(1, value, Health::Unhealthy, "no \"disk\"\n");
    let expected = (Health::Unhealthy, CorrectiveAction::Reboot, "no \"disk\"".to_owned());
    assert_eq!(machine.health(), expected);
    machine.app_answers(1, value, Health::Unhealthy, "");
    assert_eq!(machine.health().2, "Application db says unhealthy");
}

#[test]
fn too_short_an_interval_and_a_seventeenth_application_are_not_accepted() {
    let mut machine = Machine::new();
    for key in 0..16 {
        machine.register(key, &format!("app-{key}"));
    }
    assert_eq!(machine.register_as(16, init("late")), [Message::InitAck { accepted: false }]);
    assert_eq!(machine.closed, [16]);
    machine.app(0, &Message::Final(LogText::new("done")));
    let hasty = Init { heartbeat_interval_ms: 399, ..init("hasty") };
    assert_eq!(machine.register_as(17, hasty), [Message::InitAck { accepted: false }]);
    machine.register(18, "in time");
    assert_eq!(machine.guest.applications(), 16);
}

#[test]
fn an_application_may_register_again_with_other_values() {
    let mut machine = Machine::new();
    machine.register(1, "db");
    let slow = Init { heartbeat_interval_ms: 5000, ..init("db") };
    machine.app(1, &Message::Init(slow));
    assert_eq!(machine.said_to(1), [Message::InitAck { accepted: true }]);
    machine.sleep(ms(4999));
    assert!(machine.challenges(1).is_empty());
    assert_eq!(machine.guest.applications(), 1);
}

#[test]
fn an_application_that_says_final_leaves_nothing_behind() {
    for crash_policy in [ApplicationCrash::Log, ApplicationCrash::Action] {
        let mut machine = Machine::with(crash(crash_policy));
        machine.register(1, "db");
        machine.sleep(ms(1500));
        assert!(!machine.is_healthy());
        machine.app(1, &Message::Final(LogText::new("done")));
        assert!(machine.is_healthy());
        assert_eq!((machine.closed.as_slice(), machine.guest.applications()), (&[1][..], 0));
        machine.app_closes(1);
        assert_eq!(machine.sleep(90 * SECOND), 0);
        assert!(machine.is_healthy());
    }
}

#[test]
fn a_crash_is_logged_for_a_minute() {
    let mut machine = Machine::new();
    machine.register(1, "db");
    machine.app_closes(1);
    let expected = (Health::Unhealthy, CorrectiveAction::Log, CRASHED.to_owned());
    assert_eq!(machine.health(), expected);
    machine.sleep(ms(59_999));
    assert!(!machine.is_healthy());
    machine.sleep(ms(1));
    assert!(machine.is_healthy());
}

#[test]
fn a_crash_is_over_when_an_application_of_that_name_registers() {
    let mut machine = Machine::new();
    machine.register(1, "db");
    machine.app_closes(1);
    machine.register(2, "web");
    assert!(!machine.is_healthy());
    machine.register(3, "db");
    assert!(machine.is_healthy());
}

#[test]
fn a_crash_may_ask_for_the_applications_own_action_after_two_intervals() {
    let mut machine = Machine::with(crash(ApplicationCrash::Action));
    machine.register(1, "db");
    machine.app_closes(1);
    machine.sleep(ms(999));
    assert!(machine.is_healthy());
    machine.sleep(ms(1));
    let expected = (Health::Unhealthy, CorrectiveAction::Stop, CRASHED.to_owned());
    assert_eq!(machine.health(), expected);
    machine.sleep(60 * SECOND);
    assert!(machine.is_healthy());
}

#[test]
fn a_crash_may_be_ignored() {
    let mut machine = Machine::with(crash(ApplicationCrash::Ignore));
    machine.register(1, "db");
    machine.app_closes(1);
    machine.sleep(2 * SECOND);
    assert!(machine.is_healthy());
    assert!(machine.notes.contains(&Note::ApplicationCrashed { name: "db".into() }));
}

#[test]
fn who_does_not_register_in_time_is_closed() {
    let mut machine = Machine::new();
    machine.input(Input::AppConnected(AppKey(1)));
    machine.input(Input::AppReceived(AppKey(1), &[0; 5000]));
    machine.app(1, &Message::Challenge(7));
    machine.sleep(ms(9999));
    assert!(machine.closed.is_empty());
    machine.sleep(ms(1));
    assert_eq!(machine.closed, [1]);
    assert_eq!(machine.sleep(60 * SECOND), 0);
}

#[test]
fn connections_that_say_nothing_keep_nobody_out() {
    let mut machine = Machine::new();
    machine.register(0, "first");
    let most = CONNECTIONS_MAX as u64;
    for key in 1..2 * most {
        machine.input(Input::AppConnected(AppKey(key)));
    }
    assert_eq!(machine.closed.len() as u64, most, "the oldest made room");
    machine.register(2 * most, "last");
    assert_eq!(machine.guest.applications(), 2);
}

#[test]
fn what_an_unregistered_connection_says_counts_for_nothing() {
    let mut machine = Machine::new();
    machine.input(Input::AppConnected(AppKey(1)));
    machine.app_answers(1, 0, Health::Unhealthy, "boo");
    machine.app_closes(1);
    assert!(machine.is_healthy());
    machine.input(Input::AppReceived(AppKey(7), b"nobody"));
    machine.app_closes(7);
}

#[test]
fn applications_outlive_the_host() {
    let mut machine = Machine::new();
    machine.register(1, "db");
    machine.input(Input::ChannelDown);
    machine.answer_for(&[1], 5 * SECOND);
    machine.sleep(Duration::from_millis(1500));
    machine.connect();
    assert_eq!(machine.health().2, TIMEOUT, "what is known of them is told at once");
}
