//! The socket of the applications: good ones, silent ones, hostile ones.

use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;

use protocol::application::{FRAME, Message};
use protocol::channel::{CorrectiveAction, EventType, Health, NotificationType, VoteResult};

use crate::harness::{App, Channel, Guest, Host, registration};

/// A heartbeating guest that serves applications.
fn guest() -> (Channel, Guest, Host) {
    let (channel, guest, mut host) = guest_and_host();
    host.enable();
    (channel, guest, host)
}

/// The same before the host took its init.
fn guest_and_host() -> (Channel, Guest, Host) {
    let channel = Channel::new();
    let guest = channel.client_for_apps("");
    let host = channel.accept();
    (channel, guest, host)
}

fn says(host: &mut Host, health: Health, action: CorrectiveAction, log_msg: &str) {
    let answer = host.health();
    assert_eq!(
        (answer.heartbeat_health, answer.corrective_action, answer.log_msg.as_str()),
        (health, Some(action), log_msg)
    );
}

#[test]
fn an_application_registers_and_its_health_is_the_guests() {
    let (channel, mut guest, mut host) = guest();
    let mut app = App::register(&channel.api(), "db");
    let line = guest.await_log("an application registered");
    assert!(line.contains("\"db\""), "{line}");
    let challenge = app.receive_challenge();
    app.answer(challenge, Health::Unhealthy, "no \"disk\"");
    guest.await_log("an application is unhealthy");
    says(&mut host, Health::Unhealthy, CorrectiveAction::Stop, "no \"disk\"");
    let challenge = app.receive_challenge();
    app.answer(challenge, Health::Healthy, "");
    guest.await_log("an application is healthy again");
    says(&mut host, Health::Healthy, CorrectiveAction::Reboot, "");
}

#[test]
fn a_silent_application_is_unhealthy_until_it_answers() {
    let (channel, mut guest, mut host) = guest();
    let mut app = App::register(&channel.api(), "db");
    let challenge = app.receive_challenge();
    guest.await_log("an application is unhealthy");
    let expected = "Application db heartbeat timeout 800 ms.";
    says(&mut host, Health::Unhealthy, CorrectiveAction::Stop, expected);
    app.answer(challenge, Health::Healthy, "");
    guest.await_log("an application is healthy again");
    says(&mut host, Health::Healthy, CorrectiveAction::Reboot, "");
}

#[test]
fn a_crash_is_told_and_a_new_registration_forgives_it() {
    let (channel, mut guest, mut host) = guest();
    drop(App::register(&channel.api(), "db"));
    guest.await_log("closed its connection without notice");
    let expected = "Application db closed without notice";
    says(&mut host, Health::Unhealthy, CorrectiveAction::Log, expected);
    let _app = App::register(&channel.api(), "db");
    says(&mut host, Health::Healthy, CorrectiveAction::Reboot, "");
}

#[test]
fn a_crash_can_be_left_unseen() {
    let channel = Channel::new();
    let mut guest = channel.client_for_apps("APPLICATION_CRASH=ignore\n");
    let mut host = channel.accept();
    host.enable();
    drop(App::register(&channel.api(), "db"));
    guest.await_log("closed its connection without notice");
    says(&mut host, Health::Healthy, CorrectiveAction::Reboot, "");
}

#[test]
fn one_that_says_final_leaves_nothing_behind() {
    let (channel, mut guest, mut host) = guest();
    let mut app = App::register(&channel.api(), "db");
    app.send(&Message::Final("bye".into()));
    assert_eq!(app.receive(), None);
    let line = guest.await_log("an application left");
    assert!(line.contains("bye"), "{line}");
    says(&mut host, Health::Healthy, CorrectiveAction::Reboot, "");
}

#[test]
fn one_whose_final_crosses_a_question_has_not_crashed() {
    let (channel, mut guest, mut host) = guest_and_host();
    let init = host.enable();
    let mut app = App::register(&channel.api(), "db");
    guest.pause();
    host.notify(&init, EventType::Pause, NotificationType::Revocable);
    app.send(&Message::Final("bye".into()));
    drop(app);
    guest.go_on();
    assert_eq!(host.receive_response().vote_result, VoteResult::Accept);
    guest.await_log("an application left");
    says(&mut host, Health::Healthy, CorrectiveAction::Reboot, "");
}

#[test]
fn the_seventeenth_is_refused_and_takes_the_place_of_one_that_left() {
    let (channel, _guest, _host) = guest();
    let mut apps: Vec<App> =
        (0..16).map(|n| App::register(&channel.api(), &format!("app-{n}"))).collect();
    let mut late = App::connect(&channel.api());
    assert!(!late.init("late"));
    assert_eq!(late.receive(), None);
    apps[3].send(&Message::Final("".into()));
    while apps[3].receive().is_some() {}
    App::register(&channel.api(), "late");
}

#[test]
fn the_socket_is_for_root_and_its_group_and_goes_with_the_client() {
    let (channel, guest, _host) = guest();
    let mode = std::fs::metadata(channel.api()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o660);
    guest.terminate();
    assert!(guest.end().0.success());
    assert!(!channel.api().exists());
}

#[test]
fn a_killed_clients_socket_is_replaced_and_a_live_ones_is_not() {
    let (channel, guest, _host) = guest();
    guest.kill();
    assert!(channel.api().exists());
    let _guest = channel.client_for_apps("");
    let mut host = channel.accept();
    host.enable();
    let (status, log) = channel.client_for_apps("").end();
    assert_eq!(status.code(), Some(1));
    assert!(log.contains("another client serves applications there"), "{log}");
    App::register(&channel.api(), "db");
}

#[test]
fn a_socket_that_was_asked_for_and_cannot_be_is_an_error() {
    let channel = Channel::new();
    let api = channel.api().display().to_string();
    for (arguments, text) in [
        (["--api-socket", "/nonexistent/api", "--log-level", "info"], "No such file"),
        (["--api-socket", &api, "--api-group", "no such group"], "has no group"),
    ] {
        let (status, log) = channel.client_with(&arguments).end();
        assert_eq!(status.code(), Some(1));
        assert!(log.contains("--api-socket") && log.contains(text), "{log}");
    }
}

#[test]
fn noise_is_searched_for_the_next_message() {
    let (channel, _guest, mut host) = guest();
    let mut app = App::connect(&channel.api());
    let noise: Vec<u8> = b"FDFDA5A5 FDFD\0\xff".iter().copied().cycle().take(3_000_000).collect();
    assert!(!app.flood(&noise));
    assert!(!app.flood(&[0; FRAME]));
    assert!(app.init("loud"));
    host.challenge(8);
    assert_eq!(host.receive_answer(), 8);
}

#[test]
fn one_that_floods_and_does_not_read_hurts_only_itself() {
    let (channel, mut guest, mut host) = guest();
    let mut flood = App::register(&channel.api(), "flood");
    let registrations = registration("flood").encode(1).repeat(20_000);
    let flooder = std::thread::spawn(move || {
        flood.flood(&registrations);
        flood
    });
    guest.await_log("an application does not read");
    for value in 0..50 {
        host.challenge(value);
        assert_eq!(host.receive_answer(), value);
    }
    let mut good = App::register(&channel.api(), "good");
    let challenge = good.receive_challenge();
    good.answer(challenge, Health::Healthy, "");
    drop(flooder.join().unwrap());
    guest.await_log("closed its connection without notice");
    guest.terminate();
    let (_, log) = guest.end();
    assert!(log.lines().count() < 60, "{log}");
}

#[test]
fn many_connections_that_say_nothing_make_room_for_one_that_does() {
    let (channel, _guest, mut host) = guest();
    let _silent: Vec<UnixStream> =
        (0..300).map(|_| UnixStream::connect(channel.api()).unwrap()).collect();
    let mut app = App::register(&channel.api(), "db");
    app.receive_challenge();
    host.challenge(9);
    assert_eq!(host.receive_answer(), 9);
}

#[test]
fn without_descriptors_applications_wait_and_heartbeats_go_on() {
    let channel = Channel::new();
    let api = channel.api();
    let arguments = ["--api-socket", api.to_str().unwrap()];
    let mut guest = Guest::start_limited(16, &channel.path(), &arguments);
    let mut host = channel.accept();
    host.enable();
    let silent: Vec<UnixStream> = (0..20).map(|_| UnixStream::connect(&api).unwrap()).collect();
    guest.await_log("no descriptor left for an application");
    let before = guest.cpu_ticks();
    for value in 0..20 {
        host.challenge(value);
        assert_eq!(host.receive_answer(), value);
    }
    drop(silent);
    // It tries again some seconds later.
    App::register(&api, "db");
    let ticks = guest.cpu_ticks() - before;
    assert!(ticks < 50, "{ticks} ticks");
}
