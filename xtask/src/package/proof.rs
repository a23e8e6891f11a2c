//! What was packaged is what was meant: the Debian package is looked at, judged, installed, run and removed.
//!
//! Installing needs root. It happens on a copy of this machine that is kept in memory, in namespaces of its own and under a
//! systemd of its own (`proof.sh`), so the machine stays as it was.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::{Machine, VERSION, make_folder};
use crate::Outcome;
use crate::process::{command, run, succeeds};

const PROOF: &str = "xtask/src/package/proof.sh";

/// Sees that the package of `machine`, laid out in `tree`, is what was meant, as far as that can be seen here.
///
/// # Errors
/// What is not as it was meant, or took too long.
pub(super) fn prove(machine: &Machine, tree: &Path) -> Outcome {
    run(within(A_MINUTE, &["dpkg-deb"]).arg("--contents").arg(machine.package_file()))?;
    let mut exposure = within(A_MINUTE, &["systemd-analyze", "security", "--offline=true"]);
    exposure.args(["--no-pager", "--threshold=20"]);
    run(exposure.arg(tree.join("usr/lib/systemd/system/lingpai.service")))?;
    if machine.is_this_one() {
        let binary = tree.join("usr/bin/lingpai");
        prove_static(&binary)?;
        prove_use(machine, tree, &binary)
    } else {
        prove_foreign(machine, tree)
    }
}

/// What an emulator can show of a program for another kind of machine, where there is one.
fn prove_foreign(machine: &Machine, tree: &Path) -> Outcome {
    let emulator = format!("qemu-{}-static", machine.name);
    if !succeeds(command(&emulator).arg("--version")) {
        println!("==> without {emulator}: the program for {} was not run", machine.name);
        return Ok(());
    }
    prove_start(&[&emulator, &tree.join("usr/bin/lingpai").to_string_lossy()], tree)
}

/// Started so, the program says its version, and reads the configuration of the package.
fn prove_start(program: &[&str], tree: &Path) -> Outcome {
    run(within(A_MINUTE, program).arg("--version"))?;
    let mut check = within(A_MINUTE, program);
    run(check.args(["config", "check", "--config"]).arg(tree.join("etc/lingpai/lingpai.toml")))
}

fn prove_static(binary: &Path) -> Outcome {
    let libraries = within(A_MINUTE, &["ldd"]).arg(binary).output();
    let libraries = libraries.map_err(|error| format!("cannot start ldd: {error}"))?;
    if is_static(&libraries.stdout, &libraries.stderr) {
        Ok(())
    } else {
        Err(format!("{} is not static", binary.display()))
    }
}

/// What `ldd` says of a program without libraries goes here or there, by its kind.
fn is_static(output: &[u8], error: &[u8]) -> bool {
    [output, error].iter().any(|said| {
        let said = String::from_utf8_lossy(said);
        said.contains("statically linked") || said.contains("not a dynamic executable")
    })
}

/// For what would change the machine: its processes end with the first of them.
const NAMESPACES: [&str; 6] =
    ["unshare", "--mount-proc", "--pid", "--net", "--fork", "--kill-child"];

fn prove_use(machine: &Machine, tree: &Path, binary: &Path) -> Outcome {
    if !succeeds(within("10", &NAMESPACES).arg("true")) {
        println!("==> without root's rights: nothing is installed, the program is only started");
        return prove_start(&[&binary.to_string_lossy()], tree);
    }
    let folder = tree.with_extension("proof");
    make_folder(&folder)?;
    let mut proof = within("300", &NAMESPACES);
    run(proof.args(["sh", PROOF]).arg(machine.package_file()).arg(VERSION).arg(&folder))?;
    fs::remove_dir(&folder).map_err(|error| format!("cannot remove {}: {error}", folder.display()))
}

const A_MINUTE: &str = "60";

/// `words` as a command that is ended after so many seconds.
fn within(seconds: &str, words: &[&str]) -> Command {
    let mut timeout = command("timeout");
    timeout.arg(seconds).args(words);
    timeout
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_static_program_is_told_from_one_that_needs_libraries() {
        assert!(is_static(b"\tstatically linked\n", b""));
        assert!(is_static(b"", b"\tnot a dynamic executable\n"));
        assert!(!is_static(b"\tlibc.so.6 => /lib/x86_64-linux-gnu/libc.so.6\n", b""));
    }
}
