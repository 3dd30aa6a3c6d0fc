//! One connection: one request, one reply, and a close that lets the reply arrive.

use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

use super::Limits;
use super::routes::Routes;

/// Bytes of request line and headers together; a token of the VIM may be several thousand long.
const HEAD_MAX: usize = 64 * 1024;
/// Bytes that are thrown away after the reply, so that it is not lost in a reset.
const UNREAD_MAX: u64 = 1024 * 1024;

/// Serves a client, whatever it does, for a limited time.
pub(super) async fn serve(mut stream: TcpStream, routes: Routes, limits: Limits) {
    let filter = routes.filter(Instant::now() + limits.receive);
    let service = TowerToHyperService::new(warp::service(filter));
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.receive)
        .keep_alive(false)
        .half_close(true)
        .max_header_size(HEAD_MAX)
        .max_buf_size(HEAD_MAX)
        .serve_connection(TokioIo::new(&mut stream), service);
    match timeout(limits.whole, served).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) if error.is_timeout() => return tracing::debug!(%error, "client cut off"),
        Ok(Err(error)) => tracing::debug!(%error, "not a request"),
        Err(_) => return tracing::debug!("client cut off: it does not take its reply"),
    }
    // Closing with unread input resets the connection and may destroy the reply on its way.
    let _ = timeout(limits.linger, discard(&mut stream)).await;
}

async fn discard(stream: &mut TcpStream) -> std::io::Result<u64> {
    stream.shutdown().await?;
    tokio::io::copy(&mut stream.take(UNREAD_MAX), &mut tokio::io::sink()).await
}
