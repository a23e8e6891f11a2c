//! The tools that tasks need: how each is recognised, where it comes from and why it is needed.
//!
//! A missing tool is installed and said so, or it is a failure that shows the line to type. It is
//! never a reason to skip. A version already on the machine is taken as it is.

use std::process::Command;

use crate::Outcome;
use crate::process::{cargo, command, line, run, succeeds};

/// What `cargo xtask test` needs.
pub(crate) const FOR_TESTS: &[Tool] = &[
    CC,
    Tool::krate("cargo nextest --version", "cargo-nextest@0.9.151", "it runs the tests"),
    Tool::apt(
        "redis-server --version",
        &["redis-server"],
        "the Redis store is tested on real ones",
    ),
    Tool::apt("kill -l", &["procps"], "tests end the processes that they start"),
    Tool::apt("curl --version", &["curl"], "the commands in docs/api.md are run by a test"),
    PYTHON,
    Tool::apt(
        "npm --version",
        &["nodejs", "npm"],
        "one of the SDKs that are tested runs on Node.js",
    ),
    Tool::apt(
        "chromium --version",
        &["chromium", "fonts-noto-cjk"],
        "the console is tested in a real browser, in Chinese too",
    ),
];

const CC: Tool =
    Tool::apt("cc --version", &["gcc", "libc6-dev"], "SQLite and ring are compiled from C");

/// What `cargo xtask site` needs.
pub(crate) const FOR_SITE: &[Tool] = &[PYTHON];

const PYTHON: Tool = Tool::apt(
    "python3 -m ensurepip --version",
    &["python3", "python3-venv"],
    "some of the programs that tasks start are written in Python",
);

/// What `cargo xtask bench` needs besides.
pub(crate) const FOR_BENCHES: &[Tool] = &[
    Tool::apt("nginx -v", &["nginx"], "the server is measured beside it"),
    Tool::apt("haproxy -v", &["haproxy"], "the gateway is measured beside it"),
    Tool::apt("taskset --version", &["util-linux"], "each server is measured on a core of its own"),
];

/// What `cargo xtask package` needs.
pub(crate) const FOR_PACKAGES: &[Tool] = &[
    CC,
    Tool::apt("dpkg-deb --version", &["dpkg"], "it makes the Debian package"),
    Tool::krate("cargo cyclonedx --version", "cargo-cyclonedx@0.5.9", "it lists what is built in"),
    // What the package is proven with, on a copy of this machine.
    Tool::apt("unshare --version", &["util-linux"], "the copy is in namespaces of its own"),
    Tool::apt("ip -Version", &["iproute2"], "the copy has a network of its own"),
    Tool::apt("systemd-nspawn --version", &["systemd-container"], "it boots the copy"),
    Tool::apt("curl --version", &["curl"], "the server that is installed there is asked with it"),
];

/// What `cargo xtask check` needs.
pub(crate) const FOR_CHECKS: &[Tool] = &[
    Tool::component("cargo clippy --version", "clippy", "it lints"),
    Tool::krate("cargo machete --version", "cargo-machete@0.9.2", "it finds unused dependencies"),
    Tool::krate("cargo deny --version", "cargo-deny@0.20.2", "it checks licences, bans, sources"),
];

/// What the format check needs; kept apart because it runs before anything slow is installed.
pub(crate) const FOR_FORMAT: &[Tool] =
    &[Tool::component("cargo fmt --version", "rustfmt", "it checks the format")];

/// One tool.
pub(crate) struct Tool {
    /// A command that ends with success when the tool is there.
    probe: &'static str,
    source: Source,
    why: &'static str,
}

impl Tool {
    const fn apt(
        probe: &'static str,
        packages: &'static [&'static str],
        why: &'static str,
    ) -> Self {
        Self { probe, source: Source::Apt(packages), why }
    }

    const fn krate(probe: &'static str, krate: &'static str, why: &'static str) -> Self {
        Self { probe, source: Source::Crate(krate), why }
    }

    const fn component(probe: &'static str, component: &'static str, why: &'static str) -> Self {
        Self { probe, source: Source::Component(component), why }
    }

    fn is_there(&self) -> bool {
        let mut words = self.probe.split_whitespace();
        words.next().is_some_and(|program| succeeds(command(program).args(words)))
    }

    fn name(&self) -> String {
        match self.source {
            Source::Apt(packages) => packages.join(" "),
            Source::Crate(name) | Source::Component(name) => name.to_owned(),
        }
    }
}

enum Source {
    /// Debian packages.
    Apt(&'static [&'static str]),
    /// A crate with programs in it, as `name@version`.
    Crate(&'static str),
    /// A component of the Rust toolchain.
    Component(&'static str),
}

impl Source {
    /// The commands that install from here, in order.
    fn commands(&self) -> Vec<Command> {
        match *self {
            Self::Apt(packages) => {
                let mut update = command("apt-get");
                update.arg("update");
                let mut install = command("apt-get");
                install.env("DEBIAN_FRONTEND", "noninteractive");
                install.args(["install", "--yes", "--no-install-recommends"]).args(packages);
                vec![update, install]
            }
            Self::Crate(krate) => {
                let mut install = cargo(&["install", "--locked", krate]);
                // These tools run for seconds and are built for minutes: build them fast, not to be
                // fast.
                install.env("CARGO_PROFILE_RELEASE_LTO", "off");
                install.env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16");
                install.env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "1");
                vec![install]
            }
            Self::Component(component) => {
                let mut add = command("rustup");
                add.args(["component", "add", component]);
                vec![add]
            }
        }
    }
}

/// Installs those of `tools` that are missing.
///
/// # Errors
/// When a tool is missing and cannot be installed; the text has the lines to type.
pub(crate) fn ensure(tools: &[Tool]) -> Outcome {
    tools.iter().filter(|tool| !tool.is_there()).try_for_each(install)
}

fn install(tool: &Tool) -> Outcome {
    let Tool { probe, source, why } = tool;
    println!("==> installing {} because {why}, and `{probe}` does not answer", tool.name());
    let by_hand = |reason: String| {
        let lines: Vec<String> = source.commands().iter().map(line).collect();
        let lines = lines.join("\n    ");
        format!(
            "{} is needed ({why}) and could not be installed: {reason}\n  \
             Install it by hand (packages need root), then run this task again:\n    {lines}",
            tool.name()
        )
    };
    source.commands().iter_mut().try_for_each(run).map_err(by_hand)?;
    if tool.is_there() { Ok(()) } else { Err(by_hand(format!("`{probe}` still does not answer"))) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tool_that_is_there_is_left_alone() {
        let cargo = Tool::krate("cargo --version", "no-such-crate@0.0.0", "it builds");
        assert_eq!(ensure(&[cargo]), Ok(()));
    }

    #[test]
    fn a_tool_that_cannot_be_installed_is_a_failure_with_the_line_to_type() {
        let tool = Tool::component("no-such-program", "no-such-component", "the test asks for it");
        let reason = ensure(&[tool]).expect_err("there is no such component");
        assert!(reason.contains("rustup component add no-such-component"), "{reason}");
        assert!(reason.contains("the test asks for it"), "{reason}");
    }
}
