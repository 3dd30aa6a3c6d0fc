//! The places of the connections that are served at once, and who gives way when all are taken.
//!
//! Whoever keeps a place by doing nothing must not keep the VIM out: while somebody waits for a place,
//! the connection that has waited longest for its client gives way, once it has had a fair time. One
//! whose request is being obeyed or answered never does.

use std::collections::BTreeMap;
use std::future::pending;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::task::yield_now;
use tokio::time::{Instant, sleep_until};

/// All places. One task at a time may [`Self::take`] one.
#[derive(Debug)]
pub(super) struct Places {
    free: Arc<Semaphore>,
    /// How long a connection keeps its place in any case.
    fair: Duration,
    idle: Mutex<Idle>,
    /// There is one more idle connection.
    news: Notify,
}

/// The connections that wait for their clients: since when, and how to end them.
#[derive(Debug, Default)]
struct Idle {
    next: u64,
    since: BTreeMap<(Instant, u64), oneshot::Sender<()>>,
}

/// A connection's place; free again when dropped.
#[derive(Debug)]
pub(super) struct Place {
    places: Arc<Places>,
    _permit: OwnedSemaphorePermit,
}

/// A connection waits for its client as long as this is there.
#[derive(Debug)]
pub(super) struct Patience {
    places: Arc<Places>,
    key: (Instant, u64),
}

impl Places {
    pub(super) fn new(count: usize, fair: Duration) -> Arc<Self> {
        let free = Arc::new(Semaphore::new(count));
        Arc::new(Self { free, fair, idle: Mutex::default(), news: Notify::new() })
    }

    /// A place, if one is free.
    pub(super) fn try_take(self: &Arc<Self>) -> Option<Place> {
        let permit = Arc::clone(&self.free).try_acquire_owned().ok()?;
        Some(Place { places: Arc::clone(self), _permit: permit })
    }

    /// Waits for a place; whether somebody gave way for it.
    pub(super) async fn take(self: &Arc<Self>) -> (Place, bool) {
        let mut gave_way = false;
        let permit = loop {
            let free = Arc::clone(&self.free).acquire_owned();
            let due = self.next_due().filter(|_| !gave_way);
            tokio::select! {
                biased;
                permit = free => break permit.expect("the semaphore is never closed"),
                () = sleep_until_some(due) => gave_way = self.end_first().await,
                () = self.news.notified() => {}
            }
        };
        (Place { places: Arc::clone(self), _permit: permit }, gave_way)
    }

    /// When the first of the idle has had its fair time.
    fn next_due(&self) -> Option<Instant> {
        self.idle().since.first_key_value().map(|((since, _), _)| *since + self.fair)
    }

    /// Ends the first that has had its time. Whatever has arrived for it is read before: this process
    /// may have been the one that was late.
    async fn end_first(&self) -> bool {
        yield_now().await;
        if self.next_due().is_none_or(|due| due > Instant::now()) {
            return false;
        }
        let first = self.idle().since.pop_first();
        first.is_some_and(|(_, end)| end.send(()).is_ok())
    }

    fn idle(&self) -> MutexGuard<'_, Idle> {
        // Nothing that is done with it can fail in between.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    /// From now on the connection waits for its client. The future comes when it has to give way; it
    /// never does once the patience has been dropped.
    pub(super) fn wait_for_client(&self) -> (Patience, impl Future<Output = ()> + use<>) {
        let (end, ended) = oneshot::channel();
        let mut idle = self.places.idle();
        let key = (Instant::now(), idle.next);
        idle.next += 1;
        idle.since.insert(key, end);
        drop(idle);
        self.places.news.notify_one();
        let gives_way = async {
            if ended.await.is_err() {
                pending::<()>().await;
            }
        };
        (Patience { places: Arc::clone(&self.places), key }, gives_way)
    }
}

impl Drop for Patience {
    fn drop(&mut self) {
        self.places.idle().since.remove(&self.key);
    }
}

async fn sleep_until_some(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at).await,
        None => pending().await,
    }
}
