//! `cargo xtask package`: what is handed to people who do not build: a static binary in an archive, a Debian package, the
//! list of what is in it (SBOM), and checksums. All of it is in `target/package/`. What the package is worth is [`proof`]'s.

mod proof;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use crate::process::{cargo, command, run, succeeds};
use crate::{Outcome, tools};

const FOLDER: &str = "target/package";
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// A machine that packages are made for.
struct Machine {
    target: &'static str,
    /// As archives call it.
    name: &'static str,
    /// As Debian calls it.
    debian: &'static str,
    /// What links for it, and compiles C.
    compiler: &'static str,
}

const MACHINES: [Machine; 2] = [
    Machine {
        target: "x86_64-unknown-linux-gnu",
        name: "x86_64",
        debian: "amd64",
        compiler: "x86_64-linux-gnu-gcc",
    },
    Machine {
        target: "aarch64-unknown-linux-gnu",
        name: "aarch64",
        debian: "arm64",
        compiler: "aarch64-linux-gnu-gcc",
    },
];

/// Makes all packages that this toolchain can make.
///
/// # Errors
/// When a tool is missing, or a step fails.
pub(crate) fn package() -> Outcome {
    tools::ensure(tools::FOR_PACKAGES)?;
    let _ = fs::remove_dir_all(FOLDER); // Perhaps there is none.
    make_folder(FOLDER)?;
    let (able, unable): (Vec<_>, Vec<_>) = MACHINES.iter().partition(|machine| machine.is_able());
    for machine in unable {
        println!(
            "==> none for {}: it needs `rustup target add {}` and {}",
            machine.name, machine.target, machine.compiler
        );
    }
    able.iter().try_for_each(|machine| machine.package())?;
    list_contents()?;
    let sums = "sha256sum lingpai* > SHA256SUMS && sha256sum --check --quiet SHA256SUMS";
    run(command("sh").args(["-c", sums]).current_dir(FOLDER))?;
    run(command("ls").args(["-l", "--human-readable", FOLDER]))
}

/// Without libraries; and random bytes from the system call, which needs no `/dev`: a static program cannot look whether its
/// library knows it. The image is built with the same.
const STATIC: &str = "-C target-feature=+crt-static --cfg getrandom_backend=\"linux_getrandom\"";

/// What is built into the binary, in CycloneDX.
fn list_contents() -> Outcome {
    run(&mut cargo(&[
        "cyclonedx",
        "--format",
        "json",
        "--manifest-path",
        "crates/lingpai-cli/Cargo.toml",
    ]))?;
    // It is written beside each manifest of the workspace; only the binary's is asked for.
    let crates = fs::read_dir("crates").map_err(|error| format!("cannot read crates: {error}"))?;
    let folders = crates.flatten().map(|folder| folder.path()).chain([PathBuf::from("xtask")]);
    for list in folders.flat_map(|folder| fs::read_dir(folder).into_iter().flatten().flatten()) {
        let list = list.path();
        if !is_list(&list) {
            continue;
        }
        if list.starts_with("crates/lingpai-cli") {
            copy(&list, &Path::new(FOLDER).join(format!("lingpai-{VERSION}.cdx.json")))?;
        }
        fs::remove_file(&list)
            .map_err(|error| format!("cannot remove {}: {error}", list.display()))?;
    }
    Ok(())
}

fn is_list(file: &Path) -> bool {
    file.to_string_lossy().ends_with(".cdx.json")
}

impl Machine {
    fn is_this_one(&self) -> bool {
        self.target.starts_with(std::env::consts::ARCH)
    }

    /// Whether the toolchain has its standard library, and something that links for it.
    fn is_able(&self) -> bool {
        let library =
            command("rustc").args(["--print", "target-libdir", "--target", self.target]).output();
        let library =
            library.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
        library.is_ok_and(|library| Path::new(&library).is_dir())
            && (self.is_this_one() || succeeds(command(self.compiler).arg("--version")))
    }

    fn package(&self) -> Outcome {
        let binary = self.build()?;
        let tree = PathBuf::from(format!("{FOLDER}/{}", self.name));
        self.lay_out(&binary, &tree)?;
        self.archive(&tree)?;
        self.debian(&tree)?;
        proof::prove(self, &tree)?;
        fs::remove_dir_all(&tree)
            .map_err(|error| format!("cannot remove {}: {error}", tree.display()))
    }

    /// One file that needs nothing of the machine it runs on. glibc's resolver is in it too, since 2.34.
    fn build(&self) -> Result<PathBuf, String> {
        let arguments = [
            "build",
            "--profile",
            "dist",
            "--locked",
            "--package",
            "lingpai-cli",
            "--target",
            self.target,
        ];
        let mut build = cargo(&arguments);
        build.env("RUSTFLAGS", STATIC);
        if !self.is_this_one() {
            let shouted = self.target.to_uppercase().replace('-', "_");
            build.env(format!("CARGO_TARGET_{shouted}_LINKER"), self.compiler);
            build.env(format!("CC_{}", self.target.replace('-', "_")), self.compiler);
        }
        run(&mut build)?;
        Ok(PathBuf::from(format!("target/{}/dist/lingpai", self.target)))
    }

    /// The files where Debian wants them.
    fn lay_out(&self, binary: &Path, tree: &Path) -> Outcome {
        let at = |path: &str| tree.join(path);
        copy(binary, &at("usr/bin/lingpai"))?;
        for unit in ["lingpai.service", "lingpai.socket"] {
            copy(Path::new("deploy/systemd").join(unit), &at("usr/lib/systemd/system").join(unit))?;
        }
        copy("deploy/systemd/lingpai.sysusers", &at("usr/lib/sysusers.d/lingpai.conf"))?;
        copy("deploy/debian/lingpai.toml", &at("etc/lingpai/lingpai.toml"))?;
        make_folder(at("etc/lingpai/secrets"))?;
        for text in
            ["README.md", "README.zh-CN.md", "CHANGELOG.md", "LICENSE-MIT", "LICENSE-APACHE"]
        {
            copy(text, &at("usr/share/doc/lingpai").join(text))?;
        }
        let licences = "This is Lingpai, under the MIT licence or the Apache licence 2.0, as you like: see LICENSE-MIT and \
                        LICENSE-APACHE in this directory.\n";
        write(&at("usr/share/doc/lingpai/copyright"), licences)?;
        // What the program says of itself: it has to run here, so packages for other machines are without.
        if self.is_this_one() {
            let man = at("usr/share/man/man1");
            make_folder(&man)?;
            run(command(&binary.to_string_lossy()).arg("man").arg(&man))?;
            run(command("gzip").args(["--best", "--no-name", "--recursive"]).arg(&man))?;
            for (shell, path) in [
                ("bash", "usr/share/bash-completion/completions/lingpai"),
                ("fish", "usr/share/fish/vendor_completions.d/lingpai.fish"),
                ("zsh", "usr/share/zsh/vendor-completions/_lingpai"),
            ] {
                let said = command(&binary.to_string_lossy()).args(["completions", shell]).output();
                let said =
                    said.map_err(|error| format!("cannot start {}: {error}", binary.display()))?;
                write(&at(path), said.stdout)?;
            }
        }
        Ok(())
    }

    fn archive(&self, tree: &Path) -> Outcome {
        let archive = format!("{FOLDER}/lingpai-{VERSION}-{}-linux.tar.gz", self.name);
        let mut tar = command("tar");
        tar.args([
            "--create",
            "--gzip",
            "--owner=0",
            "--group=0",
            "--sort=name",
            "--file",
            &archive,
        ]);
        run(tar.arg("--directory").arg(tree).args(["usr", "etc"]))
    }

    fn debian(&self, tree: &Path) -> Outcome {
        let control = format!(
            "Package: lingpai\nVersion: {VERSION}\nArchitecture: {}\nSection: net\nPriority: optional\n\
             Maintainer: The Lingpai authors <lingpai@localhost>\nRecommends: ca-certificates\n\
             Description: central server for WeChat access_tokens\n \
             It alone fetches them, refreshes them ahead of expiry, keeps them through restarts and\n \
             crashes, and hands them out to everyone.\n",
            self.debian
        );
        write(&tree.join("DEBIAN/control"), control)?;
        write(&tree.join("DEBIAN/conffiles"), "/etc/lingpai/lingpai.toml\n")?;
        for script in ["postinst", "prerm", "postrm"] {
            copy(Path::new("deploy/debian").join(script), &tree.join("DEBIAN").join(script))?;
        }
        let mut build = command("dpkg-deb");
        build.args(["--root-owner-group", "--build"]).arg(tree).arg(self.package_file());
        run(&mut build)
    }

    fn package_file(&self) -> String {
        format!("{FOLDER}/lingpai_{VERSION}_{}.deb", self.debian)
    }
}

fn make_folder(path: impl AsRef<Path>) -> Outcome {
    let path = path.as_ref();
    fs::create_dir_all(path).map_err(|error| format!("cannot make {}: {error}", path.display()))
}

/// Copies a file, with its mode, into a folder that may not be there yet.
fn copy(from: impl AsRef<Path>, to: &Path) -> Outcome {
    let from = from.as_ref();
    to.parent().map_or(Ok(()), make_folder)?;
    let copied = fs::copy(from, to);
    copied.map(drop).map_err(|error| format!("cannot copy {}: {error}", from.display()))
}

fn write(path: &Path, text: impl AsRef<[u8]>) -> Outcome {
    path.parent().map_or(Ok(()), make_folder)?;
    let written = fs::File::create(path).and_then(|mut file| file.write_all(text.as_ref()));
    written.map_err(|error| format!("cannot write {}: {error}", path.display()))
}
