//! Hosts that are asked over their socket.

use crate::scripted::Scripted;
use mainworker_client::{Client, ClientError};
use std::env;
use std::fs;
use std::path::PathBuf;
use std::process;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixListener;

/// A folder of a test, gone with it.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = env::temp_dir().join(format!("mainworker-client-{}-{name}", process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn base(&self) -> String {
        format!("unix:{}", self.0.join("host.sock").display())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What is left is in the system's folder for that.
        let _ = fs::remove_dir_all(&self.0);
    }
}

async fn client(base: &str) -> Client {
    Client::with_options(base, None, Scripted::host([]).await.options()).unwrap()
}

#[tokio::test]
async fn a_request_over_a_socket_is_like_any_other() {
    let folder = Folder::new("asked");
    let listener = UnixListener::bind(folder.0.join("host.sock")).unwrap();
    let served = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut asked = String::new();
        let mut piece = [0; 1_024];
        while !asked.contains("\r\n\r\n") {
            let count = stream.read(&mut piece).await.unwrap();
            asked.push_str(str::from_utf8(&piece[..count]).unwrap());
        }
        let body = r#"{"tokens":[]}"#;
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
        asked
    });
    let client = client(&folder.base()).await;
    assert_eq!(client.origin(), folder.base());
    assert!(client.tokens().await.unwrap().tokens.is_empty());
    let asked = served.await.unwrap().to_ascii_lowercase();
    assert!(asked.starts_with("get /v1/tokens http/1.1\r\n"), "{asked}");
    assert!(asked.contains("\r\nhost: localhost\r\n") && !asked.contains("authorization"), "{asked}");
}

#[tokio::test]
async fn why_there_is_nobody_is_said() {
    let folder = Folder::new("away");
    let problem = async |base: &str| match client(base).await.tokens().await.unwrap_err() {
        ClientError::Unreachable { problem, may_be_done: false, origin, .. } => {
            assert_eq!(origin, base);
            problem
        }
        other => panic!("{other}"),
    };
    assert_eq!(problem(&folder.base()).await, "there is no socket");
    drop(UnixListener::bind(folder.0.join("host.sock")).unwrap());
    assert_eq!(problem(&folder.base()).await, "nobody listens there any more");
    fs::remove_file(folder.0.join("host.sock")).unwrap();
    fs::write(folder.0.join("host.sock"), "x").unwrap();
    assert_eq!(problem(&folder.base()).await, "found something else there, expected a socket");
    let error = Client::new("unix:", None).unwrap_err();
    assert!(matches!(error, ClientError::InvalidBase { .. }), "{error}");
}
