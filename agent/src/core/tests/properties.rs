//! Whatever happens, in whatever order: what the core promises its shell, the VIM and the servers.
//! One request at a time and no deadline in the past are checked by [`Controller`] at every step.

use std::collections::BTreeMap;

use proptest::collection::vec;
use proptest::prelude::*;

use protocol::channel::{CorrectiveAction, EventType, NotificationType, VoteResult};
use protocol::datagram::{Event, Host, MaintenanceCommand};
use protocol::vim::{CommandReply, VimCommand, VimEvent};

use super::super::Input;
use super::controller::{
    Controller, Known, MAINTENANCE, Mood, address, entry, host_id, host_name, id, number_of, secs,
};

const HOSTS: u64 = 3;
const INSTANCES: u64 = 4;

#[derive(Debug, Clone)]
enum Step {
    Run(u64),
    Stall(u64),
    Command(VimCommand),
    Event { host: u64, number: u64, what: What, copies: usize },
    Datagram(u64, Vec<u8>),
    Server { host: u64, number: u64, known: Option<Known> },
    Restart { host: u64, is_ours: bool },
    Inventory { uuid: u64, name: u64, ip: u64 },
    Delete(u64),
    File(Vec<u64>),
    Garbage(Vec<u8>),
    Mood(Mood, u64),
    Loss(u32),
}

#[derive(Debug, Clone, Copy)]
enum What {
    Ready,
    Running,
    Stopped,
    Ill(CorrectiveAction),
    Loss,
    Query,
    Answer(EventType, NotificationType, VoteResult),
}

fn instance() -> impl Strategy<Value = u64> {
    1..=INSTANCES
}

/// One more than there are servers.
fn host() -> impl Strategy<Value = u64> {
    1..=HOSTS + 1
}

/// Where something happens to an instance; mostly where it is at home.
fn place() -> impl Strategy<Value = Option<u64>> {
    prop_oneof![4 => Just(None), 1 => host().prop_map(Some)]
}

fn home_of(number: u64) -> u64 {
    1 + number % HOSTS
}

fn action() -> impl Strategy<Value = EventType> {
    proptest::sample::select(&EventType::ALL[..2])
}

fn command() -> impl Strategy<Value = VimCommand> {
    (0..16_u8, instance(), place(), any::<bool>(), action()).prop_map(
        |(which, number, place, on, action)| {
            let host = place.unwrap_or(home_of(number));
            let (uuid, hostname) = (id(number), host_name(host));
            match which {
                0 => VimCommand::HostCreate { uuid: host_id(host), hostname },
                1 => VimCommand::HostEnable { uuid: host_id(host), hostname },
                2 => VimCommand::HostDisable { uuid: host_id(host), hostname },
                3 => VimCommand::HostQuery { uuid: host_id(host) },
                4 => VimCommand::HostDelete { uuid: on.then(|| host_id(host)) },
                5 => VimCommand::InstanceCreate { uuid, hostname },
                6 => VimCommand::InstanceQuery { uuid },
                7 => VimCommand::InstanceDelete { uuid },
                8..=10 => VimCommand::Vote { uuid, hostname, action },
                11..=13 => VimCommand::Notify { uuid, hostname, action },
                _ => VimCommand::InstanceSet { uuid, hostname, reporting: on.into() },
            }
        },
    )
}

fn what() -> impl Strategy<Value = What> {
    let answer = (
        proptest::sample::select(EventType::ALL),
        proptest::sample::select(NotificationType::ALL),
        proptest::sample::select(VoteResult::ALL),
    );
    prop_oneof![
        1 => Just(What::Ready),
        4 => Just(What::Running),
        2 => Just(What::Stopped),
        1 => proptest::sample::select(CorrectiveAction::ALL).prop_map(What::Ill),
        2 => Just(What::Loss),
        1 => Just(What::Query),
        3 => (action(), answer).prop_map(|(event, (_, kind, vote))| What::Answer(event, kind, vote)),
        1 => answer_of_any(),
    ]
}

fn answer_of_any() -> impl Strategy<Value = What> {
    (proptest::sample::select(EventType::ALL), proptest::sample::select(VoteResult::ALL))
        .prop_map(|(event, vote)| What::Answer(event, NotificationType::Revocable, vote))
}

/// Those in which it is clear what the VIM took, and in which it refuses nothing.
fn clear_mood() -> BoxedStrategy<Mood> {
    prop_oneof![
        3 => Just(Mood::Well),
        2 => Just(Mood::Away),
        1 => Just(Mood::Silent),
        1 => Just(Mood::Garbage),
        1 => Just(Mood::Status(200)),
    ]
    .boxed()
}

fn any_mood() -> BoxedStrategy<Mood> {
    let others = vec![Mood::Unclear, Mood::Deaf, Mood::Status(404), Mood::Status(500)];
    prop_oneof![2 => clear_mood(), 1 => proptest::sample::select(others)].boxed()
}

fn time() -> impl Strategy<Value = u64> {
    prop_oneof![0..5_u64, 5..2_000_u64, 2_000..60_000_u64]
}

fn known() -> impl Strategy<Value = Option<Known>> {
    proptest::option::of(
        (any::<bool>(), any::<bool>())
            .prop_map(|(reporting, heartbeating)| Known { reporting, heartbeating }),
    )
}

fn step(mood: BoxedStrategy<Mood>) -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => time().prop_map(Step::Run),
        1 => time().prop_map(Step::Stall),
        10 => command().prop_map(Step::Command),
        12 => (place(), instance(), what(), 1..3_usize).prop_map(|(place, number, what, copies)| {
            let host = place.unwrap_or(home_of(number)).min(HOSTS);
            Step::Event { host, number, what, copies }
        }),
        1 => (host(), vec(any::<u8>(), 0..1100)).prop_map(|(host, bytes)| Step::Datagram(host, bytes)),
        2 => (1..=HOSTS, instance(), known()).prop_map(
            |(host, number, known)| Step::Server { host, number, known }
        ),
        1 => (1..=HOSTS, any::<bool>()).prop_map(|(host, is_ours)| Step::Restart { host, is_ours }),
        2 => (host(), host(), host()).prop_map(|(uuid, name, ip)| Step::Inventory { uuid, name, ip }),
        1 => host().prop_map(Step::Delete),
        1 => vec(host(), 0..3).prop_map(Step::File),
        1 => vec(any::<u8>(), 0..1100).prop_map(Step::Garbage),
        3 => (mood, prop_oneof![Just(0), 0..25_000_u64]).prop_map(|(m, delay)| Step::Mood(m, delay)),
        1 => prop_oneof![Just(0), Just(50)].prop_map(Step::Loss),
    ]
}

/// Requests that the VIM waits for: by instance and action, how many.
type Owed = BTreeMap<(u64, EventType), i64>;

fn take(controller: &mut Controller, step: Step, owed: &mut Owed) {
    match step {
        Step::Run(time) => controller.run(super::controller::ms(time)),
        Step::Stall(time) => controller.stall(super::controller::ms(time)),
        Step::Command(command) => {
            if let Ok(CommandReply::Action { uuid, action, timeout_secs: 1.., .. }) =
                controller.ask(command)
            {
                *owed.entry((number_of(uuid), action)).or_default() += 1;
            }
        }
        Step::Event { host, number, what, copies } => event(controller, host, number, what, copies),
        Step::Datagram(host, bytes) => {
            controller.input(Input::Datagram { from: address(host), bytes: &bytes });
        }
        Step::Server { host, number, known } => {
            let instances = &mut controller.servers.get_mut(&host).unwrap().instances;
            instances.remove(&number);
            instances.extend(known.map(|known| (number, known)));
        }
        Step::Restart { host, is_ours } => {
            let server = controller.servers.get_mut(&host).unwrap();
            server.restart();
            server.is_ours = is_ours;
        }
        Step::Inventory { uuid, name, ip } => {
            let (hostname, ip) = (host_name(name), address(ip));
            controller.tell_host(Host { hostname, ip, ..entry(uuid) });
        }
        Step::Delete(host) => controller.maintenance(&MaintenanceCommand::DeleteHost {
            hostname: host_name(host),
            uuid: host_id(host),
        }),
        Step::File(hosts) => {
            controller.input(Input::HostsFile(hosts.into_iter().map(entry).collect()));
        }
        Step::Garbage(bytes) => {
            controller.input(Input::Maintenance { from: MAINTENANCE, bytes: &bytes });
        }
        Step::Mood(mood, delay) => {
            controller.vim.mood = mood;
            controller.vim.delay = super::controller::ms(delay);
        }
        Step::Loss(loss) => controller.loss = loss,
    }
}

fn event(controller: &mut Controller, host: u64, number: u64, what: What, copies: usize) {
    let server = &controller.servers[&host];
    let event = match what {
        What::Ready => server.ready(),
        What::Running => Event::Running(server.info(number)),
        What::Stopped => Event::Stopped(server.info(number)),
        What::Ill(action) => server.ill(number, action),
        What::Loss => server.loss(number),
        What::Query => Event::QueryResponse(server.info(number)),
        What::Answer(event, kind, vote) => server.answer(number, (event, kind), vote, "why"),
    };
    let bytes = controller.encode(host, &event);
    for _ in 0..copies {
        controller.datagram(host, &bytes);
    }
}

/// Takes the answers that the VIM has got off what it waits for, and what concerned instances that
/// are gone.
fn settle_accounts(controller: &mut Controller, owed: &mut Owed) {
    let known = controller.known();
    for event in std::mem::take(&mut controller.vim.taken) {
        if let VimEvent::Answer { uuid, action, .. } = event {
            *owed.entry((number_of(uuid), action)).or_default() -= 1;
        }
    }
    owed.retain(|(number, _), _| known.contains(number));
}

fn start() -> Controller {
    let mut controller = Controller::new();
    for host in 1..=HOSTS {
        controller.add_host(host, host != 2);
    }
    populate(&mut controller);
    controller.run(secs(3));
    for number in 1..=INSTANCES {
        controller.heartbeat(home_of(number), number, true);
    }
    controller.settled()
}

fn populate(controller: &mut Controller) {
    for number in 1..=INSTANCES {
        controller.vim.instances.insert(number, (home_of(number), number % 2 == 0));
    }
}

/// Everything is well from now on.
fn heal(controller: &mut Controller) {
    controller.loss = 0;
    controller.vim.mood = Mood::Well;
    controller.vim.delay = secs(0);
    for host in 1..=HOSTS + 1 {
        controller.maintenance(&MaintenanceCommand::DeleteHost {
            hostname: host_name(host),
            uuid: host_id(host),
        });
    }
    for host in 1..=HOSTS {
        controller.tell_host(entry(host));
    }
    populate(controller);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..Default::default() })]

    #[test]
    fn any_sequence_of_inputs_keeps_the_promises_and_heals(steps in vec(step(any_mood()), 0..100)) {
        let mut controller = start();
        let mut owed = Owed::new();
        for step in steps {
            take(&mut controller, step, &mut owed);
            controller.agent.check();
        }
        heal(&mut controller);
        controller.run(secs(120));
        controller.agent.check();
        prop_assert_eq!(controller.agent.waiting(), 0);
        prop_assert_eq!(controller.known(), (1..=INSTANCES).collect::<Vec<u64>>());
        for (number, (host, reporting)) in controller.vim.instances.clone() {
            let known = controller.servers[&host].instances[&number];
            prop_assert_eq!(known.reporting, reporting);
            prop_assert_eq!(controller.heartbeats(number), known.heartbeating);
            prop_assert_eq!(controller.vim.heartbeating.get(&number), Some(&known.heartbeating));
        }
        controller.forget();
        controller.run(secs(600));
        prop_assert_eq!(controller.attempts(), vec![]);
    }

    #[test]
    fn each_vote_and_notification_is_answered_once(steps in vec(step(clear_mood()), 0..100)) {
        let mut controller = start();
        let mut owed = Owed::new();
        for step in steps {
            // What a deletion takes with it cannot be told from here.
            let is_deletion = matches!(
                step,
                Step::Delete(_)
                    | Step::File(_)
                    | Step::Command(VimCommand::InstanceDelete { .. } | VimCommand::HostDelete { .. })
            );
            if !is_deletion {
                take(&mut controller, step, &mut owed);
            }
        }
        controller.vim.mood = Mood::Well;
        controller.vim.delay = secs(0);
        controller.run(secs(120));
        settle_accounts(&mut controller, &mut owed);
        owed.retain(|_, count| *count != 0);
        prop_assert_eq!(owed, Owed::new());
    }
}
