//! Votes and notifications: the event script and the applications.

use protocol::application::{ActionNotify, ActionResponse, Init, LogText, Message};
use protocol::channel::{self, EventType, HostMessage, NotificationType, VoteResult};

use super::machine::{Machine, event_script, exits, init};
use super::{SECOND, ms};
use crate::core::ScriptEnd;
use crate::core::guest::{Input, Script};
use NotificationType::{Irrevocable, Revocable};

/// The question that an application was asked.
fn asked(machine: &mut Machine, key: u64) -> ActionNotify {
    let notify = |message| match message {
        Message::ActionNotify(notify) => Some(notify),
        _ => None,
    };
    let mut all = machine.said_to(key).into_iter().filter_map(notify);
    all.next_back().expect("it was asked")
}

fn replies(machine: &mut Machine, key: u64, to: ActionNotify, vote: VoteResult, why: &str) {
    let answer = ActionResponse {
        invocation_id: to.invocation_id,
        event_type: to.event_type,
        notification_type: to.notification_type,
        vote_result: vote,
        log_msg: LogText::new(why),
    };
    machine.app(key, &Message::ActionResponse(answer));
}

/// The one answer that was sent, and its reason.
fn answer(machine: &mut Machine) -> (VoteResult, String) {
    let answers = machine.answers();
    assert_eq!(answers.len(), 1, "{answers:?}");
    assert_eq!(answers[0].invocation_id, 9);
    (answers[0].vote_result, answers[0].log_msg.to_string())
}

fn said(vote: VoteResult, why: &str) -> (VoteResult, String) {
    (vote, why.to_owned())
}

#[test]
fn the_event_script_decides_a_vote() {
    for (end, expected) in [
        (exits(0, "fine"), said(VoteResult::Accept, "")),
        (exits(1, "backup runs"), said(VoteResult::Reject, "backup runs")),
        (exits(125, ""), said(VoteResult::Reject, "event script exited with status 125")),
        (exits(2, "\0"), said(VoteResult::Reject, "event script exited with status 2")),
        (exits(126, ""), said(VoteResult::Accept, "event script exited with status 126")),
        (exits(127, "x"), said(VoteResult::Accept, "event script exited with status 127: x")),
        (exits(143, ""), said(VoteResult::Accept, "event script exited with status 143")),
        (
            ScriptEnd::Killed { signal: 9 },
            said(VoteResult::Accept, "event script died of signal 9"),
        ),
        (
            ScriptEnd::NotRun("permission denied".into()),
            said(VoteResult::Accept, "event script cannot be run: permission denied"),
        ),
    ] {
        let mut machine = Machine::with(event_script());
        machine.notify(EventType::Pause, Revocable);
        assert_eq!(machine.running[0].1, Script::Event(Revocable, EventType::Pause));
        assert!(machine.answers().is_empty());
        machine.ends(end);
        assert_eq!(answer(&mut machine), expected);
    }
}

#[test]
fn a_notification_is_complete_whatever_the_script_says() {
    for (end, why) in [
        (exits(0, "fine"), ""),
        (exits(1, "not now"), "not now"),
        (ScriptEnd::Killed { signal: 9 }, "event script died of signal 9"),
    ] {
        let mut machine = Machine::with(event_script());
        machine.notify(EventType::Stop, Irrevocable);
        assert_eq!(machine.running[0].1, Script::Event(Irrevocable, EventType::Stop));
        machine.ends(end);
        assert_eq!(answer(&mut machine), said(VoteResult::Complete, why));
    }
}

#[test]
fn a_script_that_hangs_is_killed_when_its_time_is_over() {
    for (kind, vote) in [(Revocable, VoteResult::Timeout), (Irrevocable, VoteResult::Complete)] {
        let mut machine = Machine::with(event_script());
        machine.notify(EventType::Stop, kind);
        let run = machine.run();
        machine.sleep(ms(9999));
        assert!(machine.killed.is_empty() && machine.answers().is_empty());
        machine.sleep(ms(1));
        assert_eq!(machine.killed, [run]);
        let why = "event script did not end within 10 s";
        assert_eq!(answer(&mut machine), said(vote, why));
        machine.input(Input::ScriptEnded { run, end: exits(1, "too late") });
        assert!(machine.answers().is_empty());
    }
}

#[test]
fn a_rejection_counts_more_than_a_script_that_hangs() {
    let mut machine = Machine::with(event_script());
    machine.register(1, "db");
    machine.vote();
    let to = asked(&mut machine, 1);
    replies(&mut machine, 1, to, VoteResult::Reject, "replicating");
    assert!(machine.answers().is_empty(), "the script may have something to say");
    machine.sleep(10 * SECOND);
    assert_eq!(answer(&mut machine), said(VoteResult::Reject, "replicating"));
}

#[test]
fn script_and_applications_are_asked_at_once_and_all_are_waited_for() {
    let mut machine = Machine::with(event_script());
    machine.register(1, "db");
    machine.register(2, "web");
    machine.vote();
    let (first, second) = (asked(&mut machine, 1), asked(&mut machine, 2));
    assert_ne!(first.invocation_id, second.invocation_id);
    assert_eq!(first.event_type, EventType::Stop);
    assert_eq!(first.notification_type, Some(Revocable));
    machine.ends(exits(0, ""));
    replies(&mut machine, 1, first, VoteResult::Accept, "");
    assert!(machine.answers().is_empty());
    replies(&mut machine, 2, second, VoteResult::Accept, "");
    assert_eq!(answer(&mut machine), said(VoteResult::Accept, ""));
}

#[test]
fn one_rejection_is_enough_and_all_reasons_are_told() {
    let mut machine = Machine::with(event_script());
    for (key, name) in [(1, "db"), (2, "web"), (3, "mail")] {
        machine.register(key, name);
    }
    machine.vote();
    let questions = [1, 2, 3].map(|key| asked(&mut machine, key));
    replies(&mut machine, 1, questions[0], VoteResult::Reject, "replicating");
    replies(&mut machine, 2, questions[1], VoteResult::Accept, "");
    replies(&mut machine, 3, questions[2], VoteResult::Reject, "");
    machine.ends(exits(3, "backup runs"));
    let why = "backup runs; replicating; application mail rejects";
    assert_eq!(answer(&mut machine), said(VoteResult::Reject, why));
}

#[test]
fn an_application_that_does_not_answer_in_its_own_time_has_agreed() {
    for (event, kind, secs, vote) in [
        (EventType::Stop, Revocable, 5, VoteResult::Accept),
        (EventType::Stop, Irrevocable, 3, VoteResult::Complete),
        (EventType::Suspend, Irrevocable, 2, VoteResult::Complete),
        (EventType::Resume, Irrevocable, 1, VoteResult::Complete),
    ] {
        let mut machine = Machine::new();
        let times = Init { suspend_notice_secs: 2, resume_notice_secs: 1, ..init("db") };
        machine.register_as(1, times);
        machine.notify(event, kind);
        let to = asked(&mut machine, 1);
        machine.sleep(ms(secs * 1000 - 1));
        assert!(machine.answers().is_empty());
        machine.sleep(ms(1));
        assert_eq!(answer(&mut machine), said(vote, ""), "{event} {kind}");
        replies(&mut machine, 1, to, VoteResult::Reject, "too late");
        assert!(machine.answers().is_empty());
    }
}

#[test]
fn no_application_has_longer_than_the_host_waits() {
    let mut machine = Machine::new();
    machine.register_as(1, Init { vote_secs: 3600, ..init("db") });
    machine.vote();
    machine.sleep(10 * SECOND);
    assert_eq!(answer(&mut machine), said(VoteResult::Accept, ""));
}

#[test]
fn an_application_that_goes_has_agreed() {
    let leaves = |machine: &mut Machine| machine.app(1, &Message::Final(LogText::new("bye")));
    let crashes = |machine: &mut Machine| machine.app_closes(1);
    for goes in [leaves as fn(&mut Machine), crashes] {
        let mut machine = Machine::new();
        machine.register(1, "db");
        machine.vote();
        goes(&mut machine);
        assert_eq!(answer(&mut machine), said(VoteResult::Accept, ""));
    }
}

#[test]
fn an_answer_to_another_question_does_not_count() {
    let mut machine = Machine::new();
    machine.register(1, "db");
    machine.register(2, "web");
    machine.vote();
    let (first, second) = (asked(&mut machine, 1), asked(&mut machine, 2));
    replies(&mut machine, 1, second, VoteResult::Reject, "not its own");
    replies(&mut machine, 1, first, VoteResult::Accept, "");
    replies(&mut machine, 2, second, VoteResult::Accept, "");
    assert_eq!(answer(&mut machine), said(VoteResult::Accept, ""));
}

#[test]
fn a_newer_question_aborts_the_older() {
    let mut machine = Machine::with(event_script());
    machine.register(1, "db");
    machine.vote();
    let (old, to) = (machine.run(), asked(&mut machine, 1));
    machine.notify(EventType::Reboot, Irrevocable);
    assert_eq!(machine.killed, [old]);
    let newer = asked(&mut machine, 1);
    machine.input(Input::ScriptEnded { run: old, end: exits(1, "old") });
    replies(&mut machine, 1, to, VoteResult::Reject, "old");
    machine.ends(exits(0, ""));
    replies(&mut machine, 1, newer, VoteResult::Complete, "");
    let answers = machine.answers();
    assert_eq!(answers.len(), 1);
    assert_eq!(
        (answers[0].event_type, answers[0].vote_result),
        (EventType::Reboot, VoteResult::Complete)
    );
}

#[test]
fn of_questions_that_came_at_once_only_the_newest_is_asked() {
    let mut machine = Machine::with(event_script());
    machine.register(1, "db");
    let mut bytes = Vec::new();
    for event_type in [EventType::Stop, EventType::Reboot, EventType::Pause] {
        let notify = channel::ActionNotify {
            invocation_id: 9,
            event_type,
            notification_type: Revocable,
            timeout_ms: 11_000,
        };
        HostMessage::ActionNotify(notify).encode(1, &mut bytes);
    }
    machine.input(Input::Received(&bytes));
    assert_eq!(machine.running.len(), 1);
    assert_eq!(machine.running[0].1, Script::Event(Revocable, EventType::Pause));
    assert!(machine.killed.is_empty());
    assert_eq!(machine.said_to(1).len(), 1);
}

#[test]
fn a_hang_up_aborts_the_question() {
    let mut machine = Machine::with(event_script());
    machine.vote();
    let run = machine.run();
    machine.input(Input::ChannelDown);
    assert_eq!(machine.killed, [run]);
    machine.connect();
    machine.input(Input::ScriptEnded { run, end: exits(1, "old") });
    machine.sleep(20 * SECOND);
    assert!(machine.answers().is_empty());
}

#[test]
fn leaving_aborts_everything() {
    let mut machine = Machine::with(event_script());
    machine.vote();
    let run = machine.run();
    machine.input(Input::Stop);
    assert_eq!(machine.killed, [run]);
    assert!(machine.left);
    machine.vote();
    assert!(machine.running.is_empty());
}

#[test]
fn without_anybody_to_ask_it_agrees_at_once() {
    let mut machine = Machine::new();
    machine.register(1, "db");
    machine.app_closes(1);
    machine.vote();
    assert_eq!(answer(&mut machine), said(VoteResult::Accept, ""));
}
