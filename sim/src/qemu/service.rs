//! The farm on a thread of its own, and the handle that commands it.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::Instant;

use guest_client::core::State;
use protocol::InstanceId;
use rustix::event::{EventfdFlags, eventfd};
use rustix::fd::OwnedFd;

use super::farm::Farm;
use super::{Error, Plan, QemuAct, Summary};
use crate::guest::Act;

/// Fake QEMUs that are served until this is dropped; then their files are gone as well. Machines
/// are named by their index in the [`Plan`].
pub struct FakeQemus {
    plan: Plan,
    waker: Arc<OwnedFd>,
    work: Sender<Work>,
    thread: Option<JoinHandle<io::Result<()>>>,
}

/// What the thread is asked to do; `false` ends it.
type Work = Box<dyn FnOnce(&mut Farm) -> bool + Send>;

impl FakeQemus {
    /// Makes the channels of a plan and serves them. They are all there when it returns.
    pub fn start(plan: Plan) -> Result<Self, Error> {
        plan.check()?;
        let failed = |error: io::Error| Error::Sockets { dir: plan.dir.clone(), error };
        let flags = EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK;
        let waker = Arc::new(eventfd(0, flags).map_err(|error| failed(error.into()))?);
        let (work, to_do) = channel();
        let (ready, is_ready) = channel();
        let (planned, woken) = (plan.clone(), Arc::clone(&waker));
        let thread = std::thread::Builder::new()
            .name("fake-qemus".into())
            .spawn(move || run(&planned, &woken, &ready, &to_do))
            .map_err(failed)?;
        is_ready.recv().expect("the thread says how it went").map_err(failed)?;
        Ok(Self { plan, waker, work, thread: Some(thread) })
    }

    /// What was asked for.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The uuid of a machine.
    pub fn id(&self, index: usize) -> InstanceId {
        self.plan.id(index)
    }

    /// The socket that hosts connect to.
    pub fn channel_path(&self, index: usize) -> PathBuf {
        self.plan.channel_path(index)
    }

    /// The socket for a real guest client, if the plan has them.
    pub fn device_path(&self, index: usize) -> Option<PathBuf> {
        self.plan.device_path(index)
    }

    /// QMP `stop`.
    pub fn stop(&self, index: usize) {
        self.qemu(index, QemuAct::Stop);
    }

    /// QMP `cont`.
    pub fn cont(&self, index: usize) {
        self.qemu(index, QemuAct::Cont);
    }

    /// SIGKILL: the file stays.
    pub fn kill(&self, index: usize) {
        self.qemu(index, QemuAct::Kill);
    }

    /// A clean end: the file is removed.
    pub fn quit(&self, index: usize) {
        self.qemu(index, QemuAct::Quit);
    }

    /// Started again, with a new file.
    pub fn restart(&self, index: usize) {
        self.qemu(index, QemuAct::Start);
    }

    /// Makes a scripted guest do this.
    pub fn act(&self, index: usize, act: Act) {
        self.ask(move |farm| farm.guest_act(index, act));
    }

    /// What happened so far.
    pub fn summary(&self) -> Summary {
        self.ask(|farm| farm.summary()).unwrap_or_default()
    }

    /// Whether a host is connected to this machine's channel.
    pub fn has_host(&self, index: usize) -> bool {
        self.ask(move |farm| farm.has_host(index)).unwrap_or(false)
    }

    /// Whether a program in the guest has the port open: with a device directory, whether a client
    /// is connected.
    pub fn guest_is_open(&self, index: usize) -> bool {
        self.ask(move |farm| farm.guest_is_open(index)).unwrap_or(false)
    }

    /// Where the client of a scripted guest stands; `None` while its program does not run.
    pub fn guest_state(&self, index: usize) -> Option<State> {
        self.ask(move |farm| farm.guest(index)?.state())?
    }

    /// When a guest that [`Act::Mute`] silenced did not answer for the first time.
    pub fn first_unanswered(&self, index: usize) -> Option<Instant> {
        self.ask(move |farm| farm.guest(index)?.first_unanswered())?
    }

    /// Ends them all and removes their files. An error is one that ended the thread before.
    pub fn finish(mut self) -> io::Result<Summary> {
        let summary = self.summary();
        self.end().map(|()| summary)
    }

    fn end(&mut self) -> io::Result<()> {
        self.tell(Box::new(|_| false));
        match self.thread.take().map(JoinHandle::join) {
            Some(Ok(result)) => result,
            Some(Err(_)) => Err(io::Error::other("the thread of the fake QEMUs panicked")),
            None => Ok(()),
        }
    }

    fn qemu(&self, index: usize, act: QemuAct) {
        // That a QEMU cannot start shows in its file not being there.
        self.ask(move |farm| drop(farm.qemu_act(index, act)));
    }

    /// Has the thread do this and waits for the result; `None` if the thread has ended.
    fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&mut Farm) -> T + Send + 'static,
    ) -> Option<T> {
        let (reply, answer) = channel();
        self.tell(Box::new(move |farm| reply.send(question(farm)).is_ok()));
        answer.recv().ok()
    }

    fn tell(&self, work: Work) {
        // If the thread has ended nobody answers, which the caller sees.
        let _ = self.work.send(work);
        let _ = rustix::io::write(&*self.waker, &1_u64.to_ne_bytes());
    }
}

impl Drop for FakeQemus {
    fn drop(&mut self) {
        // Nobody is left to be told.
        let _ = self.end();
    }
}

fn run(
    plan: &Plan,
    waker: &OwnedFd,
    ready: &Sender<io::Result<()>>,
    to_do: &Receiver<Work>,
) -> io::Result<()> {
    let made = Farm::new(waker).and_then(|mut farm| farm.populate(plan).map(|()| farm));
    let (made, farm) = match made {
        Ok(farm) => (Ok(()), Some(farm)),
        Err(error) => (Err(error), None),
    };
    // Whoever started this waits for it.
    let _ = ready.send(made);
    farm.map_or(Ok(()), |mut farm| serve(&mut farm, to_do))
}

fn serve(farm: &mut Farm, to_do: &Receiver<Work>) -> io::Result<()> {
    loop {
        while let Ok(work) = to_do.try_recv() {
            if !work(farm) {
                return Ok(());
            }
        }
        farm.turn()?;
    }
}
