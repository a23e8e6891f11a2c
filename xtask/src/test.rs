//! `cargo xtask test`: every test there is, from a machine that has only a Rust toolchain.

use crate::process::{cargo, run};
use crate::{Outcome, programs, tools};

/// The seed of random histories in the ordinary suite, which is the same every time.
const SEED: &str = "20261123";

/// Runs the examples in the documentation, then everything else.
///
/// `arguments` choose among nextest's tests, so with any of them the examples are left out.
///
/// # Errors
/// When a tool is missing and cannot be installed, or a test fails.
pub(crate) fn test(arguments: &[String]) -> Outcome {
    prepare()?;
    // nextest comes last: its summary is the last line, where people and CI look for it.
    if arguments.is_empty() {
        run(&mut cargo(&["test", "--doc", "--workspace"]))?;
    } else {
        println!("==> the documentation's examples are left out, since arguments were given");
    }
    nextest(&["--profile", "ci"], arguments, &[("PROPTEST_RNG_SEED", SEED)])
}

/// Installs what the tests start.
///
/// # Errors
/// When something is missing and cannot be installed.
pub(crate) fn prepare() -> Outcome {
    tools::ensure(tools::FOR_TESTS)?;
    programs::ensure(programs::FOR_TESTS)
}

/// Has the pictures of the console made anew that the documentation shows.
///
/// # Errors
/// When something is missing and cannot be installed, or a page does not come.
pub(crate) fn screenshots() -> Outcome {
    prepare()?;
    let folder = std::path::absolute("docs/images").map_err(|error| error.to_string())?;
    let folder = folder.to_string_lossy();
    let chosen = ["-p", "lingpai-cli", "--run-ignored", "only", "-E", "test(has_its_picture)"];
    nextest(&[], &chosen.map(str::to_owned), &[("LINGPAI_SCREENSHOTS", &folder)])
}

/// `cargo nextest run` with these options and what the user asked for; the profiles are in
/// `.config/nextest.toml`.
///
/// # Errors
/// When a test fails, or none is chosen.
pub(crate) fn nextest(
    options: &[&str],
    arguments: &[String],
    variables: &[(&str, &str)],
) -> Outcome {
    let mut command = cargo(&["nextest", "run"]);
    command.args(options);
    // `--workspace` would win over a `--package` in the arguments.
    if !arguments.iter().any(|argument| names_packages(argument)) {
        command.arg("--workspace");
    }
    run(command.args(arguments).envs(variables.iter().copied()))
}

fn names_packages(argument: &str) -> bool {
    argument.starts_with("-p") || argument.split('=').next() == Some("--package")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_that_name_packages_are_told_from_those_that_do_not() {
        for names in ["-p", "-plingpai-core", "--package", "--package=lingpai-core"] {
            assert!(names_packages(names), "{names}");
        }
        for does_not in ["--profile", "-E", "--no-capture", "a_test_name"] {
            assert!(!names_packages(does_not), "{does_not}");
        }
    }
}
