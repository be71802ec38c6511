//! `/v1/schedules`: what runs by itself, and when.

use super::body::{self, Kind};
use super::fields::{flag, missing, text, wrong_type};
use super::limits::{NEXT_TIMES, NEXT_TIMES_MAX};
use super::named::Named;
use super::problem::ApiError;
use super::query::Parameters;
use super::{Api, filter, openapi};
use crate::access::Caller;
use crate::schedules::{Apply, Backfill, Backfilled, Change, ScheduleRefused};
use axum::Json;
use axum::extract::{Extension, Request, State};
use http::Uri;
use mainworker_client::wire::{
    ApplyAnswer, BackfillAnswer, BackfilledInfo, ChangeInfo, NextTimes, OccurrenceInfo, Schedule,
    ScheduleInfo, ScheduleList, SchedulePauseAnswer, ScheduleProblemInfo, TriggerAnswer,
};
use mainworker_domain::lifecycle::Timestamp;
use mainworker_domain::quantity::format_ms;
use mainworker_domain::schedule::{Definition, ScheduleName, When};
use mainworker_queue::verbs::fire::RunFate;
use mainworker_queue::verbs::schedules::{
    OccurrenceFate, OccurrenceView, ScheduleChange, ScheduleRow, ScheduleView,
};
use serde_json::Value;
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::task::spawn_blocking;

const BACKFILL_FIELDS: &[&str] = &["from", "to", "preview"];

/// Lists all schedules.
#[utoipa::path(
    get, path = "/v1/schedules", tag = "schedules",
    responses((status = 200, description = "By name", body = ScheduleList))
)]
pub(super) async fn list_schedules(State(api): State<Arc<Api>>) -> Result<Json<ScheduleList>, ApiError> {
    let rows = api.host.all_schedules().await?;
    // Those that nobody has looked at yet are read now.
    let shown = spawn_blocking(move || rows.iter().map(|row| shown(&api, row)).collect()).await;
    let schedules = shown.map_err(|_| ApiError::Host("reading schedules failed"))?;
    Ok(Json(ScheduleList { schedules }))
}

/// Shows a schedule with what became of its newest runs.
#[utoipa::path(
    get, path = "/v1/schedules/{name}", tag = "schedules", params(openapi::SchedulePath),
    responses((status = 200, description = "The schedule", body = Schedule))
)]
pub(super) async fn show_schedule(
    State(api): State<Arc<Api>>,
    Named(name): Named,
) -> Result<Json<Schedule>, ApiError> {
    let ScheduleView { row, occurrences, open } = api.host.schedule(&name).await?;
    Ok(Json(Schedule {
        schedule: shown(&api, &row),
        definition: raw(&row.definition)?,
        occurrences: occurrences.into_iter().map(occurrence).collect(),
        running: open.running,
        queued: open.queued,
    }))
}

/// Says when a schedule runs next, before any jitter.
#[utoipa::path(
    get, path = "/v1/schedules/{name}/next", tag = "schedules",
    params(openapi::SchedulePath, openapi::NextParameters),
    responses((status = 200, description = "The times", body = NextTimes))
)]
pub(super) async fn next_times(
    State(api): State<Arc<Api>>,
    Named(name): Named,
    uri: Uri,
) -> Result<Json<NextTimes>, ApiError> {
    let parameters = Parameters::read(&uri, &["count"])?;
    let count = match parameters.get("count") {
        None => NEXT_TIMES,
        Some(text) => {
            text.parse().ok().filter(|count| (1..=NEXT_TIMES_MAX).contains(count)).ok_or_else(|| {
                filter::bad("count", text, format!("a whole number from 1 to {NEXT_TIMES_MAX}"))
            })?
        }
    };
    let ScheduleView { row, .. } = api.host.schedule(&name).await?;
    let zone = api.host.definition(&row)?.when.zone().iana_name().unwrap_or("UTC").to_owned();
    let times = api.host.next_times(&row, count)?;
    Ok(Json(NextTimes { times: times.iter().map(Timestamp::to_string).collect(), zone }))
}

/// Makes the schedules of a set what the request says: all of it, or nothing.
///
/// Whoever asks must be able to ask for each job whose schedules change, or have the role `admin`.
#[utoipa::path(
    post, path = "/v1/schedules/apply", tag = "schedules", request_body = mainworker_client::wire::ApplyRequest,
    responses((status = 200, description = "What was done, or would be", body = ApplyAnswer))
)]
pub(super) async fn apply_schedules(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Arc<Caller>>,
    request: Request,
) -> Result<Json<ApplyAnswer>, ApiError> {
    let body = body::read(&api, request, Kind::Schedules).await?;
    let bytes = body.bytes.clone();
    let apply = reading(&api, move |api| read_apply(api, &bytes)).await?;
    let preview = apply.preview;
    let changes = api.host.apply_schedules(&caller, apply).await.map_err(among_many)?;
    answer(!preview, changes)
}

/// Creates or changes a schedule that belongs to no set. The request is its definition.
#[utoipa::path(
    post, path = "/v1/schedules/{name}/put", tag = "schedules", params(openapi::SchedulePath),
    request_body = openapi::Definition,
    responses((status = 200, description = "What was done", body = ApplyAnswer))
)]
pub(super) async fn put_schedule(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Arc<Caller>>,
    Named(name): Named,
    request: Request,
) -> Result<Json<ApplyAnswer>, ApiError> {
    let body = body::read(&api, request, Kind::Schedules).await?;
    let (name, bytes) = (parse_name(&name)?, body.bytes.clone());
    let of_name = name.clone();
    let definition = reading(&api, move |api| {
        let parsed = Definition::parse(body::text(&bytes)?, &api.host.schedules.zones);
        parsed.map_err(|error| ScheduleRefused::Invalid { name: of_name, error: Box::new(error) }.into())
    });
    let definition = definition.await?;
    let definitions = BTreeMap::from([(name, definition)]);
    let apply = Apply { set: None, definitions, deletes: Vec::new(), seen: None, preview: false };
    answer(true, api.host.apply_schedules(&caller, apply).await?)
}

/// Deletes a schedule that belongs to no set. Its tasks stay.
#[utoipa::path(
    post, path = "/v1/schedules/{name}/delete", tag = "schedules", params(openapi::SchedulePath),
    responses((status = 200, description = "What was done", body = ApplyAnswer))
)]
pub(super) async fn delete_schedule(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Arc<Caller>>,
    Named(name): Named,
    request: Request,
) -> Result<Json<ApplyAnswer>, ApiError> {
    body::small(&body::read(&api, request, Kind::Small).await?.bytes, &[])?;
    let ScheduleView { row, .. } = api.host.schedule(&name).await?;
    let (definitions, deletes) = (BTreeMap::new(), vec![row.name]);
    let apply = Apply { set: None, definitions, deletes, seen: None, preview: false };
    answer(true, api.host.apply_schedules(&caller, apply).await?)
}

/// Lets a schedule stand still: only people bring about runs of it.
#[utoipa::path(
    post, path = "/v1/schedules/{name}/pause", tag = "schedules", params(openapi::SchedulePath),
    responses((status = 200, description = "It is so", body = SchedulePauseAnswer))
)]
pub(super) async fn pause_schedule(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Arc<Caller>>,
    Named(name): Named,
    request: Request,
) -> Result<Json<SchedulePauseAnswer>, ApiError> {
    pause(&api, &caller, name, request, true).await
}

/// Lets a schedule go on. Runs that fell due meanwhile were missed, and it says itself what becomes of them.
#[utoipa::path(
    post, path = "/v1/schedules/{name}/resume", tag = "schedules", params(openapi::SchedulePath),
    responses((status = 200, description = "It is so", body = SchedulePauseAnswer))
)]
pub(super) async fn resume_schedule(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Arc<Caller>>,
    Named(name): Named,
    request: Request,
) -> Result<Json<SchedulePauseAnswer>, ApiError> {
    pause(&api, &caller, name, request, false).await
}

async fn pause(
    api: &Api,
    caller: &Caller,
    name: String,
    request: Request,
    paused: bool,
) -> Result<Json<SchedulePauseAnswer>, ApiError> {
    body::small(&body::read(api, request, Kind::Small).await?.bytes, &[])?;
    api.host.pause_schedule(&name, paused, caller).await?;
    Ok(Json(SchedulePauseAnswer { schedule: name, paused }))
}

/// Brings about a run now, beside those at its times.
///
/// Whoever asks must be able to ask for its job, or have the role `admin`.
#[utoipa::path(
    post, path = "/v1/schedules/{name}/trigger", tag = "schedules", params(openapi::SchedulePath),
    responses((status = 200, description = "What became of it", body = TriggerAnswer))
)]
pub(super) async fn trigger_schedule(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Arc<Caller>>,
    Named(name): Named,
    request: Request,
) -> Result<Json<TriggerAnswer>, ApiError> {
    body::small(&body::read(&api, request, Kind::Small).await?.bytes, &[])?;
    if api.host.is_stopping() {
        return Err(ApiError::Stopping);
    }
    let fate = api.host.trigger_schedule(&name, &caller).await?;
    let BackfilledInfo { fate, task_id, problem, .. } = backfilled("", Some(&fate));
    match problem {
        Some(problem) => Err(ApiError::RunRefused { problem }),
        None => Ok(Json(TriggerAnswer { fate, task_id })),
    }
}

/// Brings about the runs of a time that is over, each at most once for ever.
///
/// Whoever asks must be able to ask for its job, or have the role `admin`.
#[utoipa::path(
    post, path = "/v1/schedules/{name}/backfill", tag = "schedules", params(openapi::SchedulePath),
    request_body = mainworker_client::wire::BackfillRequest,
    responses((status = 200, description = "What became of each run", body = BackfillAnswer))
)]
pub(super) async fn backfill_schedule(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Arc<Caller>>,
    Named(name): Named,
    request: Request,
) -> Result<Json<BackfillAnswer>, ApiError> {
    let fields = body::small(&body::read(&api, request, Kind::Small).await?.bytes, BACKFILL_FIELDS)?;
    let backfill = Backfill {
        from: moment(&fields, "from")?,
        to: moment(&fields, "to")?,
        preview: flag(&fields["preview"], "preview")?,
    };
    if api.host.is_stopping() {
        return Err(ApiError::Stopping);
    }
    let runs = api.host.backfill_schedule(&name, backfill, &caller).await?;
    let runs = runs.iter().map(|Backfilled { at, fate }| backfilled(&at.to_string(), fate.as_ref()));
    Ok(Json(BackfillAnswer { applied: !backfill.preview, runs: runs.collect() }))
}

/// Reads definitions beside everything else, one request at a time.
async fn reading<T: Send + 'static>(
    api: &Arc<Api>,
    read: impl FnOnce(&Api) -> Result<T, ApiError> + Send + 'static,
) -> Result<T, ApiError> {
    let _one_at_a_time = api.reading_schedules.acquire().await.map_err(|_| ApiError::Stopping)?;
    let api = Arc::clone(api);
    spawn_blocking(move || read(&api)).await.map_err(|_| ApiError::Host("reading schedules failed"))?
}

fn moment(fields: &Value, field: &'static str) -> Result<Timestamp, ApiError> {
    let text = text(fields, field)?.ok_or_else(|| missing(field))?;
    Timestamp::parse(text)
        .ok_or_else(|| filter::bad(field, text, "a time such as `2015-05-17T08:05:32Z`".to_owned()))
}

/// Reads what a set is to be. Definitions are read as they were written, so that their numbers stay.
fn read_apply(api: &Api, bytes: &[u8]) -> Result<Apply, ApiError> {
    let [set, schedules, previewed, seen] = body::apply(bytes)?;
    let value = |raw: Option<&RawValue>| {
        raw.and_then(|raw| serde_json::from_str::<Value>(raw.get()).ok()).unwrap_or_default()
    };
    let set = match value(Some(set.ok_or_else(|| missing("set"))?)) {
        Value::String(set) => parse_name(&set)?,
        other => return Err(wrong_type("/set", &other, "a string")),
    };
    let schedules = schedules.ok_or_else(|| missing("schedules"))?;
    let schedules: BTreeMap<String, &RawValue> = serde_json::from_str(schedules.get())
        .map_err(|_| wrong_type("/schedules", &value(Some(schedules)), "an object"))?;
    let mut definitions = BTreeMap::new();
    for (name, raw) in schedules {
        let name = parse_name(&name)?;
        let definition = Definition::parse(raw.get(), &api.host.schedules.zones).map_err(|error| {
            among_many(ScheduleRefused::Invalid { name: name.clone(), error: Box::new(error) })
        })?;
        definitions.insert(name, definition);
    }
    let seen = match value(seen) {
        Value::Null => None,
        seen => match serde_json::from_value::<BTreeMap<String, u64>>(seen.clone()) {
            Ok(seen) => Some(seen),
            Err(_) => return Err(wrong_type("/seen", &seen, "an object of whole numbers")),
        },
    };
    let preview = flag(&value(previewed), "preview")?;
    Ok(Apply { set: Some(set), definitions, deletes: Vec::new(), seen, preview })
}

fn parse_name(text: &str) -> Result<ScheduleName, ApiError> {
    ScheduleName::parse(text).map_err(|error| ApiError::ScheduleName { problem: error.to_string() })
}

fn among_many(refused: ScheduleRefused) -> ApiError {
    ApiError::Schedule { pointer: refused.pointer_among_many(), refused: Box::new(refused) }
}

fn answer(applied: bool, changes: Vec<Change>) -> Result<Json<ApplyAnswer>, ApiError> {
    let changes = changes.into_iter().map(change).collect::<Result<_, _>>()?;
    Ok(Json(ApplyAnswer { applied, changes }))
}

fn change(change: Change) -> Result<ChangeInfo, ApiError> {
    let word = match change.change {
        ScheduleChange::Created => "created",
        ScheduleChange::Changed => "changed",
        ScheduleChange::Unchanged => "unchanged",
        ScheduleChange::Deleted | ScheduleChange::Unknown => "deleted",
    };
    Ok(ChangeInfo {
        name: change.name.to_string(),
        change: word.to_owned(),
        revision: change.found.as_ref().map(|row| row.revision),
        before: change.found.map(|row| raw(&row.definition)).transpose()?,
        after: change.after.map(|definition| raw(&definition.to_json())).transpose()?,
        restarts: change.restarts,
        next_at: change.next_at.map(|moment| moment.to_string()),
    })
}

fn raw(definition: &str) -> Result<Box<RawValue>, ApiError> {
    RawValue::from_string(definition.to_owned()).map_err(|_| ApiError::Host("a definition is not JSON"))
}

fn shown(api: &Api, row: &ScheduleRow) -> ScheduleInfo {
    // One that cannot be read is shown all the same, with what is wrong.
    let definition = api.host.definition(row);
    let unreadable = definition
        .as_ref()
        .err()
        .map(|error| ScheduleProblemInfo { at: row.changed_at.to_string(), message: error.to_string() });
    let definition = definition.ok();
    let problem = row
        .last_problem
        .as_ref()
        .map(|problem| ScheduleProblemInfo { at: problem.at.to_string(), message: problem.message.clone() });
    ScheduleInfo {
        name: row.name.to_string(),
        set: row.set.as_ref().map(ScheduleName::to_string),
        job: definition.as_ref().map(|definition| definition.job.to_string()).unwrap_or_default(),
        when: definition.as_ref().map(|definition| when(&definition.when)).unwrap_or_default(),
        summary: definition.and_then(|definition| definition.summary.clone()),
        revision: row.revision,
        paused: row.paused,
        next_at: row.next_at.filter(|_| !row.paused).map(|moment| moment.to_string()),
        runs: row.runs,
        missed: row.missed,
        ended: row.ended.clone(),
        last_problem: unreadable.or(problem),
        created_at: row.created_at.to_string(),
        changed_at: row.changed_at.to_string(),
    }
}

fn when(when: &When) -> String {
    match when {
        When::Cron { cron, .. } => {
            format!("cron `{}` {}", cron.as_str(), when.zone().iana_name().unwrap_or("UTC"))
        }
        When::Every { every_ms } => format!("every {}", format_ms(*every_ms)),
        When::Once { at } => format!("once at {at}"),
    }
}

fn occurrence(OccurrenceView { at, fate, task }: OccurrenceView) -> OccurrenceInfo {
    OccurrenceInfo {
        at: at.to_string(),
        fate: fate.as_str().to_owned(),
        state: task.as_ref().map(|task| task.state.as_str().to_owned()),
        outcome: task.as_ref().and_then(|task| task.outcome).map(|outcome| outcome.as_str().to_owned()),
        task_id: task.map(|task| task.id.to_string()),
    }
}

fn backfilled(at: &str, fate: Option<&RunFate>) -> BackfilledInfo {
    let (word, task_id, problem) = match fate {
        None => ("due", None, None),
        Some(RunFate::Enqueued(enqueued)) => {
            (OccurrenceFate::Enqueued.as_str(), Some(enqueued.id.to_string()), None)
        }
        Some(RunFate::Known) => ("known", None, None),
        Some(RunFate::Overlapped) => (OccurrenceFate::Overlapped.as_str(), None, None),
        Some(RunFate::Refused(problem)) => (OccurrenceFate::Refused.as_str(), None, Some(problem.clone())),
    };
    BackfilledInfo { at: at.to_owned(), fate: word.to_owned(), task_id, problem }
}
