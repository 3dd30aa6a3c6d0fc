//! What is installed beside `heartbeat_init`: the unit, the `OpenRC` service and the samples.

use std::process::Command;

use end_to_end::init::{InitGuest, in_each_shell, init_file};

#[test]
fn openrc_runs_the_script() {
    in_each_shell(|guest| {
        // What openrc-run does with a service: it reads the file and calls the function.
        let openrc_run = guest.write("openrc-run", "after() { :; }\n. \"$1\"\ndepend\n\"$2\"\n");
        let script = guest.script();
        let shell: Vec<_> = {
            let command = guest.command(&["$1"]);
            let words = std::iter::once(command.get_program()).chain(command.get_args());
            words.map(|word| word.to_string_lossy().into_owned()).collect()
        };
        assert_eq!(shell[shell.len() - 2], script.to_string_lossy());
        let wrapped = format!("#!/bin/sh\nexec {}\n", shell.join(" "));
        let wrapped = guest.program("wrapped", &wrapped);
        let service = init_file("guest-client.openrc");
        let does = |action| {
            let service = service.to_str().expect("a path in UTF-8");
            let mut command = guest.shell_command(&openrc_run, &[service, action]);
            guest.ends(command.env("heartbeat_init", &wrapped))
        };
        does("status").is(3, "not running");
        does("start").is(0, "started");
        does("status").is(0, "running");
        does("stop").is(0, "stopped");
        does("reload").is(7, "not running");
    });
}

#[test]
fn systemd_finds_no_fault_with_the_unit() {
    let guest = InitGuest::new(&["dash"]);
    let unit = std::fs::read_to_string(init_file("guest-client.service")).expect("it is there");
    let installed = "ExecStart=/etc/init.d/heartbeat_init run\n";
    assert!(unit.contains(installed), "{unit}");
    let here = format!("ExecStart={} run\n", init_file("heartbeat_init").display());
    let unit = guest.write("guest-client.service", &unit.replace(installed, &here));
    let mut command = Command::new("systemd-analyze");
    command.args(["verify", "--man=no"]).arg(unit);
    guest.within(&mut command);
    let said = guest.ends(&mut command);
    assert!(said.status == 0 && said.text.is_empty(), "{said:?}");
}

/// The keys that a settings file may have.
const KEYS: [&str; 12] = [
    "HB_INTERVAL",
    "HB_INIT_RETRY",
    "HB_MIN_TIMEOUT",
    "CORRECTIVE_ACTION",
    "VOTE",
    "SHUTDOWN_NOTICE",
    "SUSPEND_NOTICE",
    "RESUME_NOTICE",
    "RESTART",
    "HEALTH_CHECK_INTERVAL",
    "HEALTH_CHECK_SCRIPT",
    "EVENT_NOTIFICATION_SCRIPT",
];

#[test]
fn the_sample_settings_show_every_key_with_its_default() {
    let sample = std::fs::read_to_string(init_file("guest_heartbeat.conf")).expect("it is there");
    let is_setting =
        |line: &&str| line.starts_with('#') && line.contains('=') && !line[1..].starts_with(' ');
    let settings: Vec<&str> = sample.lines().filter(is_setting).map(|line| &line[1..]).collect();
    let keys: Vec<&str> = settings.iter().filter_map(|line| line.split('=').next()).collect();
    assert_eq!(keys, KEYS);
    // Without the scripts: their default is none.
    let defaults: Vec<&str> = settings.into_iter().filter(|line| !line.contains('/')).collect();

    let announced = |conf: &str| {
        let guest = InitGuest::new(&["dash"]);
        let conf = guest.write("guest_heartbeat.conf", conf);
        guest.set_options(&format!("--config {}", conf.display()));
        let mut host = guest.host();
        guest.starts();
        let init = host.enable();
        assert!(!guest.log().contains("unknown key"), "{}", guest.log());
        protocol::channel::Init { invocation_id: 0, ..init }
    };
    let without = announced("");
    assert_eq!(announced(&sample), without);
    assert_eq!(announced(&defaults.join("\n")), without);
}

#[test]
fn the_sample_health_check_answers_as_documented() {
    in_each_shell(|guest| {
        let check = |meminfo: &str| {
            let meminfo = guest.write("meminfo", meminfo);
            let mut command = guest.shell_command(&init_file("sample_health_check"), &[]);
            guest.ends(command.env("MEMINFO", meminfo))
        };
        let healthy = check("MemTotal: 131072 kB\nMemAvailable:   65536 kB\n");
        assert_eq!((healthy.status, healthy.text.as_str()), (0, ""));
        check("MemAvailable:   1024 kB\n").is(1, "only 1024 kB of memory are available\n");
        check("MemTotal: 131072 kB\n").is(2, "does not tell the available memory\n");
    });
}

#[test]
fn the_sample_event_handler_answers_as_documented() {
    in_each_shell(|guest| {
        let hold = guest.file("hold");
        let handle = |arguments: &[&str]| {
            let mut command = guest.shell_command(&init_file("sample_event_handler"), arguments);
            guest.ends(command.env("HOLD", &hold))
        };
        let events = ["stop", "reboot", "suspend", "resume", "live_migrate_begin", "unknown"];
        for event in events {
            for kind in ["revocable", "irrevocable"] {
                handle(&[kind, event]).is(0, "");
            }
        }
        guest.write("hold", "");
        handle(&["revocable", "stop"]).is(1, "hold is there: not now\n");
        handle(&["revocable", "resume"]).is(0, "");
        handle(&["irrevocable", "stop"]).is(0, "");
        handle(&["stop"]).is(126, "Usage");
        handle(&["perhaps", "stop"]).is(126, "neither");
    });
}
