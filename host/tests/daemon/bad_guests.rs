//! Hostile guests: refused or dropped, and no other guest's trouble.

use std::io::Write;
use std::net::Shutdown;

use protocol::channel::{GuestMessage, HostMessage, Nack};
use protocol::datagram::Event;

use crate::harness::{Beating, Channel, Daemon, Guest, Place, all_beat};

/// What an input is answered with.
enum Reply {
    Nothing,
    /// A nack with this message type and message.
    Nack(&'static str, &'static str),
}

use Reply::{Nack as Refused, Nothing};

const INIT: &str = r#"{"version":3,"revision":1,"msg_type":"init","sequence":1,"invocation_id":77,"name":"n","heartbeat_interval_ms":1000,"vote_secs":1,"shutdown_notice_secs":1,"suspend_notice_secs":1,"resume_notice_secs":1,"restart_secs":1,"corrective_action":"log"}"#;

/// An init with one piece of it replaced.
fn init_with(old: &str, new: &str) -> Vec<u8> {
    assert!(INIT.contains(old), "{old}");
    line(&INIT.replace(old, new))
}

fn line(text: &str) -> Vec<u8> {
    format!("\n{text}\n").into_bytes()
}

fn noise() -> Vec<u8> {
    let mut state = 0x9e37_79b9_u32;
    let byte = |state: &mut u32| {
        *state ^= *state << 13;
        *state ^= *state >> 17;
        *state ^= *state << 5;
        state.to_le_bytes()[0]
    };
    let mut bytes: Vec<u8> = (0..60_000).map(|_| byte(&mut state)).collect();
    bytes.push(b'\n');
    bytes
}

fn inputs() -> Vec<(&'static str, Vec<u8>, Reply)> {
    let long = "x".repeat(3000);
    vec![
        ("noise", noise(), Nothing),
        ("invalid UTF-8", b"\n{\"version\":3,\"msg_type\":\"\xff\xfe\"}\n".to_vec(), Nothing),
        ("half a line", b"\n{\"version\":3,\"msg_ty\n".to_vec(), Nothing),
        ("no object", line("[1,2,3]"), Nothing),
        ("NUL bytes", vec![0; 5000], Nothing),
        ("deep arrays", line(&"[".repeat(4000)), Nothing),
        ("deep objects", line(&r#"{"a":"#.repeat(800)), Nothing),
        (
            "deep value",
            line(&INIT.replace("\"n\"", &format!("{}{}", "[".repeat(500), "]".repeat(500)))),
            Refused("init", "failed to parse name"),
        ),
        (
            "a line that is too long",
            line(&INIT.replace("\"n\"", &format!("\"{}\"", "x".repeat(9000)))),
            Nothing,
        ),
        (
            "id out of range",
            init_with("77", "4294967296"),
            Refused("init", "failed to parse invocation_id"),
        ),
        ("negative id", init_with("77", "-1"), Refused("init", "failed to parse invocation_id")),
        (
            "string for a number",
            init_with("77", "\"77\""),
            Refused("init", "failed to parse invocation_id"),
        ),
        ("fraction", init_with("77", "7.5"), Refused("init", "failed to parse invocation_id")),
        ("number for a string", init_with("\"n\"", "5"), Refused("init", "failed to parse name")),
        ("missing key", init_with("\"name\":\"n\",", ""), Refused("init", "failed to parse name")),
        (
            "wrong version",
            init_with("\"version\":3", "\"version\":2"),
            Refused("init", "Bad version: 2, expect version: 3"),
        ),
        ("no version", init_with("\"version\":3,", ""), Refused("init", "failed to parse version")),
        (
            "unknown type",
            init_with("\"init\"", "\"hello\""),
            Refused("hello", "unsupported message type: hello"),
        ),
        (
            "unknown type, too long to be repeated",
            init_with("\"init\"", &format!("\"{long}\"")),
            Refused(
                "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
                "unsupported message type: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
            ),
        ),
        (
            "a host's message",
            init_with("\"init\"", "\"challenge\""),
            Refused("challenge", "unsupported message type: challenge"),
        ),
        (
            "an answer to a request of another life",
            line(
                r#"{"version":3,"msg_type":"action_response","invocation_id":5,"event_type":"stop","notification_type":"revocable","vote_result":"accept","log_msg":""}"#,
            ),
            Refused("action_response", "unexpected invocation_id: 5, expect: 1"),
        ),
        (
            "wrong answer",
            line(
                r#"{"version":3,"msg_type":"challenge_response","heartbeat_response":1,"heartbeat_health":"healthy","log_msg":""}"#,
            ),
            Nothing,
        ),
    ]
}

/// Everything heard until the next init is taken, challenges left out.
fn heard_until_init_is_taken(guest: &mut Guest) -> Vec<Nack> {
    let init = guest.next_init(1000);
    let taken = HostMessage::InitAck { invocation_id: init.invocation_id };
    guest.say_bytes(b"\n");
    guest.say(&GuestMessage::Init(init));
    let mut nacks = Vec::new();
    loop {
        match guest.hear() {
            HostMessage::Nack(nack) => nacks.push(nack),
            HostMessage::Challenge { .. } => {}
            message if message == taken => return nacks,
            message => panic!("{message:?}"),
        }
    }
}

#[test]
fn every_bad_input_is_refused_or_dropped_and_the_guest_is_served_on() {
    let place = Place::new();
    let daemon = place.start(&["--failure-threshold", "1000"]);
    let healthy = place.channel(9999);
    let healthy = healthy.accept().beat(400);
    for (number, (what, bytes, reply)) in (0..).zip(inputs()) {
        let channel = place.channel(number);
        let mut guest = channel.accept();
        guest.init(1000);
        guest.say_bytes(&bytes);
        let nacks = heard_until_init_is_taken(&mut guest);
        match reply {
            // Noise may hold something that looks like an object by chance only.
            Nothing => assert_eq!(nacks, [], "{what}"),
            Refused(msg_type, log_msg) => {
                assert_eq!(nacks.len(), 1, "{what}: {nacks:?}");
                assert_eq!(nacks[0].orig_msg_type.as_str(), msg_type, "{what}");
                assert_eq!(nacks[0].log_msg.as_str(), log_msg, "{what}");
            }
        }
    }
    healthy.beats(2);
    assert_eq!(daemon.status().count("losses"), 0);
}

#[test]
fn of_a_key_that_comes_twice_the_last_counts() {
    let place = Place::new();
    let _daemon = place.start(&[]);
    let channel = place.channel(1);
    let mut guest = channel.accept();
    guest.say_bytes(&init_with("\"invocation_id\":77", "\"invocation_id\":5,\"invocation_id\":6"));
    assert_eq!(guest.hear(), HostMessage::InitAck { invocation_id: 6 });
}

#[test]
fn a_megabyte_without_a_newline_is_discarded() {
    let place = Place::new();
    let daemon = place.start(&[]);
    let channel = place.channel(1);
    let mut guest = channel.accept();
    guest.say_bytes(&vec![b'x'; 1 << 20]);
    guest.say_bytes(b"\n");
    guest.start(1000);
    assert_eq!(daemon.status().count("overlong_lines"), 1);
}

#[test]
fn intervals_and_times_beyond_all_bounds_are_held_within_them() {
    let place = Place::new();
    let daemon = place.start(&[]);
    for (number, asked, held) in [
        (1, "0", "interval_ms=400 "),
        (2, "1", "interval_ms=400 "),
        (3, "2147483647", "interval_ms=3600000 "),
    ] {
        let channel = place.channel(number);
        let mut guest = channel.accept();
        let init =
            INIT.replace(":1000", &format!(":{asked}")).replace("_secs\":1", "_secs\":2147483647");
        guest.say_bytes(&line(&init));
        assert_eq!(guest.hear(), HostMessage::InitAck { invocation_id: 77 });
        let challenge = guest.hear_challenge();
        guest.answer(challenge);
        daemon.agent.add(number);
        let Event::Running(info) = daemon.agent.event() else { panic!("not running") };
        assert_eq!((info.vote_secs, info.restart_secs), (3600, 3600));
        let status = daemon.status();
        assert!(status.instance(number).unwrap().contains(held), "{}", status.0);
        channel.remove();
        assert!(matches!(daemon.agent.event(), Event::Stopped(_)));
    }
}

#[test]
fn text_with_control_characters_reaches_neither_log_nor_status_as_it_is() {
    let place = Place::new();
    let mut daemon = place.start(&[]);
    let channel = place.channel(1);
    let mut guest = channel.accept();
    let name = r"evil\u001b[31m\u0007\u202e\nERROR forged \u0000 \u009b1m";
    guest.say_bytes(&init_with("\"n\"", &format!("\"{name}\"")));
    assert_eq!(guest.hear(), HostMessage::InitAck { invocation_id: 77 });
    let challenge = guest.hear_challenge();
    guest.answer(challenge);
    guest.say_bytes(&line(r#"{"version":3,"msg_type":"\u001b]0;title\u0007\r\nforged"}"#));
    guest
        .say_bytes(&line(r#"{"version":3,"msg_type":"exit","log_msg":"\u001b[2J\nERROR forged"}"#));
    daemon.await_log("exit: ");
    let status = daemon.status().0;
    assert!(status.contains("evil[31mERROR forged"), "{status}");
    for line in daemon.log().iter().map(String::as_str).chain(status.lines()) {
        let bad = |c: char| c.is_control() || c == '\u{202e}';
        assert!(!line.contains(bad), "{line:?}");
        assert!(!line.starts_with("ERROR") && !line.starts_with("forged"), "{line}");
    }
}

struct Crowd {
    guests: Vec<Beating>,
    _channels: Vec<Channel>,
}

/// Healthy guests 1 to `count`, named.
fn crowd(place: &Place, daemon: &Daemon, count: u64) -> Crowd {
    let channels: Vec<Channel> = (1..=count).map(|number| place.channel(number)).collect();
    (1..=count).for_each(|number| daemon.agent.add(number));
    let guests = channels.iter().map(|channel| channel.accept().beat(400)).collect();
    daemon.agent.running(count);
    Crowd { guests, _channels: channels }
}

impl Crowd {
    /// All go on heartbeating, and nothing is said against any.
    fn assert_unhurt(&self, daemon: &Daemon) {
        all_beat(&self.guests, 5);
        daemon.agent.settle();
        assert_eq!(daemon.agent.arrived(), []);
        for number in (1..).take(self.guests.len()) {
            let status = daemon.status();
            assert!(status.instance(number).unwrap().starts_with("heartbeating"), "{}", status.0);
        }
    }
}

/// Healthy guests that another one is to disturb get more misses forgiven: the machine that runs
/// the tests may be busy.
const PATIENT: &[&str] = &["--failure-threshold", "5"];

#[test]
fn a_guest_that_floods_its_channel_disturbs_no_other() {
    let place = Place::new();
    let daemon = place.start(PATIENT);
    let crowd = crowd(&place, &daemon, 5);
    let channel = place.channel(99);
    let mut flooder = channel.accept();
    flooder.init(400);
    let mut writer = flooder.writer();
    let message = line(
        r#"{"version":3,"msg_type":"challenge_response","heartbeat_response":1,"heartbeat_health":"healthy","log_msg":""}"#,
    );
    let flood = std::thread::spawn(move || {
        let mut sent = 0;
        while writer.write_all(&message.repeat(100)).is_ok() {
            sent += 100;
        }
        sent
    });
    crowd.assert_unhurt(&daemon);
    assert!(daemon.status().count("read_pauses") > 0);
    flooder.writer().shutdown(Shutdown::Both).unwrap();
    assert!(flood.join().unwrap() > 10_000, "too few messages to be called a flood");
}

#[test]
fn a_guest_that_wants_an_answer_to_each_of_its_many_messages_disturbs_no_other() {
    let place = Place::new();
    let daemon = place.start(PATIENT);
    let crowd = crowd(&place, &daemon, 5);
    let channel = place.channel(99);
    let flooder = channel.accept();
    let mut writer = flooder.writer();
    let flood = std::thread::spawn(move || {
        let messages = [line(INIT), line(r#"{"version":3,"msg_type":"what"}"#)].concat().repeat(50);
        while writer.write_all(&messages).is_ok() {}
    });
    crowd.assert_unhurt(&daemon);
    assert!(daemon.status().count("flooded") > 0);
    flooder.writer().shutdown(Shutdown::Both).unwrap();
    flood.join().unwrap();
}

#[test]
fn a_channel_that_never_reads_fills_up_and_disturbs_no_other() {
    let place = Place::new();
    // Challenges as fast as can be, and none need be answered: the channel is full soon.
    let daemon = place.start(&["--failure-threshold", "1000", "--pulse-period-ms", "10"]);
    let crowd = crowd(&place, &daemon, 3);
    let channel = place.channel(99);
    let mut deaf = channel.accept();
    let init = deaf.next_init(10);
    deaf.say(&GuestMessage::Init(init));
    daemon.await_status(|status| status.count("dropped_sends") > 0);
    crowd.assert_unhurt(&daemon);
    // It listens again: every object is whole, and the heartbeat can go on.
    assert!(matches!(deaf.hear(), HostMessage::InitAck { .. }));
    for _ in 0..100 {
        deaf.hear_challenge();
    }
    deaf.start(400);
}
