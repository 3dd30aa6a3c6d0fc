//! The state query audit.

use protocol::channel::CorrectiveAction;
use protocol::datagram::{Event, InstanceInfo};
use protocol::vim::VimCommand;

use super::controller::{Controller, Known, host_id, host_name, secs};

fn queries(controller: &mut Controller, host: u64) -> usize {
    controller.commands(host).iter().filter(|command| *command == "query").count()
}

#[test]
fn a_reported_host_with_an_instance_is_asked_every_10_s() {
    let mut controller = Controller::with_instance();
    controller.run(secs(600));
    assert_eq!(queries(&mut controller, 1), 60);
    assert_eq!(controller.events(), [""; 0]);
}

#[test]
fn a_host_without_instances_or_without_reporting_is_not_asked() {
    let mut controller = Controller::with_host();
    controller.run(secs(60));
    assert_eq!(queries(&mut controller, 1), 0, "no instance");
    let mut controller = Controller::with_instance();
    let (uuid, hostname) = (host_id(1), host_name(1));
    controller.ask(VimCommand::HostDisable { uuid, hostname }).unwrap();
    controller.run(secs(60));
    assert_eq!(queries(&mut controller, 1), 0, "no reporting");
}

#[test]
fn hosts_are_asked_at_different_times() {
    let mut controller = Controller::new();
    for host in 1..=100 {
        controller.add_host(host, true);
        controller.vim.instances.insert(host, (host, true));
    }
    let mut controller = controller.settled();
    for _ in 0..3 {
        let mut busiest = 0;
        for _ in 0..10 {
            controller.run(secs(1));
            busiest = busiest.max((1..=100).map(|host| queries(&mut controller, host)).sum());
            controller.forget();
        }
        assert!((5..40).contains(&busiest), "{busiest} of 100 in one second");
        controller.stall(secs(15));
        controller.forget();
    }
}

#[test]
fn rounds_that_were_slept_through_are_not_made_up_for() {
    let mut controller = Controller::with_instance();
    controller.stall(secs(3600));
    assert_eq!(queries(&mut controller, 1), 1);
    controller.run(secs(10));
    assert_eq!(queries(&mut controller, 1), 1);
}

#[test]
fn a_host_that_does_not_answer_is_counted() {
    let mut controller = Controller::with_instance();
    controller.servers.get_mut(&1).unwrap().is_reachable = false;
    controller.run(secs(100));
    assert_eq!(controller.agent.counters().audit_misses, 9);
    assert!(controller.agent.hosts().all(|host| host.unanswered == 9));
    assert_eq!(controller.notes.len(), 4, "{:?}", controller.notes);
    assert!(controller.heartbeats(1), "which says nothing about its guests");
    controller.servers.get_mut(&1).unwrap().is_reachable = true;
    controller.run(secs(10));
    assert!(controller.agent.hosts().all(|host| host.unanswered == 0));
}

#[test]
fn a_server_that_thinks_otherwise_about_reporting_is_corrected() {
    for reporting in [true, false] {
        let mut controller = Controller::with_instance();
        controller.set(1, 1, reporting).unwrap();
        controller.forget();
        controller.servers.get_mut(&1).unwrap().instances.get_mut(&1).unwrap().reporting =
            !reporting;
        controller.run(secs(10));
        let word = if reporting { "enabled" } else { "disabled" };
        assert_eq!(controller.changes(1), [format!("modify 1 {word}")]);
        controller.run(secs(60));
        assert_eq!(controller.changes(1), [""; 0]);
        assert_eq!(controller.agent.counters().audit_corrections, 1);
    }
}

#[test]
fn a_server_that_thinks_otherwise_about_a_heartbeat_is_believed_and_the_vim_is_told() {
    let mut controller = Controller::with_instance();
    for on in [false, true] {
        controller.servers.get_mut(&1).unwrap().instances.get_mut(&1).unwrap().heartbeating = on;
        controller.run(secs(10));
        assert_eq!(controller.heartbeats(1), on);
    }
    controller.run(secs(60));
    assert_eq!(controller.events(), ["1 silent", "1 heartbeats"]);
    assert_eq!(controller.changes(1), [""; 0]);
}

#[test]
fn an_unknown_instance_is_deleted_there() {
    let mut controller = Controller::with_instance();
    let unknown = Known { reporting: true, heartbeating: true };
    controller.servers.get_mut(&1).unwrap().instances.insert(7, unknown);
    controller.run(secs(10));
    assert_eq!(controller.changes(1), ["delete 7"]);
    assert_eq!(controller.known(), [1]);
    assert_eq!(controller.agent.counters().strange_events, 1);
}

#[test]
fn an_instance_that_the_server_does_not_speak_of_is_told_again() {
    let mut controller = Controller::with_instance();
    controller.servers.get_mut(&1).unwrap().instances.clear();
    controller.run(secs(20));
    assert_eq!(controller.changes(1), ["modify 1 enabled"]);
    assert!(!controller.heartbeats(1));
}

#[test]
fn the_audit_takes_the_guests_action_and_times() {
    let mut controller = Controller::with_instance();
    let info = InstanceInfo {
        repair_action: CorrectiveAction::Log,
        restart_secs: 7,
        ..controller.servers[&1].info(1)
    };
    controller.event(1, &Event::QueryResponse(info));
    let loss = controller.servers[&1].loss(1);
    controller.event(1, &loss);
    assert_eq!(controller.events(), ["1 silent", "1 failed: log"]);
}
