//! The pages of the reference, `docs/http.md` and its Chinese counterpart, are what `/openapi.json` says, for people to read.

mod bodies;
mod errors;
mod examples;
mod page;

use std::collections::BTreeSet;

use lingpai_server::openapi::document;
use lingpai_wechat::catalogue::Language;

const DOCS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs");

fn pages() -> [(String, String); 2] {
    [("", Language::English), ("zh/", Language::Chinese)].map(|(folder, language)| {
        let guide = std::fs::read_to_string(format!("{DOCS}/{folder}api.md")).unwrap();
        let page = page::of(&document(language), &examples::of(&guide), language);
        (format!("{DOCS}/{folder}http.md"), page)
    })
}

/// `UPDATE_EXPECT=1` writes them anew.
#[test]
fn the_documentation_has_the_reference_of_all_calls_in_both_languages() {
    for (file, page) in pages() {
        expect_test::expect_file![file].assert_eq(&page);
    }
}

#[test]
fn every_call_has_a_place_of_its_own_in_the_reference_and_every_link_leads_to_one() {
    let document = document(Language::English);
    for (file, page) in pages() {
        let headings = page.lines().filter_map(|line| line.split_once("# "));
        let headings = headings.filter(|(level, _)| level.trim_matches('#').is_empty());
        let anchors: Vec<_> = headings.map(|(_, heading)| page::anchor(heading)).collect();
        let unique: BTreeSet<_> = anchors.iter().cloned().collect();
        assert_eq!(unique.len(), anchors.len(), "{file}: {anchors:?}");
        for (path, methods) in document["paths"].as_object().unwrap() {
            for method in methods.as_object().unwrap().keys() {
                let heading = format!("### `{} {path}`\n", method.to_uppercase());
                assert!(page.contains(&heading), "{file} {heading}");
            }
        }
        for link in page.split("](#").skip(1) {
            let anchor = link.split(')').next().unwrap();
            assert!(unique.contains(anchor), "{file}: #{anchor}");
        }
    }
}
