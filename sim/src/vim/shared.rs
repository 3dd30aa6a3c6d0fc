//! What the event server, the driver and their user share.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use protocol::vim::{VimCommand, VimRequest};
use tokio::sync::{mpsc, watch};

use super::record::{Log, Record, What};
use super::view::{Reaction, View};
use super::{Manner, Settings};
use crate::clock;

/// Whether connections are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Presence {
    Here,
    Away { until: Option<Instant> },
}

/// What changes.
#[derive(Debug)]
pub(super) struct State {
    pub(super) view: View,
    pub(super) log: Log,
    pub(super) agent: Option<SocketAddr>,
    /// Of the next requests, one each; then the general one holds again.
    pub(super) manners: VecDeque<Manner>,
}

#[derive(Debug)]
pub(super) struct Shared {
    pub(super) settings: Settings,
    state: Arc<Mutex<State>>,
    pub(super) manner: watch::Sender<Manner>,
    pub(super) presence: watch::Sender<Presence>,
    pub(super) listening: watch::Sender<bool>,
    /// The number that the next record will have.
    news: watch::Sender<u64>,
    corrections: mpsc::UnboundedSender<VimCommand>,
}

impl Shared {
    pub(super) fn new(
        mut settings: Settings,
        corrections: mpsc::UnboundedSender<VimCommand>,
    ) -> Self {
        let state = State {
            view: std::mem::take(&mut settings.view),
            log: Log::default(),
            agent: settings.agent,
            manners: VecDeque::new(),
        };
        Self {
            settings,
            state: Arc::new(Mutex::new(state)),
            manner: watch::Sender::default(),
            presence: watch::Sender::new(Presence::Here),
            listening: watch::Sender::new(true),
            news: watch::Sender::new(0),
            corrections,
        }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    pub(super) fn record(&self, what: What) {
        self.publish(&mut self.state(), what);
    }

    fn publish(&self, state: &mut State, what: What) {
        state.log.push(clock::now(), what);
        self.news.send_replace(state.log.next());
    }

    /// Takes a request: the manner and the body of its answer.
    pub(super) fn take(&self, request: VimRequest) -> (Manner, Option<Vec<u8>>) {
        let mut state = self.state();
        let manner = state.manners.pop_front().unwrap_or(*self.manner.borrow());
        let Reaction { answer, consequence, correction } =
            if manner.takes() { state.view.handle(&request) } else { Reaction::REFUSED };
        self.publish(&mut state, What::Request { request, consequence, manner });
        if let Some(correction) = correction.filter(|_| self.settings.corrects) {
            // It is heard as long as the VIM is.
            let _ = self.corrections.send(correction);
        }
        (manner, answer)
    }

    /// The records from this number on, and those to come.
    pub(super) fn records(&self, since: u64) -> Records {
        Records { state: Arc::clone(&self.state), news: self.news.subscribe(), next: since }
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    // Whoever panicked with it did so after the change was whole: nothing in between can fail.
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Records as they come.
#[derive(Debug)]
pub struct Records {
    state: Arc<Mutex<State>>,
    news: watch::Receiver<u64>,
    next: u64,
}

impl Records {
    /// The next record, if it is there already.
    pub fn try_next(&mut self) -> Option<Record> {
        self.try_find(&mut |_| true)
    }

    /// The next record; `None` once the VIM has ended and all were read.
    pub async fn next(&mut self) -> Option<Record> {
        self.find(|_| true).await
    }

    /// The next record that is looked for; those before it are passed over.
    pub async fn find(&mut self, mut wanted: impl FnMut(&Record) -> bool) -> Option<Record> {
        loop {
            self.news.borrow_and_update();
            if let Some(record) = self.try_find(&mut wanted) {
                return Some(record);
            }
            if self.news.changed().await.is_err() {
                return self.try_find(&mut wanted);
            }
        }
    }

    fn try_find(&mut self, wanted: &mut impl FnMut(&Record) -> bool) -> Option<Record> {
        let state = lock(&self.state);
        let found = state.log.since(self.next).find(|record| wanted(record)).cloned();
        self.next = found.as_ref().map_or(state.log.next(), |record| record.number + 1);
        found
    }
}
