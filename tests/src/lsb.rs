//! What every init script has to do, whatever it starts.

use std::process::{Command, Stdio};

use rustix::process::{Signal, getuid};

use crate::{Ending, Process, Service};

/// Who is not running can be stopped, but has nothing to reload.
pub fn what_does_not_run_can_be_stopped_but_not_reloaded(service: &Service) {
    for action in ["stop", "force-stop", "try-restart"] {
        service.does(action).is(0, "not running");
    }
    for action in ["reload", "force-reload"] {
        service.does(action).is(7, "not running");
    }
    assert_eq!(service.running(), []);
}

/// A number that nobody has, or no number at all.
pub fn a_pid_file_that_is_left_over_does_not_count(service: &Service) {
    for content in ["4194305\n", "", "x\n", "-1\n", "0\n"] {
        let leave = || std::fs::write(service.pid_file(), content).expect("there is a folder");
        std::fs::create_dir_all(service.pid_file().parent().expect("a folder")).expect("made");
        leave();
        service.does("status").is(1, "but ");
        service.does("stop").is(0, "not running");
        service.does("status").is(3, "not running");
        leave();
        service.starts();
        service.does("stop").is(0, "stopped");
    }
}

/// The number has gone to somebody else, who is not to suffer.
pub fn another_process_that_has_the_number_is_left_alone(service: &Service) {
    std::fs::create_dir_all(service.pid_file().parent().expect("a folder")).expect("made");
    let other = Process::start(Command::new("sleep").arg("1000"));
    let number = other.pid().as_raw_nonzero().to_string();
    for action in ["stop", "force-stop", "restart"] {
        std::fs::write(service.pid_file(), &number).expect("there is a folder");
        service.does("status").is(1, "not running, but ");
        service.does("reload").is(7, "not running");
        service.does(action).is(0, "");
        assert!(!Ending::of(other.pid()).expect("we wait for it").has_come());
    }
    assert_eq!(service.running().len(), 1, "restart has started it");
}

/// Whether or not one ran before.
pub fn restart_leaves_one_new_process(service: &Service) {
    service.does("restart").is(0, "started");
    let first = service.pid().expect("a pid file");
    for action in ["restart", "try-restart"] {
        let before = service.pid();
        service.does(action).is(0, "started");
        assert_ne!(service.pid(), before);
        assert_eq!(service.running().len(), 1);
    }
    assert!(!service.running().contains(&first));
}

/// One that hears no SIGTERM stays until it is told by force.
pub fn one_that_hangs_is_not_stopped_but_killed_by_force(service: &Service) {
    service.set("STOP_SECS=1");
    let pid = service.starts();
    service.signal(pid, Signal::STOP);
    service.does("status").is(0, "running");
    for action in ["stop", "restart"] {
        service.does(action).is(1, "force-stop kills it");
    }
    assert_eq!((service.running(), service.pid()), (vec![pid], Some(pid)));
    service.does("force-stop").is(0, "killed");
    assert_eq!(service.running(), []);
    service.does("status").is(3, "not running");
}

/// `last` is the script's last action.
pub fn wrong_arguments_are_answered_with_the_right_ones(service: &Service, last: &str) {
    for arguments in [&[][..], &["begin"], &["start", "now"]] {
        let said = service.ends(&mut service.command(arguments));
        said.is(2, &format!("|force-stop|status|{last}}}"));
    }
    assert_eq!(service.running(), []);
}

/// `program` is the setting that names the program; the script and what it sources have to be where
/// everybody may look. Does nothing for a user, who has no right to become somebody else.
pub fn whoever_has_no_right_is_told_so(service: &Service, program: &str) {
    if !getuid().is_root() {
        return;
    }
    let mut strict = Command::new("sh");
    let start = service.command(&["start"]);
    strict.args(["-c", "umask 077 && exec \"$@\"", "sh"]).arg(start.get_program());
    service.within(strict.args(start.get_args()));
    service.ends(&mut strict).is(0, "started");
    let pid = service.pid().expect("a pid file");
    service.open_to_all();
    let by_nobody = |action| {
        let mut command = Command::new("setpriv");
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]);
        command.args(["--inh-caps=-all", "--ambient-caps=-all"]);
        let shell = service.command(&[action]);
        command.arg(shell.get_program()).args(shell.get_args());
        service.within(&mut command);
        service.ends(&mut command)
    };
    by_nobody("status").is(0, "running");
    for action in ["stop", "force-stop", "restart", "reload"] {
        by_nobody(action).is(4, "as root");
    }
    assert_eq!(service.running(), [pid]);
    service.does("stop").is(0, "stopped");
    service.set(&format!("{program}=/bin/true"));
    by_nobody("start").is(4, "as root");
}

/// Neither its files nor the descriptor that the script locks with.
pub fn it_gets_no_descriptors_of_whoever_starts_it(service: &Service) {
    let file = service.write("inherited", "");
    let start = service.command(&["start"]);
    let mut command = Command::new("dash");
    command.args(["-c", "exec 3<\"$0\" 9<\"$0\" && exec \"$@\""]).arg(&file);
    command.arg(start.get_program()).args(start.get_args());
    service.within(&mut command);
    service.ends(&mut command).is(0, "started");
    let pid = service.pid().expect("a pid file").as_raw_nonzero();
    let lock = service.pid_file().with_added_extension("lock");
    let open = std::fs::read_dir(format!("/proc/{pid}/fd")).expect("it runs");
    for entry in open.filter_map(Result::ok) {
        let path = std::fs::read_link(entry.path()).ok();
        assert!(path.as_ref() != Some(&file) && path.as_ref() != Some(&lock), "{path:?}");
    }
    let cwd = std::fs::read_link(format!("/proc/{pid}/cwd")).expect("it runs");
    assert_eq!(cwd, std::path::Path::new("/"));
}

/// Both succeed, and the pid file is of the one that runs.
pub fn two_starts_at_once_leave_one_process(service: &Service) {
    let quiet = || Process::start(service.command(&["start"]).stdout(Stdio::null()));
    let mut starts = [quiet(), quiet()];
    for start in &mut starts {
        assert_eq!(start.wait().code(), Some(0));
    }
    service.see();
    assert_eq!(service.running(), [service.pid().expect("a pid file")]);
}

/// `name` is what the script calls it.
pub fn lsb_functions_are_used_where_there_are_any(service: &Service, name: &str) {
    let functions = service.write(
        "functions",
        "log_success_msg() { echo \"[ ok ] $*\"; }\nlog_failure_msg() { echo \"[fail] $*\"; }\n",
    );
    service.set(&format!("LSB_FUNCTIONS={}", functions.display()));
    service.does("start").is(0, &format!("[ ok ] {name}: started"));
    service.does("stop").is(0, &format!("[ ok ] {name}: stopped"));
    service.does("reload").is(7, &format!("[fail] {name}: not running"));
    // This machine's own.
    service.set("LSB_FUNCTIONS=/lib/lsb/init-functions");
    service.does("start").is(0, "started");
    service.does("stop").is(0, "stopped");
}

/// Has a systemd run which knows the unit, active or not.
pub fn with_systemd(service: &Service, is_active: bool) {
    service.write("no-systemd/is", "there");
    let active = if is_active { "exit 0" } else { "exit 3" };
    let systemctl = format!(
        "#!/bin/sh\ncase $1 in\ncat) ;;\nis-active) {active} ;;\n*) echo \"systemctl: $*\" ;;\nesac\n"
    );
    service.program("bin/systemctl", &systemctl);
}

/// The script and systemd do not both start it.
pub fn where_systemd_has_the_unit_the_script_asks_systemd(service: &Service, unit: &str) {
    with_systemd(service, true);
    for (action, asked) in [
        ("start", "start"),
        ("stop", "stop"),
        ("status", "status"),
        ("restart", "restart"),
        ("try-restart", "try-restart"),
        ("reload", "reload"),
        ("force-reload", "reload"),
        ("force-stop", "stop"),
    ] {
        service.does(action).is(0, &format!("systemctl: {asked} {unit}\n"));
    }
    assert_eq!(service.running(), []);
}

/// As where another package brought systemd.
pub fn where_systemd_does_not_know_the_unit_the_script_does_it(service: &Service) {
    service.write("no-systemd/is", "there");
    service.program("bin/systemctl", "#!/bin/sh\nexit 1\n");
    // Debian's functions ask systemd for every script that is found below /etc/init.d.
    let asking = "[ -n \"${SYSTEMCTL_SKIP_REDIRECT:-}\" ] || { echo redirected; exit 1; }\n";
    let functions = service.write("asking", asking);
    service.set(&format!("LSB_FUNCTIONS={}", functions.display()));
    service.starts();
}
