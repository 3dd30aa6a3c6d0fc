//! Guests that fall silent: rule 5, reporting, `start_delay`.

use protocol::channel::{GuestMessage, HostMessage, Init};
use protocol::datagram::{Command, Switch};

use super::super::{InstanceState, Policy};
use super::guest;
use super::host::{Answers, Host, ms, secs, since};

#[test]
fn one_miss_is_forgiven() {
    let mut host = Host::with_heartbeat();
    for _ in 0..10 {
        host.run(secs(1));
        host.answer(1, Answers::Never);
        host.run(secs(1));
        host.answer(1, Answers::Healthy);
    }
    host.run(secs(10));
    assert_eq!(host.server.counters().misses, 10);
    assert_eq!(host.events(), [""; 0]);
}

#[test]
fn a_miss_is_followed_by_a_new_challenge() {
    let mut host = Host::with_heartbeat();
    host.answer(1, Answers::Never);
    host.run(ms(2500));
    let messages = host.messages();
    let [HostMessage::Challenge { heartbeat_challenge: one }, again] = &messages[..2] else {
        panic!("{messages:?}");
    };
    let HostMessage::Challenge { heartbeat_challenge: two } = again else {
        panic!("{again:?}");
    };
    assert_ne!(one, two);
}

#[test]
fn a_loss_comes_two_intervals_after_the_first_unanswered_challenge() {
    for interval_ms in [400, 1000, 2345, 60_000] {
        let mut host = Host::managed();
        host.name(1, Switch::Enabled);
        host.appear(1);
        host.answer(1, Answers::Healthy);
        let init = Init { heartbeat_interval_ms: interval_ms, ..guest::init() };
        host.say(1, &GuestMessage::Init(init));
        host.run(ms(u64::from(interval_ms) * 5));
        host.forget();
        host.answer(1, Answers::Never);
        host.run(ms(u64::from(interval_ms) * 4));
        let first = host.sent()[0].at;
        let lost = first + 2 * ms(interval_ms.into());
        let expected = [(lost, "1 stopped".to_owned()), (lost, "1 lost".to_owned())];
        assert_eq!(host.timed_events(), expected);
    }
}

#[test]
fn a_dead_guest_is_lost_within_three_intervals_whenever_it_dies() {
    for offset in 0..40 {
        let mut host = Host::with_heartbeat();
        host.run(secs(3) + ms(offset * 25));
        let died = host.time();
        host.answer(1, Answers::Never);
        host.run(secs(10));
        let events = host.timed_events();
        assert_eq!(events[1].1, "1 lost");
        let after = since(events[1].0, died);
        assert!((secs(2)..=secs(3)).contains(&after), "{after:?}");
    }
}

#[test]
fn the_threshold_is_the_number_of_misses_that_are_forgiven() {
    for failure_threshold in 0..5 {
        let policy = Policy { failure_threshold, ..Policy::default() };
        let mut host = Host::with_policy(policy).agreed();
        host.name(1, Switch::Enabled);
        host.boot(1);
        host.run(secs(5));
        host.forget();
        host.answer(1, Answers::Never);
        host.run(secs(10));
        let first = host.sent()[0].at;
        let lost = first + secs(u64::from(failure_threshold) + 1);
        assert_eq!(host.timed_events()[1], (lost, "1 lost".to_owned()));
    }
}

#[test]
fn after_a_loss_the_host_waits_for_an_init_without_a_word() {
    let mut host = Host::with_heartbeat();
    host.answer(1, Answers::Never);
    host.run(secs(5));
    assert_eq!(host.state(1), Some(InstanceState::AwaitingInit));
    host.forget();
    host.run(secs(60));
    assert_eq!((host.events(), host.sent()), (vec![], vec![]));
    host.answer(1, Answers::Healthy);
    host.say(1, &GuestMessage::Init(guest::init()));
    assert_eq!(host.events(), ["1 running"]);
}

#[test]
fn a_guest_that_never_heartbeated_is_not_lost() {
    let mut host = Host::managed();
    host.name(1, Switch::Enabled);
    host.appear(1);
    for _ in 0..10 {
        host.say(1, &GuestMessage::Init(guest::init()));
        host.run(secs(5));
        assert_eq!(host.state(1), Some(InstanceState::AwaitingInit));
    }
    assert_eq!(host.events(), [""; 0]);
}

#[test]
fn a_loss_is_reported_only_while_host_and_instance_are() {
    for (host_reporting, reporting) in [(true, false), (false, true), (false, false)] {
        let mut host = Host::with_heartbeat();
        host.command(&Command::ModifyHost { reporting: host_reporting.into() });
        host.name(1, reporting.into());
        host.answer(1, Answers::Never);
        host.run(secs(10));
        assert_eq!(host.events(), ["1 stopped"], "{host_reporting} {reporting}");
    }
}

#[test]
fn an_instance_is_reported_as_the_last_command_says() {
    let mut host = Host::with_heartbeat();
    host.name(1, Switch::Disabled);
    host.name(1, Switch::Enabled);
    host.answer(1, Answers::Never);
    host.run(secs(10));
    assert_eq!(host.events(), ["1 stopped", "1 lost"]);
}

#[test]
fn disabled_reporting_changes_nothing_for_the_guest() {
    let mut host = Host::with_heartbeat();
    host.run(secs(2));
    host.forget();
    host.name(1, Switch::Disabled);
    host.command(&Command::ModifyHost { reporting: Switch::Disabled });
    host.answer(1, Answers::Never);
    host.run(secs(1));
    host.answer(1, Answers::Healthy);
    host.run(secs(9));
    assert_eq!(host.sent().len(), 10, "a miss is forgiven as ever");
    assert_eq!(host.state(1), Some(InstanceState::Heartbeating));
    assert_eq!(host.events(), [""; 0]);
}

#[test]
fn a_failure_soon_after_the_start_is_reported_when_the_start_delay_is_over() {
    let policy = Policy { start_delay: secs(30), ..Policy::default() };
    let mut host = Host::with_policy(policy).agreed();
    host.name(1, Switch::Enabled);
    host.boot(1);
    host.answer(1, Answers::Never);
    host.run(secs(60));
    let events: Vec<_> = host.timed_events().into_iter().skip(1).collect();
    assert_eq!(events[0].1, "1 stopped");
    assert!(events[0].0 < secs(4));
    assert_eq!(events[1], (secs(30), "1 lost".to_owned()));
    assert_eq!(events.len(), 2);
}

#[test]
fn a_guest_that_is_back_before_the_start_delay_is_over_is_not_reported() {
    let policy = Policy { start_delay: secs(30), ..Policy::default() };
    let mut host = Host::with_policy(policy).agreed();
    host.name(1, Switch::Enabled);
    host.boot(1);
    host.answer(1, Answers::Never);
    host.run(secs(10));
    host.answer(1, Answers::Healthy);
    host.say(1, &GuestMessage::Init(guest::init()));
    host.run(secs(60));
    assert_eq!(host.events(), ["1 running", "1 stopped", "1 running"]);
}

#[test]
fn reporting_that_is_switched_off_during_the_start_delay_is_off() {
    let policy = Policy { start_delay: secs(30), ..Policy::default() };
    let mut host = Host::with_policy(policy).agreed();
    host.name(1, Switch::Enabled);
    host.boot(1);
    host.answer(1, Answers::Never);
    host.run(secs(10));
    host.name(1, Switch::Disabled);
    host.run(secs(60));
    assert_eq!(host.events(), ["1 running", "1 stopped"]);
}

#[test]
fn short_intervals_that_an_operator_may_allow_are_judged_fairly_too() {
    for pulse_ms in [10, 20, 49, 50, 51, 75, 99, 100, 149, 150, 200] {
        for phase in [0, 1, 13, 26, 39, 49] {
            let policy = Policy { pulse_period: ms(pulse_ms), ..Policy::default() };
            let mut host = Host::with_policy(policy).agreed();
            host.name(1, Switch::Enabled);
            host.run(secs(2) + ms(phase));
            host.appear(1);
            host.answer(1, Answers::Healthy);
            host.answer_after(1, ms(pulse_ms / 2));
            let init = Init { heartbeat_interval_ms: 0, ..guest::init() };
            host.say(1, &GuestMessage::Init(init));
            host.run(secs(5));
            assert_eq!(host.events(), ["1 running"], "{pulse_ms} ms");
            assert_eq!(host.server.counters().misses, 0, "{pulse_ms} ms");
            let died = host.time();
            host.answer(1, Answers::Never);
            host.run(secs(2));
            let after = since(host.timed_events().pop().unwrap().0, died);
            assert!(after <= 3 * ms(pulse_ms), "{pulse_ms} ms: {after:?}");
        }
    }
}

#[test]
fn one_guests_silence_is_no_others() {
    let mut host = Host::managed();
    for number in 1..=50 {
        host.name(number, Switch::Enabled);
        host.boot(number);
    }
    host.forget();
    host.run(secs(5));
    host.answer(17, Answers::Never);
    host.run(secs(60));
    assert_eq!(host.events(), ["17 stopped", "17 lost"]);
}
