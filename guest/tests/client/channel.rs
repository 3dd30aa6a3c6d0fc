//! The channel to the host: announcements, challenges, hang-ups, noise.

use std::path::Path;
use std::process::Command;

use protocol::channel::{EventType, GuestMessage, Name, NotificationType, VoteResult};
use rustix::process::Signal;

use crate::harness::{Channel, Guest};

#[test]
fn it_announces_itself_and_answers_challenges() {
    let channel = Channel::new();
    let _guest = channel.client_with(&["--name", "web-1"]);
    let mut host = channel.accept();
    let init = host.enable();
    assert_eq!(init.name, Name::new("web-1"));
    assert_eq!(init.heartbeat_interval_ms, 1000);
    for value in [0, 1, 0x7fff_ffff] {
        host.challenge(value);
        assert_eq!(host.receive_answer(), value);
    }
}

#[test]
fn its_name_is_the_host_name_unless_given() {
    let channel = Channel::new();
    let _guest = channel.client();
    let name = channel.accept().receive_init().name;
    assert_eq!(name, Name::new(&rustix::system::uname().nodename().to_string_lossy()));
}

#[test]
fn it_agrees_to_a_vote() {
    let channel = Channel::new();
    let _guest = channel.client();
    let mut host = channel.accept();
    let init = host.enable();
    host.notify(&init, EventType::Stop, NotificationType::Revocable);
    let response = host.receive_response();
    assert_eq!(response.invocation_id, init.invocation_id);
    assert_eq!(response.vote_result, VoteResult::Accept);
}

#[test]
fn after_a_hang_up_it_announces_itself_anew() {
    let channel = Channel::new();
    let _guest = channel.client();
    let mut host = channel.accept();
    let first = host.enable();
    host.send_bytes(b"\n{\"version\":3,\"half");
    drop(host);
    let mut host = channel.accept();
    let second = host.enable();
    assert_ne!(first.invocation_id, second.invocation_id);
    host.challenge(5);
    assert_eq!(host.receive_answer(), 5);
}

#[test]
fn a_socket_that_vanishes_is_connected_to_when_it_is_back() {
    let mut channel = Channel::new();
    let mut guest = channel.client_with(&["--log-level", "debug"]);
    channel.accept().enable();
    channel.vanish();
    guest.await_log("enabled -> disabled");
    guest.await_log("No such file");
    channel.listen();
    channel.accept().enable();
}

#[test]
fn waiting_for_a_host_uses_no_processor() {
    let mut channel = Channel::new();
    channel.refuse();
    let mut guest = channel.client_with(&["--log-level", "debug"]);
    for _ in 0..3 {
        guest.await_log("Connection refused");
    }
    // Some seconds have passed between these attempts; a loop that spins fills them.
    assert!(guest.cpu_ticks() < 50, "{} ticks", guest.cpu_ticks());
}

#[test]
fn a_stop_says_exit_and_ends_with_status_0() {
    let channel = Channel::new();
    let guest = channel.client();
    let mut host = channel.accept();
    host.enable();
    host.challenge(1);
    host.receive_answer();
    guest.terminate();
    assert!(matches!(host.receive(), Some(GuestMessage::Exit(_))));
    assert_eq!(host.receive(), None);
    assert_eq!(guest.end().0.code(), Some(0));
}

#[test]
fn a_stop_without_a_host_ends_with_status_0() {
    let mut channel = Channel::new();
    channel.refuse();
    let mut guest = channel.client();
    guest.await_log("initial -> disabled");
    guest.terminate();
    assert_eq!(guest.end().0.code(), Some(0));
}

#[test]
fn a_missing_device_is_not_configured() {
    let (status, log) = Guest::start(Path::new("/nonexistent/cgcs.heartbeat"), &[]).end();
    assert_eq!(status.code(), Some(6));
    assert!(log.contains("/nonexistent/cgcs.heartbeat: no such device"), "{log}");
}

#[test]
fn a_path_that_is_no_channel_is_refused() {
    let channel = Channel::new();
    for path in [channel.folder.file("plain", ""), "/dev/null".into()] {
        let (status, log) = Guest::start(&path, &[]).end();
        assert_eq!(status.code(), Some(1));
        assert!(log.contains("neither a character device nor a UNIX socket"), "{log}");
    }
}

#[test]
fn noise_from_the_host_is_survived() {
    let channel = Channel::new();
    let _guest = channel.client();
    let mut host = channel.accept();
    host.enable();
    let noise: Vec<u8> = (0..=255).cycle().take(100_000).collect();
    host.send_bytes(&noise);
    host.send_bytes(&vec![b'x'; 1_000_000]);
    host.send_bytes(b"\n");
    host.send_bytes("[".repeat(4000).as_bytes());
    host.send_bytes(b"\n{\"version\":3,\"msg_type\":\"challenge\",\"heartbeat_challenge\":-1}\n");
    host.challenge(7);
    assert_eq!(host.receive_answer(), 7);
}

#[test]
fn a_host_that_does_not_read_gets_whole_objects_when_it_reads_again() {
    let channel = Channel::new();
    let mut guest = channel.client();
    let mut host = channel.accept();
    let init = host.enable();
    for _ in 0..2000 {
        host.notify(&init, EventType::Stop, NotificationType::Revocable);
    }
    guest.await_log("the host does not read");
    // Whatever is received is whole, or it could not be decoded.
    loop {
        host.challenge(7);
        match host.receive() {
            Some(GuestMessage::ActionResponse(_)) => {}
            Some(GuestMessage::ChallengeResponse(answer)) => {
                assert_eq!(answer.heartbeat_response, 7);
                break;
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn its_log_has_a_line_for_each_change_and_none_for_a_heartbeat() {
    for format in ["text", "json"] {
        let channel = Channel::new();
        let guest = channel.client_with(&["--log-format", format, "--name", "n"]);
        let mut host = channel.accept();
        host.enable();
        for value in 0..100 {
            host.challenge(value);
            host.receive_answer();
        }
        guest.terminate();
        let (_, log) = guest.end();
        let lines: Vec<&str> = log.lines().collect();
        let expected = ["guest-client starts", "-> enabling", "-> enabled", "-> left"];
        assert_eq!(lines.len(), expected.len(), "{log}");
        for (line, text) in lines.iter().zip(expected) {
            assert!(line.contains(text), "{line}");
            assert_eq!(line.starts_with('{'), format == "json", "{line}");
        }
    }
}

#[test]
fn a_log_that_nobody_reads_any_more_changes_nothing() {
    let channel = Channel::new();
    let mut guest = channel.client();
    let mut host = channel.accept();
    host.enable();
    guest.leave_log();
    drop(host);
    let mut host = channel.accept();
    host.enable();
    host.challenge(6);
    assert_eq!(host.receive_answer(), 6);
}

#[test]
fn a_log_that_is_full_stops_no_heartbeat() {
    let channel = Channel::new();
    let guest = channel.client();
    let mut host = channel.accept();
    host.enable();
    // Each is a line of more than 40 bytes, and nobody reads them: a pipe holds 64 KB.
    for value in 0..3000 {
        guest.signal(Signal::HUP);
        host.challenge(value);
        assert_eq!(host.receive_answer(), value);
    }
    guest.terminate();
    let (status, log) = guest.end();
    assert_eq!(status.code(), Some(0));
    assert!(log.lines().all(|line| line.contains("INFO")), "only whole lines are left out");
}

#[test]
fn it_tells_its_version() {
    let output =
        Command::new(env!("CARGO_BIN_EXE_guest-client")).arg("--version").output().unwrap();
    assert_eq!(
        String::from_utf8(output.stdout).unwrap(),
        format!("guest-client {}\n", env!("CARGO_PKG_VERSION"))
    );
}

#[test]
fn after_a_pause_it_answers_the_newest_challenge_only() {
    let channel = Channel::new();
    let guest = channel.client();
    let mut host = channel.accept();
    host.enable();
    host.challenge(1);
    assert_eq!(host.receive_answer(), 1);
    guest.pause();
    for value in 2..=100 {
        host.challenge(value);
    }
    guest.go_on();
    assert_eq!(host.receive_answer(), 100);
    host.challenge(101);
    assert_eq!(host.receive_answer(), 101);
}

#[test]
fn a_heartbeat_costs_a_wake_up() {
    const HEARTBEATS: u32 = 200;
    let channel = Channel::new();
    let guest = channel.client();
    let mut host = channel.accept();
    host.enable();
    host.challenge(0);
    host.receive_answer();
    let before = guest.sleeps();
    for value in 1..=HEARTBEATS {
        host.challenge(value);
        host.receive_answer();
    }
    let sleeps = guest.sleeps() - before;
    assert!(sleeps <= u64::from(HEARTBEATS) + 20, "{sleeps} for {HEARTBEATS} heartbeats");
}
