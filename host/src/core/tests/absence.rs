//! Silence that a notification announced: rule 10.

use std::time::Duration;

use protocol::channel::{EventType, GuestMessage, Init, NotificationType, VoteResult};
use protocol::datagram::Switch;

use super::super::{ConnectError, InstanceState};
use super::guest;
use super::host::{Answers, Host, ms, path_of, secs};

const ABSENCES: [&str; 4] = ["pause", "stop", "live_migrate_begin", "cold_migrate_begin"];

/// A heartbeating guest that was notified of `event` and agreed just now.
fn notified(event: &str) -> Host {
    let mut host = Host::with_heartbeat();
    host.run(secs(2));
    host.notify(1, event);
    let event = EventType::from_word(event).unwrap();
    agree(&mut host, event, NotificationType::Irrevocable);
    host.forget();
    host
}

fn agree(host: &mut Host, event: EventType, kind: NotificationType) {
    let response = guest::vote(event, kind, VoteResult::Complete);
    host.say(1, &GuestMessage::ActionResponse(response));
}

/// What the agent hears when the guest falls silent after a while.
fn silent_after(host: &mut Host, time: Duration) -> Vec<String> {
    host.run(time);
    host.answer(1, Answers::Never);
    host.run(secs(5));
    host.events()
}

#[test]
fn silence_within_60_s_of_an_answered_notification_is_no_loss() {
    for event in ABSENCES {
        for time in [0, 30, 58] {
            let events = silent_after(&mut notified(event), secs(time));
            assert_eq!(events, ["1 stopped"], "{event} after {time} s");
        }
        let events = silent_after(&mut notified(event), secs(61));
        assert_eq!(events, ["1 stopped", "1 lost"], "{event}: the window has ended");
    }
}

#[test]
fn a_notification_that_timed_out_excuses_silence_too() {
    let mut host = Host::with_heartbeat();
    host.notify(1, "pause");
    host.run(secs(13));
    host.forget();
    assert_eq!(silent_after(&mut host, secs(50)), ["1 stopped"]);
}

#[test]
fn a_rebooting_guest_may_be_silent_for_its_restart_time() {
    assert_eq!(silent_after(&mut notified("reboot"), secs(118)), ["1 stopped"]);
    assert_eq!(silent_after(&mut notified("reboot"), secs(122)), ["1 stopped", "1 lost"]);
}

#[test]
fn a_restart_time_counts_for_an_hour_at_most() {
    for (time, events) in [(3590, 1), (3602, 2)] {
        let mut host = Host::managed();
        host.name(1, Switch::Enabled);
        host.boot(1);
        let init = Init { restart_secs: 2_000_000_000, ..guest::init() };
        host.say(1, &GuestMessage::Init(init));
        host.notify(1, "reboot");
        agree(&mut host, EventType::Reboot, NotificationType::Irrevocable);
        host.forget();
        assert_eq!(silent_after(&mut host, secs(time)).len(), events);
    }
}

#[test]
fn other_notifications_excuse_nothing() {
    for event in ["unpause", "resume", "resize_begin", "resize_end", "live_migrate_end"] {
        let events = silent_after(&mut notified(event), secs(1));
        assert_eq!(events, ["1 stopped", "1 lost"], "{event}");
    }
}

#[test]
fn a_vote_changes_nothing_by_itself() {
    for event in ABSENCES.into_iter().chain(["suspend", "reboot"]) {
        let mut host = Host::with_heartbeat();
        host.run(secs(2));
        host.vote(1, event);
        agree(&mut host, EventType::from_word(event).unwrap(), NotificationType::Revocable);
        host.forget();
        host.run(secs(20));
        assert_eq!(host.state(1), Some(InstanceState::Heartbeating));
        assert_eq!(silent_after(&mut host, secs(1)), ["1 stopped", "1 lost"], "{event}");
    }
}

#[test]
fn a_guest_that_goes_on_answering_goes_on_heartbeating() {
    let mut host = notified("stop");
    host.run(secs(600));
    assert_eq!(host.events(), [""; 0]);
    assert_eq!(host.sent().len(), 600);
}

#[test]
fn a_new_init_ends_the_window() {
    let mut host = notified("live_migrate_begin");
    host.run(secs(5));
    host.say(1, &GuestMessage::Init(guest::init()));
    host.forget();
    assert_eq!(silent_after(&mut host, secs(5)), ["1 stopped", "1 lost"]);
}

#[test]
fn a_notification_cut_short_by_a_newer_request_excuses_silence_too() {
    let mut host = Host::with_heartbeat();
    host.run(secs(2));
    host.notify(1, "pause");
    host.vote(1, "unpause");
    assert_eq!(host.events(), ["1 complete to irrevocable pause: superseded by a newer request"]);
    assert_eq!(silent_after(&mut host, ms(0)), ["1 stopped"], "the agent was told to go on");
}

#[test]
fn a_notification_cut_short_by_an_init_excuses_silence_too() {
    let mut host = Host::with_heartbeat();
    host.run(secs(2));
    host.notify(1, "pause");
    host.say(1, &GuestMessage::Init(guest::init()));
    assert_eq!(host.unanswered(), 0);
    host.forget();
    assert_eq!(silent_after(&mut host, secs(1)), ["1 stopped"], "the agent was told to go on");
}

#[test]
fn a_suspend_notification_stops_the_heartbeat_closes_and_reconnects() {
    let mut host = Host::with_heartbeat();
    host.run(secs(2));
    host.notify(1, "suspend");
    host.forget();
    agree(&mut host, EventType::Suspend, NotificationType::Irrevocable);
    assert_eq!(host.events(), ["1 complete to irrevocable suspend: because", "1 stopped"]);
    assert_eq!(host.closes(), [1]);
    host.run(secs(2));
    assert_eq!(host.attempts().len(), 1, "without waiting for a resume");
    assert_eq!(host.state(1), Some(InstanceState::AwaitingInit));
}

#[test]
fn a_suspend_notification_that_times_out_does_the_same() {
    let mut host = Host::with_heartbeat();
    host.notify(1, "suspend");
    host.run(secs(13));
    assert_eq!(host.closes(), [1]);
    assert_eq!(host.events().last().unwrap(), "1 stopped");
}

#[test]
fn a_guest_that_reinits_on_the_reconnect_before_it_is_suspended_is_not_lost() {
    let mut host = notified("suspend");
    host.run(secs(2));
    host.say(1, &GuestMessage::Init(guest::init()));
    host.run(secs(2));
    assert_eq!(host.events(), ["1 running"]);
    host.answer(1, Answers::Never);
    host.run(secs(10));
    assert_eq!(host.events(), ["1 stopped"], "now it is suspended");
    host.answer(1, Answers::Healthy);
    host.say(1, &GuestMessage::Init(guest::init()));
    host.forget();
    assert_eq!(silent_after(&mut host, secs(1)), ["1 stopped", "1 lost"], "back, then dead");
}

#[test]
fn resume_and_unpause_reconnect_at_once_what_is_not_connected() {
    for event in ["resume", "unpause"] {
        let mut host = Host::with_heartbeat();
        host.run(secs(5));
        host.refuse(1, Some(ConnectError::Refused));
        host.hang_up(1);
        host.run(secs(100));
        host.forget();
        host.refuse(1, None);
        host.notify(1, event);
        assert_eq!(host.attempts(), [host.time()], "{event}");
        assert_eq!(host.connected_to(1), Some(path_of(1)));
        assert_eq!(host.unanswered(), 0);
    }
}

#[test]
fn resume_of_an_instance_without_a_file_is_answered_and_no_more() {
    let mut host = Host::managed();
    host.name(1, Switch::Enabled);
    host.notify(1, "resume");
    assert_eq!(host.events(), ["1 complete to irrevocable resume: the guest does not heartbeat"]);
    assert_eq!(host.attempts(), []);
}
