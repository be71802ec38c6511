//! The world of a simulation: clocks, clients, faults, and what is under way between hosts and their store.

mod checks;

pub(crate) use checks::Summary;

use crate::broken::Broken;
use crate::dice::Dice;
use crate::host::{Host, Wish};
use crate::model::{Check, Model, Owner, ensure};
use crate::plan::Plan;
use mainworker_domain::event::Event;
use mainworker_domain::lifecycle::Timestamp;
use mainworker_domain::outcome::Outcome;
use mainworker_domain::task_id::TaskId;
use mainworker_domain::task_options::UniquePolicy;
use mainworker_queue::dispatch::backlog::Ticket;
use mainworker_queue::dispatch::core::{Action, Input, Moment};
use mainworker_queue::memory::MemoryStore;
use mainworker_queue::store::{Store, StoreError};
use mainworker_queue::verbs::extend::Extended;
use mainworker_queue::verbs::rescue::{Rescue, Rescued};
use mainworker_queue::verbs::settle::Settled;
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

/// Milliseconds of the quiet in which everybody must have done what there was to do.
const QUIET_MS: i64 = 40;
/// Where the steady clock begins.
const BEGINNING_MS: i64 = 1_000_000_000;

/// Something that will happen.
#[derive(Debug)]
enum Happening {
    /// A client, an operator or a fault.
    Operation,
    /// The store is asked, and answers or not.
    Asked {
        owner: Owner,
        request: Action,
    },
    /// The answer arrives.
    Answered {
        owner: Owner,
        input: Input,
    },
    Says {
        owner: Owner,
        ticket: Ticket,
    },
    Ends {
        owner: Owner,
        ticket: Ticket,
    },
    /// The time that the core named has come.
    Ticks {
        owner: Owner,
    },
    Restarts {
        host: usize,
    },
}

/// What one life of a host has to be excused for.
#[derive(Debug, Default)]
struct Past {
    /// It crashed: what it held is lost.
    crashed: bool,
    /// It could not reach the store for so long that leases may be over.
    cut_off: bool,
    /// Ends that its drivers reported, with the lines that their attempts said.
    reported: Vec<(TaskId, u32, Outcome, u32)>,
    /// Ends that were answered as written down, and told about.
    applied: usize,
    told: usize,
}

pub(crate) struct World {
    pub(crate) plan: Plan,
    pub(crate) dice: Dice,
    pub(crate) store: MemoryStore,
    pub(crate) model: Model,
    pub(crate) broken: Option<Broken>,
    /// Its history is printed.
    is_told: bool,
    pub(crate) steady_ms: i64,
    /// How far the wall clock is ahead of the steady one.
    wall_ahead_ms: i64,
    most_ahead_ms: i64,
    pub(crate) hosts: Vec<Option<Host>>,
    pasts: BTreeMap<Owner, Past>,
    next_owner: Owner,
    coming: BTreeMap<(i64, u64), Happening>,
    next_happening: u64,
    ticks: BTreeMap<Owner, i64>,
    cut_off_until: Vec<i64>,
    last_jump_ms: i64,
    pub(crate) next_task: u64,
    pub(crate) faults: bool,
    operations_left: u32,
    steps: usize,
    /// Turns after which attempts waited that were claimed ahead.
    ahead: usize,
}

/// Polls a verb of the memory store, which is ready at once.
pub(crate) fn now<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => unreachable!("the memory store is ready at once"),
    }
}

impl World {
    pub(crate) fn new(seed: u64, broken: Option<Broken>, is_told: bool) -> Self {
        let mut dice = Dice::new(seed);
        let plan = Plan::new(seed, &mut dice);
        let hosts = plan.hosts;
        let mut world = Self {
            operations_left: plan.operations,
            faults: plan.faults,
            plan,
            dice,
            store: MemoryStore::new(),
            model: Model::default(),
            broken,
            is_told,
            steady_ms: BEGINNING_MS,
            wall_ahead_ms: 0,
            most_ahead_ms: 0,
            hosts: Vec::new(),
            pasts: BTreeMap::new(),
            next_owner: 0,
            coming: BTreeMap::new(),
            next_happening: 0,
            ticks: BTreeMap::new(),
            cut_off_until: vec![0; hosts],
            last_jump_ms: 0,
            next_task: 0,
            steps: 0,
            ahead: 0,
        };
        world.hosts.resize_with(hosts, || None);
        for host in 0..hosts {
            world.happens(0, Happening::Restarts { host });
        }
        world.happens(1, Happening::Operation);
        world
    }

    /// Until all operations are done and every task has ended.
    pub(crate) fn run(mut self) -> Check<Summary> {
        while let Some((&(at, number), _)) = self.coming.first_key_value() {
            if at > self.steady_ms + QUIET_MS {
                self.check_quiet()?;
            }
            let Some(happening) = self.coming.remove(&(at, number)) else { break };
            self.steady_ms = at;
            self.steps += 1;
            ensure!(self.steps < 200_000, "it does not come to an end");
            self.happen(happening)?;
            if self.operations_left == 0 && self.is_over() {
                return self.check_end();
            }
        }
        Err("nothing happens any more".to_owned())
    }

    #[expect(clippy::print_stdout, reason = "whoever plays one seed wants to see what happens")]
    fn happen(&mut self, happening: Happening) -> Check {
        if self.is_told {
            println!("{} ms: {happening:?}", self.steady_ms - BEGINNING_MS);
        }
        match happening {
            Happening::Operation => {
                self.operations_left = self.operations_left.saturating_sub(1);
                if self.operations_left == 0 {
                    self.faults = false;
                    return self.put_right();
                }
                self.operate()?;
                let pause_ms =
                    if self.dice.percent(70) { self.dice.below(5) } else { self.dice.below(1_500) };
                self.happens(pause_ms, Happening::Operation);
                Ok(())
            }
            Happening::Asked { owner, request } => self.asked(owner, request),
            Happening::Answered { owner, input } => self.answered(owner, input),
            Happening::Says { owner, ticket } => {
                if let Some(host) = self.host_of(owner) {
                    host.say(ticket);
                }
                Ok(())
            }
            Happening::Ends { owner, ticket } => self.ends(owner, ticket),
            Happening::Ticks { owner } => {
                if self.ticks.get(&owner) == Some(&self.steady_ms) {
                    self.ticks.remove(&owner);
                    return self.turn(owner, None);
                }
                Ok(())
            }
            Happening::Restarts { host } => self.start(host),
        }
    }

    fn happens(&mut self, after_ms: u64, happening: Happening) {
        self.next_happening += 1;
        self.coming.insert((self.steady_ms + after_ms.cast_signed(), self.next_happening), happening);
    }

    pub(crate) fn moment(&mut self) -> Moment {
        Moment { now: self.wall(), steady: Timestamp::from_ms(self.steady_ms), bits: self.dice.bits() }
    }

    pub(crate) fn wall(&self) -> Timestamp {
        Timestamp::from_ms(self.steady_ms + self.wall_ahead_ms)
    }

    fn host_of(&mut self, owner: Owner) -> Option<&mut Host> {
        self.hosts.iter_mut().flatten().find(|host| host.owner == owner)
    }

    fn past(&mut self, owner: Owner) -> &mut Past {
        self.pasts.entry(owner).or_default()
    }

    fn start(&mut self, index: usize) -> Check {
        if self.hosts[index].is_some() {
            return Ok(());
        }
        self.next_owner += 1;
        if self.plan.hosts == 1 {
            // Whoever alone owns a store knows that nobody runs what an earlier life left.
            let rescue = Rescue { leases_until: Timestamp::MAX, tasks_max: usize::MAX, now: self.wall() };
            self.rescue(rescue, None)?;
        }
        let moment = self.moment();
        let options = self.plan.options.clone();
        let bytes_max =
            if self.broken == Some(Broken::ForgetsMemory) { u64::MAX } else { options.memory_bytes_max };
        let owner = self.next_owner;
        self.pasts.insert(owner, Past::default());
        self.hosts[index] = Some(Host::new(owner, options, self.plan.seed, moment, bytes_max));
        self.turn(owner, None)
    }

    /// A host hears something and acts on it.
    fn turn(&mut self, owner: Owner, input: Option<Input>) -> Check {
        if self.broken == Some(Broken::SleepsThroughWakes) && matches!(input, Some(Input::Wake)) {
            return Ok(());
        }
        let moment = self.moment();
        let deaf = self.broken == Some(Broken::TellsNobodyToStop);
        let mut dice = self.dice.clone();
        let Some(host) = self.host_of(owner) else { return Ok(()) };
        let wishes = host.turn(input, moment, deaf, &mut dice)?;
        let next_ms = host.core.next_at().as_ms();
        let waits = host.backlog.waiting() > 0;
        self.dice = dice;
        self.ahead += usize::from(waits);
        ensure!(next_ms > self.steady_ms, "a core asks to be asked again at once");
        if self.ticks.get(&owner) != Some(&next_ms) {
            self.ticks.insert(owner, next_ms);
            let after_ms = u64::try_from(next_ms - self.steady_ms).unwrap();
            self.happens(after_ms, Happening::Ticks { owner });
        }
        for wish in wishes {
            self.grant(owner, wish)?;
        }
        Ok(())
    }

    fn grant(&mut self, owner: Owner, wish: Wish) -> Check {
        match wish {
            Wish::Ask(request) => {
                let after_ms = self.latency_ms();
                self.happens(after_ms, Happening::Asked { owner, request });
            }
            Wish::Began { ticket, run_ms, lines } => {
                for line in 0..u64::from(lines) {
                    self.happens(run_ms * line / u64::from(lines), Happening::Says { owner, ticket });
                }
                self.happens(run_ms, Happening::Ends { owner, ticket });
            }
            Wish::Stops { ticket, after_ms } => self.happens(after_ms, Happening::Ends { owner, ticket }),
            Wish::Event(Event::AttemptEnded { .. }) => self.past(owner).told += 1,
            Wish::Event(_) => {}
            Wish::Drained => self.drained(owner)?,
        }
        Ok(())
    }

    fn latency_ms(&mut self) -> u64 {
        match self.dice.below(100) {
            0..50 => 0,
            50..97 => self.dice.below(5),
            _ => self.dice.below(300),
        }
    }

    fn ends(&mut self, owner: Owner, ticket: Ticket) -> Check {
        let wall = self.wall();
        let (plan, dice, next_task) = (&self.plan, &mut self.dice, &mut self.next_task);
        let Some(host) = self.hosts.iter_mut().flatten().find(|host| host.owner == owner) else {
            return Ok(());
        };
        let ask = |parent| {
            *next_task += 1;
            let mut task = plan.task(*next_task, wall, dice);
            task.parent = Some(parent);
            // A job has no way to say more than that its key is not to be held by another.
            if let Some(unique) = &mut task.unique {
                unique.policy = UniquePolicy::Reject;
            }
            task
        };
        let Some((running, outcome)) = host.end(ticket, wall, ask) else { return Ok(()) };
        let held = running.task.held;
        let enough = host.has_enough_ends();
        self.past(owner).reported.push((held.task, held.attempt, outcome, running.said));
        if enough { self.turn(owner, None) } else { self.go_on(owner) }
    }

    /// The driver takes its next attempt, without the core.
    fn go_on(&mut self, owner: Owner) -> Check {
        let wall = self.wall();
        let wishes = self.host_of(owner).map(|host| host.begin(wall)).unwrap_or_default();
        wishes.into_iter().try_for_each(|wish| self.grant(owner, wish))
    }

    /// A request reaches the store.
    fn asked(&mut self, owner: Owner, mut request: Action) -> Check {
        let alive = self.host_of(owner).is_some();
        let index = self.hosts.iter().position(|host| host.as_ref().is_some_and(|host| host.owner == owner));
        let cut_off = index.is_some_and(|index| self.cut_off_until[index] > self.steady_ms);
        let refused = alive && (cut_off || (self.faults && self.dice.percent(3)));
        // A host that is gone may have asked and not lived to hear the answer.
        if refused || (!alive && self.dice.percent(50)) {
            let error = StoreError::Full { doing: "simulate", problem: "no space".to_owned() };
            let input = self.refuse(request, error);
            return self.reply(owner, input);
        }
        if let Some(broken) = self.broken {
            broken.spoil(&mut request);
        }
        let unheard = !alive || (self.faults && self.dice.percent(1));
        let input = self.perform(owner, request, unheard)?;
        if let Some(input) = input { self.reply(owner, input) } else { Ok(()) }
    }

    /// Does what the store was asked, and keeps the account. None if there is nothing to answer.
    fn perform(&mut self, owner: Owner, request: Action, unheard: bool) -> Check<Option<Input>> {
        let closed = StoreError::Closed { doing: "simulate" };
        Ok(Some(match request {
            Action::Claim(claim) => {
                let answer = now(self.store.claim(claim.clone())).unwrap();
                self.model.claimed(&claim, &answer, owner, unheard)?;
                Input::Claimed(if unheard { Err(closed) } else { Ok(answer) })
            }
            Action::Settle(settles) => {
                for settle in &settles {
                    self.check_settle(owner, settle.held.task, settle.held.attempt, settle.ending.outcome)?;
                }
                let answers = now(self.store.settle(settles.clone())).unwrap();
                self.model.settled(&settles, &answers)?;
                if !unheard && self.host_of(owner).is_some() {
                    let applied = answers.iter().filter(|it| matches!(it, Settled::Applied(_))).count();
                    self.past(owner).applied += applied;
                }
                Input::Settled(if unheard { Err(closed) } else { Ok(answers) })
            }
            Action::Extend(extend) if self.broken == Some(Broken::HasNoHeartbeat) => {
                let kept = Extended::Kept { cancel_requested: false };
                Input::Extended(Ok(vec![kept; extend.held.len()]))
            }
            Action::Extend(extend) => {
                let answers = now(self.store.extend(extend.clone())).unwrap();
                self.model.extended(&extend, &answers)?;
                Input::Extended(if unheard { Err(closed) } else { Ok(answers) })
            }
            Action::Record(records) => {
                let kept = now(self.store.record(records.clone())).unwrap();
                for (record, kept) in records.iter().zip(&kept) {
                    let running = self.model.find(record.held.task)?.running;
                    let is_its_own = running.is_some_and(|running| running.held == record.held);
                    ensure!(is_its_own == *kept, "a record of {} was kept: {kept}", record.held.task);
                }
                Input::Recorded(if unheard { Err(closed) } else { Ok(kept) })
            }
            Action::Rescue(rescue) => {
                let answer = self.rescue(rescue, Some(owner))?;
                Input::Rescued(if unheard { Err(closed) } else { Ok(answer) })
            }
            _ => return Ok(None),
        }))
    }

    fn rescue(&mut self, rescue: Rescue, by: Option<Owner>) -> Check<Vec<Rescued>> {
        if by.is_some() {
            let until = rescue.leases_until.as_ms();
            ensure!(until <= self.steady_ms, "a rescue reaches leases that are not over");
        }
        let answers = now(self.store.rescue(rescue.clone())).unwrap();
        for lost in self.model.rescued(&rescue, &answers)? {
            let past = &self.pasts[&lost.owner];
            let excused = past.crashed || past.cut_off || lost.unheard;
            ensure!(excused, "{} was taken from a host that lives", lost.held.task);
        }
        Ok(answers)
    }

    fn refuse(&mut self, request: Action, error: StoreError) -> Input {
        match request {
            Action::Claim(_) => Input::Claimed(Err(error)),
            Action::Settle(settles) if self.broken == Some(Broken::LosesEnds) => {
                Input::Settled(Ok(vec![Settled::Stale; settles.len()]))
            }
            Action::Settle(_) => Input::Settled(Err(error)),
            Action::Extend(_) => Input::Extended(Err(error)),
            Action::Record(_) => Input::Recorded(Err(error)),
            _ => Input::Rescued(Err(error)),
        }
    }

    fn reply(&mut self, owner: Owner, input: Input) -> Check {
        let after_ms = self.latency_ms();
        self.happens(after_ms, Happening::Answered { owner, input });
        Ok(())
    }

    fn answered(&mut self, owner: Owner, input: Input) -> Check {
        self.turn(owner, Some(input))
    }

    /// Tells every host.
    pub(crate) fn tell_all(&mut self, input: impl Fn() -> Input) -> Check {
        let owners: Vec<_> = self.hosts.iter().flatten().map(|host| host.owner).collect();
        owners.into_iter().try_for_each(|owner| self.turn(owner, Some(input())))
    }

    /// A host dies, with all that it holds.
    pub(crate) fn crash(&mut self, index: usize) {
        if let Some(host) = self.hosts[index].take() {
            self.past(host.owner).crashed = true;
            let after_ms = self.dice.below(3_000);
            self.happens(after_ms, Happening::Restarts { host: index });
        }
    }

    /// A host cannot reach its store for a while.
    pub(crate) fn cut_off(&mut self, index: usize) {
        let for_ms = if self.dice.percent(50) { self.dice.below(1_000) } else { self.dice.below(25_000) };
        // One after the other they are as long as one.
        let long = for_ms > 1_000 || self.cut_off_until[index] + 20_000 > self.steady_ms;
        self.cut_off_until[index] = self.steady_ms + for_ms.cast_signed();
        if let Some(owner) = self.hosts[index].as_ref().map(|host| host.owner)
            && long
        {
            self.past(owner).cut_off = true;
        }
    }

    pub(crate) fn drain(&mut self, index: usize) -> Check {
        let grace_ms = self.dice.below(2_000);
        let Some(owner) = self.hosts[index].as_ref().map(|host| host.owner) else { return Ok(()) };
        self.turn(owner, Some(Input::Drain { grace_ms }))?;
        if self.broken == Some(Broken::DrainsTooEarly) { self.drained(owner) } else { Ok(()) }
    }

    fn drained(&mut self, owner: Owner) -> Check {
        let Some(index) = self.hosts.iter().position(|it| it.as_ref().is_some_and(|it| it.owner == owner))
        else {
            return Ok(());
        };
        let left = self
            .model
            .tasks
            .values()
            .find(|task| task.running.is_some_and(|running| running.owner == owner && !running.unheard));
        let past = &self.pasts[&owner];
        ensure!(left.is_none() || past.cut_off, "a drain left {} behind", left.unwrap().new.id);
        self.hosts[index] = None;
        let after_ms = self.dice.below(1_000);
        self.happens(after_ms, Happening::Restarts { host: index });
        Ok(())
    }

    pub(crate) fn jump(&mut self) {
        let hours = 3_600_000;
        let by_ms = self.dice.below(2 * hours).cast_signed() - hours.cast_signed();
        self.wall_ahead_ms += by_ms;
        self.most_ahead_ms = self.most_ahead_ms.max(self.wall_ahead_ms);
        self.last_jump_ms = self.steady_ms;
    }

    /// No more faults: hosts come back, the store works, nothing is paused.
    fn put_right(&mut self) -> Check {
        self.cut_off_until.fill(0);
        // What was put off by a time that was later will be due by then.
        self.wall_ahead_ms = self.most_ahead_ms;
        self.last_jump_ms = self.steady_ms;
        self.resume_all();
        self.tell_all(|| Input::Wake)
    }

    fn is_over(&self) -> bool {
        self.model.tasks.values().all(|task| task.life.state.is_terminal())
            && self.hosts.iter().all(Option::is_some)
            && !self
                .coming
                .values()
                .any(|it| matches!(it, Happening::Asked { .. } | Happening::Answered { .. }))
    }
}
