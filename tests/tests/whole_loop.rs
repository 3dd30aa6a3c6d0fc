//! guestAgent and two guestServers together, between a fake VIM, fake maintenance and fake guests.

use std::process::Stdio;

use end_to_end::{LIMIT, Process, Scratch, WholeLoop, guest_agent, until};
use guest_sim::guest::{Act, Votes};
use guest_sim::vim::{Asked, Consequence, Error, What};
use protocol::channel::{CorrectiveAction, EventType};
use protocol::datagram::Switch;
use protocol::vim::{AlarmState, GuestResponse, VimEvent, VimRequest};
use rustix::process::Signal;

#[test]
fn the_inventory_the_list_and_the_heartbeats_find_each_other() {
    let whole = WholeLoop::start();
    let asked = whole.maintenance.wait_for(LIMIT, |counts| counts.ready > 0).wait();
    assert!(asked.is_ok(), "nobody asked for the inventory");
    let mut list_reads = 0;
    for index in [0, 1] {
        let status = whole.until_status(0, index, Switch::Enabled);
        let Some(VimEvent::Status { hostname, reporting, restart_timeout_secs, .. }) =
            status.event()
        else {
            unreachable!("until_status finds one")
        };
        assert_eq!(hostname.as_str(), format!("compute-{index}"));
        assert_eq!((*reporting, *restart_timeout_secs), (Switch::Enabled, 121));
    }
    for record in whole.vim.records(0) {
        match record.what {
            What::Request { request: VimRequest::InstanceList { .. }, .. } => list_reads += 1,
            What::Misstep(misstep) => panic!("{misstep}"),
            _ => {}
        }
    }
    assert_eq!(list_reads, 2, "each host's list is read once");
}

#[test]
fn votes_and_notifications_go_to_the_guest_and_back() {
    let whole = WholeLoop::heartbeating();
    let (mild, stern) = (whole.instance(0), whole.instance(1));

    // A reason would say that somebody answered for the guest.
    let allowed = whole.vim.vote(mild, EventType::Stop).wait().unwrap();
    assert!(!allowed.timeout.is_zero());
    assert_eq!(said(&allowed), (GuestResponse::Allow, ""));

    whole.qemus[1].act(0, Act::Votes(Votes::Reject));
    let rejected = whole.vim.vote(stern, EventType::LiveMigrateBegin).wait().unwrap();
    assert_eq!(said(&rejected), (GuestResponse::Reject, "not now"));

    let told = whole.vim.notify(mild, EventType::Stop).wait().unwrap();
    assert_eq!(said(&told), (GuestResponse::Proceed, ""));
}

fn said(asked: &Asked) -> (GuestResponse, &str) {
    let answer = asked.answer.as_ref().expect("an answer");
    (answer.response, answer.reason.as_str())
}

#[test]
fn a_mute_guest_is_one_failure_that_asks_for_a_reboot() {
    let whole = WholeLoop::heartbeating();
    let mut since = whole.vim.mark();
    whole.qemus[0].act(0, Act::Mute(true));
    let (alarm, consequence) = whole.until_alarm(since, 0);
    assert_eq!(consequence, Consequence::Reboots);
    let expected = VimEvent::Alarm {
        uuid: whole.instance(0),
        hostname: "compute-0".into(),
        state: AlarmState::Failed,
        repair_action: CorrectiveAction::Reboot,
    };
    assert_eq!(alarm, expected);

    // It is as well again, and the other one fails: a second alarm would have come before.
    since = whole.vim.mark();
    whole.qemus[0].act(0, Act::Mute(false));
    whole.qemus[0].act(0, Act::Start);
    whole.until_status(since, 0, Switch::Enabled);
    whole.qemus[1].act(0, Act::Mute(true));
    whole.until_alarm(since, 1);
    assert_eq!(whole.vim.counts().alarms, 2);
}

#[test]
fn a_deleted_instance_is_not_spoken_of_any_more() {
    let whole = WholeLoop::heartbeating();
    let gone = whole.instance(0);
    whole.vim.delete_instance(gone).wait().unwrap();
    let since = whole.vim.mark();
    let query = whole.vim.query_instance(gone).wait();
    assert!(matches!(query, Err(Error::Refused { status: 404, .. })), "{query:?}");

    // Its program starts anew and ends, which would be news of an instance that is there; so is what
    // happens to the other one.
    whole.qemus[0].act(0, Act::Start);
    whole.qemus[0].act(0, Act::Leave);
    whole.qemus[1].act(0, Act::Mute(true));
    whole.until_alarm(since, 1);
    assert_eq!(whole.events_about(since, gone), []);
}

#[test]
fn signals_write_the_status_file_and_end_the_agent() {
    let mut whole = WholeLoop::heartbeating();
    whole.agent.signal(Signal::USR1);
    let info = whole.file("guestAgent.info");
    until("a status file", || info.exists());
    let status = std::fs::read_to_string(info).unwrap();
    assert_eq!(status.lines().next(), Some("ok"));
    for line in ["hosts 2", "instances 2", "heartbeating 2"] {
        assert!(status.lines().any(|is| is == line), "no {line:?} in:\n{status}");
    }
    whole.agent.signal(Signal::TERM);
    assert_eq!(whole.agent.wait().code(), Some(0));
    assert!(!whole.file("guestAgent.pid").exists());
}

#[test]
fn the_configuration_is_explained_without_a_start() {
    let scratch = Scratch::new();
    let mut command = guest_agent(&scratch);
    command.args(["--check-config", "--server-port", "2499"]).stdout(Stdio::piped());
    let (text, status) = Process::start(&mut command).output();
    assert_eq!(status.code(), Some(0));
    assert!(text.contains("server-port") && text.contains("2499"), "{text}");
    assert!(!scratch.file("guestAgent.pid").exists());
}

#[test]
fn a_wrong_flag_is_exit_status_2() {
    let scratch = Scratch::new();
    let mut command = guest_agent(&scratch);
    command.arg("--no-such-flag").stderr(Stdio::piped());
    let mut agent = Process::start(&mut command);
    assert_eq!(agent.wait().code(), Some(2));
    assert!(agent.errors().contains("--no-such-flag"));
}
