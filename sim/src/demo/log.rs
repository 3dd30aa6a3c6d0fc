//! guestServer's log while it is written, as far as it says why a heartbeat ended or what a guest
//! complains of.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use protocol::InstanceId;

/// What guestServer found out about an instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) id: InstanceId,
    pub(super) what: Finding,
    /// In guestServer's own words.
    pub(super) why: String,
}

/// What it found out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Finding {
    /// The heartbeat is over.
    Stopped,
    /// The guest says that it is not well.
    Unhealthy,
}

impl Finding {
    /// What the log says before the why.
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Stopped => "heartbeat stopped: ",
            Self::Unhealthy => "unhealthy, ",
        }
    }
}

/// A log that is read as it grows.
#[derive(Debug)]
pub(super) struct Log {
    file: File,
    /// A line whose rest is not written yet.
    rest: Vec<u8>,
}

impl Log {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        Ok(Self { file: File::open(path)?, rest: Vec::new() })
    }

    /// What was written since the last call. A log that cannot be read tells nothing.
    pub(super) fn news(&mut self) -> Vec<Found> {
        let _ = self.file.read_to_end(&mut self.rest);
        let Some(end) = self.rest.iter().rposition(|byte| *byte == b'\n') else {
            return Vec::new();
        };
        let lines: Vec<u8> = self.rest.drain(..=end).collect();
        String::from_utf8_lossy(&lines).lines().filter_map(found).collect()
    }
}

/// `... heartbeat stopped: <why> instance=<uuid> name="..."`; the name, which the guest chose, comes
/// last and is not looked at.
fn found(line: &str) -> Option<Found> {
    let (what, rest) = [Finding::Stopped, Finding::Unhealthy]
        .into_iter()
        .find_map(|what| Some((what, line.split_once(what.words())?.1)))?;
    let (why, rest) = rest.split_once(" instance=")?;
    let id = InstanceId::new(rest.get(..InstanceId::LEN)?).ok()?;
    Some(Found { id, what, why: why.to_owned() })
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn a_line_is_understood_once_it_is_whole_and_only_once() {
        let mut writer = tempfile::NamedTempFile::new().unwrap();
        let mut log = Log::open(writer.path()).unwrap();
        let id = InstanceId::numbered(7);
        let line = format!(
            "2026-01-01T00:00:00Z  INFO heartbeat stopped: the guest left instance={id} name=\"x\"\n"
        );
        let (begin, rest) = line.split_at(60);
        write!(writer, "2026-01-01T00:00:00Z  INFO something else\n{begin}").unwrap();
        assert_eq!(log.news(), []);
        write!(writer, "{rest}").unwrap();
        let (what, why) = (Finding::Stopped, "the guest left".to_owned());
        assert_eq!(log.news(), [Found { id, what, why }]);
        assert_eq!(log.news(), []);
    }

    #[test]
    fn a_complaint_is_understood_with_the_guest_s_words() {
        let id = InstanceId::numbered(7);
        let line = format!("INFO unhealthy, wants log: \"full\" instance={id} name=\"x\"");
        let why = "wants log: \"full\"".to_owned();
        assert_eq!(found(&line), Some(Found { id, what: Finding::Unhealthy, why }));
    }
}
