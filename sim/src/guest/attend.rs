//! A scripted guest on a modelled channel.

use std::time::Instant;

use super::{Port, ScriptedGuest};
use crate::channel::{Channel, GUEST_READ_MAX};

/// Carries everything between the guest and its port that can be carried `now`: opens or closes the
/// port, hands in hang-ups and bytes, does what is due, and writes. A guest that is stopped or has
/// no QEMU does nothing, and its deadlines do not count until it goes on. `scratch` only saves allocations.
pub fn attend(
    guest: &mut ScriptedGuest,
    channel: &mut Channel,
    now: Instant,
    scratch: &mut Vec<u8>,
) {
    if !channel.is_running() {
        return;
    }
    // What is due may start the program, so the port is looked at again after it.
    agree(guest, channel);
    read(guest, channel, now);
    guest.handle_deadline(now);
    agree(guest, channel);
    read(guest, channel, now);
    write(guest, channel, now, scratch);
    agree(guest, channel);
}

fn agree(guest: &ScriptedGuest, channel: &mut Channel) {
    match (guest.port(), channel.guest_is_open()) {
        (Port::Closed, true) => channel.guest_close(),
        (Port::Hung | Port::Open, false) => {
            channel.guest_open().expect("the guest runs and the port is closed");
        }
        _ => {}
    }
}

fn read(guest: &mut ScriptedGuest, channel: &mut Channel, now: Instant) {
    if guest.port() != Port::Open {
        return;
    }
    let mut bytes = [0; GUEST_READ_MAX];
    while channel.guest_readable() {
        match channel.guest_read(&mut bytes) {
            Ok(0) => {
                guest.channel_down(now);
                if channel.guest_sees_hup() {
                    return;
                }
            }
            Ok(read) => {
                // The fragment that an old host left is read before its hang-up.
                if !channel.guest_sees_hup() {
                    guest.channel_up(now);
                }
                guest.received(now, &bytes[..read]);
            }
            Err(_) => return,
        }
    }
    guest.channel_up(now);
}

fn write(guest: &mut ScriptedGuest, channel: &mut Channel, now: Instant, scratch: &mut Vec<u8>) {
    while guest.poll_write(now, scratch).is_some() {
        // What is not taken is dropped: the protocol repeats.
        let _ = channel.guest_write(scratch);
    }
}
