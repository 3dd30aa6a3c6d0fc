//! The soak of a whole cloud as CI runs it, and the proof that its watcher sees what it is there to
//! see.

use std::time::Duration;

use guest_sim::cloud::Sabotage;
use guest_sim::soak::{Fault, Outcome, Print, Settings, run_all, soak};

fn settings(guests: usize, hosts: usize, minutes: u64) -> Settings {
    Settings {
        guests,
        hosts,
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
        assert!(outcome.judged.alarms > 0, "seed {}: no loss reached the VIM", outcome.seed);
        assert!(outcome.judged.vim_answers > 0, "seed {}: nothing was answered", outcome.seed);
        assert!(outcome.judged.healings > 0, "seed {}: it was never calm", outcome.seed);
    }
}

#[test]
fn twenty_seeds_of_a_cloud_live_through_half_an_hour_of_faults() {
    const OTHERS: [&str; 16] = [
        "AgentRestart",
        "AgentStall",
        "ColdMigration",
        "Created",
        "Deleted",
        "HostSluggish",
        "HostStall",
        "Inventory",
        "LiveMigration",
        "MachineFrozen",
        "ServerRestart",
        "VimAway",
        "VimMoody",
        "Weather",
        "Unhealthy",
        "Reject",
    ];
    let settings = settings(60, 4, 30);
    let outcomes = run_all(&settings, 1..21, cores(), &|_| (), &|_| ()).outcomes;
    assert_eq!(outcomes.len(), 20);
    assert_passed(&settings, &outcomes);
    let faults = Fault::ALL.map(|fault| format!("{fault:?}"));
    for fault in faults.iter().map(String::as_str).chain(OTHERS) {
        let times: u64 = outcomes.iter().filter_map(|outcome| outcome.faults.get(fault)).sum();
        assert!(times > 0, "{fault} never happened");
    }
}

#[test]
fn hours_without_a_vim_lose_nothing() {
    let settings = settings(40, 3, 240);
    let outcome = soak(&settings, 5, &mut |_| ());
    assert_passed(&settings, &[outcome]);
}

#[test]
fn the_same_seed_is_the_same_run() {
    let settings = settings(20, 3, 12);
    let first = soak(&settings, 7, &mut |_| ());
    assert_eq!(first, soak(&settings, 7, &mut |_| ()));
    assert_ne!(first.hash, soak(&settings, 8, &mut |_| ()).hash);
}

/// What the watcher says of an agent with this fault.
fn what_is_found(sabotage: Sabotage) -> String {
    let settings = Settings { agent_sabotage: Some(sabotage), ..settings(60, 4, 30) };
    let outcome = soak(&settings, 3, &mut |_| ());
    let failure = outcome.failure.unwrap_or_else(|| panic!("{sabotage:?} was not found"));
    let text = failure.describe(&settings, 3);
    assert!(text.contains("--seed 3 --guests 60 --minutes 30 --hosts 4"), "{text}");
    assert!(!failure.last.is_empty(), "{text}");
    text
}

#[test]
fn an_agent_that_keeps_losses_to_itself_is_found() {
    let text = what_is_found(Sabotage::SwallowLosses);
    assert!(text.contains("every loss reaches the VIM"), "{text}");
}

#[test]
fn an_agent_that_tells_a_loss_twice_is_found() {
    let text = what_is_found(Sabotage::RepeatLosses);
    assert!(text.contains("a loss reaches the VIM once"), "{text}");
}

#[test]
fn an_agent_that_confuses_the_order_of_events_is_found() {
    let text = what_is_found(Sabotage::Overtake);
    assert!(text.contains("alarms and answers keep their order"), "{text}");
}

#[test]
fn an_agent_that_does_not_say_who_heartbeats_is_found() {
    let text = what_is_found(Sabotage::SwallowStatuses);
    assert!(text.contains("the VIM's view is true within two audits"), "{text}");
}

#[test]
fn an_agent_that_keeps_answers_to_itself_is_found() {
    let text = what_is_found(Sabotage::SwallowAnswers);
    assert!(text.contains("the VIM hears the guest's answer within 1s"), "{text}");
}

#[test]
fn an_agent_that_answers_too_late_is_found() {
    let text = what_is_found(Sabotage::LateAnswers);
    assert!(text.contains("the VIM hears the guest's answer within 1s"), "{text}");
}

#[test]
fn an_agent_that_answers_twice_is_found() {
    let text = what_is_found(Sabotage::RepeatAnswers);
    assert!(text.contains("the VIM gets one answer"), "{text}");
}

#[test]
fn an_agent_that_agrees_in_the_place_of_a_guest_is_found() {
    let text = what_is_found(Sabotage::AgreeForGuest);
    assert!(text.contains("a guest's objection to"), "{text}");
}

#[test]
fn an_agent_that_keeps_contradicting_the_vim_is_found() {
    let text = what_is_found(Sabotage::Contradict);
    assert!(text.contains("not in a loop with its corrections"), "{text}");
}

#[test]
fn an_agent_that_speaks_of_the_deleted_is_found() {
    let text = what_is_found(Sabotage::SpeakOfDeleted);
    assert!(text.contains("nothing is said of an instance that the VIM has deleted"), "{text}");
}

#[test]
fn an_agent_that_keeps_the_deleted_is_found() {
    let text = what_is_found(Sabotage::KeepDeleted);
    assert!(text.contains("the agent knows what the VIM has deleted"), "{text}");
}

#[test]
fn an_agent_whose_queue_grows_by_itself_is_found() {
    let text = what_is_found(Sabotage::Hoard);
    assert!(text.contains("nothing waits for the VIM that nobody said"), "{text}");
}

#[test]
fn an_agent_that_forgets_nothing_is_found() {
    let text = what_is_found(Sabotage::Remember);
    assert!(text.contains("the agent remembers no more than there is"), "{text}");
}

#[test]
fn an_agent_that_does_not_hear_of_a_host_is_found() {
    let text = what_is_found(Sabotage::IgnoreHost);
    assert!(text.contains("the agent knows every host"), "{text}");
}
