//! `lingpai status --watch` in a terminal: the console's overview in characters. It is drawn in place, those in trouble first,
//! as many as there is room for; `q`, Escape or Ctrl-C ends it, and the terminal is as it was before.

use std::io::{self, Write};
use std::pin::pin;
use std::time::Duration;

use lingpai_wechat::catalogue::Language;
use serde_json::Value;

use crate::config::show_duration;
use crate::error::Error;
use crate::harmless;
use crate::language::{self, either, say};
use crate::output::{self, Tone};
use crate::signals;
use crate::terminal::{Heard, Terminal};

/// How often it is looked at.
const PERIOD: Duration = Duration::from_secs(2);
/// From the worst to the best.
const ORDER: [&str; 5] = ["missing", "refused", "failing", "idle", "good"];
/// Those of them in which somebody is needed.
const TROUBLES: usize = 3;
/// A bar that is narrower says nothing, and one that is wider no more.
const NARROWEST_BAR: usize = 6;
const WIDEST_BAR: usize = 24;

/// The accounts that there is room for, and how many there are.
pub(super) struct Page {
    accounts: Vec<Value>,
    all: u64,
    troubled: u64,
}

impl Page {
    /// What `/v1/overview` has answered.
    pub(super) fn read(mut answer: Value) -> Self {
        let accounts = answer["accounts"].as_array_mut().map(std::mem::take);
        let count = |name: &str| answer["counts"][name].as_u64().unwrap_or_default();
        Self {
            all: count("all"),
            troubled: count("troubled"),
            accounts: accounts.unwrap_or_default(),
        }
    }

    /// These and no others.
    pub(super) fn of_all(mut accounts: Vec<Value>) -> Self {
        let worst = |account: &Value| credentials(account).map(rank).min().unwrap_or(0);
        accounts.sort_by_cached_key(|account| {
            (worst(account), text_of(&account["account"]).to_owned())
        });
        let troubled = accounts.iter().filter(|account| worst(account) < TROUBLES).count() as u64;
        Self { all: accounts.len() as u64, troubled, accounts }
    }
}

/// Looks with `look`, which is told how many lines there are, again and again, until whoever watches has seen enough.
pub(super) async fn run(
    server: &str,
    look: impl AsyncFn(usize) -> Result<Page, Error>,
) -> Result<(), Error> {
    let mut end = pin!(signals::asked_to_end()?);
    let mut terminal = Terminal::take()?;
    let mut latest = None;
    loop {
        let lines = terminal.size().0;
        let trouble = tokio::select! {
            seen = look(lines) => match seen {
                Ok(page) => {
                    latest = Some(page);
                    None
                }
                // The server may be starting again: whoever watches wants to see it come back, and what was there last.
                Err(error) => Some(error.report()),
            },
            () = end.as_mut() => return Ok(()),
            () = terminal.asked_to_end() => return Ok(()),
        };
        let mut pause = pin!(tokio::time::sleep(PERIOD));
        loop {
            show(&drawn(server, latest.as_ref(), trouble.as_deref(), terminal.size()))?;
            tokio::select! {
                () = pause.as_mut() => break,
                () = end.as_mut() => return Ok(()),
                heard = terminal.hears() => match heard {
                    Heard::Resize => {}
                    Heard::End => return Ok(()),
                },
            }
        }
    }
}

/// Draws over what was there line by line, so that nothing flickers.
fn show(screen: &str) -> Result<(), Error> {
    let lines: Vec<_> = screen.lines().map(|line| format!("{line}\x1b[K")).collect();
    let mut out = io::stdout().lock();
    out.write_all(format!("\x1b[H{}\x1b[J", lines.join("\r\n")).as_bytes())?;
    out.flush()?;
    Ok(())
}

/// What fits into so many lines and columns: how the accounts stand, or stood when the server last answered.
fn drawn(
    server: &str,
    page: Option<&Page>,
    trouble: Option<&str>,
    (lines, columns): (usize, usize),
) -> String {
    let ends = either("q ends", "按 q 结束");
    let mut screen = match (page, trouble) {
        (Some(page), None) => heading(server, page, ends, columns),
        _ => line(&[(Tone::Strong, server), (Tone::Faint, ends)], columns),
    };
    screen.push('\n');
    for told in trouble.into_iter().flat_map(str::lines) {
        screen += &line(&[(Tone::Bad, &harmless::line(told))], columns);
    }
    let Some(page) = page else { return first(&screen, lines) };
    if trouble.is_some() {
        screen += &line(&[(Tone::Faint, either("As it was last:", "最近一次的状况："))], columns);
    }
    // The last line counts what has no room.
    let room = lines.saturating_sub(screen.lines().count() + 2);
    screen += &table(page, room, columns);
    first(&screen, lines)
}

fn heading(server: &str, page: &Page, ends: &str, columns: usize) -> String {
    let Page { all, troubled, .. } = page;
    let (tone, words) = if *troubled == 0 {
        (Tone::Good, say!("all is well: {all}", "一切正常：{all} 个"))
    } else {
        (Tone::Bad, say!("{troubled} of {all} need somebody", "{all} 个中有 {troubled} 个需要处理"))
    };
    line(&[(Tone::Strong, server), (tone, &words), (Tone::Faint, ends)], columns)
}

/// A line of these, as far as they fit.
fn line(parts: &[(Tone, &str)], columns: usize) -> String {
    let mut left = columns;
    let mut line = String::new();
    for (tone, part) in parts {
        let gap = if line.is_empty() { "" } else { "  " };
        let shown = output::cut(part, left.saturating_sub(gap.len()));
        if shown.is_empty() {
            break;
        }
        line += &format!("{gap}{}", output::paint(*tone, shown));
        left = left.saturating_sub(gap.len() + output::width_of(shown));
    }
    line + "\n"
}

/// No more lines than there are: more would push the first ones out.
fn first(screen: &str, lines: usize) -> String {
    screen.lines().take(lines).map(|line| format!("{line}\n")).collect()
}

/// The accounts in so many lines, the heading left out, and how many there was no room for.
fn table(page: &Page, mut room: usize, columns: usize) -> String {
    let mut shown = Vec::new();
    let mut accounts = 0;
    for account in &page.accounts {
        let height: usize = credentials(account).map(height).sum();
        if height > room {
            break;
        }
        room -= height;
        accounts += 1;
        shown.extend(credentials(account).map(|credential| (account, credential)));
    }
    let heading = match language::current() {
        Language::English => ["ACCOUNT", "CREDENTIAL", "STATE", "LEFT", "FETCHED TODAY", ""],
        Language::Chinese => ["账号", "凭据", "状态", "剩余", "今日获取", ""],
    };
    let rows = shown.iter().map(|(account, credential)| row(account, credential));
    let rows: Vec<_> = std::iter::once(heading.map(str::to_owned)).chain(rows).collect();
    let table = output::table(&rows);
    // The bar has what is left of the line.
    let widest = table.lines().map(output::width_of).max().unwrap_or_default();
    let bar = columns.saturating_sub(widest + 4).min(WIDEST_BAR);
    let mut table = table.lines();
    let heading = table.next().unwrap_or_default();
    let mut text = line(&[(Tone::Faint, heading)], columns);
    for (row, (_, credential)) in table.zip(&shown) {
        let bar = if bar < NARROWEST_BAR {
            String::new()
        } else {
            output::bar_of(share(credential), bar)
        };
        let padding = " ".repeat(widest.saturating_sub(output::width_of(row)) + 2);
        let row = format!("{row}{padding}{bar}");
        let row = output::cut(row.trim_end(), columns);
        text += &match super::status::tone(text_of(&credential["state"])) {
            Some(tone) => output::paint(tone, row),
            None => row.to_owned(),
        };
        text.push('\n');
        let failure = &credential["failure"];
        if failure.is_object() {
            let code = failure["errcode"].as_i64();
            let code = code.map(|code| format!("{code} ")).unwrap_or_default();
            let what = format!("  {code}{}", harmless::line(text_of(&failure["message"])));
            let remedy = format!("  {}", harmless::line(text_of(&failure["remedy"])));
            text +=
                &format!("{}\n{}\n", output::cut(&what, columns), output::cut(&remedy, columns));
        }
    }
    let more = page.all.saturating_sub(accounts);
    if more > 0 {
        text += &line(&[(Tone::Faint, &say!("and {more} more", "另有 {more} 个"))], columns);
    }
    text
}

fn credentials(account: &Value) -> impl Iterator<Item = &Value> {
    account["credentials"].as_array().into_iter().flatten()
}

/// How many lines it takes.
fn height(credential: &Value) -> usize {
    if credential["failure"].is_object() { 3 } else { 1 }
}

/// How much of its token's life is left.
fn share(credential: &Value) -> f64 {
    match (credential["expires_in"].as_u64(), credential["life"].as_u64()) {
        (Some(left), Some(life @ 1..)) => left as f64 / life as f64,
        _ => 0.0,
    }
}

fn row(account: &Value, credential: &Value) -> [String; 6] {
    let left = credential["expires_in"].as_u64();
    let left = left.map_or("-".to_owned(), |left| show_duration(Duration::from_secs(left)));
    let used = credential["fetches_today"].as_u64().unwrap_or_default();
    let fetched = match credential["daily_budget"].as_u64() {
        Some(budget) => format!("{used}/{budget}"),
        None => used.to_string(),
    };
    let state = super::status::state(text_of(&credential["state"]));
    let kept = super::status::kept(text_of(&account["keeping"]));
    let [name, kind] = [&account["account"], &credential["kind"]].map(|it| text_of(it).to_owned());
    [name, kind, format!("{state}{kept}"), left, fetched, String::new()]
}

fn rank(credential: &Value) -> usize {
    let state = text_of(&credential["state"]);
    ORDER.iter().position(|it| *it == state).unwrap_or(0)
}

fn text_of(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn accounts() -> Vec<Value> {
        let good = |name: &str| {
            json!({"account": name, "credentials": [{
                "kind": "access_token", "state": "good", "expires_in": 3600, "life": 7200, "fetches_today": 3,
                "daily_budget": 1500,
            }]})
        };
        let bad = json!({"account": "wx3", "credentials": [{
            "kind": "access_token", "state": "missing", "fetches_today": 9, "daily_budget": 1500,
            "failure": {"message": "invalid ip \u{1b}[2J1.2.3.4", "remedy": "Add it.", "errcode": 40164},
        }]});
        let mut paused = good("wx2");
        paused["keeping"] = "paused".into();
        vec![good("wx1"), paused, bad]
    }

    fn page() -> Page {
        Page::of_all(accounts())
    }

    #[test]
    fn those_in_trouble_come_first_with_what_is_to_be_done() {
        let expected = "\
http://x  1 of 3 need somebody  q ends

ACCOUNT  CREDENTIAL    STATE         LEFT  FETCHED TODAY
wx3      access_token  missing       -     9/1500         [                        ]
  40164 invalid ip  [2J1.2.3.4
  Add it.
wx1      access_token  good          1h    3/1500         [============            ]
wx2      access_token  good, paused  1h    3/1500         [============            ]
";
        assert_eq!(drawn("http://x", Some(&page()), None, (24, 100)), expected);
    }

    #[test]
    fn what_has_no_room_is_counted_and_pushes_nothing_out() {
        for (lines, columns) in [(8, 30), (5, 80), (7, 200), (3, 10), (1, 1)] {
            let screen = drawn("http://x", Some(&page()), None, (lines, columns));
            let shown: Vec<_> = screen.lines().collect();
            assert!(shown.len() <= lines, "{screen}");
            assert!(shown.iter().all(|line| line.chars().count() <= columns), "{screen}");
        }
        let screen = drawn("http://x", Some(&page()), None, (8, 30));
        assert_eq!(screen.lines().last(), Some("and 1 more"), "{screen}");
        let answer = json!({"counts": {"all": 5000, "troubled": 0}, "accounts": [accounts()[0]]});
        let screen = drawn("http://x", Some(&Page::read(answer)), None, (24, 80));
        assert!(screen.starts_with("http://x  all is well: 5000  q ends\n"), "{screen}");
        assert!(screen.ends_with("and 4999 more\n"), "{screen}");
    }

    #[test]
    fn a_server_that_is_away_is_told_of_above_what_it_said_last() {
        let screen =
            drawn("http://x", Some(&page()), Some("error: no answer\n  Start it"), (24, 100));
        let lines: Vec<_> = screen.lines().take(6).collect();
        let told = ["http://x  q ends", "", "error: no answer", "  Start it", "As it was last:"];
        assert_eq!(lines[..5], told, "{screen}");
        assert!(lines[5].starts_with("ACCOUNT"), "{screen}");
        let screen = drawn("http://x", None, Some("error: no answer"), (24, 100));
        assert_eq!(screen, "http://x  q ends\n\nerror: no answer\n");
    }

    #[test]
    fn it_speaks_chinese() {
        let screen = language::within(Language::Chinese, || {
            drawn("http://x", Some(&page()), None, (24, 100))
        });
        assert!(screen.starts_with("http://x  3 个中有 1 个需要处理  按 q 结束\n"), "{screen}");
        assert!(screen.contains("今日获取") && screen.contains("无凭据"), "{screen}");
        assert!(screen.contains("正常，已暂停"), "{screen}");
    }
}
