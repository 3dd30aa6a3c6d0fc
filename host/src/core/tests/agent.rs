//! The host-agent link, the server's part.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use protocol::InstanceId;
use protocol::channel::{CorrectiveAction, GuestMessage, HostMessage, Init};
use protocol::datagram::{Command, Event, InstanceInfo, Switch};

use super::super::{Destination, Input, InstanceState, Policy};
use super::guest;
use super::host::{AGENT, Answers, Host, ms, secs};

fn id(number: u64) -> InstanceId {
    InstanceId::numbered(number)
}

#[test]
fn ready_is_said_at_the_start_and_after_5_10_20_40_and_each_60_s_until_a_command_comes() {
    let mut host = Host::new();
    host.run(secs(260));
    let expected = [0, 5, 15, 35, 75, 135, 195, 255].map(|at| (secs(at), "ready".to_owned()));
    assert_eq!(host.timed_events(), expected);
    assert!(host.destinations.iter().all(|to| *to == Destination::ConfiguredAgent));
    host.command(&Command::Loopback);
    host.run(secs(600));
    assert_eq!(host.events(), [""; 0]);
}

#[test]
fn ready_carries_the_host_name() {
    let policy = Policy { hostname: "compute-7".into(), ..Policy::default() };
    let mut host = Host::with_policy(policy);
    assert_eq!(host.full_events(), [Event::Ready { hostname: "compute-7".into() }]);
}

#[test]
fn garbage_is_no_command_and_does_not_end_the_readies() {
    let mut host = Host::new();
    host.input(Input::Datagram { from: AGENT, bytes: b"garbage" });
    host.run(secs(6));
    assert_eq!(host.events(), ["ready"; 2]);
}

#[test]
fn events_go_to_the_source_of_the_last_command() {
    let mut host = Host::with_heartbeat();
    let standby = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 2));
    let mut bytes = Vec::new();
    Command::QueryInstances.encode("192.0.2.1", "host", &mut bytes);
    host.destinations.clear();
    host.input(Input::Datagram { from: standby, bytes: &bytes });
    host.command(&Command::QueryInstances);
    assert_eq!(host.destinations, [Destination::Agent(standby), Destination::Agent(AGENT)]);
}

#[test]
fn an_instance_that_the_agent_has_not_named_is_never_spoken_of() {
    let mut host = Host::managed();
    host.boot(1);
    host.run(secs(5));
    host.command(&Command::QueryInstances);
    host.answer(1, Answers::Unhealthy(CorrectiveAction::Stop));
    host.run(secs(5));
    host.answer(1, Answers::Never);
    host.run(secs(10));
    assert_eq!(host.events(), [""; 0]);
}

#[test]
fn an_instance_that_heartbeats_already_is_told_when_it_is_named() {
    for add in [true, false] {
        let mut host = Host::managed();
        host.boot(1);
        let (uuid, reporting) = (id(1), Switch::Enabled);
        host.command(&if add {
            Command::AddInstance { uuid, reporting }
        } else {
            Command::ModifyInstance { uuid, reporting }
        });
        assert_eq!(host.events(), ["1 running"]);
        host.name(1, Switch::Disabled);
        assert_eq!(host.events(), [""; 0], "once");
    }
}

#[test]
fn add_and_modify_create_an_instance_whose_channel_may_come_later() {
    let mut host = Host::managed();
    host.command(&Command::AddInstance { uuid: id(1), reporting: Switch::Enabled });
    host.command(&Command::ModifyInstance { uuid: id(2), reporting: Switch::Disabled });
    host.run(secs(400));
    assert_eq!(host.state(1), Some(InstanceState::Unconnected));
    host.boot(1);
    host.boot(2);
    assert_eq!(host.events(), ["1 running", "2 running"]);
}

#[test]
fn naming_an_instance_without_a_channel_looks_for_it_soon() {
    let mut host = Host::managed();
    host.appear(1);
    host.delete(1);
    assert_eq!(host.state(1), None);
    for _ in 0..100 {
        host.name(1, Switch::Enabled);
    }
    let scans = host.scans;
    host.run(ms(50));
    assert_eq!(host.scans, scans + 1, "one scan for all");
    assert_eq!(host.state(1), Some(InstanceState::AwaitingInit));
}

#[test]
fn delete_closes_the_channel_and_forgets_the_instance_without_an_event() {
    let mut host = Host::with_heartbeat();
    host.run(secs(1));
    host.vote(1, "stop");
    host.delete(1);
    assert_eq!(host.closes(), [1]);
    host.run(secs(100));
    assert_eq!(host.events(), [""; 0]);
    assert_eq!(host.state(1), None);
    host.command(&Command::QueryInstances);
    assert_eq!(host.events(), [""; 0]);
}

#[test]
fn a_deleted_instance_comes_back_by_an_add_a_file_event_or_the_rescan() {
    let comebacks: [fn(&mut Host); 3] = [
        |host| {
            host.name(1, Switch::Enabled);
            host.run(ms(50));
        },
        |host| host.announce(&super::host::path_of(1)),
        |host| host.run(secs(180)),
    ];
    for comeback in comebacks {
        let mut host = Host::with_heartbeat();
        host.delete(1);
        comeback(&mut host);
        assert_eq!(host.state(1), Some(InstanceState::AwaitingInit));
    }
}

#[test]
fn a_deleted_instance_that_comes_back_by_its_file_is_unnamed_again() {
    let mut host = Host::with_heartbeat();
    host.delete(1);
    host.announce(&super::host::path_of(1));
    host.say(1, &GuestMessage::Init(guest::init()));
    host.answer(1, Answers::Never);
    host.run(secs(10));
    assert_eq!(host.events(), [""; 0]);
}

#[test]
fn delete_of_an_unknown_instance_is_nothing() {
    let mut host = Host::managed();
    host.delete(5);
    assert_eq!(host.events(), [""; 0]);
    assert_eq!(host.server.instances().count(), 0);
}

#[test]
fn a_query_is_answered_for_each_named_instance() {
    let mut host = Host::managed();
    for number in 1..=4 {
        host.appear(number);
    }
    host.name(1, Switch::Enabled);
    host.name(2, Switch::Disabled);
    host.name(7, Switch::Enabled);
    host.answer(2, Answers::Healthy);
    host.say(2, &GuestMessage::Init(guest::init()));
    host.forget();
    host.command(&Command::QueryInstances);
    assert_eq!(
        host.events(),
        [
            "1 reporting enabled heartbeating disabled",
            "2 reporting disabled heartbeating enabled",
            "7 reporting enabled heartbeating disabled"
        ]
    );
}

#[test]
fn instance_info_before_an_init_has_the_usual_numbers() {
    let mut host = Host::managed();
    host.name(1, Switch::Enabled);
    host.command(&Command::QueryInstances);
    let expected = InstanceInfo {
        hostname: "localhost".into(),
        uuid: id(1),
        reporting: Switch::Enabled,
        heartbeating: Switch::Disabled,
        repair_action: CorrectiveAction::Log,
        restart_secs: 120,
        shutdown_secs: 10,
        suspend_secs: 10,
        resume_secs: 10,
        vote_secs: 10,
    };
    assert_eq!(host.full_events(), [Event::QueryResponse(expected)]);
}

#[test]
fn instance_info_after_an_init_has_what_the_guest_announced() {
    let mut host = Host::with_heartbeat();
    host.command(&Command::QueryInstances);
    let expected = InstanceInfo {
        hostname: "localhost".into(),
        uuid: id(1),
        reporting: Switch::Enabled,
        heartbeating: Switch::Enabled,
        repair_action: CorrectiveAction::Reboot,
        restart_secs: 121,
        shutdown_secs: 12,
        suspend_secs: 13,
        resume_secs: 14,
        vote_secs: 11,
    };
    assert_eq!(host.full_events(), [Event::QueryResponse(expected)]);
}

#[test]
fn huge_announced_times_are_reported_as_an_hour() {
    let mut host = Host::with_heartbeat();
    let init = Init { restart_secs: 1 << 30, resume_notice_secs: 3601, ..guest::init() };
    host.say(1, &GuestMessage::Init(init));
    host.forget();
    host.command(&Command::QueryInstances);
    let events = host.full_events();
    let [Event::QueryResponse(info)] = &events[..] else { panic!("{events:?}") };
    assert_eq!((info.restart_secs, info.resume_secs), (3600, 3600));
}

#[test]
fn the_host_is_reported_from_the_start_and_as_the_agent_says_afterwards() {
    let mut host = Host::with_heartbeat();
    assert!(host.server.host_reporting());
    host.command(&Command::ModifyHost { reporting: Switch::Disabled });
    assert!(!host.server.host_reporting());
    host.command(&Command::ModifyHost { reporting: Switch::Enabled });
    host.answer(1, Answers::Never);
    host.run(secs(10));
    assert_eq!(host.events(), ["1 stopped", "1 lost"]);
}

#[test]
fn a_lost_guests_events_tell_its_action_and_then_the_loss() {
    let mut host = Host::with_heartbeat();
    host.answer(1, Answers::Never);
    host.run(secs(10));
    let events = host.full_events();
    let [Event::Stopped(info), Event::Loss { uuid, .. }] = &events[..] else {
        panic!("{events:?}");
    };
    assert_eq!((info.repair_action, *uuid), (CorrectiveAction::Reboot, id(1)));
    assert_eq!(info.heartbeating, Switch::Disabled);
}

#[test]
fn ten_thousand_named_instances_are_each_told_of() {
    let mut host = Host::managed();
    for number in 1..=10_000 {
        host.name(number, Switch::Enabled);
    }
    host.forget();
    host.command(&Command::QueryInstances);
    assert_eq!(host.events().len(), 256, "challenges must not wait for the rest");
    host.run(secs(1));
    assert_eq!(host.events().len(), 10_000 - 256);
    host.forget();
    host.command(&Command::QueryInstances);
    host.command(&Command::QueryInstances);
    host.run(secs(1));
    assert_eq!(host.events().len(), 20_000, "each query is answered in full");
}

#[test]
fn a_loopback_does_nothing_but_show_that_an_agent_is_there() {
    let mut host = Host::new();
    host.command(&Command::Loopback);
    host.forget();
    host.run(Duration::from_mins(1));
    assert_eq!((host.events(), host.messages()), (vec![], Vec::<HostMessage>::new()));
    assert_eq!(host.server.counters().commands, 1);
}

#[test]
fn a_flood_of_queries_is_answered_only_so_often() {
    let mut host = Host::managed();
    host.appear(1);
    host.name(1, Switch::Enabled);
    host.forget();
    for _ in 0..100 {
        host.command(&Command::QueryInstances);
    }
    assert_eq!(host.events().len(), 4);
    assert_eq!(host.server.counters().excess_queries, 96);
    host.forget();
    host.run(secs(1));
    host.command(&Command::QueryInstances);
    assert_eq!(host.events().len(), 1);
}

#[test]
fn an_agent_that_acknowledges_hears_of_a_loss_until_it_has() {
    let mut host = Host::with_heartbeat();
    let mut marked = Vec::new();
    Command::Loopback.encode_marked("192.0.2.1", "", &mut marked);
    host.input(Input::Datagram { from: AGENT, bytes: &marked });
    host.answer(1, Answers::Never);
    host.forget();
    host.run(secs(11));
    let ids: Vec<_> = host.ids.iter().flatten().copied().collect();
    assert!(ids.len() > 2 && ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    Command::encode_acknowledgement(ids[0], "192.0.2.1", &mut marked);
    host.input(Input::Datagram { from: AGENT, bytes: &marked });
    host.forget();
    host.run(secs(100));
    assert_eq!(host.events(), [""; 0]);
}

#[test]
fn an_agent_that_does_not_acknowledge_hears_of_a_loss_once() {
    let mut host = Host::with_heartbeat();
    host.answer(1, Answers::Never);
    host.forget();
    host.run(secs(100));
    assert_eq!(host.ids.iter().flatten().count(), 1);
}
