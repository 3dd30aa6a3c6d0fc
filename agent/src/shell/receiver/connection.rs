//! One connection: one request, one reply, and a close that lets the reply arrive.

use std::sync::Arc;

use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

use super::Limits;
use super::places::{Patience, Place};
use super::refusals::Cut;
use super::routes::Routes;

/// Bytes of request line and headers together; a token of the VIM may be several thousand long.
const HEAD_MAX: usize = 64 * 1024;
/// Bytes that are thrown away after the reply, so that it is not lost in a reset.
const UNREAD_MAX: u64 = 1024 * 1024;

/// Serves a client, whatever it does, for a limited time.
pub(super) async fn serve(mut stream: TcpStream, routes: Routes, limits: Limits, place: Place) {
    let (patience, gives_way) = place.wait_for_client();
    tokio::select! {
        biased;
        is_answered = exchange(&mut stream, routes, limits, patience) => if !is_answered { return },
        () = gives_way => return tracing::debug!("client cut off: others wait for its place"),
    }
    let (_patience, gives_way) = place.wait_for_client();
    tokio::select! {
        // Closing with unread input resets the connection and may destroy the reply on its way.
        _ = timeout(limits.linger, discard(&mut stream)) => {}
        () = gives_way => {}
    }
}

/// Reads the request and writes the reply. `false` if there is no point in waiting for its arrival.
async fn exchange(
    stream: &mut TcpStream,
    routes: Routes,
    limits: Limits,
    patience: Patience,
) -> bool {
    let refusals = Arc::clone(&routes.refusals);
    let filter = routes.filter(Instant::now() + limits.receive, patience);
    let service = TowerToHyperService::new(warp::service(filter));
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.receive)
        .keep_alive(false)
        .half_close(true)
        .max_header_size(HEAD_MAX)
        .max_buf_size(HEAD_MAX)
        .serve_connection(TokioIo::new(stream), service);
    match timeout(limits.whole, served).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) if error.is_timeout() => {
            refusals.cut(Cut::TooSlow);
            tracing::debug!(%error, "client cut off");
            return false;
        }
        Ok(Err(error)) if error.is_parse() => {
            refusals.cut(Cut::NotHttp);
            tracing::debug!(%error, "not a request");
        }
        Ok(Err(error)) => tracing::debug!(%error, "the connection broke"),
        Err(_) => {
            refusals.cut(Cut::TooSlow);
            tracing::debug!("client cut off: it does not take its reply");
            return false;
        }
    }
    true
}

async fn discard(stream: &mut TcpStream) -> std::io::Result<u64> {
    stream.shutdown().await?;
    tokio::io::copy(&mut stream.take(UNREAD_MAX), &mut tokio::io::sink()).await
}
