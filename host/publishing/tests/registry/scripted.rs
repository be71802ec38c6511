//! A server on loopback that answers as it is told, byte for byte, and keeps what it was asked. Over TLS if it is to.

use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use std::io::{self, Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, LazyLock, Mutex};
use std::thread;
use std::time::Duration;

/// What a server does with a request.
pub(crate) enum Answer {
    /// Sends these bytes and closes.
    Bytes(Vec<u8>),
    /// Sends these bytes, then others until nobody reads on.
    Endless(Vec<u8>),
    /// Sends these bytes, then one more every few milliseconds until nobody reads on.
    Drip(Vec<u8>),
    /// Sends these bytes, then nothing more until the client goes.
    Silent(Vec<u8>),
}

/// An answer with header lines, each with its line end, and a body with its length.
pub(crate) fn answer(status: u16, headers: &str, body: impl AsRef<[u8]>) -> Answer {
    let body = body.as_ref();
    let mut bytes = head(status, &format!("{headers}content-length: {}\r\n", body.len()));
    bytes.extend_from_slice(body);
    Answer::Bytes(bytes)
}

/// The head of an answer, its empty line included.
pub(crate) fn head(status: u16, headers: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status} As Told\r\nconnection: close\r\n{headers}\r\n").into_bytes()
}

/// A request as it came.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    /// `GET /v2/…`.
    pub(crate) line: String,
    headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Asked {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// Who a server over TLS says that it is.
pub(crate) struct Identity {
    config: Arc<ServerConfig>,
    /// The certificate, which signs itself, as PEM.
    pub(crate) pem: String,
}

/// That of all servers over TLS here.
pub(crate) static IDENTITY: LazyLock<Identity> = LazyLock::new(|| {
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    Identity { config: Arc::new(config), pem: made.cert.pem() }
});

/// A running server. It runs until the tests' process ends.
pub(crate) struct Server {
    /// `127.0.0.1:PORT`.
    pub(crate) host: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Server {
    /// One that answers as `play` says, which gets each request and the number of those before it.
    pub(crate) fn start(play: impl Fn(&Asked, usize) -> Answer + Send + Sync + 'static) -> Self {
        Self::of(false, play)
    }

    /// The same over TLS.
    pub(crate) fn over_tls(play: impl Fn(&Asked, usize) -> Answer + Send + Sync + 'static) -> Self {
        Self::of(true, play)
    }

    fn of(tls: bool, play: impl Fn(&Asked, usize) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let host = listener.local_addr().unwrap().to_string();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (kept, play) = (Arc::clone(&asked), Arc::new(play));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (kept, play) = (Arc::clone(&kept), Arc::clone(&play));
                // What a client does to its connection is its own affair; the test looks at what arrived.
                thread::spawn(move || {
                    let _ = if tls {
                        let connection = ServerConnection::new(Arc::clone(&IDENTITY.config)).unwrap();
                        serve(StreamOwned::new(connection, stream), &*play, &kept)
                    } else {
                        serve(stream, &*play, &kept)
                    };
                });
            }
        });
        Self { host, asked }
    }

    /// All requests so far.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    /// Method and target of each.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.asked().into_iter().map(|asked| asked.line).collect()
    }

    /// `Authorization` of each.
    pub(crate) fn proofs(&self) -> Vec<Option<String>> {
        self.asked().iter().map(|asked| asked.header("authorization").map(str::to_owned)).collect()
    }
}

fn serve(
    mut stream: impl Read + Write,
    play: &dyn Fn(&Asked, usize) -> Answer,
    kept: &Mutex<Vec<Asked>>,
) -> io::Result<()> {
    let asked = read(&mut stream)?;
    let before = {
        let mut kept = kept.lock().unwrap();
        kept.push(asked.clone());
        kept.len() - 1
    };
    match play(&asked, before) {
        Answer::Bytes(bytes) => stream.write_all(&bytes)?,
        Answer::Endless(bytes) => {
            stream.write_all(&bytes)?;
            loop {
                stream.write_all(&[b'x'; 64 << 10])?;
            }
        }
        Answer::Drip(bytes) => {
            stream.write_all(&bytes)?;
            loop {
                stream.write_all(b"x")?;
                stream.flush()?;
                thread::sleep(Duration::from_millis(5));
            }
        }
        Answer::Silent(bytes) => {
            stream.write_all(&bytes)?;
            stream.flush()?;
            io::copy(&mut stream, &mut io::sink())?;
        }
    }
    stream.flush()
}

/// The head, up to its empty line, and a body of the length that it says.
fn read(stream: &mut impl Read) -> io::Result<Asked> {
    let mut read = Vec::new();
    let mut piece = [0; 16 << 10];
    let mut more = |read: &mut Vec<u8>| match stream.read(&mut piece)? {
        0 => Err(io::Error::from(io::ErrorKind::UnexpectedEof)),
        bytes => {
            read.extend_from_slice(&piece[..bytes]);
            Ok(())
        }
    };
    let end = loop {
        match read.windows(4).position(|window| window == b"\r\n\r\n") {
            Some(at) => break at + 4,
            None => more(&mut read)?,
        }
    };
    let head = String::from_utf8_lossy(&read[..end]).into_owned();
    let mut lines = head.lines();
    let line = lines.next().unwrap_or_default().trim_end_matches(" HTTP/1.1").to_owned();
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let length: usize = length.and_then(|(_, value)| value.parse().ok()).unwrap_or(0);
    while read.len() < end + length {
        more(&mut read)?;
    }
    Ok(Asked { line, headers, body: read[end..].to_vec() })
}
