//! A play of two guests on one host each.

use super::*;
use protocol::InstanceId;
use protocol::vim::AlarmState;

use crate::clock;
use crate::demo::guest::LOST_MISSES;
use crate::demo::log::Finding;
use crate::demo::status::Seen;
use crate::demo::told::Kind;
use crate::vim::Consequence;

const FAILED: Kind = Kind::Alarm(AlarmState::Failed, Consequence::Reboots);
const INTERVAL: Duration = Duration::from_secs(1);

fn play() -> Play {
    let guest = |n| Guest::new(format!("guest-{n}"), n, InstanceId::numbered(n as u64));
    let mut play = Play::new(clock::now(), INTERVAL, (0..2).map(guest).collect());
    let now = play.started;
    play.begin(now, What::Start, 0);
    play.begin(now, What::Start, 1);
    report(&mut play, 10, 0, Kind::Running);
    report(&mut play, 10, 1, Kind::Running);
    play
}

fn after(play: &Play, ms: u64) -> Instant {
    play.started + Duration::from_millis(ms)
}

fn told(play: &mut Play, ms: u64, guest: u64, kind: Kind, connected: bool) -> Option<usize> {
    let at = after(play, ms);
    let told = Told { at, id: InstanceId::numbered(guest), kind, reason: String::new() };
    play.told(told, |_| connected)
}

fn report(play: &mut Play, ms: u64, guest: u64, kind: Kind) {
    told(play, ms, guest, kind, true);
}

#[test]
fn what_a_guest_s_end_looks_like_is_its_state() {
    let mut play = play();
    assert_eq!(play.guests[0].state, State::Heartbeating);
    report(&mut play, 20, 0, Kind::Stopped);
    report(&mut play, 20, 0, FAILED);
    assert_eq!((play.guests[0].state, play.guests[0].misses), (State::Lost, LOST_MISSES));
    let at = after(&play, 30);
    play.heard(at, 1, Said::Exit);
    report(&mut play, 31, 1, Kind::Stopped);
    assert_eq!(play.guests[1].state, State::Left);
    report(&mut play, 32, 1, Kind::Running);
    play.heard(at, 1, Said::Init);
    report(&mut play, 33, 1, Kind::Stopped);
    assert_eq!(play.guests[1].state, State::Waiting);
    play.heard(at, 1, Said::Exit);
    assert_eq!(play.guests[1].state, State::Left, "the report may come before the exit");
    report(&mut play, 40, 1, Kind::Running);
    told(&mut play, 41, 1, Kind::Stopped, false);
    assert_eq!(play.guests[1].state, State::Unreachable);
}

#[test]
fn an_untouched_guest_that_is_lost_makes_it_all_wrong() {
    let mut play = play();
    assert_eq!(play.judge(after(&play, 20)), [0, 1]);
    play.judge_finally(after(&play, 20));
    assert!(play.is_right());
    report(&mut play, 30, 1, Kind::Stopped);
    report(&mut play, 30, 1, FAILED);
    report(&mut play, 40, 1, Kind::Running);
    play.judge_finally(after(&play, 50));
    assert!(!play.is_right());
    assert_eq!(play.untouched().collect::<Vec<_>>(), [0, 1]);
}

#[test]
fn a_wrong_verdict_stays_although_all_heartbeat_in_the_end() {
    let mut play = play();
    play.judge(after(&play, 20));
    play.begin(after(&play, 1000), What::Kill, 0);
    let end = after(&play, 10_000);
    assert_eq!(play.judge(end), [2]);
    assert!(!play.scenes[2].verdict.as_ref().unwrap().right);
    play.judge_finally(end);
    assert!(!play.is_right());
}

#[test]
fn an_event_about_a_stranger_is_wrong() {
    let mut play = play();
    play.judge(after(&play, 20));
    report(&mut play, 30, 7, Kind::Running);
    assert!(!play.is_right());
}

#[test]
fn a_stall_that_guest_server_saw_gives_an_interval_of_time() {
    let mut play = play();
    play.judge(after(&play, 20));
    play.begin(after(&play, 1000), What::Kill, 0);
    report(&mut play, 5000, 0, Kind::Stopped);
    report(&mut play, 5000, 0, FAILED);
    assert!(play.judge(after(&play, 5000)).is_empty());
    let seen = Seen { interval: None, misses: 0, reporting: true };
    let instances = [(InstanceId::numbered(0), seen)].into();
    play.status(0, &Status { stalls: 1, instances });
    assert_eq!(play.judge(after(&play, 5100)), [2]);
    assert!(play.scenes[2].verdict.as_ref().unwrap().right);
    assert_eq!(play.guests[0].misses, LOST_MISSES);
}

#[test]
fn a_guest_that_the_vim_reboots_is_rebooting_until_it_heartbeats() {
    let mut play = play();
    let now = after(&play, 100);
    play.begin(now, What::Reboot, 0);
    report(&mut play, 2500, 0, Kind::Stopped);
    assert_eq!(play.guests[0].state, State::Rebooting);
    report(&mut play, 2600, 0, Kind::Running);
    assert_eq!(play.guests[0].state, State::Heartbeating);
}

#[test]
fn that_an_instance_does_not_heartbeat_is_no_news_before_it_did() {
    let guest = Guest::new("guest-0".to_owned(), 0, InstanceId::numbered(0));
    let mut play = Play::new(clock::now(), INTERVAL, vec![guest]);
    let now = play.started;
    play.begin(now, What::Start, 0);
    assert_eq!(told(&mut play, 5, 0, Kind::Stopped, true), None);
    assert_eq!(told(&mut play, 10, 0, Kind::Running, true), Some(0));
    assert_eq!(play.judge(after(&play, 10)), [0]);
    assert!(play.is_right());
    assert_eq!(told(&mut play, 20, 0, Kind::Stopped, true), Some(0));
    play.judge_finally(after(&play, 30));
    assert!(!play.is_right());
}

#[test]
fn a_mishap_between_agent_and_vim_makes_it_all_wrong() {
    let mut play = play();
    play.judge(after(&play, 20));
    assert!(play.is_right());
    play.mishap("half a request".to_owned());
    assert!(!play.is_right());
}

#[test]
fn what_a_server_found_belongs_to_what_was_done_last() {
    let mut play = play();
    let now = after(&play, 100);
    play.begin(now, What::Leave, 1);
    let why = "the guest left".to_owned();
    let what = Finding::Stopped;
    play.found(Found { id: InstanceId::numbered(1), what, why: why.clone() });
    assert_eq!(play.last_scene(1).unwrap().found, Some(why));
    assert_eq!(play.last_scene(0).unwrap().found, None);
}

#[test]
fn an_ill_guest_is_unhealthy_until_it_says_that_it_is_well() {
    let mut play = play();
    let so = Kind::Alarm(AlarmState::Unhealthy, Consequence::Logs);
    report(&mut play, 20, 0, so);
    assert_eq!((play.guests[0].state, play.guests[0].misses), (State::Unhealthy, 0));
    let at = after(&play, 30);
    play.heard(at, 0, Said::Unhealthy);
    assert_eq!((play.guests[0].state, play.guests[0].beats), (State::Unhealthy, 1));
    play.heard(at, 0, Said::Answer);
    assert_eq!((play.guests[0].state, play.guests[0].beats), (State::Heartbeating, 2));
}

#[test]
fn an_ill_guest_that_the_vim_reboots_is_rebooting_until_it_heartbeats() {
    let mut play = play();
    report(&mut play, 20, 0, Kind::Alarm(AlarmState::Unhealthy, Consequence::Reboots));
    let now = after(&play, 100);
    play.begin(now, What::RebootIll, 0);
    told(&mut play, 101, 0, Kind::Stopped, false);
    assert_eq!(play.guests[0].state, State::Rebooting);
    report(&mut play, 200, 0, Kind::Running);
    assert_eq!(play.guests[0].state, State::Heartbeating);
}
