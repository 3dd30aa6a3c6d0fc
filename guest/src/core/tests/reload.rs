//! Changed settings.

use protocol::channel::{GuestMessage, VoteResult};

use super::SECOND;
use super::machine::{Machine, event_script, exits, health_check};
use crate::core::{Config, Settings, State};

fn named(name: &str) -> Settings {
    Settings { channel: Config { name: name.into(), ..Config::default() }, ..event_script() }
}

#[test]
fn the_host_is_told_only_if_an_announced_value_changed() {
    let mut machine = Machine::new();
    machine.reconfigure(health_check(10));
    assert!(machine.sent.is_empty());
    assert_eq!(machine.guest.state(), State::Enabled);
    machine.reconfigure(named("other"));
    let [GuestMessage::Init(init)] = &machine.sent[..] else { panic!("{:?}", machine.sent) };
    assert_eq!(init.name.as_str(), "other");
    assert_eq!(machine.guest.state(), State::Enabling);
}

#[test]
fn an_open_question_is_answered_before_the_host_is_told() {
    let mut machine = Machine::with(event_script());
    machine.vote();
    machine.reconfigure(named("other"));
    assert!(machine.sent.is_empty());
    machine.ends(exits(0, ""));
    match &machine.sent[..] {
        [GuestMessage::ActionResponse(answer), GuestMessage::Init(_)] => {
            assert_eq!(answer.vote_result, VoteResult::Accept);
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn scripts_come_and_go_with_the_settings() {
    let mut machine = Machine::new();
    machine.reconfigure(health_check(10));
    assert_eq!(machine.running.len(), 1, "it runs at once");
    let run = machine.run();
    machine.reconfigure(event_script());
    assert_eq!(machine.killed, [run]);
    machine.sleep(60 * SECOND);
    assert!(machine.running.is_empty() && machine.is_healthy());
    machine.vote();
    assert_eq!(machine.running.len(), 1);
}

#[test]
fn a_shorter_interval_counts_from_now_on() {
    let mut machine = Machine::with(health_check(3600));
    machine.ends(exits(0, ""));
    machine.reconfigure(health_check(10));
    machine.sleep(10 * SECOND);
    assert_eq!(machine.running.len(), 1);
}
