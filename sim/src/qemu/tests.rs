//! Real sockets. Nothing here waits for time to pass: each test waits for what must happen, within
//! a limit that is only there to end a broken run. That something does *not* happen is looked at
//! after the farm has gone round its loop ([`settled`]).

use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;

use guest_client::core::State;
use protocol::channel::{GuestMessage, HostMessage, LineDecoder};
use tempfile::TempDir;

use super::*;
use crate::clock;
use crate::guest::Act;

const LIMIT: Duration = Duration::from_secs(30);

/// A guestServer as small as can be.
struct Host {
    stream: UnixStream,
    decoder: LineDecoder,
    heard: Vec<GuestMessage>,
}

impl Host {
    fn connect(path: &Path) -> Self {
        let stream = connect(path);
        Self { stream, decoder: LineDecoder::default(), heard: Vec::new() }
    }

    fn say(&mut self, message: &HostMessage) {
        let mut bytes = Vec::new();
        message.encode(1, &mut bytes);
        self.stream.write_all(&bytes).unwrap();
    }

    fn challenge(&mut self, heartbeat_challenge: u32) {
        self.say(&HostMessage::Challenge { heartbeat_challenge });
    }

    fn next(&mut self) -> GuestMessage {
        let mut bytes = [0; 4096];
        while self.heard.is_empty() {
            let read = self.stream.read(&mut bytes).unwrap();
            assert_ne!(read, 0, "end of file");
            let mut lines = self.decoder.feed(&bytes[..read]);
            while let Some(line) = lines.next() {
                self.heard.extend(GuestMessage::decode(line));
            }
        }
        self.heard.remove(0)
    }

    fn acknowledge(&mut self) {
        let GuestMessage::Init(init) = self.next() else { panic!("no init") };
        self.say(&HostMessage::InitAck { invocation_id: init.invocation_id });
    }

    fn expect_answer(&mut self, challenge: u32) {
        let GuestMessage::ChallengeResponse(answer) = self.next() else { panic!("no answer") };
        assert_eq!(answer.heartbeat_response, challenge);
    }
}

fn connect(path: &Path) -> UnixStream {
    let stream = UnixStream::connect(path).unwrap();
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    stream.set_write_timeout(Some(LIMIT)).unwrap();
    stream
}

fn text(stream: &mut UnixStream, length: usize) -> String {
    let mut bytes = vec![0; length];
    stream.read_exact(&mut bytes).unwrap();
    String::from_utf8(bytes).unwrap()
}

fn nothing_to_read(stream: &mut UnixStream) -> bool {
    stream.set_nonblocking(true).unwrap();
    let result = stream.read(&mut [0; 10]);
    stream.set_nonblocking(false).unwrap();
    result.is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
}

fn refused(path: &Path) -> bool {
    UnixStream::connect(path).is_err_and(|error| error.kind() == ErrorKind::ConnectionRefused)
}

/// A hang-up: the end of file, or a reset if something was unread.
fn hung_up(stream: &mut UnixStream) -> bool {
    match stream.read(&mut [0; 4096]) {
        Ok(read) => read == 0,
        Err(error) => error.kind() == ErrorKind::ConnectionReset,
    }
}

/// All events that were there have been handled.
fn settled(qemus: &FakeQemus) {
    for _ in 0..3 {
        qemus.summary();
    }
}

fn until(condition: impl Fn() -> bool) {
    let end = clock::now() + LIMIT;
    while !condition() {
        assert!(clock::now() < end, "it never came true");
        std::thread::yield_now();
    }
}

/// A new folder whose sockets have short paths, wherever the usual one is.
fn folder() -> TempDir {
    TempDir::new_in("/tmp").unwrap()
}

fn scripted(count: usize) -> (TempDir, FakeQemus) {
    let dir = folder();
    let qemus = FakeQemus::start(Plan::new(dir.path(), count)).unwrap();
    (dir, qemus)
}

fn with_device() -> (TempDir, FakeQemus, PathBuf, PathBuf) {
    let dir = folder();
    let plan = Plan { device_dir: Some(dir.path().to_owned()), ..Plan::new(dir.path(), 1) };
    let qemus = FakeQemus::start(plan).unwrap();
    let (channel, device) = (qemus.channel_path(0), qemus.device_path(0).unwrap());
    (dir, qemus, channel, device)
}

#[test]
fn a_scripted_guest_announces_itself_and_answers() {
    let (_dir, qemus) = scripted(1);
    let mut host = Host::connect(&qemus.channel_path(0));
    host.acknowledge();
    for challenge in 1..=4 {
        host.challenge(challenge);
        host.expect_answer(challenge);
    }
    let summary = qemus.summary();
    assert_eq!((summary.connected, summary.enabled, summary.inits), (1, 1, 1));
    assert_eq!(summary.challenges_answered, 4);
    assert_eq!(summary.challenge_gaps.count, 2, "the first gap is not of the steady state");
    assert_eq!(summary.connect_latency.count, 1);
}

#[test]
fn many_channels_are_served_at_once_and_leave_no_file() {
    let (dir, qemus) = scripted(200);
    let mut hosts: Vec<Host> =
        (0..200).map(|index| Host::connect(&qemus.channel_path(index))).collect();
    for host in &mut hosts {
        host.acknowledge();
        host.challenge(7);
    }
    for host in &mut hosts {
        host.expect_answer(7);
    }
    let summary = qemus.finish().unwrap();
    assert_eq!((summary.connected, summary.enabled), (200, 200));
    assert_eq!(summary.challenges_answered, 200);
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn a_second_host_is_served_only_when_the_first_closes() {
    let (_dir, qemus) = scripted(1);
    let path = qemus.channel_path(0);
    let mut first = Host::connect(&path);
    first.acknowledge();
    let mut second = Host::connect(&path);
    second.challenge(5);
    first.challenge(6);
    first.expect_answer(6);
    settled(&qemus);
    assert!(nothing_to_read(&mut second.stream));
    drop(first);
    second.acknowledge();
    second.challenge(7);
    second.expect_answer(7);
}

#[test]
fn a_host_that_half_closes_is_dropped_and_the_next_one_is_served() {
    let (_dir, qemus) = scripted(1);
    let mut host = Host::connect(&qemus.channel_path(0));
    host.acknowledge();
    host.stream.shutdown(std::net::Shutdown::Write).unwrap();
    until(|| !qemus.has_host(0));
    assert!(hung_up(&mut host.stream));
    Host::connect(&qemus.channel_path(0)).acknowledge();
}

#[test]
fn a_host_that_never_reads_costs_the_guest_its_messages_and_nothing_else() {
    let (_dir, qemus) = scripted(2);
    let mut host = Host::connect(&qemus.channel_path(0));
    host.acknowledge();
    host.challenge(1);
    host.expect_answer(1);
    host.challenge(2);
    until(|| qemus.summary().challenges_answered == 2);
    qemus.act(0, Act::AnswerLate(Duration::from_millis(1)));
    qemus.act(0, Act::Babble { per_second: 100_000 });
    until(|| qemus.summary().writes_dropped > 0);
    host.challenge(3);
    until(|| qemus.summary().challenges_answered == 3);
    Host::connect(&qemus.channel_path(1)).acknowledge();
    qemus.act(0, Act::Babble { per_second: 0 });
    while !matches!(host.next(), GuestMessage::ChallengeResponse(a) if a.heartbeat_response == 2) {}
}

#[test]
fn a_hung_guest_is_silence_and_its_hosts_writes_pile_up() {
    let (_dir, qemus) = scripted(1);
    let mut host = Host::connect(&qemus.channel_path(0));
    host.acknowledge();
    host.challenge(1);
    host.expect_answer(1);
    qemus.act(0, Act::Hang);
    host.stream.set_nonblocking(true).unwrap();
    let filled = std::iter::repeat_with(|| host.stream.write(&[b' '; 4096]))
        .take(10_000)
        .find_map(Result::err);
    assert_eq!(filled.unwrap().kind(), ErrorKind::WouldBlock);
    host.stream.set_nonblocking(false).unwrap();
    qemus.act(0, Act::Recover);
    host.stream.write_all(b"\n").unwrap();
    host.challenge(2);
    host.expect_answer(2);
}

#[test]
fn a_host_that_leaves_a_hung_guest_is_noticed() {
    let (_dir, qemus) = scripted(1);
    let mut host = Host::connect(&qemus.channel_path(0));
    host.acknowledge();
    host.challenge(1);
    host.expect_answer(1);
    qemus.act(0, Act::Hang);
    host.stream.write_all(b"unread").unwrap();
    drop(host);
    until(|| !qemus.has_host(0));
    let mut host = Host::connect(&qemus.channel_path(0));
    until(|| qemus.has_host(0));
    settled(&qemus);
    assert!(nothing_to_read(&mut host.stream));
    qemus.act(0, Act::Recover);
    host.acknowledge();
}

#[test]
fn a_guest_that_leaves_says_so_and_the_host_sees_no_end_of_file() {
    let (_dir, qemus) = scripted(1);
    let mut host = Host::connect(&qemus.channel_path(0));
    host.acknowledge();
    host.challenge(1);
    host.expect_answer(1);
    qemus.act(0, Act::Leave);
    assert!(matches!(host.next(), GuestMessage::Exit(_)));
    host.challenge(2);
    settled(&qemus);
    assert!(nothing_to_read(&mut host.stream));
    qemus.act(0, Act::Start);
    host.acknowledge();
}

#[test]
fn faults_of_the_plan_happen_to_every_nth_guest() {
    let dir = folder();
    let faults = vec!["mute@0s/2".parse().unwrap()];
    let qemus = FakeQemus::start(Plan { faults, ..Plan::new(dir.path(), 2) }).unwrap();
    let mut hosts = [0, 1].map(|index| Host::connect(&qemus.channel_path(index)));
    for host in &mut hosts {
        host.acknowledge();
        host.challenge(9);
    }
    hosts[1].expect_answer(9);
    until(|| qemus.summary().muted == 1);
    assert!(qemus.first_unanswered(0).is_some() && qemus.first_unanswered(1).is_none());
    assert!(nothing_to_read(&mut hosts[0].stream));
}

#[test]
fn a_killed_qemu_leaves_a_file_that_refuses_and_starts_again() {
    let (_dir, qemus) = scripted(1);
    let path = qemus.channel_path(0);
    let mut host = Host::connect(&path);
    host.acknowledge();
    qemus.kill(0);
    assert!(hung_up(&mut host.stream));
    assert!(path.exists() && refused(&path));
    qemus.restart(0);
    Host::connect(&path).acknowledge();
}

#[test]
fn a_qemu_that_quits_removes_its_file() {
    let (dir, qemus) = scripted(1);
    let mut host = Host::connect(&qemus.channel_path(0));
    host.acknowledge();
    qemus.quit(0);
    assert!(hung_up(&mut host.stream));
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn a_stopped_guest_is_silence_and_answers_after_cont() {
    let (_dir, qemus) = scripted(1);
    let mut host = Host::connect(&qemus.channel_path(0));
    host.acknowledge();
    host.challenge(1);
    host.expect_answer(1);
    qemus.stop(0);
    host.challenge(2);
    settled(&qemus);
    assert!(nothing_to_read(&mut host.stream));
    qemus.cont(0);
    host.expect_answer(2);
}

#[test]
fn a_host_reconnect_while_stopped_is_invisible_to_the_guest() {
    let (_dir, qemus) = scripted(1);
    let mut host = Host::connect(&qemus.channel_path(0));
    host.acknowledge();
    host.challenge(1);
    host.expect_answer(1);
    qemus.stop(0);
    drop(host);
    until(|| !qemus.has_host(0));
    let mut host = Host::connect(&qemus.channel_path(0));
    until(|| qemus.has_host(0));
    qemus.cont(0);
    host.challenge(2);
    host.expect_answer(2);
    assert_eq!(qemus.summary().inits, 1);
}

#[test]
fn too_many_channels_are_refused_with_the_number_that_would_do() {
    let dir = folder();
    let error = FakeQemus::start(Plan::new(dir.path(), usize::MAX)).err().unwrap();
    assert!(matches!(error, Error::TooMany { .. }), "{error}");
    assert!(error.to_string().contains("at most"));
}

#[test]
fn a_folder_that_is_not_there_is_said() {
    let error = FakeQemus::start(Plan::new("/nonexistent/folder", 1)).err().unwrap();
    assert!(error.to_string().contains("/nonexistent/folder"), "{error}");
}

#[test]
fn guests_behind_devices_have_no_script() {
    let dir = folder();
    let plan = Plan {
        device_dir: Some(dir.path().to_owned()),
        faults: vec!["hang@0s".parse().unwrap()],
        ..Plan::new(dir.path(), 1)
    };
    assert!(matches!(FakeQemus::start(plan), Err(Error::NoScript)));
}

#[test]
fn without_a_host_a_device_refuses_and_with_one_it_carries_bytes() {
    let (_dir, qemus, channel, device) = with_device();
    assert!(refused(&device));
    let mut host = connect(&channel);
    until(|| qemus.has_host(0));
    let mut client = connect(&device);
    client.write_all(b"up").unwrap();
    assert_eq!(text(&mut host, 2), "up");
    host.write_all(b"down").unwrap();
    assert_eq!(text(&mut client, 4), "down");
}

#[test]
fn what_a_host_wrote_before_the_client_came_arrives() {
    let (_dir, qemus, channel, device) = with_device();
    let mut host = connect(&channel);
    host.write_all(b"early").unwrap();
    until(|| qemus.has_host(0));
    assert_eq!(text(&mut connect(&device), 5), "early");
}

#[test]
fn a_host_that_leaves_hangs_up_the_client_and_the_device_refuses_until_one_is_back() {
    let (_dir, qemus, channel, device) = with_device();
    let mut host = connect(&channel);
    until(|| qemus.has_host(0));
    let mut client = connect(&device);
    until(|| qemus.guest_is_open(0));
    host.write_all(b"half").unwrap();
    drop(host);
    assert_eq!(text(&mut client, 4), "half");
    assert!(hung_up(&mut client) && refused(&device));

    let mut host = connect(&channel);
    until(|| qemus.has_host(0));
    let mut client = connect(&device);
    client.write_all(b"back").unwrap();
    assert_eq!(text(&mut host, 4), "back");
}

#[test]
fn a_client_that_dies_is_no_end_of_file_and_the_next_one_gets_what_was_sent() {
    let (_dir, qemus, channel, device) = with_device();
    let mut host = connect(&channel);
    until(|| qemus.has_host(0));
    let client = connect(&device);
    until(|| qemus.guest_is_open(0));
    drop(client);
    until(|| !qemus.guest_is_open(0));
    assert!(nothing_to_read(&mut host));
    host.write_all(b"stale").unwrap();
    assert_eq!(text(&mut connect(&device), 5), "stale");
}

#[test]
fn a_second_client_waits_for_the_first_to_go() {
    let (_dir, qemus, channel, device) = with_device();
    let mut host = connect(&channel);
    until(|| qemus.has_host(0));
    let first = connect(&device);
    until(|| qemus.guest_is_open(0));
    let mut second = connect(&device);
    second.write_all(b"second").unwrap();
    settled(&qemus);
    assert!(nothing_to_read(&mut host));
    drop(first);
    assert_eq!(text(&mut host, 6), "second");
}

#[test]
fn a_stopped_qemu_carries_nothing_and_all_of_it_after_cont() {
    let (_dir, qemus, channel, device) = with_device();
    let mut host = connect(&channel);
    until(|| qemus.has_host(0));
    let mut client = connect(&device);
    until(|| qemus.guest_is_open(0));
    qemus.stop(0);
    client.write_all(b"up").unwrap();
    host.write_all(b"down").unwrap();
    settled(&qemus);
    assert!(nothing_to_read(&mut host) && nothing_to_read(&mut client));
    qemus.cont(0);
    assert_eq!(text(&mut host, 2), "up");
    assert_eq!(text(&mut client, 4), "down");
}

#[test]
fn a_killed_qemu_takes_its_client_with_it_and_a_new_one_takes_another() {
    let (_dir, qemus, channel, device) = with_device();
    let mut host = connect(&channel);
    until(|| qemus.has_host(0));
    let mut client = connect(&device);
    until(|| qemus.guest_is_open(0));
    qemus.kill(0);
    assert!(hung_up(&mut host) && hung_up(&mut client));
    assert!(refused(&channel) && refused(&device));
    qemus.restart(0);
    let mut host = connect(&channel);
    until(|| qemus.has_host(0));
    connect(&device).write_all(b"new").unwrap();
    assert_eq!(text(&mut host, 3), "new");
    qemus.quit(0);
    assert!(!channel.exists() && !device.exists());
}

#[test]
fn a_megabyte_in_each_direction_arrives_whole_although_readers_are_slow() {
    const LENGTH: usize = 1 << 20;
    let (_dir, qemus, channel, device) = with_device();
    let host = connect(&channel);
    until(|| qemus.has_host(0));
    let client = connect(&device);
    let bytes: Vec<u8> = (0..LENGTH).map(|i| u8::try_from(i % 251).unwrap()).collect();
    std::thread::scope(|scope| {
        for end in [&host, &client] {
            scope.spawn(|| (&*end).write_all(&bytes).unwrap());
        }
        for mut end in [&host, &client] {
            let mut read = vec![0; LENGTH];
            end.read_exact(&mut read).unwrap();
            assert!(read == bytes);
        }
    });
}

#[test]
fn a_guest_without_a_host_is_disabled() {
    let (_dir, qemus) = scripted(1);
    let host = Host::connect(&qemus.channel_path(0));
    until(|| qemus.has_host(0));
    drop(host);
    until(|| qemus.guest_state(0) == Some(State::Disabled));
}
