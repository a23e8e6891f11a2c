//! How far a transfer is: one line of standard error that changes, where that is a terminal and the transfer takes a while.

use std::io::{self, IsTerminal};
use std::time::Duration;

use tokio::time::Instant;

use crate::language::say;
use crate::output::{bar, draw};

/// Whatever is over by then needs no line.
const SILENCE: Duration = Duration::from_millis(500);
const PAUSE: Duration = Duration::from_millis(100);

/// A transfer under way. Dropping it clears the line.
pub(super) struct Progress {
    /// What happens to the bytes.
    what: &'static str,
    total: Option<u64>,
    done: u64,
    began: Instant,
    is_watched: bool,
    drawn: Option<Instant>,
}

impl Progress {
    /// A transfer that begins now.
    pub(super) fn of(what: &'static str, total: Option<u64>) -> Self {
        let is_watched = io::stderr().is_terminal();
        Self { what, total, done: 0, began: Instant::now(), is_watched, drawn: None }
    }

    /// So many bytes more.
    pub(super) fn add(&mut self, bytes: u64) {
        self.done += bytes;
        if !self.is_watched {
            return;
        }
        let (now, taken) = (Instant::now(), self.began.elapsed());
        let is_due = self.drawn.map_or(taken >= SILENCE, |drawn| now - drawn >= PAUSE);
        if is_due {
            self.drawn = Some(now);
            draw(&line(self.what, self.done, self.total, taken));
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.drawn.is_some() {
            draw("");
        }
    }
}

fn line(what: &str, done: u64, total: Option<u64>, taken: Duration) -> String {
    let seconds = taken.as_secs_f64().max(0.001);
    let pace = done as f64 / seconds;
    let speed = format!("{}/s", size(pace));
    let Some(total) = total.filter(|total| *total > 0) else {
        let done = size(done as f64);
        return say!("{done} {what}, {speed}", "{what} {done}，{speed}");
    };
    let share = (done as f64 / total as f64).min(1.0);
    let bar = bar(share);
    let left = (total.saturating_sub(done) as f64 / pace.max(1.0)) as u64;
    say!(
        "{bar} {percent:3.0}% of {total} {what}, {speed}, {minutes}:{seconds:02} left",
        "{bar} {what} {percent:3.0}%，共 {total}，{speed}，剩余 {minutes}:{seconds:02}",
        percent = share * 100.0,
        total = size(total as f64),
        minutes = left / 60,
        seconds = left % 60
    )
}

/// Bytes as a person reads them.
pub(super) fn size(bytes: f64) -> String {
    let units = ["KiB", "MiB", "GiB"];
    let fits = |power: usize| bytes < 1024f64.powi(power as i32 + 2);
    match (0..units.len()).find(|power| fits(*power)) {
        _ if bytes < 1024.0 => say!("{bytes:.0} bytes", "{bytes:.0} 字节"),
        power => {
            let power = power.unwrap_or(units.len() - 1);
            format!("{:.1} {}", bytes / 1024f64.powi(power as i32 + 1), units[power])
        }
    }
}

#[cfg(test)]
mod tests {
    use lingpai_wechat::catalogue::Language;

    use super::*;
    use crate::language::within;

    #[test]
    fn a_line_says_how_much_how_fast_and_how_long_still() {
        let second = Duration::from_secs(1);
        assert_eq!(
            line("sent", 1 << 29, Some(1 << 30), second * 10),
            "[============            ]  50% of 1.0 GiB sent, 51.2 MiB/s, 0:10 left"
        );
        assert_eq!(line("received", 1536, None, second), "1.5 KiB received, 1.5 KiB/s");
        assert_eq!(
            line("sent", 0, Some(100), Duration::ZERO),
            "[                        ]   0% of 100 bytes sent, 0 bytes/s, 1:40 left"
        );
        let chinese = || line("已发送", 1 << 29, Some(1 << 30), second * 10);
        assert_eq!(
            within(Language::Chinese, chinese),
            "[============            ] 已发送  50%，共 1.0 GiB，51.2 MiB/s，剩余 0:10"
        );
    }
}
