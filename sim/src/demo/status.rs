//! guestServer's status file, as far as the demo shows it.

use std::collections::HashMap;
use std::time::Duration;

use protocol::InstanceId;

/// One status.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Status {
    /// Times that guestServer was late because the machine was.
    pub(super) stalls: u64,
    pub(super) instances: HashMap<InstanceId, Seen>,
}

/// An instance in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Seen {
    /// `None`: no heartbeat runs.
    pub(super) interval: Option<Duration>,
    pub(super) misses: u32,
    /// Whether guestAgent wants its failures reported.
    pub(super) reporting: bool,
}

impl Status {
    /// Reads a status file's text; what it does not know it passes over.
    pub(super) fn parse(text: &str) -> Self {
        let mut status = Self::default();
        for line in text.lines() {
            match line.split_once(' ') {
                Some(("stalls", count)) => status.stalls = count.parse().unwrap_or_default(),
                Some(("instance", rest)) => status.instances.extend(instance(rest)),
                _ => {}
            }
        }
        status
    }
}

/// `<uuid> <state> interval_ms=1000 misses=0 reporting=enabled name="..."`; the name, which the
/// guest chose, comes last and is not looked at.
fn instance(line: &str) -> Option<(InstanceId, Seen)> {
    let mut words = line.split(' ');
    let id = InstanceId::new(words.next()?).ok()?;
    let mut value = |key: &str| words.find_map(|word| word.strip_prefix(key));
    let interval = value("interval_ms=")?.parse::<u32>().ok()?;
    let misses = value("misses=")?.parse().ok()?;
    let reporting = value("reporting=")? == "enabled";
    let interval = (interval > 0).then(|| Duration::from_millis(interval.into()));
    Some((id, Seen { interval, misses, reporting }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lines_that_matter_are_read_and_others_do_not_hurt() {
        let (one, two) = (InstanceId::numbered(1), InstanceId::numbered(2));
        let text = format!(
            "ok\nuptime_s 7\nstalls 3\nanything else\n\
             instance {one} heartbeating interval_ms=1000 misses=1 reporting=enabled name=\"a b\"\n\
             instance {two} unconnected interval_ms=0 misses=0 reporting=disabled name=\"\"\n\
             instance short\n"
        );
        let status = Status::parse(&text);
        assert_eq!(status.stalls, 3);
        assert_eq!(status.instances.len(), 2);
        let interval = Some(Duration::from_secs(1));
        assert_eq!(status.instances[&one], Seen { interval, misses: 1, reporting: true });
        assert_eq!(status.instances[&two], Seen { interval: None, misses: 0, reporting: false });
    }
}
