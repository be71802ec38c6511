//! One life of one host: the core, a backlog, and drivers that follow scripts instead of running anything.

use crate::dice::Dice;
use crate::model::{Check, Owner, ensure};
use crate::script::{self, Script};
use mainworker_domain::event::{Event, Said};
use mainworker_domain::lifecycle::Timestamp;
use mainworker_domain::outcome::{Outcome, Usage};
use mainworker_domain::task_id::TaskId;
use mainworker_queue::attempt::AttemptError;
use mainworker_queue::dispatch::DispatchOptions;
use mainworker_queue::dispatch::backlog::{Assignment, Backlog, Ticket, Withdraw};
use mainworker_queue::dispatch::core::{Action, Core, Input, Moment};
use mainworker_queue::runner::{Ended, Live, StopReason};
use mainworker_queue::verbs::claim::ClaimedTask;
use mainworker_queue::verbs::enqueue::NewTask;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What a host wants of the world around it.
#[derive(Debug)]
pub(crate) enum Wish {
    /// A request to the store.
    Ask(Action),
    /// An attempt ends by itself after so many milliseconds, and speaks before.
    Began { ticket: Ticket, run_ms: u64, lines: u32 },
    /// An attempt was told to stop and will have ended after so many.
    Stops { ticket: Ticket, after_ms: u64 },
    /// Something happened.
    Event(Event),
    /// It is drained.
    Drained,
}

pub(crate) struct Host {
    pub(crate) owner: Owner,
    pub(crate) core: Core,
    pub(crate) options: DispatchOptions,
    pub(crate) backlog: Backlog,
    pub(crate) running: BTreeMap<Ticket, Running>,
    /// Ends that the drivers have for the core, once enough of them have come together.
    ends: Vec<(Ticket, Ended)>,
    pub(crate) is_draining: bool,
    /// When it was last told that the store failed.
    pub(crate) failed_at: Timestamp,
    seed: u64,
}

/// An attempt with a driver.
pub(crate) struct Running {
    pub(crate) task: ClaimedTask,
    pub(crate) live: Arc<Live>,
    pub(crate) script: Script,
    started_at: Timestamp,
    pub(crate) said: u32,
}

impl Host {
    pub(crate) fn new(
        owner: Owner,
        options: DispatchOptions,
        seed: u64,
        moment: Moment,
        backlog_bytes_max: u64,
    ) -> Self {
        Self {
            owner,
            core: Core::new(options.clone(), moment),
            backlog: Backlog::new(backlog_bytes_max),
            running: BTreeMap::new(),
            ends: Vec::new(),
            is_draining: false,
            failed_at: Timestamp::MIN,
            options,
            seed,
        }
    }

    /// Hears what happened and does what follows, as the shell does.
    pub(crate) fn turn(
        &mut self,
        input: Option<Input>,
        moment: Moment,
        deaf: bool,
        dice: &mut Dice,
    ) -> Check<Vec<Wish>> {
        let mut wishes = Vec::new();
        match &input {
            Some(Input::Drain { .. }) => self.is_draining = true,
            Some(input) if is_failure(input) => self.failed_at = moment.steady,
            _ => {}
        }
        let mut inputs: Vec<Input> = input.into_iter().collect();
        if !self.ends.is_empty() {
            inputs.push(Input::Ended(std::mem::take(&mut self.ends)));
        }
        let mut bits = moment.bits;
        loop {
            // The shell draws for each decision.
            let moment = Moment { bits, ..moment };
            bits = dice.bits();
            for input in inputs.drain(..) {
                self.core.take(input, moment);
            }
            for action in self.core.decide(moment) {
                self.act(action, deaf, &mut inputs, &mut wishes);
            }
            if inputs.is_empty() {
                break;
            }
        }
        wishes.extend(self.begin(moment.now));
        self.check()?;
        Ok(wishes)
    }

    /// Drivers that have nothing to run take what there is.
    pub(crate) fn begin(&mut self, now: Timestamp) -> Vec<Wish> {
        let mut wishes = Vec::new();
        while self.running.len() < self.options.slots
            && let Some(Assignment { ticket, task, live, .. }) = self.backlog.take()
        {
            let script = Script::of(self.seed, task.held.task, task.held.attempt);
            wishes.push(Wish::Began { ticket, run_ms: script.run_ms, lines: script.lines });
            self.running.insert(ticket, Running { task, live, script, started_at: now, said: 0 });
        }
        wishes
    }

    fn act(&mut self, action: Action, deaf: bool, inputs: &mut Vec<Input>, wishes: &mut Vec<Wish>) {
        match action {
            Action::Start(assignments) => self.backlog.push(assignments),
            Action::Stop { .. } if deaf => {}
            Action::Stop { ticket, live, reason } => {
                live.stop(reason);
                self.withdraw(Withdraw::One(ticket), inputs);
                if let Some(running) = self.running.get(&ticket) {
                    wishes.push(Wish::Stops { ticket, after_ms: running.script.stops_after_ms });
                }
            }
            Action::Withdraw(which) => self.withdraw(which, inputs),
            Action::Emit(event) => wishes.push(Wish::Event(event)),
            Action::Drained => wishes.push(Wish::Drained),
            request => wishes.push(Wish::Ask(request)),
        }
    }

    fn withdraw(&mut self, which: Withdraw, inputs: &mut Vec<Input>) {
        let tickets = self.backlog.withdraw(which);
        if !tickets.is_empty() {
            inputs.push(Input::Withdrawn(tickets));
        }
    }

    /// The attempt says its next line, and how many it has said.
    pub(crate) fn say(&mut self, ticket: Ticket) {
        if let Some(running) = self.running.get_mut(&ticket) {
            let held = running.task.held;
            running.live.hear(Said::Line(script::line(held.task, held.attempt, running.said)));
            running.said += 1;
            running.live.hear(Said::Progress(script::progress(running.said)));
        }
    }

    /// The attempt ends, unless it has: answers it, and how it did.
    pub(crate) fn end(
        &mut self,
        ticket: Ticket,
        now: Timestamp,
        ask: impl FnMut(TaskId) -> NewTask,
    ) -> Option<(Running, Outcome)> {
        let running = self.running.remove(&ticket)?;
        let held = running.task.held;
        let ending = match running.live.stop_requested() {
            Some(reason) => running.script.stopped(reason),
            None => running.script.ending,
        };
        let completed = ending.outcome == Outcome::Completed;
        let error = AttemptError { code: "script".to_owned(), message: "as written".to_owned(), hint: None };
        let parent = std::iter::repeat_n(held.task, if completed { running.script.asks } else { 0 });
        let ended = Ended {
            ending,
            started_at: running.started_at,
            finished_at: now,
            usage: Usage::default(),
            ran: None,
            result: completed.then(|| script::result(held.task, held.attempt)),
            error: (!completed).then_some(error),
            log: (0..running.said).map(|number| script::line(held.task, held.attempt, number)).collect(),
            asked: parent.map(ask).collect(),
        };
        self.backlog.finish(running.task.memory_bytes_max);
        self.ends.push((ticket, ended));
        Some((running, ending.outcome))
    }

    /// Whether the drivers would wake the core now.
    pub(crate) fn has_enough_ends(&self) -> bool {
        self.ends.len() >= self.core.ends_awaited()
    }

    /// What one host may never do.
    fn check(&self) -> Check {
        let running = self.running.len();
        ensure!(running <= self.options.slots, "{running} attempts run in {} slots", self.options.slots);
        let bytes: u64 = self.running.values().map(|it| it.task.memory_bytes_max).sum();
        let allowed = self.options.memory_bytes_max;
        ensure!(
            bytes <= allowed || running == 1,
            "{running} attempts take {bytes} bytes, allowed are {allowed}"
        );
        let alone = self.running.values().find(|it| it.task.alone);
        ensure!(
            alone.is_none() || (running == 1 && self.backlog.waiting() == 0),
            "an attempt that must run alone does not"
        );
        let waiting = self.backlog.waiting();
        ensure!(
            running + waiting <= self.options.slots + self.options.prefetch_max,
            "{waiting} attempts were claimed ahead"
        );
        Ok(())
    }

    /// Whether the attempt was told to stop, if it runs here.
    pub(crate) fn was_told(&self, task: TaskId, attempt: u32) -> Option<Option<StopReason>> {
        let is_it = |it: &&Running| (it.task.held.task, it.task.held.attempt) == (task, attempt);
        self.running.values().find(is_it).map(|it| it.live.stop_requested())
    }
}

fn is_failure(input: &Input) -> bool {
    matches!(
        input,
        Input::Claimed(Err(_))
            | Input::Settled(Err(_))
            | Input::Extended(Err(_))
            | Input::Recorded(Err(_))
            | Input::Rescued(Err(_))
    )
}
