//! What goes wrong at the VIM's end.

use std::net::{Ipv4Addr, SocketAddr};

use protocol::datagram::{Event, EventId};
use protocol::vim::{VimEvent, VimRequest};

use crate::harness::{Daemon, Server};

const UNAVAILABLE: &[u8] = b"HTTP/1.0 503 Service Unavailable\r\n\r\n<html>";

fn server() -> Server {
    Server::on(1, SocketAddr::from((Ipv4Addr::new(127, 0, 0, 2), 0))).expect("a free port")
}

/// More often than one would try by chance.
#[test]
fn an_alarm_outlasts_a_vim_that_answers_503() {
    const TIMES: usize = 3;
    let server = server();
    let mut left = TIMES;
    let daemon = Daemon::start(&["127.0.0.1:0"], &[&server], move |request| match request {
        VimRequest::Event(VimEvent::Alarm { .. }) if left > 0 => {
            left -= 1;
            UNAVAILABLE
        }
        _ => b"",
    });
    daemon.report(&server);
    let agent = daemon.addresses()[0];
    server.say(agent, &Event::Running(server.info()), None);
    server.say(agent, &server.loss(), Some(EventId(1)));
    let events = std::iter::repeat_with(|| daemon.event(&server));
    let alarms = events.filter(|event| matches!(event, VimEvent::Alarm { .. }));
    assert_eq!(alarms.take(TIMES + 1).count(), TIMES + 1);
    // The event after it comes only when the VIM has taken the alarm.
    server.say(agent, &Event::Running(server.info()), None);
    assert!(matches!(daemon.event(&server), VimEvent::Status { .. }));
    let status = daemon.status();
    for line in ["refused_events 0", &format!("retries {TIMES}")] {
        assert!(status.iter().any(|is| is == line), "no {line:?} in {status:#?}");
    }
}

#[test]
fn what_was_refused_is_in_the_status_file_by_its_reason() {
    let daemon = Daemon::start(&["127.0.0.1:0"], &[&server()], |_| b"");
    for (request, status) in [
        ("GET /v1/hosts/none HTTP/1.1\r\nUser-Agent: curl/8.5.0\r\n\r\n", 403),
        ("GET /v1/hosts/none HTTP/1.1\r\n\r\n", 404),
        ("PUT /v1/hosts/none HTTP/1.1\r\n\r\n", 405),
        ("POST /v1/hosts/none HTTP/1.1\r\nContent-Length: 65537\r\n\r\n", 413),
    ] {
        assert_eq!(daemon.asked(request), status);
    }
    let status = daemon.status();
    for line in ["refused_403 1", "refused_404 1", "refused_405 1", "refused_413 1"] {
        assert!(status.iter().any(|is| is == line), "no {line:?} in {status:#?}");
    }
    assert!(status.iter().any(|is| is == "connections_not_http 0"), "{status:#?}");
}
