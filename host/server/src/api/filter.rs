//! Which tasks: filters as clients write them, and as the store takes them.

use super::fields::wrong_type;
use super::problem::ApiError;
use super::query::Parameters;
use super::shortened;
use crate::access::Caller;
use mainworker_client::wire::TaskFilter;
use mainworker_domain::access::Role;
use mainworker_domain::job_name::JobName;
use mainworker_domain::lifecycle::{State, Timestamp};
use mainworker_domain::nearest::nearest;
use mainworker_domain::outcome::Outcome;
use mainworker_domain::quantity::parse_ms;
use mainworker_domain::schedule::ScheduleName;
use mainworker_queue::verbs::list::Filter;
use serde_json::Value;

/// The parameters of a list: the filters, then what says which page.
pub(super) const LIST_PARAMETERS: &[&str] = &[
    "state",
    "job",
    "source",
    "label",
    "tag",
    "schedule",
    "from",
    "to",
    "outcome",
    "longer-than",
    "limit",
    "cursor",
];
/// The filters as fields of JSON.
pub(super) const FIELDS: &[&str] =
    &["state", "job", "source", "label", "tag", "schedule", "from", "to", "outcome", "longerThan"];

/// The filters of a query.
pub(super) fn of_query(parameters: &Parameters) -> TaskFilter {
    let text = |name| parameters.get(name).map(str::to_owned);
    TaskFilter {
        state: text("state"),
        job: text("job"),
        source: text("source"),
        label: text("label"),
        tag: text("tag"),
        schedule: text("schedule"),
        from: text("from"),
        to: text("to"),
        outcome: text("outcome"),
        longer_than: text("longer-than"),
    }
}

/// The filters of a JSON object that has only known fields.
///
/// # Errors
/// One that is not a text.
pub(super) fn of_json(
    object: &serde_json::Map<String, Value>,
    pointer: &str,
) -> Result<TaskFilter, ApiError> {
    let text = |name: &str| match object.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(other) => Err(wrong_type(format!("{pointer}/{name}"), other, "a string")),
    };
    Ok(TaskFilter {
        state: text("state")?,
        job: text("job")?,
        source: text("source")?,
        label: text("label")?,
        tag: text("tag")?,
        schedule: text("schedule")?,
        from: text("from")?,
        to: text("to")?,
        outcome: text("outcome")?,
        longer_than: text("longerThan")?,
    })
}

/// The filters as the store takes them.
///
/// # Errors
/// `bad_filter` for the first whose value cannot be meant.
pub(super) fn read(filter: &TaskFilter) -> Result<Filter, ApiError> {
    let states = match &filter.state {
        None => Vec::new(),
        Some(words) => words.split(',').map(state).collect::<Result<_, _>>()?,
    };
    let job = filter.job.as_deref().map(|name| {
        let expected = || "a job's name: 1 to 63 of a-z, 0-9 and `-`, starting with a letter".to_owned();
        JobName::parse(name).map_err(|_| bad("job", name, expected()))
    });
    let schedule = filter.schedule.as_deref().map(|name| {
        let expected = "a schedule's name: 1 to 63 of a-z, 0-9 and `-`, starting with a letter";
        ScheduleName::parse(name).map_err(|_| bad("schedule", name, expected.to_owned()))
    });
    let outcome = filter.outcome.as_deref().map(|word| {
        Outcome::parse(word).ok_or_else(|| bad_word("outcome", word, &Outcome::ALL.map(Outcome::as_str)))
    });
    let longer_than = filter.longer_than.as_deref().map(|text| {
        parse_ms(text)
            .map_err(|_| bad("longer-than", text, "a duration such as `90s` or `1h 30m`".to_owned()))
    });
    Ok(Filter {
        states,
        job: job.transpose()?,
        source: filter.source.clone(),
        label: filter.label.clone(),
        tag: filter.tag.clone(),
        schedule: schedule.transpose()?,
        outcome: outcome.transpose()?,
        created_from: moment("from", filter.from.as_deref())?,
        created_to: moment("to", filter.to.as_deref())?,
        longer_than_ms: longer_than.transpose()?,
    })
}

/// A time, if one is given.
///
/// # Errors
/// `bad_filter` for a text that is none.
pub(super) fn moment(name: &str, text: Option<&str>) -> Result<Option<Timestamp>, ApiError> {
    let expected = || "a time such as `2015-05-17T08:05:32Z`; a `+` in a URL is `%2B`".to_owned();
    text.map(|text| Timestamp::parse(text).ok_or_else(|| bad(name, text, expected()))).transpose()
}

/// Narrows a filter to what the caller sees.
///
/// # Errors
/// `role_missing` if it asks for the tasks of another source.
pub(super) fn narrow(filter: &mut Filter, caller: &Caller) -> Result<(), ApiError> {
    if caller.may(Role::Read) {
        return Ok(());
    }
    match &filter.source {
        Some(source) if *source != caller.source => {
            Err(ApiError::RoleMissing { source_name: caller.source.clone(), needed: &[Role::Read] })
        }
        _ => {
            filter.source = Some(caller.source.clone());
            Ok(())
        }
    }
}

/// The filter as a text that is another one for another filter, to bind cursors to.
pub(super) fn canonical(filter: &Filter) -> String {
    // Debug quotes texts, so no value can pass for another field.
    format!("tasks {filter:?}")
}

fn state(word: &str) -> Result<State, ApiError> {
    State::parse(word).ok_or_else(|| bad_word("state", word, &State::ALL.map(State::as_str)))
}

/// A value that is none of the words that there are.
pub(super) fn bad_word(name: &str, found: &str, known: &[&'static str]) -> ApiError {
    ApiError::BadFilter {
        name: name.to_owned(),
        found: quoted(found),
        expected: format!("one of `{}`", known.join("`, `")),
        nearest: nearest(found, known.iter().copied()),
    }
}

/// A value that cannot be meant.
pub(super) fn bad(name: &str, found: &str, expected: String) -> ApiError {
    ApiError::BadFilter { name: name.to_owned(), found: quoted(found), expected, nearest: None }
}

/// A value as it is shown in a message.
pub(super) fn quoted(text: &str) -> String {
    format!("`{}`", shortened(text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use mainworker_client::wire::TaskFilter;
    use mainworker_domain::audit::Actor;

    fn parsed(query: &str) -> Result<Filter, ApiError> {
        let uri = format!("/v1/tasks?{query}").parse().unwrap();
        read(&of_query(&Parameters::read(&uri, LIST_PARAMETERS)?))
    }

    #[test]
    fn a_query_is_a_filter() {
        let filter = parsed(
            "state=queued,running&job=echo&source=api&label=L%26M&tag=a&schedule=nightly&outcome=timed-out&from=2015-05-17T08:05:32Z\
             &to=2015-05-17T10:05:32%2B02:00&longer-than=1m+30s&limit=5",
        )
        .unwrap();
        let moment = Timestamp::parse("2015-05-17T08:05:32Z");
        let expected = Filter {
            states: vec![State::Queued, State::Running],
            job: JobName::parse("echo").ok(),
            source: Some("api".to_owned()),
            label: Some("L&M".to_owned()),
            tag: Some("a".to_owned()),
            schedule: ScheduleName::parse("nightly").ok(),
            outcome: Some(Outcome::TimedOut),
            created_from: moment,
            created_to: moment,
            longer_than_ms: Some(90_000),
        };
        assert_eq!(filter, expected);
        assert_eq!(parsed("").unwrap(), Filter::default());
    }

    #[test]
    fn what_cannot_be_meant_is_a_bad_filter() {
        for (query, said) in [
            ("state=quued", "`quued`, expected one of `queued`, `running`"),
            ("state=", "``, expected one of `queued`"),
            ("state=queued,", "``, expected one of"),
            ("outcome=time-out", "expected one of `completed`"),
            ("job=Echo", "expected a job's name"),
            ("schedule=Nightly", "expected a schedule's name"),
            ("from=yesterday", "expected a time such as"),
            ("to=2015-05-17T10:05:32+02:00", "a `+` in a URL is `%2B`"),
            ("longer-than=90", "expected a duration"),
            ("stat=queued", "there is no filter `stat`"),
            ("state=queued&state=running", "there twice, expected it once"),
        ] {
            let problem = parsed(query).unwrap_err().problem();
            assert_eq!((problem.code.as_str(), problem.status), ("bad_filter", 400), "{query}");
            assert!(problem.detail.contains(said), "{query}: {}", problem.detail);
        }
        let hint = parsed("outcome=time-out").unwrap_err().problem().hint;
        assert_eq!(hint.as_deref(), Some("did you mean `timed-out`?"));
    }

    #[test]
    fn json_and_query_are_the_same_filters() {
        let value = serde_json::json!({ "state": "failed", "longerThan": "90s", "label": null });
        let filter = of_json(value.as_object().unwrap(), "/filter").unwrap();
        let expected = TaskFilter {
            state: Some("failed".to_owned()),
            longer_than: Some("90s".to_owned()),
            ..TaskFilter::default()
        };
        assert_eq!(filter, expected);
        let value = serde_json::json!({ "state": ["failed"] });
        let problem = of_json(value.as_object().unwrap(), "/filter").unwrap_err().problem();
        assert_eq!(
            (problem.code.as_str(), problem.pointer.as_deref()),
            ("wrong_type", Some("/filter/state"))
        );
        let all = serde_json::to_value(TaskFilter {
            state: Some(String::new()),
            job: Some(String::new()),
            source: Some(String::new()),
            label: Some(String::new()),
            tag: Some(String::new()),
            schedule: Some(String::new()),
            from: Some(String::new()),
            to: Some(String::new()),
            outcome: Some(String::new()),
            longer_than: Some(String::new()),
        });
        let all: Vec<String> = all.unwrap().as_object().unwrap().keys().cloned().collect();
        let mut known = FIELDS.to_vec();
        known.sort_unstable();
        assert_eq!(all, known, "the fields of the wire are the filters");
    }

    #[test]
    fn without_the_role_read_a_caller_finds_its_own() {
        let mut caller = Caller {
            actor: Actor::Settings,
            source: "api".to_owned(),
            roles: vec![Role::Enqueue],
            jobs: None,
        };
        let of = |source: Option<&str>| Filter { source: source.map(str::to_owned), ..Filter::default() };
        for asked in [None, Some("api")] {
            let mut filter = of(asked);
            narrow(&mut filter, &caller).unwrap();
            assert_eq!(filter, of(Some("api")));
        }
        assert_eq!(narrow(&mut of(Some("ci")), &caller).unwrap_err().code(), "role_missing");
        caller.roles.push(Role::Read);
        let mut filter = of(Some("ci"));
        narrow(&mut filter, &caller).unwrap();
        assert_eq!(filter, of(Some("ci")));
    }

    #[test]
    fn another_filter_is_another_text() {
        let of = |label: &str, tag: &str| {
            canonical(&Filter {
                label: Some(label.to_owned()),
                tag: Some(tag.to_owned()),
                ..Filter::default()
            })
        };
        assert_ne!(of("a", "b"), of("a\", tag: Some(\"b", ""));
        assert_eq!(of("a", "b"), of("a", "b"));
    }
}
