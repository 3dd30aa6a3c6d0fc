//! Flags, environment and ini file of guestServer.

mod settings;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::ArgMatches;
use daemon::settings::{
    Common, Found, Program, Resolver, SettingsError, absolute, system_hostname,
};
use protocol::datagram::Hostname;
use protocol::limits::HOSTNAME_MAX;

pub use settings::SETTINGS;

use crate::core::Policy;

/// The command line.
pub const PROGRAM: Program = Program {
    name: "guestServer",
    version: env!("CARGO_PKG_VERSION"),
    about: "Heartbeats the virtual machines of this host and reports the dead ones to guestAgent",
    after_help: "SIGTERM ends it, SIGUSR1 writes the status file, SIGHUP opens the log file anew.\n\
                 Exit status: 0 ended by a signal, 1 cannot run, 2 wrong flag or configuration.",
    ini: "/etc/mtc/guestServer.ini",
    config_env: "GUEST_SERVER_CONFIG",
    background_log: "/var/log/guestServer.log",
    settings: SETTINGS,
};

/// The longest path that the address of a UNIX socket holds, in bytes.
const SOCKET_PATH_MAX: usize = 107;
/// The longest name of a channel's socket.
const CHANNEL_NAME_MAX: usize = "/wrs.heartbeat.agent.0..sock".len() + protocol::InstanceId::LEN;

/// All settings, checked.
#[derive(Debug, Clone)]
pub struct Config {
    /// What the core decides by.
    pub policy: Policy,
    /// Where channels appear; absolute.
    pub channel_dirs: Vec<PathBuf>,
    /// UDP address for commands.
    pub listen: SocketAddr,
    /// Host name or address of guestAgent.
    pub agent_host: String,
    /// Its UDP port.
    pub agent_port: u16,
    /// What every daemon has.
    pub common: Common,
}

impl Config {
    /// Puts flags, environment and file together.
    pub fn resolve(matches: &ArgMatches) -> Result<Self, SettingsError> {
        let mut settings = Resolver::new(&PROGRAM, matches)?;
        let channel_dirs = channel_dirs(&settings.find("channel-dir"))?;
        let listen = listen(&mut settings)?;
        let (agent_host, agent_port) = agent(&mut settings)?;
        Ok(Self {
            policy: policy(&mut settings)?,
            channel_dirs,
            listen,
            agent_host,
            agent_port,
            common: settings.common()?,
        })
    }
}

fn channel_dirs(found: &Found) -> Result<Vec<PathBuf>, SettingsError> {
    let dirs: Vec<PathBuf> = (found.values.iter())
        .flat_map(|value| value.split(':'))
        .filter(|dir| !dir.is_empty())
        .map(absolute)
        .collect();
    let longest = dirs.iter().map(|dir| dir.as_os_str().len()).max();
    match longest {
        None => Err(found.bad("expected at least one directory")),
        Some(longest) if longest + CHANNEL_NAME_MAX > SOCKET_PATH_MAX => Err(found.bad(&format!(
            "a directory may have at most {} bytes, or its sockets cannot be addressed",
            SOCKET_PATH_MAX - CHANNEL_NAME_MAX
        ))),
        Some(_) => Ok(dirs),
    }
}

/// The field's files give only the port, as `[client] rx_port`.
fn listen(settings: &mut Resolver<'_>) -> Result<SocketAddr, SettingsError> {
    let found = settings.find("listen");
    let mut listen: SocketAddr =
        found.parse("expected an IP address and a port, such as 0.0.0.0:2411 or [::]:2411")?;
    if let Some(port) = settings.field_port("client", "rx_port", found.is_default)? {
        listen.set_port(port);
    }
    Ok(listen)
}

/// The field's files give only the port, as `[agent] rx_port`.
fn agent(settings: &mut Resolver<'_>) -> Result<(String, u16), SettingsError> {
    let found = settings.find("agent");
    let (host, port) = found.host_and_port("controller:2401")?;
    let field = settings.field_port("agent", "rx_port", found.is_default)?;
    Ok((host, field.unwrap_or(port)))
}

fn policy(settings: &mut Resolver<'_>) -> Result<Policy, SettingsError> {
    let hostname = settings.find_or("hostname", system_hostname);
    let name = match hostname.last() {
        "" => system_hostname(),
        name if name.len() > HOSTNAME_MAX => return Err(hostname.bad("at most 253 bytes")),
        name => name.to_owned(),
    };
    let pulse = settings.find("pulse-period-ms").parse_within(10..=3_600_000, "milliseconds")?;
    let failure_threshold =
        settings.find("failure-threshold").parse_within(0..=1000, "a number")?;
    let delay = settings.find("start-delay").parse_within(0..=3600, "seconds")?;
    Ok(Policy {
        hostname: Hostname::new(&name),
        pulse_period: Duration::from_millis(pulse.into()),
        failure_threshold,
        start_delay: Duration::from_secs(delay.into()),
    })
}

#[cfg(test)]
mod tests;
