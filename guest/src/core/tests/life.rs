//! From state to state: inits, silence, hang-ups, leaving.

use std::time::Duration;

use protocol::channel::{CorrectiveAction, Exit, GuestMessage, HostMessage, Init, LogMsg};

use super::{Guest, SECOND, ms};
use crate::core::{Cause, Config, Input, Note, State};

fn changed(from: State, to: State, cause: Cause) -> Note {
    Note::State { from, to, cause }
}

#[test]
fn it_begins_as_soon_as_the_channel_is_up() {
    let mut guest = Guest::new();
    assert_eq!(guest.state(), State::Initial);
    guest.input(Input::ChannelUp);
    assert_eq!(guest.state(), State::Enabling);
    assert_eq!(guest.sent.len(), 1);
}

#[test]
fn it_begins_a_second_after_start_and_announces_itself_once_the_channel_is_up() {
    let mut guest = Guest::new();
    guest.sleep(ms(999));
    assert_eq!(guest.state(), State::Initial);
    guest.sleep(ms(1));
    assert_eq!(guest.notes, [changed(State::Initial, State::Enabling, Cause::Started)]);
    assert!(guest.sent.is_empty());
    assert_eq!(guest.client.next_deadline(), None);
    guest.input(Input::ChannelUp);
    assert_eq!(guest.sent.len(), 1);
}

#[test]
fn the_init_announces_the_settings_and_a_second_more() {
    let mut guest = Guest::with(Config {
        name: "web-1".into(),
        vote: 3 * SECOND,
        corrective_action: CorrectiveAction::Stop,
        ..Config::default()
    });
    guest.input(Input::ChannelUp);
    let expected = Init {
        invocation_id: 1,
        name: "web-1".into(),
        heartbeat_interval_ms: 1000,
        vote_secs: 4,
        shutdown_notice_secs: 11,
        suspend_notice_secs: 11,
        resume_notice_secs: 11,
        restart_secs: 121,
        corrective_action: CorrectiveAction::Stop,
    };
    assert_eq!(*guest.last_init(), expected);
    assert_eq!(guest.sequences, [1]);
}

#[test]
fn settings_without_measure_are_taken_as_their_bounds() {
    let mut guest = Guest::with(Config {
        interval: Duration::MAX,
        init_retry: Duration::ZERO,
        min_timeout: Duration::MAX,
        restart: Duration::MAX,
        ..Config::default()
    });
    guest.input(Input::ChannelUp);
    assert_eq!(guest.last_init().heartbeat_interval_ms, 3_600_000);
    assert_eq!(guest.last_init().restart_secs, 3601);
    assert_eq!(guest.sleep(4 * SECOND), 10);
}

#[test]
fn it_repeats_the_init_with_a_fresh_id_until_one_is_acknowledged() {
    let mut guest = Guest::new();
    guest.input(Input::ChannelUp);
    guest.sleep(ms(4999));
    assert_eq!(guest.sent.len(), 1);
    guest.sleep(ms(1));
    guest.sleep(5 * SECOND);
    let id = |message: &GuestMessage| match message {
        GuestMessage::Init(init) => init.invocation_id,
        other => panic!("no init but {other:?}"),
    };
    assert_eq!(guest.sent.iter().map(id).collect::<Vec<_>>(), [1, 2, 3]);
    assert_eq!(guest.sequences, [1, 2, 3]);

    guest.host(&HostMessage::InitAck { invocation_id: 3 });
    guest.forget();
    guest.sleep(4 * SECOND);
    assert!(guest.sent.is_empty());
}

#[test]
fn an_acknowledgement_of_the_last_init_or_the_one_before_it_enables() {
    for (id, state) in
        [(1, State::Enabling), (2, State::Enabled), (3, State::Enabled), (4, State::Enabling)]
    {
        let mut guest = Guest::new();
        guest.input(Input::ChannelUp);
        guest.sleep(10 * SECOND);
        guest.host(&HostMessage::InitAck { invocation_id: id });
        assert_eq!(guest.state(), state, "init_ack of {id}");
        assert_eq!(guest.counters().dropped.stray_ack, u64::from(state == State::Enabling));
    }
}

#[test]
fn while_challenges_come_on_time_no_timer_wakes_it() {
    let mut guest = Guest::enabled();
    for value in 0..600 {
        assert_eq!(guest.sleep(ms(1000 + u64::from(value % 2) * 30)), 0);
        guest.challenge(value);
    }
    assert_eq!(guest.counters().answered, 600);
}

#[test]
fn without_challenges_it_begins_anew_after_the_least_timeout() {
    let mut guest = Guest::enabled();
    guest.sleep(SECOND);
    guest.challenge(1);
    guest.sleep(ms(4999));
    assert_eq!(guest.state(), State::Enabled);
    guest.forget();
    guest.sleep(ms(1));
    assert_eq!(guest.notes, [changed(State::Enabled, State::Enabling, Cause::NoChallenge)]);
    assert_eq!(guest.last_init().invocation_id, 2);
    assert_eq!(guest.counters().reinits, 1);
}

#[test]
fn with_a_long_interval_it_waits_for_two_of_them() {
    let config = Config { interval: 20 * SECOND, ..Config::default() };
    let mut guest = Guest::with(config).enable();
    guest.sleep(ms(39_999));
    assert_eq!(guest.state(), State::Enabled);
    guest.sleep(ms(1));
    assert_eq!(guest.state(), State::Enabling);
}

#[test]
fn a_client_that_was_suspended_waits_once_more() {
    let mut guest = Guest::enabled();
    guest.stall(60 * SECOND);
    assert_eq!(guest.notes, [Note::Excused]);
    guest.sleep(ms(4999));
    assert_eq!(guest.state(), State::Enabled);
    guest.sleep(ms(1));
    assert_eq!(guest.state(), State::Enabling);
}

#[test]
fn a_gap_while_a_challenge_is_overdue_excuses_the_period_it_is_in() {
    for (gap, rest, state) in [(799, 2401, State::Enabling), (800, 2400, State::Enabled)] {
        let mut guest = Guest::enabled();
        guest.sleep(ms(1800));
        guest.stall(ms(gap));
        guest.sleep(ms(rest));
        assert_eq!(guest.state(), state, "a gap of {gap} ms");
    }
}

#[test]
fn a_challenge_that_waited_while_the_client_was_stopped_counts_before_the_deadline() {
    let mut guest = Guest::enabled();
    guest.now += 10 * SECOND;
    guest.challenge(1);
    guest.stall(Duration::ZERO);
    assert_eq!(guest.state(), State::Enabled);
    assert_eq!(guest.counters().excused, 0);
}

#[test]
fn an_overloaded_client_begins_anew_in_the_end() {
    let mut guest = Guest::enabled();
    let start = guest.now;
    while guest.state() == State::Enabled {
        guest.stall(2 * SECOND);
        assert!(guest.now - start <= 30 * SECOND, "excused without end");
    }
    assert_eq!(guest.counters().excused, 3);
}

#[test]
fn a_hang_up_disables_and_the_next_connection_begins_anew() {
    let mut guest = Guest::enabled();
    guest.input(Input::Received(b"\n{\"version\":3,"));
    guest.input(Input::ChannelDown);
    assert_eq!(guest.notes, [changed(State::Enabled, State::Disabled, Cause::ChannelDown)]);
    assert_eq!(guest.client.next_deadline(), None, "nothing to wake up for");

    guest.input(Input::ChannelUp);
    let id = guest.last_init().invocation_id;
    let ack = format!(
        "{{\"version\":3,\"revision\":1,\"msg_type\":\"init_ack\",\"sequence\":1,\"invocation_id\":{id}}}\n"
    );
    guest.input(Input::Received(ack.as_bytes()));
    assert_eq!(guest.state(), State::Enabled, "half a line was forgotten");
}

#[test]
fn an_acknowledgement_from_before_the_hang_up_does_not_enable() {
    let mut guest = Guest::new();
    guest.input(Input::ChannelUp);
    guest.input(Input::ChannelDown);
    guest.input(Input::ChannelUp);
    guest.host(&HostMessage::InitAck { invocation_id: 1 });
    assert_eq!(guest.state(), State::Enabling);
}

#[test]
fn a_host_that_says_it_leaves_is_given_time_before_the_next_init() {
    let mut guest = Guest::enabled();
    guest.host(&HostMessage::Exit(Exit { log_msg: LogMsg::new("upgrade") }));
    assert_eq!(guest.state(), State::Enabling);
    assert!(guest.sent.is_empty());
    guest.sleep(ms(4999));
    assert!(guest.sent.is_empty());
    guest.sleep(ms(1));
    assert_eq!(guest.last_init().invocation_id, 2);
}

#[test]
fn a_stop_in_enabled_says_exit_and_leaves() {
    let mut guest = Guest::enabled();
    guest.input(Input::Stop);
    assert!(matches!(guest.sent[..], [GuestMessage::Exit(_)]));
    assert!(guest.left);
    guest.forget();
    guest.challenge(1);
    guest.input(Input::ChannelDown);
    guest.input(Input::Stop);
    assert_eq!((guest.state(), guest.sent.len()), (State::Left, 0));
    assert_eq!(guest.client.next_deadline(), None);
}

#[test]
fn a_stop_outside_enabled_just_leaves() {
    for up in [false, true] {
        let mut guest = Guest::new();
        if up {
            guest.input(Input::ChannelUp);
        }
        guest.forget();
        guest.input(Input::Stop);
        assert!(guest.left);
        assert!(guest.sent.is_empty());
    }
}
