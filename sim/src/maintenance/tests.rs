//! Real sockets with a raw one as the agent.

use std::net::{IpAddr, UdpSocket};
use std::time::Duration;

use protocol::InstanceId;
use protocol::datagram::{Command, DATAGRAM_MAX, MaintenanceCommand, encode_maintenance_ready};

use super::*;

const LIMIT: Duration = Duration::from_secs(30);

fn agent() -> UdpSocket {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    socket.set_read_timeout(Some(LIMIT)).unwrap();
    socket
}

fn host(number: u64) -> Host {
    Host {
        hostname: format!("compute-{number}").as_str().into(),
        uuid: InstanceId::numbered(number),
        ip: IpAddr::from([127, 0, 0, 2]),
        personality: "worker".into(),
    }
}

fn maintenance(agent: Option<&UdpSocket>) -> FakeMaintenance {
    let agent = agent.map(|agent| agent.local_addr().unwrap());
    let hosts = vec![host(0), host(1)];
    FakeMaintenance::start(Settings { agent, hosts, ..Settings::default() }).unwrap()
}

fn ready() -> Vec<u8> {
    let mut datagram = Vec::new();
    encode_maintenance_ready(&mut datagram);
    datagram
}

fn next(agent: &UdpSocket) -> MaintenanceCommand {
    let mut buffer = [0; DATAGRAM_MAX];
    let length = agent.recv(&mut buffer).unwrap();
    MaintenanceCommand::decode(&buffer[..length]).unwrap()
}

#[test]
fn an_agent_that_is_ready_gets_an_add_for_each_host() {
    let agent = agent();
    let maintenance = maintenance(Some(&agent));
    // The question may come from any port: the answer goes where the agent listens.
    let asking = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    for _ in 0..2 {
        asking.send_to(&ready(), maintenance.address()).unwrap();
        assert_eq!(next(&agent), MaintenanceCommand::AddHost(host(0)));
        assert_eq!(next(&agent), MaintenanceCommand::AddHost(host(1)));
    }
    let counts = maintenance.wait_for(LIMIT, |counts| counts.sent == 4).wait().unwrap();
    assert_eq!(counts, Counts { ready: 2, sent: 4, ..Counts::default() });
}

#[test]
fn without_an_address_the_answer_goes_where_the_question_came_from() {
    let agent = agent();
    let maintenance = maintenance(None);
    agent.send_to(&ready(), maintenance.address()).unwrap();
    assert_eq!(next(&agent), MaintenanceCommand::AddHost(host(0)));
}

#[test]
fn hosts_can_be_added_changed_and_deleted() {
    let agent = agent();
    let maintenance = maintenance(None);
    maintenance.set_agent(agent.local_addr().unwrap());
    let moved = Host { ip: IpAddr::from([127, 0, 0, 9]), ..host(1) };
    maintenance.add(host(2));
    maintenance.modify(moved.clone());
    assert!(maintenance.delete(host(0).uuid));
    assert!(!maintenance.delete(host(0).uuid));
    assert_eq!(next(&agent), MaintenanceCommand::AddHost(host(2)));
    assert_eq!(next(&agent), MaintenanceCommand::ModifyHost(moved.clone()));
    let Host { hostname, uuid, .. } = host(0);
    assert_eq!(next(&agent), MaintenanceCommand::DeleteHost { hostname, uuid });
    assert_eq!(maintenance.hosts(), [moved, host(2)]);
}

#[test]
fn what_is_not_the_agents_ready_is_counted_and_ignored() {
    let agent = agent();
    let maintenance = maintenance(Some(&agent));
    let changed = |at: usize, byte: u8| {
        let mut datagram = ready();
        datagram[at] = byte;
        datagram
    };
    let mut command = Vec::new();
    Command::QueryInstances.encode("127.0.0.1", "", &mut command);
    let mut foreign = Vec::new();
    MaintenanceCommand::AddHost(host(7)).encode(&mut foreign);
    for datagram in [
        changed(0, b'x'),
        changed(17, b'x'),
        ready()[..99].to_vec(),
        vec![0; DATAGRAM_MAX + 1],
        Vec::new(),
        foreign,
        changed(18, b'x'),
        changed(72, 1),
        command,
    ] {
        agent.send_to(&datagram, maintenance.address()).unwrap();
    }
    agent.send_to(&ready(), maintenance.address()).unwrap();
    assert_eq!(next(&agent), MaintenanceCommand::AddHost(host(0)));
    let counts = maintenance.wait_for(LIMIT, |counts| counts.sent == 2).wait().unwrap();
    assert_eq!(counts, Counts { ready: 1, bad_signature: 6, other: 3, sent: 2, not_sent: 0 });
}

#[test]
fn it_can_be_silent_and_speak_again() {
    let agent = agent();
    let maintenance = maintenance(Some(&agent));
    maintenance.set_silent(true);
    agent.send_to(&ready(), maintenance.address()).unwrap();
    maintenance.wait_for(LIMIT, |counts| counts.ready == 1).wait().unwrap();
    maintenance.set_silent(false);
    maintenance.delete(host(0).uuid);
    agent.send_to(&ready(), maintenance.address()).unwrap();
    assert!(matches!(next(&agent), MaintenanceCommand::DeleteHost { .. }), "nothing before it");
    assert_eq!(next(&agent), MaintenanceCommand::AddHost(host(1)));
}

#[test]
fn a_command_for_nobody_is_counted() {
    let maintenance = maintenance(None);
    maintenance.add(host(2));
    assert_eq!((maintenance.counts().sent, maintenance.counts().not_sent), (0, 1));
}

#[test]
fn the_port_is_free_once_it_is_dropped() {
    let maintenance = maintenance(None);
    let address = maintenance.address();
    let never = maintenance.wait_for(LIMIT, |counts| counts.ready == 1);
    drop(maintenance);
    assert_eq!(never.wait(), Err(Error::Ended(Ended)));
    UdpSocket::bind(address).unwrap();
}
