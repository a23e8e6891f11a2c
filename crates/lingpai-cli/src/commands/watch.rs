//! `lingpai status --watch` in a terminal: the console's overview in characters. It is drawn in place, those in trouble first,
//! as many as there is room for; `q`, Escape or Ctrl-C ends it, and the terminal is as it was before.

use std::io::{self, Write};
use std::pin::pin;
use std::time::Duration;

use lingpai_wechat::catalogue::Language;
use serde_json::Value;

use crate::config::show_duration;
use crate::error::Error;
use crate::language::{self, either, say};
use crate::output::{self, Tone};
use crate::signals;
use crate::terminal::Terminal;

/// How often it is looked at.
const PERIOD: Duration = Duration::from_secs(2);
/// From the worst to the best.
const ORDER: [&str; 5] = ["missing", "refused", "failing", "idle", "good"];
/// Those of them in which somebody is needed.
const TROUBLES: usize = 3;

/// Looks with `look` again and again, until whoever watches has seen enough.
pub(crate) async fn run(
    server: &str,
    look: impl AsyncFn() -> Result<Vec<Value>, Error>,
) -> Result<(), Error> {
    let mut end = pin!(signals::asked_to_end()?);
    let mut terminal = Terminal::take()?;
    loop {
        let screen = tokio::select! {
            seen = look() => match seen {
                Ok(accounts) => drawn(server, &accounts, terminal.size()),
                // The server may be starting again: whoever watches wants to see it come back.
                Err(error) => error.report(),
            },
            () = end.as_mut() => return Ok(()),
            () = terminal.asked_to_end() => return Ok(()),
        };
        show(&screen)?;
        tokio::select! {
            () = tokio::time::sleep(PERIOD) => {}
            () = end.as_mut() => return Ok(()),
            () = terminal.asked_to_end() => return Ok(()),
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

/// What fits into so many lines and columns.
fn drawn(server: &str, accounts: &[Value], (lines, columns): (usize, usize)) -> String {
    let mut credentials: Vec<_> = accounts
        .iter()
        .flat_map(|account| {
            let credentials = account["credentials"].as_array().into_iter().flatten();
            credentials.map(|credential| (text(&account["account"]), credential))
        })
        .collect();
    credentials.sort_by_key(|(account, credential)| (rank(credential), *account));
    let troubled = credentials.iter().filter(|(_, it)| rank(it) < TROUBLES).count();
    let all = credentials.len();
    let summary = if troubled == 0 {
        output::paint(Tone::Good, &say!("all is well: {all}", "一切正常：{all} 个"))
    } else {
        let words = say!("{troubled} of {all} need somebody", "{all} 个中有 {troubled} 个需要处理");
        output::paint(Tone::Bad, &words)
    };
    let ends = output::paint(Tone::Faint, either("q ends", "按 q 结束"));
    let mut screen = format!("{}  {summary}  {ends}\n\n", output::paint(Tone::Strong, server));

    // Each in trouble takes two lines more; the heading and what is above and below it take four.
    let mut room = lines.saturating_sub(4);
    let mut shown = Vec::new();
    for (account, credential) in &credentials {
        let height = if credential["failure"].is_object() { 3 } else { 1 };
        if height > room {
            break;
        }
        room -= height;
        shown.push((*account, *credential));
    }
    let heading = match language::current() {
        Language::English => ["ACCOUNT", "CREDENTIAL", "STATE", "LEFT", "", "FETCHED TODAY"],
        Language::Chinese => ["账号", "凭据", "状态", "剩余", "", "今日获取"],
    };
    let rows = shown.iter().map(|(account, credential)| row(account, credential));
    let rows: Vec<_> = std::iter::once(heading.map(str::to_owned)).chain(rows).collect();
    let table = output::table(&rows);
    let mut table = table.lines();
    if let Some(heading) = table.next() {
        screen += &format!("{}\n", output::paint(Tone::Faint, output::cut(heading, columns)));
    }
    for (line, (_, credential)) in table.zip(&shown) {
        let line = output::cut(line, columns);
        screen += &match super::status::tone(text(&credential["state"])) {
            Some(tone) => output::paint(tone, line),
            None => line.to_owned(),
        };
        screen.push('\n');
        let failure = &credential["failure"];
        if failure.is_object() {
            let code = failure["errcode"].as_i64();
            let code = code.map(|code| format!("{code} ")).unwrap_or_default();
            let what = format!("  {code}{}", printable(text(&failure["message"])));
            let remedy = format!("  {}", printable(text(&failure["remedy"])));
            screen +=
                &format!("{}\n{}\n", output::cut(&what, columns), output::cut(&remedy, columns));
        }
    }
    let more = all - shown.len();
    if more > 0 {
        screen += &output::paint(Tone::Faint, &say!("and {more} more\n", "另有 {more} 个\n"));
    }
    screen
}

fn row(account: &str, credential: &Value) -> [String; 6] {
    let left = credential["expires_in"].as_u64();
    let share = match (left, credential["life"].as_u64()) {
        (Some(left), Some(life @ 1..)) => left as f64 / life as f64,
        _ => 0.0,
    };
    let left = left.map_or("-".to_owned(), |left| show_duration(Duration::from_secs(left)));
    let used = credential["fetches_today"].as_u64().unwrap_or_default();
    let fetched = match credential["daily_budget"].as_u64() {
        Some(budget) => format!("{used}/{budget}"),
        None => used.to_string(),
    };
    let state = super::status::state(text(&credential["state"]));
    [account, text(&credential["kind"]), state]
        .map(str::to_owned)
        .into_iter()
        .chain([left, output::bar(share), fetched])
        .collect::<Vec<_>>()
        .try_into()
        .unwrap_or_default()
}

/// What WeChat says may hold anything, and a terminal obeys what it is shown.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

fn rank(credential: &Value) -> usize {
    let state = text(&credential["state"]);
    ORDER.iter().position(|it| *it == state).unwrap_or(0)
}

fn text(value: &Value) -> &str {
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
        vec![good("wx1"), good("wx2"), bad]
    }

    #[test]
    fn those_in_trouble_come_first_with_what_is_to_be_done() {
        let expected = "\
http://x  1 of 3 need somebody  q ends

ACCOUNT  CREDENTIAL    STATE    LEFT                              FETCHED TODAY
wx3      access_token  missing  -     [                        ]  9/1500
  40164 invalid ip  [2J1.2.3.4
  Add it.
wx1      access_token  good     1h    [============            ]  3/1500
wx2      access_token  good     1h    [============            ]  3/1500
";
        assert_eq!(drawn("http://x", &accounts(), (24, 100)), expected);
    }

    #[test]
    fn what_has_no_room_is_counted() {
        let screen = drawn("http://x", &accounts(), (8, 30));
        let lines: Vec<_> = screen.lines().collect();
        assert!(lines.len() <= 8, "{screen}");
        assert_eq!(lines.last(), Some(&"and 1 more"), "{screen}");
        assert!(lines[2..].iter().all(|line| line.chars().count() <= 30), "{screen}");
    }

    #[test]
    fn it_speaks_chinese() {
        let screen =
            language::within(Language::Chinese, || drawn("http://x", &accounts(), (24, 100)));
        assert!(screen.starts_with("http://x  3 个中有 1 个需要处理  按 q 结束\n"), "{screen}");
        assert!(screen.contains("今日获取") && screen.contains("无凭据"), "{screen}");
    }
}
