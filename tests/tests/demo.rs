//! `guest-sim demo` from its start to its end, and to an end before that.

use std::io::{BufRead, BufReader, Lines};
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{ChildStdout, Command, Stdio};

use end_to_end::{Ending, Process, Scratch, binary, mentioning};
use rustix::process::Signal;
use serde_json::Value;

const GUESTS: usize = 5;

fn demo(scratch: &Scratch, args: &[&str]) -> Process {
    let mut command = Command::new(binary("guest-sim"));
    command.args(["demo", "--guests", "5"]).args(args).env("TMPDIR", scratch.path());
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
            "freeze",
            "leave",
            "restart",
            "kill-qemu",
            "thaw",
            "start-killed",
            "start-left",
            "start-qemu"
        ]
    );
    for scene in scenes.as_array().unwrap() {
        assert_eq!(scene["right"], true, "{scene}");
        let events = names(&scene["events"], "event");
        let action = scene["action"].as_str().unwrap();
        let dead = matches!(action, "kill" | "freeze");
        assert_eq!(events.contains(&"heartbeat loss"), dead, "{scene}");
        let back = !scene["fault"].as_bool().unwrap();
        assert_eq!(events == ["heartbeat running"], back, "{scene}");
    }
    assert_eq!(names(&report["instances"], "state"), ["heartbeating"; GUESTS]);
    assert!(report["server"]["resident_kb"].as_u64().unwrap() > 0);
}

fn an_end_by(signal: Signal, sign: &str, times: usize, children: usize) {
    let scratch = Scratch::new();
    let mut midway = midway(&scratch, sign, times);
    assert_eq!(midway.children.len(), children, "guestServer and clients");
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
        an_end_by(signal, "heartbeat running", GUESTS, GUESTS + 1);
    }
}

#[test]
fn an_interrupt_ends_a_frozen_client_too() {
    an_end_by(Signal::INT, "frozen (SIGSTOP)", 1, GUESTS);
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
    symlink(binary("guest-client"), dir.join("guest-client")).expect("a link in a new folder");
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
    assert!(message.contains("guestServer is not there"), "{message}");
    assert!(message.contains("cargo build") && message.contains("make demo"), "{message}");
}
