//! Start and end, and the files around a running daemon.

use std::io::{BufRead, BufReader};
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use rustix::process::{Pid, Signal, getuid};

use crate::harness::{PROGRAM, Place, Process, await_in};

/// The user that owns nothing.
const NOBODY: u32 = 65534;

#[test]
fn terminate_and_interrupt_end_it_with_success_and_without_its_pid_file() {
    for signal in [Signal::TERM, Signal::INT] {
        let place = Place::new();
        let daemon = place.start(&[]);
        let channel = place.channel(1);
        let _guest = channel.accept().beat(1000);
        let pid = std::fs::read_to_string(place.path("pid")).unwrap();
        assert_eq!(pid, format!("{}\n", daemon.process.pid()));
        daemon.signal(signal);
        let (status, log) = daemon.end();
        assert_eq!(status.code(), Some(0), "{log:?}");
        assert!(!place.path("pid").exists());
    }
}

#[test]
fn a_lookup_that_takes_long_does_not_hold_up_the_end() {
    let place = Place::new();
    // Reserved never to exist; a resolver may be slow to say so.
    let daemon = place.start(&["--agent", "controller.invalid:2401"]);
    place.channel(1).accept().start(1000);
    daemon.signal(Signal::TERM);
    assert_eq!(daemon.end().0.code(), Some(0));
}

#[test]
fn a_stale_pid_file_is_overwritten() {
    let place = Place::new();
    place.write("pid", "4194304\nand more than that\n");
    let daemon = place.start(&[]);
    place.channel(1).accept().start(1000);
    let pid = std::fs::read_to_string(place.path("pid")).unwrap();
    assert_eq!(pid, format!("{}\n", daemon.process.pid()));
}

#[test]
fn a_pid_file_that_belongs_to_another_by_now_stays() {
    let place = Place::new();
    let daemon = place.start(&[]);
    place.channel(1).accept().start(1000);
    place.write("pid", "1\n");
    daemon.signal(Signal::TERM);
    assert_eq!(daemon.end().0.code(), Some(0));
    assert_eq!(std::fs::read_to_string(place.path("pid")).unwrap(), "1\n");
}

#[test]
fn a_pid_file_that_was_asked_for_and_cannot_be_written_prevents_the_start() {
    let place = Place::new();
    let output = place.command(&["--pid-file", "/does/not/exist/pid"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(stderr.contains("cannot write the pid file /does/not/exist/pid"), "{stderr}");
}

#[test]
fn a_port_in_use_prevents_the_start_and_leaves_the_other_pid_file_alone() {
    let place = Place::new();
    let daemon = place.start(&[]);
    place.channel(1).accept().start(1000);
    let taken = daemon.agent.server().to_string();
    let output = place.command(&["--listen", &taken]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(stderr.contains(&format!("cannot listen on {taken}")), "{stderr}");
    assert!(stderr.contains("another guestServer"), "{stderr}");
    let pid = std::fs::read_to_string(place.path("pid")).unwrap();
    assert_eq!(pid, format!("{}\n", daemon.process.pid()));
}

#[test]
fn an_address_of_another_machine_prevents_the_start_for_another_reason() {
    let place = Place::new();
    let output = place.command(&["--listen", "192.0.2.1:2411"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(stderr.contains("cannot listen on 192.0.2.1:2411"), "{stderr}");
    assert!(!stderr.contains("another guestServer"), "{stderr}");
}

#[test]
fn the_status_file_begins_with_ok_and_has_a_line_for_each_instance() {
    let place = Place::new();
    let daemon = place.start(&[]);
    let channels = [place.channel(1), place.channel(2)];
    let _guest = channels[0].accept().beat(500);
    let _silent = channels[1].accept();
    daemon.agent.add(1);
    daemon.agent.running(1);
    let status = daemon.await_status(|status| status.count("connects") == 2);
    assert!(status.0.starts_with("ok\n"), "{}", status.0);
    assert_eq!((status.count("instances"), status.count("heartbeating")), (2, 1));
    let beating = "heartbeating interval_ms=500 misses=0 reporting=enabled name=\"guest\"";
    assert_eq!(status.instance(1), Some(beating));
    let silent = "awaiting-init interval_ms=0 misses=0 reporting=disabled name=\"\"";
    assert_eq!(status.instance(2), Some(silent));
    assert!(status.0.lines().nth(1).unwrap().starts_with("uptime_s "));
}

#[test]
fn a_status_file_that_cannot_be_written_is_only_said() {
    let place = Place::new();
    let mut daemon = place.start(&["--status-file", "/does/not/exist/info"]);
    daemon.signal(Signal::USR1);
    daemon.await_log("cannot write the status file");
    place.channel(1).accept().start(1000);
}

#[test]
fn json_log_lines_are_objects() {
    let place = Place::new();
    let mut daemon = place.start(&["--log-format", "json"]);
    let channel = place.channel(1);
    channel.accept().start(1000);
    daemon.agent.send_bytes(b"too short");
    daemon.await_log("dropped a datagram");
    daemon.signal(Signal::TERM);
    let (_, log) = daemon.end();
    assert!(log.len() > 4, "{log:?}");
    let mut running = 0;
    for line in log {
        let object: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert!(object["level"].is_string() && object["timestamp"].is_string(), "{line}");
        assert!(object["fields"]["message"].is_string(), "{line}");
        if object["fields"]["message"] == "heartbeat running" {
            assert_eq!(object["fields"]["name"], "guest");
            running += 1;
        }
    }
    assert_eq!(running, 1);
}

#[test]
fn the_log_file_is_opened_anew_on_hang_up() {
    let place = Place::new();
    let log = place.path("log");
    let command = place.command(&["--log-file", log.to_str().unwrap()]);
    let daemon = place.run_logging_to(command, &log);
    std::fs::rename(&log, place.path("log.1")).unwrap();
    daemon.signal(Signal::HUP);
    await_in(place.folder(), || log.exists().then_some(()));
    daemon.signal(Signal::TERM);
    assert_eq!(daemon.end().0.code(), Some(0));
    assert!(std::fs::read_to_string(&log).unwrap().contains("ended by a signal"));
    assert!(std::fs::read_to_string(place.path("log.1")).unwrap().contains("listening"));
}

#[test]
fn a_hang_up_without_a_log_file_does_nothing() {
    let place = Place::new();
    let daemon = place.start(&[]);
    daemon.signal(Signal::HUP);
    let channel = place.channel(1);
    let guest = channel.accept().beat(500);
    guest.beats(2);
    daemon.await_status(|status| status.count("heartbeating") == 1);
}

#[test]
fn a_reader_of_its_log_that_goes_away_does_not_take_it_along() {
    let place = Place::new();
    let mut child = place.command(&[]).stderr(Stdio::piped()).spawn().unwrap();
    let process = Process::new(Pid::from_child(&child));
    let guard = Killed(&process);
    let mut log = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("listening for guestAgent") {
        line.clear();
        assert_ne!(log.read_line(&mut line).unwrap(), 0);
    }
    drop(log);
    for number in 0..3 {
        place.channel(number).accept().start(1000);
    }
    process.signal(Signal::TERM);
    process.await_end();
    drop(guard);
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

struct Killed<'a>(&'a Process);

impl Drop for Killed<'_> {
    fn drop(&mut self) {
        self.0.kill();
    }
}

#[test]
fn it_runs_without_root_on_a_directory_of_its_own() {
    let place = Place::new();
    let program = place.path("guestServer");
    // By a process of its own: a descriptor for writing that a child inherits makes it busy.
    assert!(Command::new("cp").arg(PROGRAM).arg(&program).status().unwrap().success());
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    let mut command = place.command_of(&program, &[]);
    command.env_remove("GUEST_SERVER_PID_FILE");
    if getuid().is_root() {
        for path in [place.folder().to_owned(), place.channels()] {
            chown(path, Some(NOBODY), Some(NOBODY)).unwrap();
        }
        command.uid(NOBODY).gid(NOBODY);
    }
    let mut daemon = place.run(command);
    daemon.await_log("no pid file; name another place with --pid-file");
    let channel = place.channel(1);
    std::fs::set_permissions(&channel.path, std::fs::Permissions::from_mode(0o777)).unwrap();
    daemon.agent.add(1);
    let _guest = channel.accept().beat(1000);
    daemon.agent.running(1);
    daemon.await_status(|status| status.count("heartbeating") == 1);
}

#[test]
fn a_socket_that_it_may_not_connect_to_is_said_and_connected_once_it_may() {
    if !getuid().is_root() {
        return; // Only root can make a socket that another user may not connect to.
    }
    let place = Place::new();
    let program = place.path("guestServer");
    assert!(Command::new("cp").arg(PROGRAM).arg(&program).status().unwrap().success());
    let mut command = place.command_of(&program, &[]);
    chown(place.folder(), Some(NOBODY), Some(NOBODY)).unwrap();
    command.uid(NOBODY).gid(NOBODY);
    let mut daemon = place.run(command);
    let channel = place.channel(1);
    std::fs::set_permissions(&channel.path, std::fs::Permissions::from_mode(0o700)).unwrap();
    daemon.await_log("permission denied");
    std::fs::set_permissions(&channel.path, std::fs::Permissions::from_mode(0o777)).unwrap();
    channel.accept().start(1000);
}

#[test]
fn channels_beyond_the_limit_of_descriptors_wait_and_the_daemon_stays_whole() {
    let place = Place::new();
    let mut command = Command::new("/bin/sh");
    let script = format!("ulimit -n 80; exec {PROGRAM:?} \"$@\"");
    let configured = place.command(&[]);
    command.arg("-c").arg(script).env_clear();
    command.envs(configured.get_envs().filter_map(|(key, value)| Some((key, value?))));
    let mut daemon = place.run(command);
    let mut channels: Vec<_> = (0..120).map(|number| place.channel(number)).collect();
    daemon.await_log("no descriptor left: raise the limit of open files");
    let status = daemon.await_status(|status| status.count("instances") == 120);
    assert!((1..80).contains(&status.count("connects")), "{}", status.0);
    let later = channels.split_off(100);
    channels.into_iter().for_each(crate::harness::Channel::remove);
    let _guests: Vec<_> = later.iter().map(|c| c.accept().beat(1000)).collect();
    daemon.await_status(|status| status.count("heartbeating") == 20);
}
