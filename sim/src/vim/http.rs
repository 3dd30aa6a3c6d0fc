//! As much HTTP as the VIM has.

use std::io;

use protocol::vim::{AGENT_USER_AGENT, VIM_USER_AGENT, VimCommand};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::record::Misstep;

/// Bytes of a request or status line with its headers.
const HEAD_MAX: usize = 64 * 1024;
/// Bytes of a body: that of a host with ten thousand instances fits.
const BODY_MAX: usize = 8 * 1024 * 1024;

/// What came from the agent.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) body: Vec<u8>,
    /// What the VIM survives, but the agent must not do.
    pub(super) missteps: Vec<Misstep>,
}

/// The agent's reply to a command.
#[derive(Debug)]
pub(super) struct Response {
    pub(super) status: u16,
    pub(super) body: Vec<u8>,
}

/// Why there is no [`Request`] or [`Response`].
#[derive(Debug)]
pub(super) enum ReadError {
    /// Nothing at all.
    Empty,
    /// It ended in the middle.
    Cut,
    Io(io::Error),
    NotHttp,
    TooLong,
    Chunked,
}

impl From<io::Error> for ReadError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// The first line and the headers.
struct Head {
    first: String,
    headers: Vec<(String, String)>,
}

impl Head {
    fn parse(bytes: &[u8]) -> Result<Self, ReadError> {
        let text = std::str::from_utf8(bytes).map_err(|_| ReadError::NotHttp)?;
        let mut lines = text.split("\r\n");
        let first = lines.next().unwrap_or_default().to_owned();
        let headers = lines.map(|line| {
            let (name, value) = line.split_once(':').ok_or(ReadError::NotHttp)?;
            Ok((name.to_ascii_lowercase(), value.trim().to_owned()))
        });
        Ok(Self { first, headers: headers.collect::<Result<_, ReadError>>()? })
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    fn is_chunked(&self) -> bool {
        self.header("transfer-encoding").is_some_and(|value| value.contains("chunked"))
    }

    fn length(&self) -> Result<Option<usize>, ReadError> {
        let Some(length) = self.header("content-length") else { return Ok(None) };
        let length = length.parse().map_err(|_| ReadError::NotHttp)?;
        if length > BODY_MAX { Err(ReadError::TooLong) } else { Ok(Some(length)) }
    }
}

/// Reads one request of the agent.
pub(super) async fn read_request(stream: &mut TcpStream) -> Result<Request, ReadError> {
    let (head, mut body) = read_head(stream).await?;
    let mut words = head.first.split(' ');
    let (Some(method), Some(path), Some("HTTP/1.1" | "HTTP/1.0"), None) =
        (words.next(), words.next(), words.next(), words.next())
    else {
        return Err(ReadError::NotHttp);
    };
    if head.is_chunked() {
        return Err(ReadError::Chunked);
    }
    let length = head.length()?.unwrap_or(0);
    read_up_to(stream, &mut body, length).await?;
    let mut missteps = missteps(&head);
    if body.len() > length {
        missteps.push(Misstep::Pipelined);
        body.truncate(length);
    }
    Ok(Request { method: method.to_owned(), path: path.to_owned(), body, missteps })
}

fn missteps(head: &Head) -> Vec<Misstep> {
    let closes = head.header("connection").is_some_and(|it| it.eq_ignore_ascii_case("close"));
    let named = head.header("user-agent") == Some(AGENT_USER_AGENT);
    let found = [(!closes, Misstep::KeptAlive), (!named, Misstep::UserAgent)];
    found.into_iter().filter(|(is_so, _)| *is_so).map(|(_, misstep)| misstep).collect()
}

/// Reads the agent's reply, until its length is there or the agent closes.
pub(super) async fn read_response(stream: &mut TcpStream) -> Result<Response, ReadError> {
    let (head, mut body) = read_head(stream).await?;
    let mut words = head.first.splitn(3, ' ');
    let status = match (words.next(), words.next()) {
        (Some("HTTP/1.1" | "HTTP/1.0"), Some(status)) => status.parse().ok(),
        _ => None,
    };
    let status = status.ok_or(ReadError::NotHttp)?;
    if head.is_chunked() {
        return Err(ReadError::Chunked);
    }
    match head.length()? {
        _ if status == 204 => {}
        Some(length) => {
            read_up_to(stream, &mut body, length).await?;
            body.truncate(length);
        }
        None => while read_more(stream, &mut body, BODY_MAX).await? {},
    }
    Ok(Response { status, body })
}

/// The head, and what came behind it.
async fn read_head(stream: &mut TcpStream) -> Result<(Head, Vec<u8>), ReadError> {
    let mut bytes = Vec::new();
    loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            let body = bytes.split_off(end + 4);
            return Ok((Head::parse(&bytes[..end])?, body));
        }
        if !read_more(stream, &mut bytes, HEAD_MAX).await? {
            return Err(if bytes.is_empty() { ReadError::Empty } else { ReadError::Cut });
        }
    }
}

async fn read_up_to(
    stream: &mut TcpStream,
    body: &mut Vec<u8>,
    length: usize,
) -> Result<(), ReadError> {
    while body.len() < length {
        if !read_more(stream, body, BODY_MAX).await? {
            return Err(ReadError::Cut);
        }
    }
    Ok(())
}

/// `false` at the end.
async fn read_more(
    stream: &mut TcpStream,
    bytes: &mut Vec<u8>,
    most: usize,
) -> Result<bool, ReadError> {
    if bytes.len() > most {
        return Err(ReadError::TooLong);
    }
    Ok(stream.read_buf(bytes).await? > 0)
}

/// Sends a command as the VIM does: the head and the body in a segment each.
pub(super) async fn write_command(
    stream: &mut TcpStream,
    port: u16,
    command: &VimCommand,
) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let body = command.body();
    let length = body.as_ref().map(|body| format!("Content-Length: {}\r\n", body.len()));
    let head = format!(
        "{} {} HTTP/1.1\r\nAccept-Encoding: identity\r\nHost: localhost:{port}\r\n\
         Connection: close\r\nUser-Agent: {VIM_USER_AGENT}\r\nAccept: application/json\r\n\
         Content-Type: application/json\r\nX-Auth-Token: 0123456789abcdef\r\n{}\r\n",
        command.method(),
        command.path(),
        length.unwrap_or_default(),
    );
    stream.write_all(head.as_bytes()).await?;
    if let Some(body) = body {
        stream.write_all(&body).await?;
    }
    Ok(())
}

/// Answers as the VIM does: HTTP/1.0 without a length, so that only the close ends the body.
pub(super) async fn write_answer(
    stream: &mut TcpStream,
    status: &str,
    body: &[u8],
) -> io::Result<()> {
    let head = format!(
        "HTTP/1.0 {status}\r\nServer: BaseHTTP/0.3 Python/2.7.5\r\n\
         Content-Type: application/json\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(body).await
}
