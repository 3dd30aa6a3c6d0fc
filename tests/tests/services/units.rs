//! The systemd units and what belongs to them, as far as they can be judged without booting systemd.

use std::path::Path;
use std::process::Command;

use end_to_end::services::{DAEMONS, Machine, ServiceManager, packaged, packaged_text};
use end_to_end::{Process, SHELLS, Said, binary, until};
use rustix::process::{Signal, getuid};

/// Out of 10; systemd calls 2 and less safe.
const EXPOSURE_MAX: f64 = 2.0;
/// Units that others need to be there.
const TARGETS: [&str; 7] = [
    "sysinit.target",
    "basic.target",
    "shutdown.target",
    "multi-user.target",
    "network.target",
    "nss-lookup.target",
    "system.slice",
];

fn run(machine: &Machine, program: &str, arguments: &[&str]) -> Said {
    let mut command = Command::new(program);
    machine.within(command.args(arguments));
    machine.ends(&mut command)
}

/// A root directory with the daemon's package in it.
fn root_of(machine: &Machine) -> String {
    let daemon = machine.daemon;
    let unit = format!("{daemon}.service");
    let text = packaged_text(&format!("systemd/{unit}"));
    machine.write(&format!("root/usr/lib/systemd/system/{unit}"), &text);
    for target in TARGETS {
        machine.write(&format!("root/usr/lib/systemd/system/{target}"), "[Unit]\nDescription=x\n");
    }
    machine.program("root/bin/kill", "#!/bin/sh\n");
    machine.program(&format!("root/etc/init.d/{daemon}"), "#!/bin/sh\n");
    let installed = machine.write(&format!("root/usr/local/bin/{daemon}"), "");
    std::fs::copy(binary(daemon), installed).expect("a binary can be copied");
    machine.file("root").display().to_string()
}

#[test]
fn systemd_finds_no_fault_with_the_units_where_the_programs_are_installed() {
    for daemon in DAEMONS {
        let machine = Machine::new(daemon, SHELLS[0]);
        let root = format!("--root={}", root_of(&machine));
        let unit = format!("{daemon}.service");
        let verify = || run(&machine, "systemd-analyze", &["verify", "--man=no", &root, &unit]);
        let said = verify();
        assert!(said.status == 0 && said.text.is_empty(), "{said:?}");
        let program = machine.file(&format!("root/usr/local/bin/{daemon}"));
        std::fs::remove_file(program).expect("it was there");
        let said = verify();
        assert!(said.status != 0 && said.text.contains(daemon), "{said:?}");
    }
}

#[test]
fn the_units_expose_little() {
    for daemon in DAEMONS {
        let machine = Machine::new(daemon, SHELLS[0]);
        let unit = packaged(&format!("systemd/{daemon}.service"));
        let unit = unit.to_str().expect("a path in UTF-8");
        let arguments = ["security", "--offline=true", "--no-pager", unit];
        let said = run(&machine, "systemd-analyze", &arguments);
        let level = said.text.split_once("Overall exposure level").map(|(_, rest)| rest);
        let level = level.and_then(|rest| rest.split_once(": ")).map(|(_, rest)| rest);
        let level = level.and_then(|rest| rest.split_whitespace().next());
        let level: f64 = level.and_then(|level| level.parse().ok()).expect("a level");
        println!("{daemon}.service: exposure {level}");
        assert!(said.status == 0 && level <= EXPOSURE_MAX, "{}", said.text);
    }
}

/// The words of a unit's command line.
fn command_line(daemon: &str, key: &str) -> Vec<String> {
    let unit = packaged_text(&format!("systemd/{daemon}.service"));
    let line = unit.lines().find_map(|line| line.strip_prefix(key)).expect("it has one");
    line.split_whitespace().map(str::to_owned).collect()
}

#[test]
fn the_unit_s_command_line_serves_in_the_foreground_and_keeps_its_files_in_its_directory() {
    for daemon in DAEMONS {
        let machine = Machine::new(daemon, SHELLS[0]);
        let words = command_line(daemon, "ExecStart=");
        assert_eq!(words[0], format!("/usr/local/bin/{daemon}"));
        std::fs::create_dir(machine.file(&format!("run/{daemon}"))).expect("a new folder");
        let runtime = machine.file("run").display().to_string();
        let words: Vec<String> = words[1..].iter().map(|w| w.replace("%t", &runtime)).collect();
        let manager = ServiceManager::at(&machine.file("notify"));
        let mut command = machine.foreground(&words);
        command.env("NOTIFY_SOCKET", machine.file("notify"));
        command.stderr(std::process::Stdio::null());
        let mut process = Process::start(&mut command);
        assert_eq!(manager.next(), "READY=1");
        let pid = machine.text(&format!("run/{daemon}/{daemon}.pid"));
        assert_eq!(pid, format!("{}\n", process.pid().as_raw_nonzero()));
        process.signal(Signal::USR1);
        until("a status file", || machine.file(&format!("run/{daemon}/{daemon}.info")).exists());
        process.signal(Signal::TERM);
        assert_eq!(process.wait().code(), Some(0));
    }
}

#[test]
fn a_wrong_setting_ends_the_unit_with_the_status_that_systemd_does_not_try_again() {
    for daemon in DAEMONS {
        let machine = Machine::new(daemon, SHELLS[0]);
        let section = daemon.replace("guestS", "guest_s").replace("guestA", "guest_a");
        machine.write("etc/service.ini", &format!("[{section}]\n\nlog_format = yaml\n"));
        let said = machine.ends(&mut machine.foreground(&[]));
        said.is(2, "service.ini:3: [guest_");
        said.is(2, "] log_format: \"yaml\": expected text or json");
        assert!(!machine.pid_file().exists());
        let unit = packaged_text(&format!("systemd/{daemon}.service"));
        assert!(unit.contains("\nRestartPreventExitStatus=2\n"), "{unit}");
    }
}

#[test]
fn the_unit_waits_for_the_platform_by_the_init_script_and_longer_than_that() {
    let library = packaged_text("init.d/service.sh");
    assert!(library.contains("\nGO_SECS=300\n"), "{library}");
    for daemon in DAEMONS {
        let waits = command_line(daemon, "ExecStartPre=");
        assert_eq!(waits, [format!("/etc/init.d/{daemon}"), "await".to_owned()]);
        assert_eq!(command_line(daemon, "TimeoutStartSec="), ["330"]);
    }
}

#[test]
fn the_classic_names_are_links_into_the_unit_s_directory_and_stay_links() {
    if !getuid().is_root() {
        return; // The directory belongs to a user of its own.
    }
    for daemon in DAEMONS {
        let machine = Machine::new(daemon, SHELLS[0]);
        let root = format!("--root={}", machine.file("root").display());
        let [users, files] = ["sysusers", "tmpfiles"].map(|kind| {
            packaged(&format!("{kind}/{daemon}.conf")).to_str().expect("UTF-8").to_owned()
        });
        std::fs::create_dir_all(machine.file("root/etc")).expect("a new folder");
        std::fs::create_dir_all(machine.file("root/run")).expect("a new folder");
        run(&machine, "systemd-sysusers", &[&root, &users]).is(0, "");
        let passwd = machine.text("root/etc/passwd");
        for key in ["User=", "Group="] {
            let user = &command_line(daemon, key)[0];
            assert!(passwd.contains(&format!("{user}:")), "{user} in {passwd}");
        }
        for _ in 0..2 {
            run(&machine, "systemd-tmpfiles", &[&root, "--create", &files]).is(0, "");
        }
        let link = |name: &str| machine.file(&format!("root/run/{daemon}.{name}"));
        let target = |name: &str| machine.file(&format!("root/run/{daemon}/{daemon}.{name}"));
        let is_link = |path: &Path| path.is_symlink();
        // A daemon that is told only the classic names, as the init script and the OCF agent do.
        let mut command = machine.foreground(&[
            format!("--pid-file={}", link("pid").display()),
            format!("--status-file={}", link("info").display()),
        ]);
        let mut process = Process::start(&mut command);
        until("its pid file", || target("pid").exists());
        process.signal(Signal::USR1);
        until("its status file", || target("info").exists());
        assert!(is_link(&link("pid")) && is_link(&link("info")));
        process.signal(Signal::TERM);
        assert_eq!(process.wait().code(), Some(0));
        assert!(is_link(&link("pid")) && !target("pid").exists());
    }
}

/// What `libvirt-access` writes on a machine with this qemu.conf and these groups.
fn access(qemu_conf: &str, groups: &[&str]) -> (Said, Option<String>) {
    let machine = Machine::new("guestServer", SHELLS[0]);
    machine.write("root/etc/libvirt/qemu.conf", qemu_conf);
    let groups: Vec<String> = groups.iter().map(|group| format!("{group}:x:64055:\n")).collect();
    machine.write("root/etc/group", &format!("root:x:0:\n{}", groups.concat()));
    let root = machine.file("root").display().to_string();
    let mut command = machine.shell_command(&packaged("systemd/libvirt-access"), &[&root]);
    let said = machine.ends(&mut command);
    let written = machine.file("root/etc/systemd/system/guestServer.service.d/libvirt.conf");
    (said, std::fs::read_to_string(written).ok())
}

#[test]
fn the_drop_in_names_the_group_that_qemu_has_on_this_distribution() {
    for (qemu_conf, groups, wanted) in [
        ("", &["libvirt", "libvirt-qemu", "kvm"][..], "SupplementaryGroups=libvirt-qemu\n"),
        ("#group = \"root\"\n", &["kvm", "qemu", "libvirt"], "SupplementaryGroups=qemu\n"),
        ("", &["kvm"], "SupplementaryGroups=kvm\n"),
        ("group = \"vms\" # ours\n", &["qemu", "vms"], "SupplementaryGroups=vms\n"),
        ("group = \"gone\"\n", &["qemu"], "SupplementaryGroups=qemu\n"),
        ("group=\"+107\"\n", &["qemu"], "SupplementaryGroups=107\n"),
        ("user = \"root\"\ngroup = \"root\"\n", &["qemu"], "User=root\nGroup=root\n"),
    ] {
        let (said, written) = access(qemu_conf, groups);
        said.is(0, "guestServer: ");
        let written = written.unwrap_or_else(|| panic!("nothing for {qemu_conf:?}"));
        assert!(written.ends_with(&format!("\n[Service]\n{wanted}")), "{qemu_conf:?}: {written}");
    }
    let (said, written) = access("", &["libvirt"]);
    said.is(0, "found no group of QEMU's");
    assert_eq!(written, None);
}
