//! Hosts behind TLS.

use crate::scripted::Scripted;
use mainworker_client::{Client, ClientError, ClientOptions};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use std::sync::Arc;
use std::{env, fs, process};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// A host that does no more than agree on TLS, and its certificate as PEM.
async fn host() -> (String, String) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("https://localhost:{}", listener.local_addr().unwrap().port());
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            // Whoever does not trust it hangs up.
            let Ok(mut stream) = acceptor.accept(socket).await else { continue };
            let answer = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 13\r\n\r\n{\"tokens\":[]}";
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    (base, made.cert.pem())
}

#[tokio::test]
async fn a_certificate_that_nobody_vouches_for_opens_nothing() {
    let (base, _) = host().await;
    let host = Scripted::host([]).await;
    let client = Client::with_options(&base, None, host.options()).unwrap();
    let error = client.retry("t", None).await.unwrap_err();
    let ClientError::Unreachable { problem, may_be_done: false, .. } = &error else { panic!("{error}") };
    assert!(problem.contains("certificate"), "{error}");
}

#[tokio::test]
async fn the_authorities_of_a_file_are_trusted_and_no_others() {
    let (base, pem) = host().await;
    let file = env::temp_dir().join(format!("mainworker-client-{}-authority.pem", process::id()));
    let asked = async |content: &str| {
        fs::write(&file, content).unwrap();
        let options = Scripted::host([]).await.options();
        let options = ClientOptions { ca_file: Some(file.clone()), ..options };
        Client::with_options(&base, None, options)?.tokens().await
    };
    assert!(asked(&pem).await.unwrap().tokens.is_empty());
    let other = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap().cert.pem();
    let ClientError::Unreachable { problem, .. } = asked(&other).await.unwrap_err() else {
        panic!("it is let in")
    };
    assert!(problem.contains("certificate"), "{problem}");
    for none in ["", "no certificate"] {
        let ClientError::Authorities { problem } = asked(none).await.unwrap_err() else {
            panic!("it is taken")
        };
        assert!(problem.contains("found no certificate"), "{problem}");
    }
    fs::remove_file(&file).unwrap();
}
