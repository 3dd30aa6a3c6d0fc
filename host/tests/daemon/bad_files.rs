//! Other files in a channel directory than QEMU's sockets.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixDatagram;

use rustix::fs::{CWD, FileType, Mode, mknodat};

use crate::harness::{Channel, Place, name_of};

/// Puts every kind of file there; the sockets that must not be called.
fn litter(place: &Place, first: u64) -> Vec<Channel> {
    let inside = |name: &str| place.channels().join(name);
    let channel_name = |number| inside(&name_of(first + number));
    let target = Channel::at(place.path(&format!("target-{first}.sock")));
    symlink(&target.path, channel_name(0)).unwrap();
    symlink("/does/not/exist", channel_name(1)).unwrap();
    symlink(channel_name(2), channel_name(2)).unwrap();
    mknodat(CWD, channel_name(3), FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    std::fs::write(channel_name(4), "not a socket").unwrap();
    std::fs::create_dir(channel_name(5)).unwrap();
    std::fs::write(channel_name(5).join("file"), "").unwrap();
    std::fs::write(inside(&format!("bell\u{7}\n{first}")), "").unwrap();
    let not_text = [b"cgcs.heartbeat.\xff\xfe-", first.to_string().as_bytes(), b".sock"].concat();
    std::fs::write(place.channels().join(OsStr::from_bytes(&not_text)), "").unwrap();
    let short = name_of(first).replace("0000-4000", "000-4000");
    let names = [
        format!("qmp-{first}.sock"),
        format!("domain-{first}-guest"),
        short,
        format!("{}.new", name_of(first)),
        format!("x{}", name_of(first)),
        name_of(first).to_uppercase(),
    ];
    let mut sockets: Vec<Channel> = names.iter().map(|name| Channel::at(inside(name))).collect();
    sockets.push(target);
    sockets
}

#[test]
fn nobodys_file_is_touched_or_hurts_before_or_after_the_start() {
    let place = Place::new();
    let mut uncalled = litter(&place, 100);
    let before = place.channel(1);
    let daemon = place.start(&[]);
    before.accept().start(1000);
    uncalled.extend(litter(&place, 200));
    let after = place.channel(2);
    after.accept().start(1000);
    for socket in &uncalled {
        assert!(!socket.has_caller(), "{}", socket.path.display());
    }
    assert_eq!(daemon.status().count("instances"), 2);
}

#[test]
fn a_datagram_socket_with_a_channels_name_is_never_connected() {
    let place = Place::new();
    let daemon = place.start(&[]);
    let _socket = UnixDatagram::bind(place.channels().join(name_of(1))).unwrap();
    place.channel(2).accept().start(1000);
    daemon.await_status(|status| status.count("connect_failures") > 4);
    assert!(daemon.status().instance(1).unwrap().starts_with("unconnected"));
}

#[test]
fn a_channel_whose_file_becomes_something_else_is_closed() {
    let place = Place::new();
    let daemon = place.start(&[]);
    let channel = place.channel(1);
    let mut guest = channel.accept();
    guest.start(1000);
    symlink(place.path("target"), place.path("link")).unwrap();
    std::fs::rename(place.path("link"), &channel.path).unwrap();
    while guest.listen().is_some() {}
    daemon.await_status(|status| status.count("instances") == 0);
}
