//! The files of the channel directories: rule 1, and files that do not belong there.

use std::path::Path;

use protocol::datagram::Switch;

use super::super::{ConnectError, Input, InstanceState};
use super::host::{DIRECTORY, Host, ms, other_path_of, path_of, secs};

#[test]
fn a_file_that_is_gone_stops_the_attempts_and_forgets_the_instance() {
    let mut host = Host::managed();
    host.put_file(&path_of(1), true);
    host.refuse(1, Some(ConnectError::Refused));
    host.announce(&path_of(1));
    host.run(secs(5));
    host.vanish(1);
    assert_eq!(host.state(1), None);
    host.forget();
    host.run(secs(600));
    assert_eq!(host.attempts(), []);
}

#[test]
fn a_deleted_file_closes_its_channel() {
    let mut host = Host::managed();
    host.boot(1);
    host.vanish(1);
    assert_eq!(host.closes(), [1]);
    assert_eq!(host.state(1), None);
    assert_eq!(host.events(), [""; 0], "the agent never named it");
}

#[test]
fn a_provisioned_instance_stays_known_and_unconnected_without_its_file() {
    let mut host = Host::with_heartbeat();
    host.vanish(1);
    assert_eq!(host.events(), ["1 stopped"]);
    assert_eq!(host.closes(), [1]);
    host.run(secs(600));
    assert_eq!(host.state(1), Some(InstanceState::Unconnected));
    host.forget();
    host.boot(1);
    assert_eq!(host.events(), ["1 running"]);
}

#[test]
fn a_file_found_gone_by_connecting_is_as_good_as_deleted() {
    let mut host = Host::with_heartbeat();
    host.run(secs(5));
    host.remove_file(&path_of(1));
    host.hang_up(1);
    host.run(secs(100));
    assert_eq!(host.state(1), Some(InstanceState::Unconnected));
    assert_eq!(host.attempts().len(), 5, "a few quick ones");
    host.appear(2);
    host.refuse(2, Some(ConnectError::Gone));
    host.hang_up(2);
    host.run(secs(100));
    assert_eq!(host.state(2), None);
}

#[test]
fn a_recreated_file_starts_afresh() {
    let mut host = Host::managed();
    host.put_file(&path_of(1), true);
    host.refuse(1, Some(ConnectError::Refused));
    host.announce(&path_of(1));
    host.run(secs(100));
    host.forget();
    host.vanish(1);
    host.put_file(&path_of(1), true);
    host.refuse(1, Some(ConnectError::Refused));
    host.announce(&path_of(1));
    host.run(ms(100));
    assert_eq!(host.attempts().len(), 5, "at once and quickly again");
}

#[test]
fn a_replaced_file_is_told_by_its_identity_and_starts_afresh() {
    let mut host = Host::with_heartbeat();
    host.run(secs(5));
    host.appear(1);
    assert_eq!(host.closes(), [1]);
    assert_eq!(host.attempts(), [secs(5)]);
    assert_eq!(host.events(), ["1 stopped"], "no loss");
}

#[test]
fn a_file_replaced_unseen_is_found_by_the_rescan() {
    let mut host = Host::with_heartbeat();
    host.run(secs(1));
    host.put_file(&path_of(1), true);
    host.run(secs(180));
    assert_eq!(host.closes(), [1]);
    assert_eq!(host.state(1), Some(InstanceState::AwaitingInit));
}

#[test]
fn lost_file_events_are_made_up_for_by_a_scan() {
    let mut host = Host::managed();
    host.put_file(&path_of(1), true);
    host.input(Input::FileEventsLost);
    assert_eq!(host.state(1), Some(InstanceState::AwaitingInit));
}

#[test]
fn another_event_about_the_same_file_disturbs_nothing() {
    let mut host = Host::with_heartbeat();
    for _ in 0..3 {
        host.announce(&path_of(1));
        host.touch(1);
    }
    host.run(secs(200));
    assert_eq!(host.events(), [""; 0]);
    assert_eq!((host.closes(), host.attempts()), (vec![], vec![]));
}

#[test]
fn a_channel_denied_is_tried_again_when_its_rights_change() {
    let mut host = Host::managed();
    host.put_file(&path_of(1), true);
    host.refuse(1, Some(ConnectError::Denied));
    host.announce(&path_of(1));
    host.run(secs(40));
    host.forget();
    host.refuse(1, None);
    host.touch(1);
    assert_eq!(host.attempts(), [secs(40)]);
    assert_eq!(host.state(1), Some(InstanceState::AwaitingInit));
}

#[test]
fn a_failing_channel_is_said_once_in_the_log_with_what_to_do() {
    let mut host = Host::managed();
    host.put_file(&path_of(1), true);
    host.refuse(1, Some(ConnectError::Denied));
    host.announce(&path_of(1));
    host.run(secs(3600));
    let said = host.notes.iter().filter(|note| note.contains("permission denied")).count();
    assert_eq!(said, 1, "{:?}", host.notes);
}

#[test]
fn what_is_not_a_socket_is_never_touched() {
    let mut host = Host::managed();
    host.appear_at(&path_of(1), false);
    host.appear_at(&other_path_of(2), false);
    host.run(secs(400));
    assert_eq!(host.attempts(), []);
    assert_eq!(host.server.instances().count(), 0);
}

#[test]
fn a_channel_replaced_by_something_else_is_closed_and_left_alone() {
    let mut host = Host::with_heartbeat();
    host.appear_at(&path_of(1), false);
    host.run(secs(400));
    assert_eq!(host.closes(), [1]);
    assert_eq!(host.events(), ["1 stopped"]);
    assert_eq!(host.attempts(), []);
}

#[test]
fn files_with_other_names_are_not_channels() {
    let mut host = Host::managed();
    for name in [
        "qmp-1.sock",
        "domain-1-guest",
        "cgcs.heartbeat..sock",
        "cgcs.heartbeat.00000000-0000-4000-8000-000000000001.socket",
        "cgcs.heartbeat.00000000-0000-4000-8000-00000000000.sock",
        "cgcs.heartbeat.00000000-0000-4000-8000-00000000/001.sock",
        "wrs.heartbeat.agent.1.00000000-0000-4000-8000-000000000001.sock",
    ] {
        let path = Path::new(DIRECTORY).join(name);
        host.appear_at(&path, true);
        host.input(Input::FileTouched(&path));
        host.vanish_at(&path);
    }
    assert_eq!(host.attempts(), []);
    assert_eq!(host.server.instances().count(), 0);
}

#[test]
fn an_instance_under_both_names_is_served_under_the_first_and_falls_back_to_the_other() {
    let mut host = Host::with_heartbeat();
    host.appear_at(&other_path_of(1), true);
    host.run(secs(200));
    assert_eq!(host.events(), [""; 0], "the second name disturbs nothing");
    host.vanish_at(&other_path_of(1));
    assert_eq!(host.connected_to(1), Some(path_of(1)));
    host.put_file(&other_path_of(1), true);
    host.vanish(1);
    host.run(ms(50));
    assert_eq!(host.connected_to(1), Some(other_path_of(1)));
}

#[test]
fn a_stale_file_under_one_name_does_not_keep_the_other_from_serving() {
    let mut host = Host::managed();
    host.put_file(&path_of(1), true);
    host.refuse(1, Some(ConnectError::Refused));
    host.announce(&path_of(1));
    host.run(ms(100));
    host.refuse(1, None);
    host.appear_at(&other_path_of(1), true);
    host.run(ms(50));
    assert_eq!(host.connected_to(1), Some(other_path_of(1)));
}

#[test]
fn a_scan_that_falls_together_with_a_reconnect_leaves_one_connection() {
    let mut host = Host::managed();
    host.run(ms(1));
    host.appear(1);
    host.run(secs(170));
    host.remove_file(&path_of(1));
    host.put_file(&other_path_of(1), true);
    host.stall(secs(71));
    assert_eq!(host.connected_to(1), Some(other_path_of(1)));
    host.forget();
    host.run(secs(100));
    assert_eq!(host.attempts(), [], "it stays");
}

#[test]
fn a_scan_of_one_directory_says_nothing_about_another() {
    let mut host = Host::managed();
    host.appear(1);
    let elsewhere = Path::new("/run/elsewhere");
    host.input(Input::Scanned { directory: elsewhere, files: Vec::new() });
    assert!(host.connected_to(1).is_some());
    host.input(Input::Scanned { directory: Path::new(DIRECTORY), files: Vec::new() });
    assert_eq!(host.state(1), None);
}

#[test]
fn ten_thousand_instances_are_served() {
    let mut host = Host::managed();
    for number in 1..=10_000 {
        host.boot(number);
    }
    host.run(secs(3));
    assert_eq!(host.server.instances().count(), 10_000);
    assert_eq!(host.server.counters().misses, 0);
    let challenges = host.server.counters().challenges;
    assert!((30_000..=40_000).contains(&challenges), "{challenges}");
}

#[test]
fn more_instances_than_the_limit_are_counted_and_hurt_no_other() {
    let mut host = Host::managed();
    for number in 1..=20_010 {
        host.name(number, Switch::Enabled);
    }
    assert_eq!(host.server.instances().count(), 20_000);
    assert_eq!(host.server.counters().over_limit, 10);
    host.forget();
    host.appear(20_001);
    assert_eq!(host.attempts(), [], "no room");
    host.vote(20_002, "stop");
    let answers = host.events();
    assert_eq!(answers.len(), 1, "a request is answered all the same");
    host.boot(1);
    assert_eq!(host.events(), ["1 running"]);
    host.delete(2);
    host.announce(&path_of(20_001));
    assert!(host.connected_to(20_001).is_some(), "there is room again");
}
