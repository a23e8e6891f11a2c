//! How far a copy is: one line that changes where standard error is a terminal, else a line for each part and every few seconds.

use std::io::{self, IsTerminal};
use std::time::Duration;

use lingpai_store::{Far, Section};
use tokio::time::Instant;

use crate::language::{either, say};
use crate::output::{bar, draw, tell};

/// How often a line is drawn anew, and how often one is printed where none can be.
const PAUSE: Duration = Duration::from_millis(100);
const LONG_PAUSE: Duration = Duration::from_secs(5);

/// A copy under way. Dropping it clears the line.
pub(super) struct Progress {
    is_watched: bool,
    told: Instant,
    draws: bool,
}

impl Progress {
    pub(super) fn start() -> Self {
        Self { is_watched: io::stderr().is_terminal(), told: Instant::now(), draws: false }
    }

    pub(super) fn hear(&mut self, far: Far) {
        let is_done = far.done == far.total;
        if self.is_watched {
            if is_done || self.told.elapsed() >= PAUSE {
                (self.told, self.draws) = (Instant::now(), true);
                draw(&format!("{} {}", bar(share(far)), line(far)));
            }
        } else if is_done && far.total > 0 || self.told.elapsed() >= LONG_PAUSE {
            self.told = Instant::now();
            tell(&line(far));
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.draws {
            draw("");
        }
    }
}

fn share(far: Far) -> f64 {
    if far.total == 0 { 1.0 } else { far.done as f64 / far.total as f64 }
}

fn line(Far { section, done, total }: Far) -> String {
    let what = match section {
        Section::Accounts => either("accounts", "账号"),
        Section::Keys => either("API keys", "API 密钥"),
        Section::Credentials => either("tokens", "凭据"),
        Section::Ledgers => either("days of the ledger", "每日计数"),
        Section::Pushes => either("accounts with pushes", "有推送的账号"),
        Section::Events => either("events", "事件"),
        Section::Comparing => {
            return say!("comparing, {done} of {total}", "比对，{done}/{total}");
        }
    };
    say!("{what}: {done} of {total}", "{what}：{done}/{total}")
}

#[cfg(test)]
mod tests {
    use lingpai_wechat::catalogue::Language;

    use super::*;
    use crate::language::within;

    #[test]
    fn a_line_says_with_what_and_how_far() {
        let far = Far { section: Section::Accounts, done: 3, total: 12 };
        assert_eq!(line(far), "accounts: 3 of 12");
        assert_eq!(within(Language::Chinese, || line(far)), "账号：3/12");
        assert_eq!(bar(share(far)), "[======                  ]");
    }
}
