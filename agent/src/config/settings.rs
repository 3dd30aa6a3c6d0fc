//! Every setting of guestAgent, once: its flag, its environment variable, its place in the ini
//! file, its default. The flags, `--check-config` and the table in docs/configuration.md follow it.

use daemon::setting;
use daemon::settings::Setting;

/// All of them, in the order of `--help`.
pub const SETTINGS: &[Setting] = &[
    setting!(
        "listen-vim", "GUEST_AGENT_LISTEN_VIM", ["guest_agent"] "listen_vim", "127.0.0.1:2410",
        "IP:PORT", "TCP address for the VIM's commands"
    ),
    setting!(
        "vim", "GUEST_AGENT_VIM", ["guest_agent"] "vim", "127.0.0.1:30002", "IP:PORT",
        "Where the VIM takes events"
    ),
    setting!(
        "listen", "GUEST_AGENT_LISTEN", ["guest_agent"] "listen", "[::]:2401", "IP:PORT[...]",
        "UDP address for events of guestServers: the floating one, then the local one; repeatable, or several with ',' between"
    ),
    setting!(
        "server-port", "GUEST_AGENT_SERVER_PORT", ["client"] "rx_port", "2411", "PORT",
        "UDP port of every guestServer"
    ),
    setting!(
        "maintenance-listen", "GUEST_AGENT_MAINTENANCE_LISTEN", ["guest_agent"] "maintenance_listen",
        "[::]:2108", "IP:PORT", "UDP address for maintenance's commands"
    ),
    setting!(
        "maintenance", "GUEST_AGENT_MAINTENANCE", ["guest_agent"] "maintenance",
        "controller:2107", "HOST:PORT", "Where maintenance is asked for the inventory"
    ),
    setting!(
        "hosts", "GUEST_AGENT_HOSTS", ["guest_agent"] "hosts", "", "FILE",
        "Hosts, where there is no maintenance: TOML, [[host]] with hostname, uuid, ip; read again on SIGHUP"
    ),
    setting!(
        "hostname", "GUEST_AGENT_HOSTNAME", ["guest_agent"] "hostname", "", "NAME",
        "What commands name as their source if no --listen has an address [default: the system's host name]"
    ),
    setting!(
        "mtc-conf", "GUEST_AGENT_MTC_CONF", ["guest_agent"] "mtc_conf", "/etc/mtc.conf", "FILE",
        "Maintenance's ports, if it is there"
    ),
    setting!(
        "vim-config", "GUEST_AGENT_VIM_CONFIG", ["guest_agent"] "vim_config",
        "/etc/nfv/nfv_plugins/nfvi_plugins/config.ini", "FILE", "The VIM's port, if it is there"
    ),
    setting!(
        "pid-file", "GUEST_AGENT_PID_FILE", ["guest_agent"] "pid_file",
        "/var/run/guestAgent.pid", "FILE", "Holds the process id while it listens"
    ),
    setting!(
        "status-file", "GUEST_AGENT_STATUS_FILE", ["guest_agent"] "status_file",
        "/var/run/guestAgent.info", "FILE",
        "Written on SIGUSR1: 'ok', counts, a line a host and an instance"
    ),
    setting!(
        "log-format", "GUEST_AGENT_LOG_FORMAT", ["guest_agent"] "log_format", "text",
        "text|json", "How log lines look"
    ),
    setting!(
        "log-level", "GUEST_AGENT_LOG_LEVEL", ["guest_agent"] "log_level", "info",
        "error|warn|info|debug", "What is logged"
    ),
    setting!(
        "log-file", "GUEST_AGENT_LOG_FILE", ["guest_agent"] "log_file", "", "FILE",
        "Log to this file, opened anew on SIGHUP [default: standard error; with --daemon /var/log/guestAgent.log]"
    ),
    setting!(
        "daemon", "GUEST_AGENT_DAEMON", ["guest_agent"] "daemon", "false", "true|false",
        "Go to the background; returns once it listens and the pid file is written"
    ),
];
