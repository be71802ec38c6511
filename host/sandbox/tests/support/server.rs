//! A server of the test's own, on a loopback address: it keeps what it is sent, byte for byte, and answers as it is told.

use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use std::io::{self, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};
use std::thread;

/// What a server does with a connection when it has read a request.
#[derive(Clone)]
pub(crate) enum Answer {
    /// Sends these bytes and closes.
    Bytes(Vec<u8>),
    /// Sends these bytes, then pieces of a body until nobody reads on.
    Endless(Vec<u8>),
    /// Sends these bytes, then nothing more, and keeps the connection.
    Silent(Vec<u8>),
    /// Sends the request's body back.
    Echo,
}

/// A plain answer with a body.
pub(crate) fn ok(body: &str) -> Answer {
    with_status("200 OK", "", body)
}

/// An answer with further header lines, each with its line end.
pub(crate) fn with_status(status: &str, headers: &str, body: &str) -> Answer {
    let length = body.len();
    Answer::Bytes(
        format!("HTTP/1.1 {status}\r\n{headers}content-length: {length}\r\n\r\n{body}").into_bytes(),
    )
}

/// A running server. It runs until the tests' process ends.
pub(crate) struct Server {
    address: SocketAddr,
    requests: Arc<Mutex<Vec<String>>>,
}

/// Who a server says that it is, and whom its clients have to trust for that.
pub(crate) struct Identity {
    config: Arc<ServerConfig>,
    /// The certificate, PEM.
    pub(crate) pem: String,
}

impl Identity {
    /// A certificate for these names that signs itself.
    pub(crate) fn of(names: &[&str]) -> Self {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let made = rcgen::generate_simple_self_signed(names).unwrap();
        let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
        let certificate: CertificateDer<'static> = made.cert.der().clone();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)
            .unwrap();
        Self { config: Arc::new(config), pem: made.cert.pem() }
    }
}

impl Server {
    /// A server on `127.0.0.1`.
    pub(crate) fn start(answer: Answer) -> Self {
        Self::on("127.0.0.1".parse().unwrap(), None, answer)
    }

    /// The same over TLS.
    pub(crate) fn over_tls(identity: &Identity, answer: Answer) -> Self {
        Self::on("127.0.0.1".parse().unwrap(), Some(Arc::clone(&identity.config)), answer)
    }

    fn on(ip: IpAddr, tls: Option<Arc<ServerConfig>>, answer: Answer) -> Self {
        let listener = TcpListener::bind((ip, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&requests);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (answer, kept, tls) = (answer.clone(), Arc::clone(&kept), tls.clone());
                // What a client does to its connection is its own affair; the test looks at what arrived.
                thread::spawn(move || {
                    let _ =
                        match tls {
                            None => serve(stream, &answer, &kept),
                            Some(config) => ServerConnection::new(config).map_err(io::Error::other).and_then(
                                |connection| serve(StreamOwned::new(connection, stream), &answer, &kept),
                            ),
                        };
                });
            }
        });
        Self { address, requests }
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    /// `127.0.0.1` and the port.
    pub(crate) fn authority(&self) -> String {
        self.address.to_string()
    }

    /// `http://` and the authority.
    pub(crate) fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    /// All requests so far, as they came.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }

    /// The only request.
    #[track_caller]
    pub(crate) fn request(&self) -> String {
        let requests = self.requests();
        assert_eq!(requests.len(), 1, "{requests:?}");
        requests[0].clone()
    }
}

fn serve(mut stream: impl Read + Write, answer: &Answer, kept: &Mutex<Vec<String>>) -> io::Result<()> {
    let (head, body) = read_request(&mut stream)?;
    kept.lock().unwrap().push(format!("{head}{}", String::from_utf8_lossy(&body)));
    match answer {
        Answer::Bytes(bytes) => stream.write_all(bytes)?,
        Answer::Echo => {
            write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len())?;
            stream.write_all(&body)?;
        }
        Answer::Endless(bytes) => {
            stream.write_all(bytes)?;
            loop {
                stream.write_all(&[b'x'; 64 << 10])?;
            }
        }
        Answer::Silent(bytes) => {
            stream.write_all(bytes)?;
            stream.flush()?;
            // Until the client goes.
            io::copy(&mut stream, &mut io::sink())?;
        }
    }
    stream.flush()
}

/// The head, up to its empty line, and a body of the length that it says.
fn read_request(stream: &mut impl Read) -> io::Result<(String, Vec<u8>)> {
    let mut read = Vec::new();
    let mut piece = [0; 4096];
    let end = loop {
        if let Some(at) = read.windows(4).position(|window| window == b"\r\n\r\n") {
            break at + 4;
        }
        match stream.read(&mut piece)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            bytes => read.extend_from_slice(&piece[..bytes]),
        }
    };
    let head = String::from_utf8_lossy(&read[..end]).into_owned();
    let length = head
        .to_ascii_lowercase()
        .lines()
        .find_map(|line| line.strip_prefix("content-length:")?.trim().parse::<usize>().ok())
        .unwrap_or(0);
    let mut body = read[end..].to_vec();
    while body.len() < length {
        match stream.read(&mut piece)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            bytes => body.extend_from_slice(&piece[..bytes]),
        }
    }
    Ok((head, body))
}

/// An address where nobody listens.
pub(crate) fn nobody() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().to_string()
}

/// A server that says this to whoever connects, before it has read anything, and hangs up.
pub(crate) fn speaks_first(bytes: &'static [u8]) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            // The client may be gone already.
            let _ = stream.write_all(bytes);
        }
    });
    address
}
