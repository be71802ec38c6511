//! Hosts behind TLS.

use crate::scripted::Scripted;
use mainworker_client::{Client, ClientError};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

#[tokio::test]
async fn a_certificate_that_nobody_vouches_for_opens_nothing() {
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
            // The client hangs up.
            let _ = acceptor.accept(socket).await;
        }
    });
    let host = Scripted::host([]).await;
    let client = Client::with_options(&base, None, host.options()).unwrap();
    let error = client.retry("t", None).await.unwrap_err();
    let ClientError::Unreachable { problem, may_be_done: false, .. } = &error else { panic!("{error}") };
    assert!(problem.contains("certificate"), "{error}");
}
