//! Hostile guests and stray datagrams: a nack or a counted drop, and nobody else suffers.

use protocol::channel::{GuestMessage, HostMessage, Nack};
use protocol::datagram::{Command, Switch};
use protocol::limits::{LOG_MSG_MAX, WORD_MAX};

use super::super::{Input, InstanceState};
use super::guest;
use super::host::{AGENT, Answers, Host, ms, secs};

/// What is wrong with it, the line, and the text of the nack.
type Refused = (&'static str, &'static str, &'static str);

const REFUSED: [Refused; 14] = [
    ("an unknown type", r#"{"version":3,"msg_type":"hello"}"#, "unsupported message type: hello"),
    ("a host's type", r#"{"version":3,"msg_type":"nack"}"#, "unsupported message type: nack"),
    ("no type", r#"{"version":3}"#, "failed to parse msg_type"),
    ("a type that is a number", r#"{"version":3,"msg_type":3}"#, "failed to parse msg_type"),
    ("no version", r#"{"msg_type":"exit","log_msg":""}"#, "failed to parse version"),
    (
        "an old version",
        r#"{"version":2,"msg_type":"exit","log_msg":""}"#,
        "Bad version: 2, expect version: 3",
    ),
    ("a version that is text", r#"{"version":"3","msg_type":"exit"}"#, "failed to parse version"),
    (
        "an answer without a value",
        r#"{"version":3,"msg_type":"challenge_response","heartbeat_health":"healthy"}"#,
        "failed to parse heartbeat_response",
    ),
    (
        "an answer with a huge value",
        r#"{"version":3,"msg_type":"challenge_response","heartbeat_response":1e300}"#,
        "failed to parse heartbeat_response",
    ),
    (
        "an answer with a negative value",
        r#"{"version":3,"msg_type":"challenge_response","heartbeat_response":-1}"#,
        "failed to parse heartbeat_response",
    ),
    (
        "an answer without health",
        r#"{"version":3,"msg_type":"challenge_response","heartbeat_response":1}"#,
        "failed to parse heartbeat_health",
    ),
    (
        "an answer with an unknown health",
        r#"{"version":3,"msg_type":"challenge_response","heartbeat_response":1,"heartbeat_health":"so-so"}"#,
        "failed to parse heartbeat_health",
    ),
    ("an empty init", r#"{"version":3,"msg_type":"init"}"#, "failed to parse invocation_id"),
    (
        "a message that is an array",
        r#"{"version":3,"msg_type":"exit","log_msg":[[1]]}"#,
        "failed to parse log_msg",
    ),
];

fn nacks(host: &mut Host) -> Vec<Nack> {
    (host.messages().into_iter())
        .filter_map(|message| match message {
            HostMessage::Nack(nack) => Some(nack),
            _ => None,
        })
        .collect()
}

fn say_line(host: &mut Host, line: &str) {
    host.say_bytes(1, format!("\n{line}\n").as_bytes());
}

/// The guest's heartbeat went on all the while and goes on.
fn assert_unharmed(host: &mut Host) {
    host.run(secs(5));
    assert_eq!(host.state(1), Some(InstanceState::Heartbeating));
    assert_eq!(host.events(), [""; 0]);
}

#[test]
fn an_object_that_cannot_be_taken_is_refused_with_the_reason() {
    for (what, line, why) in REFUSED {
        let mut host = Host::with_heartbeat();
        say_line(&mut host, line);
        let [nack] = &nacks(&mut host)[..] else { panic!("{what}: not one nack") };
        assert_eq!(nack.log_msg.as_str(), why, "{what}");
        assert_eq!(nack.invocation_id, guest::INVOCATION, "that of the accepted init");
        assert_unharmed(&mut host);
    }
}

#[test]
fn each_key_of_an_init_is_needed() {
    let mut bytes = Vec::new();
    GuestMessage::Init(guest::init()).encode(1, &mut bytes);
    let whole = String::from_utf8(bytes).unwrap();
    for key in [
        "invocation_id",
        "name",
        "heartbeat_interval_ms",
        "vote_secs",
        "shutdown_notice_secs",
        "suspend_notice_secs",
        "resume_notice_secs",
        "restart_secs",
        "corrective_action",
    ] {
        let mut host = Host::managed();
        host.appear(1);
        host.say_bytes(1, whole.replace(&format!("\"{key}\""), "\"other\"").as_bytes());
        let [nack] = &nacks(&mut host)[..] else { panic!("{key}: not one nack") };
        assert_eq!(nack.log_msg.as_str(), format!("failed to parse {key}"));
        assert_eq!(nack.orig_msg_type.as_str(), "init");
        let id = if key == "invocation_id" { 0 } else { guest::INVOCATION };
        assert_eq!(nack.invocation_id, id, "the refused object's, or none");
        assert_eq!(host.state(1), Some(InstanceState::AwaitingInit));
    }
}

#[test]
fn an_echoed_type_is_cut_and_stripped() {
    let mut host = Host::with_heartbeat();
    let long = "\\u001b\\n\u{e9}".repeat(300);
    say_line(&mut host, &format!(r#"{{"version":3,"msg_type":"{long}"}}"#));
    let [nack] = &nacks(&mut host)[..] else { panic!("not one nack") };
    assert!(nack.orig_msg_type.as_str().len() <= WORD_MAX);
    assert!(nack.log_msg.as_str().len() <= LOG_MSG_MAX);
    assert!(nack.log_msg.as_str().starts_with("unsupported message type: \u{e9}\u{e9}"));
    assert!(!nack.log_msg.as_str().contains(char::is_control));
}

#[test]
fn what_is_not_an_object_is_counted_and_never_answered() {
    let deep = format!("{}{}", "[".repeat(2000), "]".repeat(2000));
    let lines: [&[u8]; 9] = [
        b"noise",
        b"\x00\x01\x02\xff\xfe",
        b"{\"version\":3,\"msg_type\":\"ex\xffit\"}",
        b"{\"version\":3,\"msg_type\":\"exit\"",
        b"[]",
        b"3",
        b"null",
        b"{}{}",
        deep.as_bytes(),
    ];
    for line in lines {
        let mut host = Host::with_heartbeat();
        host.say_bytes(1, &[b"\n", line, b"\n"].concat());
        assert_eq!(host.sent(), [], "{:?}", line.escape_ascii().to_string());
        assert_eq!(host.server.counters().bad_lines, 1);
        assert_unharmed(&mut host);
    }
}

#[test]
fn deep_nesting_is_a_value_of_the_wrong_type() {
    let mut host = Host::with_heartbeat();
    let deep = format!("{}{}", "[".repeat(2000), "]".repeat(2000));
    say_line(&mut host, &format!(r#"{{"version":3,"msg_type":{deep}}}"#));
    let [nack] = &nacks(&mut host)[..] else { panic!("not one nack") };
    assert_eq!(nack.log_msg.as_str(), "failed to parse msg_type");
    say_line(&mut host, &format!(r#"{{"version":3,"msg_type":"hello","other":{deep}}}"#));
    let [nack] = &nacks(&mut host)[..] else { panic!("not one nack") };
    assert_eq!(nack.log_msg.as_str(), "unsupported message type: hello");
    assert_unharmed(&mut host);
}

#[test]
fn of_a_key_that_comes_twice_the_last_value_counts() {
    let mut host = Host::with_heartbeat();
    say_line(&mut host, r#"{"version":2,"version":3,"msg_type":"hello","msg_type":"exit"}"#);
    assert_eq!(host.events(), ["1 stopped"]);
}

#[test]
fn a_megabyte_without_a_newline_is_dropped_and_counted() {
    let mut host = Host::with_heartbeat();
    host.say_bytes(1, &vec![b'x'; 1 << 20]);
    host.run(secs(3));
    host.say_bytes(1, b"\n");
    assert_eq!(host.server.counters().overlong_lines, 1);
    assert_eq!(host.state(1), Some(InstanceState::Heartbeating), "its answers were taken late");
    host.forget();
    assert_unharmed(&mut host);
}

#[test]
fn an_overlong_line_before_a_reconnect_is_not_counted_again() {
    let mut host = Host::with_heartbeat();
    host.say_bytes(1, &[b'x'; 5000]);
    host.say_bytes(1, b"\n");
    host.notify(1, "suspend");
    say_line(
        &mut host,
        &format!(
            r#"{{"version":3,"msg_type":"action_response","invocation_id":{},"event_type":"suspend","notification_type":"irrevocable","vote_result":"complete"}}"#,
            guest::INVOCATION
        ),
    );
    host.run(secs(2));
    host.say_bytes(1, b"noise\n");
    assert_eq!(host.server.counters().overlong_lines, 1);
    host.say_bytes(1, &[b'x'; 5000]);
    host.say_bytes(1, b"\n");
    assert_eq!(host.server.counters().overlong_lines, 2);
}

#[test]
fn a_guest_that_floods_is_not_read_for_a_while_and_hurts_no_other() {
    let mut host = Host::with_heartbeat();
    host.name(2, Switch::Enabled);
    host.boot(2);
    host.forget();
    let line = b"{\"version\":3,\"msg_type\":\"hello\"}\n".repeat(3000);
    for _ in 0..100 {
        host.say_bytes(1, &line);
        host.run(ms(100));
    }
    let counters = host.server.counters().clone();
    assert!(counters.read_pauses > 0);
    assert!(counters.nacks < 200, "{} answers to a flood", counters.nacks);
    assert!(counters.flooded > 90_000);
    assert!(host.notes.len() < 60, "the log stays readable: {} lines", host.notes.len());
    assert!(host.events().iter().all(|event| !event.starts_with("2 ")));
    assert_eq!(host.state(2), Some(InstanceState::Heartbeating));
}

#[test]
fn reading_is_resumed_after_a_flood() {
    let mut host = Host::with_heartbeat();
    host.say_bytes(1, &b"noise\n".repeat(50_000));
    assert!(host.server.counters().read_pauses > 0);
    assert!(host.server.counters().bad_lines < 20_000, "the rest waits in the channel");
    host.run(secs(2));
    assert_eq!(host.server.counters().bad_lines, 50_000, "and is read later");
    assert_unharmed(&mut host);
}

#[test]
fn a_channel_that_ends_while_it_is_not_read_is_read_again_when_it_is_back() {
    let mut host = Host::with_heartbeat();
    host.run(secs(2));
    host.say_bytes(1, &b"noise\n".repeat(50_000));
    host.hang_up(1);
    host.run(secs(5));
    host.forget();
    host.say(1, &GuestMessage::Init(guest::init()));
    assert_eq!(host.events(), ["1 running"]);
}

#[test]
fn a_flood_of_inits_is_answered_only_so_often() {
    let mut host = Host::managed();
    host.boot(1);
    host.forget();
    for _ in 0..10_000 {
        host.say(1, &GuestMessage::Init(guest::init()));
    }
    assert!(host.sent().len() < 100);
    host.run(secs(10));
    host.forget();
    host.say(1, &GuestMessage::Init(guest::init()));
    assert_eq!(host.sent().len(), 2, "once it has calmed down it is heard");
}

#[test]
fn names_and_messages_come_without_control_characters() {
    let mut host = Host::managed();
    host.appear(1);
    let mut bytes = Vec::new();
    GuestMessage::Init(guest::init()).encode(1, &mut bytes);
    let init = String::from_utf8(bytes).unwrap();
    host.say_bytes(1, init.replace("\"guest\"", r#""\u001b]0;owned\u0007\nguest""#).as_bytes());
    say_line(&mut host, r#"{"version":3,"msg_type":"exit","log_msg":"a\nb\u001b[2J\u202e"}"#);
    let name = host.server.instances().next().unwrap().name.unwrap();
    assert_eq!(name.as_str(), "]0;ownedguest");
    for note in &host.notes {
        assert!(!note.contains(|c: char| c.is_control() || c == '\u{202e}'), "{note:?}");
    }
}

#[test]
fn stray_datagrams_are_counted_and_change_nothing() {
    let mut query = Vec::new();
    Command::QueryInstances.encode("192.0.2.1", "host", &mut query);
    let mut add = Vec::new();
    let uuid = protocol::InstanceId::numbered(1);
    Command::AddInstance { uuid, reporting: Switch::Enabled }.encode("x", "host", &mut add);
    let short_uuid = String::from_utf8_lossy(&add).replace("00000000-0000-", "0-");
    let mut unknown = query.clone();
    unknown[72] = 0x99;
    let mut unsigned = query.clone();
    unsigned[..17].fill(0);
    let mut maintenance = query.clone();
    maintenance[..17].copy_from_slice(b"cgts mtc cmd req:");
    let datagrams = [
        ("empty", vec![]),
        ("short", query[..99].to_vec()),
        ("long", [query.clone(), vec![0; 1000]].concat()),
        ("no object", [&add[..100], b"{\"uuid\":"].concat()),
        ("no keys", [&add[..100], b"{}"].concat()),
        ("short uuid", short_uuid.into_bytes()),
        ("unknown command", unknown),
        ("a server's signature", unsigned),
        ("maintenance's signature", maintenance),
        ("noise", vec![0xa5; 500]),
    ];
    let mut host = Host::new();
    for (count, (what, bytes)) in (1..).zip(datagrams) {
        host.input(Input::Datagram { from: AGENT, bytes: &bytes });
        assert_eq!(host.server.counters().bad_datagrams, count, "{what}");
    }
    assert_eq!(host.server.counters().commands, 0);
    assert_eq!(host.server.instances().count(), 0);
}

#[test]
fn a_flood_of_stray_datagrams_does_not_flood_the_log() {
    let mut host = Host::managed();
    for _ in 0..10_000 {
        host.input(Input::Datagram { from: AGENT, bytes: b"x" });
    }
    assert_eq!(host.server.counters().bad_datagrams, 10_000);
    assert!(host.notes.len() <= 20);
}

#[test]
fn a_guest_that_answers_everything_wrongly_is_lost_like_a_silent_one() {
    let mut host = Host::with_heartbeat();
    host.answer(1, Answers::Never);
    for value in 0..100 {
        host.say(1, &GuestMessage::ChallengeResponse(guest::answer(value)));
        host.run(ms(50));
    }
    assert_eq!(host.events(), ["1 stopped", "1 lost"]);
}
