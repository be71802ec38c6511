//! Looks through all of its memory for a marker, then fills fresh memory and stack with it. An attempt that finds the
//! marker reads what an earlier one left behind.

use crate::asked::Asked;
use core::arch::wasm32::{memory_grow, memory_size};
use mainworker::Failure;
use serde_json::{Value, json};
use std::hint::black_box;

const PAGE_BYTES: usize = 64 << 10;
const WORD_BYTES: usize = 8;

pub(super) fn run(asked: &Asked) -> Result<Value, Failure> {
    // Made here from parts, so that the marker stands nowhere in memory until it is written.
    let marker = asked.number("left").wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ asked.number("right");
    let pages = asked.count("pages");
    let fresh = memory_grow(0, pages);
    if fresh == usize::MAX {
        return Err(Failure::failed("no memory to look at"));
    }
    let end = memory_size(0) * PAGE_BYTES;
    let look = || (WORD_BYTES..end).step_by(WORD_BYTES).filter(|&at| read(at) == marker).count();
    let found = look();
    for at in (fresh * PAGE_BYTES..end).step_by(WORD_BYTES) {
        write(at, marker);
    }
    let on_stack = fill_stack(marker, 8);
    // Shows that looking finds what is there.
    let found_after = look();
    Ok(
        json!({ "found": found, "written": pages * PAGE_BYTES / WORD_BYTES, "onStack": on_stack, "foundAfter": found_after }),
    )
}

#[inline(never)]
fn fill_stack(marker: u64, deeper: u32) -> usize {
    let filled = black_box([marker; 4 << 10]);
    let below = if deeper == 0 { 0 } else { fill_stack(marker, deeper - 1) };
    filled.iter().filter(|&&word| word == marker).count() + below
}

#[expect(unsafe_code, reason = "memory that nobody has given a type is what the probe is about")]
fn read(at: usize) -> u64 {
    // SAFETY: `at` is aligned and below the memory's size, and nothing else runs.
    unsafe { (at as *const u64).read_volatile() }
}

#[expect(unsafe_code, reason = "as for `read`")]
fn write(at: usize, word: u64) {
    // SAFETY: `at` is aligned and in pages that were grown for this and that no allocator knows.
    unsafe { (at as *mut u64).write_volatile(word) }
}
