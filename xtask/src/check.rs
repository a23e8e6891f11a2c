//! `cargo xtask check`: what must hold besides the tests, the cheap parts first.

use crate::process::{cargo, run};
use crate::{Outcome, rules, tools};

/// Stops at the first part that fails.
///
/// Warnings are denied behind `--` and in `RUSTDOCFLAGS`, never in `RUSTFLAGS`: that would compile
/// every dependency once more.
///
/// # Errors
/// The part that failed; what is wrong has been printed.
pub(crate) fn check() -> Outcome {
    rules::check()?;
    tools::ensure(tools::FOR_FORMAT)?;
    run(&mut cargo(&["fmt", "--all", "--check"]))?;
    tools::ensure(tools::FOR_CHECKS)?;
    run(&mut cargo(&["machete"]))?;
    // The advisory database is a download of its own; `cargo deny check advisories` is for where it
    // is reachable.
    run(&mut cargo(&["deny", "--locked", "check", "bans", "licenses", "sources"]))?;
    run(&mut cargo(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]))?;
    run(cargo(&["doc", "--workspace", "--no-deps"]).env("RUSTDOCFLAGS", "-D warnings"))
}
