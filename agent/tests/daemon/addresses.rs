//! Which address hears and speaks to whom.

use std::net::{IpAddr, SocketAddr, UdpSocket};

use protocol::channel::CorrectiveAction;
use protocol::datagram::{Command, Event, EventId, Switch};
use protocol::vim::{AlarmState, VimEvent};

use crate::harness::{Daemon, Server};

fn ip(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

fn server(number: u64, address: &str) -> Server {
    Server::on(number, SocketAddr::new(ip(address), 0)).expect("a free port")
}

/// Servers 1 and 2 on these addresses, on one port.
fn servers(first: &str, second: &str) -> (Server, Server) {
    let pair = || {
        let one = server(1, first);
        let port = one.address().port();
        Some((one, Server::on(2, SocketAddr::new(ip(second), port))?))
    };
    (0..100).find_map(|_| pair()).expect("a port is free on both addresses")
}

fn has_ipv6() -> bool {
    UdpSocket::bind("[::1]:0").is_ok()
}

/// The VIM closes without a byte.
fn start(listen: &[&str], servers: &[&Server]) -> Daemon {
    Daemon::start(listen, servers, |_| b"")
}

/// The whole conversation with one server, which speaks to `to`: commands, an event, one that is
/// acknowledged. Everything of the agent comes from `from`.
fn converse(daemon: &Daemon, server: &Server, to: SocketAddr, from: SocketAddr) {
    daemon.report(server);
    let uuid = server.instance();
    let reporting = Switch::Enabled;
    let (sender, text) = server.hears(&Command::ModifyHost { reporting });
    assert_eq!(sender, from, "{text}");
    assert_eq!(server.hears(&Command::AddInstance { uuid, reporting }).0, from);
    server.say(to, &Event::Running(server.info()), None);
    let event = daemon.event(server);
    assert!(matches!(event, VimEvent::Status { heartbeating: Switch::Enabled, .. }), "{event:?}");
    server.say(to, &server.loss(), Some(EventId(7)));
    assert_eq!(server.acknowledged(EventId(7)), from);
    let event = daemon.event(server);
    assert!(matches!(event, VimEvent::Status { heartbeating: Switch::Disabled, .. }), "{event:?}");
    let event = daemon.event(server);
    let VimEvent::Alarm { state, repair_action, .. } = event else { panic!("{event:?}") };
    assert_eq!((state, repair_action), (AlarmState::Failed, CorrectiveAction::Reboot));
}

#[test]
fn agent_and_server_speak_ipv6() {
    if !has_ipv6() {
        return;
    }
    let server = server(1, "::1");
    let daemon = start(&["[::1]:0"], &[&server]);
    let agent = daemon.addresses()[0];
    assert_eq!(agent.ip(), ip("::1"));
    converse(&daemon, &server, agent, agent);
}

#[test]
fn one_address_for_all_serves_both_families() {
    if !has_ipv6() {
        return;
    }
    let (old, new) = servers("127.0.0.2", "::1");
    let daemon = start(&["[::]:0"], &[&old, &new]);
    let port = daemon.addresses()[0].port();
    let to = |text: &str| SocketAddr::new(ip(text), port);
    converse(&daemon, &old, to("127.0.0.1"), to("127.0.0.1"));
    converse(&daemon, &new, to("::1"), to("::1"));
}

#[test]
fn events_to_the_floating_and_to_the_local_address_count_and_the_floating_one_speaks() {
    let (first, second) = servers("127.0.0.2", "127.0.0.5");
    let daemon = start(&["127.0.0.3:0", "127.0.0.4:0"], &[&first, &second]);
    let [floating, local] = daemon.addresses()[..] else { panic!("two addresses") };
    assert_eq!((floating.ip(), local.ip()), (ip("127.0.0.3"), ip("127.0.0.4")));
    converse(&daemon, &first, local, floating);
    converse(&daemon, &second, floating, floating);
    let (_, text) = first.hears(&Command::QueryInstances);
    assert!(text.contains(r#""source":"127.0.0.3""#), "{text}");
}

#[test]
fn a_server_of_the_other_family_is_spoken_to_from_the_address_that_reaches_it() {
    if !has_ipv6() {
        return;
    }
    let (old, new) = servers("127.0.0.2", "::1");
    for listen in [["[::1]:0", "127.0.0.3:0"], ["127.0.0.3:0", "[::1]:0"]] {
        let daemon = start(&listen, &[&old, &new]);
        let addresses = daemon.addresses();
        let of = |text: &str| *addresses.iter().find(|a| a.ip() == ip(text)).expect(text);
        converse(&daemon, &old, of("127.0.0.3"), of("127.0.0.3"));
        converse(&daemon, &new, of("::1"), of("::1"));
    }
}
