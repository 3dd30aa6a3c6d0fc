//! The keys: what each may be, and what it sets.

use std::path::{Path, PathBuf};
use std::time::Duration;

use protocol::channel::CorrectiveAction;

use crate::core::guest::Settings;
use crate::core::{ApplicationCrash, Config, INTERVAL_MIN, TIME_MAX};

/// Every key, in the order in which they are shown.
pub(super) const KEYS: [&str; 13] = [
    "HB_INTERVAL",
    "HB_INIT_RETRY",
    "HB_MIN_TIMEOUT",
    "VOTE",
    "SHUTDOWN_NOTICE",
    "SUSPEND_NOTICE",
    "RESUME_NOTICE",
    "RESTART",
    "CORRECTIVE_ACTION",
    "HEALTH_CHECK_INTERVAL",
    "HEALTH_CHECK_SCRIPT",
    "EVENT_NOTIFICATION_SCRIPT",
    "APPLICATION_CRASH",
];

/// What the file sets.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(in crate::shell) struct Values {
    pub(in crate::shell) channel: Config,
    /// Zero: no health check.
    pub(super) health_check_interval: Duration,
    pub(in crate::shell) health_check_script: Option<PathBuf>,
    pub(in crate::shell) event_notification_script: Option<PathBuf>,
    pub(super) application_crash: ApplicationCrash,
}

impl Values {
    /// What the core has to know of it.
    pub(in crate::shell) fn settings(&self) -> Settings {
        let checks = !self.health_check_interval.is_zero() && self.health_check_script.is_some();
        Settings {
            channel: self.channel.clone(),
            health_check: checks.then_some(self.health_check_interval),
            event_script: self.event_notification_script.is_some(),
            application_crash: self.application_crash,
        }
    }

    /// What makes little sense together.
    pub(super) fn remarks(&self) -> Vec<String> {
        let off = |missing| format!("{missing}: the health check is off");
        match (self.health_check_interval.is_zero(), &self.health_check_script) {
            (false, None) => vec![off("HEALTH_CHECK_INTERVAL without HEALTH_CHECK_SCRIPT")],
            (true, Some(_)) => vec![off("HEALTH_CHECK_SCRIPT without HEALTH_CHECK_INTERVAL")],
            _ => Vec::new(),
        }
    }

    /// The scripts, by their keys.
    pub(super) fn scripts(&self) -> impl Iterator<Item = (&'static str, &Path)> {
        let scripts = [
            ("HEALTH_CHECK_SCRIPT", &self.health_check_script),
            ("EVENT_NOTIFICATION_SCRIPT", &self.event_notification_script),
        ];
        scripts.into_iter().filter_map(|(key, path)| Some((key, path.as_deref()?)))
    }

    /// Sets one key; `false` if there is no such key.
    pub(super) fn set(&mut self, key: &str, value: &str) -> Result<bool, String> {
        match key {
            "HB_INTERVAL" => self.channel.interval = interval(value)?,
            "HB_INIT_RETRY" => self.channel.init_retry = millis(key, value)?,
            "HB_MIN_TIMEOUT" => self.channel.min_timeout = millis(key, value)?,
            "VOTE" => self.channel.vote = seconds(key, value)?,
            "SHUTDOWN_NOTICE" => self.channel.shutdown_notice = seconds(key, value)?,
            "SUSPEND_NOTICE" => self.channel.suspend_notice = seconds(key, value)?,
            "RESUME_NOTICE" => self.channel.resume_notice = seconds(key, value)?,
            "RESTART" => self.channel.restart = seconds(key, value)?,
            "CORRECTIVE_ACTION" => self.channel.corrective_action = corrective_action(value)?,
            "HEALTH_CHECK_INTERVAL" => self.health_check_interval = seconds(key, value)?,
            "HEALTH_CHECK_SCRIPT" => self.health_check_script = script(key, value)?,
            "EVENT_NOTIFICATION_SCRIPT" => self.event_notification_script = script(key, value)?,
            "APPLICATION_CRASH" => self.application_crash = application_crash(value)?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// What is to be said of a value that was just set, if it was too long a time.
    pub(super) fn cut(&self, key: &str, value: &str) -> Option<String> {
        let number = |text: &str| text.parse::<u64>().ok();
        let shown = self.show(key);
        let cut = number(value)? > number(&shown)?;
        cut.then(|| format!("{key} is {value}, taken as {shown}: the most is one hour"))
    }

    /// One of [`KEYS`] as the file would have it.
    pub(super) fn show(&self, key: &str) -> String {
        let channel = &self.channel;
        match key {
            "HB_INTERVAL" => channel.interval.as_millis().to_string(),
            "HB_INIT_RETRY" => channel.init_retry.as_millis().to_string(),
            "HB_MIN_TIMEOUT" => channel.min_timeout.as_millis().to_string(),
            "VOTE" => channel.vote.as_secs().to_string(),
            "SHUTDOWN_NOTICE" => channel.shutdown_notice.as_secs().to_string(),
            "SUSPEND_NOTICE" => channel.suspend_notice.as_secs().to_string(),
            "RESUME_NOTICE" => channel.resume_notice.as_secs().to_string(),
            "RESTART" => channel.restart.as_secs().to_string(),
            "CORRECTIVE_ACTION" => channel.corrective_action.to_string(),
            "HEALTH_CHECK_INTERVAL" => self.health_check_interval.as_secs().to_string(),
            "APPLICATION_CRASH" => crash_word(self.application_crash).to_owned(),
            script => {
                let path = self.scripts().find(|(key, _)| *key == script);
                path.map(|(_, path)| quoted(&path.display().to_string())).unwrap_or_default()
            }
        }
    }
}

/// In quotes if the shell, or we, would read it as something else without them.
fn quoted(value: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+,:@%".contains(c);
    match value {
        value if value.chars().all(plain) => value.to_owned(),
        value if value.contains('"') => format!("'{value}'"),
        value => format!("\"{value}\""),
    }
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
    Ok(Duration::from_millis(number(key, value, "milliseconds")?).min(TIME_MAX))
}

fn seconds(key: &str, value: &str) -> Result<Duration, String> {
    Ok(Duration::from_secs(number(key, value, "seconds")?).min(TIME_MAX))
}

fn number(key: &str, value: &str, unit: &str) -> Result<u64, String> {
    value.parse().map_err(|_| format!("{key} is a number of {unit}, found {value:?}"))
}

fn corrective_action(value: &str) -> Result<CorrectiveAction, String> {
    use CorrectiveAction::{Log, Reboot, Stop};
    CorrectiveAction::from_word(value)
        .filter(|action| matches!(action, Log | Reboot | Stop))
        .ok_or_else(|| format!("CORRECTIVE_ACTION is log, reboot or stop, found {value:?}"))
}

/// Nothing means no script.
fn script(key: &str, value: &str) -> Result<Option<PathBuf>, String> {
    match value {
        "" => Ok(None),
        path if path.starts_with('/') => Ok(Some(path.into())),
        _ => Err(format!("{key} is an absolute path, found {value:?}")),
    }
}

const CRASHES: [ApplicationCrash; 3] =
    [ApplicationCrash::Log, ApplicationCrash::Action, ApplicationCrash::Ignore];

fn crash_word(crash: ApplicationCrash) -> &'static str {
    match crash {
        ApplicationCrash::Log => "log",
        ApplicationCrash::Action => "action",
        ApplicationCrash::Ignore => "ignore",
    }
}

fn application_crash(value: &str) -> Result<ApplicationCrash, String> {
    CRASHES
        .into_iter()
        .find(|crash| crash_word(*crash) == value)
        .ok_or_else(|| format!("APPLICATION_CRASH is log, action or ignore, found {value:?}"))
}
