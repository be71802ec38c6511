//! An API in which people sign up, and which has each of them sent a welcome e-mail by the job `send-email`.
//!
//! ```console
//! $ MAINWORKER_HOST=http://127.0.0.1:8080 MAINWORKER_TOKEN=… cargo run --example sign_up 127.0.0.1:3000
//! $ curl --json '{"account":"acme","email":"ada@acme.example"}' http://127.0.0.1:3000/sign-ups
//! ```
//!
//! A sign-up is kept first and its e-mail is asked for second, under the id of the sign-up. If the host is away the sign-up
//! stays, and what is still to be asked for is asked for again until it was: the id as idempotency key makes it one e-mail,
//! however often that happens. What is no address is refused where somebody can still mend it.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use mainworker_client::wire::Problem;
use mainworker_client::{Client, ClientOptions, JobPayload, RejectionCode, ScheduleError, Scheduler};
use mainworker_models::{EmailTemplate, SendEmailPayload};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::BTreeMap;
use std::env;
use std::error::Error;
use std::io::{Write, stderr, stdout};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::net::TcpListener;
use uuid::Uuid;

/// Between two looks at what is still to be asked for.
const AGAIN: Duration = Duration::from_secs(1);

/// What somebody sends who signs up.
#[derive(Clone, Deserialize)]
struct NewSignUp {
    account: String,
    email: String,
}

/// What is kept of it.
#[derive(Clone, Serialize)]
struct SignUp {
    account: String,
    email: String,
    /// The task that sends the welcome, once it was asked for.
    #[serde(rename = "taskId")]
    task_id: Option<String>,
    /// Why there will never be one.
    problem: Option<String>,
}

#[derive(Clone)]
struct App {
    scheduler: Scheduler,
    /// By id. In earnest they are in the database, so that they are there after a restart too.
    sign_ups: Arc<Mutex<BTreeMap<String, SignUp>>>,
}

impl App {
    /// Asks for the welcome of one sign-up, and keeps which task it is.
    async fn welcome(&self, id: &str, sign_up: &SignUp) -> Result<String, ScheduleError> {
        // The address as it was typed: the job's own schema says whether it is one.
        let payload = json!({
            "template": EmailTemplate::Welcome,
            "to": sign_up.email,
            "variables": { "account": sign_up.account },
        });
        let task = self.scheduler.task_of(SendEmailPayload::JOB, &payload);
        let task = task.label("welcome").idempotency_key(id).send().await?;
        if let Some(kept) = self.sign_ups().get_mut(id) {
            kept.task_id = Some(task.id().to_owned());
        }
        Ok(task.id().to_owned())
    }

    fn sign_ups(&self) -> MutexGuard<'_, BTreeMap<String, SignUp>> {
        self.sign_ups.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// `201` with the sign-up, whether or not its welcome could be asked for; a problem if nobody can ever be welcomed so.
async fn sign_up(State(app): State<App>, Json(new): Json<NewSignUp>) -> Response {
    let id = Uuid::now_v7().to_string();
    let NewSignUp { account, email } = new;
    let sign_up = SignUp { account, email, task_id: None, problem: None };
    app.sign_ups().insert(id.clone(), sign_up.clone());
    let task_id = match app.welcome(&id, &sign_up).await {
        Ok(task_id) => Some(task_id),
        Err(ScheduleError::Rejected(rejected)) if rejected.code == RejectionCode::PayloadInvalid => {
            app.sign_ups().remove(&id);
            return (StatusCode::UNPROCESSABLE_ENTITY, Json(Problem::from(&*rejected))).into_response();
        }
        // The host is away, or does not take it now: `welcome_the_rest` asks again.
        Err(_) => None,
    };
    (StatusCode::CREATED, Json(json!({ "id": id, "taskId": task_id }))).into_response()
}

async fn show(State(app): State<App>, Path(id): Path<String>) -> Result<Json<SignUp>, StatusCode> {
    app.sign_ups().get(&id).cloned().map(Json).ok_or(StatusCode::NOT_FOUND)
}

/// Asks again and again for the welcomes that could not be asked for.
async fn welcome_the_rest(app: App) {
    loop {
        tokio::time::sleep(AGAIN).await;
        let mut rest = app.sign_ups().clone();
        rest.retain(|_, sign_up| sign_up.task_id.is_none() && sign_up.problem.is_none());
        for (id, sign_up) in rest {
            match app.welcome(&id, &sign_up).await {
                Ok(_) => {}
                // Taken while nobody could say what is wrong with it. Somebody has to look.
                Err(ScheduleError::Rejected(rejected)) if rejected.code == RejectionCode::PayloadInvalid => {
                    if let Some(kept) = app.sign_ups().get_mut(&id) {
                        kept.problem = Some(rejected.detail);
                    }
                }
                Err(error) => {
                    let _ = writeln!(stderr(), "sign-up {id} is not welcomed yet: {error}");
                }
            }
        }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let token = SecretString::from(env::var("MAINWORKER_TOKEN")?);
    // Nobody waits for long to sign up: what cannot be asked for at once is asked for later.
    let options = ClientOptions { answer_ms: 2_000, retry_ms_max: 500, ..ClientOptions::default() };
    let client = Client::with_options(&env::var("MAINWORKER_HOST")?, Some(token), options)?;
    let app = App { scheduler: Scheduler::new(client, "api"), sign_ups: Arc::default() };

    let listen = env::args().nth(1).unwrap_or_else(|| "127.0.0.1:3000".to_owned());
    let listener = TcpListener::bind(listen).await?;
    writeln!(stdout(), "listening on http://{}", listener.local_addr()?)?;
    tokio::spawn(welcome_the_rest(app.clone()));
    let router =
        Router::new().route("/sign-ups", post(sign_up)).route("/sign-ups/{id}", get(show)).with_state(app);
    axum::serve(listener, router).await?;
    Ok(())
}
