//! Hosts as they are written on a command line and in the agent's file of hosts.

use std::net::IpAddr;
use std::path::Path;

use anyhow::{Context, bail};
use protocol::InstanceId;
use protocol::datagram::Hostname;

/// A host of the VIM: `NAME=UUID`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NamedHost {
    pub(crate) hostname: Hostname,
    pub(crate) uuid: InstanceId,
}

/// An instance of the VIM: `UUID=HOST`.
#[derive(Debug, Clone)]
pub(crate) struct PlacedInstance {
    pub(crate) uuid: InstanceId,
    pub(crate) hostname: Hostname,
}

pub(crate) fn named_host(text: &str) -> Result<NamedHost, String> {
    let form = || format!("`{text}` is not NAME=UUID");
    let (name, uuid) = text.split_once('=').ok_or_else(form)?;
    Ok(NamedHost { hostname: hostname(name)?, uuid: self::uuid(uuid)? })
}

pub(crate) fn placed_instance(text: &str) -> Result<PlacedInstance, String> {
    let form = || format!("`{text}` is not UUID=HOST");
    let (uuid, name) = text.split_once('=').ok_or_else(form)?;
    Ok(PlacedInstance { uuid: self::uuid(uuid)?, hostname: hostname(name)? })
}

/// A host of maintenance: `NAME=UUID=IP`.
pub(crate) fn inventory_host(text: &str) -> Result<protocol::datagram::Host, String> {
    let form = || format!("`{text}` is not NAME=UUID=IP");
    let (named, ip) = text.rsplit_once('=').ok_or_else(form)?;
    let (name, uuid) = named.split_once('=').ok_or_else(form)?;
    let ip: IpAddr = ip.parse().map_err(|_| format!("`{ip}` is not an IP address"))?;
    Ok(protocol::datagram::Host {
        hostname: hostname(name)?,
        uuid: self::uuid(uuid)?,
        ip,
        personality: "worker".into(),
    })
}

fn hostname(text: &str) -> Result<Hostname, String> {
    let name = Hostname::new(text);
    let is_whole = !name.is_empty() && name.as_str() == text;
    is_whole.then_some(name).ok_or_else(|| format!("`{text}` is not a host name"))
}

fn uuid(text: &str) -> Result<InstanceId, String> {
    InstanceId::new(text).map_err(|error| format!("`{text}` is {error}"))
}

/// The hosts of the file that guestAgent takes as `--hosts`: a TOML table for each, in any list of
/// tables, with `hostname` and `uuid` as strings. Other keys are not of interest here.
pub(crate) fn read_file(path: &Path) -> anyhow::Result<Vec<NamedHost>> {
    let read = || {
        let text = std::fs::read_to_string(path)?;
        read_hosts(&text)
    };
    read().with_context(|| format!("cannot take hosts from {}", path.display()))
}

fn read_hosts(text: &str) -> anyhow::Result<Vec<NamedHost>> {
    let mut hosts = Vec::new();
    let mut names: (Option<&str>, Option<&str>) = (None, None);
    let lines = text.lines().map(str::trim).chain(["[[end]]"]);
    for (number, line) in lines.enumerate() {
        if line.starts_with('[') {
            match std::mem::take(&mut names) {
                (None, None) => {}
                (Some(name), Some(uuid)) => {
                    let host = named_host(&format!("{name}={uuid}"));
                    hosts.push(host.map_err(anyhow::Error::msg)?);
                }
                _ => bail!("the host before line {} lacks its hostname or uuid", number + 1),
            }
            continue;
        }
        let Some((key, value)) = line.split_once('=') else {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            bail!("line {} is not `key = \"value\"`", number + 1);
        };
        match key.trim() {
            "hostname" => names.0 = string(value),
            "uuid" => names.1 = string(value),
            _ => {}
        }
    }
    Ok(hosts)
}

/// What stands between the quotes.
fn string(value: &str) -> Option<&str> {
    let value = value.trim();
    let quote = value.chars().next().filter(|quote| ['"', '\''].contains(quote))?;
    value[1..].split_once(quote).map(|(inside, _)| inside)
}

#[cfg(test)]
mod tests {
    use super::*;

    const UUID: &str = "00000000-0000-4000-8000-000000000001";

    #[test]
    fn hosts_and_instances_are_read_as_they_are_written() {
        let host = inventory_host(&format!("compute-0={UUID}=fd00::1")).unwrap();
        assert_eq!((host.hostname.as_str(), host.ip), ("compute-0", "fd00::1".parse().unwrap()));
        assert_eq!(named_host(&format!("compute-0={UUID}")).unwrap().uuid.as_str(), UUID);
        let instance = placed_instance(&format!("{UUID}=compute-0")).unwrap();
        assert_eq!(instance.hostname.as_str(), "compute-0");
    }

    #[test]
    fn what_is_wrong_with_one_is_said() {
        let said = |text: &str| inventory_host(text).unwrap_err();
        assert!(said("compute-0").contains("NAME=UUID=IP"));
        assert!(said(&format!("compute-0={UUID}")).contains("NAME=UUID=IP"));
        assert!(said(&format!("compute-0={UUID}=there")).contains("`there` is not an IP address"));
        assert!(said("compute-0=7=127.0.0.1").contains("`7` is not a uuid"));
        assert!(said(&format!("={UUID}=127.0.0.1")).contains("not a host name"));
    }

    #[test]
    fn the_agents_file_of_hosts_is_read() {
        let text = format!(
            "# ours\n[[host]]\nhostname = \"compute-0\" # first\nuuid = \"{UUID}\"\n\
             ip = \"127.0.0.2\"\n\n[[host]]\nuuid = '{UUID}'\nhostname = 'compute-1'\n"
        );
        let names: Vec<_> = read_hosts(&text).unwrap().into_iter().map(|it| it.hostname).collect();
        assert_eq!(names, ["compute-0".into(), "compute-1".into()]);
        assert_eq!(read_hosts("").unwrap(), []);
        let lacking = read_hosts("[[host]]\nhostname = \"compute-0\"\n").unwrap_err();
        assert!(lacking.to_string().contains("before line 3 lacks"), "{lacking}");
        assert!(read_hosts("compute-0").unwrap_err().to_string().contains("line 1"));
    }
}
