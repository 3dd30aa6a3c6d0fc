//! libguest-heartbeat3 beside applications of a guest.

use end_to_end::Scratch;

use crate::debian::{
    bare, everything, file, install, is_installed_as_described, printed, purges_to,
};

const PACKAGE: &str = "libguest-heartbeat3";

#[test]
#[ignore = "needs the packages: make test-packages"]
fn the_loader_finds_the_libraries_and_a_purge_leaves_nothing() {
    let debian = bare();
    let before = everything(&debian);
    install(&debian, PACKAGE);
    is_installed_as_described(&debian, PACKAGE);
    let known = debian.run("ldconfig -p").succeeds();
    for name in ["libguest_heartbeat_api.so.3", "libguest_common_api.so.3"] {
        assert!(known.contains(&format!("{name} (libc6,x86-64) => /lib/{name}")), "{known}");
    }
    purges_to(&debian, PACKAGE, &before);
}

#[test]
#[ignore = "needs the packages: make test-packages"]
fn an_application_is_built_with_what_the_package_has() {
    let scratch = Scratch::new();
    let root = scratch.path().to_str().expect("UTF-8");
    let deb = file(PACKAGE, ".deb");
    printed("dpkg-deb", &["--extract", deb.to_str().expect("UTF-8"), root]);
    let source = packager::workspace().join("guest/library/examples/sample.c");
    let program = scratch.file("sample");
    let script = format!(
        "PKG_CONFIG_PATH={root}/usr/lib/pkgconfig PKG_CONFIG_SYSROOT_DIR={root} \
         PKG_CONFIG_ALLOW_SYSTEM_LIBS=1 PKG_CONFIG_ALLOW_SYSTEM_CFLAGS=1 && \
         export PKG_CONFIG_PATH PKG_CONFIG_SYSROOT_DIR PKG_CONFIG_ALLOW_SYSTEM_LIBS \
         PKG_CONFIG_ALLOW_SYSTEM_CFLAGS && flags=$(pkg-config --cflags --libs guest_heartbeat_api \
         guest_common_api) && gcc {} -o {} $flags",
        source.display(),
        program.display()
    );
    printed("sh", &["-c", &script]);
    let needed = printed("objdump", &["-p", program.to_str().expect("UTF-8")]);
    assert!(needed.contains("NEEDED               libguest_heartbeat_api.so.3"), "{needed}");
}
