//! What is inside the guests: the clients' settings, and the scripts that they run.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use super::place::Place;
use super::roles::{self, ILL, REJECTING, name};

/// Between two runs of the health script.
pub(super) const HEALTH_INTERVAL: Duration = Duration::from_secs(1);
/// The application's name.
pub(super) const APPLICATION: &str = "database";

/// Unhealthy while there is a file beside it.
const HEALTH_SCRIPT: &str = r#"#!/bin/sh
if [ -e "${0%/*}/disk-is-full" ]; then
    echo "the disk is full"
    exit 1
fi
"#;
/// What makes it unhealthy.
const SIGN: &str = "disk-is-full";
/// Rejects to be stopped, agrees to everything else.
const EVENT_SCRIPT: &str = r#"#!/bin/sh
if [ "$1 $2" = "revocable stop" ]; then
    echo "a backup runs, not now"
    exit 1
fi
"#;

/// Writes every guest's settings and scripts. No process may have been started before: one that is
/// just being started could have a script open for writing, which then cannot be executed.
pub(super) fn furnish(place: &Place, guests: usize, interval: Duration) -> io::Result<()> {
    for guest in 0..guests {
        let mut lines = vec![
            format!("HB_INTERVAL={}", interval.as_millis()),
            format!("CORRECTIVE_ACTION={}", roles::corrective_action(guest)),
        ];
        if guest == ILL {
            let script = write_script(place, "health", HEALTH_SCRIPT)?;
            lines.push(format!("HEALTH_CHECK_INTERVAL={}", HEALTH_INTERVAL.as_secs()));
            lines.push(format!("HEALTH_CHECK_SCRIPT=\"{script}\""));
        }
        if guest == REJECTING {
            let script = write_script(place, "event", EVENT_SCRIPT)?;
            lines.push(format!("EVENT_NOTIFICATION_SCRIPT=\"{script}\""));
        }
        fs::write(place.config(&name(guest)), lines.join("\n"))?;
    }
    Ok(())
}

/// Gives where it is.
fn write_script(place: &Place, name: &str, text: &str) -> io::Result<String> {
    let path = place.scripts().join(name);
    fs::write(&path, text)?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?;
    Ok(path.display().to_string())
}

/// The health script fails from now on.
pub(super) fn fall_ill(place: &Place) -> io::Result<()> {
    File::create(place.scripts().join(SIGN)).map(drop)
}

/// The health script succeeds from now on.
pub(super) fn recover(place: &Place) -> io::Result<()> {
    fs::remove_file(place.scripts().join(SIGN))
}
