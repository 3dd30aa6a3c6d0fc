//! What guestAgent sees of the daemon.

use std::net::UdpSocket;

use protocol::InstanceId;
use protocol::channel::{
    ActionNotify, ActionResponse, ChallengeResponse, CorrectiveAction, EventType, GuestMessage,
    Health, HostMessage, LogMsg, NotificationType, VoteResult,
};
use protocol::datagram::{Command, Event, Switch};

use crate::harness::{Agent, Beating, Channel, Daemon, Guest, Place};

/// Intervals short enough to wait for a loss.
const SHORT: &[&str] = &["--pulse-period-ms", "50"];

struct Pair {
    _channel: Channel,
    guest: Guest,
    daemon: Daemon,
    _place: Place,
}

/// A daemon with instance 1 heartbeating at 50 ms and named, its running event taken.
fn heartbeating() -> Pair {
    let place = Place::new();
    let daemon = place.start(SHORT);
    let channel = place.channel(1);
    daemon.agent.add(1);
    let mut guest = channel.accept();
    guest.start(50);
    daemon.agent.running(1);
    Pair { _channel: channel, guest, daemon, _place: place }
}

fn asked(guest: &mut Guest) -> ActionNotify {
    loop {
        match guest.hear() {
            HostMessage::ActionNotify(asked) => return asked,
            HostMessage::Challenge { heartbeat_challenge } => guest.answer(heartbeat_challenge),
            other => panic!("{other:?}"),
        }
    }
}

fn respond(guest: &mut Guest, to: &ActionNotify, vote_result: VoteResult, why: &str) {
    guest.say(&GuestMessage::ActionResponse(ActionResponse {
        invocation_id: to.invocation_id,
        event_type: to.event_type,
        notification_type: to.notification_type,
        vote_result,
        log_msg: LogMsg::new(why),
    }));
}

#[test]
fn it_is_told_that_the_server_is_ready_until_it_says_something() {
    let place = Place::new();
    let daemon = place.start(&[]);
    for _ in 0..2 {
        let Event::Ready { hostname } = daemon.agent.next() else { panic!("not ready") };
        assert_eq!(hostname.as_str(), "compute-0");
    }
}

#[test]
fn a_name_is_looked_up_to_tell_it() {
    let place = Place::new();
    let agent = format!("localhost:{}", place.agent_address().port());
    let daemon = place.start(&["--agent", &agent]);
    assert!(matches!(daemon.agent.next(), Event::Ready { .. }));
}

#[test]
fn an_instance_is_reported_running_once_it_is_added() {
    let place = Place::new();
    let daemon = place.start(SHORT);
    let channel = place.channel(1);
    let guest = channel.accept().beat(50);
    guest.beats(3);
    daemon.agent.add(1);
    let Event::Running(info) = daemon.agent.event() else { panic!("not running") };
    assert_eq!(info.uuid, InstanceId::numbered(1));
    assert_eq!(info.hostname.as_str(), "compute-0");
    assert_eq!((info.reporting, info.heartbeating), (Switch::Enabled, Switch::Enabled));
    assert_eq!(info.repair_action, CorrectiveAction::Reboot);
    let times = [
        info.vote_secs,
        info.shutdown_secs,
        info.suspend_secs,
        info.resume_secs,
        info.restart_secs,
    ];
    assert_eq!(times, [11, 12, 13, 14, 121]);
    guest.beats(3);
    daemon.agent.settle();
    assert_eq!(daemon.agent.arrived(), [], "running is reported once");
}

#[test]
fn a_guest_that_stops_answering_is_stopped_and_then_lost() {
    let pair = heartbeating();
    let daemon = &pair.daemon;
    let Event::Stopped(info) = daemon.agent.event() else { panic!("not stopped") };
    assert_eq!(info.heartbeating, Switch::Disabled);
    let Event::Loss { hostname, uuid } = daemon.agent.event() else { panic!("no loss") };
    assert_eq!((hostname.as_str(), uuid), ("compute-0", InstanceId::numbered(1)));
}

#[test]
fn nothing_is_lost_while_reporting_is_off_for_the_instance_or_the_host() {
    for host in [true, false] {
        let pair = heartbeating();
        let daemon = &pair.daemon;
        if host {
            daemon.agent.send(&Command::ModifyHost { reporting: Switch::Disabled });
        } else {
            let uuid = InstanceId::numbered(1);
            daemon.agent.send(&Command::ModifyInstance { uuid, reporting: Switch::Disabled });
        }
        assert!(matches!(daemon.agent.event(), Event::Stopped(_)));
        daemon.agent.settle();
        assert_eq!(daemon.agent.arrived(), []);
    }
}

#[test]
fn ill_health_is_reported_with_what_the_guest_wants() {
    let mut pair = heartbeating();
    let (guest, daemon) = (&mut pair.guest, &pair.daemon);
    let heartbeat_response = guest.hear_challenge();
    guest.say(&GuestMessage::ChallengeResponse(ChallengeResponse {
        heartbeat_response,
        heartbeat_health: Health::Unhealthy,
        corrective_action: Some(CorrectiveAction::Stop),
        log_msg: LogMsg::new("disk full"),
    }));
    let Event::IllHealth(info) = daemon.agent.event() else { panic!("not ill") };
    assert_eq!(info.repair_action, CorrectiveAction::Stop);
    assert_eq!(info.heartbeating, Switch::Enabled);
}

#[test]
fn a_vote_and_a_notification_reach_the_guest_and_come_back() {
    let mut pair = heartbeating();
    let (guest, daemon) = (&mut pair.guest, &pair.daemon);
    daemon.agent.vote(1, "live_migrate_begin");
    let vote = asked(guest);
    assert_eq!(vote.notification_type, NotificationType::Revocable);
    assert_eq!((vote.event_type, vote.timeout_ms), (EventType::LiveMigrateBegin, 11_000));
    respond(guest, &vote, VoteResult::Reject, "busy \"now\"");
    let Event::Answer(answer) = daemon.agent.event() else { panic!("no answer") };
    assert_eq!(answer.vote, VoteResult::Reject);
    assert_eq!(answer.reason.as_str(), "busy \"now\"");
    daemon.agent.notify(1, "stop");
    let notification = asked(guest);
    assert_eq!(notification.notification_type, NotificationType::Irrevocable);
    respond(guest, &notification, VoteResult::Complete, "");
    let Event::Answer(answer) = daemon.agent.event() else { panic!("no answer") };
    assert_eq!((answer.event_type, answer.vote), (EventType::Stop, VoteResult::Complete));
}

#[test]
fn a_vote_of_a_guest_that_does_not_heartbeat_is_answered_for_it() {
    let place = Place::new();
    let daemon = place.start(&[]);
    daemon.agent.vote(7, "reboot");
    let Event::Answer(answer) = daemon.agent.event() else { panic!("no answer") };
    assert_eq!(answer.uuid, InstanceId::numbered(7));
    assert_eq!(answer.vote, VoteResult::Accept);
    assert_eq!(daemon.status().count("instances"), 0);
}

#[test]
fn a_query_is_answered_for_each_instance_that_it_named() {
    let place = Place::new();
    let daemon = place.start(&[]);
    let channels = [1, 2, 3].map(|number| place.channel(number));
    let _guests: Vec<Beating> = channels.iter().map(|c| c.accept().beat(1000)).collect();
    daemon.agent.add(1);
    daemon.agent.name(2, Switch::Disabled);
    daemon.agent.add(9);
    daemon.agent.running(2);
    daemon.agent.send(&Command::QueryInstances);
    let states = [
        (1, Switch::Enabled, Switch::Enabled),
        (2, Switch::Disabled, Switch::Enabled),
        (9, Switch::Enabled, Switch::Disabled),
    ];
    for (number, reporting, heartbeating) in states {
        let Event::QueryResponse(info) = daemon.agent.event() else { panic!("no response") };
        assert_eq!(info.uuid, InstanceId::numbered(number));
        assert_eq!((info.reporting, info.heartbeating), (reporting, heartbeating));
    }
    daemon.agent.settle();
    assert_eq!(daemon.agent.arrived(), []);
}

#[test]
fn a_deleted_instance_is_closed_without_an_event_and_an_add_brings_it_back() {
    let place = Place::new();
    let daemon = place.start(&[]);
    let channel = place.channel(1);
    daemon.agent.add(1);
    let mut guest = channel.accept();
    guest.start(1000);
    daemon.agent.running(1);
    daemon.agent.delete(1);
    while guest.listen().is_some() {}
    daemon.agent.settle();
    assert_eq!(daemon.agent.arrived(), []);
    assert_eq!(daemon.status().count("instances"), 0);
    daemon.agent.add(1);
    channel.accept().start(1000);
    daemon.agent.running(1);
}

#[test]
fn an_instance_that_it_named_stays_known_without_a_channel() {
    let place = Place::new();
    let daemon = place.start(&[]);
    daemon.agent.add(1);
    let channel = place.channel(1);
    channel.accept().start(1000);
    daemon.agent.running(1);
    channel.remove();
    assert!(matches!(daemon.agent.event(), Event::Stopped(_)));
    assert!(daemon.status().instance(1).unwrap().starts_with("unconnected"));
    place.channel(1).accept().start(1000);
    daemon.agent.running(1);
}

/// Sockets on the same port of both loopback addresses; `None` on a host without IPv6.
fn both_families() -> Option<(UdpSocket, UdpSocket)> {
    for _ in 0..100 {
        let six = UdpSocket::bind("[::1]:0").ok()?;
        let port = six.local_addr().unwrap().port();
        if let Ok(four) = UdpSocket::bind(("127.0.0.1", port)) {
            return Some((six, four));
        }
    }
    panic!("no port is free in both families");
}

#[test]
fn commands_come_over_ipv6_and_ipv4_and_each_is_answered_where_it_came_from() {
    let Some((six, four)) = both_families() else { return };
    let place = Place::with_agent(six);
    let daemon = place.start(&["--listen", "[::]:0"]);
    assert!(matches!(daemon.agent.next(), Event::Ready { .. }));
    let port = daemon.agent.server().port();
    let six = Agent::new(place.agent_socket(), format!("[::1]:{port}").parse().unwrap());
    let four = Agent::new(four, format!("127.0.0.1:{port}").parse().unwrap());
    for (agent, number) in [(&six, 1), (&four, 2), (&six, 3)] {
        agent.add(number);
        let channel = place.channel(number);
        channel.accept().start(1000);
        let Event::Running(info) = agent.event() else { panic!("not running") };
        assert_eq!(info.uuid, InstanceId::numbered(number));
        agent.delete(number);
        agent.settle();
    }
}
