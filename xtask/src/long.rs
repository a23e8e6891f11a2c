//! What takes long: `cargo xtask bench` and `cargo xtask soak`.
//!
//! A bench is a file in `crates/*/benches/`; to add one, write it and name it as `[[bench]]` in the
//! crate's `Cargo.toml`. Its first line is what `bench --list` says of it. A soak test is a test
//! with `soak` in its name: short in the ordinary suite, long when `LINGPAI_SOAK=1`.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::Path;
use std::process::Stdio;

use crate::process::{cargo, line};
use crate::{Outcome, test, tools};

/// Where the benches' output is kept, one file each.
const RESULTS: &str = "target/bench";

/// Prints the benches there are.
///
/// # Errors
/// When the crates cannot be read.
pub(crate) fn list() -> Outcome {
    for Bench { name, package, about } in benches()? {
        println!("{name:<20} {package:<16} {about}");
    }
    Ok(())
}

/// Runs every bench, one after the other.
///
/// # Errors
/// The first bench that fails.
pub(crate) fn bench_all() -> Outcome {
    prepare()?;
    benches()?.iter().try_for_each(Bench::run)
}

/// Runs the bench called `name`.
///
/// # Errors
/// When there is no such bench or it fails.
pub(crate) fn bench(name: &str) -> Outcome {
    prepare()?;
    let benches = benches()?;
    let Some(bench) = benches.iter().find(|bench| bench.name == name) else {
        let names: Vec<&str> = benches.iter().map(|bench| bench.name.as_str()).collect();
        return Err(format!("there is no bench `{name}`; there are: {}", names.join(", ")));
    };
    bench.run()
}

/// Runs the long forms of the soak tests, then every bench.
///
/// # Errors
/// When a test or a bench fails.
pub(crate) fn soak(arguments: &[String]) -> Outcome {
    test::prepare()?;
    // Their figures are part of the result, and one at a time they do not disturb each other.
    let options = ["--profile", "soak", "--no-capture"];
    // Other histories each time; the seed is printed to repeat them.
    let chosen = std::env::var("PROPTEST_RNG_SEED").ok();
    let seed = chosen.unwrap_or_else(|| std::process::id().to_string());
    println!("==> random histories from PROPTEST_RNG_SEED={seed}");
    test::nextest(&options, arguments, &[("LINGPAI_SOAK", "1"), ("PROPTEST_RNG_SEED", &seed)])?;
    bench_all()
}

fn prepare() -> Outcome {
    tools::ensure(tools::FOR_TESTS)?;
    tools::ensure(tools::FOR_BENCHES)
}

struct Bench {
    name: String,
    package: String,
    about: String,
}

impl Bench {
    /// Shows the output and keeps it in a file.
    fn run(&self) -> Outcome {
        let Self { name, package, .. } = self;
        let mut command = cargo(&["bench", "--package", package, "--bench", name]);
        let line = line(&command);
        println!("==> {line}");
        let failed = |error: io::Error| format!("`{line}`: {error}");

        let kept = Path::new(RESULTS).join(format!("{name}.txt"));
        fs::create_dir_all(RESULTS).map_err(failed)?;
        let mut file = File::create(&kept).map_err(failed)?;
        let mut child = command.stdout(Stdio::piped()).spawn().map_err(failed)?;
        if let Some(output) = child.stdout.take() {
            tee(output, &mut [&mut io::stdout(), &mut file]).map_err(failed)?;
        }
        let status = child.wait().map_err(failed)?;
        if !status.success() {
            return Err(format!("`{line}` failed ({status})"));
        }
        println!("==> kept in {}", kept.display());
        Ok(())
    }
}

/// Every bench of every crate, ordered by crate and name.
fn benches() -> Result<Vec<Bench>, String> {
    let mut benches = Vec::new();
    for krate in sorted_entries(Path::new("crates"))? {
        let folder = Path::new("crates").join(&krate).join("benches");
        if !folder.is_dir() {
            continue;
        }
        for file in sorted_entries(&folder)? {
            let Some(name) = file.strip_suffix(".rs") else { continue };
            let path = folder.join(&file);
            let text = fs::read_to_string(&path)
                .map_err(|error| format!("cannot read {}: {error}", path.display()))?;
            benches.push(Bench {
                name: name.to_owned(),
                package: krate.clone(),
                about: text.lines().next().unwrap_or("").trim_start_matches("//!").trim().into(),
            });
        }
    }
    Ok(benches)
}

fn sorted_entries(folder: &Path) -> Result<Vec<String>, String> {
    let unreadable = |error: io::Error| format!("cannot read {}: {error}", folder.display());
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        names.push(entry.map_err(unreadable)?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    Ok(names)
}

/// Copies `from` to every writer as it comes.
fn tee(mut from: impl Read, to: &mut [&mut dyn Write]) -> io::Result<()> {
    let mut buffer = [0; 4096];
    loop {
        let read = from.read(&mut buffer)?;
        if read == 0 {
            return Ok(());
        }
        for writer in to.iter_mut() {
            writer.write_all(&buffer[..read])?;
            writer.flush()?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_of_a_benchs_output_is_both_shown_and_kept() {
        let (mut shown, mut kept) = (Vec::new(), Vec::new());
        let output = vec![7; 10_000];
        tee(output.as_slice(), &mut [&mut shown, &mut kept]).expect("vectors take every write");
        assert_eq!(shown, output);
        assert_eq!(kept, output);
    }
}
