//! Votes and notifications: each way in which the event script can end, and applications beside it.

use protocol::channel::{ActionResponse, EventType, Init, NotificationType, VoteResult};

use crate::harness::{App, Channel, Guest, Host, Process};

use EventType::{LiveMigrateBegin, Reboot, Stop};
use NotificationType::{Irrevocable, Revocable};
use VoteResult::{Accept, Complete, Reject, Timeout};

/// A heartbeating guest whose event script is this.
struct Scene {
    channel: Channel,
    guest: Guest,
    host: Host,
    init: Init,
}

impl Scene {
    fn new(body: &str) -> Self {
        let channel = Channel::new();
        let script = channel.folder.script("event", body);
        Self::with(channel, &script.display().to_string())
    }

    fn with(channel: Channel, script: &str) -> Self {
        let guest = channel.client_for_apps(&format!("EVENT_NOTIFICATION_SCRIPT={script}\n"));
        let mut host = channel.accept();
        let init = host.enable();
        Self { channel, guest, host, init }
    }

    fn asked(&mut self, event: EventType, kind: NotificationType) -> ActionResponse {
        self.host.notify(&self.init, event, kind);
        self.host.receive_response()
    }

    fn app(&mut self, name: &str) -> App {
        App::register(&self.channel.api(), name)
    }
}

fn is(response: &ActionResponse, vote_result: VoteResult, log_msg: &str) {
    assert_eq!((response.vote_result, response.log_msg.as_str()), (vote_result, log_msg));
}

/// The answers to a vote and to a notification.
fn answers(body: &str) -> [ActionResponse; 2] {
    let mut scene = Scene::new(body);
    [scene.asked(Stop, Revocable), scene.asked(Stop, Irrevocable)]
}

#[test]
fn the_script_is_told_what_happens() {
    let channel = Channel::new();
    let mut told = channel.folder.fifo("told");
    let body = format!("echo \"$# $1 $2\" > {}", told.path().display());
    let script = channel.folder.script("event", &body).display().to_string();
    let mut scene = Scene::with(channel, &script);
    let response = scene.asked(LiveMigrateBegin, Revocable);
    assert_eq!(told.line(), "2 revocable live_migrate_begin");
    assert_eq!((response.event_type, response.notification_type), (LiveMigrateBegin, Revocable));
    scene.asked(Reboot, Irrevocable);
    assert_eq!(told.line(), "2 irrevocable reboot");
}

#[test]
fn status_0_agrees() {
    let [vote, notification] = answers("echo fine");
    is(&vote, Accept, "");
    is(&notification, Complete, "");
}

#[test]
fn status_1_to_125_rejects_with_the_first_line() {
    for status in [1, 2, 125] {
        let [vote, notification] =
            answers(&format!("printf 'a \"backup\" runs\\nuntil noon\\n'; exit {status}"));
        is(&vote, Reject, "a \"backup\" runs");
        is(&notification, Complete, "a \"backup\" runs");
    }
    let [vote, _] = answers("exit 7");
    is(&vote, Reject, "event script exited with status 7");
}

#[test]
fn a_higher_status_is_no_opinion() {
    let [vote, notification] = answers("echo no such command; exit 127");
    is(&vote, Accept, "event script exited with status 127: no such command");
    is(&notification, Complete, "event script exited with status 127: no such command");
}

#[test]
fn a_signal_is_no_opinion() {
    let [vote, notification] = answers("kill -TERM $$");
    is(&vote, Accept, "event script died of signal 15");
    is(&notification, Complete, "event script died of signal 15");
}

#[test]
fn a_script_that_cannot_be_run_has_no_opinion() {
    let mut scene = Scene::with(Channel::new(), "/nonexistent/event");
    let why = "event script cannot be run: /nonexistent/event: no such file";
    is(&scene.asked(Stop, Revocable), Accept, why);
    is(&scene.asked(Stop, Irrevocable), Complete, why);
}

#[test]
fn one_that_hangs_is_killed_with_all_its_processes() {
    let channel = Channel::new();
    let mut pids = channel.folder.fifo("pids");
    let body = format!("sleep 1000 & echo $! > {}; wait", pids.path().display());
    let script = channel.folder.script("event", &body).display().to_string();
    let mut scene = Scene::with(channel, &script);
    for (kind, result) in [(Revocable, Timeout), (Irrevocable, Complete)] {
        scene.host.notify_within(&scene.init, Stop, kind, 2000);
        let member = Process::of(&pids.line());
        is(&scene.host.receive_response(), result, "event script did not end within 1 s");
        member.await_end();
    }
}

#[test]
fn a_newer_question_aborts_the_older_one() {
    let channel = Channel::new();
    let mut pids = channel.folder.fifo("pids");
    let body = format!(
        "test $2 = reboot && exit 0\nsleep 1000 & echo $! > {}; wait",
        pids.path().display()
    );
    let script = channel.folder.script("event", &body).display().to_string();
    let mut scene = Scene::with(channel, &script);
    scene.host.notify(&scene.init, Stop, Revocable);
    let older = Process::of(&pids.line());
    let response = scene.asked(Reboot, Revocable);
    assert_eq!((response.event_type, response.vote_result), (Reboot, Accept));
    older.await_end();
    // Nothing is said of the older one any more.
    scene.host.challenge(3);
    assert_eq!(scene.host.receive_answer(), 3);
}

#[test]
fn script_and_applications_are_asked_at_once_and_one_rejection_is_enough() {
    let channel = Channel::new();
    let mut runs = channel.folder.fifo("runs");
    let mut release = channel.folder.fifo("release");
    let (run, go) = (runs.path().display().to_string(), release.path().display().to_string());
    let body = format!("echo run > {run}; read go < {go}");
    let script = channel.folder.script("event", &body).display().to_string();
    let mut scene = Scene::with(channel, &script);
    let (mut one, mut other) = (scene.app("one"), scene.app("other"));
    scene.host.notify(&scene.init, Stop, Revocable);
    runs.line();
    let (to_one, to_other) = (one.receive_notify(), other.receive_notify());
    assert_eq!((to_one.event_type, to_one.notification_type), (Stop, Some(Revocable)));
    assert_ne!(to_one.invocation_id, to_other.invocation_id);
    one.vote(to_one, Reject, "a backup runs");
    other.vote(to_other, Accept, "");
    release.release();
    is(&scene.host.receive_response(), Reject, "a backup runs");
}

#[test]
fn an_application_that_goes_has_agreed() {
    let channel = Channel::new();
    let guest = channel.client_for_apps("");
    let mut host = channel.accept();
    let init = host.enable();
    let mut app = App::register(&channel.api(), "one");
    host.notify(&init, Stop, Revocable);
    app.receive_notify();
    drop(app);
    is(&host.receive_response(), Accept, "");
    drop(guest);
}

#[test]
fn heartbeats_go_on_while_a_question_is_open() {
    let channel = Channel::new();
    let mut release = channel.folder.fifo("release");
    let body = format!("read go < {}", release.path().display());
    let script = channel.folder.script("event", &body).display().to_string();
    let mut scene = Scene::with(channel, &script);
    scene.host.notify(&scene.init, Stop, Revocable);
    for value in 0..5 {
        scene.host.challenge(value);
        assert_eq!(scene.host.receive_answer(), value);
    }
    release.release();
    is(&scene.host.receive_response(), Accept, "");
    scene.guest.terminate();
    assert!(scene.guest.end().0.success());
}
