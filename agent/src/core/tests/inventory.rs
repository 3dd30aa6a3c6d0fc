//! Which hosts there are: maintenance and the file.

use std::net::{IpAddr, Ipv4Addr};

use protocol::datagram::{Host, MaintenanceCommand};
use protocol::vim::{CommandReply, RestError, VimCommand};

use super::super::Input;
use super::controller::{
    Controller, MAINTENANCE, address, entry, host_id, host_name, id, ms, secs,
};

fn hosts(controller: &Controller) -> Vec<String> {
    let views = controller.agent.hosts();
    views.map(|view| format!("{} {}", view.hostname, view.ip)).collect()
}

fn query(controller: &mut Controller, host: u64) -> Result<CommandReply, RestError> {
    controller.ask(VimCommand::HostQuery { uuid: host_id(host) })
}

fn delete(host: u64) -> MaintenanceCommand {
    MaintenanceCommand::DeleteHost { hostname: host_name(host), uuid: host_id(host) }
}

#[test]
fn the_inventory_is_asked_for_at_the_start_and_each_minute_until_a_host_is_known() {
    let mut controller = Controller::new();
    controller.run(secs(200));
    assert_eq!(controller.inventories(), [0, 5, 15, 35, 75, 135, 195].map(secs));
}

#[test]
fn of_an_inventory_that_was_lost_in_part_the_rest_is_asked_for_within_five_minutes() {
    let mut controller = Controller::new();
    controller.add_host(1, true);
    controller.run(secs(1300));
    let asked = [0, 5, 15, 35, 75, 155, 315, 615, 915, 1215].map(secs);
    assert_eq!(controller.inventories(), asked);
}

#[test]
fn a_host_that_the_vim_names_and_nobody_knows_asks_for_the_inventory_at_most_every_5_s() {
    let mut controller = Controller::with_host();
    controller.run(secs(20));
    controller.forget();
    let start = controller.time();
    for _ in 0..100 {
        assert_eq!(query(&mut controller, 2), Err(RestError::NOT_FOUND));
        controller.run(ms(100));
    }
    controller.run(secs(10));
    let asked = [0, 5, 10].map(|later| start + secs(later));
    assert_eq!(controller.inventories(), asked, "the last for those it was too soon for");
}

#[test]
fn a_host_that_is_named_just_after_the_inventory_was_asked_for_is_asked_for_soon() {
    let mut controller = Controller::new();
    controller.run(ms(195_100));
    controller.forget();
    assert_eq!(query(&mut controller, 2), Err(RestError::NOT_FOUND));
    controller.run(secs(59));
    assert_eq!(controller.inventories(), [secs(200)], "not a minute later");
}

#[test]
fn an_unknown_host_is_asked_for_once_more_and_not_for_ever() {
    let mut controller = Controller::with_host();
    controller.run(secs(1000));
    controller.forget();
    query(&mut controller, 2).unwrap_err();
    query(&mut controller, 2).unwrap_err();
    controller.run(secs(299));
    assert!(controller.inventories().len() <= 3);
}

#[test]
fn every_command_that_names_an_unknown_host_asks_for_the_inventory() {
    let (uuid, hostname) = (host_id(2), host_name(2));
    let on = true.into();
    let commands = [
        VimCommand::HostCreate { uuid, hostname: hostname.clone() },
        VimCommand::HostEnable { uuid, hostname: hostname.clone() },
        VimCommand::HostDisable { uuid, hostname: hostname.clone() },
        VimCommand::HostQuery { uuid },
        VimCommand::InstanceCreate { uuid: id(1), hostname: hostname.clone() },
        VimCommand::InstanceSet { uuid: id(1), hostname, reporting: on },
    ];
    for command in commands {
        let mut controller = Controller::with_host();
        assert!(controller.ask(command.clone()).is_err());
        assert_eq!(controller.inventories().len(), 1, "{command:?}");
    }
}

#[test]
fn rest_adds_no_host() {
    let mut controller = Controller::with_host();
    let (uuid, hostname) = (host_id(2), host_name(2));
    let reply = controller.ask(VimCommand::HostCreate { uuid, hostname });
    assert_eq!(reply, Err(RestError::NOT_FOUND));
    assert_eq!(hosts(&controller), ["host-1 10.0.0.1"]);
}

#[test]
fn maintenance_is_heard_from_its_own_address_alone() {
    let mut controller = Controller::new();
    let mut bytes = Vec::new();
    MaintenanceCommand::AddHost(entry(1)).encode(&mut bytes);
    controller.input(Input::Maintenance { from: address(1), bytes: &bytes });
    assert_eq!(hosts(&controller), [""; 0]);
    assert_eq!(controller.agent.counters().strangers, 1);
    let IpAddr::V4(mapped) = MAINTENANCE else { panic!() };
    let mapped = IpAddr::V6(mapped.to_ipv6_mapped());
    controller.input(Input::Maintenance { from: mapped, bytes: &bytes });
    assert_eq!(hosts(&controller), ["host-1 10.0.0.1"], "the same address in its other form");
}

#[test]
fn nobody_is_maintenance_before_its_address_is_known() {
    let mut controller = Controller::new();
    controller.input(Input::MaintenanceIsAt(IpAddr::V4(Ipv4Addr::LOCALHOST)));
    controller.tell_host(entry(1));
    assert_eq!(hosts(&controller), [""; 0]);
}

#[test]
fn what_is_no_command_of_maintenance_is_counted_and_changes_nothing() {
    let mut controller = Controller::with_host();
    let mut other_signature = Vec::new();
    MaintenanceCommand::AddHost(entry(2)).encode(&mut other_signature);
    other_signature[..4].copy_from_slice(b"gues");
    for bytes in [&b"garbage"[..], &[0; 1060], &[0xff; 100], &other_signature] {
        controller.input(Input::Maintenance { from: MAINTENANCE, bytes });
    }
    assert_eq!(controller.agent.counters().bad_datagrams, 4);
    assert_eq!(hosts(&controller), ["host-1 10.0.0.1"]);
}

#[test]
fn a_host_without_a_name_is_not_taken() {
    let mut controller = Controller::with_host();
    controller.tell_host(Host { hostname: "".into(), ..entry(2) });
    controller.tell_host(Host { hostname: "".into(), ..entry(1) });
    assert_eq!(hosts(&controller), ["host-1 10.0.0.1"]);
}

#[test]
fn an_add_of_a_known_host_is_an_update() {
    let mut controller = Controller::with_instance();
    controller.tell_host(entry(1));
    assert_eq!(hosts(&controller), ["host-1 10.0.0.1"]);
    let elsewhere = Host { ip: address(9), ..entry(1) };
    controller.maintenance(&MaintenanceCommand::ModifyHost(elsewhere));
    assert_eq!(hosts(&controller), ["host-1 10.0.0.9"]);
    assert!(controller.heartbeats(1), "its instances stay");
    controller.run(secs(30));
    assert_eq!(controller.questions(), [], "the VIM has told all about it");
    assert!(controller.commands(9).contains(&"query".to_owned()));
    assert_eq!(controller.commands(1), [""; 0]);
}

#[test]
fn a_host_speaks_from_its_new_address_alone() {
    let mut controller = Controller::with_instance();
    controller.tell_host(Host { ip: address(9), ..entry(1) });
    controller.lose(1, 1);
    assert_eq!(controller.agent.counters().strangers, 2);
    assert_eq!(controller.events(), [""; 0]);
    let mut bytes = Vec::new();
    controller.servers[&1].loss(1).encode(&mut bytes);
    controller.input(Input::Datagram { from: address(9), bytes: &bytes });
    assert_eq!(controller.events(), ["1 silent", "1 failed: reboot"]);
}

#[test]
fn hosts_may_swap_names_and_addresses_one_after_the_other() {
    let mut controller = Controller::new();
    controller.add_host(1, true);
    controller.add_host(2, true);
    controller.tell_host(Host { uuid: host_id(1), ..entry(2) });
    controller.tell_host(Host { uuid: host_id(2), ..entry(1) });
    assert_eq!(hosts(&controller), ["host-2 10.0.0.2", "host-1 10.0.0.1"]);
    controller.tell_host(entry(1));
    assert_eq!(hosts(&controller), ["host-1 10.0.0.1", "host-1 10.0.0.1"], "for a moment");
    controller.maintenance(&delete(1));
    controller.set(1, 1, true).unwrap();
    assert_eq!(controller.commands(1).last().unwrap(), "add 1 enabled", "the other has it again");
}

#[test]
fn an_address_that_another_host_has_taken_is_not_spoken_to_for_the_old_one() {
    let mut controller = Controller::with_instance();
    controller.tell_host(Host { ip: address(1), ..entry(2) });
    controller.forget();
    controller.run(secs(30));
    assert_eq!(controller.changes(1), [""; 0]);
}

#[test]
fn a_host_that_comes_back_with_another_uuid_is_asked_about_again() {
    let mut controller = Controller::with_host();
    controller.vim.hosts.insert(5, true);
    controller.vim.instances.insert(7, (5, true));
    controller.tell_host(Host { uuid: host_id(5), ..entry(1) });
    let now = controller.time();
    controller.run(secs(5));
    let expected = ["state 5", "list 5"].map(|text| (now + secs(2), text.to_owned()));
    assert_eq!(controller.questions(), expected);
    assert_eq!(controller.known(), [7]);
    assert_eq!(query(&mut controller, 1), Err(RestError::NOT_FOUND));
}

#[test]
fn a_deleted_host_is_gone_with_its_instances() {
    let mut controller = Controller::with_instance();
    controller.maintenance(&delete(1));
    assert_eq!(hosts(&controller), [""; 0]);
    assert_eq!(controller.known(), [0; 0]);
    controller.lose(1, 1);
    assert_eq!(controller.events(), [""; 0]);
    controller.run(secs(60));
    assert_eq!(controller.questions(), []);
}

#[test]
fn the_deletion_of_a_host_by_a_uuid_that_it_had_once_deletes_nothing() {
    let mut controller = Controller::with_host();
    controller.tell_host(Host { uuid: host_id(5), ..entry(1) });
    controller.maintenance(&delete(1));
    assert_eq!(hosts(&controller), ["host-1 10.0.0.1"]);
}

#[test]
fn a_host_that_is_deleted_and_added_is_asked_about_from_the_beginning() {
    let mut controller = Controller::with_instance();
    controller.maintenance(&delete(1));
    controller.tell_host(entry(1));
    controller.run(secs(5));
    let questions: Vec<String> = controller.questions().into_iter().map(|(_, q)| q).collect();
    assert_eq!(questions, ["state 1", "list 1"]);
    assert_eq!(controller.known(), [1]);
}

#[test]
fn an_answer_about_a_deleted_host_is_not_taken_for_its_successor() {
    let mut controller = Controller::new();
    controller.vim.delay = secs(4);
    controller.vim.instances.insert(1, (1, true));
    controller.add_host(1, true);
    controller.run(secs(7));
    assert_eq!(controller.questions().last().unwrap().1, "list 1", "is under way");
    controller.maintenance(&delete(1));
    controller.vim.hosts.clear();
    controller.tell_host(entry(2));
    controller.run(secs(60));
    assert_eq!(controller.known(), [0; 0]);
}

#[test]
fn hosts_may_come_from_a_file() {
    let mut controller = Controller::new();
    controller.tell_host(entry(9));
    controller.input(Input::HostsFile(vec![entry(1), entry(2)]));
    controller.input(Input::HostsFile(vec![entry(2), entry(3)]));
    let expected = ["host-2 10.0.0.2", "host-3 10.0.0.3", "host-9 10.0.0.9"];
    assert_eq!(hosts(&controller), expected, "1 is gone, 9 is maintenance's");
    controller.input(Input::HostsFile(vec![Host { ip: address(7), ..entry(2) }]));
    assert_eq!(hosts(&controller), ["host-2 10.0.0.7", "host-9 10.0.0.9"]);
}
