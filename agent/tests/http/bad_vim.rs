//! A VIM that is away, broken or slow: what each request came to.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use guest_agent::core::Outcome;
use guest_agent::shell::transmitter::Limits;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use crate::vim::{Vim, alarm, receive, transmitter};

/// Long enough for a request on a busy machine, short enough to wait for.
const SHORT: Duration = Duration::from_millis(300);

async fn outcome_of<F: Future<Output = ()>>(script: impl FnOnce(TcpStream) -> F) -> Outcome {
    Vim::start(Limits::default()).await.outcome_of(&alarm(), script).await
}

/// What a VIM comes to that answers with these bytes and closes.
async fn outcome_of_reply(bytes: &[u8]) -> Outcome {
    outcome_of(async |mut stream| {
        receive(&mut stream).await;
        stream.write_all(bytes).await.unwrap();
    })
    .await
}

fn replied(status: u16, body: &[u8]) -> Outcome {
    Outcome::Replied { status, body: body.to_vec() }
}

#[tokio::test]
async fn closing_without_a_byte_is_success() {
    assert_eq!(outcome_of_reply(b"").await, Outcome::Closed);
}

#[tokio::test]
async fn a_body_ends_where_the_vim_closes() {
    assert_eq!(outcome_of_reply(b"HTTP/1.0 200 OK\r\n\r\n{}").await, replied(200, b"{}"));
    assert_eq!(outcome_of_reply(b"HTTP/1.0 200 OK\r\n\r\n").await, replied(200, b""));
    assert_eq!(outcome_of_reply(b"HTTP/1.1 204 No Content\r\n\r\n").await, replied(204, b""));
}

#[tokio::test]
async fn what_came_before_a_reset_is_kept() {
    let outcome = outcome_of(async |mut stream| {
        receive(&mut stream).await;
        stream.write_all(b"HTTP/1.0 200 OK\r\n\r\n{\"a\":1}").await.unwrap();
        stream.set_zero_linger().unwrap();
    });
    assert_eq!(outcome.await, replied(200, b"{\"a\":1}"));
}

#[tokio::test]
async fn a_body_that_is_shorter_than_announced_is_kept() {
    let outcome = outcome_of_reply(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf").await;
    assert_eq!(outcome, replied(200, b"half"));
}

#[tokio::test]
async fn a_body_in_chunks_is_read() {
    let outcome = outcome_of_reply(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{\"\r\n5\r\na\":1}\r\n0\r\n\r\n",
    );
    assert_eq!(outcome.await, replied(200, b"{\"a\":1}"));
}

#[tokio::test]
async fn an_error_of_the_vim_is_a_reply() {
    for status in [400, 404, 500, 503] {
        let reply = format!("HTTP/1.0 {status} Oops\r\n\r\n<html>");
        assert_eq!(outcome_of_reply(reply.as_bytes()).await, replied(status, b"<html>"));
    }
}

#[tokio::test]
async fn a_vim_that_does_not_listen_did_not_get_it() {
    let vim = Vim::start(Limits::default()).await;
    drop(vim.listener);
    assert_eq!(vim.transmitter.send(&alarm()).await, Outcome::NotSent);
}

/// Its one place is taken; the kernel answers nothing to who comes next.
#[tokio::test]
async fn a_vim_that_does_not_accept_did_not_get_it() {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).unwrap();
    let listener = socket.listen(0).unwrap();
    let _first = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let limits = Limits { connect: SHORT, ..Limits::default() };
    assert_eq!(transmitter(&listener, limits).send(&alarm()).await, Outcome::NotSent);
}

#[tokio::test]
async fn a_vim_that_closes_on_an_unread_request_may_have_got_it() {
    let outcome = outcome_of(async |stream| {
        // It is there, and stays there.
        stream.peek(&mut [0]).await.unwrap();
    });
    assert_eq!(outcome.await, Outcome::Unknown);
}

#[tokio::test]
async fn a_vim_that_resets_in_the_middle_of_the_request_may_have_got_it() {
    let outcome = outcome_of(async |mut stream| {
        stream.read_exact(&mut [0; 20]).await.unwrap();
        stream.set_zero_linger().unwrap();
    });
    assert_eq!(outcome.await, Outcome::Unknown);
}

#[tokio::test]
async fn a_vim_that_resets_after_the_request_may_have_got_it() {
    let outcome = outcome_of(async |mut stream| {
        receive(&mut stream).await;
        stream.set_zero_linger().unwrap();
    });
    assert_eq!(outcome.await, Outcome::Unknown);
}

#[tokio::test]
async fn a_vim_that_never_answers_may_have_got_it() {
    let vim = Vim::start(Limits { whole: SHORT, ..Limits::default() }).await;
    let script = async |mut stream: TcpStream| {
        receive(&mut stream).await;
        // The agent gives up and closes.
        stream.read_to_end(&mut Vec::new()).await.unwrap();
    };
    assert_eq!(vim.outcome_of(&alarm(), script).await, Outcome::Unknown);
}

#[tokio::test]
async fn a_vim_that_never_closes_has_answered() {
    let vim = Vim::start(Limits { whole: SHORT, ..Limits::default() }).await;
    let script = async |mut stream: TcpStream| {
        receive(&mut stream).await;
        stream.write_all(b"HTTP/1.0 200 OK\r\n\r\n{\"a\"").await.unwrap();
        let _ = stream.read_to_end(&mut Vec::new()).await;
    };
    assert_eq!(vim.outcome_of(&alarm(), script).await, replied(200, b"{\"a\""));
}

#[tokio::test]
async fn a_reply_without_end_is_read_up_to_its_limit() {
    let vim = Vim::start(Limits { reply: 100_000, ..Limits::default() }).await;
    let script = async |mut stream: TcpStream| {
        receive(&mut stream).await;
        stream.write_all(b"HTTP/1.0 200 OK\r\n\r\n").await.unwrap();
        // Until the agent closes.
        while stream.write_all(&[b'x'; 4096]).await.is_ok() {}
    };
    assert_eq!(vim.outcome_of(&alarm(), script).await, replied(200, &vec![b'x'; 100_000]));
}

#[tokio::test]
async fn a_slow_reply_is_read_to_its_end() {
    let outcome = outcome_of(async |mut stream| {
        receive(&mut stream).await;
        stream.set_nodelay(true).unwrap();
        for byte in b"HTTP/1.0 200 OK\r\n\r\n{\"a\":1}" {
            stream.write_all(&[*byte]).await.unwrap();
            tokio::task::yield_now().await;
        }
    });
    assert_eq!(outcome.await, replied(200, b"{\"a\":1}"));
}

#[tokio::test]
async fn garbage_says_nothing_about_the_request() {
    let huge = format!("HTTP/1.0 200 OK\r\nX: {}\r\n\r\n", "x".repeat(1_000_000));
    let garbage: [&[u8]; 5] = [
        b"nonsense\r\n\r\n",
        b"\0\xff\0\xff\0\xff\0\xff\r\n\r\n",
        b"HTTP/1.0 xyz OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
        huge.as_bytes(),
    ];
    for bytes in garbage {
        let outcome = outcome_of(async |mut stream| {
            receive(&mut stream).await;
            // The agent may close before it has read all.
            let _ = stream.write_all(bytes).await;
        });
        assert_eq!(outcome.await, Outcome::Unknown, "{:?}", &bytes[..bytes.len().min(60)]);
    }
}
