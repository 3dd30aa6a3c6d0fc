//! What an agent must not do.

use protocol::vim::AGENT_USER_AGENT;

use super::agent::{Back, bytes, request, send, send_and_end, with_headers};
use super::*;

/// After all of it, the next request is served.
fn goes_on(vim: &FakeVim) {
    assert_eq!(request(vim, &status(Switch::Enabled)), Back::NOTHING);
    assert_eq!(vim.counts().statuses, 1);
}

#[test]
fn a_chunked_body_is_read_as_empty_and_the_event_is_lost() {
    let vim = vim(Settings::default());
    let body = status(Switch::Enabled).body().unwrap();
    let head = format!(
        "PATCH {} HTTP/1.1\r\nUser-Agent: {AGENT_USER_AGENT}\r\nConnection: close\r\n\
         Transfer-Encoding: chunked\r\n\r\n{:x}\r\n",
        status(Switch::Enabled).path(),
        body.len()
    );
    let chunked = [head.as_bytes(), &body, b"\r\n0\r\n\r\n"].concat();
    assert_eq!(send(&vim, &chunked).bytes, b"");
    assert_eq!(missteps(&vim), [Misstep::Chunked]);
    assert_eq!((vim.counts().lost, vim.counts().statuses), (1, 0));
    goes_on(&vim);
}

#[test]
fn half_a_request_is_counted() {
    let vim = vim(Settings::default());
    let whole = bytes(&status(Switch::Enabled));
    for length in [10, whole.len() - 1] {
        assert_eq!(send_and_end(&vim, &whole[..length]), Back::NOTHING);
    }
    assert_eq!(send_and_end(&vim, b""), Back::NOTHING);
    assert_eq!(missteps(&vim), [Misstep::Cut, Misstep::Cut, Misstep::Empty]);
    goes_on(&vim);
}

#[test]
fn what_is_not_http_is_counted() {
    let vim = vim(Settings::default());
    for bytes in ["hello\r\n\r\n", "GET / HTTP/2.0\r\n\r\n", "GET / HTTP/1.1\r\nodd\r\n\r\n"] {
        assert_eq!(send(&vim, bytes.as_bytes()), Back::NOTHING, "{bytes}");
    }
    send(&vim, b"\xff\xff\r\n\r\n");
    send(&vim, b"PATCH / HTTP/1.1\r\nContent-Length: much\r\n\r\n");
    assert_eq!(missteps(&vim), [Misstep::NotHttp; 5]);
    goes_on(&vim);
}

#[test]
fn a_request_without_end_is_cut() {
    let vim = vim(Settings::default());
    send(&vim, b"PATCH / HTTP/1.1\r\nContent-Length: 999999999\r\n\r\n");
    assert_eq!(missteps(&vim), [Misstep::TooLong]);
    goes_on(&vim);
}

#[test]
fn a_head_without_end_is_cut() {
    use std::io::Write;
    let vim = vim(Settings::default());
    let mut stream = super::agent::connect(&vim);
    let long = [b'x'; 4096];
    // Until the VIM has closed and the kernel says so.
    while stream.write_all(&long).is_ok() {}
    goes_on(&vim);
    assert_eq!(missteps(&vim), [Misstep::TooLong]);
}

#[test]
fn a_body_that_is_no_event_and_a_path_that_the_vim_lacks_are_not_understood() {
    let vim = vim(Settings::default());
    let path = status(Switch::Enabled).path();
    let headers = format!("User-Agent: {AGENT_USER_AGENT}\r\nConnection: close\r\n");
    for line in [
        &format!("PATCH {path} HTTP/1.1\r\n{headers}Content-Length: 2\r\n\r\n{{}}"),
        &format!("PATCH {path} HTTP/1.1\r\n{headers}\r\n"),
        &format!("GET /elsewhere HTTP/1.1\r\n{headers}\r\n"),
    ] {
        assert_eq!(send(&vim, line.as_bytes()), Back::NOTHING);
    }
    let why = [BodyError::BadKey("uuid"), BodyError::NotAnObject, BodyError::UnknownRequest];
    assert_eq!(missteps(&vim), why.map(Misstep::NotUnderstood));
    goes_on(&vim);
}

#[test]
fn manners_of_the_agent_that_the_vim_survives_are_counted_and_the_event_is_taken() {
    let vim = vim(Settings::default());
    let twice = bytes(&status(Switch::Enabled)).repeat(2);
    assert_eq!(send(&vim, &twice).bytes, b"");
    send(&vim, &with_headers(&status(Switch::Enabled), "User-Agent: curl\r\n"));
    assert_eq!(missteps(&vim), [Misstep::Pipelined, Misstep::KeptAlive, Misstep::UserAgent]);
    assert_eq!(vim.counts().statuses, 2);
}
