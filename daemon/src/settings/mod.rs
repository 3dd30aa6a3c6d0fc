//! Settings of a daemon: a flag wins over the environment, the environment over the ini file.
//!
//! A daemon declares a table of [`Setting`]s; the flags, `--check-config` and the lookup follow it.

mod ini;

use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command};

pub use ini::IniFile;

use crate::log::{LogFormat, LogSettings};

/// One setting.
#[derive(Debug)]
pub struct Setting {
    /// The flag without its dashes.
    pub flag: &'static str,
    /// The environment variable.
    pub env: &'static str,
    /// Section of the ini file.
    pub section: &'static str,
    /// Key in that section.
    pub key: &'static str,
    /// What holds when nobody says anything; empty: see `help`.
    pub default: &'static str,
    /// What the value looks like; `[...]` behind it if it may be given several times.
    pub value: &'static str,
    /// One sentence.
    pub help: &'static str,
}

/// Writes a [`Setting`]: flag, environment, `[section] key`, default, value, help.
#[macro_export]
macro_rules! setting {
    ($flag:literal, $env:literal, [$section:literal] $key:literal, $default:literal, $value:literal, $help:literal) => {
        $crate::settings::Setting {
            flag: $flag,
            env: $env,
            section: $section,
            key: $key,
            default: $default,
            value: $value,
            help: $help,
        }
    };
}

/// A daemon, as its command line shows it.
#[derive(Debug)]
pub struct Program {
    /// The name of its file.
    pub name: &'static str,
    /// Its version.
    pub version: &'static str,
    /// One sentence.
    pub about: &'static str,
    /// Signals and exit status.
    pub after_help: &'static str,
    /// Where its ini file is unless `--config` says otherwise.
    pub ini: &'static str,
    /// The environment variable for `--config`.
    pub config_env: &'static str,
    /// Where it logs to in the background unless something else is said.
    pub background_log: &'static str,
    /// All its settings, in the order of `--help`.
    pub settings: &'static [Setting],
}

/// What every daemon has; its table needs the settings `pid-file`, `status-file`, `log-format`,
/// `log-level`, `log-file` and `daemon`.
#[derive(Debug, Clone)]
pub struct Common {
    /// Where the process id goes.
    pub pid_file: PathBuf,
    /// Whether the daemon cannot do without its pid file, since somebody named it.
    pub pid_file_needed: bool,
    /// Where SIGUSR1 writes the status.
    pub status_file: PathBuf,
    /// How and where it logs.
    pub log: LogSettings,
    /// Go to the background.
    pub daemon: bool,
    /// Each setting as `name = value  (source)`, for `--check-config`.
    pub explained: Vec<String>,
}

/// What is wrong with the settings. Each message names the place and says what is expected.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// A value that cannot be used.
    #[error("{place}: {value:?}: {expected}")]
    BadValue {
        /// Flag, environment variable, or file with line.
        place: String,
        /// What stands there.
        value: String,
        /// What should.
        expected: String,
    },
    /// The file cannot be read.
    #[error("cannot read {}: {error}; name another with --config", path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// The file is not an ini file.
    #[error("{}:{line}: {content:?}: expected [section] or key = value", path.display())]
    NotIni {
        /// Which file.
        path: PathBuf,
        /// Where.
        line: usize,
        /// What stands there.
        content: String,
    },
}

impl Program {
    /// The command line.
    pub fn command(&self) -> Command {
        let mut command = Command::new(self.name)
            .version(self.version)
            .about(self.about)
            .after_help(self.after_help)
            .arg(
                Arg::new("config")
                    .long("config")
                    .env(self.config_env)
                    .value_name("FILE")
                    .help(format!("ini file [default: {}, if it is there]", self.ini)),
            )
            .arg(flag("check-config").help("Explain every setting and its source, then exit"))
            .arg(flag("detached").hide(true))
            // Deployed init scripts pass it.
            .arg(Arg::new("l").short('l').action(ArgAction::SetTrue).hide(true));
        for setting in self.settings {
            command = command.arg(argument(setting));
        }
        command
    }

    fn setting(&self, flag: &str) -> &'static Setting {
        self.settings
            .iter()
            .find(|setting| setting.flag == flag)
            .expect("asked for by its own name")
    }
}

fn flag(name: &'static str) -> Arg {
    Arg::new(name).long(name).action(ArgAction::SetTrue)
}

fn argument(setting: &'static Setting) -> Arg {
    let value = setting.value.trim_end_matches("[...]");
    let arg = Arg::new(setting.flag).long(setting.flag).env(setting.env).value_name(value);
    let arg = if setting.flag == "daemon" {
        arg.num_args(0..=1).default_missing_value("true").require_equals(true)
    } else if value.len() < setting.value.len() {
        arg.action(ArgAction::Append)
    } else {
        arg
    };
    let shown = if setting.default.is_empty() || setting.flag == "daemon" {
        setting.help.to_owned()
    } else {
        format!("{} [default: {}]", setting.help, setting.default)
    };
    arg.help(shown)
}

/// A value and where it comes from.
#[derive(Debug)]
pub struct Found {
    /// Several if the flag was given several times.
    pub values: Vec<String>,
    /// Flag, environment variable, or file with line.
    pub place: String,
    /// Nobody said anything.
    pub is_default: bool,
}

impl Found {
    /// The value; of several the last.
    pub fn last(&self) -> &str {
        self.values.last().map_or("", String::as_str)
    }

    /// The error that says what was expected here.
    pub fn bad(&self, expected: &str) -> SettingsError {
        SettingsError::BadValue {
            place: self.place.clone(),
            value: self.last().to_owned(),
            expected: expected.to_owned(),
        }
    }

    /// Reads the value.
    pub fn parse<T: FromStr>(&self, expected: &str) -> Result<T, SettingsError> {
        self.last().parse().map_err(|_| self.bad(expected))
    }

    /// Reads a number within a range.
    pub fn parse_within(
        &self,
        range: RangeInclusive<u32>,
        unit: &str,
    ) -> Result<u32, SettingsError> {
        let expected = format!("expected {unit} from {} to {}", range.start(), range.end());
        let number = self.parse(&expected)?;
        if range.contains(&number) { Ok(number) } else { Err(self.bad(&expected)) }
    }

    /// Reads a host and a port, such as `controller:2401` or `[::1]:2401`.
    pub fn host_and_port(&self, example: &str) -> Result<(String, u16), SettingsError> {
        let bad = || self.bad(&format!("expected a host and a port, such as {example}"));
        let (host, port) = self.last().rsplit_once(':').ok_or_else(bad)?;
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let port = port.parse().ok().filter(|port| *port != 0).ok_or_else(bad)?;
        if host.is_empty() { Err(bad()) } else { Ok((host.to_owned(), port)) }
    }

    /// The value as a path that does not depend on the directory, which a daemon changes.
    pub fn path(&self) -> PathBuf {
        absolute(self.last())
    }
}

/// Looks settings up.
#[derive(Debug)]
pub struct Resolver<'a> {
    program: &'a Program,
    matches: &'a ArgMatches,
    ini: IniFile,
    explained: Vec<String>,
}

impl<'a> Resolver<'a> {
    /// Reads the ini file that the command line names, or the default one if it is there.
    pub fn new(program: &'a Program, matches: &'a ArgMatches) -> Result<Self, SettingsError> {
        let named = matches.get_one::<String>("config");
        let path = named.map_or(program.ini, String::as_str);
        let ini = IniFile::read(Path::new(path), named.is_some())?;
        Ok(Self { program, matches, ini, explained: Vec::new() })
    }

    /// Looks a setting up: flag, environment, file, default.
    pub fn find(&mut self, flag: &str) -> Found {
        let default = self.program.setting(flag).default;
        self.find_or(flag, || default.to_owned())
    }

    /// As [`Self::find`], of a setting whose default depends on something.
    pub fn find_or(&mut self, flag: &str, default: impl FnOnce() -> String) -> Found {
        let setting = self.program.setting(flag);
        let given = self.matches.get_many::<String>(flag);
        let given: Option<Vec<String>> = given.map(|values| values.cloned().collect());
        let found = match (self.matches.value_source(flag), given) {
            (Some(ValueSource::CommandLine), Some(values)) => {
                Found { values, place: format!("--{flag}"), is_default: false }
            }
            // An empty variable is as good as none.
            (Some(_), Some(values)) if values != [""] => {
                Found { values, place: format!("environment {}", setting.env), is_default: false }
            }
            _ => match self.ini.get(setting.section, setting.key) {
                Some((value, place)) => Found { values: vec![value], place, is_default: false },
                None => {
                    Found { values: vec![default()], place: "default".to_owned(), is_default: true }
                }
            },
        };
        let value = found.values.join(":");
        self.explained.push(format!("{flag} = {value}  ({})", found.place));
        found
    }

    /// A port that files of the field give under a key of its own, if somebody wants to know.
    pub fn field_port(
        &mut self,
        section: &str,
        key: &str,
        wanted: bool,
    ) -> Result<Option<u16>, SettingsError> {
        let given = self.ini.get(section, key);
        self.port(given, key, wanted)
    }

    /// As [`Self::field_port`], of another program's file.
    pub fn foreign_port(
        &mut self,
        file: &IniFile,
        section: &str,
        key: &str,
        wanted: bool,
    ) -> Result<Option<u16>, SettingsError> {
        self.port(file.get(section, key), key, wanted)
    }

    fn port(
        &mut self,
        given: Option<(String, String)>,
        key: &str,
        wanted: bool,
    ) -> Result<Option<u16>, SettingsError> {
        let Some((value, place)) = given.filter(|_| wanted) else { return Ok(None) };
        let found = Found { values: vec![value], place, is_default: false };
        let port = found.parse_within(1..=65535, "a port")?;
        self.explained.push(format!("{key} = {port}  ({})", found.place));
        Ok(u16::try_from(port).ok())
    }

    /// Looks up what every daemon has; the last lookup.
    pub fn common(mut self) -> Result<Common, SettingsError> {
        let pid_file = self.find("pid-file");
        let status_file = linked(self.find("status-file").path());
        let format = self.log_format()?;
        let level = self.find("log-level").parse("expected error, warn, info or debug")?;
        let daemon: bool = self.find("daemon").parse("expected true or false")?;
        let background_log = if daemon { self.program.background_log } else { "" };
        let log_file = self.find_or("log-file", || background_log.to_owned());
        let file = (!log_file.last().is_empty()).then(|| log_file.path());
        Ok(Common {
            pid_file: linked(pid_file.path()),
            pid_file_needed: !pid_file.is_default,
            status_file,
            log: LogSettings { format, level, file },
            daemon: daemon && !self.matches.get_flag("detached"),
            explained: self.explained,
        })
    }

    fn log_format(&mut self) -> Result<LogFormat, SettingsError> {
        let found = self.find("log-format");
        match found.last() {
            "text" => Ok(LogFormat::Text),
            "json" => Ok(LogFormat::Json),
            _ => Err(found.bad("expected text or json")),
        }
    }
}

/// A daemon changes its directory, so its paths must not depend on one.
pub fn absolute(path: impl AsRef<Path>) -> PathBuf {
    std::path::absolute(path.as_ref()).unwrap_or_else(|_| path.as_ref().to_owned())
}

/// What a classic name may be a link to, there or not yet: a unit keeps its files in a directory of its
/// own. Written by their links' names, the links would be replaced or removed.
fn linked(path: PathBuf) -> PathBuf {
    match (std::fs::read_link(&path), path.parent()) {
        (Ok(target), Some(directory)) => directory.join(target),
        _ => path,
    }
}

/// The system's name in its network.
pub fn system_hostname() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}
