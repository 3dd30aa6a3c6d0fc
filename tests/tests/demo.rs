//! `guest-sim demo` from its start to its end, and to an end before that.

use std::io::{BufRead, BufReader, Lines};
use std::ops::RangeInclusive;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{ChildStdout, Command, Stdio};

use end_to_end::{Ending, Process, Scratch, binary, mentioning};
use rustix::process::Signal;
use serde_json::Value;

const GUESTS: usize = 7;
/// guestAgent and two guestServers.
const DAEMONS: usize = 3;
/// Daemons, clients and an application.
const ALL: usize = DAEMONS + GUESTS + 1;
/// A client may have just started a script.
const SCRIPTS: usize = 1;

fn demo(scratch: &Scratch, args: &[&str]) -> Process {
    let mut command = Command::new(binary("guest-sim"));
    command
        .args(["demo", "--guests", &GUESTS.to_string()])
        .args(args)
        .env("TMPDIR", scratch.path());
    Process::start(command.stdout(Stdio::piped()).stderr(Stdio::piped()))
}

/// A demo in the middle, with its children. It could not go on if nobody read what it says.
struct Midway {
    demo: Process,
    children: Vec<Ending>,
    _stdout: Lines<BufReader<ChildStdout>>,
}

/// Goes on until it has said this so many times.
fn midway(scratch: &Scratch, sign: &str, times: usize) -> Midway {
    let mut demo = demo(scratch, &[]);
    let mut stdout = BufReader::new(demo.stdout()).lines();
    let said = stdout.by_ref().map_while(Result::ok).filter(|line| line.contains(sign));
    assert_eq!(said.take(times).count(), times, "it said {sign:?} less often");
    let children = mentioning(scratch.path()).into_iter().filter_map(Ending::of).collect();
    assert!(!scratch.is_empty());
    Midway { demo, children, _stdout: stdout }
}

fn names<'a>(list: &'a Value, key: &str) -> Vec<&'a str> {
    let entries = list.as_array().expect("a list");
    entries.iter().map(|entry| entry[key].as_str().expect("text")).collect()
}

#[test]
fn it_shows_that_all_is_right_and_leaves_nothing() {
    let scratch = Scratch::new();
    let (text, status) = demo(&scratch, &["--json"]).output();
    assert!(status.success(), "{text}");
    assert!(scratch.is_empty());
    assert!(mentioning(scratch.path()).is_empty());

    let report: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(report["right"], true);
    let scenes = &report["scenes"];
    assert_eq!(
        names(scenes, "action"),
        [
            "kill",
            "repair",
            "freeze",
            "thaw",
            "fall-ill",
            "reboot-ill",
            "crash-application",
            "start-application",
            "leave",
            "restart",
            "kill-qemu",
            "start-left",
            "start-qemu",
            "vote-stop",
            "vote-reboot",
            "notify-reboot",
            "reboot",
            "start-rebooted"
        ]
    );
    for scene in scenes.as_array().unwrap() {
        assert_eq!(scene["right"], true, "{scene}");
        assert!(scene["found_by"].is_string(), "{scene}");
        let action = scene["action"].as_str().unwrap();
        if action == "restart" {
            // Of two states that follow each other at once the VIM may hear only the second.
            continue;
        }
        let events = scene["events"].as_array().unwrap().iter();
        let events: Vec<_> =
            events.map(|it| (it["event"].as_str().unwrap(), it["so"].as_str())).collect();
        assert_eq!(events, expected(action), "{scene}");
    }
    for (action, key, words) in [
        ("fall-ill", "found_by", "the disk is full"),
        ("crash-application", "found_by", "Application database closed without notice"),
        ("vote-stop", "reason", "a backup runs, not now"),
    ] {
        let scene = scenes.as_array().unwrap().iter().find(|scene| scene["action"] == action);
        let said = scene.unwrap()[key].as_str().unwrap();
        assert!(said.contains(words), "{action}: {said}");
    }
    assert_eq!(names(&report["instances"], "state"), ["heartbeating"; GUESTS]);
    assert_eq!(names(&report["hosts"], "hostname"), ["compute-0", "compute-1"]);
    assert_eq!(report["vim"]["alarms"], 4);
    assert_eq!(report["vim"]["answers"], 3);
    let hosts = report["hosts"].as_array().unwrap();
    for daemon in hosts.iter().map(|host| &host["server"]).chain([&report["agent"]]) {
        assert!(daemon["resident_kb"].as_u64().unwrap() > 0, "{daemon}");
        assert!(daemon["ended_after_ms"].is_number(), "{daemon}");
    }
}

/// What the VIM is told, and what it makes of it.
fn expected(action: &str) -> Vec<(&'static str, Option<&'static str>)> {
    let stopped = ("heartbeat stopped", None);
    match action {
        "kill" => vec![stopped, ("failed", Some("reboots the instance"))],
        "freeze" => vec![stopped, ("failed", Some("logs it"))],
        "fall-ill" => vec![("unhealthy", Some("reboots the instance"))],
        "reboot-ill" => vec![stopped, ("heartbeat running", None)],
        "crash-application" => vec![("unhealthy", Some("logs it"))],
        "start-application" => vec![],
        "leave" | "kill-qemu" | "reboot" => vec![stopped],
        "vote-stop" => vec![("reject", Some("stop is called off"))],
        "vote-reboot" => vec![("allow", Some("reboot is allowed"))],
        "notify-reboot" => vec![("proceed", Some("reboot proceeds"))],
        _ => vec![("heartbeat running", None)],
    }
}

fn an_end_by(signal: Signal, sign: &str, times: usize, children: RangeInclusive<usize>) {
    let scratch = Scratch::new();
    let mut midway = midway(&scratch, sign, times);
    let count = midway.children.len();
    assert!(children.contains(&count), "{count} daemons and clients");
    midway.demo.signal(signal);
    assert_eq!(midway.demo.wait().code(), Some(1));
    assert!(midway.demo.errors().contains("interrupted"));
    assert!(midway.children.iter().all(Ending::has_come));
    assert!(mentioning(scratch.path()).is_empty());
    assert!(scratch.is_empty());
}

#[test]
fn an_interrupt_ends_every_process_and_removes_every_file() {
    for signal in [Signal::INT, Signal::TERM, Signal::HUP] {
        an_end_by(signal, "heartbeat running", GUESTS, ALL..=ALL + SCRIPTS);
    }
}

#[test]
fn an_interrupt_ends_a_frozen_client_too() {
    an_end_by(Signal::INT, "frozen (SIGSTOP)", 1, ALL..=ALL + SCRIPTS);
}

#[test]
fn an_interrupt_ends_a_guest_whose_script_fails_and_one_without_its_application() {
    an_end_by(Signal::TERM, "fell ill: unhealthy", 1, ALL..=ALL + SCRIPTS);
    an_end_by(Signal::INT, "lost its application: unhealthy", 1, ALL - 1..=ALL - 1 + SCRIPTS);
}

#[test]
fn an_interrupt_while_the_daemons_start_ends_them_too() {
    an_end_by(Signal::TERM, "listens for the VIM", 1, 1..=DAEMONS);
}

#[test]
fn even_if_it_is_killed_no_process_stays() {
    let scratch = Scratch::new();
    let mut midway = midway(&scratch, "heartbeat running", GUESTS);
    midway.demo.signal(Signal::KILL);
    midway.demo.wait();
    assert!(midway.children.iter().all(Ending::comes));
}

/// A guestServer that forgives six misses instead of one.
fn too_patient_server(dir: &Path) {
    let server = binary("guestServer");
    let script = format!(
        "#!/bin/sh\n\
         # The last value of the arguments is turned over until all have been looked at.\n\
         for word in \"$@\"; do\n\
         shift\n\
         [ \"$before\" = --failure-threshold ] && word=6\n\
         before=$word\n\
         set -- \"$@\" \"$word\"\n\
         done\n\
         exec '{}' \"$@\"\n",
        server.display()
    );
    let path = dir.join("guestServer");
    // By another process: a file that this one has open for writing, or a child that another test
    // has just started, cannot be executed.
    let write = "printf %s \"$1\" > \"$0\" && chmod +x \"$0\"";
    let status = Command::new("sh").arg("-c").arg(write).arg(&path).arg(script).status();
    assert!(status.expect("a shell").success());
    for name in ["guestAgent", "guest-client"] {
        symlink(binary(name), dir.join(name)).expect("a link in a new folder");
    }
}

#[test]
fn a_server_that_finds_the_dead_too_late_is_found_out() {
    let (scratch, programs) = (Scratch::new(), Scratch::new());
    too_patient_server(programs.path());
    let dir = programs.path().to_str().unwrap();
    let args = ["--json", "--interval-ms", "600", "--bin-dir", dir];
    let (text, status) = demo(&scratch, &args).output();
    assert_eq!(status.code(), Some(1), "{text}");
    let report: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(report["right"], false);
    let is_dead = |scene: &&Value| scene["action"] == "kill" || scene["action"] == "freeze";
    let dead: Vec<&Value> = report["scenes"].as_array().unwrap().iter().filter(is_dead).collect();
    assert_eq!(dead.len(), 2);
    assert!(dead.iter().all(|scene| scene["right"] == false), "{dead:?}");
    assert!(scratch.is_empty());
}

#[test]
fn programs_that_are_not_built_are_named_with_the_command_that_builds_them() {
    let scratch = Scratch::new();
    let output = Command::new(binary("guest-sim"))
        .args(["demo", "--bin-dir"])
        .arg(scratch.path())
        .output()
        .unwrap();
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(output.stdout.is_empty());
    assert!(message.contains("guestAgent is not there"), "{message}");
    assert!(message.contains("cargo build") && message.contains("make demo"), "{message}");
}
