//! What can be asked about schedules.

use crate::client::{Call, Client};
use crate::error::ClientError;
use crate::retries::Repeat;
use crate::target::Target;
use crate::wire::{
    ApplyAnswer, ApplyRequest, BackfillAnswer, BackfillRequest, NextTimes, Schedule, ScheduleList,
    SchedulePauseAnswer, TriggerAnswer,
};
use serde_json::value::RawValue;

impl Client {
    /// All schedules.
    ///
    /// # Errors
    /// Why there is no answer.
    pub async fn schedules(&self) -> Result<ScheduleList, ClientError> {
        self.json(Call::get("listing schedules", Target::new("/v1/schedules"))).await
    }

    /// One schedule, with what became of its newest runs.
    ///
    /// # Errors
    /// `unknown_schedule`; or why there is no answer.
    pub async fn schedule(&self, name: &str) -> Result<Schedule, ClientError> {
        self.json(Call::get("reading a schedule", Target::of_schedule(name, "")?)).await
    }

    /// The times of its next runs.
    ///
    /// # Errors
    /// `unknown_schedule`, `bad_filter`; or why there is no answer.
    pub async fn next_times(&self, name: &str, count: u32) -> Result<NextTimes, ClientError> {
        let target = Target::of_schedule(name, "/next")?.with("count", Some(&count.to_string()));
        self.json(Call::get("asking for the next runs", target)).await
    }

    /// Makes the schedules of a set what the request says: all of it, or nothing. Doing it twice is as good as once.
    ///
    /// # Errors
    /// `schedule_invalid`, `schedule_changed`, `schedule_of_another_set`, or why a task of it would be rejected; or why there
    /// is no answer.
    pub async fn apply_schedules(&self, request: &ApplyRequest) -> Result<ApplyAnswer, ClientError> {
        let doing = if request.preview { "comparing schedules" } else { "applying schedules" };
        // With what was seen, a second time finds its own doing in the way.
        let repeat =
            if request.preview || request.seen.is_none() { Repeat::Harmless } else { Repeat::Harmful };
        self.json(Call::post(doing, Target::new("/v1/schedules/apply"), repeat).with(request)).await
    }

    /// Creates or changes a schedule that belongs to no set.
    ///
    /// # Errors
    /// As for [`Client::apply_schedules`].
    pub async fn put_schedule(&self, name: &str, definition: &RawValue) -> Result<ApplyAnswer, ClientError> {
        let call = Call::post("putting a schedule", Target::of_schedule(name, "/put")?, Repeat::Harmless);
        self.json(call.with(definition)).await
    }

    /// Deletes a schedule that belongs to no set. Its tasks stay.
    ///
    /// # Errors
    /// `unknown_schedule`, `schedule_of_another_set`; or why there is no answer.
    pub async fn delete_schedule(&self, name: &str) -> Result<ApplyAnswer, ClientError> {
        let target = Target::of_schedule(name, "/delete")?;
        self.json(Call::post("deleting a schedule", target, Repeat::Harmful)).await
    }

    /// Lets a schedule stand still: only people bring about runs of it.
    ///
    /// # Errors
    /// `unknown_schedule`; or why there is no answer.
    pub async fn pause_schedule(&self, name: &str) -> Result<SchedulePauseAnswer, ClientError> {
        let target = Target::of_schedule(name, "/pause")?;
        self.json(Call::post("pausing a schedule", target, Repeat::Harmless)).await
    }

    /// Lets it go on. Runs that fell due meanwhile were missed, and it says itself what becomes of them.
    ///
    /// # Errors
    /// `unknown_schedule`; or why there is no answer.
    pub async fn resume_schedule(&self, name: &str) -> Result<SchedulePauseAnswer, ClientError> {
        let target = Target::of_schedule(name, "/resume")?;
        self.json(Call::post("resuming a schedule", target, Repeat::Harmless)).await
    }

    /// Brings about a run now, beside those at its times. Not asked again if the answer is lost: that would be another run.
    ///
    /// # Errors
    /// `unknown_schedule`, `source_not_allowed`, or why its task is rejected; or why there is no answer.
    pub async fn trigger_schedule(&self, name: &str) -> Result<TriggerAnswer, ClientError> {
        let target = Target::of_schedule(name, "/trigger")?;
        self.json(Call::post("triggering a schedule", target, Repeat::Harmful)).await
    }

    /// Brings about the runs of a time that is over, each at most once for ever.
    ///
    /// # Errors
    /// `unknown_schedule`, `source_not_allowed`, `backfill_invalid`; or why there is no answer.
    pub async fn backfill_schedule(
        &self,
        name: &str,
        request: &BackfillRequest,
    ) -> Result<BackfillAnswer, ClientError> {
        let target = Target::of_schedule(name, "/backfill")?;
        self.json(Call::post("backfilling a schedule", target, Repeat::Harmless).with(request)).await
    }
}
