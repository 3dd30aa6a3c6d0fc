//! Every setting of guestServer, once: its flag, its environment variable, its place in the ini
//! file, its default. The flags, `--check-config` and the table in docs/configuration.md follow it.

use daemon::setting;
use daemon::settings::Setting;

/// All of them, in the order of `--help`.
pub const SETTINGS: &[Setting] = &[
    setting!(
        "channel-dir", "GUEST_SERVER_CHANNEL_DIR", ["guest_server"] "channel_dir",
        "/var/lib/libvirt/qemu", "DIR[...]",
        "Directory in which QEMU opens the channels' sockets; repeatable, or several with ':' between"
    ),
    setting!(
        "listen", "GUEST_SERVER_LISTEN", ["guest_server"] "listen", "[::]:2411", "IP:PORT",
        "UDP address for commands of guestAgent"
    ),
    setting!(
        "agent", "GUEST_SERVER_AGENT", ["guest_server"] "agent", "controller:2401", "HOST:PORT",
        "Where guestAgent listens; its port is used for replies to any controller address"
    ),
    setting!(
        "hostname", "GUEST_SERVER_HOSTNAME", ["guest_server"] "hostname", "", "NAME",
        "This host's name in events [default: the system's host name]"
    ),
    setting!(
        "pulse-period-ms", "GUEST_SERVER_PULSE_PERIOD_MS", ["client"] "hbs_pulse_period", "400",
        "MS", "Least interval between challenges; a guest that asks for less gets this"
    ),
    setting!(
        "failure-threshold", "GUEST_SERVER_FAILURE_THRESHOLD", ["client"] "hbs_failure_threshold",
        "1", "N", "Consecutive misses that are forgiven; one more is a loss"
    ),
    setting!(
        "start-delay", "GUEST_SERVER_START_DELAY", ["timeouts"] "start_delay", "1", "SECONDS",
        "Failures are reported from this long after the start on"
    ),
    setting!(
        "pid-file", "GUEST_SERVER_PID_FILE", ["guest_server"] "pid_file",
        "/var/run/guestServer.pid", "FILE", "Holds the process id while it listens"
    ),
    setting!(
        "status-file", "GUEST_SERVER_STATUS_FILE", ["guest_server"] "status_file",
        "/var/run/guestServer.info", "FILE", "Written on SIGUSR1: 'ok', counts, a line an instance"
    ),
    setting!(
        "log-format", "GUEST_SERVER_LOG_FORMAT", ["guest_server"] "log_format", "text",
        "text|json", "How log lines look"
    ),
    setting!(
        "log-level", "GUEST_SERVER_LOG_LEVEL", ["guest_server"] "log_level", "info",
        "error|warn|info|debug", "What is logged"
    ),
    setting!(
        "log-file", "GUEST_SERVER_LOG_FILE", ["guest_server"] "log_file", "", "FILE",
        "Log to this file, opened anew on SIGHUP [default: standard error; with --daemon /var/log/guestServer.log]"
    ),
    setting!(
        "daemon", "GUEST_SERVER_DAEMON", ["guest_server"] "daemon", "false", "true|false",
        "Go to the background; returns once it listens and the pid file is written"
    ),
];
