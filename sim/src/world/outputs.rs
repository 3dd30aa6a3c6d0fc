//! Carries out what the core of guestServer wants, as its shell does.

use std::path::Path;

use guest_server::core::{ConnectError, GuestServer, Input, Key, Output, instance_of};
use protocol::channel::{ChallengeResponse, GuestMessage, Health, HostMessage, LogMsg};
use protocol::datagram::{Event, EventId};

use super::guest::Connected;
use super::sabotage::Sabotage;
use super::{Happening, Phase, Seen, World, link};
use crate::channel;

impl World {
    /// Takes outputs until there is none.
    pub(super) fn drain(&mut self) {
        while let Some(output) = self.host.core.as_mut().and_then(GuestServer::poll_output) {
            self.carry_out(output);
        }
        if std::mem::take(&mut self.host.scan_wanted) {
            self.scan();
        }
        while let Some((key, challenge)) = self.host.resurrected.pop() {
            self.resurrect(key, challenge);
        }
    }

    fn carry_out(&mut self, output: Output) {
        match output {
            Output::Send { key, first, sequence, message } => {
                self.send(key, first, sequence, &message);
            }
            Output::Connect(key, path) => self.connect(key, &path),
            Output::Close(key) => match self.instance_of(key) {
                Some(number) => self.hang_up(number),
                None => self.nonsense(0, "close without a connection"),
            },
            Output::PauseReading(key) => self.pause_reading(key, true),
            Output::ResumeReading(key) => self.pause_reading(key, false),
            Output::Report(_, event, id) if self.host.is_first(id) => self.report(event, id),
            Output::Report(_, event, id) => self.tell_agent(&event, id),
            Output::Scan => self.host.scan_wanted = true,
            Output::Note { about, note, .. } => {
                self.seen.push(Seen::Note { about: about.map(|(id, _)| id), note });
            }
        }
    }

    fn nonsense(&mut self, number: usize, why: &'static str) {
        self.seen.push(Seen::Nonsense { number, why });
    }

    fn connect(&mut self, key: Key, path: &Path) {
        let Some(number) = instance_of(path).and_then(|id| self.number_of(id)) else {
            return self.nonsense(0, "connect to a path that is no channel");
        };
        if self.instances[number].conn.is_some() || self.instance_of(key).is_some() {
            return self.nonsense(number, "connect while connected");
        }
        let result = self.instances[number].channel.host_connect();
        let input = match result {
            Ok(conn) => {
                self.connected(number, key, conn);
                Input::Connected(key)
            }
            Err(channel::ConnectError::NotFound) => Input::ConnectFailed(key, ConnectError::Gone),
            Err(channel::ConnectError::Refused | channel::ConnectError::WouldBlock) => {
                Input::ConnectFailed(key, ConnectError::Refused)
            }
        };
        if let Some(core) = self.host.core.as_mut() {
            core.handle(self.now, input);
        }
    }

    fn connected(&mut self, number: usize, key: Key, conn: channel::HostConn) {
        let connected = Connected { key, conn, paused: false, rest: Vec::new() };
        self.instances[number].conn = Some(connected);
        self.instances[number].see(self.now);
        if self.host.connected.len() <= key {
            self.host.connected.resize(key + 1, None);
        }
        self.host.connected[key] = Some(number);
        self.seen.push(Seen::Connected { number });
        self.wake_guest_soon(number);
        self.look_at_channel(number);
    }

    fn pause_reading(&mut self, key: Key, pause: bool) {
        let Some(number) = self.instance_of(key) else {
            return self.nonsense(0, "pause or resume without a connection");
        };
        let now = self.now;
        let instance = &mut self.instances[number];
        if let Some(connected) = &mut instance.conn {
            connected.paused = pause;
        }
        instance.see(now);
        if !pause {
            self.look_at_channel(number);
        }
    }

    fn send(&mut self, key: Key, first: bool, sequence: u32, message: &HostMessage) {
        let Some(number) = self.instance_of(key) else {
            return self.nonsense(0, "send without a connection");
        };
        self.see_sent(number, message);
        let mut bytes = std::mem::take(&mut self.scratch);
        bytes.clear();
        if first {
            bytes.extend_from_slice(b" \n");
        }
        message.encode(sequence, &mut bytes);
        self.write(number, &bytes);
        self.scratch = bytes;
        if self.sabotage == Some(Sabotage::Resurrect)
            && let HostMessage::Challenge { heartbeat_challenge } = message
        {
            self.host.resurrected.push((key, *heartbeat_challenge));
        }
    }

    /// Dropped if the channel takes nothing of it; the rest of what it takes a part of is kept.
    fn write(&mut self, number: usize, bytes: &[u8]) {
        let instance = &mut self.instances[number];
        let Some(connected) = &mut instance.conn else { return };
        if !connected.rest.is_empty() {
            return;
        }
        if let Ok(taken) = instance.channel.host_write(connected.conn, bytes) {
            connected.rest.extend_from_slice(&bytes[taken..]);
            self.wake_guest_soon(number);
        }
    }

    pub(super) fn send_rest(&mut self, number: usize) {
        let instance = &mut self.instances[number];
        let Some(connected) = instance.conn.as_mut().filter(|c| !c.rest.is_empty()) else { return };
        if let Ok(taken) = instance.channel.host_write(connected.conn, &connected.rest) {
            connected.rest.drain(..taken);
            self.wake_guest_soon(number);
        }
    }

    fn see_sent(&mut self, number: usize, message: &HostMessage) {
        let late = self.host.late;
        match message {
            HostMessage::Challenge { heartbeat_challenge } => {
                let value = *heartbeat_challenge;
                self.seen.push(Seen::Challenge { number, value, late });
                if self.sabotage == Some(Sabotage::Hasty) {
                    self.seen.push(Seen::Challenge { number, value, late });
                }
            }
            HostMessage::InitAck { .. } => self.seen.push(Seen::Acknowledged { number }),
            HostMessage::ActionNotify(notify) => {
                let (event, kind) = (notify.event_type, notify.notification_type);
                self.seen.push(Seen::Notified { number, event, kind });
            }
            HostMessage::Nack(_) | HostMessage::Exit(_) => {}
        }
    }

    fn report(&mut self, event: Event, id: Option<EventId>) {
        match (&event, self.sabotage) {
            (Event::Answer(_), Some(Sabotage::SwallowAnswers))
            | (Event::Loss { .. }, Some(Sabotage::SwallowLosses))
            | (Event::Stopped(_), Some(Sabotage::SwallowStops)) => return,
            (Event::Answer(_), Some(Sabotage::RepeatAnswers)) => self.say(event.clone(), id),
            (Event::Stopped(info), Some(Sabotage::ReportThoughOff)) if !info.reporting.is_on() => {
                let (hostname, uuid) = (info.hostname.clone(), info.uuid);
                self.say(event, id);
                return self.say(Event::Loss { hostname, uuid }, id);
            }
            _ => {}
        }
        self.say(event, id);
    }

    fn say(&mut self, event: Event, id: Option<EventId>) {
        self.tell_agent(&event, id);
        let phase = self.host.phase;
        self.seen.push(Seen::Report { event, phase, id });
    }

    /// As far as the network lets it through.
    fn tell_agent(&mut self, event: &Event, id: Option<EventId>) {
        let mut bytes = Vec::new();
        if let Some(outbox) = &mut self.outbox {
            event.encode_marked(id, &mut bytes);
            return outbox.push(bytes.into());
        }
        event.encode(&mut bytes);
        for delay in link::transmit(self.weather, &mut self.random) {
            self.queue.put(self.now + delay, Happening::ToAgent(bytes.clone().into()));
        }
    }

    /// Answers a challenge in the place of a guest that cannot.
    fn resurrect(&mut self, key: Key, challenge: u32) {
        let Some(number) = self.instance_of(key) else { return };
        if self.instances[number].truth().silent.is_none() {
            return;
        }
        let answer = ChallengeResponse {
            heartbeat_response: challenge,
            heartbeat_health: Health::Healthy,
            corrective_action: None,
            log_msg: LogMsg::default(),
        };
        let mut bytes = Vec::new();
        GuestMessage::ChallengeResponse(answer).encode(0, &mut bytes);
        self.host.phase = Phase::Reading(number);
        self.hand(Input::Received(key, &bytes));
    }
}
