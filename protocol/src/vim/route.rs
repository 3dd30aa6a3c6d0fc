//! The paths of the command receiver.
//!
//! They are taken as they come: nothing is percent-decoded and no dots are resolved, so a path that
//! tries to be clever is merely unknown.

/// What a path names. The uuids are as they stand in the path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Route<'a> {
    Host(&'a str),
    HostEnable(&'a str),
    HostDisable(&'a str),
    Instance(&'a str),
    Vote(&'a str),
    Notify(&'a str),
}

impl<'a> Route<'a> {
    /// `None` for a path that the agent does not have. A query string does not count.
    pub(super) fn parse(path: &'a str) -> Option<Self> {
        let path = path.split(['?', '#']).next().unwrap_or_default();
        let mut segments = path.strip_prefix("/v1/")?.split('/');
        let (kind, uuid) = (segments.next()?, segments.next()?);
        let (verb, rest) = (segments.next(), segments.next());
        if uuid.is_empty() || rest.is_some() {
            return None;
        }
        match (kind, verb) {
            ("hosts", None) => Some(Self::Host(uuid)),
            ("hosts", Some("enable")) => Some(Self::HostEnable(uuid)),
            ("hosts", Some("disable")) => Some(Self::HostDisable(uuid)),
            ("instances", None) => Some(Self::Instance(uuid)),
            ("instances", Some("vote")) => Some(Self::Vote(uuid)),
            ("instances", Some("notify")) => Some(Self::Notify(uuid)),
            _ => None,
        }
    }

    pub(super) fn methods(self) -> &'static [&'static str] {
        match self {
            Self::Host(_) => &["GET", "POST", "DELETE"],
            Self::HostEnable(_) => &["PUT"],
            Self::HostDisable(_) => &["GET", "PUT"],
            Self::Instance(_) => &["GET", "POST", "PATCH", "DELETE"],
            Self::Vote(_) | Self::Notify(_) => &["POST"],
        }
    }
}

/// The methods that a path of the command receiver has, for the `Allow` header of a 405; none if
/// the path is unknown.
pub fn allowed_methods(path: &str) -> &'static [&'static str] {
    Route::parse(path).map(Route::methods).unwrap_or_default()
}
