//! What goes to the VIM, byte by byte, and one connection for each request.

use guest_agent::core::Outcome;
use guest_agent::shell::transmitter::{Limits, Transmitter};
use protocol::vim::VimRequest;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::golden;
use crate::vim::{Received, Vim, alarm, receive};

fn assert_headers(received: &Received, has_body: bool) {
    let expected = [
        ("user-agent", Some("guest-agent/1.0")),
        ("accept", Some("application/json")),
        ("content-type", Some("application/json")),
        ("connection", Some("close")),
        ("transfer-encoding", None),
        ("expect", None),
    ];
    for (name, value) in expected {
        assert_eq!(received.header(name), value, "{name} of {}", received.head);
    }
    let length = has_body.then(|| received.body.len().to_string());
    assert_eq!(received.header("content-length"), length.as_deref(), "{}", received.head);
    assert!(received.header("host").is_some_and(|host| host.starts_with("127.0.0.1:")));
}

#[tokio::test]
async fn every_request_is_its_golden_file_on_the_wire() {
    let vim = Vim::start(Limits::default()).await;
    for golden in golden::all("agent-to-vim") {
        let (method, path) = golden.target();
        let request = VimRequest::decode(method, path, golden.body()).unwrap();
        let script = async |mut stream| {
            let received = receive(&mut stream).await;
            let first_line = format!("{} HTTP/1.1", golden.first_line);
            assert_eq!(received.head.lines().next(), Some(first_line.as_str()));
            assert_eq!(received.body, golden.body(), "{}", golden.name);
            assert_headers(&received, golden.body.is_some());
        };
        assert_eq!(vim.outcome_of(&request, script).await, Outcome::Closed, "{}", golden.name);
    }
}

#[tokio::test]
async fn a_query_brings_back_what_the_vim_says() {
    let vim = Vim::start(Limits::default()).await;
    let queries =
        golden::all("agent-to-vim").into_iter().filter(|g| g.first_line.starts_with("GET"));
    for query in queries {
        let (method, path) = query.target();
        let request = VimRequest::decode(method, path, query.body()).unwrap();
        for reply in golden::all("vim-replies") {
            let script = async |mut stream| {
                receive(&mut stream).await;
                let head = b"HTTP/1.0 200 OK\r\nServer: BaseHTTP/0.6 Python/3.9\r\n\r\n";
                stream.write_all(head).await.unwrap();
                stream.write_all(reply.body()).await.unwrap();
            };
            let expected = Outcome::Replied { status: 200, body: reply.body().to_vec() };
            assert_eq!(vim.outcome_of(&request, script).await, expected, "{}", reply.name);
        }
    }
}

#[tokio::test]
async fn each_request_has_a_connection_of_its_own_and_leaves_none() {
    let vim = Vim::start(Limits::default()).await;
    for _ in 0..3 {
        let script = async |mut stream| {
            receive(&mut stream).await;
            let reply = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: keep-alive\r\n\r\n{}";
            stream.write_all(reply).await.unwrap();
            // Ends when the agent closes.
            assert_eq!(stream.read_to_end(&mut Vec::new()).await.unwrap(), 0);
        };
        let expected = Outcome::Replied { status: 200, body: b"{}".to_vec() };
        assert_eq!(vim.outcome_of(&alarm(), script).await, expected);
    }
}

#[tokio::test]
async fn a_redirection_is_not_followed() {
    let vim = Vim::start(Limits::default()).await;
    let to_itself = format!("http://{}/", vim.listener.local_addr().unwrap());
    let script = async |mut stream| {
        receive(&mut stream).await;
        let reply =
            format!("HTTP/1.1 307 Go\r\nLocation: {to_itself}\r\nContent-Length: 0\r\n\r\n");
        stream.write_all(reply.as_bytes()).await.unwrap();
    };
    let expected = Outcome::Replied { status: 307, body: Vec::new() };
    assert_eq!(vim.outcome_of(&alarm(), script).await, expected);
}

/// Runs another test of this file with a proxy in the environment that nobody serves.
#[test]
fn a_proxy_in_the_environment_is_not_used() {
    let mut child = std::process::Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", "events::each_request_has_a_connection_of_its_own_and_leaves_none"]);
    for name in ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"] {
        child.env(name, "http://127.0.0.1:9");
    }
    let output = child.env_remove("no_proxy").env_remove("NO_PROXY").output().unwrap();
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && stdout.contains("1 passed"), "{stdout}");
}

#[test]
fn an_address_that_cannot_be_the_vims_is_refused() {
    for bad in ["", "127.0.0.1:30002", "localhost:30002", "https://127.0.0.1:30002", "http://"] {
        let error = Transmitter::new(bad, Limits::default()).unwrap_err().to_string();
        assert!(error.contains("http://127.0.0.1:30002"), "{bad}: {error}");
    }
    for good in ["http://127.0.0.1:30002", "http://[::1]:30002", "http://localhost:30002"] {
        assert!(Transmitter::new(good, Limits::default()).is_ok(), "{good}");
    }
}
