//! guest-heartbeat-client in a guest.

use end_to_end::until;

use crate::debian::{
    bare, bring, bring_newer, everything, guests, install, install_command,
    is_installed_as_described, made_of_scripts, purges_to,
};

const PACKAGE: &str = "guest-heartbeat-client";
const CONF: &str = "/etc/guest-client/heartbeat/guest_heartbeat.conf";
const INIT: &str = "/etc/init.d/heartbeat_init";

#[test]
#[ignore = "needs the packages: make test-packages"]
fn a_guest_with_a_port_heartbeats_with_the_server_of_the_other_package() {
    let debian = bare();
    let before = everything(&debian);
    // The channel's guest end, where a real guest has its port.
    guests(&debian, "/packages/channels", "--device-dir /dev/shm");
    let find = "ls /dev/shm/*.sock";
    until("a port", || debian.run(find).status == 0);
    let port = debian.run(find).succeeds();
    debian.write("/etc/default/guest-heartbeat", &format!("DEVICE={port}"));
    debian.write("/etc/default/guestServer", "OPTIONS='--channel-dir /packages/channels'\n");
    install(&debian, "mtce-guest-server");

    install(&debian, PACKAGE);
    is_installed_as_described(&debian, PACKAGE);
    debian.run(&format!("{INIT} restart")).succeeds();
    until("a heartbeat", || {
        debian.run("kill -USR1 $(cat /run/guestServer.pid)");
        debian.read("/run/guestServer.info").contains(" heartbeating ")
    });
    let first = debian.read("/run/guest-client.pid");
    let newer = bring_newer(&debian, PACKAGE, &CONF[1..], "# a new line");
    debian.run(&install_command(&newer)).succeeds();
    assert_ne!(debian.read("/run/guest-client.pid"), first, "it is the new one");
    debian.run(&format!("{INIT} stop")).succeeds();
    assert!(!debian.has("/run/guest-client.pid"));

    debian.run(&format!("{INIT} start")).succeeds();
    let pid = debian.read("/run/guest-client.pid");
    assert!(debian.has(format!("/proc/{}", pid.trim())));
    debian.run("dpkg --purge mtce-guest-server").succeeds();
    debian.run("rm /etc/default/guest-heartbeat /etc/default/guestServer").succeeds();
    purges_to(&debian, PACKAGE, &before);
    assert!(!debian.has(format!("/proc/{}", pid.trim())), "a removed one does not run");
}

#[test]
#[ignore = "needs the packages: make test-packages"]
fn systemd_has_one_unit_and_does_not_start_what_is_disabled() {
    let debian = bare();
    install(&debian, PACKAGE);
    let units = "/etc/systemd/system";
    let wants = format!("{units}/dev-virtio\\x2dports-cgcs.heartbeat.device.wants");
    let wants = format!("{wants}/guest-client.service").replace("\\\\", "\\");
    assert!(debian.has(&wants) && debian.has(format!("{units}/heartbeat_init.service")));
    debian.run("systemd-analyze --man=no verify guest-client.service").succeeds();
    let made = made_of_scripts(&debian);
    assert!(!made.contains("heartbeat"), "{made}");
    debian.run("systemctl disable guest-client.service").succeeds();
    assert!(!debian.has(&wants) && !debian.has(format!("{units}/heartbeat_init.service")));
    let made = made_of_scripts(&debian);
    assert!(!made.contains("heartbeat"), "{made}");
}

#[test]
#[ignore = "needs the packages: make test-packages"]
fn a_wrong_setting_is_named_at_the_installation() {
    let debian = bare();
    debian.write(CONF, "# ours\nHB_INTERVAL=399\n");
    let path = bring(&debian, PACKAGE);
    let said = debian.run(&install_command(&path)).fails();
    assert!(said.contains("guest_heartbeat.conf:2: HB_INTERVAL"), "{said}");
    assert!(said.contains("not started") && !debian.has("/run/guest-client.pid"), "{said}");
    debian.write(CONF, "HB_INTERVAL=1000\n");
    debian.run("dpkg --configure -a").succeeds();
}

#[test]
#[ignore = "needs the packages: make test-packages"]
fn without_a_port_and_on_a_host_nothing_starts() {
    let debian = bare();
    let said = install(&debian, PACKAGE);
    assert!(said.contains("nothing to do: no port"), "{said}");
    debian.write("/etc/platform/platform.conf", "nodetype=worker\nsubfunction=worker\n");
    let said = debian.run(&format!("{INIT} start")).succeeds();
    assert!(said.contains("this is a host and not a guest"), "{said}");
    assert!(!debian.has("/run/guest-client.pid"));
}

#[test]
#[ignore = "needs the packages: make test-packages"]
fn an_upgrade_keeps_the_settings_and_scripts_of_the_guest() {
    let debian = bare();
    let before = everything(&debian);
    install(&debian, PACKAGE);
    let conf = debian.read(CONF) + "HB_INTERVAL=2000\n";
    debian.write(CONF, &conf);
    let newer = bring_newer(&debian, PACKAGE, &CONF[1..], "# a new line");
    debian.run(&install_command(&newer)).succeeds();
    assert_eq!(debian.read(CONF), conf);
    purges_to(&debian, PACKAGE, &before);
}
