//! `cargo xtask check`: what must hold besides the tests, the cheap parts first.

use crate::process::{cargo, command, run};
use crate::{Outcome, programs, rules, site, tools};

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
    check_alerts()?;
    site::site()?;
    run(&mut cargo(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]))?;
    run(cargo(&["doc", "--workspace", "--no-deps"]).env("RUSTDOCFLAGS", "-D warnings"))
}

/// The alert rules that are shipped: their grammar, and what they make of made-up numbers.
fn check_alerts() -> Outcome {
    programs::ensure(programs::FOR_CHECKS)?;
    let promtool = programs::file("prometheus", "usr/bin/promtool")?;
    let promtool = |args: [&str; 3]| run(command(&promtool.to_string_lossy()).args(args));
    promtool(["check", "rules", "deploy/prometheus/lingpai.rules.yml"])?;
    promtool(["test", "rules", "deploy/prometheus/lingpai.tests.yml"])
}
