//! Clients that are slow, many or both, and a core that is.

use std::sync::Arc;
use std::time::Duration;

use guest_agent::shell::receiver::{Limits, Refusals};
use protocol::vim::CommandReply;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::receiver::{
    HOST, INSTANCE, ask, count, exchange, next, read_all, read_reply, request, start, start_agent,
    start_counting,
};

/// Long enough for a request on a busy machine, short enough to wait for.
const SHORT: Duration = Duration::from_millis(300);
const NEVER: Duration = Duration::from_hours(1);
const BUSY: &str = r#"{"status":"fail","reason":"bad state"}"#;

fn query() -> Vec<u8> {
    request("GET", &format!("/v1/instances/{INSTANCE}"), None)
}

/// No limit but those that a test sets.
fn unlimited() -> Limits {
    Limits {
        connections: 64,
        fair: NEVER,
        receive: NEVER,
        answer: NEVER,
        whole: NEVER,
        linger: NEVER,
    }
}

fn raise_descriptor_limit() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit).unwrap();
}

#[tokio::test]
async fn a_client_that_says_nothing_is_cut_off() {
    let (agent, _asked) = start(Limits { receive: SHORT, ..unlimited() });
    let mut stream = TcpStream::connect(agent).await.unwrap();
    assert_eq!(read_all(&mut stream).await, b"");
}

#[tokio::test]
async fn a_client_that_does_not_finish_its_headers_is_cut_off() {
    let (agent, _asked) = start(Limits { receive: SHORT, ..unlimited() });
    let mut stream = TcpStream::connect(agent).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n").await.unwrap();
    assert_eq!(read_all(&mut stream).await, b"");
}

#[tokio::test]
async fn a_client_that_does_not_send_its_body_is_told_and_cut_off() {
    let limits = Limits { receive: SHORT, linger: SHORT, ..unlimited() };
    let (agent, mut asked) = start(limits);
    let path = format!("/v1/instances/{INSTANCE}/vote");
    for body in ["", "{"] {
        let head = format!("POST {path} HTTP/1.1\r\nContent-Length: 10\r\n\r\n{body}");
        let mut stream = TcpStream::connect(agent).await.unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        let reply = read_reply(&mut stream).await;
        assert_eq!(reply.status, 408);
        assert_eq!(reply.body, r#"{"status":"fail","reason":"no buffer"}"#);
    }
    assert!(asked.try_recv().is_err());
}

#[tokio::test]
async fn a_core_that_does_not_answer_in_time_is_busy() {
    let (agent, mut asked) = start(Limits { answer: SHORT, ..unlimited() });
    let client = tokio::spawn(async move {
        let mut stream = TcpStream::connect(agent).await.unwrap();
        stream.write_all(&query()).await.unwrap();
        read_reply(&mut stream).await
    });
    let forgotten = next(&mut asked).await;
    let reply = client.await.unwrap();
    assert_eq!((reply.status, reply.body.as_str()), (503, BUSY));
    assert!(forgotten.reply.is_closed(), "the core can see that nobody waits");
}

#[tokio::test]
async fn a_core_that_is_gone_is_busy() {
    let (agent, asked) = start(unlimited());
    drop(asked);
    let path = format!("/v1/instances/{INSTANCE}");
    assert_eq!(ask(agent, "GET", &path, None).await, (503, BUSY.into()));
}

#[tokio::test]
async fn a_core_that_forgets_a_command_is_busy() {
    let (agent, mut asked) = start(unlimited());
    let path = format!("/v1/instances/{INSTANCE}");
    let client = tokio::spawn(async move { ask(agent, "GET", &path, None).await });
    drop(next(&mut asked).await);
    assert_eq!(client.await.unwrap(), (503, BUSY.into()));
}

#[tokio::test]
async fn no_connection_lasts_for_ever() {
    let (agent, mut asked) = start(Limits { whole: SHORT, ..unlimited() });
    let mut stream = TcpStream::connect(agent).await.unwrap();
    stream.write_all(&query()).await.unwrap();
    let _unanswered = next(&mut asked).await;
    assert_eq!(read_all(&mut stream).await, b"");
}

#[tokio::test]
async fn a_client_that_does_not_close_gives_its_place_up() {
    let (agent, mut asked) = start(Limits { connections: 1, linger: SHORT, ..unlimited() });
    let mut streams = Vec::new();
    for _ in 0..3 {
        let mut stream = TcpStream::connect(agent).await.unwrap();
        stream.write_all(&query()).await.unwrap();
        next(&mut asked).await.reply.send(Ok(CommandReply::Pass)).unwrap();
        assert_eq!(read_reply(&mut stream).await.status, 200);
        streams.push(stream);
    }
}

/// All 200 requests are in the agent's sockets when the first is answered, and each answer lets one
/// more in; were there no limit, they would all be waiting by then.
#[tokio::test]
async fn no_more_clients_are_served_at_once_than_allowed() {
    const CLIENTS: usize = 200;
    const AT_ONCE: usize = 4;
    let (agent, mut asked) = start(Limits { connections: AT_ONCE, ..unlimited() });
    let mut streams = Vec::new();
    for _ in 0..CLIENTS {
        let mut stream = TcpStream::connect(agent).await.unwrap();
        stream.write_all(&query()).await.unwrap();
        streams.push(stream);
    }
    let clients: Vec<_> = streams
        .into_iter()
        .map(|mut stream| tokio::spawn(async move { read_reply(&mut stream).await.status }))
        .collect();
    let mut held = Vec::new();
    for _ in 0..CLIENTS {
        held.push(next(&mut asked).await);
        if held.len() == AT_ONCE {
            assert!(asked.is_empty(), "a command beyond the {AT_ONCE} that are held");
            held.remove(0).reply.send(Ok(CommandReply::Pass)).unwrap();
        }
    }
    for last in held {
        last.reply.send(Ok(CommandReply::Pass)).unwrap();
    }
    for client in clients {
        assert_eq!(client.await.unwrap(), 200);
    }
}

#[tokio::test]
async fn a_thousand_clients_are_all_served() {
    raise_descriptor_limit();
    let agent = start_agent();
    let path = format!("/v1/hosts/{HOST}");
    let mut streams = Vec::new();
    for _ in 0..1000 {
        let mut stream = TcpStream::connect(agent).await.unwrap();
        stream.write_all(&request("GET", &path, None)).await.unwrap();
        streams.push(stream);
    }
    for mut stream in streams {
        assert_eq!(read_reply(&mut stream).await.status, 200);
    }
}

/// Nobody is cut off for being slow here: those who came first give way.
#[tokio::test]
async fn behind_a_thousand_clients_that_say_nothing_the_vim_has_its_turn() {
    raise_descriptor_limit();
    let limits = Limits { fair: Duration::from_millis(10), ..unlimited() };
    let refusals = Arc::<Refusals>::default();
    let (agent, mut asked) = start_counting(limits, Arc::clone(&refusals));
    let mut idle = Vec::new();
    for _ in 0..1000 {
        idle.push(TcpStream::connect(agent).await.unwrap());
    }
    let path = format!("/v1/instances/{INSTANCE}");
    let client = tokio::spawn(async move { ask(agent, "GET", &path, None).await });
    next(&mut asked).await.reply.send(Ok(CommandReply::Pass)).unwrap();
    assert_eq!(client.await.unwrap().0, 200);
    let gave_way = idle.len() - limits.connections;
    for stream in &mut idle[..gave_way] {
        assert_eq!(read_all(stream).await, b"");
    }
    assert!(count(&refusals, "connections_gave_way") >= u64::try_from(gave_way).unwrap());
}

#[tokio::test]
async fn half_a_request_gives_way_too() {
    let limits = Limits { connections: 1, fair: SHORT, ..unlimited() };
    let (agent, mut asked) = start(limits);
    let path = format!("/v1/instances/{INSTANCE}/vote");
    let head = format!("POST {path} HTTP/1.1\r\nContent-Length: 10\r\n\r\n{{");
    let mut half = TcpStream::connect(agent).await.unwrap();
    half.write_all(head.as_bytes()).await.unwrap();
    let client = tokio::spawn(async move { exchange(agent, &query()).await.status });
    next(&mut asked).await.reply.send(Ok(CommandReply::Pass)).unwrap();
    assert_eq!(client.await.unwrap(), 200);
    assert_eq!(read_all(&mut half).await, b"");
}

#[tokio::test]
async fn who_was_answered_and_does_not_close_gives_way() {
    let limits = Limits { connections: 1, fair: SHORT, ..unlimited() };
    let (agent, mut asked) = start(limits);
    let mut streams = Vec::new();
    for _ in 0..3 {
        let mut stream = TcpStream::connect(agent).await.unwrap();
        stream.write_all(&query()).await.unwrap();
        next(&mut asked).await.reply.send(Ok(CommandReply::Pass)).unwrap();
        assert_eq!(read_reply(&mut stream).await.status, 200);
        streams.push(stream);
    }
}

#[tokio::test]
async fn who_is_being_obeyed_does_not_give_way() {
    let limits = Limits { connections: 1, fair: Duration::ZERO, ..unlimited() };
    let refusals = Arc::<Refusals>::default();
    let (agent, mut asked) = start_counting(limits, Arc::clone(&refusals));
    let first = tokio::spawn(async move { exchange(agent, &query()).await.status });
    let command = next(&mut asked).await;
    let second = tokio::spawn(async move { exchange(agent, &query()).await.status });
    while count(&refusals, "connections_waited") == 0 {
        tokio::task::yield_now().await;
    }
    for _ in 0..1000 {
        tokio::task::yield_now().await;
    }
    assert!(asked.try_recv().is_err(), "the second one's turn has not come");
    command.reply.send(Ok(CommandReply::Pass)).unwrap();
    assert_eq!(first.await.unwrap(), 200);
    next(&mut asked).await.reply.send(Ok(CommandReply::Pass)).unwrap();
    assert_eq!(second.await.unwrap(), 200);
}
