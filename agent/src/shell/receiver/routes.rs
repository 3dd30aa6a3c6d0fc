//! From a request to its reply: the warp filter.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::{Stream, StreamExt};
use protocol::vim::{
    CommandReply, Reason, RestError, VimCommand, allowed_methods, check_user_agent,
};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout, timeout_at};
use warp::http::header::{ALLOW, CONTENT_LENGTH, CONTENT_TYPE, USER_AGENT};
use warp::http::{HeaderMap, HeaderValue, Method, Response, StatusCode};
use warp::path::FullPath;
use warp::{Buf, Filter, Rejection, Reply};

use super::places::Patience;
use super::{Asked, Refusals};

/// Longest body that is read.
const BODY_MAX: usize = 64 * 1024;
/// Characters of a path that are logged.
const LOGGED_MAX: usize = 128;
/// The core does not answer: it is ending or overloaded. 503.
pub(super) const BUSY: RestError = RestError { status: 503, reason: Reason::BadState };
/// The body did not come in time. 408.
pub(super) const TOO_SLOW: RestError = RestError { status: 408, reason: Reason::NoBuffer };

/// What the filters of all connections share.
#[derive(Clone)]
pub(super) struct Routes {
    commands: mpsc::Sender<Asked>,
    /// How long the core may take.
    answer: Duration,
    pub(super) refusals: Arc<Refusals>,
}

/// What a connection grants its one request.
#[derive(Clone)]
struct Request {
    by: Instant,
    patience: Arc<Mutex<Option<Patience>>>,
}

/// Why there is no command or no good answer, on its way to [`refusal`].
#[derive(Debug)]
struct Refusal(RestError, &'static [&'static str]);

impl warp::reject::Reject for Refusal {}

impl Routes {
    pub(super) fn new(
        commands: mpsc::Sender<Asked>,
        answer: Duration,
        refusals: Arc<Refusals>,
    ) -> Self {
        Self { commands, answer, refusals }
    }

    /// Every method and path there is; `by`: when the body must have come. The `patience` with the
    /// client ends when the request is there.
    pub(super) fn filter(
        self,
        by: Instant,
        patience: Patience,
    ) -> impl Filter<Extract = (impl Reply,), Error = Infallible> + Clone + Send + Sync + 'static
    {
        let patience = Arc::new(Mutex::new(Some(patience)));
        warp::any()
            .map(move || (self.clone(), Request { by, patience: Arc::clone(&patience) }))
            .untuple_one()
            .and(warp::method())
            .and(warp::path::full())
            .and(warp::header::headers_cloned())
            .and(warp::body::stream())
            .and_then(Self::answer)
            .recover(|rejection| std::future::ready(Ok::<_, Infallible>(refusal(&rejection))))
    }

    async fn answer(
        self,
        request: Request,
        method: Method,
        path: FullPath,
        headers: HeaderMap,
        body: impl Stream<Item = Result<impl Buf, warp::Error>>,
    ) -> Result<impl Reply, Rejection> {
        let command = async {
            admit(&headers)?;
            let body = timeout_at(request.by, read(body)).await.map_err(|_| TOO_SLOW)??;
            VimCommand::decode(method.as_str(), path.as_str(), &body)
        };
        let command = command.await;
        request.is_there();
        let reply = match command {
            Ok(command) => self.ask(command).await,
            Err(error) => Err(error),
        };
        match reply {
            Ok(reply) => Ok(json(reply.status(), reply.body())),
            Err(error) => {
                self.count(error, &method, path.as_str());
                Err(warp::reject::custom(Refusal(error, allowed_methods(path.as_str()))))
            }
        }
    }

    /// An answer that comes too late is none: the core sees that nobody waits.
    async fn ask(&self, command: VimCommand) -> Result<CommandReply, RestError> {
        let (reply, answer) = oneshot::channel();
        let asked = async {
            self.commands.send(Asked { command, reply }).await.ok()?;
            answer.await.ok()
        };
        timeout(self.answer, asked).await.ok().flatten().unwrap_or(Err(BUSY))
    }

    fn count(&self, error: RestError, method: &Method, path: &str) {
        let refused = self.refusals.refuse(error);
        let path: String = path.chars().take(LOGGED_MAX).collect();
        if refused.is_power_of_two() {
            tracing::info!(%error, %method, path, refused, "refused a request of the VIM");
        } else {
            tracing::debug!(%error, %method, path, refused, "refused a request of the VIM");
        }
    }
}

impl Request {
    fn is_there(&self) {
        // Nothing that is done with it can fail in between.
        drop(self.patience.lock().unwrap_or_else(PoisonError::into_inner).take());
    }
}

/// What the headers alone decide. Of a body that is announced as too long nothing is read.
fn admit(headers: &HeaderMap) -> Result<(), RestError> {
    for name in headers.get_all(USER_AGENT) {
        check_user_agent(Some(name.as_bytes()))?;
    }
    let length = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok());
    match length.and_then(|length| length.parse::<usize>().ok()) {
        Some(length) if length > BODY_MAX => Err(RestError::TOO_LARGE),
        _ => Ok(()),
    }
}

/// The whole body; half a body, or one whose chunks make no sense, is not understood.
async fn read(
    body: impl Stream<Item = Result<impl Buf, warp::Error>>,
) -> Result<Vec<u8>, RestError> {
    let mut body = pin!(body);
    let mut read = Vec::new();
    while let Some(piece) = body.next().await {
        let mut piece = piece.map_err(|_| RestError::PARSE)?;
        if read.len() + piece.remaining() > BODY_MAX {
            return Err(RestError::TOO_LARGE);
        }
        read.extend_from_slice(&piece.copy_to_bytes(piece.remaining()));
    }
    Ok(read)
}

/// Anything but a [`Refusal`] would be a filter of warp's own that gave up.
fn refusal(rejection: &Rejection) -> Response<Vec<u8>> {
    let Refusal(error, allowed) = rejection.find().unwrap_or(&Refusal(BUSY, &[]));
    let mut reply = json(error.status, Some(error.body()));
    if *error == RestError::METHOD_NOT_ALLOWED
        && let Ok(methods) = HeaderValue::from_str(&allowed.join(", "))
    {
        reply.headers_mut().insert(ALLOW, methods);
    }
    reply
}

fn json(status: u16, body: Option<Vec<u8>>) -> Response<Vec<u8>> {
    let has_body = body.is_some();
    let mut reply = Response::new(body.unwrap_or_default());
    *reply.status_mut() =
        StatusCode::from_u16(status).expect("the statuses of the protocol are between 200 and 503");
    if has_body {
        reply.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    }
    reply
}
