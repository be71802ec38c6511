//! What a registry asks for in `WWW-Authenticate`: a password, or a token from somewhere else.

use http::{HeaderMap, header};

/// One way in that a registry names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Challenge {
    /// A user name and a password with each request.
    Basic,
    /// A token that this service gives.
    Bearer {
        /// Where the service is.
        realm: String,
        /// How it calls the registry.
        service: Option<String>,
    },
}

/// The ways in that are understood; a token's comes first, since a registry that names both wants it.
pub(super) fn challenges(headers: &HeaderMap) -> Vec<Challenge> {
    let values = headers.get_all(header::WWW_AUTHENTICATE).iter().filter_map(|value| value.to_str().ok());
    let mut found: Vec<Challenge> = values.flat_map(schemes).filter_map(Scheme::understood).collect();
    found.sort_by_key(|challenge| *challenge == Challenge::Basic);
    found
}

/// A challenge as RFC 9110 §11.6.1 writes it.
#[derive(Default)]
struct Scheme {
    name: String,
    parameters: Vec<(String, String)>,
}

impl Scheme {
    fn understood(self) -> Option<Challenge> {
        let parameter = |wanted: &str| {
            let named = self.parameters.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted));
            named.map(|(_, value)| value.clone())
        };
        if self.name.eq_ignore_ascii_case("basic") {
            Some(Challenge::Basic)
        } else if self.name.eq_ignore_ascii_case("bearer") {
            Some(Challenge::Bearer { realm: parameter("realm")?, service: parameter("service") })
        } else {
            None
        }
    }
}

/// The challenges of one header. A word with `=` and a value behind it is a parameter of the challenge before it, any
/// other word begins a challenge.
fn schemes(value: &str) -> Vec<Scheme> {
    let mut found: Vec<Scheme> = Vec::new();
    let mut rest = value;
    loop {
        rest = rest.trim_start_matches([' ', '\t', ',']);
        let (word, behind) = rest.split_at(rest.find([' ', '\t', ',', '=']).unwrap_or(rest.len()));
        let after = behind.trim_start_matches([' ', '\t']);
        match (after.strip_prefix('='), found.last_mut()) {
            (Some(after), Some(scheme)) if !word.is_empty() => {
                let (text, behind) = parameter_value(after.trim_start_matches([' ', '\t']));
                scheme.parameters.push((word.to_owned(), text));
                rest = behind;
            }
            // Padding of a value that is no parameter, or nothing that can be read.
            (Some(after), _) => rest = after,
            (None, _) if word.is_empty() => return found,
            (None, _) => {
                found.push(Scheme { name: word.to_owned(), parameters: Vec::new() });
                rest = behind;
            }
        }
    }
}

/// A word or a text in quotes, and what follows it.
fn parameter_value(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let (word, rest) = text.split_at(text.find([' ', '\t', ',']).unwrap_or(text.len()));
        return (word.to_owned(), rest);
    };
    let mut value = String::new();
    let mut escaped = false;
    for (at, c) in quoted.char_indices() {
        match c {
            _ if escaped => {
                value.push(c);
                escaped = false;
            }
            '\\' => escaped = true,
            '"' => return (value, &quoted[at + 1..]),
            _ => value.push(c),
        }
    }
    (value, "")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(values: &[&str]) -> Vec<Challenge> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(header::WWW_AUTHENTICATE, value.parse().unwrap());
        }
        challenges(&headers)
    }

    fn bearer(realm: &str, service: Option<&str>) -> Challenge {
        Challenge::Bearer { realm: realm.to_owned(), service: service.map(str::to_owned) }
    }

    #[test]
    fn what_registries_send_is_read() {
        assert_eq!(read(&["Basic realm=\"Registry Realm\""]), [Challenge::Basic]);
        assert_eq!(read(&["basic"]), [Challenge::Basic]);
        assert_eq!(
            read(&[
                "Bearer realm=\"https://auth.example/token\",service=\"registry\",scope=\"repository:a:pull,push\""
            ]),
            [bearer("https://auth.example/token", Some("registry"))]
        );
        assert_eq!(
            read(&["Bearer realm = https://a/t , service=\"a \\\"b\\\", c\""]),
            [bearer("https://a/t", Some("a \"b\", c"))]
        );
        assert_eq!(
            read(&["Basic realm=\"x, Bearer realm=y\", Bearer realm=\"https://a/t\"", "Negotiate abc=="]),
            [bearer("https://a/t", None), Challenge::Basic]
        );
    }

    #[test]
    fn what_is_not_understood_is_no_way_in() {
        for value in [
            "",
            "Negotiate abc==",
            "Bearer service=\"x\"",
            "realm=\"x\"",
            "=",
            ",,=,\"",
            "Digest realm=\"Basic\"",
        ] {
            assert_eq!(read(&[value]), [], "{value}");
        }
        assert_eq!(read(&["Bearer realm=\"https://a"]), [bearer("https://a", None)]);
    }

    proptest! {
        #[test]
        fn any_header_is_read_to_its_end(value in "[ -~\t]{0,80}") {
            let _ = schemes(&value);
        }
    }
}
