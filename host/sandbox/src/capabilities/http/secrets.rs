//! Putting secrets in place of their placeholders, in requests to the origins and in the places that the manifest names.
//!
//! Anywhere else the placeholder is sent as it is: it is worth nothing to whoever gets it. What cannot work is everything
//! that needs the value itself inside the job: signing with it, compressing a body with it, encoding it. `Basic`
//! credentials are the one encoding that is looked into, because many APIs take their key so.

use super::super::configuration::Placeholder;
use super::super::masking::in_url;
use aho_corasick::AhoCorasick;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use http::request::Parts;
use http::{HeaderValue, Uri, header};
use mainworker_domain::denial::{Denial, DeniedRequest};
use mainworker_domain::egress::SecretRoute;
use mainworker_domain::limits::{Limit, Limits};
use mainworker_domain::manifest::Place;
use mainworker_domain::origin::Origin;
use mainworker_domain::outcome::LimitBreach;
use secrecy::{ExposeSecret, SecretString};

/// The secrets of one attempt that are put into requests.
pub(super) struct Secrets {
    secrets: Vec<Secret>,
    /// Finds their placeholders; none where there are none.
    needles: Option<AhoCorasick>,
}

struct Secret {
    value: SecretString,
    route: SecretRoute,
}

/// A request after the secrets were put in.
pub(super) struct Filled {
    pub(super) body: Result<Bytes, Unfilled>,
    /// Placeholders that were left as they are, and why.
    pub(super) kept_back: Vec<Denial>,
}

/// Why a request cannot have its secrets.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unfilled {
    /// A secret has characters that cannot stand in a header.
    Unfit {
        /// The secret's key.
        key: String,
    },
    /// With them it is over a limit. A placeholder is shorter than what it stands for, and can be there many times.
    Over(LimitBreach),
}

impl From<LimitBreach> for Unfilled {
    fn from(breach: LimitBreach) -> Self {
        Self::Over(breach)
    }
}

/// How a value is written in its place.
#[derive(Clone, Copy)]
enum Form {
    Plain,
    Json,
    Url,
}

/// Where a placeholder was found.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Found {
    In(Place),
    InPath,
}

struct Filling<'a> {
    limits: &'a Limits,
    secrets: &'a Secrets,
    origin: &'a Origin,
    request: DeniedRequest,
    kept_back: Vec<Denial>,
}

impl Secrets {
    pub(super) fn new(placeholders: Vec<Placeholder>, routes: &[SecretRoute]) -> Self {
        let mut texts = Vec::new();
        let mut secrets = Vec::new();
        for placeholder in placeholders {
            // A placeholder without a route stands for a key that says where it may go, by the same manifest.
            let Some(route) = routes.iter().find(|route| route.key == placeholder.key) else { continue };
            texts.push(placeholder.text);
            secrets.push(Secret { value: placeholder.value, route: route.clone() });
        }
        let build = || AhoCorasick::new(&texts).ok();
        // Most attempts have none, and building a search for nothing takes as long as all the rest of a short one.
        let needles = if texts.is_empty() { None } else { build() };
        Self { secrets, needles }
    }

    pub(super) fn fill(&self, parts: &mut Parts, body: Bytes, origin: &Origin, limits: &Limits) -> Filled {
        let request = DeniedRequest {
            method: parts.method.to_string(),
            origin: origin.clone(),
            path: parts.uri.path().to_owned(),
        };
        let mut filling = Filling { limits, secrets: self, origin, request, kept_back: Vec::new() };
        let Some(needles) = &self.needles else { return Filled { body: Ok(body), kept_back: Vec::new() } };
        let filled = filling
            .headers(needles, parts)
            .and_then(|()| filling.uri(needles, parts))
            .and_then(|()| filling.body(needles, parts, body));
        Filled { body: filled, kept_back: filling.kept_back }
    }
}

impl Filling<'_> {
    /// `text` with the values of the secrets that may stand here, within `limit`.
    fn replace(
        &mut self,
        needles: &AhoCorasick,
        text: &[u8],
        found_in: Found,
        form: Form,
        limit: Limit,
    ) -> Result<Option<Vec<u8>>, Unfilled> {
        let mut replaced = None;
        let mut rest_from = 0;
        for found in needles.find_iter(text) {
            let secret = &self.secrets.secrets[found.pattern().as_usize()];
            if let Some(denial) = self.keeps_back(&secret.route, found_in) {
                if !self.kept_back.contains(&denial) {
                    self.kept_back.push(denial);
                }
                continue;
            }
            let whole = replaced.get_or_insert_with(Vec::new);
            whole.extend_from_slice(&text[rest_from..found.start()]);
            write(whole, secret.value.expose_secret(), form);
            // Here and not at the end: a body of placeholders grows to a thousand times its size.
            LimitBreach::check(self.limits, limit, whole.len() as u64)?;
            rest_from = found.end();
        }
        if let Some(whole) = &mut replaced {
            whole.extend_from_slice(&text[rest_from..]);
        }
        Ok(replaced)
    }

    fn keeps_back(&self, route: &SecretRoute, found_in: Found) -> Option<Denial> {
        let (key, request) = (route.key.clone(), self.request.clone());
        if !route.only_to.iter().any(|pattern| pattern.matches(self.origin)) {
            return Some(Denial::SecretOrigin { key, request, granted: route.written.clone() });
        }
        let place = match found_in {
            Found::In(place) if route.places.contains(&place) => return None,
            Found::In(place) => place.as_str(),
            Found::InPath => "path",
        };
        let granted = route.places.iter().map(|place| place.as_str().to_owned()).collect();
        Some(Denial::SecretPlace { key, request, place, granted })
    }

    fn headers(&mut self, needles: &AhoCorasick, parts: &mut Parts) -> Result<(), Unfilled> {
        let place = Found::In(Place::Header);
        let mut header_bytes = 0;
        for (name, value) in &mut parts.headers {
            let credentials = basic_credentials(name, value);
            let text = credentials.as_deref().unwrap_or(value.as_bytes());
            let filled = self.replace(needles, text, place, Form::Plain, Limit::HttpHeaders)?;
            if let Some(filled) = filled {
                let filled = match credentials {
                    Some(_) => format!("Basic {}", BASE64_STANDARD.encode(filled)).into_bytes(),
                    None => filled,
                };
                let unfit = |_| Unfilled::Unfit { key: self.first_key(needles, value.as_bytes()) };
                let mut filled = HeaderValue::from_bytes(&filled).map_err(unfit)?;
                filled.set_sensitive(true);
                *value = filled;
            }
            header_bytes += value.len();
            LimitBreach::check(self.limits, Limit::HttpHeaders, header_bytes as u64)?;
        }
        Ok(())
    }

    fn first_key(&self, needles: &AhoCorasick, text: &[u8]) -> String {
        let found = needles.find(text).map(|found| &self.secrets.secrets[found.pattern().as_usize()]);
        found.map(|secret| secret.route.key.clone()).unwrap_or_default()
    }

    fn uri(&mut self, needles: &AhoCorasick, parts: &mut Parts) -> Result<(), Unfilled> {
        let path = parts.uri.path().to_owned();
        if needles.is_match(&path) {
            // Nothing may stand there; this is for the message.
            self.note_path(needles, path.as_bytes());
        }
        let Some(query) = parts.uri.query().map(str::to_owned) else { return Ok(()) };
        let place = Found::In(Place::Query);
        let filled = self.replace(needles, query.as_bytes(), place, Form::Url, Limit::HttpUrl)?;
        let Some(filled) = filled else { return Ok(()) };
        let filled = format!("{path}?{}", String::from_utf8_lossy(&filled));
        // No URL is ever made up: what a grant was checked for is what is sent, or nothing is.
        LimitBreach::check(self.limits, Limit::HttpUrl, filled.len() as u64)?;
        let unfit = || Unfilled::Unfit { key: self.first_key(needles, query.as_bytes()) };
        let mut uri = parts.uri.clone().into_parts();
        uri.path_and_query = Some(filled.parse().map_err(|_| unfit())?);
        parts.uri = Uri::from_parts(uri).map_err(|_| unfit())?;
        Ok(())
    }

    fn note_path(&mut self, needles: &AhoCorasick, path: &[u8]) {
        let found: Vec<usize> = needles.find_iter(path).map(|found| found.pattern().as_usize()).collect();
        for index in found {
            let denial = self.keeps_back(&self.secrets.secrets[index].route, Found::InPath);
            self.kept_back.extend(denial.filter(|denial| !self.kept_back.contains(denial)));
        }
    }

    fn body(&mut self, needles: &AhoCorasick, parts: &Parts, body: Bytes) -> Result<Bytes, Unfilled> {
        let content_type = parts.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let encoded = parts.headers.get(header::CONTENT_ENCODING).is_some_and(|value| value != "identity");
        if encoded {
            let wanted = self
                .secrets
                .secrets
                .iter()
                .any(|secret| self.keeps_back(&secret.route, Found::In(Place::Body)).is_none());
            if wanted {
                self.kept_back.push(Denial::SecretEncoded { request: self.request.clone() });
            }
            return Ok(body);
        }
        let place = Found::In(Place::Body);
        let filled = self.replace(needles, &body, place, form_of(content_type), Limit::HttpRequest)?;
        Ok(filled.map_or(body, Bytes::from))
    }
}

/// What `Basic` credentials say, if that is what the header has.
fn basic_credentials(name: &header::HeaderName, value: &HeaderValue) -> Option<Vec<u8>> {
    if name != header::AUTHORIZATION {
        return None;
    }
    let (scheme, credentials) = value.to_str().ok()?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    BASE64_STANDARD.decode(credentials.trim()).ok()
}

/// How a text stands in a body of this type. In types that are not known a value stands as it is.
fn form_of(content_type: Option<&str>) -> Form {
    let essence = content_type.unwrap_or_default().split(';').next().unwrap_or_default();
    let essence = essence.trim().to_ascii_lowercase();
    if essence == "application/json" || essence.ends_with("+json") {
        Form::Json
    } else if essence == "application/x-www-form-urlencoded" {
        Form::Url
    } else {
        Form::Plain
    }
}

fn write(whole: &mut Vec<u8>, value: &str, form: Form) {
    match form {
        Form::Plain => whole.extend_from_slice(value.as_bytes()),
        Form::Json => {
            let quoted = serde_json::Value::from(value).to_string();
            whole.extend_from_slice(&quoted.as_bytes()[1..quoted.len() - 1]);
        }
        Form::Url => whole.extend_from_slice(in_url(value).as_bytes()),
    }
}
