//! Who gets what, to the file.

use std::path::Path;

use packager::image::{ROLES, resolve};
use packager::package::packages;
use packager::workspace;

const CLIENT: &str = "guest-heartbeat-client";

/// `packager image ROLE` writes the expected files.
#[test]
fn each_role_gets_exactly_its_files() {
    let packages = packages().unwrap();
    for role in ROLES {
        let image = resolve(&workspace().join("packaging/images"), role, &packages).unwrap();
        let files: Vec<_> = image.files.iter().map(|file| file.display().to_string()).collect();
        let expected = workspace().join("packaging/tool/tests/images").join(role);
        let expected = std::fs::read_to_string(expected).unwrap();
        assert_eq!(files, expected.lines().collect::<Vec<_>>(), "{role}");
    }
}

#[test]
fn no_controller_has_the_client_and_no_guest_a_daemon_of_the_hosts() {
    let packages = packages().unwrap();
    let packages_of = |role: &str| {
        resolve(&workspace().join("packaging/images"), role, &packages).unwrap().packages
    };
    for role in ["controller", "all-in-one"] {
        assert!(
            !packages_of(role).contains(CLIENT) && packages_of(role).contains("mtce-guest-agent")
        );
    }
    assert!(packages_of("compute").contains("mtce-guest-server"));
    assert!(packages_of("guest").iter().all(|package| !package.starts_with("mtce-")));
}

#[test]
fn what_no_package_has_is_a_mistake() {
    let said = refusal("mtce-guest-agent\n", "/etc/mtc/guestAgent.conf\n");
    assert_eq!(said, "guest: nothing is /etc/mtc/guestAgent.conf");
    let said = refusal("mtce-guest-manager\n", "");
    assert_eq!(said, "guest: there is no package mtce-guest-manager");
}

#[test]
fn packages_that_exclude_each_other_are_not_in_one_image() {
    let said = refusal(&format!("mtce-guest-agent\n{CLIENT}\n"), "");
    assert_eq!(said, format!("guest: {CLIENT} and mtce-guest-agent exclude each other"));
    let folder =
        manifest(&format!("mtce-guest-agent\n{CLIENT}\n"), &format!("{CLIENT} # not here\n"));
    let image = resolve(folder.path(), "guest", &packages().unwrap()).unwrap();
    assert_eq!(image.packages.into_iter().collect::<Vec<_>>(), ["mtce-guest-agent"]);
}

#[test]
fn no_two_packages_have_a_file_in_common() {
    let packages = packages().unwrap();
    let assets = packages.iter().flat_map(|package| &package.deb.assets);
    let mut files: Vec<_> = assets.map(packager::package::Asset::installed).collect();
    files.sort();
    let all = files.len();
    files.dedup();
    assert_eq!(files.len(), all);
    assert!(files.iter().all(|file| file.is_absolute() && file != Path::new("/")));
}

fn manifest(image_inc: &str, filter_out: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let role = folder.path().join("guest");
    std::fs::create_dir(&role).expect("a folder");
    std::fs::write(role.join("image.inc"), image_inc).expect("a file");
    std::fs::write(role.join("filter_out"), filter_out).expect("a file");
    folder
}

fn refusal(image_inc: &str, filter_out: &str) -> String {
    let folder = manifest(image_inc, filter_out);
    let packages = packages().expect("the manifests describe the packages");
    resolve(folder.path(), "guest", &packages).expect_err("a mistake").to_string()
}
