//! Programs in other languages that the tests start: each in a folder of its own, kept in the target folder.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::Outcome;
use crate::process::{command, run};

/// What `cargo xtask check` needs.
pub(crate) const FOR_CHECKS: &[Program] =
    &[Program::debian("prometheus", "its promtool checks the alert rules")];

/// What is needed to look at what is shipped for containers and clusters, which is part of the check.
pub(crate) const FOR_DEPLOY: &[Program] = &[Program::python(
    "deploy",
    "Helm in it renders the chart, and its hadolint reads the Dockerfile",
)];

/// What `cargo xtask site` needs, which is part of the check.
pub(crate) const FOR_SITE: &[Program] =
    &[Program::python("zensical", "it makes the web site of the documentation")];

/// What `cargo xtask test` needs.
pub(crate) const FOR_TESTS: &[Program] = &[
    Program::python("schemathesis", "it holds what a running server answers against /openapi.json"),
    Program::python("wechatpy", "this SDK is run unmodified against the gateway"),
    Program::python("opentelemetry", "its schema reads the traces that are sent"),
    Program::python("valkey", "the Redis store is tested on a real one of these too"),
    Program::node("co-wechat-api", "this SDK is run unmodified against the gateway"),
    Program::node("node-easywechat", "this SDK is run as `lingpai snippet` says"),
    Program::node("console", "it drives the browser in which the console is tested"),
];

/// One program.
pub(crate) struct Program {
    /// As its folder is called.
    name: &'static str,
    language: Language,
    why: &'static str,
}

#[derive(Clone, Copy)]
enum Language {
    /// An environment with the packages that `programs/NAME.txt` lists.
    Python,
    /// `node_modules` with the packages of `programs/NAME/package-lock.json`.
    Node,
    /// The files of the Debian package that `programs/NAME.txt` names, unpacked: installed, it would start a service.
    Debian,
}

/// Installs those of `programs` that are missing, or were installed from another list of packages.
///
/// # Errors
/// When one cannot be installed; the text says which and why.
pub(crate) fn ensure(programs: &[Program]) -> Outcome {
    let tools =
        tools_folder().map_err(|error| format!("cannot find the target folder: {error}"))?;
    programs.iter().try_for_each(|program| program.ensure(&tools))
}

impl Program {
    const fn python(name: &'static str, why: &'static str) -> Self {
        Self { name, language: Language::Python, why }
    }

    const fn node(name: &'static str, why: &'static str) -> Self {
        Self { name, language: Language::Node, why }
    }

    const fn debian(name: &'static str, why: &'static str) -> Self {
        Self { name, language: Language::Debian, why }
    }

    fn ensure(&self, tools: &Path) -> Outcome {
        let Self { name, why, .. } = self;
        let folder = tools.join(name);
        // Written last, so that it stands for an installation that came to its end.
        let stamp = folder.join("installed.txt");
        let list = self.list();
        let wanted = fs::read(&list).map_err(|error| format!("cannot read {list}: {error}"))?;
        if fs::read(&stamp).is_ok_and(|installed| installed == wanted) {
            return Ok(());
        }
        println!("==> installing {name} because {why}");
        self.install(&folder, &list).map_err(|reason| {
            format!("{name} is needed ({why}) and could not be installed: {reason}")
        })?;
        fs::write(&stamp, wanted)
            .map_err(|error| format!("cannot write {}: {error}", stamp.display()))
    }

    /// The file that names its packages with their versions.
    fn list(&self) -> String {
        match self.language {
            Language::Python | Language::Debian => format!("xtask/programs/{}.txt", self.name),
            Language::Node => format!("xtask/programs/{}/package-lock.json", self.name),
        }
    }

    fn install(&self, folder: &Path, list: &str) -> Outcome {
        match self.language {
            Language::Python => {
                let mut environment = command("python3");
                environment.args(["-m", "venv", "--clear"]).arg(folder);
                let mut packages = command(&folder.join("bin/python").to_string_lossy());
                packages.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]);
                packages.args(["--requirement", list]);
                run(&mut environment).and_then(|()| run(&mut packages))
            }
            Language::Node => {
                let manifests = Path::new(list).with_file_name("");
                let copied = fs::create_dir_all(folder).and_then(|()| {
                    ["package.json", "package-lock.json"].iter().try_for_each(|manifest| {
                        fs::copy(manifests.join(manifest), folder.join(manifest)).map(drop)
                    })
                });
                copied.map_err(|error| format!("cannot write {}: {error}", folder.display()))?;
                let mut packages = command("npm");
                packages.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefix"]);
                run(packages.arg(folder))
            }
            Language::Debian => {
                let read = |error| format!("cannot read {list} or write beside it: {error}");
                let package = fs::read_to_string(list).map_err(read)?;
                fs::create_dir_all(folder).map_err(read)?;
                let mut download = command("apt-get");
                download.args(["download", "-q", package.trim()]).current_dir(folder);
                // The list of packages may be missing, or too old for what is served now.
                if run(&mut download).is_err() {
                    run(command("apt-get").arg("update"))?;
                    run(&mut download)?;
                }
                let mut files =
                    fs::read_dir(folder).map_err(read)?.flatten().map(|file| file.path());
                let archive = files.find(|file| file.extension().is_some_and(|end| end == "deb"));
                let archive = archive.ok_or("apt-get has downloaded nothing")?;
                run(command("dpkg-deb").arg("--extract").arg(&archive).arg(folder))?;
                fs::remove_file(archive).map_err(read)
            }
        }
    }
}

/// A file of a program that was installed.
///
/// # Errors
/// If this program cannot tell where it was built.
pub(crate) fn file(program: &str, file: &str) -> Result<PathBuf, String> {
    let tools =
        tools_folder().map_err(|error| format!("cannot find the target folder: {error}"))?;
    Ok(tools.join(program).join(file))
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
    fn a_program_that_was_installed_from_this_list_is_left_alone() {
        let workspace = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
        std::env::set_current_dir(workspace).expect("the workspace is there");
        let tools = std::env::temp_dir().join(format!("lingpai-xtask-{}", std::process::id()));
        for program in FOR_TESTS.iter().chain(FOR_CHECKS).chain(FOR_DEPLOY).chain(FOR_SITE) {
            let folder = tools.join(program.name);
            fs::create_dir_all(&folder).expect("a folder for this test");
            fs::copy(program.list(), folder.join("installed.txt")).expect("the list is there");
            assert_eq!(program.ensure(&tools), Ok(()));
            assert_eq!(fs::read_dir(folder).expect("the folder").count(), 1);
        }
        fs::remove_dir_all(&tools).expect("the folder is ours");
    }
}
