//! Every view comes to agree with the truth: after a restart, and when datagrams get lost.

use protocol::channel::CorrectiveAction;
use protocol::vim::VimCommand;

use super::controller::{Controller, Known, Mood, host_id, host_name, secs};

/// Two rounds of the audit.
const TWO_ROUNDS: u64 = 20;

/// Whether agent, VIM and servers agree about every instance.
fn agree(controller: &Controller) -> Result<(), String> {
    for (number, (host, reporting)) in &controller.vim.instances {
        let Some(known) = controller.servers[host].instances.get(number) else {
            return Err(format!("{number} is unknown on {host}"));
        };
        let told = controller.vim.heartbeating.get(number).copied().unwrap_or(false);
        if told != known.heartbeating || controller.heartbeats(*number) != known.heartbeating {
            return Err(format!("{number}: VIM thinks {told}, server {known:?}"));
        }
        if known.reporting != *reporting {
            return Err(format!("{number}: reporting {reporting}, server {known:?}"));
        }
    }
    for (host, server) in &controller.servers {
        let on_host = |number: &u64| controller.vim.instances.get(number).map(|(h, _)| h);
        if let Some(stranger) = server.instances.keys().find(|n| on_host(n) != Some(host)) {
            return Err(format!("{stranger} is still on {host}"));
        }
    }
    Ok(())
}

/// Two hosts, one of each kind, with ten instances each; every second heartbeats.
fn populated() -> Controller {
    let mut controller = Controller::new();
    controller.add_host(1, true);
    controller.add_host(2, false);
    for number in 1..=20 {
        controller.vim.instances.insert(number, (1 + number % 2, number % 3 > 0));
    }
    controller.run(secs(3));
    for number in 1..=20 {
        controller.heartbeat(1 + number % 2, number, number % 4 > 1);
    }
    controller.settled()
}

#[test]
fn after_a_restart_of_the_agent_the_vims_view_is_true_within_two_rounds() {
    let mut controller = populated();
    assert_eq!(agree(&controller), Ok(()));
    for server in controller.servers.values_mut() {
        for known in server.instances.values_mut() {
            known.heartbeating = !known.heartbeating;
        }
    }
    controller.restart_agent();
    controller.add_host_again(1);
    controller.add_host_again(2);
    controller.run(secs(2 + TWO_ROUNDS));
    assert_eq!(agree(&controller), Ok(()));
    assert_eq!(controller.servers[&2].disturbed, 0, "no heartbeat was stopped for it");
}

#[test]
fn after_a_restart_of_a_server_all_agree_within_two_rounds() {
    for heard in [true, false] {
        let mut controller = populated();
        for host in 1..=2 {
            let server = controller.servers.get_mut(&host).unwrap();
            server.restart();
            let ready = server.ready();
            if heard {
                controller.event(host, &ready);
            }
        }
        controller.run(secs(TWO_ROUNDS));
        assert_eq!(agree(&controller), Ok(()), "ready was heard: {heard}");
    }
}

#[test]
fn a_change_that_no_server_heard_of_reaches_it_within_two_rounds() {
    let mut controller = populated();
    controller.loss = 100;
    for (number, host, on) in [(1, 2, false), (2, 2, true), (3, 1, true), (30, 1, true)] {
        controller.set(number, host, on).unwrap();
        controller.vim.instances.insert(number, (host, on));
    }
    for number in [4, 5] {
        controller.delete(number).unwrap();
        controller.vim.instances.remove(&number);
    }
    controller.loss = 0;
    controller.run(secs(TWO_ROUNDS));
    assert_eq!(agree(&controller), Ok(()));
}

#[test]
fn the_last_instance_of_a_host_is_deleted_there_even_if_the_deletion_gets_lost() {
    for is_moved in [false, true] {
        let mut controller = Controller::with_instance();
        controller.add_host(2, true);
        let mut controller = controller.settled();
        controller.loss = 100;
        if is_moved {
            controller.set(1, 2, true).unwrap();
            controller.vim.instances.insert(1, (2, true));
        } else {
            controller.delete(1).unwrap();
            controller.vim.instances.clear();
        }
        controller.loss = 0;
        controller.run(secs(TWO_ROUNDS));
        assert_eq!(agree(&controller), Ok(()));
        controller.run(secs(60));
        controller.forget();
        controller.run(secs(60));
        assert_eq!(controller.commands(1), [""; 0], "an empty host is left alone then");
    }
}

#[test]
fn a_heartbeat_that_begins_or_ends_unheard_is_found_within_two_rounds() {
    let mut controller = populated();
    for server in controller.servers.values_mut() {
        for known in server.instances.values_mut() {
            known.heartbeating = !known.heartbeating;
        }
    }
    controller.run(secs(TWO_ROUNDS));
    assert_eq!(agree(&controller), Ok(()));
}

#[test]
fn with_half_of_all_datagrams_lost_all_agree_in_the_end() {
    let mut controller = populated();
    controller.loss = 50;
    for round in 0..50 {
        let number = controller.chance.u64(1..=20);
        let (host, on) = (controller.chance.u64(1..=2), controller.chance.bool());
        controller.set(number, host, on).unwrap();
        controller.vim.instances.insert(number, (host, on));
        if let Some(known) = controller.servers.get_mut(&host).unwrap().instances.get_mut(&number) {
            known.heartbeating = round % 2 == 0;
        }
        controller.run(secs(3));
    }
    controller.loss = 0;
    controller.run(secs(TWO_ROUNDS));
    assert_eq!(agree(&controller), Ok(()));
}

#[test]
fn a_status_that_the_vim_refuses_is_told_again_by_the_audit() {
    for status in [400, 500] {
        let mut controller = Controller::with_instance();
        controller.vim.mood = Mood::Status(status);
        controller.heartbeat(1, 1, false);
        controller.run(secs(30));
        controller.vim.mood = Mood::Well;
        controller.run(secs(TWO_ROUNDS));
        assert_eq!(agree(&controller), Ok(()), "{status}");
    }
}

#[test]
fn a_disabled_host_that_is_enabled_again_is_audited_again() {
    let mut controller = populated();
    let (uuid, hostname) = (host_id(1), host_name(1));
    controller.ask(VimCommand::HostDisable { uuid, hostname: hostname.clone() }).unwrap();
    for known in controller.servers.get_mut(&1).unwrap().instances.values_mut() {
        *known = Known { heartbeating: !known.heartbeating, ..*known };
    }
    controller.run(secs(60));
    controller.forget();
    controller.run(secs(60));
    assert_eq!(controller.commands(1), [""; 0]);
    controller.ask(VimCommand::HostEnable { uuid, hostname }).unwrap();
    controller.run(secs(TWO_ROUNDS));
    assert_eq!(agree(&controller), Ok(()));
}

#[test]
fn a_failure_that_comes_before_the_vims_view_was_read_is_taken_when_it_is_repeated() {
    let mut controller = populated();
    controller.heartbeat(1, 4, true);
    controller.restart_agent();
    controller.add_host_again(1);
    controller.forget();
    let server = &controller.servers[&1];
    let (stopped, ill) = (server.info(4), server.ill(4, CorrectiveAction::Log));
    let (loss, ill) = (controller.servers[&1].loss(4), controller.encode(1, &ill));
    let loss = controller.encode(1, &loss);
    controller.datagram(1, &loss);
    controller.datagram(1, &ill);
    assert_eq!(controller.acknowledged(), [], "so the server repeats them");
    assert_eq!(controller.agent.counters().early_events, 2);
    controller.run(secs(4));
    controller.event(1, &protocol::datagram::Event::Stopped(stopped));
    controller.datagram(1, &loss);
    controller.datagram(1, &loss);
    controller.datagram(1, &ill);
    assert_eq!(controller.acknowledged().len(), 3);
    controller.run(secs(1));
    let alarms =
        controller.events().into_iter().filter(|e| e.starts_with("4 ")).collect::<Vec<_>>();
    assert!(
        alarms.ends_with(&["4 failed: reboot".into(), "4 unhealthy: log".into()]),
        "{alarms:?}"
    );
}
