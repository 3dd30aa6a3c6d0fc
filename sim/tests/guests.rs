//! The command `guest-sim guests`.

use std::io::{BufRead, BufReader, Read};
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

fn guest_sim() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_guest-sim"));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// A new folder whose sockets have short paths, wherever the usual one is.
fn folder() -> tempfile::TempDir {
    tempfile::tempdir_in("/tmp").expect("a temporary folder")
}

#[test]
fn a_sigterm_ends_it_with_a_summary_and_no_file_is_left() {
    let dir = folder();
    let mut child = guest_sim()
        .args(["guests", "--count", "3", "--first", "16", "--json", "--dir"])
        .arg(dir.path())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stderr.take().unwrap()).read_line(&mut line).unwrap();
    assert!(line.starts_with("serving 3 channels"), "{line}");

    let socket = dir.path().join("cgcs.heartbeat.00000000-0000-4000-8000-000000000012.sock");
    let mut host = UnixStream::connect(socket).unwrap();
    let mut init = [0; 40];
    host.read_exact(&mut init).unwrap();

    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    let summary: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(summary["channels"], 3);
    assert_eq!(summary["connected"], 1);
    assert_eq!(summary["inits"], 1);
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn it_ends_by_itself_after_the_seconds_given() {
    let dir = folder();
    let output =
        guest_sim().args(["guests", "--seconds", "0", "--dir"]).arg(dir.path()).output().unwrap();
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("channels             1 (0 connected"), "{text}");
}

#[test]
fn more_channels_than_descriptors_are_refused_and_nothing_is_made() {
    let dir = folder();
    let output = guest_sim()
        .args(["guests", "--count", "1000000000000", "--dir"])
        .arg(dir.path())
        .output()
        .unwrap();
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("descriptors"));
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn a_misspelt_fault_is_refused_with_those_there_are() {
    let output = guest_sim().args(["guests", "--dir", "/", "--faults", "hangs@1s"]).output();
    let stderr = output.unwrap().stderr;
    assert!(String::from_utf8_lossy(&stderr).contains("recover"));
}
