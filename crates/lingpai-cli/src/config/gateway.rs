//! The table `[gateway]`: how calls to WeChat are forwarded, and what clients may call.

use std::num::NonZeroU32;
use std::path::Path;
use std::time::Duration;

use lingpai_server::gateway::Settings;
use lingpai_wechat::wire;

use super::section::{Section, meaning};
use super::settings::duration_within;
use crate::language::say;

const SHORTEST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_mins(10);

/// `None` if nothing is to be forwarded.
pub(super) fn read(
    root: &mut Section<'_>,
    base: &Path,
    upstream: &wire::Settings,
) -> Option<Settings> {
    let (table, span) = root.table("gateway", "enabled = true");
    let mut section = Section::new(root.reading(), table, span, Some("LINGPAI_GATEWAY_"));
    let enabled = section.flag("enabled").is_none_or(|said| said.value);
    let mut settings = Settings { upstream: upstream.clone(), ..Settings::default() };
    set(&mut settings.mounts, section.list("mounts", parse_mount));
    for (key, to) in [
        ("deadline", &mut settings.deadline),
        ("repair-deadline", &mut settings.repair_deadline),
        ("queue-time", &mut settings.queue_time),
    ] {
        let said = section.text(key, duration_within(SHORTEST..=LONGEST));
        set(to, said.map(|said| said.value));
    }
    for (key, to) in [("connections", &mut settings.connections), ("queue", &mut settings.queue)] {
        set(to, section.count(key).map(|said| said.value as usize));
    }
    for (key, to) in [
        ("replay-limit", &mut settings.replay_limit),
        ("unsized-body-limit", &mut settings.unsized_body_limit),
        ("spool-limit", &mut settings.spool_limit),
    ] {
        set(to, section.text(key, parse_size).map(|said| said.value));
    }
    let dir = section.text("spool-dir", |text| Ok(base.join(text)));
    set(&mut settings.spool_dir, dir.map(|said| said.value));
    let rules = &mut settings.rules;
    for (key, to) in [
        ("calls-per-minute", &mut rules.bounds.per_minute),
        ("calls-at-once", &mut rules.bounds.at_once),
        ("calls-per-day", &mut rules.bounds.per_day),
        ("account-calls-per-day", &mut rules.per_day),
    ] {
        set(to, section.count(key).map(|said| NonZeroU32::new(said.value)));
    }
    set(&mut rules.denied, section.list("denied-paths", meaning));
    set(&mut rules.real_tokens_from, section.list("real-tokens-from", meaning));
    set(&mut rules.passers_from, section.list("passers-from", meaning));
    set(&mut rules.pay, section.flag("pay").map(|said| said.value));
    section.end();
    enabled.then_some(settings)
}

fn set<T>(to: &mut T, said: Option<T>) {
    if let Some(value) = said {
        *to = value;
    }
}

/// The beginning of a path: `/wechat`.
fn parse_mount(text: &str) -> Result<String, String> {
    let fits = |c: char| c.is_ascii_alphanumeric() || "-_.~".contains(c);
    let is_part = |part: &str| !matches!(part, "" | "." | "..") && part.chars().all(fits);
    let parts = text.strip_prefix('/');
    match parts.is_some_and(|parts| parts.split('/').all(is_part)) {
        true => Ok(text.to_owned()),
        false => Err(say!(
            "`{text}` is not the beginning of a path: write it like `/wechat`",
            "`{text}` 不是路径前缀：请写成 `/wechat` 的样子"
        )),
    }
}

/// A number of bytes: `500KiB`, `64MiB`, `1GiB`.
fn parse_size(text: &str) -> Result<u64, String> {
    let wrong = || {
        say!(
            "`{text}` is not a size: write a number and a unit, such as 500KiB, 64MiB or 1GiB",
            "`{text}` 不是大小：请写数字加单位，如 500KiB、64MiB 或 1GiB"
        )
    };
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?);
    let unit: u64 = match unit.trim_start() {
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return Err(wrong()),
    };
    number.parse::<u64>().ok().and_then(|number| number.checked_mul(unit)).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use crate::config::tests::parse;

    use super::*;

    fn gateway(text: &str) -> Option<Settings> {
        parse(&format!("[gateway]\n{text}")).unwrap().gateway
    }

    #[test]
    fn the_gateway_is_there_unless_it_is_switched_off() {
        assert_eq!(parse("").unwrap().gateway, Some(Settings::default()));
        assert_eq!(gateway("enabled = false"), None);
    }

    #[test]
    fn every_setting_of_the_gateway_is_read() {
        let settings = gateway(
            r#"
            mounts = ["/wechat", "/a/b"]
            deadline = "20s"
            repair-deadline = "3s"
            connections = 10
            queue = 20
            queue-time = "1s"
            replay-limit = "1MiB"
            unsized-body-limit = "2MiB"
            spool-dir = "spool"
            spool-limit = "3GiB"
            calls-per-minute = 60
            calls-at-once = 7
            calls-per-day = 1000
            account-calls-per-day = 5000
            denied-paths = ["/cgi-bin/menu/**"]
            real-tokens-from = ["10.1.0.0/16"]
            passers-from = []
            pay = true
            "#,
        );
        let settings = settings.unwrap();
        assert_eq!(settings.mounts, ["/wechat", "/a/b"]);
        let seconds = [settings.deadline, settings.repair_deadline, settings.queue_time]
            .map(|time| time.as_secs());
        assert_eq!(seconds, [20, 3, 1]);
        assert_eq!((settings.connections, settings.queue), (10, 20));
        assert_eq!((settings.replay_limit, settings.unsized_body_limit), (1 << 20, 2 << 20));
        assert_eq!(
            (settings.spool_dir.as_path(), settings.spool_limit),
            (Path::new("/etc/lingpai/spool"), 3 << 30)
        );
        let rules = settings.rules;
        let numbers =
            [rules.bounds.per_minute, rules.bounds.at_once, rules.bounds.per_day, rules.per_day];
        assert_eq!(numbers.map(|number| number.unwrap().get()), [60, 7, 1000, 5000]);
        assert_eq!(
            (rules.denied.len(), rules.real_tokens_from.len(), rules.passers_from.len()),
            (1, 1, 0)
        );
        assert!(rules.pay && !Settings::default().rules.pay);
    }

    #[test]
    fn what_is_no_size_or_no_path_is_refused_with_an_example() {
        for text in ["", "64", "64MB", "MiB", "-1MiB", "99999999999999GiB", "1.5GiB"] {
            assert!(parse_size(text).unwrap_err().contains("such as 500KiB"), "{text}");
        }
        for text in ["", "/", "wechat", "/wechat/", "//a", "/a/../b", "/%61"] {
            assert!(parse_mount(text).unwrap_err().contains("like `/wechat`"), "{text}");
        }
    }
}
