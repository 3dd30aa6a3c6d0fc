//! What the VIM asks for, and the answer.

use protocol::datagram::Switch;
use protocol::vim::{CommandReply, RestError, Services, VimCommand};

use super::controller::{Controller, host_id, host_name, id, secs};

fn enable(controller: &mut Controller, on: bool) {
    let (uuid, hostname) = (host_id(1), host_name(1));
    let command = if on {
        VimCommand::HostEnable { uuid, hostname }
    } else {
        VimCommand::HostDisable { uuid, hostname }
    };
    assert_eq!(controller.ask(command), Ok(CommandReply::Pass));
}

fn create(controller: &mut Controller, number: u64, host: u64) -> Result<CommandReply, RestError> {
    controller.ask(VimCommand::InstanceCreate { uuid: id(number), hostname: host_name(host) })
}

#[test]
fn a_known_host_is_created_queried_enabled_and_disabled() {
    let mut controller = Controller::with_host();
    let (uuid, hostname) = (host_id(1), host_name(1));
    let created = controller.ask(VimCommand::HostCreate { uuid, hostname: "".into() });
    assert_eq!(created, Ok(CommandReply::Pass));
    for on in [false, true] {
        enable(&mut controller, on);
        let word = Switch::from(on).as_str();
        assert_eq!(controller.commands(1).last().unwrap(), &format!("host {word}"));
        let reply = controller.ask(VimCommand::HostQuery { uuid });
        let expected = CommandReply::Host { uuid, hostname: hostname.clone(), state: on.into() };
        assert_eq!(reply, Ok(expected));
    }
}

#[test]
fn a_deleted_host_is_empty_and_not_reported_and_stays_in_the_inventory() {
    let mut controller = Controller::with_instance();
    controller.set(2, 1, true).unwrap();
    let delete = VimCommand::HostDelete { uuid: Some(host_id(1)) };
    assert_eq!(controller.ask(delete), Ok(CommandReply::Deleted));
    assert_eq!(controller.known(), [0; 0]);
    assert_eq!(
        controller.commands(1)[1..],
        ["delete 1", "delete 2", "host disabled"].map(str::to_owned)
    );
    assert_eq!(controller.agent.hosts().count(), 1);
    for unknown in [Some(host_id(9)), None] {
        let delete = VimCommand::HostDelete { uuid: unknown };
        assert_eq!(controller.ask(delete), Ok(CommandReply::Deleted));
    }
}

#[test]
fn a_created_instance_is_not_reported_until_the_vim_says_so() {
    let mut controller = Controller::with_host();
    assert_eq!(create(&mut controller, 1, 1), Ok(CommandReply::Pass));
    assert_eq!(controller.changes(1), ["add 1 disabled"]);
    controller.set(1, 1, true).unwrap();
    assert_eq!(controller.changes(1), ["modify 1 enabled"]);
    create(&mut controller, 1, 1).unwrap();
    assert_eq!(controller.changes(1), [""; 0], "a second creation changes nothing");
    assert!(controller.agent.instances().all(|instance| instance.reporting));
}

#[test]
fn an_instance_needs_a_known_host() {
    let mut controller = Controller::with_host();
    assert_eq!(create(&mut controller, 1, 2), Err(RestError::UNKNOWN_HOST));
    assert_eq!(controller.set(1, 2, true), Err(RestError::NOT_FOUND));
    assert_eq!(controller.known(), [0; 0]);
}

#[test]
fn setting_an_unknown_instance_adds_it_and_answers_with_its_services() {
    let mut controller = Controller::with_host();
    let expected = Services {
        uuid: id(1),
        hostname: host_name(1),
        reporting: Switch::Enabled,
        heartbeating: Switch::Disabled,
        restart_timeout_secs: 120,
    };
    let reply = controller.set(1, 1, true);
    assert_eq!(reply, Ok(CommandReply::Services(expected.clone())));
    assert_eq!(controller.changes(1), ["add 1 enabled"]);
    controller.heartbeat(1, 1, true);
    let heartbeats =
        Services { heartbeating: Switch::Enabled, restart_timeout_secs: 121, ..expected };
    let reply = controller.ask(VimCommand::InstanceQuery { uuid: id(1) });
    assert_eq!(reply, Ok(CommandReply::Services(heartbeats)));
}

#[test]
fn an_unknown_instance_is_not_found() {
    let mut controller = Controller::with_host();
    let (uuid, hostname) = (id(1), host_name(1));
    let action = protocol::channel::EventType::Stop;
    for command in [
        VimCommand::InstanceQuery { uuid },
        VimCommand::InstanceDelete { uuid },
        VimCommand::Vote { uuid, hostname: hostname.clone(), action },
        VimCommand::Notify { uuid, hostname, action },
    ] {
        assert_eq!(controller.ask(command), Err(RestError::NOT_FOUND));
    }
    assert_eq!(controller.agent.counters().refused_commands, 4);
}

#[test]
fn another_hostname_moves_an_instance_it_is_deleted_there_and_added_here() {
    for with_create in [false, true] {
        let mut controller = Controller::with_instance();
        controller.add_host(2, true);
        let mut controller = controller.settled();
        if with_create {
            create(&mut controller, 1, 2).unwrap();
        } else {
            controller.set(1, 2, true).unwrap();
        }
        assert_eq!(controller.changes(1), ["delete 1"]);
        assert_eq!(controller.changes(2), ["add 1 enabled"]);
        assert_eq!(controller.events(), ["1 silent"]);
        let last = String::from_utf8(controller.vim.taken.pop().unwrap().body()).unwrap();
        assert!(last.contains("host-2"), "{last}");
    }
}

#[test]
fn what_the_vim_says_twice_is_told_once() {
    let mut controller = Controller::with_instance();
    controller.set(1, 1, true).unwrap();
    assert_eq!(controller.changes(1), [""; 0]);
    controller.set(1, 1, false).unwrap();
    controller.set(1, 1, false).unwrap();
    assert_eq!(controller.changes(1), ["modify 1 disabled"]);
}

#[test]
fn a_deleted_instance_is_deleted_on_its_host_and_unknown_afterwards() {
    let mut controller = Controller::with_instance();
    assert_eq!(controller.delete(1), Ok(CommandReply::Deleted));
    assert_eq!(controller.changes(1), ["delete 1"]);
    assert_eq!(controller.delete(1), Err(RestError::NOT_FOUND));
    controller.run(secs(60));
    assert_eq!(controller.events(), [""; 0]);
}
