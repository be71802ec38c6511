//! What a job may do, as a list of named capabilities, and what a new revision may do that an old one could not.
//!
//! All powers that a manifest asks for are here, whether a host gives them or not: what is approved has to hold on every
//! host. A capability's name says all of it in one line without spaces, and stays the same for as long as the power does, so
//! that a name can be approved and the approval signed. Of two capabilities one may cover the other, by the rules that are
//! asked when a job uses it: [`crate::egress`] for requests, [`crate::configuration`] for keys, [`crate::limits`].
//!
//! What every job has, such as the default limits, is compared like all else and listed nowhere.

mod difference;
mod powers;
mod schema;

pub use difference::{
    Difference, Narrowing, NoWidening, NotAllowed, Note, PAYLOAD_SCHEMA, RESULT_SCHEMA, Widening,
};
pub use schema::SchemaChange;

use crate::catalog::ModuleDescription;
use crate::configuration::From;
use crate::egress::covers_prefix;
use crate::job_name::JobName;
use crate::limits::Limit;
use crate::manifest::{Access, Destination, KeyRule, Place};
use crate::rate::RateLimit;
use powers::Powers;
use std::fmt;

/// Something that a job may do. Printed as its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Capability {
    power: Power,
    /// Whether the job can do without, so that a host which does not give it runs the job all the same.
    is_optional: bool,
}

/// What can be done.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Power {
    /// To be asked for by this source.
    Source(String),
    /// To get the value of a configuration key.
    Key { key: String, from: From, sight: Sight },
    /// To use a mount.
    Files { mount: JobName, access: Access },
    /// To send requests whose path begins like this; none for any path.
    Http { method: String, to: Destination, path: Option<String> },
    /// To ask for tasks of a job.
    Schedule(JobName),
    /// As much of a limit, in its unit.
    Limit(Limit, u64),
    /// As many attempts at a task.
    Attempts(u32),
    /// As many attempts at a time; none for as many as the host has room for.
    Concurrency(Option<u32>),
    /// As many attempts at a time of tasks with the same key; none if nothing keeps them apart.
    ConcurrencyOfKey(Option<KeyRule>),
    /// As many tasks taken in a time; none for as many as are asked for.
    Rate(Option<RateLimit>),
    /// To run tasks that were accepted for another revision.
    NewestRevision,
}

/// What a job sees of a value.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Sight {
    /// The value, which is shown wherever the job puts it.
    Plain,
    /// The value, masked wherever it is shown.
    Masked,
    /// A placeholder: the value goes there, in these places of a request, sorted.
    Sent { to: Destination, places: Vec<Place> },
}

/// What the job may do beyond what every job may: sorted by kind and name, and none that another of them covers.
pub fn capabilities(description: &ModuleDescription) -> Vec<Capability> {
    Powers::of(&description.manifest).beyond(&Powers::of_every_job()).cloned().collect()
}

impl Capability {
    /// What may be done, in words: one line.
    pub fn about(&self) -> String {
        let about = self.power.about();
        if self.is_optional { format!("{about}, if the host gives it") } else { about }
    }

    /// Whether whoever has this has `other` too.
    pub fn covers(&self, other: &Self) -> bool {
        self.power.covers(&other.power)
    }
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.power.fmt(f)
    }
}

impl Power {
    fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Source(own), Self::Source(other)) => own == other,
            (
                Self::Key { key, from, sight },
                Self::Key { key: other_key, from: other_from, sight: other_sight },
            ) => {
                // From either: whoever asks can choose which of both it is.
                key == other_key && (*from == From::Either || from == other_from) && sight.covers(other_sight)
            }
            (Self::Files { mount, access }, Self::Files { mount: other_mount, access: other_access }) => {
                mount == other_mount && access >= other_access
            }
            (
                Self::Http { method, to, path },
                Self::Http { method: other_method, to: other_to, path: other_path },
            ) => {
                let covers_path = match (path, other_path) {
                    (None, _) => true,
                    (Some(_), None) => false,
                    (Some(own), Some(other)) => covers_prefix(own, other),
                };
                method == other_method && covers_destination(to, other_to) && covers_path
            }
            (Self::Schedule(own), Self::Schedule(other)) => own == other,
            (Self::Limit(limit, most), Self::Limit(other, other_most)) => {
                limit == other && most >= other_most
            }
            (Self::Attempts(most), Self::Attempts(other)) => most >= other,
            (Self::Concurrency(own), Self::Concurrency(other)) => {
                is_unbounded_or(own.as_ref(), other.as_ref(), |own, other| own >= other)
            }
            (Self::ConcurrencyOfKey(own), Self::ConcurrencyOfKey(other)) => {
                is_unbounded_or(own.as_ref(), other.as_ref(), |own, other| {
                    own.pointer == other.pointer && own.running_max >= other.running_max
                })
            }
            (Self::Rate(own), Self::Rate(other)) => {
                is_unbounded_or(own.as_ref(), other.as_ref(), |own, other| other.is_within(*own))
            }
            (Self::NewestRevision, Self::NewestRevision) => true,
            _ => false,
        }
    }

    fn about(&self) -> String {
        match self {
            Self::Source(source) => match source.strip_prefix("job:") {
                Some(job) => format!("the job `{job}` may ask for it"),
                None => format!("`{source}` may ask for it"),
            },
            Self::Key { key, from, sight } => {
                let value = match from {
                    From::Envelope => format!("what the envelope has for `{key}`"),
                    From::Host => format!("what the host has for `{key}`"),
                    From::Either => format!("what the envelope, or else the host, has for `{key}`"),
                };
                match sight {
                    Sight::Plain => format!("sees {value}, which is shown as it is"),
                    Sight::Masked => format!("sees {value}, masked wherever it is shown"),
                    Sight::Sent { to, places } => {
                        format!("sends {value} to {} in {}, unseen", destination(to), joined(places, " or "))
                    }
                }
            }
            Self::Files { mount, access: Access::Read } => format!("reads the mount `{mount}`"),
            Self::Files { mount, access: Access::ReadWrite } => {
                format!("reads and writes the mount `{mount}`")
            }
            Self::Http { method, to, path: None } => {
                format!("sends {method} requests to {}, any path", destination(to))
            }
            Self::Http { method, to, path: Some(path) } => {
                format!("sends {method} requests to {}, `{path}` and below", destination(to))
            }
            Self::Schedule(job) => format!("asks for tasks of the job `{job}`"),
            Self::Limit(limit, most) => format!("`{}` up to {}", limit.spec().key, limit.format(*most)),
            Self::Attempts(most) => format!("up to {most} attempts at a task"),
            Self::Concurrency(None) => "any number of attempts at a time".to_owned(),
            Self::Concurrency(Some(most)) => format!("up to {most} attempts at a time"),
            Self::ConcurrencyOfKey(None) => {
                "any number of attempts at a time, whatever their payloads have in common".to_owned()
            }
            Self::ConcurrencyOfKey(Some(rule)) => format!(
                "up to {} at a time of the attempts with the same `{}` in their payload",
                rule.running_max, rule.pointer
            ),
            Self::Rate(None) => "any number of tasks are taken".to_owned(),
            Self::Rate(Some(rate)) => format!("{rate} are taken"),
            Self::NewestRevision => "runs tasks that were accepted for former revisions".to_owned(),
        }
    }

    /// What is compared with each other: kind and subject. No power covers one of another subject.
    fn subject(&self) -> (u8, &str) {
        match self {
            Self::Source(source) => (0, source),
            Self::Key { key, .. } => (1, key),
            Self::Files { mount, .. } => (2, mount.as_str()),
            Self::Http { method, .. } => (3, method),
            Self::Schedule(job) => (4, job.as_str()),
            Self::Limit(limit, _) => (5, limit.spec().key),
            Self::Attempts(_) => (6, ""),
            Self::Concurrency(_) => (7, ""),
            Self::ConcurrencyOfKey(_) => (8, ""),
            Self::Rate(_) => (9, ""),
            Self::NewestRevision => (10, ""),
        }
    }

    /// Whether every job has as much of it or less, rather than having it or not.
    fn is_a_quantity(&self) -> bool {
        matches!(
            self,
            Self::Limit(..)
                | Self::Attempts(_)
                | Self::Concurrency(_)
                | Self::ConcurrencyOfKey(_)
                | Self::Rate(_)
        )
    }
}

/// Without a bound on one's own everything is covered, and without one on the other side nothing else is.
fn is_unbounded_or<T>(own: Option<&T>, other: Option<&T>, covers: impl Fn(&T, &T) -> bool) -> bool {
    match (own, other) {
        (None, _) => true,
        (Some(_), None) => false,
        (Some(own), Some(other)) => covers(own, other),
    }
}

impl Sight {
    fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            // Whoever sees a value can send it wherever requests may go.
            (Self::Plain, _) | (Self::Masked, Self::Masked | Self::Sent { .. }) => true,
            (Self::Sent { to, places }, Self::Sent { to: other_to, places: other_places }) => {
                covers_destination(to, other_to) && other_places.iter().all(|place| places.contains(place))
            }
            _ => false,
        }
    }
}

/// Where a key leads is for the host to say, so only the same key leads to the same place.
fn covers_destination(own: &Destination, other: &Destination) -> bool {
    match (own, other) {
        (Destination::Origin(own), Destination::Origin(other)) => own.covers(other),
        (Destination::Key(own), Destination::Key(other)) => own == other,
        _ => false,
    }
}

fn destination(to: &Destination) -> String {
    match to {
        Destination::Origin(pattern) => pattern.to_string(),
        Destination::Key(key) => format!("where `{key}` leads"),
    }
}

fn joined(places: &[Place], between: &str) -> String {
    places.iter().map(|place| place.as_str()).collect::<Vec<_>>().join(between)
}

impl fmt::Display for Power {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Source(source) => write!(f, "source:{source}"),
            Self::Key { key, from, sight } => {
                write!(f, "configuration:{key}:{}:", from.as_str())?;
                match sight {
                    Sight::Plain => f.write_str("in-plain"),
                    Sight::Masked => f.write_str("masked"),
                    Sight::Sent { to, places } => write!(f, "only-to={to}:in={}", joined(places, ",")),
                }
            }
            Self::Files { mount, access } => write!(f, "files:{mount}:{}", access.as_str()),
            Self::Http { method, to, path } => {
                write!(f, "http:{method}:{to}{}", path.as_deref().unwrap_or_default())
            }
            Self::Schedule(job) => write!(f, "schedule:{job}"),
            Self::Limit(limit, most) => {
                write!(f, "limit:{}={}", limit.spec().key, limit.format(*most).replace(' ', ""))
            }
            Self::Attempts(most) => write!(f, "retry:max-attempts={most}"),
            Self::Concurrency(None) => f.write_str("run:max-concurrency=none"),
            Self::Concurrency(Some(most)) => write!(f, "run:max-concurrency={most}"),
            Self::ConcurrencyOfKey(None) => f.write_str("run:concurrency-key=none"),
            Self::ConcurrencyOfKey(Some(rule)) => {
                write!(f, "run:concurrency-key={}:{}", one_word(rule.pointer.as_str()), rule.running_max)
            }
            Self::Rate(None) => f.write_str("run:rate-limit=none"),
            Self::Rate(Some(rate)) => write!(f, "run:rate-limit={}", rate.as_word()),
            Self::NewestRevision => f.write_str("run:revision=newest"),
        }
    }
}

/// A pointer may hold any character; a name holds none that a shell or a reader could take for its end.
fn one_word(text: &str) -> String {
    let mut word = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_graphic() && byte != b'%' {
            word.push(char::from(byte));
        } else {
            word.push_str(&format!("%{byte:02X}"));
        }
    }
    word
}
