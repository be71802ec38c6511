//! Servers of the tests' own on a loopback address: they keep what they are sent and answer as they are told.

use rcgen::{CertificateParams, DnType, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::Value;
use std::fmt::Write as _;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, LazyLock, Mutex};
use std::thread;

/// An address at which nobody listens: the services are at another one.
pub(crate) const NOBODY: &str = "127.0.0.2:9";

/// A request as a service got it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Received {
    pub(crate) method: String,
    /// Path and query.
    pub(crate) target: String,
    headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Received {
    /// The only value of a header, or nothing.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.iter().filter(|(key, _)| key.eq_ignore_ascii_case(name));
        let value = values.next().map(|(_, value)| value.as_str());
        assert!(values.next().is_none(), "`{name}` more than once: {self:?}");
        value
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }

    /// `POST /charges`.
    pub(crate) fn line(&self) -> String {
        format!("{} {}", self.method, self.target)
    }

    /// All of it as it came, more or less.
    pub(crate) fn text(&self) -> String {
        let mut text = self.line();
        for (name, value) in &self.headers {
            write!(text, "\n{name}: {value}").expect("a string takes everything");
        }
        format!("{text}\n\n{}", self.body)
    }
}

/// An answer of JSON.
pub(crate) fn json(status: u16, body: &Value) -> Vec<u8> {
    answer(status, "content-type: application/json\r\n", &body.to_string())
}

/// An answer with these header lines, each with its line end.
pub(crate) fn answer(status: u16, headers: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("HTTP/1.1 {status} As Told\r\n{headers}content-length: {length}\r\n\r\n{body}").into_bytes()
}

/// Who a service says that it is.
pub(crate) struct Identity {
    config: Arc<ServerConfig>,
    /// The certificate, which signs itself, as PEM.
    pub(crate) pem: String,
}

impl Identity {
    fn of(owner: &str, name: &str) -> Self {
        let mut params = CertificateParams::new([name.to_owned()]).expect("it is a name");
        params.distinguished_name.push(DnType::CommonName, owner);
        let key_pair = KeyPair::generate().expect("a key");
        let certificate = params.self_signed(&key_pair).expect("a certificate");
        let pem = certificate.pem();
        let key = PrivateKeyDer::try_from(key_pair.serialize_der()).expect("a key");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("ring has them")
            .with_no_client_auth()
            .with_single_cert(vec![certificate.into()], key)
            .expect("the key is the certificate's");
        Self { config: Arc::new(config), pem }
    }
}

/// That of the company, which its hosts trust.
pub(crate) static COMPANY: LazyLock<Identity> = LazyLock::new(|| Identity::of("the company", "127.0.0.1"));

/// One for the same address that nobody trusts.
pub(crate) static STRANGER: LazyLock<Identity> = LazyLock::new(|| Identity::of("a stranger", "127.0.0.1"));

/// One that the company's hosts trust, for another name.
pub(crate) static OTHER_NAME: LazyLock<Identity> =
    LazyLock::new(|| Identity::of("another company", "elsewhere.example"));

/// A running service. It runs until the tests' process ends.
pub(crate) struct Service {
    scheme: &'static str,
    authority: String,
    received: Arc<Mutex<Vec<Received>>>,
}

impl Service {
    /// One that sends the bytes that `answer` gives for each request, and closes.
    pub(crate) fn start(answer: impl Fn(&Received) -> Vec<u8> + Send + Sync + 'static) -> Self {
        Self::of("http", None, answer)
    }

    /// The same over TLS.
    pub(crate) fn over_tls(
        identity: &Identity,
        answer: impl Fn(&Received) -> Vec<u8> + Send + Sync + 'static,
    ) -> Self {
        Self::of("https", Some(Arc::clone(&identity.config)), answer)
    }

    /// One that says this to whoever connects, before it has read anything, and closes.
    pub(crate) fn speaking_first(bytes: &'static [u8]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let authority = listener.local_addr().expect("an address").to_string();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // The client may be gone already.
                let _ = last_words(stream, bytes);
            }
        });
        Self { scheme: "http", authority, received: Arc::default() }
    }

    fn of(
        scheme: &'static str,
        tls: Option<Arc<ServerConfig>>,
        answer: impl Fn(&Received) -> Vec<u8> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let authority = listener.local_addr().expect("an address").to_string();
        let received = Arc::new(Mutex::new(Vec::new()));
        let (kept, answer) = (Arc::clone(&received), Arc::new(answer));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (tls, kept, answer) = (tls.clone(), Arc::clone(&kept), Arc::clone(&answer));
                // What a client does to its connection is its own affair; a test looks at what arrived.
                thread::spawn(move || {
                    let _ = match tls {
                        None => serve_plain(stream, &*answer, &kept),
                        Some(config) => ServerConnection::new(config)
                            .map_err(io::Error::other)
                            .and_then(|tls| serve(StreamOwned::new(tls, stream), &*answer, &kept)),
                    };
                });
            }
        });
        Self { scheme, authority, received }
    }

    /// Address and port.
    pub(crate) fn authority(&self) -> &str {
        &self.authority
    }

    pub(crate) fn origin(&self) -> String {
        format!("{}://{}", self.scheme, self.authority)
    }

    /// All requests so far.
    pub(crate) fn received(&self) -> Vec<Received> {
        self.received.lock().expect("nobody panics with it").clone()
    }

    /// The request lines of all requests so far.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.received().iter().map(Received::line).collect()
    }

    /// The only request.
    #[track_caller]
    pub(crate) fn only(&self) -> Received {
        let mut received = self.received();
        assert_eq!(received.len(), 1, "{received:?}");
        received.remove(0)
    }
}

/// Sends these bytes and closes, without taking back what the client has not read yet.
fn last_words(mut stream: TcpStream, bytes: &[u8]) -> io::Result<()> {
    stream.write_all(bytes)?;
    stream.shutdown(Shutdown::Write)?;
    io::copy(&mut stream, &mut io::sink()).map(drop)
}

/// As [`serve`], for clients that may speak TLS.
fn serve_plain(
    stream: TcpStream,
    answer: &dyn Fn(&Received) -> Vec<u8>,
    kept: &Mutex<Vec<Received>>,
) -> io::Result<()> {
    match serve(&stream, answer, kept) {
        Err(error) if error.kind() == io::ErrorKind::InvalidData => {
            last_words(stream, &self::answer(400, "", "this is HTTP"))
        }
        served => served,
    }
}

fn serve(
    stream: impl Read + Write,
    answer: &dyn Fn(&Received) -> Vec<u8>,
    kept: &Mutex<Vec<Received>>,
) -> io::Result<()> {
    let mut stream = BufReader::new(stream);
    let received = read(&mut stream)?;
    let bytes = answer(&received);
    kept.lock().expect("nobody panics with it").push(received);
    let stream = stream.get_mut();
    stream.write_all(&bytes)?;
    stream.flush()
}

fn read(stream: &mut impl BufRead) -> io::Result<Received> {
    let mut line = || {
        let mut line = String::new();
        stream.read_line(&mut line)?;
        if line.is_empty() {
            Err(io::ErrorKind::UnexpectedEof.into())
        } else {
            Ok(line.trim_end().to_owned())
        }
    };
    let first = line()?;
    let mut words = first.split(' ').map(str::to_owned);
    let mut received = Received {
        method: words.next().unwrap_or_default(),
        target: words.next().unwrap_or_default(),
        ..Received::default()
    };
    loop {
        let line: io::Result<String> = line();
        let line = line?;
        let Some((name, value)) = line.split_once(':') else { break };
        received.headers.push((name.to_owned(), value.trim().to_owned()));
    }
    let length = received.header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    stream.read_exact(&mut body)?;
    received.body = String::from_utf8_lossy(&body).into_owned();
    Ok(received)
}
