//! docs/protocol.md names the test that holds each fact; those tests must exist.

use std::fs;
use std::path::Path;

/// The file that should have the test `path`, if it is one of this crate's.
fn file_of(path: &str) -> Option<String> {
    let (module, _) = path.rsplit_once("::")?;
    match module.strip_prefix("protocol::") {
        Some(unit) => Some(format!("src/{}.rs", unit.strip_suffix("::tests")?.replace("::", "/"))),
        None => Some(format!("tests/wire/{module}.rs")),
    }
}

#[test]
fn every_test_that_the_documentation_names_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = fs::read_to_string(root.join("../docs/protocol.md")).unwrap();
    let mut named = 0;
    for name in text.split('`').skip(1).step_by(2).filter(|name| name.contains("::")) {
        let file = file_of(name).map(|file| root.join(file)).filter(|file| file.exists());
        let Some(file) = file else { continue };
        let function = format!("fn {}(", name.rsplit("::").next().unwrap());
        assert!(fs::read_to_string(file).unwrap().contains(&function), "no test {name}");
        named += 1;
    }
    assert!(named > 50, "{named} tests are named");
}
