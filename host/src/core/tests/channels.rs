//! Connecting and reconnecting: rules 1, 2 and 11.

use protocol::channel::{CorrectiveAction, GuestMessage, HostMessage};
use protocol::datagram::Switch;

use super::super::{ConnectError, InstanceState, Policy};
use super::guest;
use super::host::{Answers, Host, ms, path_of, secs, since};

#[test]
fn channels_that_are_there_at_the_start_are_found_by_a_scan_and_connected() {
    let host = Host::with_files(Policy::default(), 3);
    assert_eq!(host.scans, 1);
    assert!((1..=3).all(|number| host.connected_to(number).is_some()));
}

#[test]
fn a_channel_is_connected_as_soon_as_its_file_appears() {
    let mut host = Host::managed();
    host.run(ms(1234));
    host.appear(1);
    assert_eq!(host.attempts(), [ms(1234)]);
    assert_eq!(host.state(1), Some(InstanceState::AwaitingInit));
}

#[test]
fn a_rescan_every_180_s_finds_what_no_event_told_of() {
    let mut host = Host::managed();
    host.boot(1);
    host.put_file(&path_of(2), true);
    host.remove_file(&path_of(1));
    host.run(ms(179_999));
    assert_eq!((host.state(1).is_some(), host.state(2).is_some()), (true, false));
    host.run(ms(1));
    assert_eq!((host.state(1).is_some(), host.state(2).is_some()), (false, true));
    host.run(secs(360));
    assert_eq!(host.scans, 4);
}

#[test]
fn a_file_that_nobody_listens_on_is_tried_quickly_then_with_doubling_waits_up_to_60_s() {
    let mut host = Host::managed();
    host.appear(1);
    host.hang_up(1);
    host.vanish(1);
    host.put_file(&path_of(1), true);
    host.refuse(1, Some(ConnectError::Refused));
    host.forget();
    let start = host.time();
    host.announce(&path_of(1));
    host.run(secs(600));
    let attempts = host.attempts();
    let quick: Vec<_> = attempts[..5].iter().map(|at| since(*at, start)).collect();
    assert_eq!(quick, [ms(0), ms(1), ms(5), ms(15), ms(45)]);
    let waits: Vec<_> = attempts[4..].windows(2).map(|pair| since(pair[1], pair[0])).collect();
    for (wait, most) in waits.iter().zip([1, 2, 4, 8, 16, 32, 60, 60, 60, 60]) {
        let range = ms(900 * most)..=secs(most);
        assert!(range.contains(wait), "{wait:?}, {most} s");
    }
    assert!(waits.len() >= 10, "it goes on");
}

#[test]
fn channels_that_wait_do_not_all_come_at_once() {
    let mut host = Host::managed();
    for number in 1..=100 {
        host.put_file(&path_of(number), true);
        host.refuse(number, Some(ConnectError::Refused));
        host.announce(&path_of(number));
    }
    host.run(ms(100));
    host.forget();
    host.run(secs(300));
    let mut attempts = host.attempts();
    attempts.dedup_by_key(|at| at.as_millis());
    assert!(attempts.len() > 300, "{} moments", attempts.len());
}

#[test]
fn a_channel_that_is_served_late_is_connected_by_the_next_attempt() {
    let mut host = Host::managed();
    host.put_file(&path_of(1), true);
    host.refuse(1, Some(ConnectError::Refused));
    host.announce(&path_of(1));
    host.run(ms(10));
    assert_eq!(host.state(1), Some(InstanceState::Unconnected));
    host.refuse(1, None);
    host.run(ms(35));
    assert_eq!(host.state(1), Some(InstanceState::AwaitingInit));
}

#[test]
fn nothing_is_sent_before_an_init() {
    let mut host = Host::managed();
    host.name(1, Switch::Enabled);
    host.appear(1);
    host.vote(1, "stop");
    host.say(1, &GuestMessage::ChallengeResponse(guest::answer(7)));
    host.say(1, &guest::exit());
    let gossip = br#"{"version":3,"revision":1,"msg_type":"gossip","sequence":1}"#;
    host.say_bytes(1, &[&b"\n"[..], gossip, b"\n"].concat());
    host.run(secs(119));
    assert_eq!(host.sent(), []);
    assert_eq!(host.server.counters().before_init, 3);
}

#[test]
fn a_connection_without_a_heartbeat_is_made_anew_after_120_s() {
    let mut host = Host::managed();
    host.appear(1);
    host.run(ms(119_999));
    assert_eq!(host.closes().len(), 0);
    host.run(ms(1));
    assert_eq!(host.closes(), [1]);
    assert_eq!(host.attempts(), [ms(0), secs(120)]);
    assert_eq!(host.state(1), Some(InstanceState::AwaitingInit));
}

#[test]
fn a_guest_that_sends_inits_but_never_answers_is_connected_anew_after_120_s() {
    let mut host = Host::managed();
    host.appear(1);
    for _ in 0..23 {
        let init = guest::init();
        let init = protocol::channel::Init { heartbeat_interval_ms: 5000, ..init };
        host.say(1, &GuestMessage::Init(init));
        host.run(secs(5));
    }
    host.say(1, &GuestMessage::Init(guest::init()));
    host.run(secs(4));
    host.say(1, &GuestMessage::Init(guest::init()));
    assert_eq!(host.closes().len(), 0);
    host.run(secs(1));
    assert_eq!(host.closes(), [1]);
}

#[test]
fn a_guest_that_answers_that_it_is_unhealthy_keeps_its_connection() {
    let mut host = Host::managed();
    host.boot(1);
    host.answer(1, Answers::Unhealthy(CorrectiveAction::Log));
    host.run(secs(600));
    assert_eq!(host.closes().len(), 0);
}

#[test]
fn a_heartbeating_guest_keeps_its_connection() {
    let mut host = Host::with_heartbeat();
    host.run(secs(3600));
    assert_eq!(host.closes().len(), 0);
    assert_eq!(host.events(), [""; 0]);
}

#[test]
fn a_guest_lost_without_an_end_of_its_channel_is_connected_anew_after_120_s() {
    let mut host = Host::with_heartbeat();
    host.answer(1, Answers::Never);
    host.run(secs(10));
    assert_eq!(host.state(1), Some(InstanceState::AwaitingInit));
    host.run(secs(120));
    assert_eq!(host.closes(), [1]);
}

#[test]
fn the_end_of_a_channel_stops_the_heartbeat_without_a_loss_and_reconnects_at_once() {
    let mut host = Host::with_heartbeat();
    host.run(ms(1500));
    host.hang_up(1);
    host.run(ms(0));
    assert_eq!(host.events(), ["1 stopped"]);
    assert_eq!(host.attempts(), [ms(1500)]);
    assert_eq!(host.state(1), Some(InstanceState::AwaitingInit));
    host.say(1, &GuestMessage::Init(guest::init()));
    assert_eq!(host.events(), ["1 running"]);
}

#[test]
fn the_end_of_a_channel_without_a_heartbeat_is_no_event() {
    let mut host = Host::managed();
    host.name(1, Switch::Enabled);
    host.appear(1);
    host.run(secs(5));
    host.hang_up(1);
    host.run(secs(5));
    assert_eq!(host.events(), [""; 0]);
}

#[test]
fn a_channel_that_ends_as_soon_as_it_is_connected_is_not_tried_in_a_loop() {
    let mut host = Host::managed();
    host.appear(1);
    for _ in 0..1000 {
        if host.connected_to(1).is_some() {
            host.hang_up(1);
        }
        host.run(ms(100));
    }
    assert!(host.attempts().len() < 10);
}

#[test]
fn the_end_of_every_channel_at_once_is_survived_without_spinning() {
    let mut host = Host::managed();
    for number in 1..=500 {
        host.name(number, Switch::Enabled);
        host.boot(number);
    }
    host.run(secs(10));
    host.forget();
    for number in 1..=500 {
        host.refuse(number, Some(ConnectError::Refused));
        host.hang_up(number);
    }
    host.run(ms(900));
    assert_eq!(host.events().len(), 500, "each stopped, none lost");
    assert_eq!(host.attempts().len(), 500 * 5);
    (1..=500).for_each(|number| host.refuse(number, None));
    host.run(secs(1));
    assert!((1..=500).all(|number| host.connected_to(number).is_some()));
}

#[test]
fn half_a_line_before_the_end_of_a_channel_does_not_spoil_the_next_connection() {
    let mut host = Host::with_heartbeat();
    host.run(secs(2));
    host.say_bytes(1, b"{\"version\":3,\"msg_type\":\"in");
    host.hang_up(1);
    host.run(ms(0));
    host.forget();
    host.say(1, &GuestMessage::Init(guest::init()));
    assert_eq!(host.events(), ["1 running"]);
}

#[test]
fn the_sequence_of_objects_starts_at_1_and_goes_on() {
    let mut host = Host::managed();
    host.boot(1);
    host.run(secs(2));
    host.hang_up(1);
    host.run(ms(0));
    host.say(1, &GuestMessage::Init(guest::init()));
    let sent = host.sent();
    let sequences: Vec<u32> = sent.iter().map(|sent| sent.sequence).collect();
    let expected: Vec<u32> = (1..).take(sent.len()).collect();
    assert_eq!(sequences, expected);
    let first: Vec<_> = sent.iter().filter(|sent| sent.first).map(|sent| &sent.message).collect();
    let ack = HostMessage::InitAck { invocation_id: guest::INVOCATION };
    assert_eq!(first, [&ack, &ack], "once for each connection");
}
