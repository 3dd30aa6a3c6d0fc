//! `guest_heartbeat.conf`: shell-style `KEY=VALUE` lines, quotes optional, `#` comments.

mod check;
mod syntax;
mod values;

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::Error;
pub(super) use check::check;
pub(super) use values::Values;

/// A file as it was read: what it sets, and what is to be said about it.
#[derive(Debug, Default)]
pub(super) struct Reading {
    /// A line with a mistake sets nothing.
    pub(super) values: Values,
    /// In the order of their lines.
    mistakes: Vec<Remark>,
    /// What is allowed but hardly meant.
    remarks: Vec<Remark>,
    /// The line that sets a key.
    lines: BTreeMap<String, usize>,
}

#[derive(Debug, PartialEq, Eq)]
struct Remark {
    /// From 1; `None`: of the file as a whole.
    line: Option<usize>,
    what: String,
}

/// The settings that are there, and where they are expected.
#[derive(Debug, Clone)]
pub(super) struct Source {
    path: PathBuf,
    /// A file that was named has to be there.
    named: bool,
}

impl Source {
    /// The file that was named, or the default one.
    pub(super) fn new(named: Option<&Path>, default: &Path) -> Self {
        Self { path: named.unwrap_or(default).to_owned(), named: named.is_some() }
    }

    /// Reads the file and logs what is wrong with it. One mistake, and none of it counts.
    pub(super) fn load(&self) -> Result<Values, Error> {
        let reading = self.read()?;
        for remark in &reading.remarks {
            tracing::warn!("{}", remark.at(&self.path));
        }
        for mistake in &reading.mistakes {
            tracing::error!("{}", mistake.at(&self.path));
        }
        match reading.mistakes.len() {
            0 => Ok(reading.values),
            mistakes => Err(Error::Conf { path: self.path.clone(), mistakes }),
        }
    }

    fn read(&self) -> Result<Reading, Error> {
        match std::fs::read(&self.path) {
            Ok(bytes) => Ok(Reading::parse(&String::from_utf8_lossy(&bytes))),
            Err(source) if source.kind() == ErrorKind::NotFound && !self.named => {
                Ok(Reading::default())
            }
            Err(source) => Err(Error::ConfUnreadable { path: self.path.clone(), source }),
        }
    }
}

impl Remark {
    fn at(&self, path: &Path) -> String {
        match self.line {
            Some(line) => format!("{}:{line}: {}", path.display(), self.what),
            None => format!("{}: {}", path.display(), self.what),
        }
    }
}

impl Reading {
    fn parse(text: &str) -> Self {
        let mut reading = Self::default();
        for (index, line) in text.lines().enumerate() {
            let line_number = index + 1;
            if let Err(what) = reading.line(line_number, line) {
                reading.mistakes.push(Remark { line: Some(line_number), what });
            }
        }
        let whole = reading.values.remarks().into_iter();
        reading.remarks.extend(whole.map(|what| Remark { line: None, what }));
        reading
    }

    fn line(&mut self, line_number: usize, line: &str) -> Result<(), String> {
        let Some((key, value)) = syntax::assignment(line)? else { return Ok(()) };
        if self.values.set(key, value)? {
            self.lines.insert(key.to_owned(), line_number);
            let cut = self.values.cut(key, value);
            self.remarks.extend(cut.map(|what| Remark { line: Some(line_number), what }));
        } else {
            let what = format!("unknown key {key:?} is ignored");
            self.remarks.push(Remark { line: Some(line_number), what });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use protocol::channel::CorrectiveAction;

    use super::*;
    use crate::core::{ApplicationCrash, Config};

    fn values(text: &str) -> Values {
        let reading = Reading::parse(text);
        assert_eq!(reading.mistakes, []);
        reading.values
    }

    fn mistakes(text: &str) -> Vec<String> {
        Reading::parse(text).mistakes.iter().map(|found| found.at(Path::new("hb.conf"))).collect()
    }

    fn remarks(text: &str) -> Vec<String> {
        Reading::parse(text).remarks.iter().map(|found| found.at(Path::new("hb.conf"))).collect()
    }

    #[test]
    fn every_key_is_read_with_and_without_quotes_and_comments() {
        let text = "# heartbeat\n\nHB_INTERVAL=500\nHB_INIT_RETRY=\"2000\"\r\n HB_MIN_TIMEOUT = 3000 # ms\n\
                    VOTE='1'\nSHUTDOWN_NOTICE=\"2\" # s\nSUSPEND_NOTICE=3\nRESUME_NOTICE=4\nRESTART=5\n\
                    CORRECTIVE_ACTION=stop\nHEALTH_CHECK_INTERVAL=6\n\
                    HEALTH_CHECK_SCRIPT=\"/opt/a b/check\"\nEVENT_NOTIFICATION_SCRIPT=/opt/event\n\
                    APPLICATION_CRASH=action\n";
        let secs = Duration::from_secs;
        let expected = Values {
            channel: Config {
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
            },
            health_check_interval: secs(6),
            health_check_script: Some("/opt/a b/check".into()),
            event_notification_script: Some("/opt/event".into()),
            application_crash: ApplicationCrash::Action,
        };
        assert_eq!(values(text), expected);
    }

    #[test]
    fn what_is_shown_reads_back_as_the_same() {
        let text = "HB_INTERVAL=500\nVOTE=1\nCORRECTIVE_ACTION=log\nHEALTH_CHECK_INTERVAL=6\n\
                    HEALTH_CHECK_SCRIPT=/opt/check\nAPPLICATION_CRASH=ignore\n";
        for values in [Values::default(), values(text)] {
            let lines = values::KEYS.iter().map(|key| format!("{key}={}\n", values.show(key)));
            assert_eq!(super::tests::values(&lines.collect::<String>()), values);
        }
    }

    #[test]
    fn unknown_keys_do_not_hurt() {
        let text = "SOMETHING_NEW=\"/x y\"\n#HB_INTERVAL=1\n";
        assert_eq!(values(text), Values::default());
        assert_eq!(remarks(text), ["hb.conf:1: unknown key \"SOMETHING_NEW\" is ignored"]);
    }

    #[test]
    fn a_time_of_more_than_an_hour_is_taken_as_an_hour() {
        let text = "RESTART=3600\nHB_INTERVAL=3600000\n";
        assert_eq!(remarks(text), [""; 0]);
        let more = "RESTART=3601\nHB_INTERVAL=86400000\n";
        assert_eq!(values(more), values(text));
        assert_eq!(
            remarks(more),
            [
                "hb.conf:1: RESTART is 3601, taken as 3600: the most is one hour",
                "hb.conf:2: HB_INTERVAL is 86400000, taken as 3600000: the most is one hour",
            ]
        );
    }

    #[test]
    fn a_health_check_needs_a_script_and_an_interval() {
        for (text, off) in [
            ("HEALTH_CHECK_INTERVAL=5\n", "HEALTH_CHECK_SCRIPT"),
            ("HEALTH_CHECK_SCRIPT=/opt/check\n", "HEALTH_CHECK_INTERVAL"),
        ] {
            assert_eq!(values(text).settings().health_check, None);
            let said = remarks(text);
            assert!(said.len() == 1 && said[0].contains(off), "{said:?}");
            assert!(said[0].contains("the health check is off"), "{said:?}");
        }
        let both = "HEALTH_CHECK_INTERVAL=5\nHEALTH_CHECK_SCRIPT=/opt/check\n";
        assert_eq!(values(both).settings().health_check, Some(Duration::from_secs(5)));
        assert_eq!(remarks(both), [""; 0]);
    }

    #[test]
    fn every_mistake_is_named_with_its_line() {
        assert_eq!(
            mistakes("# floor\nHB_INTERVAL=399\nVOTE=5\nRESTART=soon\nwhat\n"),
            [
                "hb.conf:2: HB_INTERVAL is 399 ms, the least is 400",
                "hb.conf:4: RESTART is a number of seconds, found \"soon\"",
                "hb.conf:5: expected KEY=VALUE, found \"what\"",
            ]
        );
        assert_eq!(mistakes("HB_INTERVAL=400"), [""; 0]);
    }

    #[test]
    fn mistakes_say_what_is_expected() {
        for (line, what) in [
            ("VOTE=ten", "VOTE is a number of seconds, found \"ten\""),
            ("VOTE=", "VOTE is a number of seconds, found \"\""),
            ("HB_INIT_RETRY=-1", "HB_INIT_RETRY is a number of milliseconds, found \"-1\""),
            (
                "CORRECTIVE_ACTION=panic",
                "CORRECTIVE_ACTION is log, reboot or stop, found \"panic\"",
            ),
            ("APPLICATION_CRASH=no", "APPLICATION_CRASH is log, action or ignore, found \"no\""),
            (
                "HEALTH_CHECK_SCRIPT=bin/check",
                "HEALTH_CHECK_SCRIPT is an absolute path, found \"bin/check\"",
            ),
            ("VOTE=\"10", "\"\\\"10\" has an opening quote but no closing one"),
            ("VOTE=\"10\"0", "\"0\" follows the closing quote"),
        ] {
            assert_eq!(mistakes(&format!("\n{line}\n")), [format!("hb.conf:2: {what}")]);
        }
    }

    #[test]
    fn a_missing_default_file_means_defaults_and_a_missing_named_one_is_an_error() {
        let missing = Path::new("/nonexistent/guest_heartbeat.conf");
        assert_eq!(Source::new(None, missing).load().unwrap(), Values::default());
        let named = Source::new(Some(missing), missing).load();
        assert!(matches!(named, Err(Error::ConfUnreadable { .. })));
    }
}
