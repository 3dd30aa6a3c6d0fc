//! `heartbeat_init` in each shell that guests have, with the real client.

use std::path::Path;

use end_to_end::init::in_each_shell;
use end_to_end::{Ending, Process, lsb, until};
use protocol::channel::GuestMessage;
use rustix::process::{Pid, Signal};

#[test]
fn start_runs_the_client_and_stop_has_it_say_exit() {
    in_each_shell(|guest| {
        let mut host = guest.host();
        let pid = guest.starts();
        assert_eq!(guest.running(), [pid]);
        host.enable();
        host.heartbeat(7);
        guest.does("status").is(0, &format!("running (pid {})", pid.as_raw_nonzero()));

        guest.does("stop").is(0, "stopped");
        let left = host.receive();
        assert!(matches!(left, GuestMessage::Exit(_)), "{left:?}");
        assert_eq!(guest.running(), []);
        assert!(!guest.pid_file().exists());
        guest.does("status").is(3, "not running");
    });
}

#[test]
fn a_second_start_changes_nothing() {
    in_each_shell(|guest| {
        let pid = guest.starts();
        guest.does("start").is(0, "already running");
        assert_eq!((guest.running(), guest.pid()), (vec![pid], Some(pid)));
    });
}

#[test]
fn what_does_not_run_can_be_stopped_but_not_reloaded() {
    in_each_shell(|guest| lsb::what_does_not_run_can_be_stopped_but_not_reloaded(guest));
}

#[test]
fn a_pid_file_that_is_left_over_does_not_count() {
    in_each_shell(|guest| lsb::a_pid_file_that_is_left_over_does_not_count(guest));
}

#[test]
fn another_process_that_has_the_number_is_left_alone() {
    in_each_shell(|guest| lsb::another_process_that_has_the_number_is_left_alone(guest));
}

#[test]
fn restart_leaves_one_new_client() {
    in_each_shell(|guest| lsb::restart_leaves_one_new_process(guest));
}

#[test]
fn a_client_that_hangs_is_not_stopped_but_killed_by_force() {
    in_each_shell(|guest| lsb::one_that_hangs_is_not_stopped_but_killed_by_force(guest));
}

#[test]
fn reload_has_the_same_client_read_its_settings_again() {
    in_each_shell(|guest| {
        let conf = guest.write("guest_heartbeat.conf", "HB_INTERVAL=1000\n");
        guest.set_options(&format!("--config {}", conf.display()));
        let mut host = guest.host();
        let pid = guest.starts();
        assert_eq!(host.enable().heartbeat_interval_ms, 1000);
        for (action, interval) in [("reload", 700), ("force-reload", 800)] {
            guest.write("guest_heartbeat.conf", &format!("HB_INTERVAL={interval}\n"));
            guest.does(action).is(0, "read its settings again");
            assert_eq!(host.enable().heartbeat_interval_ms, interval);
        }
        assert_eq!(guest.running(), [pid]);
    });
}

#[test]
fn on_a_host_it_does_nothing_and_says_so() {
    in_each_shell(|guest| {
        for conf in [
            "nodetype=controller\nsubfunction=controller\n",
            "nodetype=controller\nsubfunction=controller,worker\n",
            "system_mode=duplex\nnodetype=worker\nsubfunction=worker,lowlatency",
            "nodetype=compute\n",
            "nodetype=storage\nsubfunction=storage\n",
            "subfunction=worker\n",
        ] {
            guest.write("platform.conf", conf);
            for action in ["start", "restart"] {
                guest.does(action).is(0, "this is a host and not a guest");
            }
            guest.does("try-restart").is(0, "not running");
            guest.does("stop").is(0, "not running");
            guest.does("status").is(3, "this is a host and not a guest");
            guest.does("run").is(6, "this is a host and not a guest");
            assert_eq!(guest.running(), []);
        }
        guest.write("platform.conf", "system_mode=simplex\n#nodetype=controller\n");
        guest.starts();
    });
}

#[test]
fn without_a_port_it_does_nothing_and_says_so() {
    in_each_shell(|guest| {
        guest.set("DEVICE=/nonexistent/cgcs.heartbeat");
        guest.does("start").is(0, "no port /nonexistent/cgcs.heartbeat");
        guest.does("status").is(3, "no port /nonexistent/cgcs.heartbeat");
        guest.does("run").is(6, "no port /nonexistent/cgcs.heartbeat");
        assert!(!guest.pid_file().exists());
    });
}

#[test]
fn without_udev_the_port_is_found_by_its_name() {
    in_each_shell(|guest| {
        let port = guest.port();
        let node = port.file_name().and_then(|name| name.to_str()).expect("a name");
        guest.write("virtio-ports/vport0p1/name", "org.qemu.guest_agent.0\n");
        guest.write(&format!("virtio-ports/{node}/name"), "cgcs.heartbeat\n");
        guest.set("DEVICE=/nonexistent/cgcs.heartbeat");
        let pid = guest.starts();
        assert_eq!(guest.running(), [pid]);
    });
}

#[test]
fn a_mistake_in_the_settings_file_is_told_with_its_line() {
    in_each_shell(|guest| {
        let conf = guest.write("guest_heartbeat.conf", "# floor\nHB_INTERVAL=399\n");
        guest.set_options(&format!("--config {}", conf.display()));
        let said = guest.does("start");
        said.is(1, "ended at once with status 1");
        said.is(1, "guest_heartbeat.conf:2: HB_INTERVAL is 399 ms");
        assert!(!guest.pid_file().exists());
        guest.does("status").is(3, "not running");
    });
}

#[test]
fn a_socket_for_applications_that_another_client_serves_is_told() {
    in_each_shell(|guest| {
        let pid = guest.starts();
        guest.set(&format!("PIDFILE={}", guest.file("run/other.pid").display()));
        let said = guest.does("start");
        said.is(1, "ended at once with status 1");
        said.is(1, guest.api_socket().to_str().expect("a path in UTF-8"));
        assert_eq!(guest.running(), [pid]);
    });
}

#[test]
fn only_what_this_start_logged_is_told() {
    in_each_shell(|guest| {
        guest.write("log/guest-client.log", "of yesterday\n");
        let client = guest.program("client", "#!/bin/sh\necho of today\nexit 9\n");
        guest.set(&format!("CLIENT={}", client.display()));
        let said = guest.does("start");
        said.is(1, "ended at once with status 9: of today");
        assert!(!said.text.contains("yesterday"), "{said:?}");
    });
}

#[test]
fn a_client_that_never_gets_ready_is_killed() {
    in_each_shell(|guest| {
        let client = guest.program("client", "#!/bin/sh\nexec sleep 1000\n");
        guest.set(&format!("CLIENT={}\nSTART_SECS=1", client.display()));
        guest.does("start").is(1, "was not ready within 1 s");
        assert!(!guest.pid_file().exists());
    });
}

#[test]
fn a_client_that_is_not_installed_is_named() {
    in_each_shell(|guest| {
        guest.set("CLIENT=/nonexistent/guest-client");
        guest.does("start").is(5, "/nonexistent/guest-client is not installed");
        guest.does("status").is(3, "not running");
    });
}

#[test]
fn wrong_arguments_are_answered_with_the_right_ones() {
    in_each_shell(|guest| lsb::wrong_arguments_are_answered_with_the_right_ones(guest, "run"));
}

#[test]
fn whoever_has_no_right_is_told_so() {
    in_each_shell(|guest| lsb::whoever_has_no_right_is_told_so(guest, "CLIENT"));
}

#[test]
fn the_client_gets_no_descriptors_of_whoever_starts_it() {
    in_each_shell(|guest| lsb::it_gets_no_descriptors_of_whoever_starts_it(guest));
}

#[test]
fn run_becomes_the_client() {
    in_each_shell(|guest| {
        let mut host = guest.host();
        let mut client = Process::start(&mut guest.command(&["run"]));
        host.enable();
        host.heartbeat(7);
        assert_eq!(guest.running(), [client.pid()]);
        client.signal(Signal::TERM);
        assert_eq!(client.wait().code(), Some(0));
        assert!(matches!(host.receive(), GuestMessage::Exit(_)));
    });
}

#[test]
fn a_log_that_has_grown_is_put_aside() {
    in_each_shell(|guest| {
        guest.set("LOG_MAX=10");
        guest.write("log/guest-client.log", "0123456789\n");
        guest.starts();
        let old = std::fs::read_to_string(guest.file("log/guest-client.log.old"));
        assert_eq!(old.expect("it was put aside"), "0123456789\n");
        assert!(guest.log().contains("guest-client starts"), "{}", guest.log());
    });
}

#[test]
fn a_new_version_of_the_file_does_not_hide_the_client_that_runs() {
    in_each_shell(|guest| {
        let installed = guest.file("guest-client");
        let copy = |to: &Path| {
            std::fs::copy(end_to_end::binary("guest-client"), to).expect("it can be copied");
        };
        copy(&installed);
        guest.set(&format!("CLIENT={}", installed.display()));
        let pid = guest.starts();
        let new = guest.file("new");
        copy(&new);
        std::fs::rename(&new, &installed).expect("it can be renamed");
        guest.does("start").is(0, "already running");
        guest.does("restart").is(0, "started");
        assert!(!guest.running().contains(&pid));
    });
}

#[test]
fn lsb_functions_are_used_where_there_are_any() {
    in_each_shell(|guest| lsb::lsb_functions_are_used_where_there_are_any(guest, "guest-client"));
}

#[test]
fn where_systemd_has_the_unit_the_script_asks_systemd() {
    in_each_shell(|guest| {
        lsb::where_systemd_has_the_unit_the_script_asks_systemd(guest, "guest-client.service");
        // The unit itself.
        guest.write("platform.conf", "nodetype=worker\n");
        guest.does("run").is(6, "this is a host");
    });
}

#[test]
fn where_systemd_does_not_know_the_unit_the_script_does_it() {
    in_each_shell(|guest| lsb::where_systemd_does_not_know_the_unit_the_script_does_it(guest));
}

#[test]
fn two_starts_at_once_leave_one_client_behind_the_pid_file() {
    in_each_shell(|guest| lsb::two_starts_at_once_leave_one_process(guest));
}

#[test]
fn a_client_that_is_killed_leaves_a_stale_pid_file_only() {
    in_each_shell(|guest| {
        let pid: Pid = guest.starts();
        let ending = Ending::of(pid).expect("it runs");
        guest.signal(pid, Signal::KILL);
        until("its end", || ending.has_come());
        guest.does("status").is(1, "not running, but ");
        guest.does("reload").is(7, "not running");
        let next = guest.starts();
        assert_ne!(next, pid);
    });
}
