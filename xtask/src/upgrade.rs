//! `cargo xtask upgrade`: the newer program on data of a former one, and back.

use std::path::Path;

use crate::process::{cargo, command, run};
use crate::{Outcome, test};

/// Where the former source lies, and where its program is built.
const SOURCE: &str = "target/former/source";
const BUILT: &str = "target/former/built";

/// Builds the program as it was at `revision`, and runs the tests that change from it to this one and back.
///
/// # Errors
/// When there is no such revision, it does not build, or a test fails.
pub(crate) fn upgrade(revision: &str) -> Outcome {
    test::prepare()?;
    let git = |arguments: &[&str]| run(command("git").args(arguments));
    if Path::new(SOURCE).exists() {
        git(&["worktree", "remove", "--force", SOURCE])?;
    }
    git(&["worktree", "add", "--quiet", "--detach", SOURCE, revision])?;
    let manifest = format!("{SOURCE}/Cargo.toml");
    let built = run(&mut cargo(&[
        "build",
        "--locked",
        "--package",
        "lingpai-cli",
        "--manifest-path",
        &manifest,
        "--target-dir",
        BUILT,
    ]));
    git(&["worktree", "remove", "--force", SOURCE])?;
    built?;
    let former = std::path::absolute(format!("{BUILT}/debug/lingpai"));
    let former = former.map_err(|error| error.to_string())?;
    let chosen = ["-p", "lingpai-cli", "--run-ignored", "only", "-E", "test(/former/)"];
    let variables = [("LINGPAI_FORMER", &*former.to_string_lossy())];
    test::nextest(&["--no-capture"], &chosen.map(str::to_owned), &variables)
}
