//! The bound of the queue.

use protocol::channel::{CorrectiveAction, LogMsg};
use protocol::vim::{GuestResponse, VimEvent};

use super::super::policy::QUEUE_MAX;
use super::super::queue::Queue;
use super::controller::{Controller, Mood, host_name, id, secs};

fn status(number: u64) -> VimEvent {
    VimEvent::Status {
        uuid: id(number),
        hostname: host_name(1),
        reporting: true.into(),
        heartbeating: true.into(),
        restart_timeout_secs: 1,
    }
}

fn answer(number: u64) -> VimEvent {
    VimEvent::Answer {
        uuid: id(number),
        action: protocol::channel::EventType::Stop,
        response: GuestResponse::Allow,
        reason: LogMsg::default(),
    }
}

fn full() -> Queue {
    let mut queue = Queue::default();
    queue.push(answer(1));
    queue.push(status(2));
    queue.push(answer(3));
    queue.push(status(4));
    while queue.len() < QUEUE_MAX {
        assert_eq!(queue.push(answer(5)), None);
    }
    queue
}

#[test]
fn a_full_queue_drops_the_oldest_status_first() {
    let mut queue = full();
    assert_eq!(queue.push(answer(6)), Some(status(2)));
    assert_eq!(queue.push(status(7)), Some(status(4)));
    assert_eq!(queue.push(answer(8)), Some(status(7)));
    assert_eq!(queue.push(answer(9)), Some(answer(1)), "and only then the oldest of the others");
    assert_eq!(queue.push(status(10)), Some(status(10)), "a status never instead of an alarm");
    assert_eq!(queue.len(), QUEUE_MAX);
}

#[test]
fn a_newer_status_needs_no_room() {
    let mut queue = full();
    assert_eq!(queue.push(status(2)), None);
    assert_eq!(queue.push(answer(6)), Some(status(4)), "it is the youngest now");
}

#[test]
fn an_empty_queue_holds_nothing_back() {
    let mut queue = full();
    for number in [1, 2, 3, 4, 5] {
        queue.forget(id(number));
    }
    assert_eq!(queue.len(), 0);
    assert_eq!(format!("{queue:?}").matches("-4000-").count(), 0);
}

#[test]
fn an_alarm_does_not_wait_behind_the_statuses_of_others_nor_they_behind_alarms() {
    let mut queue = Queue::default();
    (1..=4).for_each(|number| assert_eq!(queue.push(status(number)), None));
    (5..=6).for_each(|number| assert_eq!(queue.push(answer(number)), None));
    assert_eq!(
        drained(&mut queue),
        [answer(5), status(1), answer(6), status(2), status(3), status(4)]
    );
}

#[test]
fn of_one_instance_the_older_goes_first_and_alarms_keep_their_order() {
    let mut queue = Queue::default();
    for event in [answer(1), answer(2), status(2), status(3), answer(3)] {
        queue.push(event);
    }
    let expected = [answer(1), answer(2), status(2), status(3), answer(3)];
    assert_eq!(drained(&mut queue), expected);
}

#[test]
fn an_instance_that_is_held_lets_the_others_pass_and_keeps_its_order() {
    let mut queue = Queue::default();
    for event in [answer(1), status(1), answer(2), answer(1), status(3)] {
        queue.push(event);
    }
    queue.hold(id(1));
    queue.push(status(1));
    queue.push(answer(1));
    queue.check();
    assert_eq!(drained(&mut queue), [answer(2), status(3)]);
    queue.release(id(1));
    queue.check();
    assert_eq!(drained(&mut queue), [answer(1), answer(1), status(1), answer(1)]);
}

#[test]
fn what_is_held_is_dropped_like_the_rest() {
    let mut queue = full();
    (1..=5).for_each(|number| queue.hold(id(number)));
    assert_eq!(queue.push(answer(6)), Some(status(2)));
    assert_eq!(queue.push(answer(6)), Some(status(4)));
    assert_eq!(queue.push(answer(6)), Some(answer(1)));
    queue.check();
    queue.forget(id(5));
    queue.push(answer(5));
    assert_eq!(drained(&mut queue).last(), Some(&answer(5)), "a new one of that name is not held");
}

/// All events in the order in which they go, in turns.
fn drained(queue: &mut Queue) -> Vec<VimEvent> {
    let (mut all, mut was_urgent) = (Vec::new(), false);
    while let Some((ticket, waiting)) = queue.first(was_urgent) {
        was_urgent = !matches!(waiting.event, VimEvent::Status { .. });
        all.extend(queue.remove(ticket).map(|waiting| waiting.event));
        queue.check();
    }
    all
}

#[test]
fn a_dropped_status_is_counted_and_told_by_the_audit_later() {
    let mut controller = Controller::with_instance();
    controller.vim.mood = Mood::Away;
    controller.heartbeat(1, 1, false);
    for number in 0..QUEUE_MAX + 10 {
        if number == QUEUE_MAX - 1 {
            controller.run(secs(1));
        }
        let ill = controller.servers[&1].ill(1, CorrectiveAction::Log);
        controller.event(1, &ill);
    }
    assert_eq!(controller.agent.waiting(), QUEUE_MAX);
    assert_eq!(controller.agent.counters().dropped_events, 11);
    assert!(controller.notes.iter().any(|note| note.contains("too many events")));
    controller.forget();
    controller.vim.mood = Mood::Well;
    controller.run(secs(40));
    let events = controller.events();
    assert_eq!(events.len(), QUEUE_MAX + 1);
    assert!(!controller.vim.heartbeating[&1]);
}
