//! The init scripts in each shell that hosts have.

use end_to_end::services::in_each_shell;
use end_to_end::{Process, lsb, until};

#[test]
fn start_returns_when_it_listens_and_stop_when_it_has_ended() {
    in_each_shell(|machine| {
        let pid = machine.starts();
        assert_eq!(machine.running(), [pid]);
        assert!(machine.text("log/log").contains("listening for"), "{}", machine.text("log/log"));
        machine.does("status").is(0, &format!("running (pid {})", pid.as_raw_nonzero()));
        machine.does("start").is(0, "already running");
        machine.does("stop").is(0, "stopped");
        assert_eq!((machine.running(), machine.pid()), (vec![], None));
        machine.does("status").is(3, "not running");
    });
}

#[test]
fn what_does_not_run_can_be_stopped_but_not_reloaded() {
    in_each_shell(|machine| lsb::what_does_not_run_can_be_stopped_but_not_reloaded(machine));
}

#[test]
fn a_pid_file_that_is_left_over_does_not_count() {
    in_each_shell(|machine| lsb::a_pid_file_that_is_left_over_does_not_count(machine));
}

#[test]
fn another_process_that_has_the_number_is_left_alone() {
    in_each_shell(|machine| lsb::another_process_that_has_the_number_is_left_alone(machine));
}

#[test]
fn restart_leaves_one_new_daemon() {
    in_each_shell(|machine| lsb::restart_leaves_one_new_process(machine));
}

#[test]
fn a_daemon_that_hangs_is_not_stopped_but_killed_by_force() {
    in_each_shell(|machine| lsb::one_that_hangs_is_not_stopped_but_killed_by_force(machine));
}

#[test]
fn reload_has_it_open_its_log_anew() {
    in_each_shell(|machine| {
        let pid = machine.starts();
        for action in ["reload", "force-reload"] {
            std::fs::remove_file(machine.file("log/log")).expect("there is a log");
            machine.does(action).is(0, "open its files anew");
            until("a new log", || machine.file("log/log").exists());
        }
        assert_eq!(machine.running(), [pid]);
    });
}

#[test]
fn wrong_settings_are_told_with_file_and_line_and_nothing_is_started() {
    in_each_shell(|machine| {
        let ini = machine.text("etc/service.ini");
        let line = 1 + ini.lines().position(|line| line == ";log_format = text").expect("shown");
        let ini = ini.replace(";log_format = text", "log_format = yaml");
        machine.write("etc/service.ini", &ini);
        let place = format!("service.ini:{line}: ");
        for action in ["start", "restart"] {
            let said = machine.does(action);
            said.is(6, &place);
            said.is(6, "\"yaml\": expected text or json");
        }
        assert_eq!((machine.running(), machine.pid()), (vec![], None));
        machine.does("status").is(3, "not running");
    });
}

#[test]
fn a_daemon_that_cannot_listen_is_told_and_leaves_nothing() {
    in_each_shell(|machine| {
        let settings = machine.text("settings");
        let options = settings.replace("--listen=127.0.0.1:0", "--listen=192.0.2.1:2411");
        machine.write("settings", &options);
        machine.does("start").is(1, "did not start: ");
        machine.does("start").is(1, "192.0.2.1:2411");
        assert_eq!((machine.running(), machine.pid()), (vec![], None));
    });
}

#[test]
fn a_daemon_that_is_not_installed_is_named() {
    in_each_shell(|machine| {
        machine.set("DAEMON=/nonexistent/daemon");
        machine.does("start").is(5, "/nonexistent/daemon is not installed");
        let script = machine.text("init.d").replace("service.sh", "no-such.sh");
        machine.program("init.d", &script);
        machine.does("start").is(5, "no-such.sh is not installed");
    });
}

#[test]
fn wrong_arguments_are_answered_with_the_right_ones() {
    in_each_shell(|machine| {
        lsb::wrong_arguments_are_answered_with_the_right_ones(machine, "await");
    });
}

#[test]
fn where_there_is_a_platform_the_start_waits_for_its_word() {
    in_each_shell(|machine| {
        machine.write("platform/platform.conf", "nodetype=worker\n");
        let said = machine.file("waiting");
        let output = std::fs::File::create(&said).expect("a file can be written");
        let mut start = Process::start(machine.command(&["start"]).stdout(output));
        let says =
            |text: &str| std::fs::read_to_string(&said).is_ok_and(|said| said.contains(text));
        until("the first wait", || says("waits for ") && says("platform/configured"));
        assert!(machine.running().is_empty());
        machine.write("platform/configured", "");
        until("the second wait", || says("goenabled"));
        assert!(machine.running().is_empty());
        machine.write("goenabled", "");
        assert_eq!(start.wait().code(), Some(0));
        machine.see();
        assert_eq!(machine.running().len(), 1);
        machine.does("await").is(0, "");
    });
}

#[test]
fn a_platform_that_never_gives_its_word_ends_the_wait() {
    in_each_shell(|machine| {
        machine.write("platform/configured", "");
        machine.set("GO_SECS=0");
        for action in ["start", "await"] {
            machine.does(action).is(6, "goenabled has not appeared within 0 s");
        }
        assert!(machine.running().is_empty());
    });
}

#[test]
fn whoever_has_no_right_is_told_so() {
    in_each_shell(|machine| lsb::whoever_has_no_right_is_told_so(machine, "DAEMON"));
}

#[test]
fn two_starts_at_once_leave_one_daemon() {
    in_each_shell(|machine| lsb::two_starts_at_once_leave_one_process(machine));
}

#[test]
fn lsb_functions_are_used_where_there_are_any() {
    in_each_shell(|machine| {
        lsb::lsb_functions_are_used_where_there_are_any(machine, machine.daemon);
    });
}

#[test]
fn where_systemd_has_the_unit_the_script_asks_systemd() {
    in_each_shell(|machine| {
        let unit = format!("{}.service", machine.daemon);
        lsb::where_systemd_has_the_unit_the_script_asks_systemd(machine, &unit);
        // The unit itself, before it starts the daemon.
        machine.does("await").is(0, "");
    });
}

#[test]
fn a_daemon_that_somebody_else_started_is_not_started_again_by_systemd() {
    in_each_shell(|machine| {
        let pid = machine.starts();
        lsb::with_systemd(machine, false);
        machine.does("start").is(0, "already running");
        machine.does("status").is(0, "running");
        assert_eq!(machine.running(), [pid]);
        machine.does("stop").is(0, "stopped");
        machine.does("start").is(0, "systemctl: start ");
        assert!(machine.running().is_empty());
    });
}

#[test]
fn where_systemd_does_not_know_the_unit_the_script_does_it() {
    in_each_shell(|machine| lsb::where_systemd_does_not_know_the_unit_the_script_does_it(machine));
}

#[test]
fn the_daemon_gets_no_descriptors_of_whoever_starts_it() {
    in_each_shell(|machine| lsb::it_gets_no_descriptors_of_whoever_starts_it(machine));
}
