//! The house rules that no compiler knows, over every file that git would commit.
//!
//! Each rule is a function from files to findings, so that its test is a planted fault. All
//! findings are shown at once.

mod imports;
mod kinds;
mod manifest;
mod proofs;

use std::fs;

use crate::Outcome;
use crate::process::command;

/// A Rust file longer than this has more than one idea in it.
const MOST_LINES: usize = 600;

/// First folders of paths that exist on one machine only.
const MACHINE_FOLDERS: &[&str] = &["home", "root", "Users", "work", "workspace", "builds"];

/// One file, its path relative to the workspace and with `/`.
struct SourceFile {
    path: String,
    text: String,
}

/// Where a rule is broken and what to do about it.
#[derive(Debug, PartialEq, Eq)]
struct Finding {
    at: String,
    what: String,
}

impl Finding {
    fn new(at: impl Into<String>, what: impl Into<String>) -> Self {
        Self { at: at.into(), what: what.into() }
    }
}

/// Prints every finding.
///
/// # Errors
/// When there is a finding, or the files cannot be listed.
pub(crate) fn check() -> Outcome {
    println!("==> house rules");
    let files = committed_files()?;
    let findings = findings(&files);
    for Finding { at, what } in &findings {
        println!("{at}: {what}");
    }
    match findings.len() {
        0 => Ok(()),
        count => Err(format!(
            "{count} places break a house rule (see above; {} files read)",
            files.len()
        )),
    }
}

fn findings(files: &[SourceFile]) -> Vec<Finding> {
    let rules = [
        opens_with_its_idea,
        is_short,
        names_no_machine,
        speaks_both_languages,
        imports::go_down,
        imports::are_asked_for,
        kinds::are_declared_once,
        kinds::are_shown_by_example,
        proofs::exist,
    ];
    rules.iter().flat_map(|rule| rule(files)).collect()
}

/// Every source file says first what it is about.
fn opens_with_its_idea(files: &[SourceFile]) -> Vec<Finding> {
    rust(files)
        .filter(|file| file.path.contains("/src/") && !file.text.starts_with("//!"))
        .map(|file| Finding::new(&file.path, "starts with no `//!`: say in a line what lives here"))
        .collect()
}

/// No source file is too long to read.
fn is_short(files: &[SourceFile]) -> Vec<Finding> {
    let long = |file: &SourceFile| {
        let lines = file.text.lines().count();
        (lines > MOST_LINES).then(|| {
            Finding::new(
                &file.path,
                format!("{lines} lines, {MOST_LINES} at most: split it by idea"),
            )
        })
    };
    rust(files).filter_map(long).collect()
}

/// No file names a path that exists on one machine only.
fn names_no_machine(files: &[SourceFile]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in files {
        for (index, line) in file.text.lines().enumerate() {
            if let Some(folder) = MACHINE_FOLDERS.iter().find(|folder| names_folder(line, folder)) {
                findings.push(Finding::new(
                    format!("{}:{}", file.path, index + 1),
                    format!("a path under `{folder}` exists on one machine only: make it relative"),
                ));
            }
        }
    }
    findings
}

/// Whether `line` has an absolute path that begins with `folder`; in `https://host/home/x` it is no
/// beginning.
fn names_folder(line: &str, folder: &str) -> bool {
    let needle = format!("/{folder}/");
    line.match_indices(&needle).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        !before.is_some_and(|c| c.is_alphanumeric() || "._-~*}>)]$".contains(c))
    })
}

/// Every page of the documentation is there in English and in Chinese.
fn speaks_both_languages(files: &[SourceFile]) -> Vec<Finding> {
    let there = |path: &str| files.iter().any(|file| file.path == path);
    let mut findings = Vec::new();
    for SourceFile { path, .. } in files.iter().filter(|file| file.path.ends_with(".md")) {
        let counterpart = if let Some(page) = path.strip_prefix("docs/zh/") {
            format!("docs/{page}")
        } else if let Some(page) = path.strip_prefix("docs/").filter(|page| !page.contains('/')) {
            format!("docs/zh/{page}")
        } else {
            continue;
        };
        if !there(&counterpart) {
            findings
                .push(Finding::new(path, format!("has no counterpart {counterpart}: write it")));
        }
    }
    findings
}

fn rust(files: &[SourceFile]) -> impl Iterator<Item = &SourceFile> {
    files.iter().filter(|file| file.path.ends_with(".rs"))
}

/// Every text file that git has or would take.
fn committed_files() -> Result<Vec<SourceFile>, String> {
    let output = command("git")
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .output()
        .map_err(|error| format!("cannot start git, which lists the files: {error}"))?;
    if !output.status.success() {
        return Err(format!("git ls-files: {}", String::from_utf8_lossy(&output.stderr).trim()));
    }
    let paths = String::from_utf8_lossy(&output.stdout);
    // A file deleted but not yet committed is still listed, and pictures are no text: neither is
    // read.
    let read = |path: &str| {
        Some(SourceFile { path: path.to_owned(), text: fs::read_to_string(path).ok()? })
    };
    Ok(paths.split_terminator('\0').filter_map(read).collect())
}

#[cfg(test)]
mod tests;
