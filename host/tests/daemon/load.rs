//! Much at once, and a daemon that is stopped for a while.

use std::fs::File;
use std::path::Path;
use std::time::Duration;

use protocol::channel::{Exit, GuestMessage, LogMsg};
use protocol::datagram::Event;

use crate::harness::{Beating, Channel, Place, all_beat};

#[test]
fn two_hundred_channels_that_end_at_once_cost_next_to_nothing() {
    let place = Place::new();
    let daemon = place.start(&["--failure-threshold", "5"]);
    let witness = place.channel(9999);
    let witness = witness.accept().beat(400);
    let channels: Vec<Channel> = (0..200).map(|number| place.channel(number)).collect();
    let mut guests: Vec<_> = channels.iter().map(Channel::accept).collect();
    for guest in &mut guests {
        guest.start(3000);
    }
    let open = daemon.process.descriptors();
    // QEMU is killed: nobody serves the sockets any more, and their files stay.
    drop((channels, guests));
    daemon.await_status(|status| status.count("disconnects") == 200);
    assert!(daemon.process.descriptors() <= open - 200, "descriptors are left open");
    let before = daemon.process.stat().ticks;
    witness.beats(8);
    let used = daemon.process.stat().ticks - before;
    assert!(used < 50, "used {used} hundredths of a second while there was nothing to do");
    let status = daemon.status();
    assert_eq!((status.count("instances"), status.count("heartbeating")), (201, 1));
}

#[test]
fn channels_that_come_and_go_leave_no_descriptor_behind() {
    let place = Place::new();
    let daemon = place.start(&[]);
    place.channel(1).accept().start(1000);
    let open = daemon.process.descriptors();
    for round in 0..300 {
        let channel = place.channel(2 + round % 3);
        let mut guest = channel.accept();
        guest.start(1000);
        if round % 2 == 0 {
            guest.say(&GuestMessage::Exit(Exit { log_msg: LogMsg::default() }));
        }
        channel.remove();
        while guest.listen().is_some() {}
    }
    daemon.await_status(|status| status.count("instances") == 1);
    assert!(daemon.process.descriptors() <= open);
}

#[test]
fn a_thousand_sockets_created_at_once_are_all_connected() {
    let place = Place::new();
    let _daemon = place.start(&[]);
    let channels: Vec<Channel> = (0..1000).map(|number| place.channel(number)).collect();
    for channel in &channels {
        channel.accept();
    }
}

/// Makes more events than the kernel keeps for a process that does not read them.
fn overflow(directory: &Path) {
    let most = std::fs::read_to_string("/proc/sys/fs/inotify/max_queued_events").unwrap();
    let most: usize = most.trim().parse().unwrap();
    let file = directory.join("noise");
    for _ in 0..most / 2 + 100 {
        File::create(&file).unwrap();
        std::fs::remove_file(&file).unwrap();
    }
}

#[test]
fn channels_are_found_although_their_file_events_were_lost() {
    let place = Place::new();
    let daemon = place.start(&[]);
    let removed = place.channel(1);
    let mut guest = removed.accept();
    guest.start(1000);
    daemon.stop();
    overflow(&place.channels());
    let channels: Vec<Channel> = (2..22).map(|number| place.channel(number)).collect();
    removed.remove();
    daemon.go_on();
    for channel in &channels {
        channel.accept().start(1000);
    }
    while guest.listen().is_some() {}
    assert!(daemon.status().instance(1).is_none());
}

#[test]
fn a_daemon_that_is_stopped_for_seconds_blames_no_guest_and_still_finds_a_dead_one() {
    let place = Place::new();
    let daemon = place.start(&[]);
    let channels: Vec<Channel> = (0..20).map(|number| place.channel(number)).collect();
    (0..20).for_each(|number| daemon.agent.add(number));
    let guests: Vec<Beating> = channels.iter().map(|c| c.accept().beat(400)).collect();
    daemon.agent.running(20);
    daemon.stop();
    assert_eq!(daemon.agent.within(Duration::from_secs(3)), [], "a stopped daemon says nothing");
    daemon.go_on();
    all_beat(&guests, 4);
    daemon.agent.settle();
    assert_eq!(daemon.agent.arrived(), []);
    assert!(daemon.status().count("stalls") > 0);
    guests[7].die();
    assert!(matches!(daemon.agent.event(), Event::Stopped(_)));
    assert!(matches!(daemon.agent.event(), Event::Loss { .. }));
}
