//! The description of the API, made from the handlers and the table of endpoints.
//!
//! It is checked in as `openapi.json`, for whoever writes a client. A test compares the two, and writes the file anew when it
//! is run with `MAINWORKER_WRITE_OPENAPI=1`.

use super::endpoint::{Endpoint, Needs};
use super::{
    audit, bulk, cancel, deployments, enqueue, events, health, jobs, log, pause, retry, routes, schedules,
    stats, tasks, tokens,
};
use mainworker_client::wire;
use mainworker_domain::access::Role;
use std::sync::LazyLock;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{ContentBuilder, Ref, RefOr, ResponseBuilder};
use utoipa::{IntoParams, OpenApi, ToSchema};

/// The name of the credential in the description.
const TOKEN: &str = "token";

#[derive(OpenApi)]
#[openapi(
    info(
        title = "MainWorker",
        description = "Background jobs, each in a WebAssembly sandbox of its own. Whatever is not answered with what was asked for \
                       is a problem (RFC 9457) with a stable `code`. Times are RFC 3339 in UTC; what is not known is `null`.",
        license(name = "Apache-2.0", identifier = "Apache-2.0"),
    ),
    paths(
        enqueue::enqueue, enqueue::enqueue_batch, tasks::list_tasks, tasks::show_task, log::read_log,
        cancel::cancel_task, retry::retry_task, bulk::cancel_many, bulk::retry_many, jobs::list_jobs, jobs::show_job,
        jobs::describe_job, pause::pause_job, pause::resume_job, pause::pause_all, pause::resume_all, tokens::create_token,
        schedules::list_schedules, schedules::show_schedule, schedules::next_times, schedules::apply_schedules,
        schedules::put_schedule, schedules::delete_schedule, schedules::pause_schedule, schedules::resume_schedule,
        schedules::trigger_schedule, schedules::backfill_schedule, deployments::list_revisions, deployments::roll_back,
        deployments::undeploy, deployments::deploy, deployments::show_deployment, tokens::list_tokens, tokens::revoke_token, audit::read_audit, stats::stats, events::follow_events,
        health::alive, health::ready, health::metrics, health::openapi,
    ),
    components(schemas(
        wire::Problem, wire::LogEntry, wire::LogEnd, wire::ProgressInfo, wire::TaskFilter, Envelope, TaskOptions, ScheduledOptions,
    )),
    tags(
        (name = "tasks", description = "Requests to run a job"),
        (name = "jobs", description = "Kinds of work"),
        (name = "deployments", description = "Which revision of a job runs"),
        (name = "schedules", description = "What runs by itself, and when"),
        (name = "host", description = "The host itself"),
        (name = "access", description = "Who may do what, and who did"),
        (name = "machines", description = "What monitoring asks for"),
    ),
)]
struct Handlers;

/// The request for one task.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only its schema is used")]
pub(super) struct TaskRequest {
    /// What is to be done.
    envelope: Envelope,
    /// When, how urgently and under which names.
    options: Option<TaskOptions>,
}

/// The request for many tasks.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only its schema is used")]
pub(super) struct BatchRequest {
    /// The tasks: all of them are taken, or none.
    tasks: Vec<TaskRequest>,
}

/// What is to be done: the same four fields for every job, and no others.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[expect(dead_code, reason = "only its schema is used")]
pub(super) struct Envelope {
    /// Values of configuration keys that the job names. Sealed, and in no answer.
    #[schema(value_type = Object)]
    configuration: (),
    /// The job.
    job_name: String,
    /// Who asks: the source of the credential.
    source: String,
    /// What the job's payload schema describes.
    #[schema(value_type = Object)]
    job_payload: (),
}

/// What goes with a task beside its envelope.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[expect(dead_code, reason = "only its schema is used")]
pub(super) struct TaskOptions {
    /// Not to be run before so many milliseconds have passed.
    delay_ms: Option<u64>,
    /// Not to be run before, as RFC 3339. Instead of a delay.
    run_at: Option<String>,
    /// 0 (last) to 9 (first).
    priority: Option<u8>,
    /// Milliseconds of each attempt at most; only lowers what the job asks for.
    timeout_ms: Option<u64>,
    /// Not to begin at or after, as RFC 3339.
    expires_at: Option<String>,
    /// A text for people and filters.
    label: Option<String>,
    /// For filters; each once.
    tags: Option<Vec<String>>,
    /// A second task with this key from the same source is the first one.
    idempotency_key: Option<String>,
    /// At most one task of its job with this key is queued or running at a time.
    unique_key: Option<String>,
    /// What happens if there is one: `reject`, `replace` or `existing`.
    unique_policy: Option<String>,
    /// Attempts at most, instead of what the job's manifest says.
    max_attempts: Option<u32>,
}

/// When a task is retried.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[expect(dead_code, reason = "only its schema is used")]
pub(super) struct RetryRequest {
    /// Milliseconds before it may begin.
    delay_ms: Option<u64>,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "only its description is used")]
pub(super) struct TaskPath {
    /// The task.
    id: String,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "only its description is used")]
pub(super) struct TokenPath {
    /// The token's name, which is no secret.
    id: String,
}

/// When a job runs by itself, and with what. Exactly one of `cron`, `runEveryMs` and `runAt`.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[expect(dead_code, reason = "only its schema is used")]
pub(super) struct Definition {
    /// The job.
    job: String,
    /// Five fields, or such as `@hourly`, on the clock of the time zone.
    cron: Option<String>,
    /// Milliseconds between two runs.
    run_every_ms: Option<u64>,
    /// Once, as RFC 3339.
    run_at: Option<String>,
    /// Of the IANA database, for `cron`; UTC without one.
    time_zone: Option<String>,
    /// No run before, as RFC 3339; intervals are counted from it.
    start_at: Option<String>,
    /// No run then or after, as RFC 3339.
    end_at: Option<String>,
    /// Runs in all.
    run_times: Option<u64>,
    /// Milliseconds that a run is put off at the most, to spread the load.
    jitter_ms: Option<u64>,
    /// What becomes of runs that were missed: `once` (the newest, for all of them), `skip` or `all`.
    missed: Option<String>,
    /// Milliseconds that a run may be late to be made up for, if `missed` is `all`.
    missed_window_ms: Option<u64>,
    /// What happens to a run while an earlier one is not over: `allow`, `skip`, `queue-one` or `cancel-running`.
    overlap: Option<String>,
    /// What the job is given; in its texts `${occurrence}`, `${occurrence %Y-%m}` and `${occurrence -1 month %Y-%m}` are the
    /// time of the run.
    #[schema(value_type = Option<Object>)]
    payload: (),
    /// The options of the tasks.
    options: Option<ScheduledOptions>,
    /// One line for people.
    summary: Option<String>,
}

/// The options of the tasks of a schedule. In the texts the time of the run can be put in, as in the payload.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[expect(dead_code, reason = "only its schema is used")]
pub(super) struct ScheduledOptions {
    /// 0 (last) to 9 (first).
    priority: Option<u8>,
    /// Milliseconds of each attempt at most; only lowers what the job asks for.
    timeout_ms: Option<u64>,
    /// A text for people and filters.
    label: Option<String>,
    /// For filters; each once.
    tags: Option<Vec<String>>,
    /// Attempts at most, instead of what the job's manifest says.
    max_attempts: Option<u32>,
    /// At most one task of its job with this key is queued or running at a time.
    unique_key: Option<String>,
    /// What happens if there is one: `reject`, `replace` or `existing`.
    unique_policy: Option<String>,
    /// Milliseconds after the time of the run at which it no longer begins.
    expires_after_ms: Option<u64>,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "only its description is used")]
pub(super) struct SchedulePath {
    /// The schedule.
    name: String,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "only its description is used")]
pub(super) struct NextParameters {
    /// How many: 1 to 1000, or 5.
    count: Option<u32>,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "only its description is used")]
pub(super) struct JobPath {
    /// The job.
    name: String,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "only its description is used")]
pub(super) struct DeploymentPath {
    /// What the request for it was answered with.
    id: String,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "only its description is used")]
pub(super) struct Known {
    /// The `ETag` of an answer that the caller has.
    #[param(rename = "If-None-Match")]
    if_none_match: Option<String>,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query, rename_all = "kebab-case")]
#[expect(dead_code, reason = "only its description is used")]
pub(super) struct ListParameters {
    /// States, separated by commas.
    state: Option<String>,
    /// The job.
    job: Option<String>,
    /// Who asked.
    source: Option<String>,
    /// With this label.
    label: Option<String>,
    /// With this tag.
    tag: Option<String>,
    /// Runs of this schedule.
    schedule: Option<String>,
    /// Accepted at or after, as RFC 3339.
    from: Option<String>,
    /// Accepted before, as RFC 3339.
    to: Option<String>,
    /// Whose newest attempt that ended did so.
    outcome: Option<String>,
    /// Whose newest attempt ran or has been running for longer, such as `90s`.
    longer_than: Option<String>,
    /// Tasks on the page at the most: 1 to 500, or 50.
    limit: Option<u32>,
    /// `nextCursor` of the page before, for the same filters.
    cursor: Option<String>,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "only its description is used")]
pub(super) struct LogParameters {
    /// `nextCursor` of the page before, or the id of an event.
    cursor: Option<String>,
    /// Whether to follow the log as a stream.
    follow: Option<bool>,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "only its description is used")]
pub(super) struct EventParameters {
    /// Of this job.
    job: Option<String>,
    /// Of these kinds, separated by commas.
    kind: Option<String>,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "only its description is used")]
pub(super) struct AuditParameters {
    /// Of this actor: `token:ID`, `settings` or `operator`.
    actor: Option<String>,
    /// About this, such as `task-cancelled`.
    action: Option<String>,
    /// To a `task`, a `job`, the `host`, a `token` or a `schedule`.
    kind: Option<String>,
    /// Its name or id.
    object: Option<String>,
    /// At or after.
    from: Option<String>,
    /// Before.
    to: Option<String>,
    /// `nextCursor` of the page before.
    cursor: Option<String>,
}

/// The description as JSON.
pub(super) static DESCRIPTION: LazyLock<String> = LazyLock::new(|| {
    let endpoints: Vec<Endpoint> = routes().into_iter().map(|(endpoint, _)| endpoint).collect();
    format!("{}\n", describe(&endpoints).to_pretty_json().unwrap_or_default())
});

/// What the handlers say, and for each endpoint what whoever asks has to have.
fn describe(endpoints: &[Endpoint]) -> utoipa::openapi::OpenApi {
    let mut described = Handlers::openapi();
    if let Some(components) = &mut described.components {
        let token = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some("One that `mainworker token create` made, or the `token` under `[server]` in the settings of the host."));
        components.add_security_scheme(TOKEN, SecurityScheme::Http(token.build()));
    }
    for endpoint in endpoints {
        let Some(path) = described.paths.paths.get_mut(endpoint.path) else { continue };
        let operation = if endpoint.method == "GET" { &mut path.get } else { &mut path.post };
        let Some(operation) = operation else { continue };
        let security = match endpoint.needs {
            Needs::Nothing => Vec::new(),
            Needs::Credential | Needs::OneOf(_) => vec![SecurityRequirement::new(TOKEN, [""; 0])],
        };
        operation.security = Some(security);
        if let Some(needs) = needs(endpoint.needs) {
            let description = operation.description.take().unwrap_or_default();
            operation.description = Some(format!("{description}\n\n{needs}").trim().to_owned());
        }
        let problem = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
        let response = ResponseBuilder::new()
            .description("Why it is not answered with that")
            .content("application/problem+json", problem);
        operation.responses.responses.insert("default".to_owned(), RefOr::T(response.build()));
    }
    described
}

fn needs(needs: Needs) -> Option<String> {
    match needs {
        Needs::Nothing => None,
        Needs::Credential => Some("Needs a credential, with whatever roles.".to_owned()),
        Needs::OneOf(roles) => {
            let words: Vec<String> = roles.iter().map(|role: &Role| format!("`{}`", role.as_str())).collect();
            Some(format!("Needs the role {}.", words.join(" or ")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mainworker_domain::schedule;
    use mainworker_domain::task_options::OPTIONS;
    use serde_json::Value;
    use std::collections::BTreeSet;
    use std::{env, fs};

    #[test]
    fn the_file_that_is_checked_in_is_what_the_handlers_say() {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi.json");
        if env::var_os("MAINWORKER_WRITE_OPENAPI").is_some() {
            fs::write(file, DESCRIPTION.as_str()).unwrap();
        }
        let same = fs::read_to_string(file).unwrap() == *DESCRIPTION;
        assert!(
            same,
            "run the tests of the API again with MAINWORKER_WRITE_OPENAPI=1 and look at what changed"
        );
    }

    #[test]
    fn each_endpoint_is_described_and_no_other() {
        let description: Value = serde_json::from_str(&DESCRIPTION).unwrap();
        let mut described = BTreeSet::new();
        for (path, operations) in description["paths"].as_object().unwrap() {
            for (method, operation) in operations.as_object().unwrap() {
                described.insert((method.to_uppercase(), path.clone()));
                let problem = &operation["responses"]["default"]["content"]["application/problem+json"];
                assert_eq!(problem["schema"]["$ref"], "#/components/schemas/Problem", "{method} {path}");
                assert!(operation["summary"].is_string(), "{method} {path}");
            }
        }
        let endpoints = routes().into_iter().map(|(endpoint, _)| endpoint);
        let served: BTreeSet<_> =
            endpoints.map(|endpoint| (endpoint.method.to_owned(), endpoint.path.to_owned())).collect();
        assert_eq!(described, served);
    }

    #[test]
    fn what_a_client_may_send_is_described_as_it_is_read() {
        let description: Value = serde_json::from_str(&DESCRIPTION).unwrap();
        let properties = |schema: &str| -> BTreeSet<String> {
            let schema = &description["components"]["schemas"][schema]["properties"];
            schema.as_object().unwrap().keys().cloned().collect()
        };
        assert_eq!(properties("TaskOptions"), OPTIONS.map(str::to_owned).into());
        let fields = ["configuration", "jobName", "source", "jobPayload"].map(str::to_owned);
        assert_eq!(properties("Envelope"), fields.into());
        assert_eq!(properties("Definition"), schedule::FIELDS.map(str::to_owned).into());
        assert_eq!(properties("ScheduledOptions"), schedule::OPTIONS.map(str::to_owned).into());
        let parameters = description["paths"]["/v1/tasks"]["get"]["parameters"].as_array().unwrap();
        let parameters: Vec<&str> =
            parameters.iter().filter_map(|parameter| parameter["name"].as_str()).collect();
        assert_eq!(parameters, crate::api::filter::LIST_PARAMETERS);
    }

    #[test]
    fn who_may_ask_is_said() {
        let description: Value = serde_json::from_str(&DESCRIPTION).unwrap();
        let retry = &description["paths"]["/v1/tasks/{id}/retry"]["post"];
        assert_eq!(retry["security"], serde_json::json!([{ "token": [] }]));
        assert!(retry["description"].as_str().unwrap().ends_with("Needs the role `operate`."), "{retry}");
        let health = &description["paths"]["/healthz"]["get"];
        assert_eq!(health["security"], serde_json::json!([]));
    }
}
