//! What is known of a kind of credential stands in the file that declares it, and the example in CONTRIBUTING.md is one of them.

use super::{Finding, SourceFile, rust};

/// Where kinds are declared.
const ISSUERS: &str = "crates/lingpai-wechat/src/issuers/";
/// The page with the example, and what precedes that.
const PAGE: &str = "CONTRIBUTING.md";
const MARK: &str = "```rust\n// ";

/// No other file that is built writes the name of a kind, or the path of a call that only this kind has: it derives them. The
/// sandbox shares nothing with the rest, and has its own.
pub(super) fn are_declared_once(files: &[SourceFile]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for declaring in rust(files).filter(|file| file.path.starts_with(ISSUERS)) {
        let names = literals_after(&declaring.text, "Kind::named(");
        let paths = literals_after(&declaring.text, "path: ")
            .chain(literals_after(&declaring.text, "PATH: &str = "));
        for literal in names.chain(paths) {
            let written = format!("\"{literal}\"");
            for file in
                rust(files).filter(|file| is_built(&file.path) && file.path != declaring.path)
            {
                let built = file.text.split("#[cfg(test)]").next().unwrap_or_default();
                for (number, line) in built.lines().enumerate() {
                    if line.contains(&written) && !line.trim_start().starts_with("//") {
                        let what = format!(
                            "writes {written}, which {} declares: derive it",
                            declaring.path
                        );
                        findings.push(Finding::new(format!("{}:{}", file.path, number + 1), what));
                    }
                }
            }
        }
    }
    findings
}

/// The example is a file as it is.
pub(super) fn are_shown_by_example(files: &[SourceFile]) -> Vec<Finding> {
    let Some(page) = files.iter().find(|file| file.path == PAGE) else { return Vec::new() };
    let mut findings = Vec::new();
    for block in page.text.split(MARK).skip(1) {
        let block = block.split("\n```").next().unwrap_or_default();
        let (path, shown) = block.split_once('\n').unwrap_or((block, ""));
        let is_it = |file: &&SourceFile| file.path == path && file.text.trim() == shown.trim();
        if !files.iter().any(|file| is_it(&file)) {
            findings
                .push(Finding::new(PAGE, format!("its example is not {path} as it is: copy it")));
        }
    }
    findings
}

/// The literals that follow this.
fn literals_after<'a>(text: &'a str, before: &'a str) -> impl Iterator<Item = &'a str> {
    text.split(before).skip(1).filter_map(|rest| rest.strip_prefix('"')?.split('"').next())
}

fn is_built(path: &str) -> bool {
    let is_test = path.ends_with("/tests.rs") || path.contains("/conformance/");
    path.starts_with("crates/") && path.contains("/src/") && !is_test && !path.contains("-sandbox/")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, text: &str) -> SourceFile {
        SourceFile { path: path.into(), text: text.into() }
    }

    fn declaring() -> SourceFile {
        let text = "Kind::named(\"new_ticket\"), path: \"/cgi-bin/new\",\n";
        file("crates/lingpai-wechat/src/issuers/new.rs", text)
    }

    #[test]
    fn a_kind_that_another_file_names_is_found() {
        let of = |path: &str, text: &str| are_declared_once(&[declaring(), file(path, text)]).len();
        let name = "let it = \"new_ticket\";\n";
        assert_eq!(of("crates/lingpai-server/src/a.rs", name), 1);
        assert_eq!(of("crates/lingpai-server/src/a.rs", "match it { \"/cgi-bin/new\" => {} }"), 1);
        assert_eq!(
            of("crates/lingpai-server/src/a.rs", "// \"new_ticket\"\n#[cfg(test)]\n\"new_ticket\""),
            0
        );
        assert_eq!(of("crates/lingpai-server/tests/it/a.rs", name), 0);
        assert_eq!(of("crates/lingpai-sandbox/src/a.rs", name), 0);
    }

    #[test]
    fn an_example_that_is_no_file_as_it_is_is_found() {
        let page = |shown: &str| file(PAGE, &format!("{MARK}{}\n{shown}\n```\n", declaring().path));
        assert!(are_shown_by_example(&[declaring(), page(&declaring().text)]).is_empty());
        assert_eq!(are_shown_by_example(&[declaring(), page("other")]).len(), 1);
    }
}
