//! Scenes with events at given times.

use super::*;

const INTERVAL: Duration = Duration::from_secs(1);

const FAILED: Kind = Kind::Alarm(AlarmState::Failed, Consequence::Reboots);

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn scene(what: What, events: &[(u64, Kind)]) -> Scene {
    let before = crate::clock::now();
    let at = before + ms(100);
    let mut scene = Scene::new(what, 0, 0, at, Some(before));
    scene.events = events.iter().map(|(after, kind)| (at + ms(*after), *kind)).collect();
    scene
}

fn judged(scene: &Scene, after: u64) -> Option<bool> {
    scene.judge(scene.at + ms(after), INTERVAL, false).map(|verdict| verdict.right)
}

fn lost(after: u64) -> Scene {
    scene(What::Kill, &[(after, Kind::Stopped), (after, FAILED)])
}

#[test]
fn a_dead_guest_is_to_be_lost_after_2_to_3_intervals() {
    assert_eq!(judged(&scene(What::Kill, &[]), 3000), None);
    assert_eq!(judged(&scene(What::Kill, &[(2500, Kind::Stopped)]), 2500), None);
    assert_eq!(judged(&lost(2500), 2500), Some(true));
    assert_eq!(judged(&lost(3240), 3240), Some(true));
    assert_eq!(judged(&lost(1900), 6000), Some(false));
    assert_eq!(judged(&lost(3300), 6000), Some(false));
    assert_eq!(judged(&scene(What::Freeze, &[]), 6000), Some(false));
}

#[test]
fn the_vim_is_to_do_what_the_guest_wants() {
    let logged = Kind::Alarm(AlarmState::Failed, Consequence::Logs);
    let lost = |what, alarm| scene(what, &[(2500, Kind::Stopped), (2503, alarm)]);
    assert_eq!(judged(&lost(What::Freeze, logged), 2503), Some(true));
    assert_eq!(judged(&lost(What::Freeze, FAILED), 2503), Some(false));
    assert_eq!(judged(&lost(What::Kill, logged), 2503), Some(false));
}

#[test]
fn silence_that_was_announced_is_stopped_in_its_time_and_no_alarm() {
    let reboot = |after| scene(What::Reboot, &[(after, Kind::Stopped)]);
    assert_eq!(judged(&reboot(2500), 2500), None, "an alarm could still come");
    assert_eq!(judged(&reboot(2500), 3251), Some(true));
    assert_eq!(judged(&reboot(500), 3251), Some(false));
    let mut alarmed = reboot(2500);
    alarmed.events.push((alarmed.at + ms(2503), FAILED));
    assert_eq!(judged(&alarmed, 2503), Some(false));
}

#[test]
fn an_answer_is_right_if_it_is_the_one_that_the_guest_gives() {
    let (stop, reboot) = (EventType::Stop, EventType::Reboot);
    let allowed = Kind::Answer(GuestResponse::Allow, Consequence::Allowed(reboot));
    let off = Kind::Answer(GuestResponse::Reject, Consequence::CalledOff(stop));
    let proceeds = Kind::Answer(GuestResponse::Proceed, Consequence::Proceeds(reboot));
    for (what, kind, right) in [
        (What::VoteReboot, allowed, true),
        (What::VoteReboot, off, false),
        (What::VoteReboot, Kind::Stopped, false),
        (What::NotifyReboot, proceeds, true),
        (What::NotifyReboot, allowed, false),
    ] {
        assert_eq!(judged(&scene(what, &[(4, kind)]), 4), Some(right), "{what:?} {kind:?}");
    }
    let mut off = scene(What::VoteStop, &[(4, off)]);
    assert_eq!(judged(&off, 4), Some(false), "an objection has a reason");
    off.reason = "not now".to_owned();
    assert_eq!(judged(&off, 4), Some(true));
    assert_eq!(judged(&scene(What::VoteReboot, &[(1900, allowed)]), 4000), Some(false));
    assert_eq!(judged(&scene(What::VoteReboot, &[]), 3000), None);
    assert_eq!(judged(&scene(What::VoteReboot, &[]), 4000), Some(false));
}

#[test]
fn the_machine_own_stalls_are_nobody_s_fault() {
    let mut late = lost(4300);
    assert_eq!(judged(&late, 4300), None);
    late.stalled(INTERVAL + ms(100));
    assert_eq!(judged(&late, 4400), Some(true));
}

#[test]
fn a_loss_without_a_stop_or_twice_is_wrong_at_once() {
    assert_eq!(judged(&scene(What::Kill, &[(2500, FAILED)]), 2500), Some(false));
    let mut twice = lost(2500);
    twice.events.push((twice.at + ms(2600), FAILED));
    assert_eq!(judged(&twice, 2600), Some(false));
}

#[test]
fn a_guest_that_leaves_stops_at_once_and_is_not_lost() {
    let mut left = scene(What::Leave, &[(3, Kind::Stopped)]);
    left.client_ended(true);
    assert_eq!(judged(&left, 3000), None, "a loss could still come");
    assert_eq!(judged(&left, 3251), Some(true));
    left.events.push((left.at + ms(2500), FAILED));
    assert_eq!(judged(&left, 2500), Some(false));
}

#[test]
fn a_client_that_does_not_leave_well_is_wrong() {
    let mut left = scene(What::Leave, &[(3, Kind::Stopped)]);
    assert_eq!(judged(&left, 3251), Some(false));
    left.client_ended(false);
    assert_eq!(judged(&left, 3251), Some(false));
}

#[test]
fn a_stop_that_comes_late_is_wrong() {
    assert_eq!(judged(&scene(What::KillQemu, &[(900, Kind::Stopped)]), 3251), Some(false));
    assert_eq!(judged(&scene(What::KillQemu, &[(2, Kind::Stopped)]), 3251), Some(true));
}

#[test]
fn a_quick_restart_is_no_loss() {
    let mut quick = scene(What::Restart, &[(20, Kind::Stopped), (20, Kind::Running)]);
    quick.heard(quick.at + ms(5), Said::Answer);
    assert_eq!(quick.silent(), None, "the old client's answer was on its way");
    quick.heard(quick.at + ms(19), Said::Init);
    quick.heard(quick.at + ms(20), Said::Answer);
    assert_eq!(quick.silent(), Some(ms(120)));
    assert_eq!(judged(&quick, 3251), Some(true));
    quick.events.push((quick.at + ms(3000), FAILED));
    assert_eq!(judged(&quick, 3000), Some(false));
}

#[test]
fn a_restart_that_takes_longer_than_the_bound_may_be_a_loss() {
    let mut slow = scene(What::Restart, &[(2400, Kind::Stopped), (2400, FAILED)]);
    assert_eq!(judged(&slow, 2400), None);
    slow.heard(slow.at + ms(2700), Said::Init);
    slow.heard(slow.at + ms(2701), Said::Answer);
    assert_eq!(judged(&slow, 2701), Some(true));
}

#[test]
fn a_guest_that_comes_back_heartbeats_in_its_time() {
    assert_eq!(judged(&scene(What::StartLeft, &[(30, Kind::Running)]), 30), Some(true));
    assert_eq!(judged(&scene(What::StartLeft, &[(1900, Kind::Running)]), 4000), Some(false));
    assert_eq!(judged(&scene(What::Thaw, &[(5010, Kind::Running)]), 5010), Some(true));
    assert_eq!(judged(&scene(What::Thaw, &[]), 5100), None);
}

#[test]
fn a_verdict_can_turn_when_more_follows() {
    let mut back = scene(What::StartLeft, &[(30, Kind::Running)]);
    back.events.push((back.at + ms(9000), Kind::Stopped));
    let verdict = back.judge(back.at + ms(9000), INTERVAL, true);
    assert!(!verdict.unwrap().right);
}

const UNHEALTHY: Kind = Kind::Alarm(AlarmState::Unhealthy, Consequence::Reboots);

#[test]
fn a_script_that_fails_is_heard_of_once_and_with_its_action() {
    let ill = |events: &[(u64, Kind)], now| judged(&scene(What::FallIll, events), now);
    assert_eq!(ill(&[], 2200), None);
    assert_eq!(ill(&[], 6000), Some(false));
    assert_eq!(ill(&[(1900, UNHEALTHY)], 1900), Some(true));
    assert_eq!(ill(&[(2300, UNHEALTHY)], 6000), Some(false), "late");
    assert_eq!(ill(&[(900, UNHEALTHY), (1900, UNHEALTHY)], 1900), Some(false), "twice");
    assert_eq!(ill(&[(900, FAILED)], 900), Some(false), "it is not lost");
    let logged = Kind::Alarm(AlarmState::Unhealthy, Consequence::Logs);
    assert_eq!(ill(&[(900, logged)], 900), Some(false));
    assert_eq!(judged(&scene(What::CrashApplication, &[(900, logged)]), 900), Some(true));
    assert_eq!(judged(&scene(What::CrashApplication, &[(900, UNHEALTHY)]), 900), Some(false));
}

#[test]
fn an_ill_guest_that_is_rebooted_stops_and_heartbeats() {
    let rebooted = [(4, Kind::Stopped), (1030, Kind::Running)];
    assert_eq!(judged(&scene(What::RebootIll, &rebooted[..1]), 4), None);
    assert_eq!(judged(&scene(What::RebootIll, &rebooted), 1030), Some(true));
    let still_ill = [rebooted[0], rebooted[1], (1900, UNHEALTHY)];
    assert_eq!(judged(&scene(What::RebootIll, &still_ill), 1900), Some(false));
}

#[test]
fn a_guest_that_is_well_again_says_so_in_its_time_and_the_vim_hears_nothing() {
    let scene = || scene(What::StartApplication, &[]);
    let mut well = scene();
    well.heard(well.at + ms(300), Said::Unhealthy);
    assert_eq!(judged(&well, 1500), None);
    well.heard(well.at + ms(600), Said::Answer);
    assert_eq!(judged(&well, 1000), None, "an event could still come");
    assert_eq!(judged(&well, 1300), Some(true));
    well.events.push((well.at + ms(1200), UNHEALTHY));
    assert_eq!(judged(&well, 1300), Some(false));
    let mut never = scene();
    never.heard(never.at + ms(600), Said::Unhealthy);
    assert_eq!(judged(&never, 4000), Some(false));
    let mut late = scene();
    late.heard(late.at + ms(1600), Said::Answer);
    assert_eq!(judged(&late, 4000), Some(false));
}
