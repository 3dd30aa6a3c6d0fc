//! Which source wins, and what a wrong value is answered with.

use std::io::Write;

use super::*;

fn ini(text: &str) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file
}

fn resolve(file: &tempfile::NamedTempFile, flags: &[&str]) -> Result<Config, String> {
    let path = file.path().to_str().unwrap();
    let args = ["guestServer", "--config", path].into_iter().chain(flags.iter().copied());
    let matches = PROGRAM.command().try_get_matches_from(args).map_err(|e| e.to_string())?;
    Config::resolve(&matches).map_err(|e| e.to_string())
}

const FIELD: &str = "
; guestServer configuration of a deployed system
[agent]
rx_port = 2501          ; agent's port
vim_cmd_port = 2410
[client]
rx_port = 2511          ; this daemon's port
hbs_failure_threshold = 3
hbs_pulse_period = 500
[timeouts]
start_delay = 7         ; seconds
[debug]
debug_level = 0
";

#[test]
fn a_file_of_the_field_is_understood() {
    let config = resolve(&ini(FIELD), &[]).unwrap();
    assert_eq!(config.listen.port(), 2511);
    assert_eq!((config.agent_host.as_str(), config.agent_port), ("controller", 2501));
    assert_eq!(config.policy.failure_threshold, 3);
    assert_eq!(config.policy.pulse_period, Duration::from_millis(500));
    assert_eq!(config.policy.start_delay, Duration::from_secs(7));
}

#[test]
fn a_flag_wins_over_the_file() {
    let flags = ["--listen", "127.0.0.1:99", "--agent=[::1]:7", "--pulse-period-ms", "600"];
    let config = resolve(&ini(FIELD), &flags).unwrap();
    assert_eq!(config.listen, "127.0.0.1:99".parse().unwrap());
    assert_eq!((config.agent_host.as_str(), config.agent_port), ("::1", 7));
    assert_eq!(config.policy.pulse_period, Duration::from_millis(600));
}

#[test]
fn every_setting_has_a_default_and_is_explained() {
    let config = resolve(&ini(""), &[]).unwrap();
    assert_eq!(config.channel_dirs, [PathBuf::from("/var/lib/libvirt/qemu")]);
    assert!(!config.policy.hostname.is_empty());
    for setting in SETTINGS {
        let start = format!("{} = ", setting.flag);
        assert!(
            config.common.explained.iter().any(|line| line.starts_with(&start)),
            "{}",
            setting.flag
        );
    }
}

#[test]
fn several_channel_directories() {
    let config = resolve(&ini(""), &["--channel-dir", "/a:/b", "--channel-dir", "/c"]).unwrap();
    assert_eq!(config.channel_dirs, ["/a", "/b", "/c"].map(PathBuf::from));
}

#[test]
fn the_flag_of_deployed_init_scripts_is_ignored() {
    assert!(resolve(&ini(""), &["-l"]).is_ok());
}

#[test]
fn a_wrong_value_is_named_with_its_place() {
    let file = ini("[client]\n\nhbs_pulse_period = soon\n");
    let error = resolve(&file, &[]).unwrap_err();
    let place = format!("{}:3: [client] hbs_pulse_period", file.path().display());
    assert!(error.starts_with(&place), "{error}");
    assert!(error.contains("\"soon\"") && error.contains("milliseconds"), "{error}");
    for (flags, part) in [
        (["--listen", "2411"], "--listen: \"2411\": expected an IP address and a port"),
        (["--agent", "controller"], "expected a host and a port"),
        (["--agent", ":2401"], "expected a host and a port"),
        (["--failure-threshold", "-1"], "unexpected argument"),
        (["--failure-threshold", "x"], "--failure-threshold: \"x\""),
        (["--log-format", "xml"], "expected text or json"),
        (["--log-level", "loud"], "expected error, warn, info or debug"),
        (["--channel-dir", ""], "at least one directory"),
    ] {
        let error = resolve(&ini(""), &flags).unwrap_err();
        assert!(error.contains(part), "{flags:?}: {error}");
    }
}

#[test]
fn a_directory_whose_sockets_could_not_be_addressed_is_refused() {
    let long = format!("/{}", "d".repeat(60));
    assert!(resolve(&ini(""), &["--channel-dir", &long]).unwrap_err().contains("at most"));
}

#[test]
fn a_file_that_was_named_must_be_there_and_be_an_ini_file() {
    let args = ["guestServer", "--config", "/does/not/exist.ini"];
    let matches = PROGRAM.command().try_get_matches_from(args).unwrap();
    assert!(Config::resolve(&matches).unwrap_err().to_string().contains("/does/not/exist.ini"));
    let error = resolve(&ini("[client\nx"), &[]).unwrap_err();
    assert!(error.contains(":1:") || error.contains(":2:"), "{error}");
}

#[test]
fn the_documented_table_is_the_table_of_settings() {
    let docs = include_str!("../../../docs/configuration.md");
    for setting in SETTINGS {
        let place = format!("| `{}` | `[{}] {}` |", setting.env, setting.section, setting.key);
        let row = docs.lines().find(|line| line.contains(&place)).unwrap_or_default();
        assert!(row.starts_with(&format!("| `--{}", setting.flag)), "no row for {}", setting.flag);
        assert!(row.contains(&format!("| `{}`", setting.default)) || setting.default.is_empty());
    }
}
