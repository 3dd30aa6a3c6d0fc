//! The task that holds a program's registration: it answers challenges, carries questions and answers,
//! and registers again when the client restarts.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use guest_application::{Application as Core, Event};
use protocol::application::Init;
use tokio::io::Interest;
use tokio::net::UnixStream;
use tokio::sync::{mpsc, watch};

use super::backoff::Backoff;
use super::{Application, Error, Health, Order, Question, time_for};

/// Questions that wait for the program.
const QUESTIONS_MAX: usize = 16;
/// How long a client may take to say whether it takes the program.
const ANSWER: Duration = Duration::from_secs(10);
/// Bytes of one read.
const READ: usize = 4096;

/// A connection on which `init` was said.
#[derive(Debug)]
pub(super) struct Session {
    stream: UnixStream,
    core: Core,
}

impl Session {
    /// Connects and registers.
    pub(super) async fn open(path: &Path, init: &Init) -> Result<Self, Error> {
        let stream = UnixStream::connect(path).await?;
        let mut session = Self { stream, core: Core::default() };
        session.core.register(init.clone());
        match tokio::time::timeout(ANSWER, session.answered()).await {
            Ok(answered) => answered.map(|()| session),
            Err(_) => Err(Error::NoAnswer),
        }
    }

    async fn answered(&mut self) -> Result<(), Error> {
        loop {
            self.send()?;
            self.readable().await?;
            self.read();
            match self.core.poll_event() {
                Some(Event::Registered) => return Ok(()),
                Some(Event::Refused) => return Err(Error::Refused),
                Some(Event::ConnectionLost) => return Err(Error::NoAnswer),
                Some(Event::HealthQuestion { .. } | Event::Question(_)) | None => {}
            }
        }
    }

    async fn readable(&self) -> io::Result<()> {
        self.stream.ready(Interest::READABLE).await.map(drop)
    }

    /// Takes some of what there is to read.
    fn read(&mut self) {
        let mut buffer = [0; READ];
        match self.stream.try_read(&mut buffer) {
            Ok(0) => self.core.connection_lost(),
            Ok(count) => self.core.receive(&buffer[..count]),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(_) => self.core.connection_lost(),
        }
    }

    /// Sends what waits. A client that has not read for so long that there is no room for a frame is
    /// given up.
    fn send(&mut self) -> io::Result<()> {
        while let Some(frame) = self.core.poll_frame() {
            if self.stream.try_write(&frame)? != frame.len() {
                return Err(io::ErrorKind::WriteZero.into());
            }
        }
        Ok(())
    }
}

/// Whether a session is to be followed by another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Over {
    Lost,
    Deregistered,
}

/// What the task has.
#[derive(Debug)]
pub(super) struct Registration {
    path: PathBuf,
    init: Init,
    health: Health,
    questions: mpsc::Sender<Question>,
    orders: mpsc::UnboundedReceiver<Order>,
    /// For the questions.
    sender: mpsc::WeakUnboundedSender<Order>,
    registered: watch::Sender<bool>,
}

impl Registration {
    /// Starts the task, on a session if there is one already.
    pub(super) fn spawn(path: &Path, init: Init, session: Option<Session>) -> Application {
        let (questions, asked) = mpsc::channel(QUESTIONS_MAX);
        let (sender, orders) = mpsc::unbounded_channel();
        let (registered, state) = watch::channel(session.is_some());
        let health = Health::new();
        let registration = Self {
            path: path.to_owned(),
            init,
            health: health.clone(),
            questions,
            orders,
            sender: sender.downgrade(),
            registered,
        };
        let task = tokio::spawn(registration.live(session));
        Application { questions: asked, orders: sender, registered: state, health, task }
    }

    async fn live(mut self, first: Option<Session>) {
        let (mut session, mut backoff) = (first, Backoff::default());
        loop {
            if let Some(session) = session.take() {
                backoff = Backoff::default();
                self.registered.send_replace(true);
                let over = self.serve(session).await;
                self.registered.send_replace(false);
                if over == Over::Deregistered {
                    return;
                }
            }
            let next = tokio::select! {
                next = later(backoff.next(), &self.path, &self.init) => next,
                () = left(&mut self.orders) => return,
            };
            session = next;
        }
    }

    async fn serve(&mut self, mut session: Session) -> Over {
        loop {
            if self.deal(&mut session) == Some(Over::Lost) {
                return Over::Lost;
            }
            let order = tokio::select! {
                ready = session.readable() => match ready {
                    Ok(()) => {
                        session.read();
                        continue;
                    }
                    Err(_) => return Over::Lost,
                },
                order = self.orders.recv() => order,
            };
            match order {
                // It fails only without a connection.
                Some(Order::Answer(answer)) => drop(session.core.answer(answer)),
                Some(Order::Deregister(why, said)) => {
                    // A client that cannot be told any more has to find out by itself.
                    let _ = session.core.deregister(why);
                    let _ = session.send();
                    drop(session);
                    let _ = said.send(());
                    return Over::Deregistered;
                }
                None => return Over::Deregistered,
            }
        }
    }

    /// Answers what it can, asks the program the rest, and sends what came of it.
    fn deal(&mut self, session: &mut Session) -> Option<Over> {
        while let Some(event) = session.core.poll_event() {
            match event {
                Event::Registered => {}
                Event::Refused | Event::ConnectionLost => return Some(Over::Lost),
                Event::HealthQuestion { challenge } => {
                    session.core.answer_health(challenge, self.health.get());
                }
                Event::Question(notify) => {
                    let time = time_for(notify, &self.init);
                    let orders = self.sender.upgrade()?;
                    // A program that takes none of its questions agrees by its silence.
                    let _ = self.questions.try_send(Question { notify, time, orders });
                }
            }
        }
        session.send().err().map(|_| Over::Lost)
    }
}

/// The next session, after a wait. Whatever there is none for now may be another time.
async fn later(wait: Duration, path: &Path, init: &Init) -> Option<Session> {
    tokio::time::sleep(wait).await;
    Session::open(path, init).await.ok()
}

/// Waits until the program leaves. What it answers without a session nobody asks any more.
async fn left(orders: &mut mpsc::UnboundedReceiver<Order>) {
    while let Some(Order::Answer(_)) = orders.recv().await {}
}
