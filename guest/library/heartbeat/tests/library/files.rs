//! What is installed: symbols, dependencies, headers, pkg-config files.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use crate::program::{LIBRARIES, built, file, output, pkg_config};

/// What each library exports.
const SYMBOLS: [&[&str]; 2] = [
    &[
        "guest_heartbeat_api_action_str",
        "guest_heartbeat_api_deregister",
        "guest_heartbeat_api_dispatch",
        "guest_heartbeat_api_event_str",
        "guest_heartbeat_api_finalize",
        "guest_heartbeat_api_get_selobj",
        "guest_heartbeat_api_initialize",
        "guest_heartbeat_api_notify_str",
        "guest_heartbeat_api_register",
        "guest_heartbeat_api_send_action_response",
        "guest_heartbeat_api_vote_result_str",
    ],
    &["guest_api_error_str"],
];

fn last_words(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter_map(|line| line.split_whitespace().last())
}

/// What stands in brackets behind a kind of entry of the dynamic section.
fn dynamic(library: &str, kind: &str) -> Vec<String> {
    let text = output(Command::new("readelf").arg("-dW").arg(built(library, "so")));
    let entries = text.lines().filter(|line| line.contains(kind));
    let value = |line: &str| Some(line.split_once('[')?.1.split_once(']')?.0.to_owned());
    entries.filter_map(value).collect()
}

/// The versions of a library that the symbols of ours need, such as 2.34 of `GLIBC_2.34`.
fn needed_versions(library: &str, prefix: &str) -> BTreeSet<(u32, u32)> {
    let mut nm = Command::new("nm");
    let symbols = output(nm.args(["-D", "--undefined-only"]).arg(built(library, "so")));
    let versions = symbols.split_whitespace().filter_map(|word| word.split_once(prefix));
    let number = |version: &str| {
        let mut parts = version.split('.').map(|part| part.parse().unwrap());
        (parts.next().unwrap(), parts.next().unwrap_or_default())
    };
    versions.map(|(_, version)| number(version)).collect()
}

#[test]
fn exactly_the_functions_of_the_headers_are_exported() {
    for (library, symbols) in LIBRARIES.iter().zip(SYMBOLS) {
        let mut nm = Command::new("nm");
        let listed = output(nm.args(["-D", "--defined-only"]).arg(built(library, "so")));
        assert_eq!(last_words(&listed).collect::<Vec<_>>(), symbols, "{library}");
        let mut nm = Command::new("nm");
        let listed = output(nm.args(["-g", "--defined-only"]).arg(built(library, "a")));
        for symbol in symbols {
            assert!(last_words(&listed).any(|word| word == *symbol), "{library}: {symbol}");
        }
    }
}

#[test]
fn programs_that_were_linked_with_the_old_libraries_find_these() {
    for library in LIBRARIES {
        assert_eq!(dynamic(library, "(SONAME)"), [format!("lib{library}.so.3")]);
    }
}

#[test]
fn nothing_is_needed_but_what_every_program_of_gcc_has() {
    for library in LIBRARIES {
        for needed in dynamic(library, "(NEEDED)") {
            // The loader comes with libc.
            let usual = ["libc.so.", "libgcc_s.so.", "ld-linux"];
            assert!(usual.iter().any(|name| needed.starts_with(name)), "{library}: {needed}");
        }
    }
}

#[test]
fn no_newer_libc_is_needed_than_the_documentation_says() {
    let text = std::fs::read_to_string(file("../../docs/application-api.md")).unwrap();
    let (_, rest) = text.split_once("glibc ").expect("the documentation names the least glibc");
    let (number, _) = rest.split_once(|c: char| c != '.' && !c.is_ascii_digit()).unwrap();
    let (major, minor) = number.split_once('.').unwrap();
    let documented = (major.parse().unwrap(), minor.parse().unwrap());
    for library in LIBRARIES {
        let needed = needed_versions(library, "GLIBC_");
        assert!(!needed.is_empty(), "{library}");
        assert!(needed.last() <= Some(&documented), "{library}: {needed:?}");
    }
}

#[test]
fn headers_declare_exactly_what_is_exported_and_are_taken_by_c_and_cpp() {
    let mut declared = BTreeSet::new();
    for header in ["guest_api_types.h", "guest_api_debug.h", "guest_heartbeat_api.h"] {
        let path = file("include").join(header);
        for (language, standard) in [("c", "-std=c99"), ("c++", "-std=c++98")] {
            compiles(&path, language, standard);
        }
        let text = std::fs::read_to_string(path).unwrap();
        let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != '(');
        let calls = words.filter_map(|word| word.split_once('(')).map(|(name, _)| name.to_owned());
        declared.extend(calls.filter(|name| name.starts_with("guest_")));
    }
    let exported = SYMBOLS.concat().into_iter().map(str::to_owned).collect();
    assert_eq!(declared, exported);
}

fn compiles(header: &Path, language: &str, standard: &str) {
    let mut cc = Command::new("cc");
    cc.args(["-x", language, standard, "-Wall", "-Wextra", "-Wpedantic", "-Werror"]);
    let result = cc.arg("-fsyntax-only").arg(header).output().unwrap();
    let errors = String::from_utf8(result.stderr).unwrap();
    assert!(result.status.success(), "{errors}");
}

/// What the compiler says that a program has to be linked with besides an archive of a library.
fn native_libraries(library: &str) -> String {
    let folder = TempDir::new().unwrap();
    let source = folder.path().join("archive.rs");
    std::fs::write(&source, format!("extern crate {library};")).unwrap();
    let rlib = built(library, "rlib");
    let mut rustc = Command::new("rustc");
    rustc.args(["--crate-type", "staticlib", "--print", "native-static-libs"]);
    rustc.arg("--extern").arg(format!("{library}={}", rlib.display()));
    rustc.arg("-L").arg(format!("dependency={}", rlib.parent().unwrap().display()));
    let result = rustc.arg(source).arg("-o").arg(folder.path().join("archive.a")).output().unwrap();
    let text = String::from_utf8(result.stderr).unwrap();
    let line = text.lines().find_map(|line| line.split_once("native-static-libs: "));
    line.unwrap_or_else(|| panic!("{text}")).1.to_owned()
}

#[test]
fn pkg_config_names_what_the_archives_have_to_be_linked_with() {
    for library in LIBRARIES {
        assert_eq!(pkg_config(library, "Libs.private"), native_libraries(library), "{library}");
        assert_eq!(pkg_config(library, "Libs"), format!("-L${{libdir}} -l{library}"));
    }
}
