//! Programs in Python that the tests start: each in an environment of its own, kept in the target folder.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::Outcome;
use crate::process::{command, run};

/// What `cargo xtask test` needs.
pub(crate) const FOR_TESTS: &[Program] = &[Program {
    name: "schemathesis",
    requirements: "xtask/python/schemathesis.txt",
    why: "it holds what a running server answers against /openapi.json",
}];

/// One program.
pub(crate) struct Program {
    /// As the folder of its environment is called.
    name: &'static str,
    /// The file that names its packages with their versions.
    requirements: &'static str,
    why: &'static str,
}

/// Installs those of `programs` that are missing, or were installed from other requirements.
///
/// # Errors
/// When one cannot be installed; the text says which and why.
pub(crate) fn ensure(programs: &[Program]) -> Outcome {
    let tools =
        tools_folder().map_err(|error| format!("cannot find the target folder: {error}"))?;
    programs.iter().try_for_each(|program| program.ensure(&tools))
}

impl Program {
    fn ensure(&self, tools: &Path) -> Outcome {
        let Self { name, requirements, why } = self;
        let folder = tools.join(name);
        // Written last, so that it stands for an installation that came to its end.
        let stamp = folder.join("installed.txt");
        let wanted = fs::read(requirements)
            .map_err(|error| format!("cannot read {requirements}: {error}"))?;
        if fs::read(&stamp).is_ok_and(|installed| installed == wanted) {
            return Ok(());
        }
        println!("==> installing {name} because {why}");
        let mut environment = command("python3");
        environment.args(["-m", "venv", "--clear"]).arg(&folder);
        let mut packages = command(&folder.join("bin/python").to_string_lossy());
        packages.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]);
        packages.args(["--requirement", requirements]);
        run(&mut environment).and_then(|()| run(&mut packages)).map_err(|reason| {
            format!("{name} is needed ({why}) and could not be installed: {reason}")
        })?;
        fs::write(&stamp, wanted)
            .map_err(|error| format!("cannot write {}: {error}", stamp.display()))
    }
}

/// `tools` in the target folder, where the tests look: this program was built there too.
fn tools_folder() -> io::Result<PathBuf> {
    let built = std::env::current_exe()?;
    let target = built.ancestors().nth(2).ok_or(io::ErrorKind::NotFound)?;
    Ok(target.join("tools"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_was_installed_from_these_requirements_is_left_alone() {
        let tools = std::env::temp_dir().join(format!("lingpai-xtask-{}", std::process::id()));
        let folder = tools.join("no-such-program");
        fs::create_dir_all(&folder).expect("a folder for this test");
        let requirements = concat!(env!("CARGO_MANIFEST_DIR"), "/python/schemathesis.txt");
        fs::copy(requirements, folder.join("installed.txt")).expect("the requirements are there");
        let program =
            Program { name: "no-such-program", requirements, why: "the test asks for it" };
        assert_eq!(program.ensure(&tools), Ok(()));
        fs::remove_dir_all(&tools).expect("the folder is ours");
    }
}
