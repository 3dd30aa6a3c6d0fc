//! The ini file: `[section]`, `key = value`, comments from `;` or `#` on. Every value keeps its line
//! for messages.

use std::path::{Path, PathBuf};

use super::SettingsError;

/// A read ini file; an absent one has no values.
#[derive(Debug, Default)]
pub struct IniFile {
    path: PathBuf,
    entries: Vec<Entry>,
}

#[derive(Debug)]
struct Entry {
    line: usize,
    section: String,
    key: String,
    value: String,
}

impl IniFile {
    /// Reads the file. `required`: somebody named it, so it must be there.
    pub fn read(path: &Path, required: bool) -> Result<Self, SettingsError> {
        match std::fs::read(path) {
            // Deployed files have comments in whatever encoding their author used.
            Ok(bytes) => Self::parse(path, &String::from_utf8_lossy(&bytes)),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound && !required => Ok(Self::default()),
            Err(error) => Err(SettingsError::Unreadable { path: path.to_owned(), error }),
        }
    }

    fn parse(path: &Path, text: &str) -> Result<Self, SettingsError> {
        let mut section = String::new();
        let mut entries = Vec::new();
        for (line, content) in (1..).zip(text.lines()) {
            let content = without_comment(content);
            if content.is_empty() {
                continue;
            }
            if let Some(name) = content.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
                name.trim().clone_into(&mut section);
            } else if let Some((key, value)) = content.split_once(['=', ':']) {
                let (key, value) = (key.trim().to_owned(), without_quotes(value.trim()).to_owned());
                entries.push(Entry { line, section: section.clone(), key, value });
            } else {
                let (path, content) = (path.to_owned(), content.to_owned());
                return Err(SettingsError::NotIni { path, line, content });
            }
        }
        Ok(Self { path: path.to_owned(), entries })
    }

    /// The value and where it stands; the last one if there are several.
    pub fn get(&self, section: &str, key: &str) -> Option<(String, String)> {
        let entry = self.entries.iter().rfind(|e| e.section == section && e.key == key)?;
        let place = format!("{}:{}: [{section}] {key}", self.path.display(), entry.line);
        Some((entry.value.clone(), place))
    }
}

/// A comment begins a line or follows white space.
fn without_comment(line: &str) -> &str {
    let mut after_space = true;
    for (at, c) in line.char_indices() {
        if after_space && matches!(c, ';' | '#') {
            return line[..at].trim();
        }
        after_space = c.is_whitespace();
    }
    line.trim()
}

fn without_quotes(value: &str) -> &str {
    value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comment_in_another_encoding_does_no_harm() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(&file, b"; d\xe9mon\n[client]\nrx_port = 2411\n").unwrap();
        let ini = IniFile::read(file.path(), true).unwrap();
        let (value, place) = ini.get("client", "rx_port").unwrap();
        assert_eq!(value, "2411");
        assert!(place.ends_with(":3: [client] rx_port"), "{place}");
    }
}
