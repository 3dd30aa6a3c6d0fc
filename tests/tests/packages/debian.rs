//! What all installations have in common.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use end_to_end::{Debian, binary};
use packager::package::{Package, packages};

/// Where packages and programs are built.
pub(crate) fn target_dir() -> PathBuf {
    let test = std::env::current_exe().expect("a test knows its own file");
    test.ancestors().nth(3).expect("tests are in target/<profile>/deps").to_owned()
}

/// The built file of a package; `kind`: deb or rpm.
pub(crate) fn file(package: &str, kind: &str) -> PathBuf {
    file_in(&target_dir().join("packages"), package, kind)
}

/// The built file of a package in a folder.
pub(crate) fn file_in(folder: &Path, package: &str, kind: &str) -> PathBuf {
    let entries = folder.read_dir().expect("make packages has built them");
    let paths = entries.map(|entry| entry.expect("the folder can be read").path());
    let is_it = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let rest = name.strip_prefix(package);
        rest.is_some_and(|rest| rest.starts_with(['_', '-'])) && name.ends_with(kind)
    };
    let mut found: Vec<PathBuf> = paths.filter(is_it).collect();
    assert_eq!(found.len(), 1, "one {package}*.{kind} in {}: {found:?}", folder.display());
    found.remove(0)
}

/// What the workspace says about a package.
pub(crate) fn described(package: &str) -> Package {
    let packages = packages().expect("the manifests describe the packages");
    packages.into_iter().find(|found| found.deb.name == package).expect("such a package")
}

/// What a program of this machine prints.
#[track_caller]
pub(crate) fn printed(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).env("LC_ALL", "C").output();
    let output = output.unwrap_or_else(|error| panic!("{program}: {error}"));
    let errors = String::from_utf8_lossy(&output.stderr);
    let text = String::from_utf8(output.stdout).expect("text in UTF-8");
    assert!(output.status.success(), "{program} {arguments:?}: {text}{errors}");
    text
}

/// A new Debian without any package of ours, which has a stand-in for an init.
pub(crate) fn bare() -> Debian {
    let base = target_dir().join("chroot/bookworm");
    let script = packager::workspace().join("packaging/bookworm");
    printed("sh", &[script.to_str().expect("UTF-8"), base.to_str().expect("UTF-8")]);
    let debian = Debian::new(&base);
    let stand_in = "cd /usr/sbin && ln -s /bin/true init && echo 'echo N 2' >runlevel && \
                    chmod 755 runlevel";
    debian.run(stand_in).succeeds();
    debian
}

/// Brings a package to it, not installed.
pub(crate) fn bring(debian: &Debian, package: &str) -> String {
    let path = format!("/packages/{package}.deb");
    debian.copy(&file(package, ".deb"), &path);
    path
}

/// The command that installs a package file.
pub(crate) fn install_command(path: &str) -> String {
    format!(
        "apt-get install --yes --no-install-recommends -o Dpkg::Options::=--force-confold {path}"
    )
}

/// Installs packages, which has to succeed.
pub(crate) fn install(debian: &Debian, package: &str) -> String {
    let path = bring(debian, package);
    debian.run(&install_command(&path)).succeeds()
}

/// Makes a newer version of a package, with another line in one of its files.
pub(crate) fn bring_newer(debian: &Debian, package: &str, changed: &str, line: &str) -> String {
    bring(debian, package);
    let script = format!(
        "cd /packages && dpkg-deb -R {package}.deb newer && echo '{line}' >>newer/{changed} && \
         sed -i 's/^Version: .*/Version: 9.9-1/' newer/DEBIAN/control && \
         dpkg-deb --root-owner-group -b newer {package}-newer.deb && rm -r newer"
    );
    debian.run(&script).succeeds();
    format!("/packages/{package}-newer.deb")
}

/// Every file but those of the package manager and of the kernel, and who may log in: what a purge
/// has to leave as it was.
pub(crate) fn everything(debian: &Debian) -> BTreeMap<String, String> {
    debian.run(
        "find / -xdev \\( -path /proc -o -path /dev -o -path /packages -o -path /tmp \
         -o -path /run/systemd -o -path /var/lib/dpkg -o -path /var/lib/apt -o -path /var/cache \
         -o -path /var/log/apt -o -path /var/log/dpkg.log -o -path /var/log/alternatives.log \
         -o -path '/etc/*-' -o -path /etc/.pwd.lock \\) -prune -o -printf '%p\\t%M %u %g\\n' \
         >/packages/everything",
    );
    let listed = debian.read("/packages/everything");
    let lines = listed.lines().filter_map(|line| line.split_once('\t'));
    let mut all: BTreeMap<String, String> =
        lines.map(|(path, what)| (path.to_owned(), what.to_owned())).collect();
    for file in ["/etc/passwd", "/etc/group", "/etc/shadow", "/etc/gshadow"] {
        all.insert(format!("content of {file}"), debian.read(file));
    }
    all
}

/// Purges a package and checks that the machine is as it was.
#[track_caller]
pub(crate) fn purges_to(debian: &Debian, package: &str, before: &BTreeMap<String, String>) {
    debian.run(&format!("dpkg --purge {package}")).succeeds();
    let after = everything(debian);
    let left: Vec<_> = after.iter().filter(|entry| before.get(entry.0) != Some(entry.1)).collect();
    let gone: Vec<_> = before.keys().filter(|path| !after.contains_key(*path)).collect();
    assert!(left.is_empty() && gone.is_empty(), "left or changed: {left:#?}, gone: {gone:#?}");
}

/// Checks that each file of a package is there, root's, with its mode, and that its configuration
/// is known as such.
#[track_caller]
pub(crate) fn is_installed_as_described(debian: &Debian, package: &str) {
    use std::os::unix::fs::MetadataExt;
    let described = described(package);
    let conffiles = debian.run(&format!("dpkg-query -W -f '${{Conffiles}}' {package}")).succeeds();
    for asset in &described.deb.assets {
        let path = asset.installed();
        let found = debian.metadata(&path);
        let mode = u32::from_str_radix(&asset.2, 8).expect("octal digits");
        let owner = (found.uid(), found.gid());
        assert!(found.is_file() && owner == (0, 0), "{}: {found:?}", path.display());
        assert_eq!(found.mode() & 0o7777, mode, "{}", path.display());
        let path = path.display().to_string();
        assert_eq!(conffiles.contains(&format!(" {path} ")), asset.is_config(), "{path}");
    }
}

/// The units that systemd makes of init scripts, as it does when it boots.
pub(crate) fn made_of_scripts(debian: &Debian) -> String {
    let generate = "mkdir -p /packages/units && cd /packages/units && \
                    /lib/systemd/system-generators/systemd-sysv-generator . . . && ls -R";
    debian.run(generate).succeeds()
}

/// Fake channels with a guest behind each, in the background.
pub(crate) fn guests(debian: &Debian, folder: &str, more: &str) {
    debian.copy(&binary("guest-sim"), "/packages/guest-sim");
    let line = format!(
        "mkdir -p {folder} && setsid /packages/guest-sim guests --dir {folder} --interval-ms 400 \
         {more} </dev/null >/packages/guests.log 2>&1 &"
    );
    debian.run(&line).succeeds();
    end_to_end::until("a channel", || {
        debian.path(folder).read_dir().is_ok_and(|mut entries| entries.next().is_some())
    });
}
