//! `cargo xtask site`: the documentation as pages to publish, English at the top and Chinese below `zh/`.
//!
//! The pages are those of `docs/`. What makes sense only beside the source is taken out of them (links into the repository,
//! and from one language to the other, which the site has in its head), and lines that are broken within Chinese are joined,
//! where HTML would show a space. Links and anchors that lead nowhere end the task.

use std::fs;
use std::path::Path;

use crate::process::{command, run};
use crate::{Outcome, programs, tools};

/// Where the pages are prepared, and made in `html`.
const PLACE: &str = "target/site";

/// One language of the site.
struct Edition {
    /// Its name in file names.
    language: &'static str,
    /// Where its pages are written.
    pages: &'static str,
    /// How a page links to the other language's.
    counterpart: &'static str,
    /// Link targets that begin so lead out of its pages.
    outside: &'static [&'static str],
}

/// In this order: making the first empties the folder that the second is made in.
const EDITIONS: [Edition; 2] = [
    Edition {
        language: "en",
        pages: "docs",
        counterpart: "[中文](zh/",
        outside: &["../", "decisions/", "zh/"],
    },
    Edition { language: "zh", pages: "docs/zh", counterpart: "[English](../", outside: &["../"] },
];

/// Makes the site in `target/site/html`.
///
/// # Errors
/// When a page is in no menu, a link leads nowhere, or the maker of pages cannot be installed.
pub(crate) fn site() -> Outcome {
    tools::ensure(tools::FOR_SITE)?;
    programs::ensure(programs::FOR_SITE)?;
    let maker = programs::file("zensical", "bin/zensical")?;
    for edition in &EDITIONS {
        edition.prepare().map_err(|error| format!("cannot prepare the site: {error}"))?;
        edition.has_every_page_in_its_menu()?;
        let mut build = command(&maker.to_string_lossy());
        build.args(["build", "--clean", "--strict", "--config-file"]);
        run(build.arg(format!("{PLACE}/{}.toml", edition.language)))?;
    }
    println!("==> {PLACE}/html/index.html");
    Ok(())
}

impl Edition {
    /// Writes its pages, pictures and configuration to where the site is made of them.
    fn prepare(&self) -> std::io::Result<()> {
        let Self { language, pages, .. } = self;
        let place = Path::new(PLACE).join(language);
        if place.exists() {
            fs::remove_dir_all(&place)?;
        }
        fs::create_dir_all(place.join("images"))?;
        for picture in fs::read_dir("docs/images")?.flatten() {
            fs::copy(picture.path(), place.join("images").join(picture.file_name()))?;
        }
        for name in page_names(pages)? {
            let page = fs::read_to_string(format!("{pages}/{name}"))?;
            fs::write(place.join(name.replace("README", "index")), self.prepared(&page))?;
        }
        fs::copy(format!("xtask/site/{language}.toml"), format!("{PLACE}/{language}.toml"))?;
        Ok(())
    }

    fn has_every_page_in_its_menu(&self) -> Outcome {
        let file = format!("xtask/site/{}.toml", self.language);
        let read = |error| format!("cannot read {file} or {}: {error}", self.pages);
        let menu = fs::read_to_string(&file).map_err(read)?;
        let names = page_names(self.pages).map_err(read)?;
        let missing: Vec<_> = names
            .into_iter()
            .map(|name| name.replace("README", "index"))
            .filter(|name| !menu.contains(&format!("\"{name}\"")))
            .collect();
        match missing.as_slice() {
            [] => Ok(()),
            missing => Err(format!("{file} has no place in its menu for {}", missing.join(", "))),
        }
    }

    /// A page as the site has it.
    fn prepared(&self, page: &str) -> String {
        let mut prepared = String::with_capacity(page.len());
        let mut in_code = false;
        for line in page.lines() {
            let is_fence = line.trim_start().starts_with("```");
            in_code ^= is_fence;
            if in_code || is_fence {
                prepared = prepared + line + "\n";
                continue;
            }
            let line = self.within_the_site(line);
            if goes_on(&prepared, &line) {
                prepared.pop();
                prepared.push_str(line.trim_start());
            } else {
                prepared.push_str(&line);
            }
            prepared.push('\n');
        }
        prepared
    }

    /// A line whose links stay within the site.
    fn within_the_site(&self, line: &str) -> String {
        let mut line =
            line.replace("](../images/", "](images/").replace("(README.md)", "(index.md)");
        if let Some(at) = line.find(self.counterpart)
            && let Some(length) = line[at..].find(')')
        {
            line.replace_range(at..=at + length, "");
            line.truncate(line.trim_end().len());
        }
        let mut from = 0;
        while let Some(middle) = line[from..].find("](").map(|at| from + at) {
            let target = &line[middle + 2..];
            let leads_out = self.outside.iter().any(|outside| target.starts_with(outside));
            let (start, end) = (line[..middle].rfind('['), target.find(')'));
            if let (true, Some(start), Some(end)) = (leads_out, start, end) {
                let text = line[start + 1..middle].to_owned();
                line.replace_range(start..=middle + 2 + end, &text);
                from = start + text.len();
            } else {
                from = middle + 2;
            }
        }
        line
    }
}

/// The Markdown files in a folder.
fn page_names(folder: &str) -> std::io::Result<Vec<String>> {
    let names = fs::read_dir(folder)?.flatten().map(|entry| entry.file_name());
    let mut names: Vec<_> = names
        .filter_map(|name| name.into_string().ok())
        .filter(|name| name.ends_with(".md"))
        .collect();
    names.sort();
    Ok(names)
}

/// Whether a line goes on within the Chinese sentence that the text before it breaks off in.
fn goes_on(before: &str, line: &str) -> bool {
    let last_line = before.trim_end_matches('\n').rsplit('\n').next().unwrap_or_default();
    let is_text = !last_line.starts_with(['#', '|', '>']) && !before.ends_with("\n\n");
    let is_chinese =
        |c: char| ('\u{2e80}'..='\u{9fff}').contains(&c) || ('\u{ff00}'..='\u{ffef}').contains(&c);
    is_text && last_line.ends_with(is_chinese) && line.trim_start().starts_with(is_chinese)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_that_leave_the_site_are_text_and_others_stay() {
        let [english, chinese] = &EDITIONS;
        let page =
            "See [code](../crates/a.rs), [why](decisions/0001.md), [b](b.md#x). [中文](zh/a.md)\n";
        assert_eq!(english.prepared(page), "See code, why, [b](b.md#x).\n");
        let page =
            "[English](../a.md)\n![图](../images/a.jpg)，[二](b.md)，[三](../decisions/0001.md)\n";
        assert_eq!(chinese.prepared(page), "\n![图](images/a.jpg)，[二](b.md)，三\n");
    }

    #[test]
    fn a_line_broken_within_chinese_is_joined_and_code_is_left_alone() {
        let [_, chinese] = &EDITIONS;
        let page = "甲，\n乙\n\n- 丙\n  丁 and\nmore\n\n```\n# 一\n二\n```\n";
        assert_eq!(chinese.prepared(page), "甲，乙\n\n- 丙丁 and\nmore\n\n```\n# 一\n二\n```\n");
    }
}
