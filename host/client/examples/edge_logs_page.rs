//! A page with a button that runs the job `edge-logs`, and shows how far it is and what came of it.
//!
//! ```console
//! $ MAINWORKER_HOST=http://127.0.0.1:8080 MAINWORKER_TOKEN=… cargo run --example edge_logs_page 127.0.0.1:3001
//! ```
//!
//! The page has no state: a run is its task, by its id in the URL. The browser never talks to the host and never has the
//! token. What a job says is text: it is escaped where it becomes HTML.

use axum::Router;
use axum::extract::{Form, Path, State};
use axum::http::{StatusCode, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use futures_util::stream::{self, Stream};
use mainworker_client::{Client, ClientError, Followed, JobPayload, ResultError, Scheduler, TaskHandle};
use mainworker_models::{EdgeLogsPayload, EdgeLogsReport, LogFormat};
use secrecy::SecretString;
use serde::Deserialize;
use std::env;
use std::error::Error;
use std::fmt::Write as _;
use std::io::{Write as _, stdout};
use tokio::net::TcpListener;

const HEAD: &str = include_str!("edge_logs_page.html");
const SCRIPT: &str = include_str!("edge_logs_page.js");

/// What the form sends.
#[derive(Deserialize)]
struct NewRun {
    files: String,
}

/// Text as HTML.
fn escaped(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut html, c| {
        match c {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            c => html.push(c),
        }
        html
    })
}

fn page(status: StatusCode, body: &str) -> Response {
    // Nothing but this page's own script runs, whatever should slip through.
    let policy = [(
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; script-src 'self'; connect-src 'self'; form-action 'self'",
    )];
    let html = format!("{HEAD}{body}<script src=\"/page.js\" type=\"module\"></script>\n");
    (status, policy, Html(html)).into_response()
}

/// What went wrong, with what to try.
fn trouble(status: StatusCode, problem: &str, hint: Option<&str>) -> Response {
    let hint = hint.map(|hint| format!("<p>{}</p>", escaped(hint))).unwrap_or_default();
    page(status, &format!("<p role=\"alert\">{}</p>{hint}\n", escaped(problem)))
}

/// The button: asks for a run and leads to its page.
async fn begin(State(scheduler): State<Scheduler>, Form(NewRun { files }): Form<NewRun>) -> Response {
    let files = files.split_whitespace().map(str::to_owned).collect();
    let payload = EdgeLogsPayload { files, format: LogFormat::Auto, accounts: None };
    match scheduler.task(&payload).label("from the page").send().await {
        Ok(task) => Redirect::to(&format!("/runs/{}", task.id())).into_response(),
        Err(error) => {
            let rejected = error.rejected();
            let status = rejected.and_then(|rejected| StatusCode::from_u16(rejected.code.http_status()).ok());
            let hint = rejected.and_then(|rejected| rejected.hint.as_deref());
            trouble(status.unwrap_or(StatusCode::BAD_GATEWAY), &error.to_string(), hint)
        }
    }
}

/// How a run is: what it says while it runs, or what came of it.
async fn show(State(scheduler): State<Scheduler>, Path(id): Path<String>) -> Response {
    let task: TaskHandle<<EdgeLogsPayload as JobPayload>::Result> = scheduler.handle(id);
    let has_ended = match task.status().await {
        Ok(status) => status.finished_at.is_some(),
        Err(error) => return trouble(status_of(&error), &error.to_string(), None),
    };
    if !has_ended {
        let events = format!("/runs/{}/events", escaped(task.id()));
        return page(
            StatusCode::OK,
            &format!(
                "<section data-events=\"{events}\"><progress max=\"100\"></progress> <output></output><pre></pre></section>\n"
            ),
        );
    }
    match task.result().await {
        Ok(report) => page(StatusCode::OK, &table(&report)),
        Err(ResultError::Failed { code, message, hint, .. }) => {
            trouble(StatusCode::OK, &format!("{code}: {message}"), hint.as_deref())
        }
        Err(error) => trouble(StatusCode::OK, &error.to_string(), None),
    }
}

fn table(report: &EdgeLogsReport) -> String {
    let mut html = format!("<p>{} lines, {} of them broken</p>\n<table>\n", report.lines, report.broken);
    for (account, totals) in &report.accounts {
        // A string takes everything.
        let _ = writeln!(html, "<tr><th>{}<td>{} bytes</tr>", escaped(account), totals.bytes);
    }
    for (stream, totals) in &report.unknown {
        let _ = writeln!(html, "<tr><td>{} (no account)<td>{} bytes</tr>", escaped(stream), totals.bytes);
    }
    html + "</table>\n"
}

/// What a run says, passed on to the browser as it comes.
async fn events(
    State(scheduler): State<Scheduler>,
    Path(id): Path<String>,
) -> Result<Sse<impl Stream<Item = Result<Event, ClientError>>>, StatusCode> {
    let task: TaskHandle<EdgeLogsReport> = scheduler.handle(id);
    let log = task.follow().map_err(|_| StatusCode::NOT_FOUND)?;
    let events = stream::try_unfold(log, |mut log| async {
        let Some(step) = log.next().await? else { return Ok(None) };
        let (kind, data) = match &step {
            Followed::Line(line) => ("line", serde_json::to_string(line)),
            Followed::Progress(progress) => ("progress", serde_json::to_string(progress)),
            Followed::End(end) => ("end", serde_json::to_string(end)),
        };
        Ok(Some((Event::default().event(kind).data(data.unwrap_or_default()), log)))
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::default()))
}

fn status_of(error: &ClientError) -> StatusCode {
    match error.problem() {
        Some(problem) => StatusCode::from_u16(problem.status).unwrap_or(StatusCode::BAD_GATEWAY),
        None => StatusCode::BAD_GATEWAY,
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let token = SecretString::from(env::var("MAINWORKER_TOKEN")?);
    let scheduler = Scheduler::new(Client::new(&env::var("MAINWORKER_HOST")?, Some(token))?, "dashboard");
    let script = [(header::CONTENT_TYPE, "text/javascript; charset=utf-8")];
    let router = Router::new()
        .route("/", get(async || page(StatusCode::OK, "")))
        .route("/page.js", get(async move || (script, SCRIPT)))
        .route("/runs", post(begin))
        .route("/runs/{id}", get(show))
        .route("/runs/{id}/events", get(events))
        .with_state(scheduler);

    let listen = env::args().nth(1).unwrap_or_else(|| "127.0.0.1:3001".to_owned());
    let listener = TcpListener::bind(listen).await?;
    writeln!(stdout(), "listening on http://{}", listener.local_addr()?)?;
    axum::serve(listener, router).await?;
    Ok(())
}
