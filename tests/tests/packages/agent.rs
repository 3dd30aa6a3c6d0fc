//! mtce-guest-agent on a controller.

use crate::debian::{
    bare, bring, bring_newer, everything, install, install_command, is_installed_as_described,
    made_of_scripts, purges_to,
};

const PACKAGE: &str = "mtce-guest-agent";
const INI: &str = "/etc/mtc/guestAgent.ini";
const INIT: &str = "/etc/init.d/guestAgent";

#[test]
#[ignore = "needs the packages: make test-packages"]
fn it_is_installed_but_the_service_manager_starts_it() {
    let debian = bare();
    let before = everything(&debian);
    install(&debian, PACKAGE);
    is_installed_as_described(&debian, PACKAGE);
    assert!(!debian.has("/run/guestAgent.pid"));
    let links =
        debian.run("ls -d /etc/rc?.d/S??guestAgent /etc/systemd/system/*.wants/guestAgent*");
    links.fails();
    debian.run("systemd-analyze --man=no verify guestAgent.service").succeeds();
    let made = made_of_scripts(&debian);
    assert!(!made.contains("guestAgent"), "{made}");

    let said = debian.run(&format!("{INIT} start")).succeeds();
    assert!(said.contains("started (pid "), "{said}");
    debian.run(&format!("{INIT} status")).succeeds();
    let pid = debian.read("/run/guestAgent.pid");
    assert!(debian.has(format!("/proc/{}", pid.trim())));
    purges_to(&debian, PACKAGE, &before);
    assert!(!debian.has(format!("/proc/{}", pid.trim())), "a removed one does not run");
}

#[test]
#[ignore = "needs the packages: make test-packages"]
fn the_service_manager_finds_an_ocf_agent_that_starts_asks_and_stops_it() {
    let debian = bare();
    install(&debian, PACKAGE);
    let ocf = |action| debian.run(&format!("/usr/lib/ocf/resource.d/platform/guestAgent {action}"));
    assert_eq!(ocf("monitor").status, 7);
    for action in ["validate-all", "start", "status", "monitor", "reload", "monitor"] {
        ocf(action).succeeds();
    }
    assert!(debian.read("/run/guestAgent.info").starts_with("ok\n"));
    // An upgrade leaves it to the service manager, who still knows it.
    let pid = debian.read("/run/guestAgent.pid");
    let newer = bring_newer(&debian, PACKAGE, "etc/mtc/guestAgent.ini", "; a new line");
    let said = debian.run(&install_command(&newer)).succeeds();
    assert!(said.contains("until the service manager restarts it"), "{said}");
    assert_eq!(debian.read("/run/guestAgent.pid"), pid);
    ocf("monitor").succeeds();
    ocf("stop").succeeds();
    assert_eq!(ocf("monitor").status, 7);
    assert!(ocf("meta-data").succeeds().contains("<resource-agent name=\"guestAgent\""));
}

/// The files of the C++ daemons, with keys that are no longer needed, and an OCF agent of their time.
#[test]
#[ignore = "needs the packages: make test-packages"]
fn settings_of_the_daemon_before_are_kept_and_one_line_serves_an_ocf_agent_of_its_time() {
    let debian = bare();
    let ini = "; of the field\n[agent]\nrx_port = 2499 ; of events\nvim_cmd_port = 2498\n\
               [client]\nrx_port = 2497\nhbs_failure_threshold = 1\nhbs_pulse_period = 400\n\
               [timeouts]\nstart_delay = 1\n[debug]\ndebug_timer = 0\n";
    debian.write(INI, ini);
    install(&debian, PACKAGE);
    assert_eq!(debian.read(INI), ini);
    let explained = debian.run("guestAgent --check-config").succeeds();
    for value in ["rx_port = 2499", "vim_cmd_port = 2498", "server-port = 2497"] {
        assert!(explained.contains(value), "{value}: {explained}");
    }
    // As docs/upgrade.md says, for who starts it without options.
    debian.write(INI, &format!("{ini}[guest_agent]\ndaemon = true\n"));
    debian.run("guestAgent").succeeds();
    debian.run(&format!("{INIT} status")).succeeds();
    debian.run(&format!("{INIT} stop")).succeeds();
}

#[test]
#[ignore = "needs the packages: make test-packages"]
fn a_wrong_setting_is_named_at_the_installation() {
    let debian = bare();
    debian.write(INI, "[agent]\nrx_port = many\n");
    let path = bring(&debian, PACKAGE);
    let said = debian.run(&install_command(&path)).fails();
    assert!(said.contains("/etc/mtc/guestAgent.ini:2: "), "{said}");
    assert!(said.contains("will not start"), "{said}");
    debian.write(INI, ";nothing\n");
    debian.run("dpkg --configure -a").succeeds();
}

#[test]
#[ignore = "needs the packages: make test-packages"]
fn it_and_the_client_exclude_each_other() {
    let debian = bare();
    let agent = bring(&debian, PACKAGE);
    let client = bring(&debian, "guest-heartbeat-client");
    debian.run(&install_command(&format!("{agent} {client}"))).fails();
    install(&debian, PACKAGE);
    let said = debian.run(&format!("dpkg -i {client}")).fails();
    assert!(said.contains("conflicting packages"), "{said}");
    debian.run(&format!("dpkg --purge {PACKAGE}; dpkg -i {client}")).succeeds();
    let said = debian.run(&format!("dpkg -i {agent}")).fails();
    assert!(said.contains("conflicting packages"), "{said}");
    assert!(!debian.has("/usr/local/bin/guestAgent"));
}
