#!/bin/sh
# The programs beside Rust that tests and lint need: installs what is missing where apt can,
# and says otherwise what to install. Does nothing, and needs no network, when all are there.
# Usage: tools.sh [packages|lists]; "lists" only fetches apt's lists.
set -eu
PATH=$PATH:/usr/sbin:/sbin

# Program and Debian package of each.
TOOLS='busybox busybox
dash dash
gcc gcc
g++ g++
logrotate logrotate
objdump binutils
ocf-tester resource-agents
pkg-config pkg-config
shellcheck shellcheck
systemd-analyze systemd
xmllint libxml2-utils'
# Those for building packages and installing them in a Debian of their own.
if [ "${1:-}" = packages ]; then
    TOOLS="$TOOLS
debootstrap debootstrap
dpkg-shlibdeps dpkg-dev
gzip gzip
lintian lintian
nsenter util-linux
rpm rpm"
fi

missing() {
    echo "$TOOLS" | while read -r program package; do
        command -v "$program" >/dev/null 2>&1 || echo "$package"
    done
}

apt() {
    DEBIAN_FRONTEND=noninteractive LC_ALL=C apt-get -q -o DPkg::Lock::Timeout=300 "$@" >&2
}

# Somebody else's apt may be at work: for its lists apt itself does not wait.
fetch_lists() {
    tries=60
    until said=$(apt update 2>&1); do
        case $said in
        *"Could not get lock"*) tries=$((tries - 1)) ;;
        *) tries=0 ;;
        esac
        if [ "$tries" -eq 0 ]; then
            echo "$said" >&2
            return 1
        fi
        sleep 5
    done
}

if [ "${1:-}" = lists ]; then
    fetch_lists
    exit
fi

packages=$(missing | tr '\n' ' ')
[ -n "$packages" ] || exit 0

if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null 2>&1; then
    echo "Missing programs. Install these packages (Debian's names): $packages" >&2
    exit 1
fi

# One run at a time.
exec 9>/run/guest-heartbeat-tools.lock
flock 9
packages=$(missing | tr '\n' ' ')
[ -n "$packages" ] || exit 0

echo "Installing $packages" >&2
fetch_lists 9>&-
# shellcheck disable=SC2086 # several packages
apt install 9>&- --no-remove -y --no-install-recommends $packages

packages=$(missing | tr '\n' ' ')
if [ -n "$packages" ]; then
    echo "Installed, but their programs are not found: $packages" >&2
    exit 1
fi
