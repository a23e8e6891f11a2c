//! The tables `[events]` and `[audit]`: how much of each journal the store keeps.

use std::ops::RangeInclusive;
use std::time::Duration;

use lingpai_store::{JournalBounds, Journals};

use super::section::Section;
use super::settings::duration_within;

/// How long lines may be kept.
const AGES: RangeInclusive<Duration> =
    Duration::from_hours(1)..=Duration::from_hours(10 * 366 * 24);

pub(super) fn read(root: &mut Section<'_>) -> Journals {
    Journals {
        events: one(root, "events", "LINGPAI_EVENTS_"),
        audit: one(root, "audit", "LINGPAI_AUDIT_"),
    }
}

fn one(root: &mut Section<'_>, name: &'static str, variables: &str) -> JournalBounds {
    let (table, span) = root.table(name, "keep = 100000");
    let mut section = Section::new(root.reading(), table, span, Some(variables));
    let keep = section.count("keep");
    let keep_for = section.text("keep-for", duration_within(AGES));
    section.end();
    let default = JournalBounds::default();
    JournalBounds {
        count: keep.map_or(default.count, |said| said.value),
        age: keep_for.map_or(default.age, |said| said.value),
    }
}
