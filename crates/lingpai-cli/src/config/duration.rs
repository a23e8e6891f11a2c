//! Spans of time as people write them: `90s`, `10m`, `2h`, `1h 30m`.

use std::time::Duration;

use crate::language::say;

/// Reads a span of time. The units are ms, s, m, h and d.
pub(crate) fn parse(text: &str) -> Result<Duration, String> {
    let wrong = || {
        say!(
            "`{text}` is not a span of time: write a number and a unit, such as 90s, 10m, 2h or 1h 30m",
            "`{text}` 不是时长：请写数字加单位，如 90s、10m、2h 或 1h 30m"
        )
    };
    let lacks_unit = || {
        say!(
            "`{text}` lacks a unit: write a number and a unit, such as 90s, 10m, 2h or 1h 30m",
            "`{text}` 缺少单位：请写数字加单位，如 90s、10m、2h 或 1h 30m"
        )
    };
    let mut rest = text.trim();
    let mut total = Duration::ZERO;
    if rest.is_empty() {
        return Err(wrong());
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(lacks_unit)?;
        let number: u64 = rest[..digits].parse().map_err(|_| wrong())?;
        rest = rest[digits..].trim_start();
        let letters = rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(rest.len());
        let milliseconds: u64 = match &rest[..letters] {
            "ms" => 1,
            "s" => 1000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return Err(wrong()),
        };
        rest = rest[letters..].trim_start();
        let part = number.checked_mul(milliseconds).map(Duration::from_millis);
        total = part.and_then(|part| total.checked_add(part)).ok_or_else(wrong)?;
    }
    Ok(total)
}

/// Writes a span of time for people: `2h`, `1m 30s`, `2.5s`.
pub(crate) fn show(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let (hours, minutes, rest) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if seconds < 10 && duration.subsec_millis() >= 50 {
        return format!("{:.1}s", duration.as_secs_f64());
    }
    let parts = [(hours, "h"), (minutes, "m"), (rest, "s")];
    let parts =
        parts.iter().filter(|(number, _)| *number > 0).map(|(n, unit)| format!("{n}{unit}"));
    let shown = parts.collect::<Vec<_>>().join(" ");
    if shown.is_empty() { "0s".to_owned() } else { shown }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_of_time_are_read_as_people_write_them() {
        for (text, seconds) in [
            ("90s", 90),
            ("10m", 600),
            ("2h", 7200),
            ("1h 30m", 5400),
            ("1h30m", 5400),
            ("1d", 86_400),
        ] {
            assert_eq!(parse(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        assert_eq!(parse("250ms"), Ok(Duration::from_millis(250)));
    }

    #[test]
    fn what_is_no_span_of_time_is_refused_with_an_example() {
        for text in
            ["", "soon", "-1s", "1.5h", "10 parsecs", "99999999999999999999s", "1h,2m", "十s"]
        {
            assert!(parse(text).unwrap_err().contains("such as 90s"), "{text}");
        }
        assert!(parse("600").unwrap_err().contains("lacks a unit"));
    }

    #[test]
    fn spans_of_time_are_shown_briefly() {
        for (millis, text) in
            [(0, "0s"), (2500, "2.5s"), (60_000, "1m"), (5_400_000, "1h 30m"), (57_900, "57s")]
        {
            assert_eq!(show(Duration::from_millis(millis)), text);
        }
    }
}
