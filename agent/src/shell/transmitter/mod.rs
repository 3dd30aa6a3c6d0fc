//! The event transmitter: requests to the VIM's event server, and what became of each.
//!
//! The event server handles one connection at a time, and its normal answer to an event is to close
//! without a byte (docs/protocol.md, "VIM REST"). So each request has a connection of its own, which
//! is opened when there is something to send and closed after it; the core sees to it that there is
//! only one at a time. Nothing is repeated here: what to do about an [`Outcome`] is the core's
//! decision.

use std::error::Error;
use std::str::FromStr;
use std::time::Duration;

use protocol::vim::{AGENT_USER_AGENT, VimRequest};
use reqwest::header::{ACCEPT, CONNECTION, CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::redirect::Policy;
use reqwest::{Client, Method, Response, Url};

use crate::core::Outcome;

/// What one request may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Until the VIM accepts the connection: after that long it certainly did not get the request.
    pub connect: Duration,
    /// The whole request with its reply.
    pub whole: Duration,
    /// Bytes of a reply that are read; the rest is left.
    pub reply: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            whole: Duration::from_secs(20),
            reply: 4 * 1024 * 1024,
        }
    }
}

/// Why there can be no transmitter.
#[derive(Debug, thiserror::Error)]
pub enum TransmitterError {
    /// The address of the VIM's event server cannot be used.
    #[error("{0:?} is no address of the VIM's event server; one looks like http://127.0.0.1:30002")]
    Address(String),
    /// The HTTP client could not be made.
    #[error("cannot make an HTTP client")]
    Client(#[source] reqwest::Error),
}

/// Sends requests to the VIM.
#[derive(Debug, Clone)]
pub struct Transmitter {
    client: Client,
    base: Url,
    reply_max: usize,
}

impl Transmitter {
    /// `base_url`: the event server, such as `http://127.0.0.1:30002`. Nothing is connected yet.
    pub fn new(base_url: &str, limits: Limits) -> Result<Self, TransmitterError> {
        let base = Url::parse(base_url).ok().filter(|url| url.scheme() == "http");
        let base = base.ok_or_else(|| TransmitterError::Address(base_url.to_owned()))?;
        let client = client(limits).map_err(TransmitterError::Client)?;
        Ok(Self { client, base, reply_max: limits.reply })
    }

    /// Sends one request. It ends within the limits whatever the VIM does.
    pub async fn send(&self, request: &VimRequest) -> Outcome {
        let (url, method) = (self.base.join(&request.path()), Method::from_str(request.method()));
        // Neither can fail: a uuid has nothing that would break a path.
        let (Ok(url), Ok(method)) = (url, method) else { return Outcome::NotSent };
        let mut http = self.client.request(method, url);
        if let Some(body) = request.body() {
            http = http.body(body);
        }
        match http.send().await {
            Ok(reply) => self.replied(reply).await,
            Err(error) => {
                let outcome = outcome(&error);
                tracing::debug!(?outcome, error = chain(&error), "no reply of the VIM");
                outcome
            }
        }
    }

    /// A reply has no length: it ends when the VIM closes, or resets, or takes too long. What was
    /// read until then is what it said.
    async fn replied(&self, mut reply: Response) -> Outcome {
        let status = reply.status().as_u16();
        let mut body = Vec::new();
        while let Ok(Some(piece)) = reply.chunk().await {
            let room = self.reply_max - body.len();
            body.extend_from_slice(&piece[..piece.len().min(room)]);
            if body.len() == self.reply_max {
                break;
            }
        }
        Outcome::Replied { status, body }
    }
}

fn client(limits: Limits) -> reqwest::Result<Client> {
    let json = HeaderValue::from_static("application/json");
    let headers = [
        (ACCEPT, json.clone()),
        (CONTENT_TYPE, json),
        (CONNECTION, HeaderValue::from_static("close")),
    ];
    Client::builder()
        .user_agent(AGENT_USER_AGENT)
        .default_headers(HeaderMap::from_iter(headers))
        .no_proxy()
        .redirect(Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .pool_max_idle_per_host(0)
        .connect_timeout(limits.connect)
        .timeout(limits.whole)
        .build()
}

/// What a request without a reply came to. The first [`hyper::Error`] of the chain tells; those
/// below it are how it came about and may say the opposite: a request that was never begun because
/// the VIM closed is "canceled", and below that "incomplete message".
fn outcome(error: &(dyn Error + 'static)) -> Outcome {
    if error.downcast_ref().is_some_and(reqwest::Error::is_connect) {
        return Outcome::NotSent;
    }
    match causes(error).find_map(|cause| cause.downcast_ref::<hyper::Error>()) {
        Some(error) if error.is_incomplete_message() => Outcome::Closed,
        Some(error) if error.is_canceled() || error.is_closed() || was_writing(error) => {
            Outcome::NotSent
        }
        _ => Outcome::Unknown,
    }
}

/// Whether the request could not be written to its end. There is no predicate for this, and its
/// cause looks like that of a failed read; a test notices if the words change. If they did, the
/// outcome would be [`Outcome::Unknown`].
fn was_writing(error: &hyper::Error) -> bool {
    error.to_string() == "error writing a body to connection"
}

fn chain(error: &(dyn Error + 'static)) -> String {
    causes(error).map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// The error itself and all that is below it.
fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error| (*error).source())
}

#[cfg(test)]
mod tests;
