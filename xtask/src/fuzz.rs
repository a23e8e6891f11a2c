//! `cargo xtask fuzz`: long searches for input that breaks what strangers can reach.
//!
//! A target is a test in `crates/lingpai-wechat/tests/it/fuzz/targets.rs`, which the ordinary suite runs briefly. Here it runs in
//! rounds, each from another seed and with the inputs that the rounds before it found worth keeping.

use std::time::{Duration, Instant};

use crate::{Outcome, test};

/// The targets, by the word that their tests' names begin with.
const TARGETS: [&str; 5] = ["xml", "json", "push", "answer", "security"];
/// How long each target is searched where nothing is said.
const MINUTES: u64 = 5;
/// How many inputs a round tries: few enough for the time that a test may take, on a busy machine too.
const EXECUTIONS: u64 = 50_000;
/// Where inputs are kept.
const FOLDER: &str = "target/fuzz";

/// Searches one target, or all: `[TARGET] [--minutes N]`.
///
/// # Errors
/// When the arguments are not understood, or something was found: the test says which input breaks which rule.
pub(crate) fn fuzz(arguments: &[String]) -> Outcome {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let minutes =
        |text: &str| text.parse().map_err(|_| format!("`{text}` is no number of minutes"));
    let (targets, minutes) = match words.as_slice() {
        [] => (&TARGETS[..], MINUTES),
        ["--minutes", number] => (&TARGETS[..], minutes(number)?),
        [target] => (one(target)?, MINUTES),
        [target, "--minutes", number] => (one(target)?, minutes(number)?),
        _ => return Err("write `fuzz [TARGET] [--minutes N]`".to_owned()),
    };
    targets.iter().try_for_each(|target| search(target, Duration::from_secs(60 * minutes)))
}

fn one(name: &str) -> Result<&'static [&'static str], String> {
    let found = TARGETS.iter().position(|target| *target == name);
    let found = found
        .ok_or_else(|| format!("there is no target `{name}`; there are: {}", TARGETS.join(", ")))?;
    Ok(&TARGETS[found..=found])
}

#[allow(clippy::disallowed_methods, reason = "a person waits for it, and no test drives it")]
fn search(target: &str, time: Duration) -> Outcome {
    let folder = std::path::absolute(FOLDER).map_err(|error| error.to_string())?;
    let folder = folder.to_string_lossy();
    let executions = EXECUTIONS.to_string();
    let only = format!("test(/^fuzz::targets::{target}_/)");
    let chosen = ["-p", "lingpai-wechat", "-E", &only].map(str::to_owned);
    let (begun, first) = (Instant::now(), u64::from(std::process::id()) << 16);
    let mut rounds = 0;
    while rounds == 0 || begun.elapsed() < time {
        let seed = (first + rounds).to_string();
        let variables = [
            ("LINGPAI_FUZZ_EXECUTIONS", executions.as_str()),
            ("LINGPAI_FUZZ_SEED", &seed),
            ("LINGPAI_FUZZ_DIR", &folder),
        ];
        test::nextest(&["--no-capture"], &chosen, &variables)?;
        rounds += 1;
    }
    let (inputs, seconds) = (rounds * EXECUTIONS, begun.elapsed().as_secs());
    println!("==> {target}: {inputs} inputs in {seconds} s, and none broke a rule");
    Ok(())
}
