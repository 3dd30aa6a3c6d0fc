//! Servers of the field, which must not be told what they do not survive.

use protocol::datagram::{Event, InstanceInfo};

use super::controller::{Controller, secs};

/// A host with a peer and more instances than it survives.
fn crowded() -> Controller {
    let mut controller = Controller::new();
    controller.add_host(1, false);
    for number in 1..=150 {
        controller.vim.instances.insert(number, (1, true));
    }
    controller.run(secs(5));
    controller
}

fn held(controller: &Controller) -> Vec<u64> {
    let known = controller.known();
    known.into_iter().filter(|n| !controller.servers[&1].instances.contains_key(n)).collect()
}

#[test]
fn a_server_that_is_not_known_to_be_ours_gets_at_most_100_instances() {
    let mut controller = crowded();
    assert_eq!(controller.known().len(), 150);
    assert_eq!(controller.servers[&1].instances.len(), 100);
    assert_eq!(controller.agent.counters().held_from_peers, 50);
    controller.run(secs(600));
    assert_eq!(controller.servers[&1].instances.len(), 100);
    assert_eq!(controller.agent.counters().held_from_peers, 50, "counted once");
    assert!(controller.notes.iter().any(|note| note.contains("does not survive more")));
}

#[test]
fn one_that_was_held_takes_the_place_of_one_that_is_deleted() {
    let mut controller = crowded();
    controller.delete(7).unwrap();
    controller.run(secs(30));
    assert_eq!(controller.servers[&1].instances.len(), 100);
    assert_eq!(held(&controller).len(), 49);
}

#[test]
fn one_whose_deletion_was_lost_keeps_its_place_until_it_is_gone() {
    let mut controller = crowded();
    controller.loss = 100;
    controller.delete(7).unwrap();
    controller.loss = 0;
    controller.set(151, 1, true).unwrap();
    assert_eq!(controller.servers[&1].instances.len(), 100, "it would have been number 101");
    controller.run(secs(40));
    assert!(!controller.servers[&1].instances.contains_key(&7));
    assert_eq!(controller.servers[&1].instances.len(), 100);
}

#[test]
fn what_a_peer_has_known_since_before_the_agent_started_keeps_its_place_until_it_is_gone() {
    let mut controller = crowded();
    let stale = controller.servers[&1].instances.keys().copied().take(60).collect::<Vec<u64>>();
    controller.restart_agent();
    controller.vim.instances.retain(|number, _| !stale.contains(number));
    for number in 201..=220 {
        controller.vim.instances.insert(number, (1, true));
    }
    controller.add_host_again(1);
    controller.run(secs(60));
    let server = &controller.servers[&1];
    assert!(stale.iter().all(|number| !server.instances.contains_key(number)));
    assert_eq!(server.instances.len(), 100, "of 110 that live there");
}

#[test]
fn a_peer_that_restarts_unnoticed_gives_all_places_back() {
    let mut controller = crowded();
    controller.loss = 100;
    (1..=150).for_each(|number| drop(controller.delete(number)));
    controller.servers.get_mut(&1).unwrap().restart();
    (201..=250).for_each(|number| drop(controller.set(number, 1, true)));
    controller.loss = 0;
    controller.run(secs(60));
    assert_eq!(controller.servers[&1].instances.len(), 50);
}

#[test]
fn strangers_without_end_take_no_memory() {
    let mut controller = crowded();
    let before = controller.agent.entries();
    for number in 1000..5000 {
        let info = controller.servers[&1].info(number);
        controller.event(1, &Event::QueryResponse(info));
    }
    assert!(controller.agent.entries() <= before, "{before} {}", controller.agent.entries());
}

#[test]
fn a_server_of_our_kind_gets_the_rest_when_it_shows_itself() {
    let mut controller = crowded().settled();
    controller.servers.get_mut(&1).unwrap().is_ours = true;
    controller.run(secs(10));
    assert_eq!(controller.servers[&1].instances.len(), 150);
    assert_eq!(controller.changes(1).len(), 50, "and nothing twice");
}

#[test]
fn a_peer_that_takes_the_place_of_our_server_gets_at_most_100_of_its_instances() {
    let mut controller = Controller::with_instance();
    for number in 2..=150 {
        controller.set(number, 1, true).unwrap();
    }
    assert_eq!(controller.servers[&1].instances.len(), 150);
    let server = controller.servers.get_mut(&1).unwrap();
    server.restart();
    server.is_ours = false;
    let ready = server.ready();
    controller.event(1, &ready);
    controller.run(secs(60));
    assert_eq!(controller.servers[&1].instances.len(), 100);
    assert_eq!(held(&controller).len(), 50);
}

#[test]
fn a_restarted_peer_gets_no_more_than_before() {
    let mut controller = crowded();
    for _ in 0..3 {
        let server = controller.servers.get_mut(&1).unwrap();
        server.restart();
        let ready = server.ready();
        controller.event(1, &ready);
        controller.run(secs(30));
        assert_eq!(controller.servers[&1].instances.len(), 100);
    }
}

#[test]
fn the_audit_does_not_stop_a_peers_heartbeats() {
    let mut controller = crowded();
    for number in 1..=100 {
        let on = number % 2 == 0;
        controller.set(number, 1, on).unwrap();
        controller.heartbeat(1, number, true);
    }
    controller.loss = 50;
    controller.run(secs(600));
    controller.loss = 0;
    controller.run(secs(20));
    assert_eq!(controller.servers[&1].disturbed, 0);
    assert_eq!(controller.agent.instances().filter(|view| view.heartbeating).count(), 100);
}

#[test]
fn a_restart_of_the_agent_does_not_stop_a_peers_heartbeats() {
    let mut controller = Controller::with_instance_on_peer();
    controller.restart_agent();
    controller.add_host_again(1);
    controller.run(secs(60));
    assert_eq!(controller.servers[&1].disturbed, 0);
    assert!(controller.heartbeats(1));
    let changes = controller.changes(1);
    assert!(changes.iter().all(|change| change.ends_with("1 enabled")), "{changes:?}");
}

#[test]
fn what_a_peer_found_itself_counts_as_told() {
    let mut controller = Controller::with_instance();
    for number in 2..=150 {
        controller.set(number, 1, true).unwrap();
    }
    let mut controller = controller.settled();
    let server = controller.servers.get_mut(&1).unwrap();
    server.is_ours = false;
    server.instances.retain(|number, _| *number > 50);
    controller.run(secs(60));
    assert_eq!(controller.servers[&1].instances.len(), 100);
    assert_eq!(held(&controller), (1..=50).collect::<Vec<u64>>());
}

#[test]
fn a_mark_is_believed_whatever_the_event() {
    let mut controller = crowded();
    let mut bytes = Vec::new();
    let info = InstanceInfo { reporting: true.into(), ..controller.servers[&1].info(1) };
    Event::Stopped(info).encode_marked(None, &mut bytes);
    controller.servers.get_mut(&1).unwrap().is_ours = true;
    controller.datagram(1, &bytes);
    assert_eq!(controller.servers[&1].instances.len(), 150);
}
