//! `guest_heartbeat.conf`: shell-style `KEY=VALUE` lines, quotes optional, `#` comments.

use std::io::ErrorKind;
use std::path::Path;
use std::time::Duration;

use protocol::channel::CorrectiveAction;

use super::Error;
use crate::core::{Config, INTERVAL_MIN, TIME_MAX};

/// Reads a file that has to be there.
pub(super) fn load(path: &Path) -> Result<Config, Error> {
    let bytes = std::fs::read(path)
        .map_err(|source| Error::ConfUnreadable { path: path.to_owned(), source })?;
    parse(path, &String::from_utf8_lossy(&bytes))
}

/// Reads a file; the defaults if there is none.
pub(super) fn load_if_there(path: &Path) -> Result<Config, Error> {
    match load(path) {
        Err(Error::ConfUnreadable { source, .. }) if source.kind() == ErrorKind::NotFound => {
            Ok(Config::default())
        }
        other => other,
    }
}

fn parse(path: &Path, text: &str) -> Result<Config, Error> {
    let mut config = Config::default();
    for (index, line) in text.lines().enumerate() {
        let line_number = index + 1;
        let fault = |what| Error::Conf { path: path.to_owned(), line: line_number, what };
        let Some((key, value)) = assignment(line).map_err(fault)? else { continue };
        if !apply(&mut config, key, value).map_err(fault)? {
            tracing::warn!("{}:{line_number}: unknown key {key:?} is ignored", path.display());
        }
    }
    Ok(config)
}

/// Key and value of a line; `None` for a blank one and a comment.
fn assignment(line: &str) -> Result<Option<(&str, &str)>, String> {
    let line = line.trim();
    if line.is_empty() || line.starts_with('#') {
        return Ok(None);
    }
    let (key, value) =
        line.split_once('=').ok_or_else(|| format!("expected KEY=VALUE, found {line:?}"))?;
    Ok(Some((key.trim(), unquoted(value.trim())?)))
}

/// The value without its quotes and without a comment after it.
fn unquoted(value: &str) -> Result<&str, String> {
    let Some(quote) = value.chars().next().filter(|c| matches!(c, '"' | '\'')) else {
        let end = value.find(" #").or_else(|| value.find("\t#")).unwrap_or(value.len());
        return Ok(if value.starts_with('#') { "" } else { value[..end].trim_end() });
    };
    let (inner, rest) = value[1..]
        .split_once(quote)
        .ok_or_else(|| format!("{value:?} has an opening quote but no closing one"))?;
    match rest.trim_start() {
        "" => Ok(inner),
        comment if comment.starts_with('#') => Ok(inner),
        rest => Err(format!("{rest:?} follows the closing quote")),
    }
}

/// Sets one key; `false` if there is no such key.
fn apply(config: &mut Config, key: &str, value: &str) -> Result<bool, String> {
    match key {
        "HB_INTERVAL" => config.interval = interval(value)?,
        "HB_INIT_RETRY" => config.init_retry = millis(key, value)?,
        "HB_MIN_TIMEOUT" => config.min_timeout = millis(key, value)?,
        "VOTE" => config.vote = seconds(key, value)?,
        "SHUTDOWN_NOTICE" => config.shutdown_notice = seconds(key, value)?,
        "SUSPEND_NOTICE" => config.suspend_notice = seconds(key, value)?,
        "RESUME_NOTICE" => config.resume_notice = seconds(key, value)?,
        "RESTART" => config.restart = seconds(key, value)?,
        "CORRECTIVE_ACTION" => config.corrective_action = corrective_action(value)?,
        _ => return Ok(false),
    }
    Ok(true)
}

fn interval(value: &str) -> Result<Duration, String> {
    let interval = millis("HB_INTERVAL", value)?;
    if interval < INTERVAL_MIN {
        return Err(format!(
            "HB_INTERVAL is {value} ms, the least is {}",
            INTERVAL_MIN.as_millis()
        ));
    }
    Ok(interval)
}

fn millis(key: &str, value: &str) -> Result<Duration, String> {
    bounded(key, value, "milliseconds", Duration::from_millis(number(key, value, "milliseconds")?))
}

fn seconds(key: &str, value: &str) -> Result<Duration, String> {
    bounded(key, value, "seconds", Duration::from_secs(number(key, value, "seconds")?))
}

fn number(key: &str, value: &str, unit: &str) -> Result<u64, String> {
    value.parse().map_err(|_| format!("{key} is a number of {unit}, found {value:?}"))
}

fn bounded(key: &str, value: &str, unit: &str, time: Duration) -> Result<Duration, String> {
    if time > TIME_MAX {
        return Err(format!("{key} is {value} {unit}, the most is one hour"));
    }
    Ok(time)
}

fn corrective_action(value: &str) -> Result<CorrectiveAction, String> {
    use CorrectiveAction::{Log, Reboot, Stop};
    CorrectiveAction::from_word(value)
        .filter(|action| matches!(action, Log | Reboot | Stop))
        .ok_or_else(|| format!("CORRECTIVE_ACTION is log, reboot or stop, found {value:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Config, String> {
        parse(Path::new("hb.conf"), text).map_err(|error| error.to_string())
    }

    #[test]
    fn every_key_is_read_with_and_without_quotes_and_comments() {
        let text = "# heartbeat\n\nHB_INTERVAL=500\nHB_INIT_RETRY=\"2000\"\r\n HB_MIN_TIMEOUT = 3000 # ms\n\
                    VOTE='1'\nSHUTDOWN_NOTICE=\"2\" # s\nSUSPEND_NOTICE=3\nRESUME_NOTICE=4\nRESTART=5\n\
                    CORRECTIVE_ACTION=stop\n";
        let secs = Duration::from_secs;
        let expected = Config {
            interval: Duration::from_millis(500),
            init_retry: secs(2),
            min_timeout: secs(3),
            vote: secs(1),
            shutdown_notice: secs(2),
            suspend_notice: secs(3),
            resume_notice: secs(4),
            restart: secs(5),
            corrective_action: CorrectiveAction::Stop,
            ..Config::default()
        };
        assert_eq!(read(text), Ok(expected));
    }

    #[test]
    fn unknown_keys_do_not_hurt() {
        assert_eq!(read("SOMETHING_NEW=\"/x y\"\n#HB_INTERVAL=1\n"), Ok(Config::default()));
    }

    #[test]
    fn an_interval_below_the_floor_is_refused_with_file_and_line() {
        assert_eq!(
            read("# floor\nHB_INTERVAL=399\n"),
            Err("hb.conf:2: HB_INTERVAL is 399 ms, the least is 400".to_owned())
        );
        assert!(read("HB_INTERVAL=400").is_ok());
    }

    #[test]
    fn mistakes_are_named_with_their_line() {
        for (line, what) in [
            ("VOTE=ten", "VOTE is a number of seconds, found \"ten\""),
            ("VOTE=", "VOTE is a number of seconds, found \"\""),
            ("HB_INIT_RETRY=-1", "HB_INIT_RETRY is a number of milliseconds, found \"-1\""),
            ("RESTART=3601", "RESTART is 3601 seconds, the most is one hour"),
            (
                "CORRECTIVE_ACTION=panic",
                "CORRECTIVE_ACTION is log, reboot or stop, found \"panic\"",
            ),
            ("VOTE=\"10", "\"\\\"10\" has an opening quote but no closing one"),
            ("VOTE=\"10\"0", "\"0\" follows the closing quote"),
            ("what", "expected KEY=VALUE, found \"what\""),
        ] {
            assert_eq!(read(&format!("\n{line}\n")), Err(format!("hb.conf:2: {what}")));
        }
    }

    #[test]
    fn a_missing_default_file_means_defaults_and_a_missing_named_one_is_an_error() {
        let missing = Path::new("/nonexistent/guest_heartbeat.conf");
        assert_eq!(load_if_there(missing).unwrap(), Config::default());
        assert!(matches!(load(missing), Err(Error::ConfUnreadable { .. })));
    }
}
