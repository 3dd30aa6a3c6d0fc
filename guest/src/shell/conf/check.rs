//! `--check-config`: says what is wrong with the file, and what counts in the end.

use std::io::{Write, stderr, stdout};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::{Reading, Remark, Source, values};
use crate::shell::Error;

/// Remarks go to standard error, the resulting values to standard output. An error if the client
/// would not start with this file.
pub(in crate::shell) fn check(source: &Source) -> Result<(), Error> {
    let mut reading = source.read()?;
    let missing = reading.values.scripts().filter_map(|(key, path)| {
        let what = not_executable(path)?;
        let what = format!("{key}: {}: {what}", path.display());
        Some(Remark { line: reading.lines.get(key).copied(), what })
    });
    let missing: Vec<Remark> = missing.collect();
    reading.remarks.extend(missing);
    // Nobody is told anything if these are closed, and that is all.
    let _ = say(source, &reading);
    match reading.mistakes.len() {
        0 => Ok(()),
        mistakes => Err(Error::Conf { path: source.path.clone(), mistakes }),
    }
}

fn say(source: &Source, reading: &Reading) -> std::io::Result<()> {
    let mut errors = stderr().lock();
    for remark in &reading.remarks {
        writeln!(errors, "warning: {}", remark.at(&source.path))?;
    }
    for mistake in &reading.mistakes {
        writeln!(errors, "error: {}", mistake.at(&source.path))?;
    }
    let mut output = stdout().lock();
    for key in values::KEYS {
        let value = format!("{key}={}", reading.values.show(key));
        match reading.lines.get(key) {
            Some(line) => writeln!(output, "{value:<40} # line {line}")?,
            None => writeln!(output, "{value:<40} # default")?,
        }
    }
    Ok(())
}

fn not_executable(path: &Path) -> Option<String> {
    match path.metadata() {
        Err(error) => Some(error.to_string()),
        Ok(metadata) if !metadata.is_file() => Some("not a file".to_owned()),
        Ok(metadata) if metadata.permissions().mode() & 0o111 == 0 => {
            Some("not executable".to_owned())
        }
        Ok(_) => None,
    }
}
