//! What a guest sees of the daemon.

use protocol::channel::{Exit, GuestMessage, HostMessage, LogMsg};
use protocol::datagram::{Event, Switch};

use crate::harness::{Guest, Place};

/// What the daemon says first, in one read or more.
fn first_words(guest: &mut Guest) -> String {
    let init = guest.next_init(1000);
    guest.say(&GuestMessage::Init(init));
    let mut said = String::new();
    while said.matches('}').count() < 2 {
        said.push_str(&String::from_utf8(guest.read()).unwrap());
        assert!(said.ends_with("}\n"), "a read ends within an object: {said:?}");
    }
    said
}

#[test]
fn a_connection_begins_with_space_and_newline_and_the_acknowledgement_in_one_write() {
    let place = Place::new();
    let _daemon = place.start(&[]);
    // A write in pieces would show as a read that ends within an object, though not every time.
    for number in 0..20 {
        let channel = place.channel(number);
        let said = first_words(&mut channel.accept());
        let (ack, challenge) = said.split_once("}\n\n").unwrap();
        let expected = " \n\n{\"version\":3,\"revision\":1,\"msg_type\":\"init_ack\",\"sequence\":1,\
                        \"invocation_id\":1";
        assert_eq!(ack, expected);
        let expected = "{\"version\":3,\"revision\":1,\"msg_type\":\"challenge\",\"sequence\":2,\
                        \"heartbeat_challenge\":";
        assert!(challenge.starts_with(expected), "{challenge}");
    }
}

#[test]
fn nothing_is_said_before_init() {
    let place = Place::new();
    let daemon = place.start(&["--pulse-period-ms", "50"]);
    let channel = place.channel(1);
    let mut silent = channel.accept();
    place.channel(2).accept().beat(50).beats(10);
    assert_eq!(daemon.status().count("connects"), 2);
    assert!(first_words(&mut silent).starts_with(" \n\n{"));
}

#[test]
fn every_challenge_is_another_and_an_interval_apart() {
    let place = Place::new();
    let _daemon = place.start(&["--pulse-period-ms", "50"]);
    let channel = place.channel(1);
    let mut guest = channel.accept();
    let mut seen = vec![guest.init(50)];
    for _ in 0..20 {
        guest.answer(seen[seen.len() - 1]);
        let challenge = guest.hear_challenge();
        assert!(!seen.contains(&challenge), "a challenge came twice");
        seen.push(challenge);
    }
}

#[test]
fn a_guest_that_starts_anew_is_taken_at_once_without_a_loss() {
    let place = Place::new();
    let daemon = place.start(&[]);
    let channel = place.channel(1);
    daemon.agent.add(1);
    let mut guest = channel.accept();
    guest.start(1000);
    assert!(matches!(daemon.agent.event(), Event::Running(_)));
    guest.start(1000);
    assert!(matches!(daemon.agent.event(), Event::Stopped(_)));
    assert!(matches!(daemon.agent.event(), Event::Running(_)));
}

#[test]
fn a_guest_that_leaves_is_stopped_and_not_lost() {
    let place = Place::new();
    let daemon = place.start(&["--pulse-period-ms", "50"]);
    let channel = place.channel(1);
    let other = place.channel(2);
    daemon.agent.add(1);
    let mut guest = channel.accept();
    guest.start(50);
    assert!(matches!(daemon.agent.event(), Event::Running(_)));
    guest.say(&GuestMessage::Exit(Exit { log_msg: LogMsg::new("going home") }));
    let Event::Stopped(info) = daemon.agent.event() else { panic!("not stopped") };
    assert_eq!(info.heartbeating, Switch::Disabled);
    // A loss would have come after two intervals.
    other.accept().beat(50).beats(10);
    daemon.agent.settle();
    assert_eq!(daemon.agent.arrived(), []);
}

#[test]
fn the_times_that_a_guest_announces_come_back_in_the_requests() {
    let place = Place::new();
    let daemon = place.start(&["--failure-threshold", "1000"]);
    let channel = place.channel(1);
    daemon.agent.add(1);
    let mut guest = channel.accept();
    guest.start(1000);
    daemon.agent.running(1);
    for (event, timeout_ms) in
        [("stop", 12_000), ("pause", 13_000), ("resize_end", 14_000), ("live_migrate_end", 14_000)]
    {
        daemon.agent.notify(1, event);
        let asked = loop {
            if let HostMessage::ActionNotify(asked) = guest.hear() {
                break asked;
            }
        };
        assert_eq!((asked.event_type.as_str(), asked.timeout_ms), (event, timeout_ms));
    }
}
