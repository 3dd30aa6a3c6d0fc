//! The agent, as small as can be: std sockets and bytes.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};

use protocol::vim::{AGENT_USER_AGENT, VimRequest};

use super::{FakeVim, LIMIT};

/// A request as the agent sends it.
pub(super) fn bytes(request: &VimRequest) -> Vec<u8> {
    with_headers(request, &format!("User-Agent: {AGENT_USER_AGENT}\r\nConnection: close\r\n"))
}

pub(super) fn with_headers(request: &VimRequest, headers: &str) -> Vec<u8> {
    let body = request.body().unwrap_or_default();
    let mut bytes = format!(
        "{} {} HTTP/1.1\r\n{headers}Content-Length: {}\r\n\r\n",
        request.method(),
        request.path(),
        body.len()
    )
    .into_bytes();
    bytes.extend(body);
    bytes
}

/// What came back until the VIM closed.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Back {
    pub(super) bytes: Vec<u8>,
    pub(super) was_reset: bool,
}

impl Back {
    pub(super) const NOTHING: Self = Self { bytes: Vec::new(), was_reset: false };

    /// The head and the body.
    pub(super) fn parts(&self) -> (String, Vec<u8>) {
        let at = self.bytes.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
        (String::from_utf8(self.bytes[..at].to_vec()).unwrap(), self.bytes[at + 4..].to_vec())
    }
}

pub(super) fn connect(vim: &FakeVim) -> TcpStream {
    let stream = TcpStream::connect(vim.address()).unwrap();
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    stream.set_write_timeout(Some(LIMIT)).unwrap();
    stream
}

pub(super) fn read(stream: &mut TcpStream) -> Back {
    let mut bytes = Vec::new();
    let was_reset = match stream.read_to_end(&mut bytes) {
        Ok(_) => false,
        Err(error) if error.kind() == ErrorKind::ConnectionReset => true,
        Err(error) => panic!("{error}"),
    };
    Back { bytes, was_reset }
}

/// Sends these bytes and reads until the VIM closes.
pub(super) fn send(vim: &FakeVim, bytes: &[u8]) -> Back {
    let mut stream = connect(vim);
    stream.write_all(bytes).unwrap();
    read(&mut stream)
}

pub(super) fn request(vim: &FakeVim, request: &VimRequest) -> Back {
    send(vim, &bytes(request))
}

/// Sends these bytes and no more, and reads until the VIM closes.
pub(super) fn send_and_end(vim: &FakeVim, bytes: &[u8]) -> Back {
    let mut stream = connect(vim);
    stream.write_all(bytes).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    read(&mut stream)
}

/// The command receiver.
pub(super) struct Receiver(TcpListener);

impl Receiver {
    pub(super) fn bind() -> Self {
        Self(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap())
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.0.local_addr().unwrap()
    }

    /// The next command: its head, its body, and where the reply goes.
    pub(super) fn next(&self) -> (String, Vec<u8>, TcpStream) {
        let (mut stream, _) = self.0.accept().unwrap();
        stream.set_read_timeout(Some(LIMIT)).unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            head.extend(byte);
        }
        let head = String::from_utf8(head).unwrap();
        let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: "));
        let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
        stream.read_exact(&mut body).unwrap();
        (head, body, stream)
    }

    /// Replies to the next command.
    pub(super) fn reply(&self, status: u16, body: &[u8]) -> (String, Vec<u8>) {
        let (head, sent, mut stream) = self.next();
        let reply = format!(
            "HTTP/1.1 {status} Whatever\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
            body.len()
        );
        stream.write_all(reply.as_bytes()).unwrap();
        stream.write_all(body).unwrap();
        (head, sent)
    }
}
