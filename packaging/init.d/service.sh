# shellcheck shell=sh
# What the init scripts and the OCF agent of guestServer and guestAgent share; to be sourced by a
# script that has set NAME, DAEMON, PIDFILE and GO_FILES. POSIX sh; needs /proc, sleep, and readlink
# to be sure of a process. Exit statuses are those of the LSB.

# Settings, each with its default. /etc/default/$NAME or /etc/sysconfig/$NAME replaces them; the
# caller's environment does not, so that nothing strays in.
OPTIONS=
STOP_SECS=10
GO_SECS=300
PLATFORM=/etc/platform
LSB_FUNCTIONS=/lib/lsb/init-functions
SYSTEMD=/run/systemd/system

PATH=$PATH:/usr/sbin:/usr/bin:/sbin:/bin
export PATH
# Everybody may ask for the status, whoever starts it.
umask 022

# The statuses of the LSB.
USAGE=2
NO_RIGHT=4
NOT_INSTALLED=5
NOT_CONFIGURED=6
NOT_RUNNING=7

read_settings() {
    for settings in "${GUEST_SERVICE_SETTINGS-/etc/default/$NAME}" "/etc/sysconfig/$NAME"; do
        if [ -r "$settings" ]; then
            # shellcheck source=/dev/null
            . "$settings"
            break
        fi
    done
}

# Not before it is clear that systemd does not do it: Debian's functions would ask systemd themselves,
# about a daemon that the OCF agent has started too.
read_functions() {
    # shellcheck disable=SC2034 # for them
    SYSTEMCTL_SKIP_REDIRECT=1
    if [ -r "$LSB_FUNCTIONS" ]; then
        # shellcheck source=/dev/null
        . "$LSB_FUNCTIONS"
    fi
}

say() {
    if command -v log_success_msg >/dev/null 2>&1; then
        log_success_msg "$NAME: $1"
    else
        echo "$NAME: $1"
    fi
}

complain() {
    if command -v log_failure_msg >/dev/null 2>&1; then
        log_failure_msg "$NAME: $1" >&2
    else
        echo "$NAME: $1" >&2
    fi
}

# Waits for a moment, and counts the tenths of a second in `waited`. A sleep that
# knows no fractions waits for a second.
nap() {
    if sleep 0.1 2>/dev/null; then
        waited=$((waited + 1))
    else
        sleep 1
        waited=$((waited + 10))
    fi
}

# Looks at a process: its state (Z: it has ended) and its name.
inspect() {
    state='' comm=''
    [ -r "/proc/$1/status" ] || return 1
    # It may end while it is read.
    while read -r key value _; do
        case $key in
        Name:) comm=$value ;;
        State:) state=$value ;;
        esac
    done 2>/dev/null <"/proc/$1/status"
    [ -n "$state" ] && [ "$state" != Z ] && [ "$state" != X ]
}

# Whether a process is the daemon, and not another one that has its number by now.
is_daemon() {
    inspect "$1" || return 1
    exe=$(readlink "/proc/$1/exe" 2>/dev/null) || exe=
    if [ -z "$exe" ]; then
        # Not root: the name has to do.
        [ "$comm" = "${DAEMON##*/}" ]
        return
    fi
    # A new version may have replaced the file.
    [ "${exe% (deleted)}" = "$(readlink -f "$DAEMON" 2>/dev/null)" ]
}

# Sets `pid` to the running daemon's.
find_daemon() {
    pid=
    [ -r "$PIDFILE" ] && read -r pid _ <"$PIDFILE"
    case $pid in
    '' | *[!0-9]*) pid= && return 1 ;;
    esac
    is_daemon "$pid" || { pid= && return 1; }
}

# Has this action wait for another one that is at work. The kernel lets go at the end.
lock() {
    [ -w "${PIDFILE%/*}" ] && command -v flock >/dev/null 2>&1 || return 0
    exec 9>"$PIDFILE.lock" && flock 9
}

# Starts the daemon, which goes to the background and returns once it listens, with nothing of the
# caller's but its environment. Sets `said`; the status is the daemon's: 2 if its settings are wrong.
launch() {
    said=$(
        cd / && exec "$DAEMON" --daemon --pid-file "$PIDFILE" "$@" \
            </dev/null 2>&1 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&-
    )
}

# Ends the daemon with a signal; waits for its end for some seconds.
end_with() {
    if ! kill "-$1" "$pid" 2>/dev/null && is_daemon "$pid"; then
        complain "may not signal pid $pid: do it as root"
        return "$NO_RIGHT"
    fi
    waited=0
    while is_daemon "$pid"; do
        [ "$waited" -ge $(($2 * 10)) ] && return 1
        nap
    done
    forget
}

# What a classic name stands for, which may be a link into the unit's directory. One step only: whoever
# owns that directory must not lead root on to files of others.
target_of() {
    if ! link=$(readlink "$1" 2>/dev/null); then
        echo "$1"
        return
    fi
    case $link in
    /*) echo "$link" ;;
    *) echo "${1%/*}/$link" ;;
    esac
}

# Removes a pid file that is left over.
forget() {
    rm -f "$(target_of "$PIDFILE")" 2>/dev/null
}

# Waits until the platform has configured this host, where there is a platform.
await_go() {
    [ -d "$PLATFORM" ] || return 0
    waited=0
    for file in $GO_FILES; do
        [ -e "$file" ] || say "waits for $file"
        until [ -e "$file" ]; do
            if [ "$waited" -ge $((GO_SECS * 10)) ]; then
                complain "not started: $file has not appeared within $GO_SECS s, so this host is not configured"
                return "$NOT_CONFIGURED"
            fi
            nap
        done
    done
}

start() {
    if find_daemon; then
        say "already running (pid $pid)"
        return 0
    fi
    if [ ! -x "$DAEMON" ]; then
        complain "$DAEMON is not installed"
        return "$NOT_INSTALLED"
    fi
    if [ ! -w "${PIDFILE%/*}" ]; then
        complain "cannot write $PIDFILE: start it as root"
        return "$NO_RIGHT"
    fi
    await_go || return
    lock
    # OPTIONS are several words.
    # shellcheck disable=SC2086
    find_daemon || launch $OPTIONS
    case $? in
    0) find_daemon && say "started (pid $pid)" ;;
    2) complain "wrong settings: $said" && return "$NOT_CONFIGURED" ;;
    *) complain "did not start: $said" && return 1 ;;
    esac
}

not_running() {
    [ -w "${PIDFILE%/*}" ] && forget
    say "not running"
}

stop() {
    lock
    find_daemon || { not_running && return 0; }
    end_with TERM "$STOP_SECS"
    case $? in
    0) say "stopped" ;;
    1)
        complain "pid $pid has not ended within $STOP_SECS s; force-stop kills it"
        return 1
        ;;
    *) return "$NO_RIGHT" ;;
    esac
}

force_stop() {
    lock
    find_daemon || { not_running && return 0; }
    end_with TERM 1
    case $? in
    0) say "stopped" && return 0 ;;
    1) ;;
    *) return "$NO_RIGHT" ;;
    esac
    end_with KILL "$STOP_SECS" || { complain "pid $pid cannot be killed" && return 1; }
    say "killed"
}

reload() {
    if ! find_daemon; then
        complain "not running, so nothing to reload"
        return "$NOT_RUNNING"
    fi
    if ! kill -HUP "$pid" 2>/dev/null; then
        complain "may not signal pid $pid: do it as root"
        return "$NO_RIGHT"
    fi
    say "told to open its files anew"
}

status() {
    if find_daemon; then
        echo "$NAME: running (pid $pid)"
        return 0
    fi
    if [ -e "$PIDFILE" ]; then
        echo "$NAME: not running, but $PIDFILE is there"
        return 1
    fi
    echo "$NAME: not running"
    return 3
}

usage() {
    echo "Usage: ${0##*/} {start|stop|restart|try-restart|reload|force-reload|force-stop|status|await}" >&2
    exit "$USAGE"
}

# Where systemd runs and knows the unit, the daemon is systemd's: started by both it would fight with
# itself about its port. Only one that somebody else has started, as the OCF agent does, is left to
# this script.
hand_over() {
    [ -d "$SYSTEMD" ] || return 0
    systemctl cat "$NAME.service" >/dev/null 2>&1 || return 0
    if find_daemon && ! systemctl is-active --quiet "$NAME.service"; then
        return 0
    fi
    case $1 in
    force-reload) exec systemctl reload "$NAME.service" ;;
    force-stop) exec systemctl stop "$NAME.service" ;;
    *) exec systemctl "$1" "$NAME.service" ;;
    esac
}

# What an init script does with its arguments.
service() {
    read_settings
    [ $# -eq 1 ] || usage
    case $1 in
    start | stop | restart | try-restart | reload | force-reload | force-stop | status) hand_over "$1" ;;
    await) ;;
    *) usage ;;
    esac
    read_functions
    case $1 in
    start) start ;;
    stop) stop ;;
    restart) stop && start ;;
    try-restart) if find_daemon; then stop && start; else say "not running"; fi ;;
    reload | force-reload) reload ;;
    force-stop) force_stop ;;
    status) status ;;
    await) await_go ;;
    esac
}
