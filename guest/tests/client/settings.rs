//! The file: at the start, on SIGHUP, and checked.

use std::process::{Command, Output};

use protocol::channel::{CorrectiveAction, EventType, NotificationType, VoteResult};
use rustix::process::Signal;

use crate::harness::{Channel, Folder};

#[test]
fn it_announces_what_the_file_says() {
    let channel = Channel::new();
    let _guest = channel.client_of("HB_INTERVAL=\"500\"\nVOTE=3 # s\nCORRECTIVE_ACTION=log\n");
    let init = channel.accept().receive_init();
    assert_eq!((init.heartbeat_interval_ms, init.vote_secs), (500, 4));
    assert_eq!(init.corrective_action, CorrectiveAction::Log);
}

#[test]
fn a_file_with_mistakes_is_refused_and_each_is_named_with_its_line() {
    let channel = Channel::new();
    let guest = channel.client_of("# heartbeat\nHB_INTERVAL=399\nNEW=1\nVOTE=no\n");
    let (status, log) = guest.end();
    assert_eq!(status.code(), Some(1));
    for text in ["hb.conf:2: HB_INTERVAL is 399 ms", "hb.conf:3: unknown key", "hb.conf:4: VOTE"] {
        assert!(log.contains(text), "{log}");
    }
}

#[test]
fn a_named_file_that_is_missing_is_an_error() {
    let channel = Channel::new();
    let (status, log) = channel.client_with(&["--config", "/nonexistent/hb.conf"]).end();
    assert_eq!(status.code(), Some(1));
    assert!(log.contains("/nonexistent/hb.conf: No such file"), "{log}");
}

#[test]
fn half_a_health_check_is_said_to_be_off() {
    let channel = Channel::new();
    let mut guest = channel.client_of("HEALTH_CHECK_INTERVAL=5\n");
    guest.await_log("HEALTH_CHECK_INTERVAL without HEALTH_CHECK_SCRIPT: the health check is off");
    channel.accept().enable();
}

#[test]
fn on_sighup_what_was_announced_and_changed_is_announced_anew() {
    let channel = Channel::new();
    let guest = channel.client_of("VOTE=3\n");
    let mut host = channel.accept();
    assert_eq!(host.enable().vote_secs, 4);
    channel.folder.file("hb.conf", "VOTE=7\n");
    guest.signal(Signal::HUP);
    assert_eq!(host.enable().vote_secs, 8);
}

#[test]
fn on_sighup_the_rest_just_counts_from_then_on() {
    let channel = Channel::new();
    let mut guest = channel.client_of("VOTE=3\n");
    let mut host = channel.accept();
    let init = host.enable();
    let script = channel.folder.script("event", "echo not now; exit 1");
    let conf = format!("VOTE=3\nEVENT_NOTIFICATION_SCRIPT={}\n", script.display());
    channel.folder.file("hb.conf", &conf);
    guest.signal(Signal::HUP);
    guest.await_log("the settings were read again");
    host.notify(&init, EventType::Stop, NotificationType::Revocable);
    let response = host.receive_response();
    assert_eq!(response.vote_result, VoteResult::Reject);
    assert_eq!(response.log_msg.as_str(), "not now");
}

#[test]
fn on_sighup_a_file_with_mistakes_changes_nothing() {
    let channel = Channel::new();
    let mut guest = channel.client_of("VOTE=3\n");
    let mut host = channel.accept();
    host.enable();
    channel.folder.file("hb.conf", "VOTE=7\nRESTART=x\nHB_INTERVAL=1\n");
    guest.signal(Signal::HUP);
    guest.await_log("hb.conf:2: RESTART");
    guest.await_log("hb.conf:3: HB_INTERVAL");
    guest.await_log("2 lines cannot be used; the settings stay as they are");
    host.challenge(4);
    assert_eq!(host.receive_answer(), 4);
}

fn check(conf: &str) -> Output {
    let folder = Folder::new();
    let mut command = Command::new(env!("CARGO_BIN_EXE_guest-client"));
    command.args(["--check-config", "--config"]).arg(folder.file("hb.conf", conf));
    command.output().unwrap()
}

fn lines(bytes: &[u8]) -> Vec<String> {
    let shorter = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    String::from_utf8_lossy(bytes).lines().map(shorter).collect()
}

#[test]
fn a_good_file_is_shown_with_what_it_sets() {
    let output = check("# x\nVOTE=3\nAPPLICATION_CRASH=ignore\n");
    assert!(output.status.success());
    let shown = lines(&output.stdout);
    for line in
        ["HB_INTERVAL=1000 # default", "VOTE=3 # line 2", "APPLICATION_CRASH=ignore # line 3"]
    {
        assert!(shown.iter().any(|shown| shown == line), "{shown:?}");
    }
    assert_eq!(shown.len(), 13);
    assert_eq!(lines(&output.stderr), [""; 0]);
}

#[test]
fn a_checked_file_has_each_wrong_line_explained() {
    let output = check(
        "VOTE=x\nNEW=1\nHEALTH_CHECK_SCRIPT=check\nEVENT_NOTIFICATION_SCRIPT=/nonexistent/e\n",
    );
    assert_eq!(output.status.code(), Some(1));
    let said = lines(&output.stderr).join("\n");
    for text in [
        "hb.conf:1: VOTE is a number of seconds, found \"x\"",
        "hb.conf:2: unknown key \"NEW\" is ignored",
        "hb.conf:3: HEALTH_CHECK_SCRIPT is an absolute path, found \"check\"",
        "hb.conf:4: EVENT_NOTIFICATION_SCRIPT: /nonexistent/e: No such file",
    ] {
        assert!(said.contains(text), "{said}");
    }
    assert!(lines(&output.stdout).contains(&"VOTE=10 # default".to_owned()));
}
