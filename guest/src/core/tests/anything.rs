//! What holds whatever scripts, applications and the host do, in any order.

use std::collections::BTreeSet;

use proptest::collection::vec;
use proptest::prelude::*;
use protocol::application::Message;
use protocol::channel::{EventType, GuestMessage, Health, NotificationType};

use super::machine::{Machine, exits, init};
use super::ms;
use crate::core::guest::{Input, Script};
use crate::core::{AppKey, ApplicationCrash, CONNECTIONS_MAX, ScriptEnd, Settings, State};

#[derive(Debug, Clone)]
enum Step {
    Connect,
    Down,
    Ask(EventType, NotificationType),
    Challenge,
    /// The script that was started last, or before it, ends.
    Ends(usize, u8),
    AppConnects,
    AppRegisters(usize),
    /// It answers its last challenge.
    AppAnswers(usize, Health),
    AppCloses(usize),
    AppBytes(usize, Vec<u8>),
    Reconfigure(Settings),
    Sleep(u64),
    Stall(u64),
}

fn settings() -> impl Strategy<Value = Settings> {
    let check = proptest::option::of(1u64..20);
    let crash = prop_oneof![
        Just(ApplicationCrash::Log),
        Just(ApplicationCrash::Action),
        Just(ApplicationCrash::Ignore)
    ];
    (check, any::<bool>(), crash).prop_map(|(secs, event_script, application_crash)| Settings {
        health_check: secs.map(std::time::Duration::from_secs),
        event_script,
        application_crash,
        ..Settings::default()
    })
}

fn step() -> impl Strategy<Value = Step> {
    let event = proptest::sample::select(EventType::ALL);
    let kind = proptest::sample::select(NotificationType::ALL);
    let app = 0usize..6;
    prop_oneof![
        3 => Just(Step::Connect),
        1 => Just(Step::Down),
        6 => (event, kind).prop_map(|(event, kind)| Step::Ask(event, kind)),
        4 => Just(Step::Challenge),
        6 => (0usize..2, any::<u8>()).prop_map(|(which, status)| Step::Ends(which, status)),
        3 => Just(Step::AppConnects),
        4 => app.clone().prop_map(Step::AppRegisters),
        4 => (app.clone(), proptest::sample::select(Health::ALL)).prop_map(|(a, h)| Step::AppAnswers(a, h)),
        2 => app.clone().prop_map(Step::AppCloses),
        1 => (app, vec(any::<u8>(), 0..500)).prop_map(|(a, bytes)| Step::AppBytes(a, bytes)),
        1 => settings().prop_map(Step::Reconfigure),
        8 => (0u64..6000).prop_map(Step::Sleep),
        2 => (0u64..20_000).prop_map(Step::Stall),
    ]
}

/// A machine, and the applications that are connected.
struct Run {
    machine: Machine,
    apps: Vec<u64>,
    next: u64,
    asked: usize,
    answered: usize,
}

impl Run {
    fn app(&self, index: usize) -> Option<u64> {
        self.apps.get(index % self.apps.len().max(1)).copied()
    }

    fn step(&mut self, step: Step) {
        let machine = &mut self.machine;
        match step {
            Step::Connect if machine.guest.state() == State::Disabled => machine.connect(),
            Step::Down => machine.input(Input::ChannelDown),
            Step::Ask(event, kind) => {
                self.asked += 1;
                machine.notify(event, kind);
            }
            Step::Challenge if machine.guest.state() == State::Enabled => {
                self.answered += machine.answers().len();
                machine.health();
            }
            Step::Connect | Step::Challenge => {}
            Step::Ends(which, status) => {
                let len = machine.running.len();
                if which < len {
                    let (run, _) = machine.running.remove(len - 1 - which);
                    machine.input(Input::ScriptEnded { run, end: exits(status, "because") });
                }
            }
            Step::AppConnects => {
                self.next += 1;
                self.apps.push(self.next);
                machine.input(Input::AppConnected(AppKey(self.next)));
            }
            Step::AppRegisters(index) => {
                if let Some(key) = self.app(index) {
                    self.machine.app(key, &Message::Init(init("app")));
                }
            }
            Step::AppAnswers(index, health) => {
                let Some(key) = self.app(index) else { return };
                if let Some(value) = self.machine.challenges(key).pop() {
                    self.machine.app_answers(key, value, health, "");
                }
            }
            Step::AppCloses(index) => {
                if let Some(key) = self.app(index) {
                    self.apps.retain(|app| *app != key);
                    self.machine.app_closes(key);
                }
            }
            Step::AppBytes(index, bytes) => {
                if let Some(key) = self.app(index) {
                    self.machine.input(Input::AppReceived(AppKey(key), &bytes));
                }
            }
            Step::Reconfigure(settings) => machine.reconfigure(settings),
            Step::Sleep(millis) => drop(machine.sleep(ms(millis))),
            Step::Stall(millis) => machine.stall(ms(millis)),
        }
    }

    fn check(&mut self) {
        let closed: BTreeSet<u64> = self.machine.closed.drain(..).collect();
        self.apps.retain(|app| !closed.contains(app));
        assert!(self.apps.len() <= CONNECTIONS_MAX);
        assert!(self.machine.guest.applications() <= self.apps.len().min(16));
        let running = &self.machine.running;
        let health = running.iter().filter(|(_, script)| *script == Script::Health).count();
        assert!(health <= 1 && running.len() - health <= 1, "{running:?}");
        let enabled = self.machine.guest.state() == State::Enabled;
        assert!(enabled || running.is_empty(), "a script runs for nobody: {running:?}");
        self.answered += self.machine.answers().len();
        assert!(self.answered <= self.asked, "an event is answered twice");
        if !self.machine.guest.state().eq(&State::Enabling) {
            self.machine.sent.retain(|message| !matches!(message, GuestMessage::Init(_)));
        }
    }
}

proptest! {
    #[test]
    fn any_sequence_keeps_the_rules_of_scripts_and_applications(
        first in settings(), steps in vec(step(), 1..100)
    ) {
        let machine = Machine::with(first);
        let mut run = Run { machine, apps: Vec::new(), next: 0, asked: 0, answered: 0 };
        for step in steps {
            run.step(step);
            run.check();
        }
        // Once nothing more goes wrong every question has its answer, and health is what is said.
        if run.machine.guest.state() == State::Disabled {
            run.machine.connect();
        }
        run.machine.reconfigure(Settings::default());
        for app in std::mem::take(&mut run.apps) {
            run.machine.app_closes(app);
        }
        while let Some((ended, _)) = run.machine.running.pop() {
            let end = ScriptEnd::Killed { signal: 9 };
            run.machine.input(Input::ScriptEnded { run: ended, end });
        }
        run.machine.sleep(ms(120_000));
        run.check();
        prop_assert!(run.machine.guest.state() != State::Enabled || run.machine.is_healthy());
    }
}
