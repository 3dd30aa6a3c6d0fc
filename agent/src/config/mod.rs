//! Flags, environment and ini files of guestAgent.

mod hosts;
mod settings;

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::ArgMatches;
use daemon::settings::{Common, Found, IniFile, Program, Resolver, SettingsError, system_hostname};

pub use hosts::{HostsError, read as read_hosts};
pub use settings::SETTINGS;

/// The command line.
pub const PROGRAM: Program = Program {
    name: "guestAgent",
    version: env!("CARGO_PKG_VERSION"),
    about: "Takes the VIM's commands about guest heartbeating and sends it what happens",
    after_help: "SIGTERM ends it, SIGUSR1 writes the status file, SIGHUP reads the hosts file and \
                 opens the log file anew.\n\
                 Exit status: 0 ended by a signal, 1 cannot run, 2 wrong flag or configuration.",
    ini: "/etc/mtc/guestAgent.ini",
    config_env: "GUEST_AGENT_CONFIG",
    background_log: "/var/log/guestAgent.log",
    settings: SETTINGS,
};

/// All settings, checked.
#[derive(Debug, Clone)]
pub struct Config {
    /// TCP address for the VIM's commands.
    pub listen_vim: SocketAddr,
    /// Where the VIM takes events.
    pub vim: SocketAddr,
    /// UDP addresses for events of servers; the first is the floating one.
    pub listen: Vec<SocketAddr>,
    /// UDP port of every server.
    pub server_port: u16,
    /// UDP address for maintenance's commands.
    pub maintenance_listen: SocketAddr,
    /// Host name or address of maintenance.
    pub maintenance_host: String,
    /// Its UDP port.
    pub maintenance_port: u16,
    /// A file of hosts.
    pub hosts: Option<PathBuf>,
    /// What commands name as their source.
    pub source: String,
    /// What every daemon has.
    pub common: Common,
}

impl Config {
    /// Puts flags, environment and files together.
    pub fn resolve(matches: &ArgMatches) -> Result<Self, SettingsError> {
        let mut settings = Resolver::new(&PROGRAM, matches)?;
        let mtc = IniFile::read(&settings.find("mtc-conf").path(), false)?;
        let nfv = IniFile::read(&settings.find("vim-config").path(), false)?;
        let listen = listen(&mut settings)?;
        let source = source(&mut settings, &listen);
        let (maintenance_host, maintenance_port) = maintenance(&mut settings, &mtc)?;
        Ok(Self {
            listen_vim: listen_vim(&mut settings)?,
            vim: address_with(&mut settings, "vim", &nfv, ("guest-rest-api", "port"))?,
            listen,
            server_port: server_port(&mut settings)?,
            maintenance_listen: address_with(
                &mut settings,
                "maintenance-listen",
                &mtc,
                ("agent", "mtc_to_guest_cmd_port"),
            )?,
            maintenance_host,
            maintenance_port,
            hosts: hosts_file(&settings.find("hosts")),
            source,
            common: settings.common()?,
        })
    }
}

const ADDRESS: &str = "expected an IP address and a port, such as 127.0.0.1:2401 or [::]:2401";

/// The field's files give the port, as `[agent] rx_port`.
fn listen(settings: &mut Resolver<'_>) -> Result<Vec<SocketAddr>, SettingsError> {
    let found = settings.find("listen");
    let port = settings.field_port("agent", "rx_port", found.is_default)?;
    let mut addresses = Vec::new();
    for value in found.values.iter().flat_map(|value| value.split(',')) {
        let mut address: SocketAddr = value.trim().parse().map_err(|_| found.bad(ADDRESS))?;
        address.set_port(port.unwrap_or(address.port()));
        addresses.push(address);
    }
    Ok(addresses)
}

fn listen_vim(settings: &mut Resolver<'_>) -> Result<SocketAddr, SettingsError> {
    let found = settings.find("listen-vim");
    let mut address: SocketAddr = found.parse(ADDRESS)?;
    if let Some(port) = settings.field_port("agent", "vim_cmd_port", found.is_default)? {
        address.set_port(port);
    }
    Ok(address)
}

/// An address whose port another program's file may give.
fn address_with(
    settings: &mut Resolver<'_>,
    flag: &str,
    file: &IniFile,
    (section, key): (&str, &str),
) -> Result<SocketAddr, SettingsError> {
    let found = settings.find(flag);
    let mut address: SocketAddr = found.parse(ADDRESS)?;
    if let Some(port) = settings.foreign_port(file, section, key, found.is_default)? {
        address.set_port(port);
    }
    Ok(address)
}

fn maintenance(settings: &mut Resolver<'_>, mtc: &IniFile) -> Result<(String, u16), SettingsError> {
    let found = settings.find("maintenance");
    let (host, port) = found.host_and_port("controller:2107")?;
    let key = "hbs_to_mtc_event_port";
    let field = settings.foreign_port(mtc, "agent", key, found.is_default)?;
    Ok((host, field.unwrap_or(port)))
}

fn server_port(settings: &mut Resolver<'_>) -> Result<u16, SettingsError> {
    let port = settings.find("server-port").parse_within(1..=65535, "a port")?;
    Ok(u16::try_from(port).unwrap_or(u16::MAX))
}

fn hosts_file(found: &Found) -> Option<PathBuf> {
    (!found.last().is_empty()).then(|| found.path())
}

/// The floating address, or the host's name if any address is listened on.
fn source(settings: &mut Resolver<'_>, listen: &[SocketAddr]) -> String {
    let hostname = settings.find_or("hostname", system_hostname);
    let floating = listen.first().map(SocketAddr::ip).filter(|ip| !ip.is_unspecified());
    floating.map_or_else(|| hostname.last().to_owned(), |ip| ip.to_string())
}

#[cfg(test)]
mod tests;
