//! A fake that serves real sockets: a thread with a reactor of its own, and the answers that it
//! owes its user, who may wait for them with or without a reactor.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::thread::JoinHandle;

use tokio::runtime::{Builder, EnterGuard, Handle};
use tokio::sync::oneshot;

/// The thread. Dropping it ends all that runs there and closes its sockets.
#[derive(Debug)]
pub(crate) struct Background {
    handle: Handle,
    end: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Background {
    pub(crate) fn start(name: &str) -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let (end, ended) = oneshot::channel();
        let thread = std::thread::Builder::new().name(name.to_owned()).spawn(move || {
            // An error is a handle that was dropped: that ends it as well.
            let _ = runtime.block_on(ended);
        })?;
        Ok(Self { handle, end: Some(end), thread: Some(thread) })
    }

    /// Sockets that are made under this guard belong to the thread.
    pub(crate) fn enter(&self) -> EnterGuard<'_> {
        self.handle.enter()
    }

    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.handle.spawn(task);
    }

    /// Does this on the thread and hands out what comes of it.
    pub(crate) fn call<T: Send + 'static, E: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, E>> + Send + 'static,
    ) -> Call<T, E> {
        let (reply, call) = oneshot::channel();
        self.spawn(async move {
            // Nobody need wait for it.
            let _ = reply.send(work.await);
        });
        Call(call)
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        drop(self.end.take());
        if let Some(thread) = self.thread.take() {
            // It panics only where a task did, which was printed.
            let _ = thread.join();
        }
    }
}

/// Something that is being done: await it, or [`wait`](Self::wait) for it where there is no
/// reactor. It is done in any case, also if this is dropped.
#[derive(Debug)]
pub struct Call<T, E>(oneshot::Receiver<Result<T, E>>);

/// The fake was dropped before the answer was there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the fake has ended meanwhile")]
pub struct Ended;

impl<T, E: From<Ended>> Call<T, E> {
    /// Blocks until it is done; not to be used in an async function (it panics there).
    pub fn wait(self) -> Result<T, E> {
        self.0.blocking_recv().unwrap_or_else(|_| Err(Ended.into()))
    }
}

impl<T, E: From<Ended>> Future for Call<T, E> {
    type Output = Result<T, E>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let answer = Pin::new(&mut self.0).poll(context);
        answer.map(|answer| answer.unwrap_or_else(|_| Err(Ended.into())))
    }
}
