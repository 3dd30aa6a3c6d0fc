//! What an operator may say to the program, and what it answers.

use std::process::{Command, Output};

use crate::harness::{PROGRAM, Place};

/// The program without any configuration of this machine.
fn program() -> Command {
    let mut command = Command::new(PROGRAM);
    command.env_clear();
    command
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// The line of `--check-config` about a setting.
fn explained(output: &Output, setting: &str) -> String {
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let start = format!("{setting} = ");
    let stdout = text(&output.stdout);
    let line = stdout.lines().find_map(|line| line.strip_prefix(&start));
    line.unwrap_or_else(|| panic!("no {setting} in {stdout}")).to_owned()
}

/// The program refuses these flags, and says why.
fn refused(place: &Place, flags: &[&str]) -> String {
    let output = place.command(flags).output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{flags:?}: {}", text(&output.stderr));
    assert_eq!(text(&output.stdout), "");
    text(&output.stderr)
}

#[test]
fn check_config_explains_every_setting_and_starts_nothing() {
    let place = Place::new();
    let output = place.command(&["--check-config"]).output().unwrap();
    let listen = explained(&output, "listen");
    assert_eq!(listen, "127.0.0.1:0  (environment GUEST_SERVER_LISTEN)");
    assert_eq!(explained(&output, "failure-threshold"), "1  (default)");
    assert!(!place.path("pid").exists());
}

#[test]
fn a_flag_wins_over_the_environment_and_that_over_the_file() {
    let place = Place::new();
    let ini = place.write("a.ini", "[client]\nhbs_failure_threshold = 3 ; forgiving\n");
    let command = |flags: &[&str], env: Option<&str>| {
        let mut command = program();
        command.arg("--check-config").arg("--config").arg(&ini).args(flags);
        command.envs(env.map(|value| ("GUEST_SERVER_FAILURE_THRESHOLD", value)));
        explained(&command.output().unwrap(), "failure-threshold")
    };
    let from_file = format!("3  ({}:2: [client] hbs_failure_threshold)", ini.display());
    assert_eq!(command(&[], None), from_file);
    assert_eq!(command(&[], Some("4")), "4  (environment GUEST_SERVER_FAILURE_THRESHOLD)");
    let flag = ["--failure-threshold", "5"];
    assert_eq!(command(&flag, Some("4")), "5  (--failure-threshold)");
    assert_eq!(command(&flag, None), "5  (--failure-threshold)");
}

#[test]
fn of_a_key_that_stands_twice_the_last_counts() {
    let place = Place::new();
    let twice = "[client]\nhbs_pulse_period = 500\nhbs_pulse_period = 600\n";
    let apart = "[client]\nhbs_pulse_period = 500\n[agent]\n[client]\nhbs_pulse_period = 600\n";
    for (content, line) in [(twice, 3), (apart, 5)] {
        let ini = place.write("twice.ini", content);
        let output = program().arg("--check-config").arg("--config").arg(&ini).output().unwrap();
        let expected = format!("600  ({}:{line}: [client] hbs_pulse_period)", ini.display());
        assert_eq!(explained(&output, "pulse-period-ms"), expected);
    }
}

#[test]
fn comments_quotes_and_blanks_of_the_file_are_left_out() {
    let place = Place::new();
    let content = "; a\n# b\n\n [client] ; c\n\thbs_pulse_period=\t500\t# d\r\n\
                   [guest_server]\nhostname = \"node;1\" ; e\nlog_level:debug\nunknown = x\n";
    let ini = place.write("dressed.ini", content);
    let output = program().arg("--check-config").arg("--config").arg(&ini).output().unwrap();
    assert!(explained(&output, "pulse-period-ms").starts_with("500  ("));
    assert!(explained(&output, "hostname").starts_with("node;1  ("));
    assert!(explained(&output, "log-level").starts_with("debug  ("));
}

#[test]
fn the_file_is_found_through_the_environment_too() {
    let place = Place::new();
    place.write("guestServer.ini", "[guest_server]\nlog_format = json\n");
    let output = place.command(&["--check-config"]).output().unwrap();
    assert!(explained(&output, "log-format").starts_with("json  ("));
}

#[test]
fn the_flag_of_deployed_init_scripts_is_ignored() {
    let place = Place::new();
    let output = place.command(&["-l", "--check-config"]).output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    let daemon = place.start(&["-l"]);
    let channel = place.channel(1);
    let guest = channel.accept().beat(500);
    guest.beats(2);
    daemon.await_status(|status| status.count("heartbeating") == 1);
}

#[test]
fn a_wrong_flag_or_value_is_refused_with_its_place() {
    let place = Place::new();
    for (flags, said) in [
        (&["--no-such-flag"][..], "unexpected argument '--no-such-flag'"),
        (&["leftover"], "unexpected argument 'leftover'"),
        (&["--listen"], "a value is required for '--listen"),
        (
            &["--listen", "everywhere"],
            "--listen: \"everywhere\": expected an IP address and a port",
        ),
        (&["--listen", "127.0.0.1:99999"], "--listen: \"127.0.0.1:99999\""),
        (&["--agent", "controller"], "--agent: \"controller\": expected a host and a port"),
        (&["--pulse-period-ms", "5"], "expected milliseconds from 10 to 3600000"),
        (&["--log-format", "xml"], "expected text or json"),
        (&["--daemon=perhaps"], "--daemon: \"perhaps\": expected true or false"),
        (&["--check-config", "--failure-threshold", "many"], "--failure-threshold: \"many\""),
    ] {
        let stderr = refused(&place, flags);
        assert!(stderr.contains(said), "{flags:?}: {stderr}");
        assert!(!stderr.contains("panicked"), "{stderr}");
    }
}

#[test]
fn a_wrong_value_in_the_environment_is_named() {
    let place = Place::new();
    let output = place.command(&[]).env("GUEST_SERVER_START_DELAY", "later").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let stderr = text(&output.stderr);
    assert!(stderr.contains("environment GUEST_SERVER_START_DELAY: \"later\""), "{stderr}");
}

#[test]
fn a_wrong_value_in_the_file_is_named_with_its_line() {
    let place = Place::new();
    for (content, said) in [
        (
            "; comment\n[client]\nrx_port = 99999\n",
            "bad.ini:3: [client] rx_port: \"99999\": expected a port",
        ),
        ("[agent]\n\nrx_port = none\n", "bad.ini:3: [agent] rx_port: \"none\""),
        ("[guest_server]\nlog_level=loud\n", "bad.ini:2: [guest_server] log_level: \"loud\""),
        ("[client\nrx_port = 1\n", "bad.ini:1: \"[client\": expected [section] or key = value"),
        ("[client]\n\nrx_port 2411\n", "bad.ini:3: \"rx_port 2411\": expected [section]"),
    ] {
        let ini = place.write("bad.ini", content);
        let output = program().arg("--config").arg(&ini).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{content}");
        let stderr = text(&output.stderr);
        assert!(stderr.contains(said), "{content}: {stderr}");
    }
}

#[test]
fn a_file_that_cannot_be_read_is_refused() {
    let place = Place::new();
    let missing = place.path("missing.ini");
    let stderr = refused(&place, &["--config", missing.to_str().unwrap()]);
    assert!(stderr.contains("cannot read") && stderr.contains("missing.ini"), "{stderr}");
    let stderr = refused(&place, &["--config", place.folder().to_str().unwrap()]);
    assert!(stderr.contains("cannot read") && stderr.contains("directory"), "{stderr}");
    let binary = place.path("binary.ini");
    std::fs::write(&binary, [0xff, 0xfe, 0, 1]).unwrap();
    let stderr = refused(&place, &["--config", binary.to_str().unwrap()]);
    assert!(stderr.contains("binary.ini"), "{stderr}");
}

#[test]
fn help_names_every_flag() {
    let output = program().arg("--help").output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    let help = text(&output.stdout);
    for flag in [
        "--config",
        "--channel-dir",
        "--listen",
        "--agent",
        "--hostname",
        "--pulse-period-ms",
        "--failure-threshold",
        "--pid-file",
        "--status-file",
        "--log-format",
        "--check-config",
        "--daemon",
    ] {
        assert!(help.contains(flag), "{flag} is not in {help}");
    }
    assert!(help.contains("GUEST_SERVER_LISTEN"), "{help}");
}
