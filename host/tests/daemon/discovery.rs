//! Which channels are found, and when one counts as another.

use std::os::unix::net::UnixListener;

use crate::harness::{Channel, Place, name_of};

#[test]
fn channels_that_exist_before_the_start_are_connected() {
    let place = Place::new();
    let channels: Vec<Channel> = (0..20).map(|number| place.channel(number)).collect();
    let daemon = place.start(&[]);
    for channel in &channels {
        channel.accept().start(1000);
    }
    assert_eq!(daemon.status().count("instances"), 20);
}

#[test]
fn a_channel_created_later_is_connected_and_forgotten_when_removed() {
    let place = Place::new();
    let daemon = place.start(&[]);
    let channel = place.channel(1);
    let mut guest = channel.accept();
    guest.start(1000);
    channel.remove();
    while guest.listen().is_some() {}
    daemon.await_status(|status| status.count("instances") == 0);
}

#[test]
fn both_names_of_a_channel_are_known() {
    let place = Place::new();
    let _daemon = place.start(&[]);
    let other = name_of(1).replace("cgcs.heartbeat.", "wrs.heartbeat.agent.0.");
    Channel::at(place.channels().join(other)).accept().start(1000);
}

#[test]
fn a_replaced_socket_is_connected_instead_of_the_old_one() {
    let place = Place::new();
    let _daemon = place.start(&[]);
    let old = place.channel(1);
    let mut guest = old.accept();
    guest.start(1000);
    old.remove();
    let new = place.channel(1);
    new.accept().start(1000);
    while guest.listen().is_some() {}
}

#[test]
fn a_socket_renamed_over_another_is_connected_instead() {
    let place = Place::new();
    let _daemon = place.start(&[]);
    let old = place.channel(1);
    let mut guest = old.accept();
    guest.start(1000);
    let new = Channel::at(place.path("elsewhere.sock"));
    std::fs::rename(&new.path, &old.path).unwrap();
    new.accept().start(1000);
    while guest.listen().is_some() {}
}

#[test]
fn a_socket_is_found_when_renamed_in_and_lost_when_renamed_away() {
    let place = Place::new();
    let daemon = place.start(&[]);
    let channel = Channel::at(place.path("elsewhere.sock"));
    let inside = place.channels().join(name_of(1));
    std::fs::rename(&channel.path, &inside).unwrap();
    let mut guest = channel.accept();
    guest.start(1000);
    std::fs::rename(&inside, place.channels().join("qmp-1.sock")).unwrap();
    while guest.listen().is_some() {}
    daemon.await_status(|status| status.count("instances") == 0);
}

#[test]
fn a_file_that_nobody_serves_yet_is_connected_once_somebody_does() {
    let place = Place::new();
    let daemon = place.start(&[]);
    let path = place.channels().join(name_of(1));
    drop(UnixListener::bind(&path).unwrap());
    daemon.await_status(|status| status.count("connect_failures") > 4);
    let elsewhere = Channel::at(place.path("elsewhere.sock"));
    std::fs::rename(&elsewhere.path, &path).unwrap();
    elsewhere.accept().start(1000);
}

#[test]
fn qemu_that_closes_the_connection_is_connected_anew() {
    let place = Place::new();
    let daemon = place.start(&[]);
    let channel = place.channel(1);
    for _ in 0..3 {
        channel.accept().start(1000);
    }
    assert!(daemon.status().count("disconnects") >= 2);
}

#[test]
fn several_directories_are_served() {
    let place = Place::new();
    let (one, two) = (place.path("one"), place.path("two"));
    std::fs::create_dir(&one).unwrap();
    std::fs::create_dir(&two).unwrap();
    let before = Channel::open(&one, 1);
    let dirs = [one.to_str().unwrap(), two.to_str().unwrap()];
    let _daemon = place.start(&["--channel-dir", dirs[0], "--channel-dir", dirs[1]]);
    before.accept().start(1000);
    Channel::open(&one, 2).accept().start(1000);
    Channel::open(&two, 3).accept().start(1000);
}

#[test]
fn a_directory_that_appears_later_is_served() {
    let place = Place::new();
    std::fs::remove_dir(place.channels()).unwrap();
    let mut daemon = place.start(&[]);
    let said = daemon.await_log("cannot watch the channel directory");
    assert!(said.contains(place.channels().to_str().unwrap()), "{said}");
    std::fs::create_dir(place.channels()).unwrap();
    place.channel(1).accept().start(1000);
    place.channel(2).accept().start(1000);
}

#[test]
fn a_directory_that_is_removed_and_made_again_is_served() {
    let place = Place::new();
    let daemon = place.start(&[]);
    let channel = place.channel(1);
    let mut guest = channel.accept();
    guest.start(1000);
    std::fs::remove_dir_all(place.channels()).unwrap();
    while guest.listen().is_some() {}
    daemon.await_status(|status| status.count("instances") == 0);
    std::fs::create_dir(place.channels()).unwrap();
    place.channel(1).accept().start(1000);
    place.channel(2).accept().start(1000);
}

#[test]
fn a_directory_that_is_replaced_by_another_is_served() {
    let place = Place::new();
    let daemon = place.start(&[]);
    let old = place.channel(1);
    let mut guest = old.accept();
    guest.start(1000);
    std::fs::rename(place.channels(), place.path("away")).unwrap();
    std::fs::create_dir(place.channels()).unwrap();
    while guest.listen().is_some() {}
    place.channel(2).accept().start(1000);
    let unseen = Channel::open(&place.path("away"), 3);
    place.channel(4).accept().start(1000);
    assert!(!unseen.has_caller(), "a directory that was moved away is not served");
    assert!(daemon.status().instance(3).is_none());
}

#[test]
fn a_directory_that_is_named_twice_is_served_once() {
    let place = Place::new();
    let dir = place.channels();
    let dir = dir.to_str().unwrap();
    let daemon = place.start(&["--channel-dir", dir, "--channel-dir", dir]);
    let channel = place.channel(1);
    let guest = channel.accept().beat(400);
    place.channel(2).accept().start(1000);
    guest.beats(2);
    assert!(!channel.has_caller());
    assert_eq!(daemon.status().count("connects"), 2);
}

#[test]
fn a_socket_that_was_replaced_before_its_events_were_read_is_connected_once() {
    let place = Place::new();
    let daemon = place.start(&[]);
    let old = place.channel(1);
    let mut guest = old.accept();
    guest.start(1000);
    daemon.stop();
    let mut channel = old;
    for _ in 0..3 {
        channel.remove();
        channel = place.channel(1);
    }
    daemon.go_on();
    let new = channel.accept().beat(400);
    while guest.listen().is_some() {}
    new.beats(2);
    assert!(!channel.has_caller());
    assert_eq!(daemon.status().count("connects"), 2);
}
