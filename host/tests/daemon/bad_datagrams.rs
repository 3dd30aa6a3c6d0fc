//! Datagrams from strangers: counted and dropped.

use protocol::InstanceId;
use protocol::datagram::{BUF_MAX, Command, DATAGRAM_MAX, Event, HEADER_LEN, Switch};

use crate::harness::Place;

const ADD: u32 = 0x1111_0020;

fn datagram(signature: &[u8], cmd: u32, buf: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0; HEADER_LEN];
    bytes[..signature.len()].copy_from_slice(signature);
    bytes[72..76].copy_from_slice(&cmd.to_le_bytes());
    bytes.extend_from_slice(buf);
    bytes
}

fn signed(cmd: u32, buf: &str) -> Vec<u8> {
    datagram(b"guest msg header:\0", cmd, buf.as_bytes())
}

fn add(uuid: &str) -> Vec<u8> {
    signed(
        ADD,
        &format!(
            r#"{{"source":"192.0.2.1","uuid":"{uuid}","service":"heartbeat","state":"enabled"}}"#
        ),
    )
}

fn bad() -> Vec<Vec<u8>> {
    let good = add(InstanceId::numbered(1).as_str());
    let body = &good[HEADER_LEN..];
    let uuid = InstanceId::numbered(1).to_string();
    vec![
        vec![],
        vec![b'g'],
        good[..HEADER_LEN - 1].to_vec(),
        good[..HEADER_LEN].to_vec(),
        good[..good.len() - 1].to_vec(),
        [good.clone(), vec![0; DATAGRAM_MAX + 1 - good.len()]].concat(),
        [good.clone(), vec![0; 3000]].concat(),
        vec![0xff; 60_000],
        vec![0; DATAGRAM_MAX],
        // No NUL at the end of a full buffer.
        signed(ADD, &"x".repeat(BUF_MAX)),
        signed(ADD, "no JSON"),
        signed(ADD, "[]"),
        signed(ADD, "{}"),
        signed(ADD, &"[".repeat(900)),
        datagram(b"guest msg header:\0", ADD, b"{\"uuid\":\"\xff\"}"),
        signed(ADD, &format!(r#"{{"uuid":"{uuid}"}}"#)),
        signed(ADD, &format!(r#"{{"uuid":"{uuid}","state":"perhaps"}}"#)),
        signed(ADD, &format!(r#"{{"uuid":"{uuid}","state":1}}"#)),
        signed(ADD, r#"{"uuid":17,"state":"enabled"}"#),
        add(""),
        add(&uuid[1..]),
        add(&format!("{uuid}0")),
        add("../../../../../../../../etc/passwd00"),
        add(&"0".repeat(800)),
        signed(0x1111_0024, &format!(r#"{{"uuid":"{uuid}"}}"#)),
        signed(0x1111_0012, r#"{"source":"192.0.2.1"}"#),
        signed(0, "{}"),
        signed(0xffff_ffff, "{}"),
        datagram(b"", ADD, body),
        datagram(b"cgts mtc cmd req:\0", ADD, body),
        datagram(b"guest msg header;\0", ADD, body),
        datagram(b"guest msg header:x", ADD, body),
    ]
}

#[test]
fn every_bad_datagram_is_counted_and_dropped() {
    let place = Place::new();
    let daemon = place.start(&[]);
    let bad = bad();
    for bytes in &bad {
        daemon.agent.send_bytes(bytes);
    }
    let all = u64::try_from(bad.len()).unwrap();
    let status = daemon.await_status(|status| status.count("bad_datagrams") == all);
    assert_eq!((status.count("instances"), status.count("commands")), (0, 0));
    daemon.agent.add(1);
    place.channel(1).accept().start(1000);
    daemon.agent.running(1);
}

#[test]
fn a_datagram_may_have_any_length_and_bytes_after_its_nul() {
    let place = Place::new();
    let daemon = place.start(&[]);
    let short = add(InstanceId::numbered(1).as_str());
    let mut full = add(InstanceId::numbered(2).as_str());
    full.push(0);
    full.resize(DATAGRAM_MAX, 0xff);
    daemon.agent.send_bytes(&short);
    daemon.agent.send_bytes(&full);
    daemon.agent.settle();
    daemon.agent.send(&Command::QueryInstances);
    for number in [1, 2] {
        let Event::QueryResponse(info) = daemon.agent.event() else { panic!("no response") };
        assert_eq!(info.uuid, InstanceId::numbered(number));
    }
}

#[test]
fn a_flood_of_bad_datagrams_is_not_a_flood_of_log_lines_and_hurts_no_guest() {
    let place = Place::new();
    let mut daemon = place.start(&["--failure-threshold", "5"]);
    let channel = place.channel(1);
    let guest = channel.accept().beat(400);
    let bad = vec![0xff; DATAGRAM_MAX];
    // In portions: the socket of the daemon holds few datagrams.
    for _ in 0..100 {
        (0..50).for_each(|_| daemon.agent.send_bytes(&bad));
        daemon.agent.settle();
    }
    guest.beats(3);
    assert_eq!(daemon.status().count("bad_datagrams"), 5000);
    let logged = daemon.log().iter().filter(|line| line.contains("dropped a datagram")).count();
    assert!((1..200).contains(&logged), "{logged} lines about 5000 datagrams");
}

#[test]
fn ten_thousand_instances_are_taken_and_more_than_can_be_are_refused() {
    let place = Place::new();
    let daemon = place.start(&["--failure-threshold", "5"]);
    let channel = place.channel(1);
    let guest = channel.accept().beat(400);
    // In portions: the socket of the daemon holds few datagrams.
    for first in (0..21_000).step_by(50) {
        (first..first + 50).for_each(|number| daemon.agent.name(number, Switch::Disabled));
        daemon.agent.settle();
        if first == 9_950 {
            assert_eq!(daemon.status().count("instances"), 10_000);
        }
    }
    let status = daemon.status();
    assert_eq!(status.count("instances"), 20_000);
    assert!(status.count("over_limit") >= 1_000);
    guest.beats(3);
}
