//! What is in the packages, without installing them.

use std::collections::BTreeSet;
use std::process::Command;

use end_to_end::{Scratch, binary};

use crate::debian::{described, file, file_in, printed, target_dir};

const PACKAGES: [&str; 4] =
    ["guest-heartbeat-client", "libguest-heartbeat3", "mtce-guest-agent", "mtce-guest-server"];

fn path(package: &str, kind: &str) -> String {
    file(package, kind).to_str().expect("UTF-8").to_owned()
}

/// `MODE PATH` of each file in a deb.
fn of_deb(package: &str) -> BTreeSet<String> {
    let listed = printed("dpkg-deb", &["--contents", &path(package, ".deb")]);
    let entry = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        assert!(["root/root", "0/0"].contains(&words[1]), "{line}");
        (!words[0].starts_with('d')).then(|| format!("{} {}", words[0], &words[5][1..]))
    };
    listed.lines().filter_map(entry).collect()
}

#[test]
#[ignore = "needs the packages: make test-packages"]
fn an_rpm_holds_the_files_of_the_deb() {
    for package in PACKAGES {
        let rpm = path(package, ".rpm");
        let query = |format: &str| printed("rpm", &["-qp", "--qf", format, &rpm]);
        let files = query("[%{FILEMODES:perms} %{FILENAMES}\\n]");
        let files: BTreeSet<String> = files.lines().map(str::to_owned).collect();
        assert_eq!(files, of_deb(package), "{package}");
        let listed = printed("rpm", &["-qlp", &rpm]);
        assert_eq!(listed.lines().count(), files.len());

        let assets = described(package).deb.assets;
        let configs = assets.iter().filter(|asset| asset.is_config());
        let configs: BTreeSet<String> =
            configs.map(|asset| asset.installed().display().to_string()).collect();
        let marked = printed("rpm", &["-qpc", &rpm]);
        assert_eq!(marked.lines().map(str::to_owned).collect::<BTreeSet<_>>(), configs);
        let owners = query("[%{FILEUSERNAME}:%{FILEGROUPNAME}\\n]");
        assert!(owners.lines().all(|owner| owner == "root:root"), "{owners}");
    }
}

#[test]
#[ignore = "needs the packages: make test-packages"]
fn agent_and_client_exclude_each_other_in_rpms_too() {
    for (package, other) in [
        ("guest-heartbeat-client", "mtce-guest-agent"),
        ("mtce-guest-agent", "guest-heartbeat-client"),
    ] {
        let conflicts = printed("rpm", &["-qp", "--conflicts", &path(package, ".rpm")]);
        assert_eq!(conflicts.trim(), other);
    }
}

#[test]
#[ignore = "needs the packages: make test-packages"]
fn a_package_holds_what_the_manifests_describe() {
    for package in PACKAGES {
        let files: BTreeSet<String> = of_deb(package)
            .iter()
            .map(|entry| entry.split_once(' ').expect("mode and path").1.to_owned())
            .collect();
        let assets = described(package).deb.assets;
        let wanted = assets.iter().map(|asset| asset.installed().display().to_string());
        assert_eq!(files, wanted.collect::<BTreeSet<_>>(), "{package}");
    }
}

#[test]
#[ignore = "needs the packages: make test-packages"]
fn lintian_finds_no_error_and_no_override_without_need() {
    for package in PACKAGES {
        let deb = path(package, ".deb");
        let arguments = ["--allow-root", "--fail-on", "error", "--tag-display-limit", "0"];
        let said = printed("lintian", &[&arguments[..], &[&deb]].concat());
        assert!(!said.contains("unused-override"), "{said}");
        assert!(!said.contains("mismatched-override"), "{said}");
    }
}

#[test]
#[ignore = "needs the packages: make test-packages"]
fn packing_again_gives_the_same_bytes() {
    let scratch = Scratch::new();
    let again = scratch.file("again");
    let script = packager::workspace().join("packaging/build");
    let mut command = Command::new(script);
    command.arg(&again).env("PACK", "only").env("CARGO_TARGET_DIR", target_dir());
    let output = command.output().expect("a shell");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    for package in PACKAGES {
        for kind in [".deb", ".rpm"] {
            let first = std::fs::read(file(package, kind)).expect("it is there");
            let second = std::fs::read(file_in(&again, package, kind)).expect("it was packed");
            assert!(first == second, "{package}{kind} differs");
        }
    }
}

#[test]
#[ignore = "needs the packages: make test-packages"]
fn no_program_has_a_path_of_the_machine_that_built_it() {
    let home = std::env::var("HOME").unwrap_or_else(|_| "/root".to_owned());
    let cargo_home = std::env::var("CARGO_HOME").unwrap_or_else(|_| format!("{home}/.cargo"));
    let workspace = packager::workspace().display().to_string();
    for package in PACKAGES {
        let scratch = Scratch::new();
        let to = scratch.path().to_str().expect("UTF-8");
        printed("dpkg-deb", &["--extract", &path(package, ".deb"), to]);
        for asset in described(package).deb.assets {
            let installed = asset.installed();
            let inside = installed.strip_prefix("/").expect("an absolute path");
            let content = std::fs::read(scratch.path().join(inside)).expect("it was extracted");
            for secret in [&workspace, &cargo_home] {
                let found = content.windows(secret.len()).any(|bytes| bytes == secret.as_bytes());
                assert!(!found, "{} in {}", secret, installed.display());
            }
        }
    }
}

#[test]
#[ignore = "needs the packages: make test-packages"]
fn a_man_page_tells_each_flag_of_its_program_and_what_help_does_not() {
    for (program, package) in [
        ("guestServer", "mtce-guest-server"),
        ("guestAgent", "mtce-guest-agent"),
        ("guest-client", "guest-heartbeat-client"),
    ] {
        let scratch = Scratch::new();
        let to = scratch.path().to_str().expect("UTF-8");
        printed("dpkg-deb", &["--extract", &path(package, ".deb"), to]);
        let page = scratch.path().join(format!("usr/share/man/man8/{program}.8.gz"));
        let page = printed("gzip", &["-dc", page.to_str().expect("UTF-8")]).replace('\\', "");
        let help = printed(binary(program).to_str().expect("UTF-8"), &["--help"]);
        let flags = help
            .lines()
            .filter_map(|line| line.split_whitespace().find(|word| word.starts_with("--")));
        let flags: BTreeSet<&str> =
            flags.map(|flag| flag.split(['=', '[']).next().unwrap_or(flag)).collect();
        assert!(flags.len() > 5, "{help}");
        for flag in flags {
            assert!(page.contains(flag), "{flag} in {program}.8");
        }
        for section in ["FILES", "SIGNALS", "EXIT STATUS", "SEE ALSO"] {
            assert!(
                page.contains(&format!(".SH \"{section}\""))
                    || page.contains(&format!(".SH {section}\n"))
            );
        }
    }
}
