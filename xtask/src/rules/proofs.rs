//! What a page names as its proof is there: a link whose text is the name of a test leads to a file that has this test.
//!
//! The questions of `docs/faq.md` come from complaints, and its table says of each by which tests its answer is proved. A test that
//! is renamed or removed would otherwise leave the claim behind.

use super::{Finding, SourceFile};

/// The page, in both languages, whose table must name tests and nothing else.
const TABLES: [&str; 2] = ["docs/faq.md", "docs/zh/faq.md"];

/// Every test that a page names is in the file that it links to, and the table of complaints names one in each row.
pub(super) fn exist(files: &[SourceFile]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for page in files.iter().filter(|file| file.path.starts_with("docs/")) {
        for (index, line) in page.text.lines().enumerate() {
            let at = format!("{}:{}", page.path, index + 1);
            let mut named = 0;
            for (name, target) in links(line).filter(|(_, target)| target.ends_with(".rs")) {
                if is_test_name(name) {
                    named += 1;
                    if !has_test(files, target, name) {
                        let what =
                            format!("`{target}` has no test `{name}`: name the one that proves it");
                        findings.push(Finding::new(&at, what));
                    }
                } else if TABLES.contains(&page.path.as_str()) {
                    let what =
                        format!("`{name}` is no test: name the one in `{target}` that proves it");
                    findings.push(Finding::new(&at, what));
                }
            }
            if TABLES.contains(&page.path.as_str()) && is_row(line) && named == 0 {
                findings.push(Finding::new(&at, "names no test that proves it"));
            }
        }
    }
    findings
}

/// A row of a table that is neither its heading nor the line below that.
fn is_row(line: &str) -> bool {
    line.starts_with("| ") && line.contains(char::is_numeric)
}

/// Text and target of each link in a line of Markdown.
fn links(line: &str) -> impl Iterator<Item = (&str, &str)> {
    line.split('[').skip(1).filter_map(|rest| {
        let (text, rest) = rest.split_once("](")?;
        Some((text, rest.split_once(')')?.0))
    })
}

/// Names of tests are sentences; names of files have a dot.
fn is_test_name(text: &str) -> bool {
    text.contains('_')
        && text
            .chars()
            .all(|sign| sign.is_ascii_lowercase() || sign.is_ascii_digit() || sign == '_')
}

/// Whether the file that a page of `docs/` or `docs/zh/` links to has a test of this name.
fn has_test(files: &[SourceFile], target: &str, name: &str) -> bool {
    let path = target.trim_start_matches("../");
    let file = files.iter().find(|file| file.path == path);
    let before = file.and_then(|file| file.text.split_once(&format!("fn {name}(")));
    let mut lines = before.map(|(before, _)| before.lines().rev()).into_iter().flatten();
    lines.by_ref().take_while(|line| !line.contains("fn ")).any(is_attribute_of_test)
}

fn is_attribute_of_test(line: &str) -> bool {
    line.trim_start().starts_with("#[test]") || line.trim_start().starts_with("#[tokio::test")
}
