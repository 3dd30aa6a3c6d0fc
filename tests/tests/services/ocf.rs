//! The OCF agent of guestAgent, action by action, and how deployed OCF agents start it.

use std::os::unix::fs::symlink;
use std::process::Command;

use end_to_end::services::Machine;
use end_to_end::{Ending, Process, SHELLS, Said, binary};
use rustix::process::{Signal, kill_process};

/// Statuses of the OCF.
const ERR_GENERIC: i32 = 1;
const ERR_ARGS: i32 = 2;
const ERR_UNIMPLEMENTED: i32 = 3;
const ERR_INSTALLED: i32 = 5;
const NOT_RUNNING: i32 = 7;

fn in_each_shell(scenario: impl Fn(&Machine)) {
    for shell in SHELLS {
        eprintln!("in {}:", shell.join(" "));
        scenario(&Machine::new("guestAgent", shell));
    }
}

fn parameters(machine: &Machine) -> Vec<(&'static str, String)> {
    let path = |name: &str| machine.file(name).display().to_string();
    vec![
        ("binary", binary("guestAgent").display().to_string()),
        ("config", path("etc/service.ini")),
        ("pid", path("run/pid")),
        ("info", path("run/info")),
        ("options", machine.more_options().join(" ")),
    ]
}

fn command(machine: &Machine, arguments: &[&str]) -> Command {
    let mut command = machine.shell_command(&machine.file("ocf"), arguments);
    command.env("OCF_ROOT", "/usr/lib/ocf");
    for (name, value) in parameters(machine) {
        command.env(format!("OCF_RESKEY_{name}"), value);
    }
    command
}

fn does(machine: &Machine, action: &str) -> Said {
    machine.ends(&mut command(machine, &[action]))
}

#[test]
fn a_life_from_start_to_stop() {
    in_each_shell(|machine| {
        does(machine, "monitor").is(NOT_RUNNING, "");
        does(machine, "status").is(NOT_RUNNING, "");
        does(machine, "reload").is(NOT_RUNNING, "");
        does(machine, "validate-all").is(0, "");
        does(machine, "start").is(0, "started");
        let pid = machine.pid().expect("a pid file");
        assert_eq!(machine.running(), [pid]);
        does(machine, "start").is(0, "already running");
        does(machine, "status").is(0, "");
        machine.write("run/info", "ok\nof yesterday\n");
        does(machine, "monitor").is(0, "");
        let info = machine.text("run/info");
        assert!(info.starts_with("ok\n") && !info.contains("yesterday"), "{info}");
        std::fs::remove_file(machine.file("log/log")).expect("there is a log");
        does(machine, "reload").is(0, "");
        end_to_end::until("a new log", || machine.file("log/log").exists());
        assert_eq!(machine.running(), [pid]);
        does(machine, "stop").is(0, "stopped");
        assert_eq!((machine.running(), machine.pid()), (vec![], None));
        does(machine, "stop").is(0, "");
        does(machine, "monitor").is(NOT_RUNNING, "");
    });
}

#[test]
fn a_daemon_that_lives_but_does_not_answer_fails_the_monitor_and_is_killed() {
    in_each_shell(|machine| {
        let script = machine.text("ocf");
        assert!(script.contains("ANSWER_SECS=8\n"), "{script}");
        machine.program("ocf", &script.replace("ANSWER_SECS=8\n", "ANSWER_SECS=1\n"));
        does(machine, "start").is(0, "started");
        let pid = machine.pid().expect("a pid file");
        kill_process(pid, Signal::STOP).expect("it runs");
        does(machine, "status").is(0, "");
        does(machine, "monitor").is(ERR_GENERIC, "has not written");
        does(machine, "start").is(ERR_GENERIC, "does not answer");
        does(machine, "stop").is(0, "killing it");
        assert!(machine.running().is_empty());
        does(machine, "monitor").is(NOT_RUNNING, "");
        does(machine, "start").is(0, "started");
    });
}

#[test]
fn a_daemon_that_was_killed_is_not_running() {
    in_each_shell(|machine| {
        does(machine, "start").is(0, "started");
        let pid = machine.pid().expect("a pid file");
        let ending = Ending::of(pid).expect("it runs");
        kill_process(pid, Signal::KILL).expect("it runs");
        assert!(ending.comes());
        does(machine, "monitor").is(NOT_RUNNING, "");
        does(machine, "start").is(0, "started");
    });
}

#[test]
fn links_into_the_unit_s_directory_stay_and_lead_no_further() {
    in_each_shell(|machine| {
        let precious = machine.write("precious", "kept");
        std::fs::create_dir(machine.file("run/unit")).expect("a new folder");
        for name in ["pid", "info"] {
            let link = machine.file(&format!("run/{name}"));
            symlink(format!("unit/{name}"), link).expect("a link can be made");
            symlink(&precious, machine.file(&format!("run/unit/{name}"))).expect("and another");
        }
        does(machine, "stop").is(0, "");
        does(machine, "start").is(0, "started");
        does(machine, "monitor").is(0, "");
        assert!(machine.text("run/unit/info").starts_with("ok\n"));
        assert!(machine.pid_file().is_symlink() && machine.file("run/info").is_symlink());
        does(machine, "stop").is(0, "stopped");
        assert!(machine.pid_file().is_symlink() && !machine.file("run/unit/pid").exists());
        assert_eq!(machine.text("precious"), "kept");
    });
}

#[test]
fn another_process_that_has_the_number_is_neither_asked_nor_stopped() {
    in_each_shell(|machine| {
        let other = Process::start(Command::new("sleep").arg("1000"));
        machine.write("run/pid", &other.pid().as_raw_nonzero().to_string());
        does(machine, "monitor").is(NOT_RUNNING, "");
        does(machine, "stop").is(0, "");
        assert!(!Ending::of(other.pid()).expect("we wait for it").has_come());
        assert_eq!(machine.pid(), None);
    });
}

#[test]
fn wrong_settings_are_told_with_file_and_line_and_nothing_is_started() {
    in_each_shell(|machine| {
        let ini = machine.write("etc/service.ini", "[agent]\nrx_port = 2401\nvim_cmd_port = x\n");
        let options = machine.more_options().join(" ").replace("--listen-vim=127.0.0.1:0", "");
        for action in ["validate-all", "start"] {
            let mut command = command(machine, &[action]);
            let said = machine.ends(command.env("OCF_RESKEY_options", &options));
            said.is(ERR_ARGS, &format!("{}:3: [agent] vim_cmd_port", ini.display()));
        }
        assert_eq!((machine.running(), machine.pid()), (vec![], None));
    });
}

#[test]
fn what_is_not_installed_is_named() {
    in_each_shell(|machine| {
        for action in ["validate-all", "start"] {
            let mut command = command(machine, &[action]);
            let said = machine.ends(command.env("OCF_RESKEY_binary", "/nonexistent/guestAgent"));
            said.is(ERR_INSTALLED, "/nonexistent/guestAgent is not installed");
        }
        let script = machine.text("ocf").replace("service.sh", "no-such.sh");
        machine.program("ocf", &script);
        does(machine, "monitor").is(ERR_INSTALLED, "no-such.sh is not installed");
        does(machine, "meta-data").is(0, "<resource-agent name=\"guestAgent\"");
    });
}

#[test]
fn actions_that_it_does_not_have_are_refused() {
    in_each_shell(|machine| {
        does(machine, "promote").is(ERR_UNIMPLEMENTED, "Usage");
        does(machine, "usage").is(0, "Usage");
        machine.ends(&mut command(machine, &[])).is(ERR_ARGS, "Usage");
    });
}

#[test]
fn it_works_where_the_cluster_s_functions_are_not_installed() {
    in_each_shell(|machine| {
        for (action, status, text) in [
            ("monitor", NOT_RUNNING, ""),
            ("start", 0, "guestAgent: started"),
            ("monitor", 0, ""),
            ("stop", 0, "guestAgent: stopped"),
        ] {
            let mut command = command(machine, &[action]);
            machine.ends(command.env("OCF_ROOT", "/nonexistent")).is(status, text);
        }
    });
}

#[test]
fn ocf_tester_finds_no_fault_with_it() {
    let machine = Machine::new("guestAgent", SHELLS[0]);
    machine.open_to_all();
    let mut command = Command::new("ocf-tester");
    command.args(["-v", "-n", "guestAgent"]);
    for (name, value) in parameters(&machine) {
        command.arg("-o").arg(format!("{name}={value}"));
    }
    command.arg(machine.file("ocf"));
    machine.within(&mut command);
    // It asks for more than a shell script's own environment.
    let said = machine.ends(command.env("OCF_ROOT", "/usr/lib/ocf").env("HOME", machine.folder()));
    said.is(0, "passed all tests");
    assert!(machine.running().is_empty());
}

#[test]
fn deployed_agents_start_it_without_options_and_find_its_pid_file() {
    let machine = Machine::new("guestAgent", SHELLS[0]);
    // Only what keeps it on this machine: the packaged ini file sends it to the background.
    let mut command = Command::new(binary("guestAgent"));
    machine.within(&mut command);
    command.env("GUEST_AGENT_CONFIG", machine.file("etc/service.ini"));
    command.env("GUEST_AGENT_PID_FILE", machine.pid_file());
    for option in machine.options().into_iter().filter(|option| !option.starts_with("--config")) {
        let (name, value) = option.split_once('=').expect("an option with a value");
        let name = name.trim_start_matches("--").replace('-', "_").to_uppercase();
        command.env(format!("GUEST_AGENT_{name}"), value);
    }
    machine.ends(&mut command).is(0, "");
    // It is there already: no need to wait for 3 s.
    let pid = machine.pid().expect("a pid file");
    let name = std::fs::read_to_string(format!("/proc/{}/comm", pid.as_raw_nonzero()));
    assert_eq!(name.expect("it runs"), "guestAgent\n");
    does(&machine, "monitor").is(0, "");
    does(&machine, "stop").is(0, "stopped");
}

#[test]
fn deployed_init_scripts_start_the_server_with_an_option_that_means_nothing() {
    let machine = Machine::new("guestServer", SHELLS[0]);
    let mut command = Command::new(binary("guestServer"));
    machine.within(&mut command);
    command.arg("-l").args(machine.options());
    command.arg(format!("--pid-file={}", machine.pid_file().display()));
    machine.ends(&mut command).is(0, "");
    assert_eq!(machine.running(), [machine.pid().expect("a pid file")]);
}
