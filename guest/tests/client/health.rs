//! The health script: each way in which it can end.

use protocol::channel::{ChallengeResponse, CorrectiveAction, Health};

use crate::harness::{Channel, Folder, Guest, Host, Process};

/// A file with this health script, run every second.
fn conf(path: &std::path::Path) -> String {
    format!(
        "CORRECTIVE_ACTION=stop\nHEALTH_CHECK_INTERVAL=1\nHEALTH_CHECK_SCRIPT={}\n",
        path.display()
    )
}

/// A heartbeating guest whose health script is this.
fn guest_with(body: &str) -> (Channel, Guest, Host) {
    let channel = Channel::new();
    let script = channel.folder.script("health", body);
    let guest = channel.client_of(&conf(&script));
    let mut host = channel.accept();
    host.enable();
    (channel, guest, host)
}

/// What the host hears once the script's verdict is there.
fn unhealthy(body: &str) -> ChallengeResponse {
    let (_channel, mut guest, mut host) = guest_with(body);
    guest.await_log("unhealthy");
    host.health()
}

fn is(answer: &ChallengeResponse, action: CorrectiveAction, log_msg: &str) {
    assert_eq!(answer.heartbeat_health, Health::Unhealthy);
    assert_eq!(answer.corrective_action, Some(action));
    assert_eq!(answer.log_msg.as_str(), log_msg);
}

#[test]
fn status_0_is_healthy() {
    let channel = Channel::new();
    let mut runs = channel.folder.fifo("runs");
    let body = format!("echo disk full\necho run > {}", runs.path().display());
    let script = channel.folder.script("health", &body);
    let _guest = channel.client_of(&conf(&script));
    let mut host = channel.accept();
    host.enable();
    // The second run begins after the end of the first.
    assert_eq!([runs.line(), runs.line()], ["run", "run"]);
    let answer = host.health();
    assert_eq!(answer.heartbeat_health, Health::Healthy);
    assert_eq!(answer.corrective_action, Some(CorrectiveAction::Stop));
}

#[test]
fn status_1_is_unhealthy_with_the_configured_action_and_the_first_line() {
    let body = r#"printf '  disk "sda" \\ full\t\r\nsecond line\n'; exit 1"#;
    is(&unhealthy(body), CorrectiveAction::Stop, r#"disk "sda" \ full"#);
}

#[test]
fn status_1_without_a_word_is_unhealthy_too() {
    is(&unhealthy("exit 1"), CorrectiveAction::Stop, "health script says unhealthy");
}

#[test]
fn the_action_is_asked_for_once() {
    let (_channel, mut guest, mut host) = guest_with("echo full; exit 1");
    guest.await_log("unhealthy");
    is(&host.health(), CorrectiveAction::Stop, "full");
    is(&host.health(), CorrectiveAction::None, "full");
}

#[test]
fn another_status_is_for_the_log() {
    let expected = "health script exited with status 3: no ping";
    is(&unhealthy("echo no ping; exit 3"), CorrectiveAction::Log, expected);
    is(&unhealthy("exit 127"), CorrectiveAction::Log, "health script exited with status 127");
}

#[test]
fn a_signal_is_for_the_log() {
    let expected = "health script died of signal 9";
    is(&unhealthy("echo fine; kill -9 $$"), CorrectiveAction::Log, expected);
}

#[test]
fn a_script_that_cannot_be_run_is_for_the_log() {
    let folder = Folder::new();
    let bad = folder.script("interpreter", "");
    std::fs::write(&bad, "#!/nonexistent/sh\n").unwrap();
    let no_interpreter = folder.script("no-interpreter", "");
    std::fs::write(&no_interpreter, "exit 0\n").unwrap();
    let cases = [
        (folder.path("missing"), "no such file"),
        (folder.file("data", "#!/bin/sh\n"), "not executable"),
        (no_interpreter, "neither a program nor a script that begins with #!"),
        (bad, "the interpreter that its first line names does not exist"),
    ];
    for (path, why) in cases {
        let channel = Channel::new();
        let mut guest = channel.client_of(&conf(&path));
        let mut host = channel.accept();
        host.enable();
        guest.await_log("unhealthy");
        let expected = format!("health script cannot be run: {}: {why}", path.display());
        is(&host.health(), CorrectiveAction::Log, &expected);
    }
}

#[test]
fn one_that_hangs_is_unhealthy_and_killed_with_all_its_processes() {
    let channel = Channel::new();
    let mut pids = channel.folder.fifo("pids");
    let body = format!("sleep 1000 & echo $$ $! > {}\nwait", pids.path().display());
    let script = channel.folder.script("health", &body);
    let mut guest = channel.client_of(&conf(&script));
    let mut host = channel.accept();
    host.enable();
    let first = pids.line();
    let (leader, member) = first.split_once(' ').unwrap();
    let processes = [Process::of(leader), Process::of(member)];
    guest.await_log("unhealthy");
    is(&host.health(), CorrectiveAction::Stop, "health script did not end within 1 s");
    processes.iter().for_each(Process::await_end);
    // The second run was killed before the third began, and the first reaped before that.
    pids.line();
    pids.line();
    assert!(!std::path::Path::new("/proc").join(leader).exists(), "{leader} is not reaped");
}

#[test]
fn a_script_that_is_well_again_is_healthy() {
    let channel = Channel::new();
    let sick = channel.folder.file("sick", "");
    let body = format!("test ! -e {}", sick.display());
    let script = channel.folder.script("health", &body);
    let mut guest = channel.client_of(&conf(&script));
    let mut host = channel.accept();
    host.enable();
    guest.await_log("unhealthy");
    assert_eq!(host.health().heartbeat_health, Health::Unhealthy);
    std::fs::remove_file(&sick).unwrap();
    guest.await_log("healthy again");
    assert_eq!(host.health().heartbeat_health, Health::Healthy);
}

#[test]
fn ten_megabytes_of_output_are_read_and_forgotten() {
    let body = "echo first; yes 0123456789 | head -c 10000000; exit 1";
    is(&unhealthy(body), CorrectiveAction::Stop, "first");
    let body = "tr '\\0' x < /dev/zero | head -c 10000000; exit 1";
    is(&unhealthy(body), CorrectiveAction::Stop, &"x".repeat(223));
}

#[test]
fn binary_output_stays_within_its_string() {
    let bytes = "\\001\\000\\377\\376}{\"\\\\\\033[31m\\303\\244";
    is(
        &unhealthy(&format!("printf '{bytes}\\n'; exit 1")),
        CorrectiveAction::Stop,
        "\u{fffd}\u{fffd}}{\"\\[31mä",
    );
}

#[test]
fn what_a_script_leaves_in_the_background_is_not_waited_for() {
    let channel = Channel::new();
    let mut pid = channel.folder.fifo("pid");
    let body = format!("sleep 1000 & echo $! > {}\necho left one; exit 1", pid.path().display());
    let script = channel.folder.script("health", &body);
    let mut guest = channel.client_of(&conf(&script));
    let mut host = channel.accept();
    host.enable();
    let background = pid.line();
    guest.await_log("unhealthy");
    is(&host.health(), CorrectiveAction::Stop, "left one");
    // It was not killed either; the test tidies up.
    guest.terminate();
    assert!(guest.end().0.success());
    let mut all = vec![background];
    all.extend(pid.lines_so_far());
    for pid in all {
        Process::of(&pid).kill();
    }
}

#[test]
fn what_a_script_complains_about_is_logged() {
    let (_channel, mut guest, _host) =
        guest_with("printf 'cannot \"ping\"\\n\\nand\\033[31m more' >&2");
    let line = guest.await_log("health script says");
    assert!(line.contains(r#""cannot \"ping\"""#), "{line}");
    let line = guest.await_log("health script says");
    assert!(line.contains("\"and[31m more\""), "{line}");
}

#[test]
fn a_script_that_complains_without_end_does_not_fill_the_log() {
    let (_channel, mut guest, mut host) = guest_with("yes help | head -c 1000000 >&2; exit 1");
    guest.await_log("unhealthy");
    host.health();
    guest.terminate();
    let (_, log) = guest.end();
    assert!(log.lines().count() < 100, "{} lines", log.lines().count());
}

#[test]
fn a_script_that_writes_without_end_does_not_keep_the_client_from_answering() {
    let (_channel, mut guest, mut host) = guest_with("yes & yes >&2 & wait");
    for value in 0..100 {
        host.challenge(value);
        assert_eq!(host.receive_answer(), value);
    }
    guest.await_log("unhealthy");
    is(&host.health(), CorrectiveAction::Stop, "health script did not end within 1 s");
}

#[test]
fn a_script_inherits_nothing_of_the_client() {
    let channel = Channel::new();
    let mut list = channel.folder.fifo("list");
    let body = format!(
        "all=; for fd in /proc/$$/fd/*; do all=\"$all $(readlink $fd)\"; done\n\
         cat; echo $all > {}",
        list.path().display()
    );
    let script = channel.folder.script("health", &body);
    let _guest = channel.client_for_apps(&conf(&script));
    let mut host = channel.accept();
    host.enable();
    let list = list.line();
    assert!(list.contains("/dev/null") && list.contains("pipe:"), "{list}");
    for kind in ["socket:", "anon_inode:"] {
        assert!(!list.contains(kind), "{list}");
    }
}

#[test]
fn a_stop_kills_the_script() {
    let channel = Channel::new();
    let mut pids = channel.folder.fifo("pids");
    let body = format!("echo $$ > {}; exec sleep 1000", pids.path().display());
    let script = channel.folder.script("health", &body);
    let conf = conf(&script).replace("INTERVAL=1\n", "INTERVAL=600\n");
    let guest = channel.client_of(&conf);
    let mut host = channel.accept();
    host.enable();
    let script = Process::of(&pids.line());
    guest.terminate();
    assert!(guest.end().0.success());
    script.await_end();
}
