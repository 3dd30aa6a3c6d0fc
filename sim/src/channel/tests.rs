use super::*;

fn host_takes(channel: &mut Channel, host: HostConn) -> String {
    let mut out = vec![0; 300_000];
    let mut all = Vec::new();
    while let Ok(read @ 1..) = channel.host_read(host, &mut out) {
        all.extend_from_slice(&out[..read]);
    }
    String::from_utf8(all).unwrap()
}

/// Reads until nothing is left or a hang-up is seen.
fn guest_takes(channel: &mut Channel) -> String {
    let mut out = [0; GUEST_READ_MAX];
    let mut all = Vec::new();
    while let Ok(read @ 1..) = channel.guest_read(&mut out) {
        all.extend_from_slice(&out[..read]);
    }
    String::from_utf8(all).unwrap()
}

fn open_with_host() -> (Channel, HostConn) {
    let mut channel = Channel::new();
    let host = channel.host_connect().unwrap();
    channel.guest_open().unwrap();
    (channel, host)
}

#[test]
fn both_directions_carry_bytes() {
    let (mut channel, host) = open_with_host();
    assert_eq!(channel.host_write(host, b"down"), Ok(4));
    assert_eq!(channel.guest_write(b"up"), Ok(2));
    assert!(channel.guest_readable() && channel.host_readable(host));
    assert_eq!(guest_takes(&mut channel), "down");
    assert_eq!(host_takes(&mut channel, host), "up");
    assert!(!channel.guest_readable() && !channel.host_readable(host));
    assert_eq!(channel.held(), 0);
}

#[test]
fn a_host_may_write_before_the_guest_opens_and_all_of_it_arrives_on_open() {
    let mut channel = Channel::new();
    let host = channel.host_connect().unwrap();
    let mut taken = 0;
    while let Ok(n) = channel.host_write(host, &[b'x'; 1000]) {
        taken += n;
    }
    assert_eq!(taken, TO_GUEST_MAX);
    assert_eq!(channel.host_write(host, b"more"), Err(HostError::WouldBlock));
    channel.guest_open().unwrap();
    assert_eq!(guest_takes(&mut channel).len(), TO_GUEST_MAX);
    assert_eq!(channel.host_write(host, b"more"), Ok(4));
}

#[test]
fn what_was_written_before_the_guest_opened_is_lost_if_the_host_leaves_first() {
    let mut channel = Channel::new();
    let host = channel.host_connect().unwrap();
    channel.host_write(host, b"lost").unwrap();
    channel.host_close(host);
    let host = channel.host_connect().unwrap();
    channel.host_write(host, b"kept").unwrap();
    channel.guest_open().unwrap();
    assert_eq!(guest_takes(&mut channel), "kept");
}

#[test]
fn a_guest_without_a_host_sees_a_hang_up_and_nothing_is_queued() {
    let mut channel = Channel::new();
    channel.guest_open().unwrap();
    assert!(channel.guest_sees_hup() && channel.guest_readable() && !channel.guest_writable());
    assert_eq!(channel.guest_read(&mut [0; 10]), Ok(0));
    assert_eq!(channel.guest_write(b"nobody"), Err(GuestError::WouldBlock));

    let host = channel.host_connect().unwrap();
    assert!(!channel.guest_sees_hup() && channel.guest_writable());
    assert_eq!(channel.host_read(host, &mut [0; 10]), Err(HostError::WouldBlock));
}

#[test]
fn a_second_open_in_the_guest_is_busy() {
    let (mut channel, _) = open_with_host();
    assert_eq!(channel.guest_open(), Err(GuestError::Busy));
    channel.guest_close();
    assert_eq!(channel.guest_open(), Ok(()));
}

#[test]
fn a_guest_program_that_is_killed_is_silence_and_its_successor_gets_what_was_sent_meanwhile() {
    let (mut channel, host) = open_with_host();
    channel.host_write(host, b"unread by the old one").unwrap();
    channel.guest_close();
    assert_eq!(channel.host_read(host, &mut [0; 10]), Err(HostError::WouldBlock));
    assert!(!channel.host_sees_eof(host));
    assert_eq!(channel.host_write(host, b"stale"), Ok(5));
    assert_eq!(channel.guest_write(b"x"), Err(GuestError::NotOpen));
    channel.guest_open().unwrap();
    assert!(!channel.guest_sees_hup());
    assert_eq!(guest_takes(&mut channel), "stale");
}

#[test]
fn a_host_that_leaves_is_a_hang_up_that_a_reconnect_clears_on_the_same_open_port() {
    let (mut channel, host) = open_with_host();
    channel.host_close(host);
    assert!(channel.guest_sees_hup());
    assert_eq!(channel.guest_read(&mut [0; 10]), Ok(0));
    assert_eq!(channel.guest_write(b"x"), Err(GuestError::WouldBlock));
    assert!(channel.guest_sees_hup(), "as long as no host is there");

    let host = channel.host_connect().unwrap();
    assert!(!channel.guest_sees_hup());
    assert_eq!(channel.guest_write(b"again"), Ok(5));
    assert_eq!(host_takes(&mut channel, host), "again");
}

#[test]
fn a_half_close_makes_qemu_drop_the_connection() {
    let (mut channel, host) = open_with_host();
    channel.host_half_close(host);
    assert!(channel.host_sees_eof(host) && channel.guest_sees_hup());
    assert_eq!(channel.host_read(host, &mut [0; 10]), Ok(0));
    assert_eq!(channel.host_write(host, b"x"), Err(HostError::BrokenPipe));
    channel.host_close(host);
    assert!(channel.host_connect().is_ok());
}

#[test]
fn a_fast_reconnect_loses_unread_lines_and_shows_the_guest_one_hang_up() {
    let (mut channel, host) = open_with_host();
    channel.guest_write(b"unread\n").unwrap();
    channel.host_close(host);
    let host = channel.host_connect().unwrap();
    assert!(!channel.host_readable(host));

    assert!(channel.guest_sees_hup());
    assert_eq!(channel.guest_write(b"one EAGAIN"), Err(GuestError::WouldBlock));
    assert!(!channel.guest_sees_hup());
    assert_eq!(channel.guest_write(b"then it works"), Ok(13));
}

#[test]
fn half_a_line_is_delivered_before_the_hang_up_and_the_new_hosts_bytes_after_it() {
    let (mut channel, host) = open_with_host();
    channel.host_write(host, b"{\"half").unwrap();
    channel.host_close(host);
    let host = channel.host_connect().unwrap();
    channel.host_write(host, b"{whole}\n").unwrap();
    assert_eq!(guest_takes(&mut channel), "{\"half", "up to the 0 of the hang-up");
    assert!(!channel.guest_sees_hup());
    assert_eq!(guest_takes(&mut channel), "{whole}\n");
}

#[test]
fn a_guest_that_reboots_or_panics_is_silence_and_comes_back_to_what_was_sent() {
    let (mut channel, host) = open_with_host();
    channel.guest_close();
    for _ in 0..4 {
        assert_eq!(channel.host_write(host, b"challenge\n"), Ok(10));
    }
    assert!(!channel.host_sees_eof(host));
    channel.guest_open().unwrap();
    assert_eq!(guest_takes(&mut channel).lines().count(), 4);
}

#[test]
fn while_stopped_bytes_wait_and_they_arrive_after_cont() {
    let (mut channel, host) = open_with_host();
    channel.stop();
    assert!(channel.is_stopped() && !channel.is_running());
    assert_eq!(channel.host_write(host, b"wait"), Ok(4));
    assert_eq!(channel.host_read(host, &mut [0; 10]), Err(HostError::WouldBlock));
    assert!(!channel.guest_readable());
    assert_eq!(channel.guest_read(&mut [0; 10]), Err(GuestError::WouldBlock));
    assert_eq!(channel.guest_write(b"x"), Err(GuestError::WouldBlock));
    channel.cont();
    assert_eq!(guest_takes(&mut channel), "wait");
}

#[test]
fn a_host_reconnect_while_stopped_is_invisible_to_the_guest() {
    let (mut channel, host) = open_with_host();
    channel.stop();
    channel.host_write(host, b"{\"half").unwrap();
    channel.host_close(host);
    let host = channel.host_connect().unwrap();
    channel.host_write(host, b"{whole}\n").unwrap();
    channel.cont();
    assert!(!channel.guest_sees_hup());
    assert_eq!(guest_takes(&mut channel), "{\"half{whole}\n");
}

#[test]
fn a_host_that_left_while_stopped_is_a_hang_up_after_cont() {
    let (mut channel, host) = open_with_host();
    channel.stop();
    channel.host_close(host);
    assert!(!channel.guest_sees_hup());
    channel.cont();
    channel.host_connect().unwrap();
    assert!(channel.guest_sees_hup(), "it was there for a moment");
    assert_eq!(channel.guest_read(&mut [0; 10]), Ok(0));
    assert!(!channel.guest_sees_hup());
}

#[test]
fn a_killed_qemu_is_an_end_of_file_and_leaves_a_file_that_refuses() {
    let (mut channel, host) = open_with_host();
    channel.guest_write(b"last words").unwrap();
    channel.kill();
    assert_eq!(host_takes(&mut channel, host), "last words");
    assert!(channel.host_sees_eof(host));
    assert_eq!(channel.host_read(host, &mut [0; 10]), Ok(0));
    assert_eq!(channel.host_write(host, b"x"), Err(HostError::BrokenPipe));
    assert!(channel.file_exists());
    assert_eq!(channel.host_connect(), Err(ConnectError::Refused));
    assert_eq!(channel.guest_open(), Err(GuestError::NoGuest));
}

#[test]
fn a_clean_quit_and_libvirt_after_a_kill_remove_the_file() {
    let (mut channel, host) = open_with_host();
    channel.quit();
    assert!(channel.host_sees_eof(host) && !channel.file_exists());
    assert_eq!(channel.host_connect(), Err(ConnectError::NotFound));

    let mut channel = Channel::new();
    channel.kill();
    channel.quit();
    assert!(!channel.file_exists());
}

#[test]
fn a_started_qemu_has_a_file_before_it_listens() {
    let mut channel = Channel::starting();
    assert!(channel.file_exists());
    assert_eq!(channel.host_connect(), Err(ConnectError::Refused));
    channel.listen();
    assert!(channel.host_connect().is_ok());

    channel.quit();
    channel.start();
    assert!(channel.file_exists());
    channel.listen();
    channel.guest_open().unwrap();
    assert!(channel.guest_sees_hup(), "connections of the old QEMU are not those of the new one");
}

#[test]
fn a_second_host_connects_and_writes_but_is_served_only_when_the_first_closes() {
    let (mut channel, first) = open_with_host();
    let second = channel.host_connect().unwrap();
    assert!(channel.host_is_served(first) && !channel.host_is_served(second));
    assert_eq!(channel.host_write(second, b"second"), Ok(6));
    assert!(!channel.guest_readable(), "the guest notices nothing");
    channel.guest_write(b"for the first").unwrap();
    assert!(!channel.host_readable(second));

    channel.host_close(first);
    assert!(channel.host_is_served(second));
    assert_eq!(channel.guest_read(&mut [0; 10]), Ok(0));
    assert_eq!(guest_takes(&mut channel), "second");
    channel.guest_write(b"for the second").unwrap();
    assert_eq!(host_takes(&mut channel, second), "for the second");
}

#[test]
fn a_host_that_is_not_served_fills_its_buffer_and_may_leave_unnoticed() {
    let (mut channel, _) = open_with_host();
    let second = channel.host_connect().unwrap();
    assert_eq!(channel.host_write(second, &vec![b'x'; 2 * TO_GUEST_MAX]), Ok(TO_GUEST_MAX));
    assert_eq!(channel.host_write(second, b"x"), Err(HostError::WouldBlock));
    channel.host_close(second);
    assert!(!channel.guest_sees_hup());
    assert_eq!(channel.held(), 0);
}

#[test]
fn a_few_hosts_may_wait_and_then_connect_blocks() {
    let (mut channel, first) = open_with_host();
    for _ in 0..BACKLOG {
        channel.host_connect().unwrap();
    }
    assert_eq!(channel.host_connect(), Err(ConnectError::WouldBlock));
    channel.host_close(first);
    assert!(channel.host_connect().is_ok());
}

#[test]
fn a_guest_writes_at_most_32768_bytes_and_reads_at_most_4096_at_once() {
    let (mut channel, host) = open_with_host();
    assert_eq!(channel.guest_write(&vec![b'x'; 100_000]), Ok(GUEST_WRITE_MAX));
    channel.host_write(host, &[b'y'; 10_000]).unwrap();
    let mut out = vec![0; 10_000];
    assert_eq!(channel.guest_read(&mut out), Ok(GUEST_READ_MAX));
    assert_eq!(channel.guest_read(&mut out), Ok(GUEST_READ_MAX));
    assert_eq!(channel.guest_read(&mut out), Ok(10_000 - 2 * GUEST_READ_MAX));
}

#[test]
fn a_host_that_never_reads_gets_about_400_messages_and_its_reconnect_drops_them() {
    let (mut channel, host) = open_with_host();
    let sent = std::iter::repeat_with(|| channel.guest_write(&[b'x'; 150]))
        .take_while(Result::is_ok)
        .count();
    assert_eq!(sent, TO_HOST_WRITES_MAX);
    assert_eq!(channel.guest_write(b"x"), Err(GuestError::WouldBlock));
    assert!(!channel.guest_writable() && !channel.guest_sees_hup());

    channel.host_close(host);
    let host = channel.host_connect().unwrap();
    assert!(!channel.host_readable(host));
    assert_eq!(channel.held(), 0);
    channel.guest_read(&mut [0; 10]).unwrap();
    assert_eq!(channel.guest_write(b"fresh"), Ok(5));
}

#[test]
fn a_host_that_reads_a_little_makes_room_for_a_few_messages() {
    let (mut channel, host) = open_with_host();
    while channel.guest_write(&[b'x'; 100]).is_ok() {}
    channel.host_read(host, &mut [0; 1000]).unwrap();
    let more = std::iter::repeat_with(|| channel.guest_write(&[b'x'; 100]))
        .take_while(Result::is_ok)
        .count();
    assert_eq!(more, 10);
}

#[test]
fn a_live_migration_goes_on_mid_stream_and_the_source_is_silent_until_it_quits() {
    let (mut source, old_host) = open_with_host();
    let mut destination = Channel::incoming();
    let new_host = destination.host_connect().unwrap();
    source.guest_write(b"before ").unwrap();
    source.host_write(old_host, b"unread ").unwrap();

    assert_eq!(destination.receive_migration(&mut source), Ok(()));
    assert!(!destination.guest_sees_hup(), "its host was connected already");
    assert_eq!(guest_takes(&mut destination), "unread ");
    destination.guest_write(b"after").unwrap();
    assert_eq!(host_takes(&mut destination, new_host), "after");

    assert_eq!(host_takes(&mut source, old_host), "before ");
    assert!(!source.host_sees_eof(old_host));
    assert_eq!(source.host_write(old_host, b"into the void"), Ok(13));
    assert_eq!(source.guest_write(b"x"), Err(GuestError::NoGuest));
    source.quit();
    assert!(source.host_sees_eof(old_host));
}

#[test]
fn a_migrated_guest_without_a_host_at_its_destination_sees_a_hang_up() {
    let (mut source, _) = open_with_host();
    let mut destination = Channel::incoming();
    destination.receive_migration(&mut source).unwrap();
    destination.host_connect().unwrap();
    assert!(destination.guest_sees_hup());
    assert_eq!(destination.receive_migration(&mut source), Err(CannotMigrate));
}
