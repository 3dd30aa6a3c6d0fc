//! Everything that is refused or cut off is counted by its reason.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use guest_agent::shell::receiver::{Limits, Refusals};

use crate::receiver::{
    HOST, INSTANCE, count, exchange, exchange_raw, request, start_agent_counting, start_counting,
};

/// Long enough for a request on a busy machine, short enough to wait for.
const SHORT: Duration = Duration::from_millis(300);

/// An agent and its counts.
fn counting(limits: Limits) -> (SocketAddr, Arc<Refusals>) {
    let refusals = Arc::<Refusals>::default();
    (start_agent_counting(limits, Arc::clone(&refusals)), refusals)
}

/// Every count that is not zero.
fn counted(refusals: &Refusals) -> Vec<(&'static str, u64)> {
    refusals.named().filter(|(_, count)| *count > 0).collect()
}

#[tokio::test]
async fn every_refusal_is_counted_by_its_reason() {
    let (instance, host) = (format!("/v1/instances/{INSTANCE}"), format!("/v1/hosts/{HOST}"));
    let vote = format!("{instance}/vote");
    let body = |key: &str| format!(r#"{{"uuid":"{INSTANCE}","hostname":"compute-0",{key}}}"#);
    let bad_state = body(r#""services":[{"service":"heartbeat","state":"on"}]"#);
    let create = body(r#""services":["heartbeat"]"#).replace("compute-0", "compute-9");
    let bad_action = body(r#""action":"dance""#);
    let too_long = format!("POST {vote} HTTP/1.1\r\nContent-Length: 65537\r\n\r\n");
    let stranger = format!("GET {host} HTTP/1.1\r\nUser-Agent: curl/8.5.0\r\n\r\n");
    for (bytes, status, name) in [
        (request("POST", &vote, Some("{")), 400, "refused_400_parse_error"),
        (request("POST", &vote, Some(&bad_action)), 400, "refused_400_invalid_data"),
        (request("PATCH", &instance, Some(&bad_state)), 400, "refused_400_bad_state"),
        (request("POST", &instance, Some(&create)), 400, "refused_400_unknown_host"),
        (stranger.into_bytes(), 403, "refused_403"),
        (request("GET", "/v1/hosts", None), 404, "refused_404"),
        (request("BREW", &host, None), 405, "refused_405"),
        (request("POST", &vote, None), 411, "refused_411"),
        (too_long.into_bytes(), 413, "refused_413"),
    ] {
        let (agent, refusals) = counting(Limits::default());
        assert_eq!(counted(&refusals), []);
        assert_eq!(exchange(agent, &bytes).await.status, status, "{name}");
        assert_eq!(counted(&refusals), [(name, 1)]);
    }
}

#[tokio::test]
async fn a_body_that_does_not_come_is_counted() {
    let (agent, refusals) = counting(Limits { receive: SHORT, ..Limits::default() });
    let head = format!("POST /v1/hosts/{HOST} HTTP/1.1\r\nContent-Length: 10\r\n\r\n");
    assert_eq!(exchange(agent, head.as_bytes()).await.status, 408);
    assert_eq!(counted(&refusals), [("refused_408", 1)]);
}

#[tokio::test]
async fn a_core_that_is_gone_is_counted() {
    let refusals = Arc::<Refusals>::default();
    let (agent, asked) = start_counting(Limits::default(), Arc::clone(&refusals));
    drop(asked);
    let reply = exchange(agent, &request("GET", &format!("/v1/hosts/{HOST}"), None)).await;
    assert_eq!((reply.status, count(&refusals, "refused_503")), (503, 1));
}

#[tokio::test]
async fn what_is_no_request_at_all_is_counted() {
    let (agent, refusals) = counting(Limits { receive: SHORT, ..Limits::default() });
    for (bytes, name) in [
        (b"nonsense\r\n\r\n".as_slice(), "connections_not_http"),
        (b"GET /v1/hosts HTTP/1.1\r\nHo", "connections_too_slow"),
        (b"", "connections_too_slow"),
    ] {
        let before = count(&refusals, name);
        exchange_raw(agent, bytes).await;
        assert_eq!(count(&refusals, name), before + 1, "{name}");
    }
}

#[tokio::test]
async fn a_good_request_is_not_counted() {
    let (agent, refusals) = counting(Limits::default());
    let reply = exchange(agent, &request("GET", &format!("/v1/hosts/{HOST}"), None)).await;
    assert_eq!((reply.status, counted(&refusals)), (200, Vec::new()));
}
