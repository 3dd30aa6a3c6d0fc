//! Commands to the agent, as the VIM sends them: a connection each, the head and the body in a
//! segment each, given up after a time and never sent again.

use std::net::SocketAddr;
use std::time::Duration;

use protocol::vim::{BodyError, CommandReply, VimCommand};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::Error;
use super::http::{self, ReadError, Response};

/// Sends one command and reads the reply.
pub async fn send(
    agent: SocketAddr,
    command: &VimCommand,
    give_up: Duration,
) -> Result<CommandReply, Error> {
    let response = timeout(give_up, exchange(agent, command)).await;
    interpret(command, &response.map_err(|_| Error::GaveUp)??)
}

async fn exchange(agent: SocketAddr, command: &VimCommand) -> Result<Response, Error> {
    let stream = TcpStream::connect(agent).await;
    let mut stream = stream.map_err(|error| Error::Unreachable(error.kind()))?;
    let written = http::write_command(&mut stream, agent.port(), command).await;
    // An agent that refuses early may close before it has read all: its reply counts.
    match (http::read_response(&mut stream).await, written) {
        (Ok(response), _) => Ok(response),
        (Err(_), Err(error)) | (Err(ReadError::Io(error)), Ok(())) => {
            Err(Error::Broken(error.kind()))
        }
        (Err(_), Ok(())) => Err(Error::Unreadable),
    }
}

fn interpret(command: &VimCommand, response: &Response) -> Result<CommandReply, Error> {
    let Response { status, body } = response;
    let not_understood = |error| Error::NotUnderstood { status: *status, error };
    let document: Option<Value> = serde_json::from_slice(body).ok();
    if !(200..300).contains(status) {
        let reason = document.as_ref().and_then(|it| it["reason"].as_str()).unwrap_or_default();
        return Err(Error::Refused { status: *status, reason: reason.to_owned() });
    }
    match (document, command) {
        // No body is as good as one, where nothing is asked for.
        (
            None,
            VimCommand::HostCreate { .. }
            | VimCommand::HostEnable { .. }
            | VimCommand::HostDisable { .. }
            | VimCommand::InstanceCreate { .. },
        ) if body.is_empty() => Ok(CommandReply::Pass),
        (None, _) if !body.is_empty() => Err(not_understood(BodyError::NotAnObject)),
        _ => CommandReply::decode(command, body).map_err(not_understood),
    }
}
