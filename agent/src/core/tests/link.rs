//! What servers say, and who is heard.

use std::net::{IpAddr, Ipv4Addr};

use protocol::channel::CorrectiveAction;
use protocol::datagram::{Command, Event, InstanceInfo, MaintenanceCommand};
use protocol::vim::VimCommand;

use super::super::Input;
use super::controller::{Controller, Known, address, entry, host_id, host_name, id, secs};

#[test]
fn a_datagram_from_nobody_is_dropped_and_counted() {
    let mut controller = Controller::with_instance();
    let mut bytes = Vec::new();
    controller.servers[&1].loss(1).encode(&mut bytes);
    let stranger = IpAddr::V4(Ipv4Addr::new(198, 51, 100, 1));
    for from in [stranger, address(2), super::controller::MAINTENANCE] {
        controller.input(Input::Datagram { from, bytes: &bytes });
    }
    assert_eq!(controller.agent.counters().strangers, 3);
    assert_eq!(controller.events(), [""; 0]);
    let IpAddr::V4(own) = address(1) else { panic!() };
    let mapped = IpAddr::V6(own.to_ipv6_mapped());
    controller.input(Input::Datagram { from: mapped, bytes: &bytes });
    assert_eq!(controller.events(), ["1 silent", "1 failed: reboot"]);
}

#[test]
fn garbage_of_a_host_is_dropped_and_counted() {
    let mut controller = Controller::with_instance();
    let mut command = Vec::new();
    Command::QueryInstances.encode("host", "host", &mut command);
    let mut inventory = Vec::new();
    MaintenanceCommand::DeleteHost { hostname: host_name(1), uuid: host_id(1) }
        .encode(&mut inventory);
    let mut cut = Vec::new();
    controller.servers[&1].loss(1).encode(&mut cut);
    cut.truncate(120);
    for bytes in [&b""[..], b"{}", &[0xff; 1060], &[b'{'; 2000], &command, &inventory, &cut] {
        controller.datagram(1, bytes);
    }
    assert_eq!(controller.agent.counters().bad_datagrams, 7);
    assert!(controller.heartbeats(1));
}

#[test]
fn ready_is_answered_with_the_hosts_reporting_and_each_of_its_instances() {
    let mut controller = Controller::with_instance();
    controller.set(2, 1, false).unwrap();
    controller.add_host(2, true);
    controller.run(secs(5));
    controller.set(3, 2, true).unwrap();
    controller.forget();
    let ready = controller.servers[&1].ready();
    controller.event(1, &ready);
    assert_eq!(controller.commands(1), ["host enabled", "modify 1 enabled", "modify 2 disabled"]);
    assert_eq!(controller.commands(2), [""; 0]);
}

#[test]
fn ready_is_answered_before_the_vim_has_said_whether_the_host_is_reported() {
    let mut controller = Controller::new();
    controller.add_host(1, true);
    controller.forget();
    let ready = controller.servers[&1].ready();
    controller.event(1, &ready);
    assert_eq!(controller.commands(1), ["loopback"]);
    assert!(controller.servers[&1].reporting, "nothing that the server would keep back a loss for");
}

#[test]
fn a_disabled_host_is_told_so_again_after_its_ready() {
    let mut controller = Controller::with_host();
    controller.ask(VimCommand::HostDisable { uuid: host_id(1), hostname: host_name(1) }).unwrap();
    let server = controller.servers.get_mut(&1).unwrap();
    server.restart();
    let ready = server.ready();
    controller.event(1, &ready);
    assert!(!controller.servers[&1].reporting);
}

#[test]
fn running_and_stopped_become_a_status() {
    let mut controller = Controller::with_host();
    controller.set(1, 1, false).unwrap();
    controller.heartbeat(1, 1, true);
    controller.heartbeat(1, 1, true);
    controller.heartbeat(1, 1, false);
    controller.heartbeat(1, 1, false);
    assert_eq!(controller.events(), ["1 heartbeats", "1 silent"], "each once");
}

#[test]
fn a_loss_is_a_status_and_an_alarm_with_the_last_action_that_was_announced() {
    let mut controller = Controller::with_instance();
    let info =
        InstanceInfo { repair_action: CorrectiveAction::Stop, ..controller.servers[&1].info(1) };
    controller.event(1, &Event::QueryResponse(info));
    let loss = controller.servers[&1].loss(1);
    controller.event(1, &loss);
    assert_eq!(controller.events(), ["1 silent", "1 failed: stop"]);
}

#[test]
fn the_action_of_an_ill_health_is_not_that_of_a_loss() {
    let mut controller = Controller::with_instance();
    let ill = controller.servers[&1].ill(1, CorrectiveAction::Stop);
    controller.event(1, &ill);
    let loss = controller.servers[&1].loss(1);
    controller.event(1, &loss);
    let expected = ["1 unhealthy: stop", "1 silent", "1 failed: reboot"];
    assert_eq!(controller.events(), expected);
}

#[test]
fn a_failure_is_passed_on_only_if_host_and_instance_are_reported() {
    for (host, instance) in [(false, true), (true, false), (false, false)] {
        let mut controller = Controller::with_instance();
        controller.set(1, 1, instance).unwrap();
        if !host {
            let (uuid, hostname) = (host_id(1), host_name(1));
            controller.ask(VimCommand::HostDisable { uuid, hostname }).unwrap();
        }
        let ill = controller.servers[&1].ill(1, CorrectiveAction::Stop);
        controller.event(1, &ill);
        controller.lose(1, 1);
        assert_eq!(controller.events(), ["1 silent"], "{host} {instance}");
        assert_eq!(controller.agent.counters().unreported, 2);
    }
}

#[test]
fn reporting_is_never_taken_from_an_event() {
    let mut controller = Controller::with_instance();
    let info = InstanceInfo { reporting: false.into(), ..controller.servers[&1].info(1) };
    for event in [
        Event::Running(info.clone()),
        Event::Stopped(info.clone()),
        Event::IllHealth(info.clone()),
        Event::QueryResponse(info),
    ] {
        controller.event(1, &event);
        assert!(controller.agent.instances().all(|instance| instance.reporting));
    }
}

#[test]
fn an_event_about_an_instance_that_lives_elsewhere_changes_nothing_and_deletes_it_there() {
    let mut controller = Controller::with_instance();
    controller.add_host(2, true);
    let mut controller = controller.settled();
    let server = controller.servers.get_mut(&2).unwrap();
    server.instances.insert(1, Known { reporting: true, heartbeating: false });
    let info = server.info(1);
    let events = [
        Event::Stopped(info.clone()),
        Event::QueryResponse(info),
        server.loss(1),
        server.ill(1, CorrectiveAction::Stop),
    ];
    for event in events {
        controller.event(2, &event);
        assert_eq!(controller.commands(2).pop().unwrap(), "delete 1", "{event:?}");
    }
    assert_eq!(controller.events(), [""; 0]);
    assert!(controller.heartbeats(1));
}

#[test]
fn nothing_is_deleted_on_a_host_whose_list_was_not_read() {
    let mut controller = Controller::new();
    controller.vim.mood = super::controller::Mood::Away;
    controller.add_host(1, true);
    let server = controller.servers.get_mut(&1).unwrap();
    server.instances.insert(1, Known { reporting: true, heartbeating: true });
    let info = server.info(1);
    controller.set(2, 1, true).unwrap();
    for _ in 0..10 {
        for event in [Event::Running(info.clone()), Event::QueryResponse(info.clone())] {
            controller.event(1, &event);
        }
        controller.run(secs(60));
    }
    assert!(!controller.changes(1).contains(&"delete 1".to_owned()));
    controller.vim.mood = super::controller::Mood::Well;
    controller.vim.instances.insert(1, (1, true));
    controller.run(secs(60));
    assert!(controller.heartbeats(1));
    assert_eq!(controller.servers[&1].disturbed, 0);
}

#[test]
fn a_query_response_needs_no_audit_to_be_taken() {
    let mut controller = Controller::with_host();
    controller.set(1, 1, true).unwrap();
    let heartbeating = InstanceInfo { heartbeating: true.into(), ..controller.servers[&1].info(1) };
    controller.event(1, &Event::QueryResponse(heartbeating));
    assert_eq!(controller.events(), ["1 heartbeats"]);
    controller.tell_host(entry(1));
    assert_eq!(controller.events(), [""; 0]);
    assert_eq!(id(1).as_str().len(), 36);
}
