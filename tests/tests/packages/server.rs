//! mtce-guest-server on a compute host.

use end_to_end::{Debian, until};

use crate::debian::{
    bare, bring, bring_newer, everything, guests, install, install_command,
    is_installed_as_described, made_of_scripts, purges_to,
};

const PACKAGE: &str = "mtce-guest-server";
const INI: &str = "/etc/mtc/guestServer.ini";
const INIT: &str = "/etc/init.d/guestServer";

/// Has guestServer write its status file, until that says something.
fn status_says(debian: &Debian, text: &str) {
    until(text, || {
        debian.run("kill -USR1 $(cat /var/run/guestServer.pid)");
        debian.read("/run/guestServer.info").contains(text)
    });
}

fn is_running(debian: &Debian) -> bool {
    debian.run(&format!("{INIT} status")).status == 0
}

#[test]
#[ignore = "needs the packages: make test-packages"]
fn its_init_script_starts_a_server_that_heartbeats_a_guest_and_a_purge_leaves_nothing() {
    let debian = bare();
    let before = everything(&debian);
    guests(&debian, "/packages/channels", "");
    debian.write("/etc/default/guestServer", "OPTIONS='--channel-dir /packages/channels'\n");
    install(&debian, PACKAGE);
    is_installed_as_described(&debian, PACKAGE);
    assert!(debian.read("/etc/passwd").contains("guest-server:"));

    debian.run(&format!("{INIT} stop")).succeeds();
    assert!(!is_running(&debian) && !debian.has("/run/guestServer.pid"));
    let said = debian.run(&format!("{INIT} start")).succeeds();
    assert!(said.contains("started (pid "), "{said}");
    assert!(is_running(&debian));
    status_says(&debian, " heartbeating interval_ms=400 ");

    debian.run(&format!("{INIT} stop")).succeeds();
    assert!(!is_running(&debian) && !debian.has("/run/guestServer.pid"));
    debian.run("rm /etc/default/guestServer").succeeds();
    purges_to(&debian, PACKAGE, &before);
}

#[test]
#[ignore = "needs the packages: make test-packages"]
fn an_upgrade_restarts_it_and_keeps_what_the_operator_wrote() {
    let debian = bare();
    let before = everything(&debian);
    install(&debian, PACKAGE);
    assert!(is_running(&debian), "an installed server runs");
    let first = debian.read("/run/guestServer.pid");
    let ini = debian.read(INI) + "; the operator's own line\n";
    debian.write(INI, &ini);

    let newer = bring_newer(&debian, PACKAGE, "etc/mtc/guestServer.ini", "; a new line");
    debian.run(&install_command(&newer)).succeeds();
    assert_eq!(debian.read(INI), ini);
    assert!(is_running(&debian));
    assert_ne!(debian.read("/run/guestServer.pid"), first, "it is the new one");

    debian.run(&format!("dpkg --remove {PACKAGE}")).succeeds();
    assert_eq!(debian.read(INI), ini, "it stays until a purge");
    assert!(!debian.has("/run/guestServer.pid") && !debian.has("/usr/local/bin/guestServer"));
    install(&debian, PACKAGE);
    assert_eq!(debian.read(INI), ini);
    purges_to(&debian, PACKAGE, &before);
}

#[test]
#[ignore = "needs the packages: make test-packages"]
fn a_file_of_the_daemons_before_is_kept_and_obeyed() {
    let debian = bare();
    // As the C++ daemons read it, with keys that are no longer needed.
    let ini = "[agent]\nrx_port = 2499 ; of the agent\ntoken_refresh_rate = 1200\n\
               [client]\nrx_port = 2498\nhbs_pulse_period = 250\n[timeouts]\nstart_delay = 3\n\
               [debug]\ndebug_timer = 0\n";
    debian.write(INI, ini);
    install(&debian, PACKAGE);
    assert_eq!(debian.read(INI), ini);
    let explained = debian.run("guestServer --check-config").succeeds();
    for value in ["rx_port = 2499", "rx_port = 2498", "pulse-period-ms = 250"] {
        assert!(explained.contains(value), "{value}: {explained}");
    }
    assert!(is_running(&debian));

    // As docs/upgrade.md says, for the init script of its time.
    debian.run(&format!("{INIT} stop")).succeeds();
    debian.write(INI, &format!("{ini}[guest_server]\ndaemon = true\n"));
    debian.run("guestServer -l").succeeds();
    assert!(is_running(&debian));
}

#[test]
#[ignore = "needs the packages: make test-packages"]
fn a_host_that_the_platform_has_not_configured_yet_starts_it_later() {
    let debian = bare();
    debian.write("/etc/platform/platform.conf", "nodetype=worker\n");
    debian.write("/etc/platform/.initial_config_complete", "");
    let said = install(&debian, PACKAGE);
    assert!(said.contains("has not configured this host yet"), "{said}");
    assert!(!is_running(&debian));
    debian.write("/run/.goenabled", "");
    debian.run(&format!("{INIT} start")).succeeds();
    assert!(is_running(&debian));
}

#[test]
#[ignore = "needs the packages: make test-packages"]
fn a_wrong_setting_is_named_and_nothing_is_half_started() {
    let debian = bare();
    debian.write(INI, "[timeouts]\n\nstart_delay = soon\n");
    let path = bring(&debian, PACKAGE);
    let said = debian.run(&install_command(&path)).fails();
    assert!(said.contains("/etc/mtc/guestServer.ini:3: "), "{said}");
    assert!(said.contains("not started"), "{said}");
    assert!(!is_running(&debian) && !debian.has("/run/guestServer.pid"));
    let said = debian.run(&format!("{INIT} start"));
    assert!(said.status == 6 && said.text.contains("guestServer.ini:3: "), "{said:?}");
    assert!(!debian.has("/run/guestServer.pid"));

    debian.write(INI, "[timeouts]\n\nstart_delay = 2\n");
    debian.run("dpkg --configure -a").succeeds();
    assert!(is_running(&debian));

    // An upgrade to which the file is wrong leaves the one that runs alone.
    let first = debian.read("/run/guestServer.pid");
    debian.write(INI, "[timeouts]\nstart_delay = late\n");
    let newer = bring_newer(&debian, PACKAGE, "etc/mtc/guestServer.ini", "; a new line");
    let said = debian.run(&install_command(&newer)).fails();
    assert!(said.contains("/etc/mtc/guestServer.ini:2: "), "{said}");
    assert!(is_running(&debian));
    assert_eq!(debian.read("/run/guestServer.pid"), first);
}

#[test]
#[ignore = "needs the packages: make test-packages"]
fn the_unit_is_enabled_and_a_drop_in_names_libvirts_group() {
    let debian = bare();
    debian
        .run(
            "groupadd --system libvirt-qemu && mkdir -p /var/lib/libvirt/qemu && \
                chgrp libvirt-qemu /var/lib/libvirt/qemu",
        )
        .succeeds();
    let before = everything(&debian);
    install(&debian, PACKAGE);
    let drop_in = debian.read("/etc/systemd/system/guestServer.service.d/libvirt.conf");
    assert!(drop_in.contains("SupplementaryGroups=libvirt-qemu\n"), "{drop_in}");
    assert!(debian.has("/etc/systemd/system/multi-user.target.wants/guestServer.service"));
    debian.run("systemd-analyze --man=no verify guestServer.service").succeeds();
    let made = made_of_scripts(&debian);
    assert!(!made.contains("guestServer"), "{made}");
    purges_to(&debian, PACKAGE, &before);
}
