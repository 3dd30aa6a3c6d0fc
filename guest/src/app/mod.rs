//! Programs in the guest register with the client as applications: they are asked how they are, and
//! whether they agree before something is done to the guest (docs/application-api.md).
//!
//! ```no_run
//! use std::time::Duration;
//! use guest_client::app::{Application, CorrectiveAction, SOCKET};
//!
//! # async fn program() -> Result<(), guest_client::app::Error> {
//! let mut app = Application::builder("database")
//!     .interval(Duration::from_secs(1))
//!     .corrective_action(CorrectiveAction::Log)
//!     .connect(SOCKET)
//!     .await?;
//! let health = app.health();
//! health.set_unhealthy(CorrectiveAction::Log, "warming up");
//! // ... and when it is warm:
//! health.set_healthy();
//! while let Some(question) = app.next().await {
//!     if question.is_vote() {
//!         question.reject("a backup runs");
//!     } else {
//!         question.accept();
//!     }
//! }
//! # Ok(())
//! # }
//! ```
//!
//! Challenges are answered by a task of the runtime that [`Builder::connect`] was called in: they tell
//! that the runtime runs, and what the health was last set to. [`command`] does the same for programs
//! that are scripts.

mod backoff;
mod builder;
pub mod command;
mod registration;
mod stand_in;

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

pub use builder::Builder;
pub use guest_application::HealthReport;
use protocol::application::{ActionNotify, ActionResponse, Init, LogText};
pub use protocol::channel::{CorrectiveAction, EventType, NotificationType};
use protocol::channel::{Notice, VoteResult};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;

/// The socket of every client.
pub const SOCKET: &str = "/var/run/.guest_heartbeat_api";

/// Why a program could not register.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The socket does not exist, nobody listens on it, or this user may not use it.
    #[error("the heartbeat client cannot be reached: {0}")]
    NotReached(#[from] io::Error),
    /// The interval is below 400 ms, or too many are registered.
    #[error("the heartbeat client refused: the interval is below 400 ms, or 16 are registered")]
    Refused,
    /// The client closed the connection, or said nothing for ten seconds.
    #[error("the heartbeat client did not answer")]
    NoAnswer,
}

/// A registered program. It stays registered, over restarts of the client too, until it deregisters.
/// One that is merely dropped closes without notice: to the client it has crashed.
#[derive(Debug)]
pub struct Application {
    questions: mpsc::Receiver<Question>,
    orders: mpsc::UnboundedSender<Order>,
    registered: watch::Receiver<bool>,
    health: Health,
    task: JoinHandle<()>,
}

/// What the registration's task is told to do.
#[derive(Debug)]
enum Order {
    Answer(ActionResponse),
    Deregister(LogText, oneshot::Sender<()>),
}

/// How the program says how it is. Clones are of the same program.
#[derive(Debug, Clone)]
pub struct Health(Arc<Mutex<HealthReport>>);

/// A vote or a notification. Dropped without an answer it is agreed to when its time is over.
#[derive(Debug)]
pub struct Question {
    notify: ActionNotify,
    time: Duration,
    orders: mpsc::UnboundedSender<Order>,
}

impl Application {
    /// A program of this name, with the defaults of [`Builder`].
    pub fn builder(name: &str) -> Builder {
        Builder::new(name)
    }

    /// The next vote or notification; `None` only if the runtime ends. Of more than 16 that nobody
    /// takes the later ones are left to silence, which agrees. Nothing is lost when this is dropped
    /// while it waits.
    pub async fn next(&mut self) -> Option<Question> {
        self.questions.recv().await
    }

    /// Says how the program is.
    pub fn health(&self) -> Health {
        self.health.clone()
    }

    /// Whether the client has it registered now.
    pub fn is_registered(&self) -> bool {
        *self.registered.borrow()
    }

    /// Waits until it is registered: after [`Builder::start`], or while the client restarts.
    pub async fn registered(&mut self) {
        // It fails only if the runtime ends.
        let _ = self.registered.wait_for(|registered| *registered).await;
    }

    /// Leaves on purpose, and says why.
    pub async fn deregister(self, why: &str) {
        let (said, done) = oneshot::channel();
        if self.orders.send(Order::Deregister(LogText::new(why), said)).is_ok() {
            // It fails only if the runtime ends.
            let _ = done.await;
        }
    }
}

impl Drop for Application {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Health {
    fn new() -> Self {
        Self(Arc::new(Mutex::new(HealthReport::healthy())))
    }

    /// All is well.
    pub fn set_healthy(&self) {
        self.set(HealthReport::healthy());
    }

    /// Something is wrong, what to do about it, and why.
    pub fn set_unhealthy(&self, corrective_action: CorrectiveAction, why: &str) {
        self.set(HealthReport::unhealthy(corrective_action, why));
    }

    fn set(&self, report: HealthReport) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = report;
    }

    fn get(&self) -> HealthReport {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Question {
    /// What it is about.
    pub fn event(&self) -> EventType {
        self.notify.event_type
    }

    /// Whether the program may say no. What is neither vote nor notification is none.
    pub fn is_vote(&self) -> bool {
        self.notify.notification_type == Some(NotificationType::Revocable)
    }

    /// How long the client waits for the answer.
    pub fn time(&self) -> Duration {
        self.time
    }

    /// Agrees to a vote; says of a notification that the program is prepared.
    pub fn accept(self) {
        let result = agreement(self.notify);
        self.answer(result, "");
    }

    /// Votes no. A notification cannot be averted; the reason reaches the log.
    pub fn reject(self, why: &str) {
        self.answer(VoteResult::Reject, why);
    }

    fn answer(self, vote_result: VoteResult, why: &str) {
        // It fails only if the program has deregistered: then nobody asks any more.
        let _ = self.orders.send(Order::Answer(answer_to(self.notify, vote_result, why)));
    }
}

/// The word for yes.
fn agreement(question: ActionNotify) -> VoteResult {
    match question.notification_type {
        Some(NotificationType::Revocable) => VoteResult::Accept,
        _ => VoteResult::Complete,
    }
}

fn answer_to(question: ActionNotify, vote_result: VoteResult, why: &str) -> ActionResponse {
    ActionResponse {
        invocation_id: question.invocation_id,
        event_type: question.event_type,
        notification_type: question.notification_type,
        vote_result,
        log_msg: LogText::new(why),
    }
}

/// How long the client waits for an answer to this.
fn time_for(question: ActionNotify, init: &Init) -> Duration {
    let kind = question.notification_type.unwrap_or(NotificationType::Revocable);
    let secs = match question.event_type.notice(kind) {
        Notice::Vote => init.vote_secs,
        Notice::Shutdown => init.shutdown_notice_secs,
        Notice::Suspend => init.suspend_notice_secs,
        Notice::Resume => init.resume_notice_secs,
    };
    Duration::from_secs(secs.into())
}
