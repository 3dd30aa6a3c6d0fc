//! Nothing goes round between us and the VIM.

use protocol::vim::VimEvent;

use super::controller::{Controller, Mood, number_of, secs};

/// The VIM answers each status that differs from its own view of host and reporting with a command.
fn correct(controller: &mut Controller) -> usize {
    let mut corrections = 0;
    for event in std::mem::take(&mut controller.vim.taken) {
        let VimEvent::Status { uuid, hostname, reporting, .. } = event else { continue };
        let (host, on) = controller.vim.instances[&number_of(uuid)];
        if hostname.as_str() != format!("host-{host}") || reporting.is_on() != on {
            corrections += 1;
        }
        controller.set(number_of(uuid), host, on).unwrap();
    }
    corrections
}

#[test]
fn the_vim_that_says_what_we_know_makes_us_send_nothing() {
    let mut controller = Controller::with_instance();
    controller.lose(1, 1);
    assert_eq!(controller.events().len(), 2);
    for _ in 0..10 {
        controller.set(1, 1, true).unwrap();
    }
    controller.run(secs(60));
    assert_eq!(controller.events(), [""; 0]);
    assert_eq!(controller.changes(1), [""; 0]);
}

#[test]
fn a_status_tells_of_the_host_and_the_reporting_that_the_vim_has_set_meanwhile() {
    let mut controller = Controller::with_instance();
    controller.add_host(2, true);
    let mut controller = controller.settled();
    controller.vim.mood = Mood::Away;
    controller.heartbeat(1, 1, false);
    controller.set(1, 2, false).unwrap();
    controller.vim.instances.insert(1, (2, false));
    controller.vim.mood = Mood::Well;
    controller.vim.taken.clear();
    controller.run(secs(5));
    assert_eq!(controller.events(), ["1 silent"]);
    assert_eq!(correct(&mut controller), 0, "so it has nothing to correct");
}

#[test]
fn a_vim_that_corrects_every_status_and_a_server_that_changes_its_mind_come_to_rest() {
    let mut controller = Controller::with_instance();
    controller.add_host(2, true);
    let mut controller = controller.settled();
    for round in 0..20_u64 {
        let (host, on) = (1 + round % 2, round % 3 == 0);
        controller.vim.instances.insert(1, (host, on));
        controller.set(1, host, on).unwrap();
        controller.heartbeat(host, 1, round % 5 > 1);
        correct(&mut controller);
        controller.run(secs(3));
    }
    controller.run(secs(20));
    correct(&mut controller);
    controller.forget();
    controller.run(secs(600));
    assert_eq!(correct(&mut controller), 0);
    assert_eq!(controller.events(), [""; 0]);
    assert_eq!(controller.changes(1), [""; 0]);
    assert_eq!(controller.changes(2), [""; 0]);
}
