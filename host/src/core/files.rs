//! Which files of a channel directory are channels.

use std::path::Path;
use std::sync::Arc;

use protocol::InstanceId;

/// The two names under which QEMU is told to open a channel, as text before the uuid.
const PREFIXES: [&str; 2] = ["cgcs.heartbeat.", "wrs.heartbeat.agent.0."];
const SUFFIX: &str = ".sock";

/// What tells a file from another of the same name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileIdentity {
    /// Inode number.
    pub inode: u64,
    /// When it was made, in nanoseconds: an inode number may be used again.
    pub made_ns: i64,
}

/// A file in a channel directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChannelFile {
    /// Its path.
    pub path: Arc<Path>,
    /// Which file it is.
    pub identity: FileIdentity,
    /// Whether it is a socket itself; a symbolic link to one is not.
    pub is_socket: bool,
}

/// The instance whose channel has this name; `None` for any other file.
pub fn instance_of(path: &Path) -> Option<InstanceId> {
    let name = path.file_name()?.to_str()?.strip_suffix(SUFFIX)?;
    let uuid = PREFIXES.iter().find_map(|prefix| name.strip_prefix(prefix))?;
    InstanceId::new(uuid).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_names_are_channels_and_nothing_else_is() {
        let uuid = "6a9b0c1d-0000-4000-8000-0123456789ab";
        let instance = |name: String| instance_of(&Path::new("/run").join(name));
        let expected = InstanceId::new(uuid).ok();
        assert_eq!(instance(format!("cgcs.heartbeat.{uuid}.sock")), expected);
        assert_eq!(instance(format!("wrs.heartbeat.agent.0.{uuid}.sock")), expected);
        for other in [
            format!("cgcs.heartbeat.{uuid}"),
            format!("cgcs.heartbeat.{uuid}x.sock"),
            format!("xcgcs.heartbeat.{uuid}.sock"),
            "cgcs.heartbeat..sock".to_owned(),
            "qmp-instance.sock".to_owned(),
            "domain-7-instance".to_owned(),
        ] {
            assert_eq!(instance(other.clone()), None, "{other}");
        }
    }
}
