//! What the VIM is asked about each host.

use protocol::vim::VimCommand;

use super::controller::{Controller, Mood, entry, host_id, host_name, ms, secs};

fn texts(questions: Vec<(std::time::Duration, String)>) -> Vec<String> {
    questions.into_iter().map(|(_, question)| question).collect()
}

#[test]
fn a_new_host_is_asked_about_after_2_s_its_state_and_then_its_instances() {
    let mut controller = Controller::new();
    controller.vim.instances.insert(1, (1, true));
    controller.vim.instances.insert(2, (1, false));
    controller.vim.instances.insert(3, (2, true));
    controller.run(secs(100));
    controller.add_host(1, true);
    controller.run(ms(1999));
    assert_eq!(controller.questions(), []);
    assert_eq!(controller.commands(1), ["query"], "its server may know instances already");
    controller.run(ms(1));
    let expected = ["state 1", "list 1"].map(|text| (secs(102), text.to_owned()));
    assert_eq!(controller.questions(), expected);
    assert_eq!(controller.known(), [1, 2]);
    let expected = ["query", "host enabled", "add 1 enabled", "add 2 disabled"];
    assert_eq!(controller.commands(1), expected);
    controller.run(secs(3600));
    assert_eq!(controller.questions(), [], "once answered");
}

#[test]
fn a_question_is_asked_every_10_s_until_it_is_answered() {
    for mood in [Mood::Silent, Mood::Garbage, Mood::Status(500), Mood::Status(404)] {
        let mut controller = Controller::new();
        controller.add_host(1, true);
        controller.vim.mood = mood;
        controller.run(secs(33));
        let expected = [2, 12, 22, 32].map(|at| (secs(at), "state 1".to_owned()));
        assert_eq!(controller.questions(), expected, "{mood:?}");
        controller.vim.mood = Mood::Well;
        controller.run(secs(10));
        assert_eq!(texts(controller.questions()), ["state 1", "list 1"], "{mood:?}");
    }
}

#[test]
fn an_empty_reply_means_that_the_vim_does_not_know_the_host_yet() {
    let mut controller = Controller::new();
    controller.tell_host(entry(1));
    controller.vim.mood = Mood::Well;
    controller.run(secs(25));
    assert_eq!(texts(controller.questions()), ["state 1"; 3]);
    assert_eq!(controller.agent.counters().bad_replies, 0);
    controller.vim.hosts.insert(1, true);
    controller.run(secs(10));
    assert_eq!(texts(controller.questions()), ["state 1", "list 1"]);
}

#[test]
fn garbage_is_counted() {
    let mut controller = Controller::new();
    controller.add_host(1, true);
    controller.vim.mood = Mood::Garbage;
    controller.run(secs(15));
    assert_eq!(controller.agent.counters().bad_replies, 2);
    assert!(controller.notes.iter().any(|note| note.contains("made no sense")));
}

#[test]
fn the_state_of_another_host_is_garbage() {
    let mut controller = Controller::new();
    controller.add_host(1, true);
    controller.run(ms(1999));
    controller.vim.delay = secs(1);
    controller.run(ms(500));
    controller.tell_host(protocol::datagram::Host { uuid: host_id(5), ..entry(1) });
    controller.run(secs(1));
    assert_eq!(controller.agent.counters().bad_replies, 1);
    assert!(controller.agent.hosts().all(|host| !host.reporting));
}

#[test]
fn a_vim_that_is_away_is_asked_when_it_is_back() {
    let mut controller = Controller::new();
    for host in 1..=10 {
        controller.add_host(host, true);
    }
    controller.vim.mood = Mood::Away;
    controller.run(secs(3600));
    controller.forget();
    controller.vim.mood = Mood::Well;
    controller.run(secs(40));
    assert_eq!(controller.questions().len(), 20);
    assert!(controller.agent.hosts().all(|host| host.reporting));
}

#[test]
fn what_the_vim_says_of_a_host_is_newer_than_the_answer_under_way() {
    let mut controller = Controller::new();
    controller.vim.delay = secs(1);
    controller.vim.hosts.insert(1, false);
    controller.tell_host(entry(1));
    controller.run(ms(2500));
    let (uuid, hostname) = (host_id(1), host_name(1));
    controller.ask(VimCommand::HostEnable { uuid, hostname }).unwrap();
    controller.run(secs(30));
    assert!(controller.agent.hosts().all(|host| host.reporting));
    assert_eq!(texts(controller.questions()), ["state 1", "list 1"]);
}

#[test]
fn what_the_vim_says_of_an_instance_is_newer_than_the_list_under_way() {
    let mut controller = Controller::new();
    for instance in 1..=4 {
        controller.vim.instances.insert(instance, (1, true));
    }
    controller.add_host(1, true);
    controller.add_host(2, true);
    controller.run(ms(1999));
    controller.set(1, 1, true).unwrap();
    controller.vim.delay = secs(1);
    controller.run(ms(2500));
    assert_eq!(texts(controller.questions()), ["state 1", "state 2", "list 1"]);
    controller.delete(1).unwrap();
    controller.set(2, 1, false).unwrap();
    controller.set(3, 2, true).unwrap();
    controller.run(secs(1));
    assert_eq!(controller.known(), [2, 3, 4]);
    let reporting: Vec<bool> = controller.agent.instances().map(|view| view.reporting).collect();
    assert_eq!(reporting, [false, true, true]);
    assert_eq!(controller.host_of(3).unwrap(), "host-2");
}

#[test]
fn a_host_that_the_vim_deletes_while_it_is_asked_is_asked_about_again() {
    let mut controller = Controller::new();
    controller.vim.instances.insert(1, (1, true));
    controller.add_host(1, true);
    controller.run(ms(1999));
    controller.vim.delay = secs(1);
    controller.run(ms(1500));
    assert_eq!(texts(controller.questions()), ["state 1", "list 1"]);
    controller.vim.hosts.clear();
    controller.ask(VimCommand::HostDelete { uuid: Some(host_id(1)) }).unwrap();
    controller.run(secs(20));
    assert_eq!(controller.known(), [0; 0]);
    assert_eq!(texts(controller.questions())[..2], ["state 1", "state 1"]);
}

#[test]
fn the_list_moves_an_instance_that_lives_elsewhere_by_now() {
    let mut controller = Controller::with_instance();
    controller.vim.instances.insert(1, (2, true));
    controller.add_host(2, true);
    controller.run(secs(5));
    assert_eq!(controller.host_of(1).unwrap(), "host-2");
    assert!(controller.commands(1).contains(&"delete 1".to_owned()));
    assert!(controller.commands(2).contains(&"add 1 enabled".to_owned()));
}

#[test]
fn questions_and_events_take_turns() {
    let mut controller = Controller::with_host();
    controller.vim.mood = Mood::Away;
    for instance in 1..=20 {
        controller.set(instance, 1, true).unwrap();
        controller.heartbeat(1, instance, true);
    }
    for host in 2..=21 {
        controller.add_host(host, true);
    }
    controller.run(secs(10));
    controller.forget();
    controller.vim.mood = Mood::Well;
    controller.vim.delay = ms(500);
    while controller.agent.counters().delivered < 5 {
        controller.run(ms(500));
    }
    let (events, questions) = (controller.events().len(), controller.questions().len());
    assert!(events.abs_diff(questions) <= 2, "{events} {questions}");
}
