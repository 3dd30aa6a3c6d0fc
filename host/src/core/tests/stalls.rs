//! A host that runs late must not blame its guests, nor forget the dead ones.

use proptest::collection::vec;
use proptest::prelude::*;

use protocol::datagram::Switch;

use super::host::{Answers, Host, ms, secs, since};

#[test]
fn a_stalled_host_never_loses_a_guest_that_answers() {
    for stall in [201, 250, 399, 700, 1000, 1999, 2000, 2001, 10_000, 3_600_000] {
        for phase in [0, 1, 300, 500, 999] {
            let mut host = Host::with_heartbeat();
            host.answer_after(1, ms(30));
            host.run(secs(3) + ms(phase));
            host.stall(ms(stall));
            host.run(secs(5));
            assert_eq!(host.events(), [""; 0], "late by {stall} ms at {phase} ms");
        }
    }
}

#[test]
fn answers_lost_in_a_stall_are_not_misses() {
    let mut host = Host::with_heartbeat();
    host.run(secs(3));
    host.answer(1, Answers::Never);
    host.run(secs(1));
    host.stall(ms(1500));
    assert_eq!(host.server.counters().misses, 0, "late by 500 ms: not judged");
    assert_eq!(host.server.counters().stalls, 1);
    host.answer(1, Answers::Healthy);
    host.run(secs(10));
    assert_eq!(host.events(), [""; 0]);
}

#[test]
fn a_stall_in_the_middle_of_an_interval_excuses_it_though_its_end_is_on_time() {
    let mut host = Host::managed();
    for number in [1, 2] {
        host.name(number, Switch::Enabled);
        host.boot(number);
        host.run(ms(500));
    }
    host.answer(2, Answers::Never);
    host.run(ms(900));
    let sent = host.sent();
    let due = |number| sent.iter().rfind(|sent| sent.number == number).unwrap().at + secs(1);
    let (first, second) = (due(1), due(2));
    assert!(since(second, first) > ms(400), "the stall fits in between");
    host.stall(since(first, host.time()) + ms(300));
    host.answer(2, Answers::Healthy);
    host.run(since(second, host.time()));
    assert_eq!(host.server.counters().stalls, 1);
    assert_eq!(host.server.counters().misses, 0);
}

#[test]
fn a_wake_up_late_by_200_ms_is_judged_and_a_later_one_is_not() {
    for (late, misses) in [(200, 1), (201, 0)] {
        let mut host = Host::with_heartbeat();
        host.answer(1, Answers::Never);
        host.run(secs(1));
        let due = host.sent().last().unwrap().at + secs(1);
        host.stall(since(due, host.time()) + ms(late));
        assert_eq!(host.server.counters().misses, misses, "late by {late} ms");
    }
}

#[test]
fn intervals_that_a_stall_covered_are_skipped_and_counted() {
    let mut host = Host::with_heartbeat();
    host.run(secs(3));
    host.forget();
    host.stall(secs(10));
    assert_eq!(host.sent().len(), 1, "one challenge, not ten");
    assert!((8..=10).contains(&host.server.counters().skipped_intervals));
}

#[test]
fn a_guest_that_died_during_a_stall_is_lost_soon_after_it() {
    let mut host = Host::with_heartbeat();
    host.run(secs(3));
    host.answer(1, Answers::Never);
    host.stall(secs(30));
    host.forget();
    host.run(secs(4));
    assert_eq!(host.events(), ["1 stopped", "1 lost"]);
}

#[test]
fn a_host_that_is_always_late_still_finds_its_dead_guests_and_no_others() {
    let mut host = Host::managed();
    for number in [1, 2] {
        host.name(number, Switch::Enabled);
        host.boot(number);
        host.answer_after(number, ms(30));
    }
    host.run(secs(3));
    host.answer(1, Answers::Never);
    host.forget();
    for _ in 0..60 {
        host.stall(ms(1300));
    }
    assert_eq!(host.events(), ["1 stopped", "1 lost"]);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..Default::default() })]

    #[test]
    fn whatever_stalls_a_guest_that_answers_is_never_lost(
        delay in 0..350_u64,
        times in vec((any::<bool>(), 0..3000_u64), 1..100),
    ) {
        let mut host = Host::managed();
        for number in 1..=5 {
            host.name(number, Switch::Enabled);
            host.boot(number);
            host.answer_after(number, ms(delay));
            host.run(ms(delay));
        }
        host.forget();
        for (stalls, time) in times {
            if stalls { host.stall(ms(time)) } else { host.run(ms(time)) }
        }
        prop_assert_eq!(host.events(), Vec::<String>::new());
    }
}

#[test]
fn a_stall_without_any_guest_is_harmless() {
    let mut host = Host::managed();
    for _ in 0..10 {
        host.stall(secs(1000));
    }
    assert_eq!(host.scans, 1 + 10);
}
