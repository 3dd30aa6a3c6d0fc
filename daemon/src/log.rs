//! Log lines: to standard error or a file, for people or as JSON.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use anyhow::Context;
use protocol::InstanceId;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt::MakeWriter;

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// How and where a daemon logs.
#[derive(Debug, Clone)]
pub struct LogSettings {
    /// How lines look.
    pub format: LogFormat,
    /// What is logged.
    pub level: tracing::Level,
    /// Where to; `None`: standard error.
    pub file: Option<PathBuf>,
}

static LOG_FILE: OnceLock<LogFile> = OnceLock::new();

/// Starts logging.
pub fn start(settings: &LogSettings) -> anyhow::Result<()> {
    let builder = tracing_subscriber::fmt()
        .with_max_level(LevelFilter::from_level(settings.level))
        .with_target(false)
        .with_ansi(false)
        // Whoever read standard error may be gone; saying so there would end the daemon.
        .log_internal_errors(false);
    let Some(path) = &settings.file else {
        let builder = builder.with_writer(io::stderr);
        match settings.format {
            LogFormat::Text => builder.init(),
            LogFormat::Json => builder.json().init(),
        }
        return Ok(());
    };
    let file = LogFile::open(path).with_context(|| {
        format!("cannot write the log file {} (name another with --log-file)", path.display())
    })?;
    let file = LOG_FILE.get_or_init(|| file).clone();
    let builder = builder.with_writer(file);
    match settings.format {
        LogFormat::Text => builder.init(),
        LogFormat::Json => builder.json().init(),
    }
    Ok(())
}

/// Opens the log file anew: the old one was moved away.
pub fn reopen() {
    if let Some(file) = LOG_FILE.get()
        && let Err(error) = file.reopen()
    {
        tracing::error!(%error, "cannot open the log file anew, going on with the old one");
    }
}

/// Says what a core noted. A guest's words, its `name` among them, are quoted or escaped.
pub fn note(
    instance: Option<InstanceId>,
    name: Option<&str>,
    note: &impl std::fmt::Display,
    is_warning: bool,
    held_back: u32,
) {
    let instance = instance.map(tracing::field::display);
    let name = name.filter(|name| !name.is_empty());
    let held_back = (held_back > 0).then_some(held_back);
    if is_warning {
        tracing::warn!(instance, name, held_back, "{note}");
    } else {
        tracing::info!(instance, name, held_back, "{note}");
    }
}

/// A log file that can be opened anew while it is written to.
#[derive(Debug, Clone)]
struct LogFile {
    path: PathBuf,
    file: Arc<Mutex<File>>,
}

impl LogFile {
    fn open(path: &Path) -> io::Result<Self> {
        Ok(Self { path: path.to_owned(), file: Arc::new(Mutex::new(append(path)?)) })
    }

    fn reopen(&self) -> io::Result<()> {
        let file = append(&self.path)?;
        *self.file.lock().unwrap_or_else(PoisonError::into_inner) = file;
        Ok(())
    }
}

fn append(path: &Path) -> io::Result<File> {
    File::options().create(true).append(true).open(path)
}

impl<'a> MakeWriter<'a> for LogFile {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

impl Write for LogFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.lock().unwrap_or_else(PoisonError::into_inner).write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.lock().unwrap_or_else(PoisonError::into_inner).flush()
    }
}
