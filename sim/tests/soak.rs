//! The soak as CI runs it, and the proof that its watcher sees what it is there to see.

use std::time::Duration;

use guest_sim::soak::{Fault, Outcome, Print, Settings, run_all, soak};
use guest_sim::world::Sabotage;

fn settings(guests: usize, minutes: u64) -> Settings {
    Settings {
        guests,
        hosts: 0,
        lasts: Duration::from_mins(minutes),
        interval: Duration::from_secs(1),
        mixed: true,
        print: Print::Nothing,
        sabotage: None,
        agent_sabotage: None,
    }
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

fn assert_passed(settings: &Settings, outcomes: &[Outcome]) {
    for outcome in outcomes {
        if let Some(failure) = &outcome.failure {
            panic!("seed {}: {}", outcome.seed, failure.describe(settings, outcome.seed));
        }
        assert!(outcome.judged.losses > 0, "seed {}: nothing was ever lost", outcome.seed);
        assert!(outcome.judged.healings > 0, "seed {}: it was never calm", outcome.seed);
    }
    assert!(outcomes.iter().any(|outcome| outcome.judged.answers > 0), "nothing was ever asked");
}

#[test]
fn twenty_seeds_of_a_hundred_guests_live_through_half_an_hour_of_faults() {
    let settings = settings(100, 30);
    let outcomes = run_all(&settings, 1..21, cores(), &|_| (), &|_| ()).outcomes;
    assert_eq!(outcomes.len(), 20);
    assert_passed(&settings, &outcomes);
    for fault in Fault::ALL {
        let times: u64 = outcomes.iter().filter_map(|o| o.faults.get(&format!("{fault:?}"))).sum();
        assert!(times > 0, "{fault:?} never happened");
    }
}

#[test]
fn a_thousand_guests_live_through_an_hour_of_faults() {
    let settings = Settings { mixed: false, ..settings(1000, 60) };
    let outcome = soak(&settings, 1, &mut |_| ());
    let heartbeats = outcome.heartbeats;
    assert_passed(&settings, &[outcome]);
    assert!(heartbeats > 2_500_000, "{heartbeats} heartbeats");
}

#[test]
fn the_same_seed_is_the_same_run() {
    let settings = settings(30, 15);
    let first = soak(&settings, 7, &mut |_| ());
    assert_eq!(first, soak(&settings, 7, &mut |_| ()));
    assert_ne!(first.hash, soak(&settings, 8, &mut |_| ()).hash);
}

/// What the watcher says of a server with this fault.
fn what_is_found(sabotage: Sabotage) -> String {
    let settings = Settings { sabotage: Some(sabotage), ..settings(20, 12) };
    let outcome = soak(&settings, 3, &mut |_| ());
    let failure = outcome.failure.unwrap_or_else(|| panic!("{sabotage:?} was not found"));
    let text = failure.describe(&settings, 3);
    assert!(text.contains("--seed 3 --guests 20 --minutes 12"), "{text}");
    assert!(!failure.last.is_empty(), "{text}");
    text
}

#[test]
fn a_server_that_loses_healthy_guests_is_found() {
    let text = what_is_found(Sabotage::Deaf { number: 5, after: Duration::from_secs(15) });
    assert!(text.contains("instance 5: a healthy guest is never declared lost"), "{text}");
}

#[test]
fn a_server_that_never_hears_a_guest_is_found() {
    let text = what_is_found(Sabotage::Deaf { number: 5, after: Duration::ZERO });
    assert!(text.contains("instance 5: a healthy guest heartbeats within"), "{text}");
}

#[test]
fn a_server_that_takes_the_dead_for_living_is_found() {
    let text = what_is_found(Sabotage::Resurrect);
    assert!(text.contains("a dead guest is found within 3 intervals"), "{text}");
}

#[test]
fn a_server_that_swallows_the_answer_to_a_vote_is_found() {
    let text = what_is_found(Sabotage::SwallowAnswers);
    assert!(text.contains("every vote and notification is answered in its time"), "{text}");
}

#[test]
fn a_server_that_answers_a_vote_twice_is_found() {
    let text = what_is_found(Sabotage::RepeatAnswers);
    assert!(text.contains("a vote or notification is answered once"), "{text}");
}

#[test]
fn a_server_that_reports_while_reporting_is_off_is_found() {
    let text = what_is_found(Sabotage::ReportThoughOff);
    assert!(text.contains("while reporting is off"), "{text}");
}

#[test]
fn a_server_that_keeps_losses_to_itself_is_found() {
    let text = what_is_found(Sabotage::SwallowLosses);
    assert!(text.contains("a loss is reported while reporting is on"), "{text}");
}

#[test]
fn a_server_that_does_not_say_who_stopped_is_found() {
    let text = what_is_found(Sabotage::SwallowStops);
    assert!(
        text.contains("running and stopped alternate") || text.contains("a loss is reported once"),
        "{text}"
    );
}

#[test]
fn a_server_that_challenges_too_often_is_found() {
    let text = what_is_found(Sabotage::Hasty);
    assert!(text.contains("challenges come once an interval of"), "{text}");
}
