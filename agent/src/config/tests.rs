//! Which source wins, and what a wrong value is answered with.

use std::io::Write;

use super::*;

fn file(text: &str) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file
}

fn resolve(ini: &str, flags: &[&str]) -> Result<Config, String> {
    let ini = file(ini);
    let path = ini.path().to_str().unwrap();
    let none = ["--mtc-conf", "/does/not/exist", "--vim-config", "/does/not/exist"];
    let given = flags.contains(&"--mtc-conf");
    let none: &[&str] = if given { &[] } else { &none };
    let args = [&["guestAgent", "--config", path], none, flags].concat();
    let matches = PROGRAM.command().try_get_matches_from(args).map_err(|e| e.to_string())?;
    Config::resolve(&matches).map_err(|e| e.to_string())
}

#[test]
fn the_defaults_are_those_of_the_field() {
    let config = resolve("", &[]).unwrap();
    assert_eq!(config.listen_vim, "127.0.0.1:2410".parse().unwrap());
    assert_eq!(config.vim, "127.0.0.1:30002".parse().unwrap());
    assert_eq!(config.listen, ["[::]:2401".parse().unwrap()]);
    assert_eq!((config.maintenance_host.as_str(), config.maintenance_port), ("controller", 2107));
    assert_eq!((config.maintenance_listen.port(), config.server_port), (2108, 2411));
}

#[test]
fn the_fields_files_give_the_ports() {
    let ini = "[agent]\nrx_port = 2501 ; events\nvim_cmd_port = 2510\n[client]\nrx_port = 2511\n";
    let mtc = file("[agent]\nhbs_to_mtc_event_port = 2607\nmtc_to_guest_cmd_port = 2608\n");
    let nfv = file("[guest-rest-api]\nport = 30102\n");
    let paths = [mtc.path().to_str().unwrap(), nfv.path().to_str().unwrap()];
    let flags = ["--mtc-conf", paths[0], "--vim-config", paths[1]];
    let config = resolve(ini, &flags).unwrap();
    assert_eq!((config.listen[0].port(), config.listen_vim.port()), (2501, 2510));
    assert_eq!((config.server_port, config.vim.port()), (2511, 30102));
    assert_eq!((config.maintenance_port, config.maintenance_listen.port()), (2607, 2608));
    let flags = [&flags[..], &["--vim", "127.0.0.1:7", "--maintenance", "[::1]:8"]].concat();
    let config = resolve(ini, &flags).unwrap();
    assert_eq!((config.vim.port(), config.maintenance_port), (7, 8));
    assert_eq!(config.maintenance_host, "::1");
}

#[test]
fn the_floating_address_is_the_source_of_commands() {
    let flags = ["--listen", "192.0.2.7:2401", "--listen", "192.0.2.8:2401"];
    let config = resolve("", &flags).unwrap();
    assert_eq!(config.listen.len(), 2);
    assert_eq!(config.source, "192.0.2.7");
    assert_eq!(resolve("", &["--hostname", "c-0"]).unwrap().source, "c-0");
}

#[test]
fn a_wrong_value_is_named_with_its_place() {
    for (flags, part) in [
        (["--listen", "2401"], "--listen: \"2401\": expected an IP address and a port"),
        (["--vim", "localhost"], "expected an IP address and a port"),
        (["--maintenance", "controller"], "expected a host and a port"),
        (["--server-port", "0"], "expected a port from 1 to 65535"),
    ] {
        let error = resolve("", &flags).unwrap_err();
        assert!(error.contains(part), "{flags:?}: {error}");
    }
}

#[test]
fn a_file_of_hosts_is_taken_whole_or_not_at_all() {
    let entry = "[[host]]\nhostname = \"compute-0\"\nip = \"192.0.2.10\"\n";
    let good = file(&format!("{entry}uuid = \"6a9b0c1d-0000-4000-8000-0123456789ab\"\n"));
    assert_eq!(read_hosts(good.path()).unwrap()[0].hostname.as_str(), "compute-0");
    assert_eq!(read_hosts(file("").path()).unwrap().len(), 0);
    for (text, part) in [
        (format!("{entry}uuid = \"short\"\n"), "\"compute-0\": uuid \"short\""),
        (entry.to_owned(), "uuid"),
        ("[[host]]\nhostname = 7\n".to_owned(), "line 2"),
        ("[[hosts]]\n".to_owned(), "hosts"),
    ] {
        let error = read_hosts(file(&text).path()).unwrap_err().to_string();
        assert!(error.contains(part), "{text}: {error}");
    }
    assert!(read_hosts("/does/not/exist".as_ref()).is_err());
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
