//! What stands in a file of authorisers: CSV with a heading, JSON, or a JSON object a line. Every row that cannot be used is told of
//! by its line, and none is lost for that.

use std::collections::HashMap;

use lingpai_core::{AccountId, Secret};
use lingpai_server::authorize::{Sort, is_refresh_token};
use serde::Deserialize;
use serde::de::value::StrDeserializer;
use serde_json::Value;

use crate::language::{either, say};

/// By which names the two columns that must be there are known: Lingpai's, WeChat's, and those of its SDKs.
const ACCOUNT: [&str; 5] = ["account", "authorizer_appid", "appid", "app_id", "authorizerappid"];
const TOKEN: [&str; 4] =
    ["refresh_token", "authorizer_refresh_token", "refreshtoken", "authorizerrefreshtoken"];

/// The column that says of what sort an account is, which may be missing.
const KIND: [&str; 1] = ["kind"];

/// One row that can be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) line: usize,
    pub(super) account: AccountId,
    pub(super) refresh_token: Secret,
    pub(super) sort: Sort,
}

/// A row that cannot: where, why, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Bad {
    pub(super) line: usize,
    pub(super) why: String,
}

/// Reads a file. The error is of one that cannot be read at all.
pub(super) fn read(text: &str) -> Result<(Vec<Row>, Vec<Bad>), String> {
    let text = text.trim_start_matches('\u{feff}');
    let cells = match text.trim_start().chars().next() {
        Some('[' | '{') => of_json(text)?,
        _ => of_csv(text)?,
    };
    let (mut rows, mut bad) = (Vec::new(), Vec::new());
    let mut known: HashMap<AccountId, usize> = HashMap::new();
    for cells in cells {
        let line = cells.line;
        match row(cells) {
            Ok(row) => match known.insert(row.account.clone(), line) {
                Some(first) => bad.push(Bad {
                    line,
                    why: say!(
                        "{account} stands in line {first} too. The first is taken; keep the one with the newer refresh token",
                        "{account} 在第 {first} 行已出现，采用第一处。请只保留 refresh_token 较新的一行",
                        account = row.account
                    ),
                }),
                None => rows.push(row),
            },
            Err(why) => bad.push(Bad { line, why }),
        }
    }
    Ok((rows, bad))
}

/// A row as it stands there.
#[derive(Default)]
struct Cells {
    line: usize,
    account: Option<String>,
    token: Option<Secret>,
    kind: Option<String>,
}

fn row(Cells { line, account, token, kind }: Cells) -> Result<Row, String> {
    let account = account.as_deref().map(str::trim).filter(|account| !account.is_empty());
    let account = account.ok_or_else(|| {
        either(
            "there is no appid. Write it in the column `account`",
            "没有 appid。请写在 `account` 一列",
        )
        .to_owned()
    })?;
    let account: AccountId = account.parse().map_err(|_| {
        say!(
            "`{account}` is no appid: those have letters and digits",
            "`{account}` 不是 appid：appid 由字母和数字组成"
        )
    })?;
    let refresh_token = token.filter(is_refresh_token).ok_or_else(|| {
        say!(
            "{account} has no refresh token, or one with blanks or more than 512 characters. Take it from the system that has kept it, or \
             leave the line out: `lingpai platform recover` asks WeChat",
            "{account} 没有 refresh_token，或其中有空白、超过 512 个字符。请从原系统取得；或去掉这一行，改用 `lingpai platform recover` 向微信查询"
        )
    })?;
    let kind = kind.as_deref().map(str::trim).unwrap_or_default();
    let sort = match kind {
        "" => Ok(Sort::default()),
        kind => Sort::deserialize(StrDeserializer::<serde_json::Error>::new(kind)),
    };
    let sort = sort.map_err(|_| {
        say!(
            "`{kind}` is no kind: write `official-account` or `mini-program`, or nothing where it is not known",
            "`{kind}` 不是类型：请写 `official-account`（公众号）或 `mini-program`（小程序），不清楚则留空"
        )
    })?;
    Ok(Row { line, account, refresh_token, sort })
}

fn of_json(text: &str) -> Result<Vec<Cells>, String> {
    let cells = |line: usize, value: &Value| {
        let found = |names: &[&str]| names.iter().find_map(|name| value[*name].as_str());
        let token = found(&TOKEN).map(|token| Secret::from(token.trim()));
        let text = |names: &[&str]| found(names).map(str::to_owned);
        Cells { line, account: text(&ACCOUNT), token, kind: text(&KIND) }
    };
    let lines: Vec<_> = text.lines().enumerate().filter(|(_, it)| !it.trim().is_empty()).collect();
    let is_one_a_line = lines.len() > 1 && lines.iter().all(|(_, it)| it.trim().starts_with('{'));
    if is_one_a_line {
        let read = |(at, line): &(usize, &str)| match serde_json::from_str::<Value>(line) {
            Ok(value) => cells(at + 1, &value),
            Err(_) => Cells { line: at + 1, ..Cells::default() },
        };
        return Ok(lines.iter().map(read).collect());
    }
    let whole: Value = serde_json::from_str(text).map_err(|error| {
        say!("it is not JSON: {error}. Correct it there", "它不是 JSON：{error}。请改正")
    })?;
    // A list, or an object that has one, such as an answer of WeChat's.
    let list = whole
        .as_array()
        .or_else(|| ["authorizers", "list"].iter().find_map(|name| whole[*name].as_array()));
    let list = list.ok_or_else(|| {
        either(
            "it holds no list: write [{\"account\": \"wx...\", \"refresh_token\": \"...\"}]",
            "其中没有列表：请写成 [{\"account\": \"wx...\", \"refresh_token\": \"...\"}]",
        )
        .to_owned()
    })?;
    Ok(list.iter().enumerate().map(|(at, value)| cells(at + 1, value)).collect())
}

fn of_csv(text: &str) -> Result<Vec<Cells>, String> {
    let mut records = records(text).into_iter();
    let (_, heading) = records.next().unwrap_or_default();
    let heading: Vec<_> = heading.iter().map(|it| it.trim().to_ascii_lowercase()).collect();
    let column = |names: &[&str]| heading.iter().position(|name| names.contains(&name.as_str()));
    let columns = column(&ACCOUNT).zip(column(&TOKEN));
    let (account, token) = columns.ok_or_else(|| {
        either(
            "its first line must name the columns `account` and `refresh_token`, separated by commas; others are left out of account",
            "第一行必须写明 `account` 与 `refresh_token` 两列，以逗号分隔；其他列不使用",
        )
        .to_owned()
    })?;
    let kind = column(&KIND);
    let cells = |(line, fields): (usize, Vec<String>)| Cells {
        line,
        account: fields.get(account).cloned(),
        token: fields.get(token).map(|token| Secret::from(token.trim())),
        kind: kind.and_then(|kind| fields.get(kind).cloned()),
    };
    Ok(records.map(cells).collect())
}

/// The records of a CSV (RFC 4180), with the lines in which they begin.
fn records(text: &str) -> Vec<(usize, Vec<String>)> {
    let (mut records, mut fields, mut field) = (Vec::new(), Vec::new(), String::new());
    let (mut line, mut begins, mut is_quoted) = (1, 1, false);
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        line += usize::from(character == '\n');
        match character {
            '"' if is_quoted && characters.peek() == Some(&'"') => {
                characters.next();
                field.push('"');
            }
            '"' if is_quoted || field.trim().is_empty() => {
                is_quoted = !is_quoted;
                if is_quoted {
                    field.clear();
                }
            }
            ',' if !is_quoted => fields.push(std::mem::take(&mut field)),
            '\r' if !is_quoted => {}
            '\n' if !is_quoted => {
                fields.push(std::mem::take(&mut field));
                records.push((begins, std::mem::take(&mut fields)));
                begins = line;
            }
            other => field.push(other),
        }
    }
    fields.push(field);
    records.push((begins, fields));
    records.retain(|(_, fields)| fields.iter().any(|field| !field.trim().is_empty()));
    records
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> (Vec<(usize, String, String)>, Vec<usize>) {
        let (rows, bad) = read(text).unwrap();
        let shown =
            |row: Row| (row.line, row.account.to_string(), row.refresh_token.expose().to_owned());
        (rows.into_iter().map(shown).collect(), bad.into_iter().map(|bad| bad.line).collect())
    }

    #[test]
    fn every_form_is_read_and_what_is_bad_is_told_by_its_line() {
        let csv = "\u{feff}name,AppID,authorizer_refresh_token\r\n\"A, \"\"the\"\" shop\",wx1,refreshtoken@@@a\r\n\r\n\
                   \"two\nlines\",wx2, refreshtoken@@@b\r\nx,,t\nx,wx3,\nx,w x,t\nx,wx1,other\nx,wx4,last";
        let (rows, bad) = found(csv);
        let row = |line, account: &str, token: &str| (line, account.to_owned(), token.to_owned());
        let expected = [
            row(2, "wx1", "refreshtoken@@@a"),
            row(4, "wx2", "refreshtoken@@@b"),
            row(10, "wx4", "last"),
        ];
        assert_eq!(rows, expected);
        assert_eq!(bad, [6, 7, 8, 9]);
        let whole = r#"[{"account":"wx1","refresh_token":"a"},{"account":"wx2"}]"#;
        assert_eq!(found(whole), (vec![row(1, "wx1", "a")], vec![2]));
        let wechats = r#"{"total_count":1,"list":[{"authorizer_appid":"wx1","refresh_token":"a","auth_time":1}]}"#;
        assert_eq!(found(wechats), (vec![row(1, "wx1", "a")], vec![]));
        let lines = "{\"account\":\"wx1\",\"refresh_token\":\"a\"}\n\n{\"account\":\n{\"appid\":\"wx2\",\"refresh_token\":\"b\"}\n";
        assert_eq!(found(lines), (vec![row(1, "wx1", "a"), row(4, "wx2", "b")], vec![3]));
    }

    #[test]
    fn a_mini_program_is_known_by_a_column_of_its_own() {
        let csv = "account,kind,refresh_token\nwx1,mini-program,a\nwx2,official-account,b\nwx3,,c\nwx4,shop,d";
        let (rows, bad) = read(csv).unwrap();
        let sorts: Vec<_> = rows.iter().map(|row| row.sort == Sort::MiniProgram).collect();
        assert_eq!(sorts, [true, false, false]);
        assert!(bad.len() == 1 && bad[0].line == 5 && bad[0].why.contains("`shop`"), "{bad:?}");
        let json = r#"[{"account":"wx1","refresh_token":"a","kind":"mini-program"},{"account":"wx2","refresh_token":"b"}]"#;
        let sorts: Vec<_> =
            read(json).unwrap().0.iter().map(|row| row.sort == Sort::MiniProgram).collect();
        assert_eq!(sorts, [true, false]);
    }

    #[test]
    fn a_file_without_the_columns_says_which_there_must_be() {
        for text in ["", "wx1,refreshtoken", "{}", "[", "\"a"] {
            assert!(read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn no_refresh_token_is_told_with_what_is_bad() {
        let (_, bad) = read("account,refresh_token\nwx 1,refreshtoken@@@a\nwx1,a b").unwrap();
        assert!(
            bad.iter().all(|bad| !bad.why.contains("@@@") && !bad.why.contains("a b")),
            "{bad:?}"
        );
    }
}
