//! What real sockets cannot be made to do on demand: errors at a chosen moment.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::*;

/// A connection that fails in one way.
#[derive(Debug, Clone, Copy)]
enum Broken {
    /// The VIM closed before the request was begun.
    ClosedBefore,
    /// The same by a reset.
    ResetBefore,
    /// Nothing can be written.
    Write(io::ErrorKind),
}

impl AsyncRead for Broken {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        _: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match *self {
            Self::ClosedBefore => Poll::Ready(Ok(())),
            Self::ResetBefore => Poll::Ready(Err(io::ErrorKind::ConnectionReset.into())),
            Self::Write(_) => Poll::Pending,
        }
    }
}

impl AsyncWrite for Broken {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match *self {
            Self::Write(kind) => Poll::Ready(Err(kind.into())),
            _ => Poll::Ready(Ok(bytes.len())),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

async fn error_of(broken: Broken) -> hyper::Error {
    let (mut sender, connection) = http1::handshake(TokioIo::new(broken)).await.unwrap();
    let request = hyper::Request::new("body".to_owned());
    // The request waits when the connection is first looked at, as reqwest does it.
    let reply = sender.send_request(request);
    tokio::join!(reply, connection).0.unwrap_err()
}

#[tokio::test]
async fn a_request_that_was_not_begun_was_not_sent() {
    for broken in [Broken::ClosedBefore, Broken::ResetBefore] {
        let error = error_of(broken).await;
        assert!(error.is_canceled(), "{error:?}");
        assert_eq!(outcome(&error), Outcome::NotSent, "{broken:?}");
    }
}

#[tokio::test]
async fn a_request_that_could_not_be_written_was_not_sent() {
    for kind in [io::ErrorKind::BrokenPipe, io::ErrorKind::ConnectionReset] {
        let error = error_of(Broken::Write(kind)).await;
        assert_eq!(outcome(&error), Outcome::NotSent, "{error:?}");
    }
}

/// The cause of "canceled" is "incomplete message", which alone would mean the opposite.
#[tokio::test]
async fn only_the_outermost_error_counts() {
    let error = error_of(Broken::ClosedBefore).await;
    let below = causes(&error).skip(1).find_map(|cause| cause.downcast_ref::<hyper::Error>());
    assert!(below.is_some_and(hyper::Error::is_incomplete_message), "{error:?}");
    assert_eq!(outcome(&error), Outcome::NotSent);
}
