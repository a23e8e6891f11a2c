//! Development tasks: `cargo xtask test`, `check`, `package`, `site`, `screenshots`, `upgrade`, `bench`, `fuzz`, `soak`.
//!
//! Here is how the project is built, tested and measured; nothing here ships. What CI runs is
//! `.ci/run`, which only calls these tasks. Start reading at [`main`]; the tools a task needs are
//! the table in [`tools`], the rules no compiler knows are in [`rules`].
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a task talks to who started it")]

mod check;
mod deploy;
mod fuzz;
mod long;
mod package;
mod process;
mod programs;
mod rules;
mod site;
mod test;
mod tools;
mod upgrade;

use std::process::ExitCode;

/// What a task ends with; the text says what failed and what to do.
type Outcome = Result<(), String>;

const USAGE: &str = "\
Usage: cargo xtask TASK [ARGUMENTS]

  test [ARGUMENTS]   install what is missing, run all tests (arguments go to `cargo nextest run`)
  check              house rules, format, unused dependencies, licences and bans, clippy, rustdoc
  package            static binaries, a Debian package, an SBOM and checksums, in target/package/
  site               the documentation as a web site, in target/site/html/
  screenshots        the pages of the console, in both languages, as pictures in docs/images/
  upgrade [REVISION] the program of that commit (the one before) gives its data to this one, and takes it back
  bench [NAME]       run one bench or all, results in target/bench/ (`bench --list` names them)
  fuzz [TARGET] [--minutes N]   long searches for input that breaks a reader; all targets, 5 minutes each
  soak [ARGUMENTS]   the long forms of the tests (arguments as for `test`), then all benches";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match enter_workspace().and_then(|()| dispatch(&arguments)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("xtask: {reason}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(arguments: &[String]) -> Outcome {
    match arguments.split_first().map(|(task, rest)| (task.as_str(), rest)) {
        Some(("test", rest)) => test::test(rest),
        Some(("check", [])) => check::check(),
        Some(("package", [])) => package::package(),
        Some(("site", [])) => site::site(),
        Some(("screenshots", [])) => test::screenshots(),
        Some(("upgrade", [])) => upgrade::upgrade("HEAD~1"),
        Some(("upgrade", [revision])) => upgrade::upgrade(revision),
        Some(("bench", [])) => long::bench_all(),
        Some(("bench", [flag])) if flag == "--list" => long::list(),
        Some(("bench", [name])) => long::bench(name),
        Some(("fuzz", rest)) => fuzz::fuzz(rest),
        Some(("soak", rest)) => long::soak(rest),
        Some(("help" | "--help" | "-h", _)) => {
            println!("{USAGE}");
            Ok(())
        }
        Some(_) => Err(format!("`{}` is not understood\n\n{USAGE}", arguments.join(" "))),
        None => Err(format!("which task?\n\n{USAGE}")),
    }
}

/// Every path below is relative to the workspace, wherever the task was started.
fn enter_workspace() -> Outcome {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
    std::env::set_current_dir(root).map_err(|error| format!("cannot enter {root}: {error}"))
}
