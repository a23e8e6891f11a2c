//! A search for input that breaks what strangers can reach: seeds are mutated, and a mutant whose outcome is new becomes a seed.
//!
//! It needs no instrumented compiler: what tells inputs apart is the outcome that a target names, not the code that ran. In the
//! ordinary suite it is short and the same every time; `cargo xtask fuzz` makes it long, and keeps the seeds that it finds in
//! `target/fuzz/`.

#![allow(
    clippy::panic,
    clippy::print_stdout,
    reason = "helpers of tests, which clippy does not see as such"
)]

mod mutant;
mod targets;

use std::collections::HashSet;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;

use self::mutant::{Random, mutated};

/// How many inputs are tried in the ordinary suite.
const EXECUTIONS: u64 = 5_000;
const SEED: u64 = 20_261_123;
/// So many seeds are kept at most.
const SEEDS: usize = 4_000;

/// Tries mutants of the seeds. `judge` names the outcome of an input, or says which rule was broken.
fn search(target: &str, seeds: Vec<Vec<u8>>, judge: impl Fn(&[u8]) -> Result<String, String>) {
    let executions = number("LINGPAI_FUZZ_EXECUTIONS").unwrap_or(EXECUTIONS);
    let mut random = Random(number("LINGPAI_FUZZ_SEED").unwrap_or(SEED));
    let folder = std::env::var_os("LINGPAI_FUZZ_DIR").map(|all| PathBuf::from(all).join(target));
    let kept = folder.iter().flat_map(|folder| fs::read_dir(folder).into_iter().flatten());
    let kept = kept.filter_map(|file| fs::read(file.ok()?.path()).ok());
    let (mut pool, mut outcomes) = (Vec::new(), HashSet::new());
    let mut attempt = |input: Vec<u8>, is_seed: bool, pool: &mut Vec<Vec<u8>>| {
        let judged = catch_unwind(AssertUnwindSafe(|| judge(&input)));
        let outcome = judged.unwrap_or_else(|_| Err("it panicked".to_owned()));
        let outcome = outcome.unwrap_or_else(|why| {
            panic!("{target}: {why}, of this input: b\"{}\"", input.escape_ascii());
        });
        let is_new = outcomes.insert(outcome);
        if is_seed || (is_new && pool.len() < SEEDS) {
            if let Some(folder) = folder.as_ref().filter(|_| is_new && !is_seed) {
                fs::create_dir_all(folder).unwrap();
                fs::write(folder.join(format!("{:08}", pool.len())), &input).unwrap();
            }
            pool.push(input);
        }
    };
    for seed in seeds.into_iter().chain(kept) {
        attempt(seed, true, &mut pool);
    }
    for _ in 0..executions {
        let input = mutated(&pool, &mut random);
        attempt(input, false, &mut pool);
    }
    println!(
        "{target}: {executions} executions, {} outcomes, {} seeds",
        outcomes.len(),
        pool.len()
    );
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}
