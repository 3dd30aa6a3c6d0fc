//! The settings, pmon's file and logrotate's, against the daemons that they are for.

use std::collections::BTreeMap;
use std::process::Command;

use end_to_end::services::{DAEMONS, Machine, packaged_text};
use end_to_end::{SHELLS, binary, until};
use rustix::process::{Signal, getuid, kill_process};

/// What `--check-config` says of a file: each setting's value and where it comes from.
fn explained(machine: &Machine, ini: &str) -> BTreeMap<String, (String, String)> {
    let ini = machine.write("explained.ini", ini);
    let mut command = Command::new(binary(machine.daemon));
    command.arg("--check-config").arg("--config").arg(ini);
    machine.within(&mut command);
    let said = machine.ends(&mut command);
    assert_eq!(said.status, 0, "{said:?}");
    let line = |line: &str| {
        let (name, rest) = line.split_once(" = ")?;
        let (value, source) = rest.rsplit_once("  (")?;
        Some((name.to_owned(), (value.to_owned(), source.to_owned())))
    };
    said.text.lines().map(|text| line(text).unwrap_or_else(|| panic!("{text}"))).collect()
}

#[test]
fn the_packaged_settings_show_every_key_with_its_default() {
    for daemon in DAEMONS {
        let machine = Machine::new(daemon, SHELLS[0]);
        let packaged = packaged_text(&format!("etc/{daemon}.ini"));
        let is_setting = |line: &str| line.starts_with(';') && !line.starts_with("; ");
        let all: Vec<&str> =
            packaged.lines().map(|line| if is_setting(line) { &line[1..] } else { line }).collect();
        let defaults = explained(&machine, "");
        let shown = explained(&machine, &all.join("\n"));
        for (name, (value, source)) in &defaults {
            let (shown, place) = &shown[name];
            assert!(place.contains("explained.ini:"), "{name} is not in {daemon}.ini: {place}");
            let has_own_value = ["daemon", "log-file", "hostname"].contains(&name.as_str());
            assert!(has_own_value || shown == value, "{name}: {shown} is not {value} ({source})");
        }
        let as_packaged = explained(&machine, &packaged);
        assert_eq!(as_packaged["daemon"].0, "true");
        assert_eq!(as_packaged["log-file"].0, format!("/var/log/{daemon}.log"));
        for (name, (value, _)) in &defaults {
            let value_now = &as_packaged[name].0;
            assert!(
                ["daemon", "log-file"].contains(&name.as_str()) || value_now == value,
                "{name}"
            );
        }
    }
}

#[test]
fn the_packaged_settings_have_the_keys_of_the_field() {
    let field = |text: &str, section: &str, key: &str| {
        let rest = text.split_once(&format!("[{section}]")).expect("the section").1;
        let rest = rest.split("\n[").next().unwrap_or(rest);
        let line = rest.lines().find_map(|line| line.strip_prefix(&format!("{key} = ")));
        line.unwrap_or_else(|| panic!("no {key} in [{section}]")).to_owned()
    };
    let server = packaged_text("etc/guestServer.ini");
    let agent = packaged_text("etc/guestAgent.ini");
    for (text, section, key, value) in [
        (&server, "agent", "rx_port", "2401"),
        (&server, "client", "rx_port", "2411"),
        (&server, "client", "hbs_failure_threshold", "1"),
        (&server, "client", "hbs_pulse_period", "400"),
        (&server, "timeouts", "start_delay", "1"),
        (&agent, "agent", "rx_port", "2401"),
        (&agent, "agent", "vim_cmd_port", "2410"),
        (&agent, "client", "rx_port", "2411"),
    ] {
        assert_eq!(field(text, section, key), value);
    }
}

#[test]
fn pmon_is_told_what_the_platform_expects() {
    let text = packaged_text("pmon/guestServer.conf");
    let mut lines = text.lines().filter(|line| !line.starts_with(';'));
    assert_eq!(lines.next(), Some("[process]"));
    let settings: BTreeMap<&str, &str> = lines
        .map(|line| line.split_once('=').expect("a setting"))
        .map(|(key, value)| (key.trim(), value.trim()))
        .collect();
    let wanted = BTreeMap::from([
        ("process", "guestServer"),
        ("pidfile", "/var/run/guestServer.pid"),
        ("script", "/etc/init.d/guestServer"),
        ("style", "lsb"),
        ("severity", "major"),
        ("restarts", "3"),
        ("interval", "3"),
        ("debounce", "10"),
        ("startuptime", "5"),
        ("mode", "passive"),
        ("subfunction", "worker"),
    ]);
    assert_eq!(settings, wanted);
    let machine = Machine::new("guestServer", SHELLS[0]);
    assert_eq!(explained(&machine, "")["pid-file"].0, wanted["pidfile"]);
    assert!(packaged_text("init.d/guestServer").contains("\nPIDFILE=/var/run/guestServer.pid\n"));
}

#[test]
fn a_rotated_log_is_let_go_and_a_new_one_begun() {
    if !getuid().is_root() {
        return; // The new log is root's.
    }
    for daemon in DAEMONS {
        let machine = Machine::new(daemon, SHELLS[0]);
        let pid = machine.starts();
        let script = machine.command(&["reload"]);
        let words = std::iter::once(script.get_program()).chain(script.get_args());
        let words: Vec<_> = words.map(|word| word.to_string_lossy()).collect();
        let settings = machine.file("settings");
        let reload = format!("GUEST_SERVICE_SETTINGS={} {}", settings.display(), words.join(" "));
        let packaged = packaged_text(&format!("logrotate/{daemon}"));
        let log = machine.file("log/log").display().to_string();
        let here = packaged
            .replace(&format!("/etc/init.d/{daemon} reload"), &reload)
            .replace(&format!("/var/log/{daemon}.log"), &log);
        assert!(here.contains(&reload) && here.contains(&log), "{here}");
        let conf = machine.write("logrotate.conf", &here);
        let logrotate = |option: &str| {
            let mut command = Command::new("logrotate");
            command.arg(option).arg("--state").arg(machine.file("logrotate.state")).arg(&conf);
            machine.within(&mut command);
            machine.ends(&mut command)
        };
        let said = logrotate("--debug");
        assert!(said.status == 0 && !said.text.contains("error"), "{said:?}");
        assert!(said.text.contains("considering log"), "{said:?}");
        let said = logrotate("--force");
        assert!(said.status == 0 && said.text.is_empty(), "{said:?}");
        kill_process(pid, Signal::TERM).expect("it runs");
        until("the last line in the new log", || machine.text("log/log").contains("ended by"));
        assert!(machine.text("log/log.1").contains("listening for"));
    }
}
