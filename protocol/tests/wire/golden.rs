//! Finds golden files, and reads the annotated dumps of datagrams and the requests of REST.
//!
//! The files lie in `tests/golden`: what is sent and read directly in the folder of its direction,
//! what is only read in `understood` below it. They were made from the tables of docs/protocol.md, not
//! with the encoder. A change of one of them is a change of the wire.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// A folder of golden files.
pub(crate) fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)
}

/// The bytes of a golden file.
pub(crate) fn read(folder: &Path, file: &str) -> Vec<u8> {
    fs::read(folder.join(file)).unwrap_or_else(|e| panic!("golden file {file}: {e}"))
}

/// Fails if a file of the folder has no case or a case no file.
pub(crate) fn assert_files_are<'a>(folder: &Path, cases: impl IntoIterator<Item = &'a str>) {
    let mut files = BTreeSet::new();
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        if entry.file_type().unwrap().is_file() {
            files.insert(entry.file_name().into_string().unwrap());
        }
    }
    let cases: BTreeSet<String> = cases.into_iter().map(str::to_owned).collect();
    assert_eq!(files, cases, "golden files of {} (left) and cases (right)", folder.display());
}

/// A request or a reply of REST: its first line, and its body. The body stands behind an empty line
/// and ends before the newline that ends the file.
pub(crate) fn read_http(folder: &Path, file: &str) -> (String, Vec<u8>) {
    let text = String::from_utf8(read(folder, file)).unwrap();
    let text = text.strip_suffix('\n').unwrap();
    let (line, body) = text.split_once("\n\n").unwrap_or((text, ""));
    (line.to_owned(), body.as_bytes().to_vec())
}

/// The bytes of an annotated dump. Each line is `offset | field | bytes | reads`; what it `reads`
/// is for people, and is checked here so that they can believe it.
pub(crate) fn read_dump(folder: &Path, file: &str) -> Vec<u8> {
    let text = String::from_utf8(read(folder, file)).unwrap();
    let mut bytes = Vec::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let [offset, _, data, reads] = columns(line);
        assert_eq!(usize::from_str_radix(offset, 16), Ok(bytes.len()), "{file}: offset of {line}");
        let data = parse_bytes(data);
        assert!(reads.is_empty() || reads == shown(&data), "{file}: {line}");
        bytes.extend(data);
    }
    bytes
}

/// `reads` may hold a bar and end in a space that the eye and editors do not keep.
fn columns(line: &str) -> [&str; 4] {
    let mut columns = line.splitn(4, '|');
    let mut column = || columns.next().unwrap_or_default();
    let (offset, field, data, reads) = (column(), column(), column(), column());
    [offset.trim(), field.trim(), data.trim(), reads.strip_prefix(' ').unwrap_or_default()]
}

fn parse_bytes(text: &str) -> Vec<u8> {
    if let Some((byte, times)) = text.split_once(" x ") {
        return vec![u8::from_str_radix(byte, 16).unwrap(); times.parse().unwrap()];
    }
    text.split(' ').map(|byte| u8::from_str_radix(byte, 16).unwrap()).collect()
}

/// Four bytes of which one is no text are a little-endian number, others are text.
fn shown(data: &[u8]) -> String {
    match data.try_into() {
        Ok(number) if !data.iter().all(u8::is_ascii_graphic) => {
            format!("{:#010x}", u32::from_le_bytes(number))
        }
        _ => as_text(data).trim_end().to_owned(),
    }
}

fn as_text(data: &[u8]) -> String {
    data.iter().map(|b| if (b' '..=b'~').contains(b) { char::from(*b) } else { '.' }).collect()
}
