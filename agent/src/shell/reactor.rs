//! The loop: wait, hand in what happened, carry out what is wanted.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use daemon::{Background, Notifier, PidFile, Signals, clock, log, random};
use protocol::datagram::Command;
use protocol::vim::VimRequest;
use tokio::sync::mpsc::{self, Sender};
use tokio::time::sleep_until;

use super::links::{Links, Received};
use super::receiver::{self, Asked, Refusals};
use super::status::{self, Summary};
use super::transmitter::{self, Transmitter};
use crate::config::{Config, read_hosts};
use crate::core::{GuestAgent, Input, Outcome, Output};

/// Datagrams that wait for the loop; more wait in the sockets.
const RECEIVED_MAX: usize = 1024;
/// Datagrams that are handed in before something else has its turn.
const RECEIVED_AT_ONCE: usize = 64;
/// Commands of the VIM that wait for the loop; as many as there may be connections.
const COMMANDS_MAX: usize = 64;

struct Reactor {
    core: GuestAgent,
    links: Links,
    refusals: Arc<Refusals>,
    transmitter: Transmitter,
    outcomes: Sender<Outcome>,
    source: String,
    hosts: Option<PathBuf>,
    started: Instant,
    status_file: PathBuf,
    encoded: Vec<u8>,
}

/// Serves until a signal ends it.
pub(super) async fn run(config: Config, background: Background) -> anyhow::Result<()> {
    let mut signals = Signals::new()?;
    let (received_in, mut received) = mpsc::channel(RECEIVED_MAX);
    let (outcomes_in, mut outcomes) = mpsc::channel(1);
    let (commands_in, mut commands) = mpsc::channel(COMMANDS_MAX);
    let listener = receiver::listen(config.listen_vim).with_context(|| {
        let address = config.listen_vim;
        format!(
            "cannot listen on {address} for the VIM; does another guestAgent run? (--listen-vim)"
        )
    })?;
    tracing::info!(address = %listener.local_addr()?, "listening for the VIM");
    let links = Links::open(&config, &received_in)?;
    let mut reactor = Reactor::new(&config, links, outcomes_in)?;
    reactor.read_hosts()?;
    let refusals = Arc::clone(&reactor.refusals);
    tokio::spawn(receiver::serve(listener, commands_in, receiver::Limits::default(), refusals));
    let _pid_file = PidFile::write(&config.common.pid_file, config.common.pid_file_needed)?;
    background.ready()?;
    let mut notifier = Notifier::from_environment(clock::now());
    notifier.ready();
    let sleep = sleep_until(clock::now().into());
    tokio::pin!(sleep);
    let mut batch = Vec::with_capacity(RECEIVED_AT_ONCE);
    loop {
        reactor.carry_out();
        notifier.turned(clock::now, || Summary::of(&reactor.core));
        let wake = reactor.next_wake(notifier.next_wake()).into();
        if sleep.deadline() != wake {
            sleep.as_mut().reset(wake);
        }
        tokio::select! {
            1.. = received.recv_many(&mut batch, RECEIVED_AT_ONCE) => {
                batch.drain(..).for_each(|datagram| reactor.receive(&datagram));
            }
            Some(asked) = commands.recv() => reactor.obey(asked),
            Some(outcome) = outcomes.recv() => reactor.hand_in(Input::Vim(outcome)),
            () = &mut sleep => reactor.core.handle_deadline(clock::now()),
            asked = signals.next() => match asked {
                daemon::Asked::End => break,
                daemon::Asked::Anew => reactor.hang_up(),
                daemon::Asked::Status => reactor.write_status(),
            },
        }
    }
    notifier.stopping();
    tracing::info!("ended by a signal");
    Ok(())
}

impl Reactor {
    fn new(config: &Config, links: Links, outcomes: Sender<Outcome>) -> anyhow::Result<Self> {
        let base = format!("http://{}", config.vim);
        let started = clock::now();
        Ok(Self {
            core: GuestAgent::new(started, random::system()),
            links,
            refusals: Arc::default(),
            transmitter: Transmitter::new(&base, transmitter::Limits::default())?,
            outcomes,
            source: config.source.clone(),
            hosts: config.hosts.clone(),
            started,
            status_file: config.common.status_file.clone(),
            encoded: Vec::new(),
        })
    }

    fn next_wake(&self, notifier: Option<Instant>) -> Instant {
        let far = || clock::now() + Duration::from_hours(1);
        self.core.next_deadline().into_iter().chain(notifier).min().unwrap_or_else(far)
    }

    fn hand_in(&mut self, input: Input<'_>) {
        self.core.handle(clock::now(), input);
    }

    fn receive(&mut self, received: &Received) {
        match received {
            Received::Host(from, bytes) => self.hand_in(Input::Datagram { from: *from, bytes }),
            Received::Maintenance(from, bytes) => {
                self.hand_in(Input::Maintenance { from: *from, bytes });
            }
            Received::MaintenanceIsAt(address) => self.hand_in(Input::MaintenanceIsAt(*address)),
        }
    }

    /// A command whose connection has given up must not be obeyed: the VIM was told that it failed.
    fn obey(&mut self, asked: Asked) {
        if !asked.reply.is_closed() {
            let reply = self.core.command(clock::now(), asked.command);
            // If the connection gives up now, the audit shows the VIM what is true.
            let _ = asked.reply.send(reply);
        }
    }

    fn carry_out(&mut self) {
        while let Some(output) = self.core.poll_output() {
            match output {
                Output::Command { to, host, command } => {
                    command.encode_marked(&self.source, host.as_str(), &mut self.encoded);
                    self.links.send(to, &self.encoded);
                }
                Output::Acknowledge { to, id } => {
                    Command::encode_acknowledgement(id, &self.source, &mut self.encoded);
                    self.links.send(to, &self.encoded);
                }
                Output::AskInventory => self.links.ask_inventory(),
                Output::Vim(request) => self.send_to_vim(request),
                Output::Note { about, note, held_back } => {
                    log::note(about, None, &note, note.is_warning(), held_back);
                }
            }
        }
    }

    fn send_to_vim(&self, request: VimRequest) {
        let (transmitter, outcomes) = (self.transmitter.clone(), self.outcomes.clone());
        tokio::spawn(async move {
            let outcome = transmitter.send(&request).await;
            // Nobody waits any more when the daemon ends.
            let _ = outcomes.send(outcome).await;
        });
    }

    fn hang_up(&mut self) {
        log::reopen();
        if let Err(error) = self.read_hosts() {
            tracing::error!("{error:#}; going on with the hosts as they are");
        }
    }

    fn read_hosts(&mut self) -> anyhow::Result<()> {
        if let Some(path) = &self.hosts {
            let hosts = read_hosts(path)?;
            self.hand_in(Input::HostsFile(hosts));
        }
        Ok(())
    }

    fn write_status(&mut self) {
        let uptime = clock::now() - self.started;
        let text = status::text(&self.core, uptime, self.links.not_sent(), &self.refusals);
        daemon::status::write(&self.status_file, &text);
    }
}
