//! `--daemon`.

use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use rustix::process::{Pid, Signal};

use crate::harness::{Agent, Log, Place, Process, address_in};

/// A daemon in the background; killed when dropped.
struct Background {
    process: Process,
    agent: Agent,
    log: PathBuf,
}

impl Background {
    /// Of a start that succeeded.
    fn of(place: &Place, output: &Output) -> Self {
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(0), "{said}");
        let pid = std::fs::read_to_string(place.path("pid")).unwrap();
        let pid = Pid::from_raw(pid.trim().parse().unwrap()).unwrap();
        let process = Process::new(pid);
        let log = place.path("log");
        let text = std::fs::read_to_string(&log).unwrap();
        let line = text.lines().find(|line| line.contains("listening for guestAgent"));
        let agent = Agent::new(place.agent_socket(), address_in(line.unwrap()));
        Self { process, agent, log }
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        self.process.kill();
        if std::thread::panicking() {
            eprintln!("log: {}", std::fs::read_to_string(&self.log).unwrap_or_default());
        }
    }
}

/// Starts it with a log file in its place.
fn start(place: &Place, flags: &[&str]) -> Output {
    let mut command = place.command(flags);
    command.arg("--log-file").arg(place.path("log"));
    run(command)
}

/// Runs a command to its end; whoever still holds its output would hold this up.
fn run(mut command: Command) -> Output {
    command.stdin(Stdio::null()).output().unwrap()
}

#[test]
fn it_returns_once_it_listens_and_has_left_its_caller_altogether() {
    let place = Place::new();
    let output = start(&place, &["--daemon"]);
    let background = Background::of(&place, &output);
    assert_eq!(String::from_utf8_lossy(&output.stdout), "");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    let process = &background.process;
    assert_eq!(process.name(), "guestServer");
    let stat = process.stat();
    assert_eq!((stat.session, stat.terminal), (process.pid(), 0));
    for descriptor in ["fd/0", "fd/1", "fd/2"] {
        let file = std::fs::read_link(process.proc(descriptor)).unwrap();
        assert_eq!(file.to_str(), Some("/dev/null"));
    }
    assert_eq!(std::fs::read_link(process.proc("cwd")).unwrap().to_str(), Some("/"));
    let channel = place.channel(1);
    background.agent.add(1);
    channel.accept().start(1000);
    background.agent.running(1);
    process.signal(Signal::TERM);
    process.await_end();
    assert!(!place.path("pid").exists());
}

#[test]
fn the_ini_file_and_the_environment_can_ask_for_it_and_a_flag_can_refuse() {
    let place = Place::new();
    place.write("guestServer.ini", "[guest_server]\ndaemon = true\n");
    drop(Background::of(&place, &start(&place, &[])));
    let foreground = place.start(&["--daemon=false"]);
    place.channel(1).accept().start(1000);
    drop(foreground);
    let place = Place::new();
    let mut command = place.command(&["--log-file"]);
    command.arg(place.path("log")).env("GUEST_SERVER_DAEMON", "true");
    drop(Background::of(&place, &run(command)));
}

#[test]
fn relative_paths_mean_the_callers_directory() {
    let place = Place::new();
    let mut command = place.command(&["--daemon", "--log-file", "log", "--pid-file", "pid"]);
    command.args(["--status-file", "info", "--channel-dir", "channels"]);
    command.args(["--config", "guestServer.ini"]).current_dir(place.folder());
    let background = Background::of(&place, &run(command));
    place.channel(1).accept().start(1000);
    background.process.signal(Signal::USR1);
    crate::harness::await_in(place.folder(), || place.path("info").exists().then_some(()));
}

#[test]
fn what_others_may_write_to_does_not_depend_on_the_caller() {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::new();
    let configured = place.command(&[]);
    let mut command = Command::new("/bin/sh");
    let program = crate::harness::PROGRAM;
    let log = place.path("log");
    command.arg("-c").arg(format!("umask 0; exec {program:?} --daemon --log-file {log:?}"));
    command.env_clear();
    command.envs(configured.get_envs().filter_map(|(key, value)| Some((key, value?))));
    let _background = Background::of(&place, &run(command));
    for file in ["pid", "log"] {
        let mode = std::fs::metadata(place.path(file)).unwrap().permissions().mode();
        assert_eq!(mode & 0o022, 0, "{file} has mode {mode:o}");
    }
}

#[test]
fn it_says_why_it_cannot_start_and_fails() {
    let place = Place::new();
    let daemon = place.start(&[]);
    let taken = daemon.agent.server().to_string();
    let output = start(&place, &["--daemon", "--listen", &taken, "--pid-file", "/nowhere/pid"]);
    assert_eq!(output.status.code(), Some(1));
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(stderr.contains("cannot listen on") && stderr.contains("in use"), "{stderr}");
    let output = start(&place, &["--daemon", "--pid-file", "/nowhere/pid"]);
    assert_eq!(output.status.code(), Some(1));
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(stderr.contains("cannot write the pid file /nowhere/pid"), "{stderr}");
    let output = start(&place, &["--daemon", "--pulse-period-ms", "x"]);
    assert_eq!(output.status.code(), Some(2));
    let output = run(place.command(&["--daemon", "--log-file", "/nowhere/log"]));
    assert_eq!(output.status.code(), Some(1));
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(stderr.contains("cannot write the log file /nowhere/log"), "{stderr}");
}

#[test]
fn its_log_goes_on_in_the_file() {
    let place = Place::new();
    let background = Background::of(&place, &start(&place, &["--daemon"]));
    background.process.signal(Signal::TERM);
    background.process.await_end();
    let mut log = Log::of(std::fs::File::open(&background.log).unwrap());
    log.find("ended by a signal");
}
