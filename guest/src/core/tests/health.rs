//! The health script.

use std::time::Duration;

use protocol::channel::{CorrectiveAction, Health};

use super::SECOND;
use super::machine::{Machine, event_script, exits, health_check, init};
use crate::core::guest::{Input, Script};
use crate::core::{Note, ScriptEnd};

fn unhealthy(action: CorrectiveAction, log_msg: &str) -> (Health, CorrectiveAction, String) {
    (Health::Unhealthy, action, log_msg.to_owned())
}

#[test]
fn the_health_script_runs_at_once_and_every_interval() {
    let mut machine = Machine::with(health_check(30));
    for _ in 0..3 {
        assert_eq!(machine.running.len(), 1);
        assert_eq!(machine.running[0].1, Script::Health);
        assert!(machine.is_healthy());
        machine.ends(exits(0, "fine"));
        assert!(machine.is_healthy());
        machine.sleep(Duration::from_secs(29));
        assert!(machine.running.is_empty());
        machine.sleep(SECOND);
    }
}

#[test]
fn exit_status_one_is_unhealthy_with_the_configured_action_and_its_first_line() {
    let mut machine = Machine::with(health_check(30));
    machine.ends(exits(1, "disk full"));
    assert_eq!(machine.health(), unhealthy(CorrectiveAction::Reboot, "disk full"));
    machine.sleep(30 * SECOND);
    machine.ends(exits(1, " \u{7}"));
    let log_msg = "health script says unhealthy";
    assert_eq!(machine.health(), unhealthy(CorrectiveAction::None, log_msg), "asked before");
    machine.sleep(30 * SECOND);
    machine.ends(exits(0, ""));
    assert!(machine.is_healthy());
    let changes = machine.notes.iter().filter(|note| matches!(note, Note::Health(_))).count();
    assert_eq!(changes, 3, "ill, for another reason, and healthy again");
}

#[test]
fn any_other_end_is_unhealthy_with_action_log() {
    for (end, log_msg) in [
        (exits(2, ""), "health script exited with status 2"),
        (exits(2, "\0"), "health script exited with status 2"),
        (exits(127, "sh: nope"), "health script exited with status 127: sh: nope"),
        (ScriptEnd::Killed { signal: 11 }, "health script died of signal 11"),
        (ScriptEnd::NotRun("no such file".into()), "health script cannot be run: no such file"),
    ] {
        let mut machine = Machine::with(health_check(30));
        machine.ends(end);
        assert_eq!(machine.health(), unhealthy(CorrectiveAction::Log, log_msg));
    }
}

#[test]
fn a_health_script_still_running_when_the_next_is_due_is_killed_and_unhealthy() {
    let mut machine = Machine::with(health_check(10));
    let hung = machine.run();
    machine.sleep(10 * SECOND);
    assert_eq!(machine.killed, [hung]);
    assert_ne!(machine.run(), hung, "the next one runs");
    let log_msg = "health script did not end within 10 s";
    assert_eq!(machine.health(), unhealthy(CorrectiveAction::Reboot, log_msg));
    machine.input(Input::ScriptEnded { run: hung, end: exits(0, "") });
    assert!(!machine.is_healthy(), "what a killed run says counts no more");
    machine.ends(exits(0, ""));
    assert!(machine.is_healthy());
}

#[test]
fn a_machine_that_stood_still_gives_the_health_script_its_time_again() {
    let mut machine = Machine::with(health_check(10));
    machine.sleep(9 * SECOND);
    machine.stall(20 * SECOND);
    assert!(machine.killed.is_empty() && machine.is_healthy());
    machine.sleep(Duration::from_millis(9900));
    assert!(machine.killed.is_empty());
    machine.sleep(SECOND / 10);
    assert_eq!(machine.killed.len(), 1);
    assert!(!machine.is_healthy());
}

#[test]
fn excuses_for_a_health_script_end() {
    let mut machine = Machine::with(health_check(10));
    for _ in 0..3 {
        machine.stall(20 * SECOND);
        assert!(machine.is_healthy());
    }
    machine.stall(20 * SECOND);
    assert!(!machine.is_healthy());
}

#[test]
fn the_health_script_runs_only_while_the_host_heartbeats() {
    let mut machine = Machine::with(health_check(10));
    let run = machine.run();
    machine.input(Input::ChannelDown);
    assert_eq!(machine.killed, [run]);
    assert_eq!(machine.sleep(60 * SECOND), 0, "nothing wakes it");
    machine.connect();
    assert_eq!(machine.running.len(), 1, "the first run is at once");
}

#[test]
fn a_health_that_was_bad_is_healthy_when_enabled_anew() {
    let mut machine = Machine::with(health_check(10));
    machine.ends(exits(1, "bad"));
    assert!(!machine.is_healthy());
    machine.input(Input::ChannelDown);
    machine.connect();
    assert!(machine.is_healthy());
    machine.ends(exits(1, "bad"));
    assert_eq!(machine.health(), unhealthy(CorrectiveAction::Reboot, "bad"), "told anew");
}

#[test]
fn of_several_ills_the_most_severe_action_wins() {
    let mut machine = Machine::with(health_check(30));
    machine.register(1, "db");
    machine.register_as(2, init("web"));
    machine.sleep(SECOND / 2);
    let (first, second) = (machine.challenges(1)[0], machine.challenges(2)[0]);
    machine.ends(exits(2, "odd"));
    assert_eq!(machine.health().1, CorrectiveAction::Log);
    machine.app_answers(1, first, Health::Unhealthy, "no disk");
    assert_eq!(machine.health(), unhealthy(CorrectiveAction::Reboot, "no disk"));
    machine.app_answers(2, second, Health::Unhealthy, "no net");
    assert_eq!(machine.health().2, "no disk", "the first of equals");
    machine.app_answers(1, first, Health::Healthy, "");
    assert_eq!(machine.health().2, "no net");
    machine.app_answers(2, second, Health::Healthy, "");
    assert_eq!(machine.health().2, "health script exited with status 2: odd");
}

#[test]
fn without_scripts_and_applications_nothing_wakes_it_between_challenges() {
    for settings in [health_check(3600), event_script()] {
        let mut machine = Machine::with(settings);
        if !machine.running.is_empty() {
            machine.ends(exits(0, ""));
        }
        let mut wake_ups = 0;
        for _ in 0..100 {
            assert!(machine.is_healthy());
            wake_ups += machine.sleep(SECOND);
        }
        assert_eq!(wake_ups, 0);
    }
}

#[test]
fn a_run_that_begins_late_has_its_whole_time() {
    let mut machine = Machine::with(health_check(30));
    machine.ends(exits(0, ""));
    machine.stall(100 * SECOND);
    assert_eq!(machine.running.len(), 1);
    machine.sleep(29 * SECOND);
    assert!(machine.is_healthy());
    machine.sleep(SECOND);
    assert!(!machine.is_healthy());
}
