//! Requests that no VIM would send: each has a fitting status, and the next good one is served.

use std::net::SocketAddr;

use guest_agent::shell::receiver::Limits;
use protocol::vim::CommandReply;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::receiver::{
    HOST, INSTANCE, NO_INSTANCE, ask, exchange, exchange_raw, next, read_all, read_reply, request,
    start, start_agent,
};

const PARSE: &str = r#"{"status":"fail","reason":"command parse error"}"#;
const INVALID: &str = r#"{"status":"fail","reason":"invalid data"}"#;
const NO_BUFFER: &str = r#"{"status":"fail","reason":"no buffer"}"#;
const NOT_FOUND: &str = r#"{"status":"fail","reason":"entity not found"}"#;
/// Longest body that is read.
const BODY_MAX: usize = 64 * 1024;

async fn assert_alive(agent: SocketAddr) {
    assert_eq!(ask(agent, "GET", &format!("/v1/hosts/{HOST}"), None).await.0, 200);
}

fn vote_path() -> String {
    format!("/v1/instances/{INSTANCE}/vote")
}

fn vote_body() -> String {
    format!(r#"{{"uuid":"{INSTANCE}","hostname":"compute-0","action":"stop"}}"#)
}

/// A vote with a body that need not be text.
fn vote_of(body: &[u8]) -> Vec<u8> {
    let head = format!("POST {} HTTP/1.1\r\nContent-Length: {}\r\n\r\n", vote_path(), body.len());
    [head.as_bytes(), body].concat()
}

#[tokio::test]
async fn a_body_that_is_no_json_object_is_not_understood() {
    let agent = start_agent();
    let deep = "[".repeat(30_000);
    let bodies: [&[u8]; 9] = [
        b"{",
        b"nonsense",
        b"[]",
        b"null",
        b"\"text\"",
        b"\xff\xfe",
        b"{\"uuid\":\"\xff\"}",
        b"{} {}",
        deep.as_bytes(),
    ];
    for body in bodies {
        let reply = exchange(agent, &vote_of(body)).await;
        assert_eq!((reply.status, reply.body.as_str()), (400, PARSE), "{body:?}");
    }
    assert_alive(agent).await;
}

#[tokio::test]
async fn keys_that_are_missing_wrong_or_about_another_instance_are_invalid() {
    let agent = start_agent();
    let vote = |uuid: &str, hostname: &str, action: &str| {
        format!(r#"{{"uuid":{uuid},"hostname":{hostname},"action":{action}}}"#)
    };
    let uuid = format!("\"{INSTANCE}\"");
    let other = format!("\"{NO_INSTANCE}\"");
    for body in [
        "{}".to_owned(),
        vote("17", "\"compute-0\"", "\"stop\""),
        vote("null", "\"compute-0\"", "\"stop\""),
        vote("\"short\"", "\"compute-0\"", "\"stop\""),
        vote(&other, "\"compute-0\"", "\"stop\""),
        vote(&uuid, "[]", "\"stop\""),
        vote(&uuid, "\"compute-0\"", "{}"),
        vote(&uuid, "\"compute-0\"", "\"dance\""),
        format!(r#"{{"uuid":{uuid},"hostname":"compute-0"}}"#),
    ] {
        let reply = ask(agent, "POST", &vote_path(), Some(&body)).await;
        assert_eq!(reply, (400, INVALID.into()), "{body}");
    }
    assert_alive(agent).await;
}

#[tokio::test]
async fn a_needed_body_that_is_missing_or_empty_is_told_so() {
    let agent = start_agent();
    let (host, instance) = (format!("/v1/hosts/{HOST}"), format!("/v1/instances/{INSTANCE}"));
    for (method, path) in [
        ("POST", host.clone()),
        ("PUT", format!("{host}/enable")),
        ("PUT", format!("{host}/disable")),
        ("POST", instance.clone()),
        ("PATCH", instance.clone()),
        ("POST", format!("{instance}/vote")),
        ("POST", format!("{instance}/notify")),
    ] {
        for body in [None, Some("")] {
            let reply = ask(agent, method, &path, body).await;
            assert_eq!(reply, (411, NO_BUFFER.into()), "{method} {path} {body:?}");
        }
    }
}

#[tokio::test]
async fn a_body_of_64_kib_is_read_and_one_byte_more_is_not() {
    let agent = start_agent();
    let padded = |length: usize| vote_body() + &" ".repeat(length - vote_body().len());
    let reply = ask(agent, "POST", &vote_path(), Some(&padded(BODY_MAX))).await;
    assert_eq!(reply.0, 200, "{}", reply.1);
    let reply = ask(agent, "POST", &vote_path(), Some(&padded(BODY_MAX + 1))).await;
    assert_eq!(reply, (413, NO_BUFFER.into()));
}

/// A close with unread input would be a reset, in which clients may lose the reply.
#[tokio::test]
async fn a_client_that_sends_a_long_body_before_it_reads_is_not_reset() {
    let agent = start_agent();
    let mut stream = TcpStream::connect(agent).await.unwrap();
    let bytes = vote_of(&vec![b' '; BODY_MAX * 10]);
    for piece in bytes.chunks(1024) {
        stream.write_all(piece).await.unwrap();
        tokio::task::yield_now().await;
    }
    stream.shutdown().await.unwrap();
    let mut reply = String::new();
    stream.read_to_string(&mut reply).await.unwrap();
    assert!(reply.starts_with("HTTP/1.1 413 ") && reply.ends_with(NO_BUFFER), "{reply}");
}

#[tokio::test]
async fn a_body_that_is_announced_as_too_long_is_refused_before_it_comes() {
    let agent = start_agent();
    let head = format!("POST {} HTTP/1.1\r\nContent-Length: 65537\r\n\r\n", vote_path());
    let reply = exchange(agent, head.as_bytes()).await;
    assert_eq!((reply.status, reply.body.as_str()), (413, NO_BUFFER));
}

#[tokio::test]
async fn a_body_in_chunks_has_the_same_limit() {
    let agent = start_agent();
    let head = format!("POST {} HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", vote_path());
    let chunk = |body: &str| format!("{:x}\r\n{body}\r\n", body.len());
    let (start, end) = (vote_body()[..20].to_owned(), vote_body()[20..].to_owned());
    let good = format!("{head}{}{}0\r\n\r\n", chunk(&start), chunk(&end));
    assert_eq!(exchange(agent, good.as_bytes()).await.status, 200);
    let long = format!("{head}{}0\r\n\r\n", chunk(&" ".repeat(1000)).repeat(66));
    let reply = exchange(agent, long.as_bytes()).await;
    assert_eq!((reply.status, reply.body.as_str()), (413, NO_BUFFER));
    let empty = format!("{head}0\r\n\r\n");
    assert_eq!(exchange(agent, empty.as_bytes()).await.status, 411);
    let broken = format!("{head}zz\r\n");
    let reply = exchange(agent, broken.as_bytes()).await;
    assert_eq!((reply.status, reply.body.as_str()), (400, PARSE));
}

#[tokio::test]
async fn paths_that_try_to_be_clever_are_unknown() {
    let agent = start_agent();
    for path in [
        "/".to_owned(),
        "*".to_owned(),
        "/v1".to_owned(),
        "/v1/hosts".to_owned(),
        "/v1/hosts/".to_owned(),
        "/v2/hosts/x".to_owned(),
        "/etc/passwd".to_owned(),
        "/../../etc/passwd".to_owned(),
        format!("//v1/hosts/{HOST}"),
        format!("/V1/hosts/{HOST}"),
        format!("/v1/hosts/{HOST}/"),
        format!("/v1/./hosts/{HOST}"),
        format!("/v1/instances/../hosts/{HOST}"),
        format!("/v1/hosts/%2e%2e/hosts/{HOST}"),
        format!("/v1/hosts/{HOST}/disable/disable"),
        format!("/v1/hosts/{HOST}/../{HOST}"),
        format!("/v1/hosts/{HOST}%2fdisable"),
        format!("/v1/hosts/{HOST};a=b"),
        format!("/v1/hosts/{HOST}%00"),
        format!("/v1/hosts/{}", "a".repeat(20_000)),
    ] {
        let reply = ask(agent, "GET", &path, None).await;
        assert_eq!(reply, (404, NOT_FOUND.into()), "{path}");
    }
    let path = format!("/v1/instances/{INSTANCE}%00");
    assert_eq!(ask(agent, "GET", &path, None).await, (400, INVALID.into()));
    assert_eq!(ask(agent, "GET", &format!("/v1/hosts/{HOST}?a=/b"), None).await.0, 200);
    let absolute = format!("http://localhost:2410/v1/hosts/{HOST}");
    assert_eq!(ask(agent, "GET", &absolute, None).await.0, 200);
}

#[tokio::test]
async fn what_is_not_http_is_refused_and_closed() {
    let agent = start_agent();
    let get = format!("GET /v1/hosts/{HOST}");
    let huge = format!("{get} HTTP/1.1\r\nX: {}\r\n\r\n", "x".repeat(100_000));
    let many = format!("{get} HTTP/1.1\r\n{}\r\n", "X: x\r\n".repeat(200));
    let noise: [Vec<u8>; 16] = [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec(),
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(),
        b"\0\0\0\0\0\0\0\0\r\n\r\n".to_vec(),
        b"nonsense\r\n\r\n".to_vec(),
        b"GET /\r\n\r\n".to_vec(),
        format!("{get} HTTP/9.9\r\n\r\n").into_bytes(),
        format!("{get} HTTP/1.1\r\nno colon\r\n\r\n").into_bytes(),
        format!("{get} HTTP/1.1\r\nContent-Length: x\r\n\r\n").into_bytes(),
        format!("{get} HTTP/1.1\r\nContent-Length: -1\r\n\r\n").into_bytes(),
        format!("{get} HTTP/1.1\r\nContent-Length: {}\r\n\r\n", "9".repeat(30)).into_bytes(),
        format!("{get} HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n{{}}")
            .into_bytes(),
        format!("{get} HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n").into_bytes(),
        [b"GET /v1/hosts/\xff\xff", HOST.as_bytes(), b" HTTP/1.1\r\n\r\n"].concat(),
        format!("{get} x HTTP/1.1\r\n\r\n").into_bytes(),
        huge.into_bytes(),
        many.into_bytes(),
    ];
    for bytes in noise {
        let reply = String::from_utf8(exchange_raw(agent, &bytes).await).unwrap();
        let shown = String::from_utf8_lossy(&bytes[..bytes.len().min(80)]).into_owned();
        let is_refusal = reply.starts_with("HTTP/1.1 4") || reply.starts_with("HTTP/1.0 4");
        assert!(is_refusal || reply.is_empty(), "{shown}: {reply}");
    }
    assert_alive(agent).await;
}

#[tokio::test]
async fn of_two_requests_at_once_the_first_is_served() {
    let (agent, mut asked) = start(Limits::default());
    let twice = request("GET", &format!("/v1/instances/{INSTANCE}"), None).repeat(2);
    let client = tokio::spawn(async move { exchange(agent, &twice).await });
    next(&mut asked).await.reply.send(Ok(CommandReply::Pass)).unwrap();
    assert_eq!(client.await.unwrap().body, r#"{"status":"pass"}"#);
    // Another client's command comes next, not the second of the two.
    let path = format!("/v1/hosts/{HOST}");
    let client = tokio::spawn(async move { ask(agent, "DELETE", &path, None).await });
    let second = next(&mut asked).await;
    assert_eq!(second.command.method(), "DELETE");
    second.reply.send(Ok(CommandReply::Deleted)).unwrap();
    assert_eq!(client.await.unwrap().0, 204);
}

#[tokio::test]
async fn a_keep_alive_is_not_kept() {
    let agent = start_agent();
    let get = format!("GET /v1/hosts/{HOST} HTTP/1.1\r\nConnection: keep-alive\r\n\r\n");
    let reply = exchange(agent, get.as_bytes()).await;
    assert_eq!((reply.status, reply.header("connection")), (200, Some("close")));
    let old = format!("GET /v1/hosts/{HOST} HTTP/1.0\r\n\r\n");
    assert_eq!(exchange(agent, old.as_bytes()).await.status, 200);
}

#[tokio::test]
async fn a_body_may_come_after_its_head() {
    let agent = start_agent();
    let odd_query = format!("/v1/hosts/{HOST}/disable");
    for (method, path) in [("POST", vote_path()), ("GET", odd_query)] {
        let body = vote_body();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nContent-Length: {}\r\nExpect: 100-continue\r\n\r\n",
            body.len()
        );
        let mut stream = TcpStream::connect(agent).await.unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        // The agent has read the head: it asks for the body.
        let mut go_on = [0; b"HTTP/1.1 100 Continue\r\n\r\n".len()];
        stream.read_exact(&mut go_on).await.unwrap();
        stream.write_all(body.as_bytes()).await.unwrap();
        assert_eq!(read_reply(&mut stream).await.status, 200, "{method}");
    }
}

#[tokio::test]
async fn a_request_may_come_byte_by_byte() {
    let agent = start_agent();
    let mut stream = TcpStream::connect(agent).await.unwrap();
    stream.set_nodelay(true).unwrap();
    for byte in request("POST", &vote_path(), Some(&vote_body())) {
        stream.write_all(&[byte]).await.unwrap();
        tokio::task::yield_now().await;
    }
    assert_eq!(read_reply(&mut stream).await.status, 200);
}

#[tokio::test]
async fn a_client_that_has_finished_sending_is_answered() {
    let (agent, mut asked) = start(Limits::default());
    let mut stream = TcpStream::connect(agent).await.unwrap();
    stream.write_all(&request("POST", &vote_path(), Some(&vote_body()))).await.unwrap();
    stream.shutdown().await.unwrap();
    next(&mut asked).await.reply.send(Ok(CommandReply::Pass)).unwrap();
    assert_eq!(read_reply(&mut stream).await.status, 200);
}

#[tokio::test]
async fn half_a_request_is_no_command() {
    let (agent, mut asked) = start(Limits::default());
    let whole = request("POST", &vote_path(), Some(&vote_body()));
    let head = whole.windows(4).position(|end| end == b"\r\n\r\n").unwrap() + 4;
    for length in [0, 1, 10, head - 1, head, head + 1, whole.len() - 1] {
        let mut stream = TcpStream::connect(agent).await.unwrap();
        stream.write_all(&whole[..length]).await.unwrap();
        stream.shutdown().await.unwrap();
        let reply = String::from_utf8(read_all(&mut stream).await).unwrap();
        let is_answered = length >= head;
        assert_eq!(reply.starts_with("HTTP/1.1 400"), is_answered, "{length}: {reply}");
        assert_eq!(reply.ends_with(PARSE), is_answered, "{length}: {reply}");
    }
    assert!(asked.try_recv().is_err());
}

#[tokio::test]
async fn a_client_that_goes_away_harms_nobody() {
    let (agent, mut asked) = start(Limits::default());
    let mut stream = TcpStream::connect(agent).await.unwrap();
    stream.write_all(&request("POST", &vote_path(), Some(&vote_body()))).await.unwrap();
    let first = next(&mut asked).await;
    stream.set_zero_linger().unwrap();
    drop(stream);
    // Whether it is noticed in time is no matter.
    let _ = first.reply.send(Ok(CommandReply::Pass));
    let client = tokio::spawn(async move { ask(agent, "POST", &vote_path(), Some("{}")).await });
    assert_eq!(client.await.unwrap().0, 400);
}
