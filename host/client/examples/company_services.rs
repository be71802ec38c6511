//! Stand-ins of the services that month-end charges need, for trying them out: three accounts owe something, and each pays.
//!
//! ```console
//! $ cargo run --example company_services 127.0.0.1:8331
//! ```

use axum::extract::Query;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::env;
use std::error::Error;
use std::io::{Write, stdout};
use tokio::net::TcpListener;

/// `GET /charges?month=…`: what each account owes.
async fn owed(Query(query): Query<BTreeMap<String, String>>) -> Result<Json<Value>, StatusCode> {
    query.get("month").ok_or(StatusCode::BAD_REQUEST)?;
    let charge =
        |account: &str, cents: u32| json!({ "account": account, "amountCents": cents, "currency": "EUR" });
    Ok(Json(json!({ "charges": [charge("acme", 1_200), charge("globex", 4_900), charge("initech", 700)] })))
}

/// `POST /charges`: a payment, under a key that makes it one however often it is asked for.
async fn pay(headers: HeaderMap, Json(charge): Json<Value>) -> Result<(StatusCode, Json<Value>), StatusCode> {
    let key = headers.get("idempotency-key").and_then(|key| key.to_str().ok());
    let key = key.ok_or(StatusCode::BAD_REQUEST)?;
    writeln!(stdout(), "{key} pays {} cents", charge["amountCents"])
        .map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?;
    Ok((StatusCode::CREATED, Json(json!({ "id": key }))))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let address = env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8331".to_owned());
    let listener = TcpListener::bind(address).await?;
    writeln!(stdout(), "listening on http://{}", listener.local_addr()?)?;
    axum::serve(listener, Router::new().route("/charges", get(owed).post(pay))).await?;
    Ok(())
}
