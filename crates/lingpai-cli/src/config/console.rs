//! The table `[console]`: the pages for people.

use std::ops::RangeInclusive;
use std::time::Duration;

use lingpai_server::console::Settings;

use super::section::Section;
use super::settings::duration_within;

/// How long a session may live.
const LIVES: RangeInclusive<Duration> = Duration::from_mins(5)..=Duration::from_hours(30 * 24);

/// `None` if there are to be no pages.
pub(super) fn read(root: &mut Section<'_>) -> Option<Settings> {
    let (table, span) = root.table("console", "enabled = true");
    let mut section = Section::new(root.reading(), table, span, Some("LINGPAI_CONSOLE_"));
    let enabled = section.flag("enabled").is_none_or(|said| said.value);
    let life = section.text("session-life", duration_within(LIVES)).map(|said| said.value);
    let reveal = section.flag("reveal").map(|said| said.value);
    section.end();
    let default = Settings::default();
    let life = life.unwrap_or(default.life);
    enabled.then_some(Settings { life, reveal: reveal.unwrap_or(default.reveal), ..default })
}
