//! HTTP clients that send as fast as they are answered, each on a connection that it keeps.

use super::{TOKEN, envelope};
use crate::failure::Failure;
use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::net::TcpStream;

/// Posts tasks from `clients` connections for `time`: how many were taken, and how long it took.
pub(super) async fn post(
    address: SocketAddr,
    clients: usize,
    time: Duration,
) -> Result<(usize, Duration), Failure> {
    let started = Instant::now();
    let posting: Vec<_> = (0..clients).map(|_| tokio::spawn(post_on_one(address, started, time))).collect();
    let mut count = 0;
    for one in posting {
        count += one.await.map_err(Failure::host)??;
    }
    Ok((count, started.elapsed()))
}

async fn post_on_one(address: SocketAddr, started: Instant, time: Duration) -> Result<usize, Failure> {
    let stream = TcpStream::connect(address).await.map_err(Failure::host)?;
    stream.set_nodelay(true).map_err(Failure::host)?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(Failure::host)?;
    let connection = tokio::spawn(connection);
    let body = Bytes::from(format!(r#"{{"envelope":{}}}"#, envelope()));
    let mut count = 0;
    while started.elapsed() < time {
        let request = Request::post("/v1/tasks")
            .header("host", address.to_string())
            .header("authorization", format!("Bearer {TOKEN}"))
            .header("content-type", "application/json")
            .body(Full::new(body.clone()))
            .map_err(Failure::host)?;
        let response = sender.send_request(request).await.map_err(Failure::host)?;
        let status = response.status();
        let answer = response.into_body().collect().await.map_err(Failure::host)?.to_bytes();
        if status != StatusCode::ACCEPTED {
            let answer = String::from_utf8_lossy(&answer).into_owned();
            return Err(Failure::host(format!(
                "a task of the benchmark was answered with {status}: {answer}"
            )));
        }
        count += 1;
    }
    connection.abort();
    Ok(count)
}
