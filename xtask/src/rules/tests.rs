//! Each rule is shown a file that breaks it and one that does not.

use super::*;

fn file(path: &str, text: &str) -> SourceFile {
    SourceFile { path: path.to_owned(), text: text.to_owned() }
}

/// Where `rule` finds fault with `files`.
fn places(rule: fn(&[SourceFile]) -> Vec<Finding>, files: &[SourceFile]) -> Vec<String> {
    rule(files).into_iter().map(|finding| finding.at).collect()
}

#[test]
fn a_source_file_opens_with_what_lives_in_it() {
    let files = [
        file("crates/a/src/lib.rs", "//! What lives here.\n"),
        file("crates/a/src/silent.rs", "use std::fs;\n"),
        file("crates/a/benches/reads.rs", "use std::fs;\n"),
    ];
    assert_eq!(places(opens_with_its_idea, &files), ["crates/a/src/silent.rs"]);
}

#[test]
fn a_source_file_has_at_most_six_hundred_lines() {
    let files = [
        file("crates/a/src/full.rs", &"//\n".repeat(600)),
        file("crates/a/src/over.rs", &"//\n".repeat(601)),
        file("docs/long.md", &"\n".repeat(900)),
    ];
    assert_eq!(places(is_short, &files), ["crates/a/src/over.rs"]);
}

#[test]
fn a_path_of_one_machine_is_found_with_its_line() {
    let path = format!("see {}home/me/notes\n", '/');
    let files = [file("docs/a.md", &format!("# Title\n{path}"))];
    assert_eq!(places(names_no_machine, &files), ["docs/a.md:2"]);
}

#[test]
fn an_address_or_a_relative_path_is_no_path_of_a_machine() {
    for line in ["https://example.com/home/x", "./work/x", "$DIR/work/x", "homework", "/var/lib/x"]
    {
        assert_eq!(places(names_no_machine, &[file("a.md", line)]), [""; 0], "{line}");
    }
}

#[test]
fn a_page_in_one_language_asks_for_the_other() {
    let files = [
        file("docs/both.md", ""),
        file("docs/zh/both.md", ""),
        file("docs/english.md", ""),
        file("docs/zh/chinese.md", ""),
        file("docs/decisions/0001-why.md", ""),
        file("README.md", ""),
    ];
    assert_eq!(places(speaks_both_languages, &files), ["docs/english.md", "docs/zh/chinese.md"]);
}

#[test]
fn a_crate_may_import_from_every_lower_floor() {
    let manifest = "[dependencies]\nlingpai-core = \"1\"\nlingpai-store = \"1\"\nserde = \"1\"\n";
    let files = [file("crates/lingpai-server/Cargo.toml", manifest)];
    assert_eq!(places(imports::go_down, &files), [""; 0]);
}

#[test]
fn a_crate_never_imports_its_neighbour_or_from_above() {
    for import in ["lingpai-store", "lingpai-server", "lingpai-wechat"] {
        let manifest = format!("[dependencies]\n{import} = \"1\"\n");
        let files = [file("crates/lingpai-wechat/Cargo.toml", &manifest)];
        assert_eq!(places(imports::go_down, &files).len(), 1, "{import}");
    }
}

#[test]
fn an_alias_does_not_hide_an_import() {
    let manifest = "[dependencies]\ninnocent = { version = \"1\", package = \"lingpai-server\" }\n";
    let files = [file("crates/lingpai-store/Cargo.toml", manifest)];
    assert_eq!(places(imports::go_down, &files).len(), 1);
}

#[test]
fn tests_may_import_from_anywhere() {
    let manifest = "[dev-dependencies]\nlingpai-sandbox = \"1\"\n";
    let files = [file("crates/lingpai-wechat/Cargo.toml", manifest)];
    assert_eq!(places(imports::go_down, &files), [""; 0]);
}

#[test]
fn the_sandbox_imports_none_of_the_others() {
    let manifest = "[dependencies]\nlingpai-core = \"1\"\n";
    let files = [file("crates/lingpai-sandbox/Cargo.toml", manifest)];
    assert_eq!(places(imports::go_down, &files).len(), 1);
}

#[test]
fn a_crate_without_a_floor_is_told_to_get_one() {
    let files = [file("crates/lingpai-attic/Cargo.toml", "[dependencies]\n")];
    assert_eq!(places(imports::go_down, &files).len(), 1);
}

#[test]
fn a_version_that_no_crate_asks_for_is_found() {
    let files = [
        file("Cargo.toml", "[workspace.dependencies]\nasked = \"1\"\nforgotten = \"1\"\n"),
        file("crates/a/Cargo.toml", "[dev-dependencies]\nasked = { workspace = true }\n"),
    ];
    let found = imports::are_asked_for(&files);
    assert_eq!(found, [Finding::new("Cargo.toml", "no crate asks for forgotten: remove it")]);
}

#[test]
fn a_test_that_a_page_names_must_be_there() {
    let test =
        file("crates/a/tests/it/a.rs", "#[test]\nfn one_fetch_for_all() {}\nfn a_helper() {}\n");
    let page = |path: &str, cell: &str| {
        [
            file(path, &format!("# Title\n| each start fetches | repo 1 | {cell} |\n")),
            file(&test.path, &test.text),
        ]
    };
    let good = "[one_fetch_for_all](../crates/a/tests/it/a.rs)";
    assert_eq!(places(proofs::exist, &page("docs/faq.md", good)), [""; 0]);
    let from_zh = "[one_fetch_for_all](../../crates/a/tests/it/a.rs)";
    assert_eq!(places(proofs::exist, &page("docs/zh/faq.md", from_zh)), [""; 0]);
    for cell in [
        "[one_fetch](../crates/a/tests/it/a.rs)",
        "[one_fetch_for_all](../crates/a/tests/it/b.rs)",
        "[a_helper](../crates/a/tests/it/a.rs)",
    ] {
        assert_eq!(
            places(proofs::exist, &page("docs/ways.md", cell)),
            ["docs/ways.md:2"],
            "{cell}"
        );
    }
    // Elsewhere a page may link to a file of tests; the complaints are answered by tests, each by one at least.
    let of_file = "[a.rs](../crates/a/tests/it/a.rs)";
    assert_eq!(places(proofs::exist, &page("docs/ways.md", of_file)), [""; 0]);
    for cell in [of_file, "by a test"] {
        assert!(!places(proofs::exist, &page("docs/faq.md", cell)).is_empty(), "{cell}");
    }
}
