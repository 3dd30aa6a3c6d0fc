//! What a person at a keyboard tells the VIM: one order a line.

use std::time::Duration;

use protocol::InstanceId;
use protocol::channel::EventType;
use protocol::datagram::{Hostname, Switch};
use protocol::vim::VimCommand;

use super::Manner;
use super::view::View;

/// What there is.
pub const HELP: &str = "\
create NAME=UUID       add a host and tell the agent
create HOST            tell the agent about a host again
create UUID HOST       add an instance on a host and tell the agent
enable HOST|UUID       have failures reported, of a host (name or uuid) or an instance
disable HOST|UUID      have them not reported
query HOST|UUID        ask the agent
delete HOST|UUID       remove it and tell the agent
vote UUID EVENT        ask a guest; notify UUID EVENT: tell it
away [SECONDS]         refuse connections; back: take them again
slow SECONDS           answer late; also garbage, wrong-types, fail (500), hang (never close),
                       reset; normal: as it should be
show                   print the hosts and instances
help; quit, once everything ordered is done";

/// An order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Order {
    /// Send this.
    Command(VimCommand),
    /// Send this and wait for the guest's answer.
    Ask(VimCommand),
    /// Refuse connections, for a time or until [`Order::Back`].
    Away(Option<Duration>),
    /// Take connections.
    Back,
    /// Answer requests in this manner.
    Manner(Manner),
    /// Print the hosts and instances.
    Show,
    /// Print [`HELP`].
    Help,
    /// End.
    Quit,
}

/// Why a line is no order.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotAnOrder {
    /// No such word.
    #[error("`{0}` is no order; `help` lists them")]
    Unknown(String),
    /// Too few or too many words, or not the right ones.
    #[error("expected `{0}`")]
    Usage(&'static str),
    /// Neither a host nor an instance.
    #[error("`{0}` is neither a host nor an instance here; `show` lists them")]
    NoTarget(String),
    /// Not a host.
    #[error("`{0}` is no host here; `show` lists them")]
    NoHost(String),
    /// Not an event.
    #[error("`{0}` is no event; there are {events}", events = events())]
    NoEvent(String),
    /// Not a uuid.
    #[error("`{0}` is not a uuid of 36 letters, digits and dashes")]
    NoUuid(String),
    /// Not a time.
    #[error("`{0}` is not a number of seconds up to a day")]
    NoTime(String),
}

/// Reads a line; names are those of the view. `None` for an empty one.
pub fn parse(line: &str, view: &View) -> Result<Option<Order>, NotAnOrder> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let Some((order, words)) = words.split_first() else { return Ok(None) };
    let order = match (*order, words) {
        ("create", [name]) => create_host(view, name)?,
        ("create", [uuid, host]) => create_instance(view, uuid, host)?,
        ("create", _) => return Err(NotAnOrder::Usage("create NAME=UUID, HOST or UUID HOST")),
        ("enable" | "disable" | "query" | "delete", [name]) => {
            Order::Command(about(order, Target::find(view, name)?))
        }
        ("enable", _) => return Err(NotAnOrder::Usage("enable HOST|UUID")),
        ("disable", _) => return Err(NotAnOrder::Usage("disable HOST|UUID")),
        ("query", _) => return Err(NotAnOrder::Usage("query HOST|UUID")),
        ("delete", _) => return Err(NotAnOrder::Usage("delete HOST|UUID")),
        ("vote" | "notify", [uuid, event]) => ask(view, order, uuid, event)?,
        ("vote", _) => return Err(NotAnOrder::Usage("vote UUID EVENT")),
        ("notify", _) => return Err(NotAnOrder::Usage("notify UUID EVENT")),
        ("away", []) => Order::Away(None),
        ("away", [time]) => Order::Away(Some(seconds(time)?)),
        ("away", _) => return Err(NotAnOrder::Usage("away [SECONDS]")),
        ("slow", [time]) => Order::Manner(Manner::Slow(seconds(time)?)),
        ("slow", _) => return Err(NotAnOrder::Usage("slow SECONDS")),
        (word, []) => alone(word)?,
        (word, _) if alone(word).is_ok() => return Err(NotAnOrder::Usage("that word alone")),
        (word, _) => return Err(NotAnOrder::Unknown(word.to_owned())),
    };
    Ok(Some(order))
}

fn alone(word: &str) -> Result<Order, NotAnOrder> {
    Ok(match word {
        "back" => Order::Back,
        "normal" => Order::Manner(Manner::Normal),
        "garbage" => Order::Manner(Manner::Garbage),
        "wrong-types" => Order::Manner(Manner::WrongTypes),
        "fail" => Order::Manner(Manner::Fail),
        "hang" => Order::Manner(Manner::Hang),
        "reset" => Order::Manner(Manner::Reset),
        "show" => Order::Show,
        "help" => Order::Help,
        "quit" => Order::Quit,
        _ => return Err(NotAnOrder::Unknown(word.to_owned())),
    })
}

/// A host or an instance of the view.
enum Target {
    Host(InstanceId, Hostname),
    Instance(InstanceId, Hostname),
}

impl Target {
    fn find(view: &View, name: &str) -> Result<Self, NotAnOrder> {
        let uuid = view.host_named(name).or_else(|| InstanceId::new(name).ok());
        let uuid = uuid.ok_or_else(|| NotAnOrder::NoTarget(name.to_owned()))?;
        if let Some(host) = view.hosts().get(&uuid) {
            return Ok(Self::Host(uuid, host.hostname.clone()));
        }
        let instance = view.instances().get(&uuid);
        let instance = instance.ok_or_else(|| NotAnOrder::NoTarget(name.to_owned()))?;
        Ok(Self::Instance(uuid, instance.hostname.clone()))
    }
}

fn about(order: &str, target: Target) -> VimCommand {
    let set = |uuid, hostname, reporting| VimCommand::InstanceSet { uuid, hostname, reporting };
    match (order, target) {
        ("enable", Target::Host(uuid, hostname)) => VimCommand::HostEnable { uuid, hostname },
        ("disable", Target::Host(uuid, hostname)) => VimCommand::HostDisable { uuid, hostname },
        ("query", Target::Host(uuid, _)) => VimCommand::HostQuery { uuid },
        (_, Target::Host(uuid, _)) => VimCommand::HostDelete { uuid: Some(uuid) },
        ("enable", Target::Instance(uuid, hostname)) => set(uuid, hostname, Switch::Enabled),
        ("disable", Target::Instance(uuid, hostname)) => set(uuid, hostname, Switch::Disabled),
        ("query", Target::Instance(uuid, _)) => VimCommand::InstanceQuery { uuid },
        (_, Target::Instance(uuid, _)) => VimCommand::InstanceDelete { uuid },
    }
}

fn create_host(view: &View, text: &str) -> Result<Order, NotAnOrder> {
    let (uuid, hostname) = if let Some((name, id)) = text.split_once('=') {
        (uuid(id)?, Hostname::new(name))
    } else {
        let host = view.host_named(text).ok_or_else(|| NotAnOrder::NoHost(text.to_owned()))?;
        (host, Hostname::new(text))
    };
    Ok(Order::Command(VimCommand::HostCreate { uuid, hostname }))
}

fn create_instance(view: &View, id: &str, host: &str) -> Result<Order, NotAnOrder> {
    view.host_named(host).ok_or_else(|| NotAnOrder::NoHost(host.to_owned()))?;
    let (uuid, hostname) = (uuid(id)?, Hostname::new(host));
    Ok(Order::Command(VimCommand::InstanceCreate { uuid, hostname }))
}

fn ask(view: &View, order: &str, id: &str, event: &str) -> Result<Order, NotAnOrder> {
    let uuid = uuid(id)?;
    let instance = view.instances().get(&uuid);
    let instance = instance.ok_or_else(|| NotAnOrder::NoTarget(id.to_owned()))?;
    let hostname = instance.hostname.clone();
    let action = EventType::from_word(event).filter(|event| *event != EventType::Unknown);
    let action = action.ok_or_else(|| NotAnOrder::NoEvent(event.to_owned()))?;
    Ok(Order::Ask(match order {
        "vote" => VimCommand::Vote { uuid, hostname, action },
        _ => VimCommand::Notify { uuid, hostname, action },
    }))
}

fn uuid(text: &str) -> Result<InstanceId, NotAnOrder> {
    InstanceId::new(text).map_err(|_| NotAnOrder::NoUuid(text.to_owned()))
}

fn seconds(text: &str) -> Result<Duration, NotAnOrder> {
    let seconds = text.parse().ok().filter(|seconds| (0.0..=86_400.0).contains(seconds));
    seconds.map(Duration::from_secs_f64).ok_or_else(|| NotAnOrder::NoTime(text.to_owned()))
}

fn events() -> String {
    let known = EventType::ALL.iter().filter(|event| **event != EventType::Unknown);
    known.map(|event| event.as_str()).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view() -> View {
        let mut view = View::default();
        view.put_host(InstanceId::numbered(1), "compute-0".into(), Switch::Enabled);
        view.put_instance(InstanceId::numbered(2), "compute-0".into(), Switch::Enabled);
        view
    }

    const HOST: &str = "00000000-0000-4000-8000-000000000001";
    const INSTANCE: &str = "00000000-0000-4000-8000-000000000002";
    const OTHER: &str = "00000000-0000-4000-8000-000000000003";

    fn order(line: &str) -> Result<Option<Order>, NotAnOrder> {
        parse(line, &view())
    }

    fn sends(line: &str) -> String {
        match order(line) {
            Ok(Some(Order::Command(command) | Order::Ask(command))) => {
                format!("{} {}", command.method(), command.path())
            }
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn a_host_is_named_by_its_name_or_its_uuid() {
        assert_eq!(sends("enable compute-0"), format!("PUT /v1/hosts/{HOST}/enable"));
        assert_eq!(sends(&format!("disable {HOST}")), format!("PUT /v1/hosts/{HOST}/disable"));
        assert_eq!(sends("query compute-0"), format!("GET /v1/hosts/{HOST}/disable"));
        assert_eq!(sends("delete compute-0"), format!("DELETE /v1/hosts/{HOST}"));
        assert_eq!(sends("create compute-0"), format!("POST /v1/hosts/{HOST}"));
        assert_eq!(sends(&format!("create new={OTHER}")), format!("POST /v1/hosts/{OTHER}"));
    }

    #[test]
    fn an_instance_is_named_by_its_uuid() {
        let path = format!("/v1/instances/{INSTANCE}");
        assert_eq!(sends(&format!("enable {INSTANCE}")), format!("PATCH {path}"));
        assert_eq!(sends(&format!("query {INSTANCE}")), format!("GET {path}"));
        assert_eq!(sends(&format!("delete {INSTANCE}")), format!("DELETE {path}"));
        assert_eq!(sends(&format!("vote {INSTANCE} reboot")), format!("POST {path}/vote"));
        assert_eq!(sends(&format!("notify {INSTANCE} stop")), format!("POST {path}/notify"));
        let created = sends(&format!("create {OTHER} compute-0"));
        assert_eq!(created, format!("POST /v1/instances/{OTHER}"));
    }

    #[test]
    fn moods_and_times_are_read() {
        let manner = |manner| Ok(Some(Order::Manner(manner)));
        assert_eq!(order("away 10"), Ok(Some(Order::Away(Some(Duration::from_secs(10))))));
        assert_eq!(order(" away "), Ok(Some(Order::Away(None))));
        assert_eq!(order("slow 0.5"), manner(Manner::Slow(Duration::from_millis(500))));
        assert_eq!(order("garbage"), manner(Manner::Garbage));
        assert_eq!(order("normal"), manner(Manner::Normal));
        assert_eq!(order("  "), Ok(None));
        assert_eq!(order("quit"), Ok(Some(Order::Quit)));
    }

    #[test]
    fn a_bad_line_says_what_is_wrong_with_it() {
        for (line, said) in [
            ("explode", "`explode` is no order; `help` lists them"),
            ("explode now", "`explode` is no order; `help` lists them"),
            ("quit now", "expected `that word alone`"),
            ("enable", "expected `enable HOST|UUID`"),
            ("enable compute-9", "`compute-9` is neither a host nor an instance here"),
            (&format!("delete {OTHER}"), "is neither a host nor an instance here"),
            ("create compute-9", "`compute-9` is no host here"),
            ("create x=7", "`7` is not a uuid"),
            (&format!("create {OTHER} compute-9"), "`compute-9` is no host here"),
            (&format!("vote {INSTANCE}"), "expected `vote UUID EVENT`"),
            (&format!("vote {INSTANCE} unknown"), "`unknown` is no event; there are stop, reboot"),
            (&format!("notify {OTHER} stop"), "is neither a host nor an instance here"),
            ("away soon", "`soon` is not a number of seconds"),
            ("slow -1", "`-1` is not a number of seconds"),
            ("slow nan", "`nan` is not a number of seconds"),
        ] {
            let error = order(line).unwrap_err().to_string();
            assert!(error.contains(said), "{line}: {error}");
        }
    }
}
