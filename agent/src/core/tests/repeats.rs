//! Events that a server of our kind repeats until they are acknowledged.

use protocol::channel::{CorrectiveAction, EventType, NotificationType, VoteResult};
use protocol::datagram::{Event, EventId, MaintenanceCommand};

use super::super::hosts::Hosts;
use super::super::policy::FORMER_HOSTS_MAX;
use super::controller::{Controller, entry, host_id, host_name, secs};

#[test]
fn every_copy_is_acknowledged_and_one_is_handed_on() {
    let mut controller = Controller::with_instance();
    let server = &controller.servers[&1];
    let (loss, ill) = (server.loss(1), server.ill(1, CorrectiveAction::Stop));
    for (event, text) in [(ill, "1 unhealthy: stop"), (loss, "1 failed: reboot")] {
        let bytes = controller.encode(1, &event);
        for _ in 0..5 {
            controller.datagram(1, &bytes);
            controller.run(secs(1));
        }
        let acknowledged = controller.acknowledged();
        assert_eq!(acknowledged.len(), 5);
        assert!(acknowledged.iter().all(|ack| *ack == acknowledged[0]));
        let events = controller.events();
        assert_eq!(events.iter().filter(|event| *event == text).count(), 1, "{events:?}");
    }
    assert_eq!(controller.agent.counters().repeated_events, 8);
}

#[test]
fn a_repeated_answer_is_handed_on_once() {
    let mut controller = Controller::with_instance();
    controller.vote(1, EventType::Stop);
    let asked = (EventType::Stop, NotificationType::Revocable);
    let answer = controller.servers[&1].answer(1, asked, VoteResult::Accept, "");
    let bytes = controller.encode(1, &answer);
    controller.datagram(1, &bytes);
    controller.vote(1, EventType::Stop);
    controller.datagram(1, &bytes);
    assert_eq!(controller.events(), ["1 stop: allow"], "the copy is no answer to the second vote");
    assert_eq!(controller.acknowledged().len(), 2);
}

#[test]
fn a_second_loss_is_another_event() {
    let mut controller = Controller::with_instance();
    for _ in 0..2 {
        controller.heartbeat(1, 1, true);
        controller.lose(1, 1);
    }
    let events = controller.events();
    assert_eq!(events.iter().filter(|event| *event == "1 failed: reboot").count(), 2);
    assert_eq!(controller.acknowledged(), [u32::MAX, 0].map(|id| (1, EventId(id))));
}

#[test]
fn the_same_id_of_another_host_is_another_event() {
    let mut controller = Controller::with_instance();
    controller.add_host(2, true);
    let mut controller = controller.settled();
    controller.set(2, 2, true).unwrap();
    for (host, number) in [(1, 1), (2, 2)] {
        controller.lose(host, number);
    }
    let acknowledged = controller.acknowledged();
    assert_eq!(acknowledged[0].1, acknowledged[1].1);
    let events = controller.events();
    assert_eq!(events, ["1 silent", "1 failed: reboot", "2 silent", "2 failed: reboot"]);
}

#[test]
fn a_peers_event_has_no_id_and_is_not_acknowledged() {
    let mut controller = Controller::with_instance_on_peer();
    controller.lose(1, 1);
    assert_eq!(controller.acknowledged(), []);
    assert_eq!(controller.events(), ["1 silent", "1 failed: reboot"]);
}

#[test]
fn ten_thousand_instances_that_are_lost_at_once_are_each_handed_on_once() {
    const ALL: u64 = 10_000;
    let mut controller = Controller::with_host();
    controller.event(1, &controller.servers[&1].ready());
    for number in 1..=ALL {
        controller.set(number, 1, true).unwrap();
    }
    controller.forget();
    let losses: Vec<Vec<u8>> = (1..=ALL)
        .map(|number| {
            let loss = controller.servers[&1].loss(number);
            controller.encode(1, &loss)
        })
        .collect();
    controller.loss = 50;
    for _ in 0..30 {
        for loss in &losses {
            controller.datagram(1, loss);
        }
    }
    let events = controller.events();
    let alarms: std::collections::BTreeSet<&String> =
        events.iter().filter(|event| event.contains("failed")).collect();
    assert_eq!(alarms.len(), usize::try_from(ALL).unwrap());
    assert_eq!(events.iter().filter(|event| event.contains("failed")).count(), alarms.len());
}

#[test]
fn what_was_handed_on_is_not_forgotten_with_the_next_events() {
    let mut controller = Controller::with_instance();
    let loss = controller.servers[&1].loss(1);
    let first = controller.encode(1, &loss);
    controller.datagram(1, &first);
    for _ in 0..5000 {
        controller.event(1, &Event::IllHealth(controller.servers[&1].info(1)));
    }
    controller.forget();
    controller.datagram(1, &first);
    assert_eq!(controller.events(), [""; 0]);
}

#[test]
fn a_loss_that_comes_again_after_its_host_was_deleted_and_added_is_handed_on_once() {
    let mut controller = Controller::with_instance();
    let loss = controller.servers[&1].loss(1);
    let bytes = controller.encode(1, &loss);
    controller.datagram(1, &bytes);
    let (uuid, hostname) = (host_id(1), host_name(1));
    controller.maintenance(&MaintenanceCommand::DeleteHost { uuid, hostname });
    controller.add_host_again(1);
    controller.run(secs(30));
    controller.datagram(1, &bytes);
    controller.run(secs(1));
    let events = controller.events();
    let losses = events.iter().filter(|event| *event == "1 failed: reboot");
    assert_eq!(losses.count(), 1, "{events:?}");
    assert_eq!(controller.acknowledged().len(), 2);
}

#[test]
fn what_came_from_hosts_long_deleted_is_forgotten() {
    let mut hosts = Hosts::default();
    for number in 0..2 * FORMER_HOSTS_MAX as u64 {
        let (key, _) = hosts.put(entry(number));
        assert!(hosts.get_mut(key).unwrap().seen.is_first(7));
        hosts.remove(key);
    }
    let mut knows = |number| {
        let (key, _) = hosts.put(entry(number));
        !hosts.get_mut(key).unwrap().seen.is_first(7)
    };
    assert!(knows(FORMER_HOSTS_MAX as u64) && !knows(FORMER_HOSTS_MAX as u64 - 1));
}
