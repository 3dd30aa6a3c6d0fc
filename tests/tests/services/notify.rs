//! What the daemons tell systemd, over a real socket.

use std::io::{Read, Write};
use std::process::{Command, Stdio};
use std::time::Duration;

use end_to_end::services::{DAEMONS, Machine, ServiceManager};
use end_to_end::{Ending, Process, SHELLS, until};
use guest_sim::qemu::{FakeQemus, Plan};
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::process::{Signal, kill_process};

/// A daemon is late with some food in here, and then does not come any more.
const A_WHILE: Duration = Duration::from_secs(2);

fn for_each_daemon(scenario: impl Fn(&Machine)) {
    for daemon in DAEMONS {
        eprintln!("{daemon}:");
        scenario(&Machine::new(daemon, SHELLS[0]));
    }
}

fn notified(machine: &Machine, options: &[String]) -> (ServiceManager, Command) {
    let path = machine.file("notify");
    let manager = ServiceManager::at(&path);
    let mut command = machine.foreground(options);
    command.env("NOTIFY_SOCKET", path);
    (manager, command)
}

/// With a watchdog that wants to be fed ten times a second.
fn watched(machine: &Machine, options: &[String]) -> (ServiceManager, Command) {
    let (manager, mut command) = notified(machine, options);
    command.env("WATCHDOG_USEC", "300000");
    (manager, command)
}

#[test]
fn it_is_ready_once_it_listens_and_stopping_before_it_ends() {
    for_each_daemon(|machine| {
        let (manager, mut command) = notified(machine, &[]);
        let mut daemon = Process::start(&mut command);
        assert_eq!(manager.next(), "READY=1");
        assert_eq!(machine.pid(), Some(daemon.pid()));
        assert!(machine.text("log/log").contains("listening for"), "{}", machine.text("log/log"));
        daemon.signal(Signal::TERM);
        manager.until("STOPPING=1");
        assert_eq!(daemon.wait().code(), Some(0));
        assert_eq!(manager.next_within(Duration::from_millis(1)), None);
    });
}

#[test]
fn an_abstract_socket_is_as_good() {
    for_each_daemon(|machine| {
        let name = machine.file("notify").display().to_string();
        let manager = ServiceManager::at_abstract(&name);
        let _daemon =
            Process::start(machine.foreground(&[]).env("NOTIFY_SOCKET", format!("@{name}")));
        assert_eq!(manager.next(), "READY=1");
    });
}

#[test]
fn a_socket_that_nobody_serves_or_that_is_none_prevents_nothing() {
    for_each_daemon(|machine| {
        for name in ["/nonexistent/notify", "vsock:2:1", "notify", ""] {
            let mut command = machine.foreground(&[]);
            command.env("NOTIFY_SOCKET", name).env("WATCHDOG_USEC", "300000");
            let mut daemon = Process::start(&mut command);
            until("its pid file", || machine.pid_file().exists());
            daemon.signal(Signal::TERM);
            assert_eq!(daemon.wait().code(), Some(0));
        }
    });
}

#[test]
fn the_status_says_how_many_instances_heartbeat() {
    let machine = Machine::new("guestServer", SHELLS[0]);
    let mut plan = Plan::new(machine.file("channels"), 3);
    plan.guest.interval = Duration::from_millis(400);
    plan.guest.init_retry = Duration::from_millis(400);
    let _qemus = FakeQemus::start(plan).expect("channels");
    let (manager, mut command) = notified(&machine, &[]);
    let _daemon = Process::start(&mut command);
    manager.until("STATUS=3 of 3 instances heartbeat on 3 channels");
}

#[test]
fn the_status_of_the_agent_says_what_it_knows() {
    let machine = Machine::new("guestAgent", SHELLS[0]);
    let hosts = "[[host]]\nhostname = \"compute-0\"\nip = \"127.0.0.1\"\n\
                 uuid = \"6a9b0c1d-0000-4000-8000-0123456789ab\"\n";
    let hosts = machine.write("hosts.toml", hosts);
    let (manager, mut command) = notified(&machine, &[format!("--hosts={}", hosts.display())]);
    let _daemon = Process::start(&mut command);
    assert_eq!(manager.next(), "READY=1");
    let first = manager.next();
    assert!(first.starts_with("STATUS=0 instances on 1 hosts, "), "{first}");
}

#[test]
fn the_watchdog_is_fed_while_the_loop_turns_and_starves_while_the_process_is_stopped() {
    for_each_daemon(|machine| {
        let (manager, mut command) = watched(machine, &[]);
        let daemon = Process::start(&mut command);
        for _ in 0..5 {
            manager.until("WATCHDOG=1");
        }
        daemon.signal(Signal::STOP);
        while manager.next_within(A_WHILE).is_some() {}
        daemon.signal(Signal::CONT);
        manager.until("WATCHDOG=1");
    });
}

#[test]
fn another_process_s_watchdog_is_not_fed() {
    for_each_daemon(|machine| {
        let (manager, mut command) = watched(machine, &[]);
        let mut daemon = Process::start(command.env("WATCHDOG_PID", "1"));
        assert_eq!(manager.next(), "READY=1");
        daemon.signal(Signal::TERM);
        let said: Vec<String> = std::iter::from_fn(|| Some(manager.next()))
            .take_while(|said| said != "STOPPING=1")
            .collect();
        assert!(!said.iter().any(|said| said == "WATCHDOG=1"), "{said:?}");
        assert_eq!(daemon.wait().code(), Some(0));
    });
}

/// The process lives and its other threads run, but its loop waits for somebody to read its log.
#[test]
fn a_loop_that_is_stuck_lets_the_watchdog_starve() {
    for_each_daemon(|machine| {
        // An error in the log for each SIGUSR1.
        let options = ["--log-file=", "--status-file=/nonexistent/info"].map(str::to_owned);
        let (manager, mut command) = watched(machine, &options);
        let (mut log, log_end) = std::io::pipe().expect("a pipe");
        let filler = log_end.try_clone().expect("a descriptor can be copied");
        let mut daemon = Process::start(command.stderr(Stdio::from(log_end)));
        drop(command);
        manager.until("WATCHDOG=1");
        fill(filler);
        daemon.signal(Signal::USR1);
        while manager.next_within(A_WHILE).is_some() {}
        let reader = std::thread::spawn(move || {
            let mut all = Vec::new();
            log.read_to_end(&mut all).expect("the log can be read");
            String::from_utf8_lossy(&all).into_owned()
        });
        manager.until("WATCHDOG=1");
        daemon.signal(Signal::TERM);
        assert_eq!(daemon.wait().code(), Some(0));
        let log = reader.join().expect("it reads to the end");
        assert!(log.contains("cannot write the status file"), "{log}");
    });
}

/// Fills a pipe: who writes to it waits.
fn fill(mut pipe: std::io::PipeWriter) {
    let flags = fcntl_getfl(&pipe).expect("a pipe has flags");
    fcntl_setfl(&pipe, flags | OFlags::NONBLOCK).expect("a pipe can be made not to wait");
    while pipe.write(&[b'\n'; 4096]).is_ok() {}
    while pipe.write(b"\n").is_ok() {}
    fcntl_setfl(&pipe, flags).expect("and to wait again");
}

#[test]
fn in_the_background_it_leaves_the_caller_s_manager_alone() {
    for_each_daemon(|machine| {
        let path = machine.file("notify");
        let manager = ServiceManager::at(&path);
        let mut command = machine.command(&["start"]);
        machine.ends(command.env("NOTIFY_SOCKET", &path)).is(0, "started");
        let pid = machine.pid().expect("a pid file");
        let ending = Ending::of(pid).expect("it runs");
        kill_process(pid, Signal::TERM).expect("it runs");
        assert!(ending.comes());
        assert_eq!(manager.next_within(Duration::from_millis(1)), None);
    });
}
