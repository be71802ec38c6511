//! What lines add up to: per stream and month in a file, per account in a run.
//!
//! A stream's name is looked up once a line and copied once a file. Names of streams that the payload gives no account
//! come from outside, so their number and length are bounded; what is beyond is added up under [`OTHER`], nothing is lost.
//! Sums stop at the largest number instead of starting again from 0, so no order of lines gives another result.

use std::collections::{BTreeMap, HashMap};

use foldhash::fast::FixedState;
use mainworker_models::{
    Account, AccountTotals, EdgeLogsReport, Month, MonthTotals, Seconds, StreamAccounts, StreamTotals,
};

use crate::formats::{Billed, Line};

/// Where streams are added up that have no account and found no room; a stream of that name is among them.
pub const OTHER: &str = "other";

/// A person reads this list to find streams that lost their account; nobody reads further.
const MOST_UNKNOWN: usize = 1_000;

/// Escaped in JSON a byte takes up to six, and the result of a job is at most 1 MiB.
const MOST_UNKNOWN_NAME_BYTES: usize = 128 * 1024;

/// Ten years in one file are a mistake; two are an archive.
const MOST_MONTHS: usize = 24;

/// A fixed seed: a job's result must not depend on chance. The most that crafted names can do is to make a lookup among
/// these few names a slow one.
type ByName<V> = HashMap<Box<[u8]>, V, FixedState>;

/// The account of each stream, by the bytes of its name.
#[derive(Debug)]
pub struct StreamOwners {
    accounts: Vec<Account>,
    by_stream: ByName<usize>,
}

impl StreamOwners {
    /// As the payload gives them.
    pub fn new(accounts: StreamAccounts) -> Self {
        let mut owners = Self { accounts: Vec::new(), by_stream: ByName::default() };
        for (stream, account) in accounts {
            owners.by_stream.insert(stream.into_bytes().into(), owners.accounts.len());
            owners.accounts.push(account);
        }
        owners
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct Totals {
    bytes: u64,
    requests: u64,
    milliseconds: Option<u64>,
}

impl Totals {
    #[inline]
    fn add(&mut self, other: Self) {
        self.bytes = self.bytes.saturating_add(other.bytes);
        self.requests = self.requests.saturating_add(other.requests);
        if let Some(milliseconds) = other.milliseconds {
            self.milliseconds = Some(self.milliseconds.unwrap_or(0).saturating_add(milliseconds));
        }
    }
}

/// Whose totals a slot holds.
#[derive(Debug)]
enum Owner {
    Account(usize),
    Unknown(String),
    Other,
}

/// What one file adds up to.
#[derive(Debug)]
pub struct FileTally<'a> {
    owners: &'a StreamOwners,
    lines: u64,
    broken: u64,
    /// The slot of each stream seen; slot 0 is [`OTHER`].
    slots: ByName<usize>,
    slot_owners: Vec<Owner>,
    room: NameRoom,
    months: Vec<MonthSlots>,
    /// The month of the last line; the next one is nearly always in it too.
    month: usize,
}

#[derive(Debug)]
struct MonthSlots {
    month: Option<Month>,
    totals: Vec<Totals>,
}

impl<'a> FileTally<'a> {
    /// Nothing yet.
    pub fn new(owners: &'a StreamOwners) -> Self {
        Self {
            owners,
            lines: 0,
            broken: 0,
            slots: ByName::default(),
            slot_owners: vec![Owner::Other],
            room: NameRoom::default(),
            months: vec![MonthSlots { month: None, totals: Vec::new() }],
            month: 0,
        }
    }

    /// Adds one line.
    #[inline]
    pub fn add(&mut self, line: Line<'_>) {
        match line {
            Line::Billed(billed) => {
                self.lines += 1;
                self.add_billed(billed);
            }
            Line::Unbilled => self.lines += 1,
            Line::Broken => self.add_too_long(),
            Line::Header => {}
        }
    }

    /// Adds a line that nobody looked at.
    #[inline]
    pub fn add_too_long(&mut self) {
        self.lines += 1;
        self.broken += 1;
    }

    #[inline]
    fn add_billed(&mut self, billed: Billed<'_>) {
        let slot = match self.slots.get(billed.stream) {
            Some(slot) => *slot,
            None => self.new_slot(billed.stream),
        };
        if self.months[self.month].month != billed.month {
            self.month = self.month_slots(billed.month);
        }
        let totals = &mut self.months[self.month].totals;
        if totals.len() <= slot {
            totals.resize(slot + 1, Totals::default());
        }
        totals[slot].add(Totals { bytes: billed.bytes, requests: 1, milliseconds: billed.milliseconds });
    }

    #[cold]
    fn new_slot(&mut self, stream: &[u8]) -> usize {
        let owner = match self.owners.by_stream.get(stream) {
            Some(account) => Owner::Account(*account),
            None if self.room.take(stream.len()) => {
                Owner::Unknown(String::from_utf8_lossy(stream).into_owned())
            }
            None => return 0,
        };
        self.slot_owners.push(owner);
        let slot = self.slot_owners.len() - 1;
        self.slots.insert(stream.into(), slot);
        slot
    }

    #[cold]
    fn month_slots(&mut self, month: Option<Month>) -> usize {
        if let Some(index) = self.months.iter().position(|slots| slots.month == month) {
            return index;
        }
        if self.months.len() > MOST_MONTHS {
            return 0;
        }
        self.months.push(MonthSlots { month, totals: Vec::new() });
        self.months.len() - 1
    }

    /// Lines added, headers left out.
    pub fn lines(&self) -> u64 {
        self.lines
    }

    /// Lines that could not be read.
    pub fn broken(&self) -> u64 {
        self.broken
    }

    /// Bytes of all billed lines.
    pub fn bytes(&self) -> u64 {
        let all = self.months.iter().flat_map(|slots| &slots.totals);
        all.fold(0, |sum, totals| sum.saturating_add(totals.bytes))
    }

    /// What each month adds up to, by its name.
    pub fn months(&self) -> BTreeMap<String, MonthTotals> {
        let mut months = BTreeMap::new();
        for slots in &self.months {
            let mut totals = MonthTotals::default();
            for (slot, added) in slots.totals.iter().enumerate().filter(|(_, added)| added.requests > 0) {
                self.add_to(&mut totals, slot, *added, &mut NameRoom::default());
            }
            if totals != MonthTotals::default() {
                months
                    .insert(slots.month.map_or_else(|| OTHER.to_owned(), |month| month.to_string()), totals);
            }
        }
        months
    }

    /// Adds what `slot` holds to the account or stream it belongs to, under [`OTHER`] if there is no room for its name.
    fn add_to(&self, to: &mut MonthTotals, slot: usize, added: Totals, room: &mut NameRoom) {
        let stream = match &self.slot_owners[slot] {
            Owner::Account(account) => {
                let totals = to.accounts.entry(self.owners.accounts[*account].clone()).or_default();
                return add_to_account(totals, added);
            }
            Owner::Unknown(stream) if to.unknown.contains_key(stream) || room.take(stream.len()) => stream,
            Owner::Unknown(_) | Owner::Other => OTHER,
        };
        add_to_stream(to.unknown.entry(stream.to_owned()).or_default(), added);
    }
}

fn add_to_account(totals: &mut AccountTotals, added: Totals) {
    totals.bytes = totals.bytes.saturating_add(added.bytes);
    totals.requests = totals.requests.saturating_add(added.requests);
    if let Some(milliseconds) = added.milliseconds {
        let more = Seconds::from_millis(milliseconds);
        totals.seconds = Some(totals.seconds.unwrap_or_default().saturating_add(more));
    }
}

fn add_to_stream(totals: &mut StreamTotals, added: Totals) {
    totals.bytes = totals.bytes.saturating_add(added.bytes);
    totals.requests = totals.requests.saturating_add(added.requests);
}

/// How much room is left for names that come from outside.
#[derive(Debug)]
struct NameRoom {
    names: usize,
    bytes: usize,
}

impl Default for NameRoom {
    fn default() -> Self {
        Self { names: MOST_UNKNOWN, bytes: MOST_UNKNOWN_NAME_BYTES }
    }
}

impl NameRoom {
    /// Takes the room for one name, if there is enough.
    fn take(&mut self, bytes: usize) -> bool {
        if self.names == 0 || self.bytes < bytes {
            return false;
        }
        self.names -= 1;
        self.bytes -= bytes;
        true
    }
}

/// What all files of a run add up to.
#[derive(Debug, Default)]
pub struct RunTally {
    lines: u64,
    broken: u64,
    bytes: u64,
    totals: MonthTotals,
    room: NameRoom,
}

impl RunTally {
    /// Adds one file.
    pub fn add(&mut self, file: &FileTally<'_>) {
        self.lines = self.lines.saturating_add(file.lines);
        self.broken = self.broken.saturating_add(file.broken);
        self.bytes = self.bytes.saturating_add(file.bytes());
        for slot in 0..file.slot_owners.len() {
            let mut added = Totals::default();
            for month in &file.months {
                added.add(month.totals.get(slot).copied().unwrap_or_default());
            }
            if added.requests > 0 {
                file.add_to(&mut self.totals, slot, added, &mut self.room);
            }
        }
    }

    /// The result of the run.
    pub fn report(self) -> EdgeLogsReport {
        EdgeLogsReport {
            lines: self.lines,
            broken: self.broken,
            bytes: self.bytes,
            accounts: self.totals.accounts,
            unknown: self.totals.unknown,
        }
    }
}
