//! Who the client is: nothing is said before a registry asks, and then only to it and to the service of tokens that it
//! names.

use super::challenge::{Challenge, challenges};
use super::options::{Credentials, RegistryError, RegistryOptions};
use super::transport::{Read, Reading, Transport};
use super::trouble::{Doing, Trouble};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Uri, header};
use mainworker_domain::origin::{Origin, Scheme};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use std::fmt;
use std::sync::{Mutex, PoisonError};

/// Bytes of an answer with a token. Some tokens list all that their bearer may do.
const TOKEN_ANSWER_BYTES_MAX: u64 = 64 << 10;
/// What stands in a text where a secret stood.
const MASK: &str = "***";
/// Bytes of a secret that are looked for in what a registry sends.
const REPEATED_BYTES_MIN: usize = 8;

/// What is done with a repository: tokens are given for one or the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    /// Taking from it.
    Pull,
    /// Putting into it.
    Push,
}

/// What is said about who the client is.
pub(super) struct Authorization {
    /// The header of a user name and a password.
    basic: Option<Proof>,
    /// The headers that a registry has asked for, to pull and to push.
    granted: Mutex<[Option<Proof>; 2]>,
    password: Option<SecretString>,
    scopes: [String; 2],
}

/// A value of `Authorization`, with the part that is secret.
#[derive(Clone)]
struct Proof {
    header: HeaderValue,
    secret: SecretString,
}

#[derive(Deserialize)]
struct TokenAnswer {
    token: Option<String>,
    /// As OAuth calls it.
    access_token: Option<String>,
}

impl Authorization {
    pub(super) fn new(options: &RegistryOptions) -> Result<Self, RegistryError> {
        let invalid = || RegistryError::Username { host: options.host.clone() };
        let basic = options.credentials.as_ref().map(|credentials| basic(credentials).ok_or_else(invalid));
        let scope = |actions: &str| format!("repository:{}:{actions}", options.repository);
        Ok(Self {
            basic: basic.transpose()?,
            granted: Mutex::default(),
            password: options.credentials.as_ref().map(|credentials| credentials.password.clone()),
            scopes: [scope("pull"), scope("pull,push")],
        })
    }

    /// What the registry is shown with a request; nothing before it asked.
    pub(super) fn header(&self, access: Access) -> Option<HeaderValue> {
        self.proof(access).map(|proof| proof.header)
    }

    /// Gets what an answer 401 of the registry asks for.
    pub(super) async fn answer(
        &self,
        doing: &Doing,
        transport: &Transport,
        registry: &Origin,
        access: Access,
        headers: &HeaderMap,
    ) -> Result<(), Trouble> {
        let proof = match challenges(headers).into_iter().next() {
            Some(Challenge::Bearer { realm, service }) => {
                let uri = self.token_uri(doing, registry, access, &realm, service.as_deref())?;
                self.token(doing, transport, uri).await?
            }
            Some(Challenge::Basic) => self.basic.clone().ok_or_else(|| {
                doing.denied("it asks for a user name and a password, and there are none for it here")
            })?,
            None => {
                let problem = "it answered 401 Unauthorized and asks neither for a password nor for a token";
                return Err(doing.denied(problem));
            }
        };
        self.granted.lock().unwrap_or_else(PoisonError::into_inner)[access as usize] = Some(proof);
        Ok(())
    }

    /// `text` without whatever the registry was told in confidence, should it repeat it.
    pub(super) fn masked(&self, mut text: String) -> String {
        for secret in self.secrets() {
            text = text.replace(secret.expose_secret(), MASK);
        }
        text
    }

    /// Whether a body repeats what the registry was told in confidence: what is wrong with it could not be said without it. What
    /// is very short is in any body.
    pub(super) fn is_repeated_in(&self, body: &[u8]) -> bool {
        let text = String::from_utf8_lossy(body);
        let mut secrets = self.secrets();
        secrets.any(|secret| {
            let secret = secret.expose_secret();
            secret.len() >= REPEATED_BYTES_MIN && text.contains(secret)
        })
    }

    fn secrets(&self) -> impl Iterator<Item = SecretString> {
        let granted = self.granted.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let proofs = granted.into_iter().flatten().chain(self.basic.clone()).map(|proof| proof.secret);
        proofs.chain(self.password.clone()).filter(|secret| !secret.expose_secret().is_empty())
    }

    fn proof(&self, access: Access) -> Option<Proof> {
        self.granted.lock().unwrap_or_else(PoisonError::into_inner)[access as usize].clone()
    }

    /// Where the token is asked for. A user name and a password leave this machine over TLS alone, unless they go to
    /// the registry itself.
    fn token_uri(
        &self,
        doing: &Doing,
        registry: &Origin,
        access: Access,
        realm: &str,
        service: Option<&str>,
    ) -> Result<Uri, Trouble> {
        let (uri, origin) =
            realm.parse::<Uri>().ok().and_then(|uri| Some((uri.clone(), origin_of(&uri)?))).ok_or_else(
                || doing.malformed("the place of tokens that it names is no URL of http or https"),
            )?;
        if origin.scheme != Scheme::Https && origin != *registry {
            let problem = format!("it asks for a token from {origin}, expected `https://`");
            return Err(doing.denied(problem));
        }
        let encoded = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        let joint = if uri.query().is_some() { '&' } else { '?' };
        let service = service.map(|service| format!("&service={}", encoded(service))).unwrap_or_default();
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        let scope = encoded(&self.scopes[access as usize]);
        format!("{origin}{path}{joint}scope={scope}{service}")
            .parse()
            .map_err(|_| doing.malformed("the place of tokens that it names is too long"))
    }

    async fn token(&self, doing: &Doing, transport: &Transport, uri: Uri) -> Result<Proof, Trouble> {
        let service = uri.authority().map(ToString::to_string).unwrap_or_default();
        let mut request = Request::builder()
            .method(Method::GET)
            .uri(uri)
            .body(Bytes::new())
            .map_err(|error| doing.malformed(format!("the place of tokens that it names: {error}")))?;
        if let Some(basic) = &self.basic {
            request.headers_mut().insert(header::AUTHORIZATION, basic.header.clone());
        }
        let (head, body) = transport.head(doing, request, &|_| {}).await?.into_parts();
        let from = Doing(format!("{}: asking {service} for a token", doing.0));
        if head.status != StatusCode::OK {
            // What it says is left out: it may be what it was told.
            return Err(from.refused(head.status, &head.headers, None, "the service of tokens"));
        }
        let reading = Reading { bytes_max: TOKEN_ANSWER_BYTES_MAX, progress: &|_| {} };
        let Read::Whole(body) = transport.body(&from, body, &reading).await? else {
            let observed = format!("more than {TOKEN_ANSWER_BYTES_MAX} bytes");
            return Err(from.too_large("the answer", observed, TOKEN_ANSWER_BYTES_MAX));
        };
        let answer: Option<TokenAnswer> = serde_json::from_slice(&body).ok();
        answer
            .and_then(|answer| answer.token.or(answer.access_token))
            .and_then(|token| proof("Bearer", SecretString::from(token)))
            .ok_or_else(|| from.malformed("the answer has no token"))
    }
}

impl fmt::Debug for Authorization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authorization").finish_non_exhaustive()
    }
}

fn basic(credentials: &Credentials) -> Option<Proof> {
    let Credentials { username, password } = credentials;
    if username.is_empty() || username.chars().any(|c| c == ':' || c.is_control()) {
        return None;
    }
    let pair = SecretString::from(format!("{username}:{}", password.expose_secret()));
    proof("Basic", SecretString::from(STANDARD.encode(pair.expose_secret())))
}

fn proof(scheme: &str, secret: SecretString) -> Option<Proof> {
    let whole = SecretString::from(format!("{scheme} {}", secret.expose_secret()));
    let is_one_word = secret.expose_secret().bytes().all(|b| b.is_ascii_graphic());
    let mut header = HeaderValue::from_str(whole.expose_secret())
        .ok()
        .filter(|_| is_one_word && !secret.expose_secret().is_empty())?;
    header.set_sensitive(true);
    Some(Proof { header, secret })
}

/// The origin of a URL, read as strictly as any other.
pub(super) fn origin_of(uri: &Uri) -> Option<Origin> {
    let scheme = match uri.scheme_str()? {
        "http" => Scheme::Http,
        "https" => Scheme::Https,
        _ => return None,
    };
    Origin::of_authority(scheme, uri.authority()?.as_str()).ok()
}
