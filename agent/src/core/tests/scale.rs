//! A thousand hosts with a hundred instances each, and hosts with ten thousand: the work stays
//! proportional. What is counted here is work, not time; work that grows with the square of these
//! numbers makes these tests take minutes.

use super::controller::{Controller, Mood, entry, secs};

const HOSTS: u64 = 1000;
const EACH: u64 = 100;

fn large() -> Controller {
    let mut controller = Controller::new();
    for host in 1..=HOSTS {
        controller.add_host(host, true);
    }
    for number in 0..HOSTS * EACH {
        controller.vim.instances.insert(number, (1 + number / EACH, true));
    }
    controller
}

#[test]
fn one_round_of_the_audit_is_two_commands_a_host_and_nothing_for_the_vim() {
    let mut controller = Controller::new();
    for host in 1..=HOSTS {
        controller.add_host(host, true);
    }
    controller.run(secs(3));
    for number in 0..HOSTS * EACH {
        controller.set(number, 1 + number / EACH, true).unwrap();
    }
    let mut controller = controller.settled();
    let before = controller.agent.counters().clone();
    controller.run(secs(10));
    let after = controller.agent.counters();
    assert_eq!(after.audits - before.audits, HOSTS);
    assert_eq!(after.events - before.events, HOSTS * EACH, "one answer for each instance");
    assert_eq!(after.audit_corrections, before.audit_corrections);
    let commands: usize = (1..=HOSTS).map(|host| controller.commands(host).len()).sum();
    assert_eq!(commands, usize::try_from(2 * HOSTS).unwrap());
    assert_eq!(controller.attempts(), []);
}

#[test]
fn all_of_it_is_known_again_after_a_start() {
    let mut controller = large();
    controller.run(secs(3));
    assert_eq!(controller.agent.instances().count(), usize::try_from(HOSTS * EACH).unwrap());
    assert_eq!(controller.questions().len(), usize::try_from(2 * HOSTS).unwrap());
}

#[test]
fn an_inventory_that_is_told_again_is_no_work_for_anyone() {
    let mut controller = Controller::new();
    for _ in 0..10 {
        for host in 1..=HOSTS {
            controller.tell_host(entry(host));
        }
    }
    assert_eq!(controller.agent.hosts().count(), usize::try_from(HOSTS).unwrap());
    assert!(controller.notes.len() <= 50);
}

#[test]
fn ten_thousand_instances_on_one_peer_are_held_back_without_a_scan_for_each() {
    let mut controller = Controller::new();
    controller.add_host(1, false);
    for number in 0..10_000 {
        controller.vim.instances.insert(number, (1, true));
    }
    controller.run(secs(600));
    assert_eq!(controller.servers[&1].instances.len(), 100);
    controller.servers.get_mut(&1).unwrap().is_ours = true;
    controller.run(secs(20));
    assert_eq!(controller.servers[&1].instances.len(), 10_000);
    let ready = controller.servers[&1].ready();
    controller.forget();
    controller.event(1, &ready);
    assert_eq!(controller.changes(1).len(), 10_000);
}

#[test]
fn a_hundred_thousand_events_for_a_vim_that_is_away_are_superseded_and_delivered() {
    let mut controller = large();
    controller.vim.mood = Mood::Well;
    controller.run(secs(3));
    controller.vim.mood = Mood::Away;
    for on in [true, false, true] {
        for number in 0..HOSTS * EACH {
            controller.heartbeat(1 + number / EACH, number, on);
        }
        assert_eq!(controller.agent.waiting(), usize::try_from(HOSTS * EACH).unwrap());
    }
    controller.forget();
    controller.vim.mood = Mood::Well;
    controller.run(secs(31));
    assert_eq!(controller.agent.waiting(), 0);
    assert_eq!(controller.events().len(), usize::try_from(HOSTS * EACH).unwrap());
}
