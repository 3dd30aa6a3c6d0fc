//! Shell commands are an application.

use std::fs::File;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;

use protocol::application::{ChallengeResponse, Message};
use protocol::channel::{CorrectiveAction, EventType, Health, NotificationType, VoteResult};
use tempfile::TempDir;

use crate::client::{FakeClient, Peer};
use crate::program::Running;

/// `guest-client app` of this client.
fn app(client: &FakeClient, arguments: &[&str]) -> Running {
    let mut command = Command::new(env!("CARGO_BIN_EXE_guest-client"));
    command.args(["app", "--name", "script"]);
    Running::start(command.arg("--api-socket").arg(client.path()).args(arguments))
}

/// A script that is there as long as its folder.
fn script(content: &str) -> (TempDir, PathBuf) {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("script");
    std::fs::write(&path, format!("#!/bin/sh\n{content}\n")).unwrap();
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
    (folder, path)
}

/// The first answer that says something else than that all is well.
fn first_complaint(peer: &mut Peer) -> ChallengeResponse {
    let answers = (0..).map(|value| peer.challenge(value));
    answers.into_iter().find(|answer| answer.health == Health::Unhealthy).unwrap()
}

#[test]
fn the_health_command_says_how_it_is() {
    let client = FakeClient::new();
    let health = "echo disk full; echo and more; exit 3";
    let arguments = ["--health-cmd", health, "--corrective-action", "reboot"];
    let _app = app(&client, &[&arguments[..], &["--interval", "500"]].concat());
    let (mut peer, init) = client.register();
    assert_eq!((init.application_name.as_str(), init.heartbeat_interval_ms), ("script", 500));
    let answer = first_complaint(&mut peer);
    assert_eq!(answer.corrective_action, CorrectiveAction::Reboot);
    assert_eq!(answer.log_msg.as_str(), "disk full");
}

#[test]
fn a_health_command_that_does_not_exist_is_seen_but_no_reason_to_reboot() {
    let client = FakeClient::new();
    let arguments = ["--health-cmd", "/nonexistent/command", "--corrective-action", "reboot"];
    let _app = app(&client, &arguments);
    let (mut peer, _) = client.register();
    let answer = first_complaint(&mut peer);
    assert_eq!(answer.corrective_action, CorrectiveAction::Log);
    assert_eq!(answer.log_msg.as_str(), "health command cannot be run");
}

#[test]
fn the_event_command_gets_kind_and_event_after_its_own_arguments_and_decides() {
    let client = FakeClient::new();
    let (_folder, script) = script(r#"echo "$@"; [ "$2" = irrevocable ]"#);
    let _app = app(&client, &["--on-event", &format!("{} mine", script.display())]);
    let (mut peer, _) = client.register();
    let vote = peer.ask(EventType::LiveMigrateBegin, NotificationType::Revocable);
    assert_eq!(vote.vote_result, VoteResult::Reject);
    assert_eq!(vote.log_msg.as_str(), "mine revocable live_migrate_begin");
    let notification = peer.ask(EventType::Stop, NotificationType::Irrevocable);
    let said = (notification.vote_result, notification.log_msg.as_str());
    assert_eq!(said, (VoteResult::Complete, ""));
}

#[test]
fn challenges_are_answered_while_the_event_command_runs() {
    let client = FakeClient::new();
    let (folder, script) = script(r#"read line < "$(dirname "$0")/gate""#);
    let gate = folder.path().join("gate");
    assert!(Command::new("mkfifo").arg(&gate).status().unwrap().success());
    // For both, it never waits; what is written stays until it is read.
    let mut gate = File::options().read(true).write(true).open(gate).unwrap();
    let _app = app(&client, &["--on-event", script.to_str().unwrap()]);
    let (mut peer, _) = client.register();
    let question = peer.notify(EventType::Pause, NotificationType::Revocable);
    assert_eq!(peer.challenge(7).health, Health::Healthy);
    gate.write_all(b"go on\n").unwrap();
    let Some(Message::ActionResponse(answer)) = peer.receive() else { panic!("no answer") };
    assert_eq!(answer.invocation_id, question.invocation_id);
    assert_eq!(answer.vote_result, VoteResult::Accept);
}

#[test]
fn it_finds_a_client_that_comes_later_and_leaves_on_sigterm() {
    let mut client = FakeClient::absent();
    let app = app(&client, &[]);
    client.start();
    let (mut peer, _) = client.register();
    assert_eq!(peer.challenge(7).health, Health::Healthy);
    app.terminate();
    assert_eq!(peer.receive(), Some(Message::Final("told to stop".into())));
    assert_eq!(peer.receive(), None);
    app.succeeds();
}
