//! The real client on a UNIX socket.

mod harness;

use std::path::Path;
use std::process::Command;

use harness::{Channel, Guest};
use protocol::channel::{
    ActionNotify, CorrectiveAction, EventType, GuestMessage, HostMessage, Name, NotificationType,
    VoteResult,
};

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
fn it_announces_what_the_file_says() {
    let channel = Channel::new();
    let conf = channel.file("hb.conf", "HB_INTERVAL=\"500\"\nVOTE=3 # s\nCORRECTIVE_ACTION=log\n");
    let _guest = channel.client_with(&["--config", conf.to_str().unwrap()]);
    let init = channel.accept().receive_init();
    assert_eq!((init.heartbeat_interval_ms, init.vote_secs), (500, 4));
    assert_eq!(init.corrective_action, CorrectiveAction::Log);
}

#[test]
fn it_agrees_to_a_vote() {
    let channel = Channel::new();
    let _guest = channel.client();
    let mut host = channel.accept();
    let init = host.enable();
    host.send(&HostMessage::ActionNotify(ActionNotify {
        invocation_id: init.invocation_id,
        event_type: EventType::Stop,
        notification_type: NotificationType::Revocable,
        timeout_ms: 11_000,
    }));
    match host.receive() {
        Some(GuestMessage::ActionResponse(response)) => {
            assert_eq!(response.invocation_id, init.invocation_id);
            assert_eq!(response.vote_result, VoteResult::Accept);
        }
        other => panic!("no action_response but {other:?}"),
    }
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
    for path in [channel.file("plain", ""), "/dev/null".into()] {
        let (status, log) = Guest::start(&path, &[]).end();
        assert_eq!(status.code(), Some(1));
        assert!(log.contains("neither a character device nor a UNIX socket"), "{log}");
    }
}

#[test]
fn a_mistake_in_the_file_is_named_with_its_line() {
    let channel = Channel::new();
    let conf = channel.file("hb.conf", "# heartbeat\nHB_INTERVAL=399\n");
    let (status, log) = channel.client_with(&["--config", conf.to_str().unwrap()]).end();
    assert_eq!(status.code(), Some(1));
    assert!(log.contains("hb.conf:2: HB_INTERVAL is 399 ms"), "{log}");
}

#[test]
fn a_named_file_that_is_missing_is_an_error() {
    let channel = Channel::new();
    let (status, log) = channel.client_with(&["--config", "/nonexistent/hb.conf"]).end();
    assert_eq!(status.code(), Some(1));
    assert!(log.contains("/nonexistent/hb.conf: No such file"), "{log}");
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
    host.enable();
    for value in 0..20_000 {
        host.challenge(value);
    }
    guest.await_log("the host does not read");
    let mut last = host.receive_answer();
    while last < 20_000 {
        host.challenge(20_000);
        let answer = host.receive_answer();
        assert!(answer >= last, "{answer} after {last}");
        last = answer;
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
fn it_tells_its_version() {
    let output =
        Command::new(env!("CARGO_BIN_EXE_guest-client")).arg("--version").output().unwrap();
    assert_eq!(
        String::from_utf8(output.stdout).unwrap(),
        format!("guest-client {}\n", env!("CARGO_PKG_VERSION"))
    );
}
