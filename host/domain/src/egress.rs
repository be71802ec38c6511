//! Where one attempt may send requests, and where its secrets may go with them.
//!
//! A request needs a grant of the manifest *and* an entry of the settings. Grants that name a configuration key are
//! resolved for each attempt; what they resolve to must be inside the settings' list all the same. Everything here is
//! decided before a name is resolved or a connection is made; the rule for addresses is in [`crate::address`].

use crate::configuration::{From, Granted};
use crate::denial::{Denial, DeniedRequest};
use crate::manifest::{Destination, HttpGrant, Manifest, Place};
use crate::origin::{BaseUrl, Origin, OriginError, OriginPattern};
use secrecy::ExposeSecret;

/// The requests that one attempt may send.
#[derive(Clone, Debug, Default)]
pub struct Egress {
    rules: Vec<Rule>,
    allow: Vec<OriginPattern>,
}

/// A grant whose destination is known.
#[derive(Clone, Debug)]
struct Rule {
    to: OriginPattern,
    methods: Vec<String>,
    /// Whole prefixes, those of a base URL included; empty for all paths.
    paths: Vec<String>,
    /// As the manifest names the destination.
    written: String,
}

/// Why the manifest's grants cannot be given to an attempt.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EgressRefusal {
    /// The settings allow no origin that the grant names.
    #[error("`{job}` requires requests to `{origin}`, the host's settings do not allow that origin")]
    NotAllowed {
        /// The job.
        job: String,
        /// What the grant names.
        origin: String,
    },
    /// The grant's key has no value.
    #[error("`{job}` requires requests to the origin in the configuration key `{key}`, which has no value")]
    Unset {
        /// The job.
        job: String,
        /// The key.
        key: String,
        /// Where its value may come from.
        from: From,
    },
    /// The value of the grant's key is no URL that requests could begin with.
    #[error("the configuration key `{key}` of `{job}` is no origin: {problem}")]
    NotAnOrigin {
        /// The job.
        job: String,
        /// The key; never its value.
        key: String,
        /// What is wrong with the value.
        problem: OriginError,
    },
}

impl Egress {
    /// The rules of one attempt. Without a `configuration` grants that name a key are left out, which is enough to say
    /// whether the host could run the job.
    ///
    /// # Errors
    /// The first required grant that is not given. Optional ones are absent, except where their key's value makes no sense.
    pub fn resolve(
        manifest: &Manifest,
        configuration: Option<&Granted>,
        allow: &[OriginPattern],
    ) -> Result<Self, EgressRefusal> {
        let job = || manifest.job.name.to_string();
        let mut rules = Vec::new();
        for grant in &manifest.grants.http {
            let (to, base) = match &grant.to {
                Destination::Origin(pattern) => (pattern.clone(), String::new()),
                Destination::Key(key) => {
                    let Some(configuration) = configuration else { continue };
                    match configuration.get(key) {
                        Some(value) => {
                            let url = BaseUrl::parse(value.value.expose_secret()).map_err(|problem| {
                                EgressRefusal::NotAnOrigin { job: job(), key: key.clone(), problem }
                            })?;
                            (OriginPattern::exactly(url.origin), url.path)
                        }
                        None if grant.optional => continue,
                        None => {
                            let from =
                                manifest.configuration.get(key).map(|named| named.from).unwrap_or_default();
                            return Err(EgressRefusal::Unset { job: job(), key: key.clone(), from });
                        }
                    }
                }
            };
            if !grant.optional && !allow.iter().any(|allowed| allowed.overlaps(&to)) {
                return Err(EgressRefusal::NotAllowed { job: job(), origin: to.to_string() });
            }
            rules.push(Rule::new(grant, to, &base));
        }
        Ok(Self { rules, allow: allow.to_vec() })
    }

    /// The destinations that the settings allow, as they resolved.
    pub fn destinations(&self) -> Vec<String> {
        let allowed = |rule: &&Rule| self.allow.iter().any(|allowed| allowed.overlaps(&rule.to));
        self.rules.iter().filter(allowed).map(|rule| rule.to.to_string()).collect()
    }

    /// Whether a request may be sent.
    ///
    /// # Errors
    /// The rule that it breaks.
    pub fn check(&self, method: &str, origin: &Origin, path: &str) -> Result<(), Box<Denial>> {
        let of_origin: Vec<&Rule> = self.rules.iter().filter(|rule| rule.to.matches(origin)).collect();
        let request =
            || DeniedRequest { method: method.to_owned(), origin: origin.clone(), path: path.to_owned() };
        if of_origin.is_empty() {
            return Err(Box::new(Denial::Origin { request: request() }));
        }
        if climbs(path) {
            return Err(Box::new(Denial::Climbs { request: request() }));
        }
        let of_method: Vec<&&Rule> =
            of_origin.iter().filter(|rule| rule.methods.iter().any(|allowed| allowed == method)).collect();
        if of_method.is_empty() {
            let granted = union(&of_origin, |rule| &rule.methods);
            return Err(Box::new(Denial::Method {
                request: request(),
                to: of_origin[0].written.clone(),
                granted,
            }));
        }
        let fits =
            |rule: &Rule| rule.paths.is_empty() || rule.paths.iter().any(|prefix| begins(path, prefix));
        if !of_method.iter().any(|rule| fits(rule)) {
            let granted = union(&of_origin, |rule| &rule.paths);
            return Err(Box::new(Denial::Path {
                request: request(),
                to: of_method[0].written.clone(),
                granted,
            }));
        }
        if !self.allow.iter().any(|allowed| allowed.matches(origin)) {
            return Err(Box::new(Denial::Settings { request: request() }));
        }
        Ok(())
    }
}

fn union<'a>(rules: &[&'a Rule], of: impl Fn(&'a Rule) -> &'a Vec<String>) -> Vec<String> {
    let mut all: Vec<String> = rules.iter().flat_map(|rule| of(rule)).cloned().collect();
    all.sort_unstable();
    all.dedup();
    all
}

impl Rule {
    fn new(grant: &HttpGrant, to: OriginPattern, base: &str) -> Self {
        // A base path is a prefix by itself: whoever gave the URL meant nothing beside it.
        let paths = if grant.paths.is_empty() && !base.is_empty() {
            vec![base.to_owned()]
        } else {
            grant.paths.iter().map(|path| format!("{base}{path}")).collect()
        };
        Self { to, methods: grant.methods.clone(), paths, written: grant.to.to_string() }
    }
}

/// Whether `path` is `prefix` or lies below it: `/streams` is no prefix of `/streams-of-others`.
fn begins(path: &str, prefix: &str) -> bool {
    let prefix = prefix.strip_suffix('/').unwrap_or(prefix);
    path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Whether every path that begins with `inner` begins with `outer` too.
pub(crate) fn covers_prefix(outer: &str, inner: &str) -> bool {
    begins(inner.strip_suffix('/').unwrap_or(inner), outer)
}

/// Rounds of percent-encoding that are looked through. A path that still changes then is no path that anybody means.
const ENCODINGS_MAX: usize = 3;

/// Whether some server could read a path as going up, or as another path: `..` in any spelling, control characters and
/// bytes that are no text, which some cut a path at or read as dots. A prefix would mean nothing then.
fn climbs(path: &str) -> bool {
    let mut path = path.to_owned();
    for _ in 0..=ENCODINGS_MAX {
        let is_dots = |segment: &str| {
            // Parameters of a segment (`..;x`) are dropped by some servers before they resolve dots, spaces after it too.
            let name = segment.split(';').next().unwrap_or(segment).trim();
            name == "." || name == ".."
        };
        let escapes_otherwise = path.contains("%u") || path.contains("%U");
        if escapes_otherwise || path.chars().any(char::is_control) || path.split(['/', '\\']).any(is_dots) {
            return true;
        }
        match decode(&path) {
            Some(decoded) if decoded == path => return false,
            Some(decoded) => path = decoded,
            None => return true,
        }
    }
    true
}

/// One round of percent-encoding undone; none where that is no text.
fn decode(path: &str) -> Option<String> {
    let bytes = path.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let escape = path.get(at + 1..at + 3).filter(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()));
        let escaped =
            escape.filter(|_| bytes[at] == b'%').and_then(|digits| u8::from_str_radix(digits, 16).ok());
        decoded.push(escaped.unwrap_or(bytes[at]));
        at += if escaped.is_some() { 3 } else { 1 };
    }
    String::from_utf8(decoded).ok()
}

/// Where one secret with `only-to` may go in one attempt.
#[derive(Clone, Debug)]
pub struct SecretRoute {
    /// The secret's key.
    pub key: String,
    /// The origins.
    pub only_to: Vec<OriginPattern>,
    /// The origins as the manifest names them.
    pub written: Vec<String>,
    /// The places.
    pub places: Vec<Place>,
}

/// The routes of the secrets that have some. A key whose value is no origin leads nowhere.
pub fn secret_routes(manifest: &Manifest, configuration: &Granted) -> Vec<SecretRoute> {
    let origin = |destination: &Destination| match destination {
        Destination::Origin(pattern) => Some(pattern.clone()),
        Destination::Key(key) => {
            let url = BaseUrl::parse(configuration.get(key)?.value.expose_secret()).ok()?;
            Some(OriginPattern::exactly(url.origin))
        }
    };
    let routes = manifest.configuration.iter().filter(|(_, grant)| !grant.only_to.is_empty());
    routes
        .map(|(key, grant)| SecretRoute {
            key: key.clone(),
            only_to: grant.only_to.iter().filter_map(origin).collect(),
            written: grant.only_to.iter().map(Destination::to_string).collect(),
            places: grant.places.clone(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_ends_at_a_segment() {
        for (path, prefix, expected) in [
            ("/streams", "/streams", true),
            ("/streams/1", "/streams", true),
            ("/streams/1", "/streams/", true),
            ("/streams-of-others", "/streams", false),
            ("/", "/", true),
            ("/x", "/", true),
        ] {
            assert_eq!(begins(path, prefix), expected, "{path} {prefix}");
        }
    }

    #[test]
    fn a_path_that_some_server_reads_as_going_up_climbs() {
        for path in [
            "/a/../b",
            "/a/%2e%2E/b",
            "/a/%2e./b",
            "/a%2f..%2fb",
            "/a/..;x/b",
            "/a/%252e%252e/b",
            "/a\\..\\b",
            "/./a",
            "/a/..%00/b",
            "/a/%2e%2e%20/b",
            "/a/..%09/b",
            "/a/%c0%ae%c0%ae/b",
            "/a/%u002e%u002e/b",
            "/a/%25252525252e",
        ] {
            assert!(climbs(path), "{path}");
        }
        // Each byte is looked at a few times, however it is encoded.
        assert!(climbs(&format!("/%{}", "25".repeat(1 << 20))));
        for path in ["/", "/a/..b/c", "/a/b.", "/a%2fb", "/...", "/%", "/%zz", "/100%25"] {
            assert!(!climbs(path), "{path}");
        }
    }
}
