//! Origins: scheme, host and port, as manifests and settings name them and as requests are sent to them.
//!
//! There is one way to write a host. What two programs could read differently is refused rather than interpreted:
//! numbers that some systems take for an address, a trailing dot, characters beyond ASCII, a user name before the host.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

/// Bytes of a host name (RFC 1035 §2.3.4, without the root's dot) and of one label.
const NAME_BYTES_MAX: usize = 253;
const LABEL_BYTES_MAX: usize = 63;

/// How a server is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scheme {
    /// Plain.
    Http,
    /// Over TLS.
    Https,
}

impl Scheme {
    /// As in a URL.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    /// The port where a URL names none.
    pub fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

/// Where a request goes: a name to be resolved, or an address.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Host {
    /// Lower case, without a trailing dot.
    Name(String),
    /// Written as four decimal numbers.
    V4(Ipv4Addr),
    /// Written in brackets.
    V6(Ipv6Addr),
}

/// A server: scheme, host and port.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Origin {
    /// The scheme.
    pub scheme: Scheme,
    /// The host.
    pub host: Host,
    /// The port, whether the URL named it or not.
    pub port: u16,
}

/// An origin as a manifest or the settings name it: one, or with `*.` all below a name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct OriginPattern {
    origin: Origin,
    /// Whether it stands for every name below the host, and not for the host itself.
    below: bool,
}

/// A URL that others are made from: an origin and the path that they begin with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BaseUrl {
    /// The origin.
    pub origin: Origin,
    /// Empty, or a path that starts with `/` and does not end with one.
    pub path: String,
}

/// Why a text is no origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OriginError {
    /// Not `http://` or `https://`.
    #[error("it does not begin with `https://` or `http://`")]
    Scheme,
    /// `user:password@`.
    #[error("it has a user name before the host")]
    Userinfo,
    /// No host at all.
    #[error("it has no host")]
    Empty,
    /// Characters that no host name has.
    #[error(
        "its host is no name of letters, digits, `-`, `_` and `.` (a name in other letters is written with `xn--`)"
    )]
    Characters,
    /// `example.com.`
    #[error("its host ends with a dot")]
    TrailingDot,
    /// `2130706433`, `0x7f.1` or `0177.0.0.1`, which some systems take for an address.
    #[error("its host ends with a number and is no address of four decimal numbers")]
    Number,
    /// A label or a name that is too long, or an empty label.
    #[error(
        "its host has an empty part, or one of more than {LABEL_BYTES_MAX} characters, or more than {NAME_BYTES_MAX} in all"
    )]
    Length,
    /// Not 1 to 65535.
    #[error("its port is not a number from 1 to 65535")]
    Port,
    /// More than an origin where only an origin can be meant.
    #[error("it has more than scheme, host and port")]
    More,
}

impl Host {
    fn parse(text: &str) -> Result<Self, OriginError> {
        if let Some(address) = text.strip_prefix('[') {
            let address = address.strip_suffix(']').ok_or(OriginError::Characters)?;
            return address.parse().map(Self::V6).map_err(|_| OriginError::Characters);
        }
        if text.is_empty() {
            return Err(OriginError::Empty);
        }
        if !text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.')) {
            return Err(OriginError::Characters);
        }
        if let Ok(address) = text.parse() {
            return Ok(Self::V4(address));
        }
        if text.ends_with('.') {
            return Err(OriginError::TrailingDot);
        }
        let fits = |label: &str| (1..=LABEL_BYTES_MAX).contains(&label.len());
        if text.len() > NAME_BYTES_MAX || !text.split('.').all(fits) {
            return Err(OriginError::Length);
        }
        let name = text.to_ascii_lowercase();
        // What the URL standard calls a host that ends in a number.
        let last = name.rsplit('.').next().unwrap_or(&name);
        let hexadecimal = last.strip_prefix("0x");
        let is_number = last.bytes().all(|b| b.is_ascii_digit())
            || hexadecimal.is_some_and(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()));
        if is_number { Err(OriginError::Number) } else { Ok(Self::Name(name)) }
    }
}

impl Origin {
    /// The origin of a request: its scheme, and the host and port as written.
    ///
    /// # Errors
    /// A text that two programs could read differently.
    pub fn of_authority(scheme: Scheme, authority: &str) -> Result<Self, OriginError> {
        if authority.contains('@') {
            return Err(OriginError::Userinfo);
        }
        // Behind the bracket of an address, which has colons of its own.
        let end_of_address = authority.rfind(']').map_or(0, |bracket| bracket + 1);
        let (host, port) = match authority[end_of_address..].find(':') {
            Some(colon) => {
                let (host, port) = authority.split_at(end_of_address + colon);
                (host, Some(&port[1..]))
            }
            None => (authority, None),
        };
        let port = match port {
            None => scheme.default_port(),
            Some(digits) if digits.bytes().all(|b| b.is_ascii_digit()) => {
                digits.parse().ok().filter(|&port| port != 0).ok_or(OriginError::Port)?
            }
            Some(_) => return Err(OriginError::Port),
        };
        Ok(Self { scheme, host: Host::parse(host)?, port })
    }

    /// Host and port as in a URL and in the header `Host`: the port only where it is not the scheme's own.
    pub fn authority(&self) -> String {
        if self.port == self.scheme.default_port() {
            self.host.to_string()
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }
}

/// The scheme of a URL and what follows it.
fn split_scheme(text: &str) -> Result<(Scheme, &str), OriginError> {
    [Scheme::Https, Scheme::Http]
        .into_iter()
        .find_map(|scheme| {
            let rest = text.strip_prefix(scheme.as_str())?.strip_prefix("://")?;
            Some((scheme, rest))
        })
        .ok_or(OriginError::Scheme)
}

impl OriginPattern {
    /// Reads `https://api.example.com`, `https://*.example.com` or either with a port.
    ///
    /// # Errors
    /// Another text.
    pub fn parse(text: &str) -> Result<Self, OriginError> {
        let (scheme, authority) = split_scheme(text)?;
        if authority.contains(['/', '?', '#']) {
            return Err(OriginError::More);
        }
        let below = authority.strip_prefix("*.");
        let origin = Origin::of_authority(scheme, below.unwrap_or(authority))?;
        match (&origin.host, below) {
            (Host::V4(_) | Host::V6(_), Some(_)) => Err(OriginError::Characters),
            _ => Ok(Self { origin, below: below.is_some() }),
        }
    }

    /// The pattern of one origin.
    pub fn exactly(origin: Origin) -> Self {
        Self { origin, below: false }
    }

    /// Whether it names `origin`.
    pub fn matches(&self, origin: &Origin) -> bool {
        let pattern = &self.origin;
        if (pattern.scheme, pattern.port) != (origin.scheme, origin.port) {
            return false;
        }
        match (&pattern.host, &origin.host) {
            (Host::Name(suffix), Host::Name(name)) if self.below => is_below(name, suffix),
            (pattern, host) => !self.below && pattern == host,
        }
    }

    /// Whether it names every origin that `other` names.
    pub fn covers(&self, other: &Self) -> bool {
        if !other.below {
            return self.matches(&other.origin);
        }
        let (one, two) = (&self.origin, &other.origin);
        let (Host::Name(outer), Host::Name(inner)) = (&one.host, &two.host) else { return false };
        self.below
            && (one.scheme, one.port) == (two.scheme, two.port)
            && (outer == inner || is_below(inner, outer))
    }

    /// Whether there is an origin that both name.
    pub fn overlaps(&self, other: &Self) -> bool {
        if !other.below {
            return self.matches(&other.origin);
        }
        if !self.below {
            return other.matches(&self.origin);
        }
        let (one, two) = (&self.origin, &other.origin);
        let (Host::Name(first), Host::Name(second)) = (&one.host, &two.host) else { return false };
        (one.scheme, one.port) == (two.scheme, two.port)
            && (first == second || is_below(first, second) || is_below(second, first))
    }
}

/// Whether `name` has at least one more label in front of `suffix`.
fn is_below(name: &str, suffix: &str) -> bool {
    name.strip_suffix(suffix).is_some_and(|front| front.len() > 1 && front.ends_with('.'))
}

impl BaseUrl {
    /// Reads a URL with a path and nothing behind it.
    ///
    /// # Errors
    /// A text that is no such URL.
    pub fn parse(text: &str) -> Result<Self, OriginError> {
        let (scheme, rest) = split_scheme(text)?;
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let plain = |b: u8| b.is_ascii_graphic() && !matches!(b, b'?' | b'#' | b'\\' | b'"' | b'<' | b'>');
        if !path.bytes().all(plain) || authority.contains(['?', '#']) {
            return Err(OriginError::More);
        }
        let origin = Origin::of_authority(scheme, authority)?;
        Ok(Self { origin, path: path.trim_end_matches('/').to_owned() })
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::V4(address) => address.fmt(f),
            Self::V6(address) => write!(f, "[{address}]"),
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme.as_str(), self.authority())
    }
}

impl fmt::Display for OriginPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let any = if self.below { "*." } else { "" };
        write!(f, "{}://{any}{}", self.origin.scheme.as_str(), self.origin.authority())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(text: &str) -> Origin {
        BaseUrl::parse(text).unwrap_or_else(|error| panic!("{text}: {error}")).origin
    }

    #[test]
    fn a_host_has_one_way_to_be_written() {
        for (authority, expected) in [
            ("user@a.example", OriginError::Userinfo),
            ("a.example@b.example", OriginError::Userinfo),
            ("", OriginError::Empty),
            (":80", OriginError::Empty),
            ("a.example.", OriginError::TrailingDot),
            ("2130706433", OriginError::Number),
            ("0177.0.0.1", OriginError::Number),
            ("127.1", OriginError::Number),
            ("0x7f.0x1", OriginError::Number),
            ("a.example:0", OriginError::Port),
            ("a.example:65536", OriginError::Port),
            ("a.example:+80", OriginError::Port),
            ("a.example:", OriginError::Port),
            ("bücher.example", OriginError::Characters),
            ("a example", OriginError::Characters),
            ("a%2eexample", OriginError::Characters),
            ("[::1", OriginError::Port),
            ("[fe80::1%25eth0]", OriginError::Characters),
            ("a..example", OriginError::Length),
        ] {
            assert_eq!(Origin::of_authority(Scheme::Https, authority), Err(expected), "{authority}");
        }
        let long = format!("{}.example", "a".repeat(64));
        assert_eq!(Origin::of_authority(Scheme::Https, &long), Err(OriginError::Length));
    }

    #[test]
    fn upper_case_and_the_usual_port_make_no_difference() {
        assert_eq!(origin("https://API.Example.com:443/"), origin("https://api.example.com"));
        assert_eq!(origin("http://[::FFFF:127.0.0.1]:8080").to_string(), "http://[::ffff:127.0.0.1]:8080");
        assert_ne!(origin("http://a.example"), origin("https://a.example:80"));
    }

    #[test]
    fn a_star_stands_for_names_below_and_not_for_likenesses() {
        let pattern = OriginPattern::parse("https://*.x.com").unwrap();
        for inside in ["https://a.x.com", "https://a.b.X.com"] {
            assert!(pattern.matches(&origin(inside)), "{inside}");
        }
        for outside in [
            "https://x.com",
            "https://evilx.com",
            "http://a.x.com",
            "https://a.x.com:8443",
            "https://x.com.evil",
        ] {
            assert!(!pattern.matches(&origin(outside)), "{outside}");
        }
        assert!(OriginPattern::parse("https://*.127.0.0.1").is_err());
        assert!(OriginPattern::parse("https://*").is_err());
        assert!(OriginPattern::parse("https://a.*.com").is_err());
        assert!(OriginPattern::parse("https://a.com/path").is_err());
        assert_eq!(pattern.to_string(), "https://*.x.com");
    }

    #[test]
    fn a_pattern_covers_what_names_no_other_origins() {
        let covers = |one: &str, two: &str| {
            OriginPattern::parse(one).unwrap().covers(&OriginPattern::parse(two).unwrap())
        };
        for (outer, inner) in [
            ("https://a.x.com", "https://A.x.com:443"),
            ("https://*.x.com", "https://a.b.x.com"),
            ("https://*.x.com", "https://*.x.com"),
            ("https://*.x.com", "https://*.a.x.com"),
        ] {
            assert!(covers(outer, inner), "{outer} {inner}");
        }
        for (outer, inner) in [
            ("https://*.x.com", "https://x.com"),
            ("https://*.a.x.com", "https://*.x.com"),
            ("https://a.x.com", "https://*.x.com"),
            ("https://a.x.com", "https://*.a.x.com"),
            ("https://*.x.com", "http://a.x.com"),
            ("https://*.x.com", "https://*.a.x.com:8443"),
            ("https://*.x.com", "https://*.evilx.com"),
        ] {
            assert!(!covers(outer, inner), "{outer} {inner}");
        }
    }

    #[test]
    fn patterns_overlap_where_an_origin_fits_both() {
        let overlap = |one: &str, two: &str| {
            let (one, two) = (OriginPattern::parse(one).unwrap(), OriginPattern::parse(two).unwrap());
            assert_eq!(one.overlaps(&two), two.overlaps(&one));
            one.overlaps(&two)
        };
        assert!(overlap("https://a.x.com", "https://*.x.com"));
        assert!(overlap("https://*.a.x.com", "https://*.x.com"));
        assert!(!overlap("https://*.y.com", "https://*.x.com"));
        assert!(!overlap("https://x.com", "https://*.x.com"));
    }
}
