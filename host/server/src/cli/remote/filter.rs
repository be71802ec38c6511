//! Which tasks: the flags of `list`, and of `cancel` and `retry` for many.

use super::moment::{Moment, ago, milliseconds};
use super::now_for;
use clap::Args;
use clap::builder::PossibleValuesParser;
use mainworker_client::Client;
use mainworker_client::wire::TaskFilter;
use mainworker_domain::lifecycle::{State, Timestamp};
use mainworker_domain::outcome::Outcome;
use mainworker_domain::quantity::format_ms;

/// Which tasks: those that fit all that is given.
#[derive(Args, Clone, Debug)]
pub(in crate::cli) struct FilterArgs {
    /// In one of these states
    #[arg(long, value_name = "STATE", value_delimiter = ',', value_parser = states(), help_heading = "Which tasks")]
    state: Vec<String>,
    /// Of this job
    #[arg(long, value_name = "JOB", help_heading = "Which tasks")]
    job: Option<String>,
    /// Asked for by this source
    #[arg(long, value_name = "SOURCE", help_heading = "Which tasks")]
    source: Option<String>,
    /// With this label
    #[arg(long, value_name = "LABEL", help_heading = "Which tasks")]
    label: Option<String>,
    /// With this tag
    #[arg(long, value_name = "TAG", help_heading = "Which tasks")]
    tag: Option<String>,
    /// Runs of this schedule
    #[arg(long, value_name = "SCHEDULE", help_heading = "Which tasks")]
    schedule: Option<String>,
    /// Accepted at or after this time, or not longer ago
    #[arg(long, value_name = "TIME|DURATION", value_parser = ago, help_heading = "Which tasks")]
    from: Option<Moment>,
    /// Accepted before this time, or longer ago
    #[arg(long, value_name = "TIME|DURATION", value_parser = ago, help_heading = "Which tasks")]
    to: Option<Moment>,
    /// Whose newest attempt that ended did so
    #[arg(long, value_name = "OUTCOME", value_parser = outcomes(), help_heading = "Which tasks")]
    outcome: Option<String>,
    /// Whose newest attempt ran for longer, or has been running for longer
    #[arg(long, value_name = "DURATION", value_parser = milliseconds, help_heading = "Which tasks")]
    longer_than: Option<u64>,
}

fn states() -> PossibleValuesParser {
    PossibleValuesParser::new(State::ALL.map(State::as_str))
}

fn outcomes() -> PossibleValuesParser {
    PossibleValuesParser::new(Outcome::ALL.map(Outcome::as_str))
}

impl FilterArgs {
    /// What time it is for it: by the host's clock, if any of its times is said as a duration.
    pub(in crate::cli) async fn now(&self, client: &Client) -> Timestamp {
        now_for(client, [self.from, self.to].into_iter().flatten()).await
    }

    /// The filter as it goes over the wire.
    pub(in crate::cli) fn filter(&self, now: Timestamp) -> TaskFilter {
        let moment = |moment: Option<Moment>| moment.map(|moment| moment.before(now).to_string());
        TaskFilter {
            state: (!self.state.is_empty()).then(|| self.state.join(",")),
            job: self.job.clone(),
            source: self.source.clone(),
            label: self.label.clone(),
            tag: self.tag.clone(),
            schedule: self.schedule.clone(),
            from: moment(self.from),
            to: moment(self.to),
            outcome: self.outcome.clone(),
            longer_than: self.longer_than.map(format_ms),
        }
    }
}
