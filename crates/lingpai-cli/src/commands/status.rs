//! `lingpai status`: how the accounts of a running server stand, what stands in the way of a token, and what to do.

use std::io::{self, IsTerminal};
use std::time::Duration;

use lingpai_wechat::catalogue::Language;
use serde_json::Value;

use crate::args::Status;
use crate::client::Client;
use crate::commands::{sink, watch};
use crate::config::{Environment, show_duration};
use crate::error::Error;
use crate::language::{self, either, say};
use crate::output::{self, Tone};

/// How often `--watch` looks.
const PERIOD: Duration = Duration::from_secs(2);
/// As many accounts as one page of the overview has at most.
const LARGEST_PAGE: usize = 200;

/// Asks a server once, or again and again.
pub(crate) async fn run(options: Status, environment: Environment<'_>) -> Result<(), Error> {
    let client = Client::of(&options.asked, environment)?;
    if !options.watch {
        let seen = ask(&client, &options).await?;
        return if options.json {
            output::print_json(&seen.accounts.into())
        } else {
            output::print(&(seen.told() + &around(&client, &options).await))
        };
    }
    if io::stdout().is_terminal() && !options.json {
        let look = async |lines| overview(&client, &options, lines).await;
        return watch::run(&options.asked.server, look).await;
    }
    loop {
        match ask(&client, &options).await {
            Ok(seen) if options.json => output::print_json_line(&Value::from(seen.accounts))?,
            Ok(seen) => {
                let around = around(&client, &options).await;
                output::print(&format!("{}{around}\n", seen.told()))?;
            }
            // The server may be starting again: whoever watches wants to see it come back.
            Err(error) => output::tell(&error.report()),
        }
        tokio::time::sleep(PERIOD).await;
    }
}

/// As many accounts as there are lines for, those that need somebody first.
async fn overview(client: &Client, options: &Status, lines: usize) -> Result<watch::Page, Error> {
    if options.account.is_some() {
        return Ok(watch::Page::of_all(ask(client, options).await?.accounts));
    }
    let limit = lines.clamp(1, LARGEST_PAGE);
    Ok(watch::Page::read(client.get(&format!("/v1/overview?limit={limit}")).await?))
}

/// What a server says of its accounts.
#[derive(Default)]
struct Seen {
    accounts: Vec<Value>,
    /// What its store has left out.
    damaged: Vec<Value>,
}

/// The accounts, as the server describes them.
async fn ask(client: &Client, options: &Status) -> Result<Seen, Error> {
    let mut seen = Seen::default();
    if let Some(account) = &options.account {
        seen.accounts.push(client.get(&format!("/v1/accounts/{account}")).await?);
        return Ok(seen);
    }
    let mut path = "/v1/accounts".to_owned();
    loop {
        let mut page = client.get(&path).await?;
        if let Some(found) = page["accounts"].as_array_mut() {
            seen.accounts.append(found);
        }
        if let Some(damaged) = page["damaged"].as_array_mut() {
            seen.damaged.append(damaged);
        }
        match page["next"].as_str() {
            Some(next) => path = format!("/v1/accounts?after={next}"),
            None => return Ok(seen),
        }
    }
}

impl Seen {
    fn told(&self) -> String {
        self.damaged.iter().fold(told(&self.accounts), |told, one| told + &damage(one))
    }
}

/// The nodes that share the store, if there are several, and the sinks, if there are any; where the key is for all accounts.
async fn around(client: &Client, options: &Status) -> String {
    if options.account.is_some() {
        return String::new();
    }
    // An older server, or a key that is for some accounts only: how those stand has been told.
    let nodes = client.get("/v1/nodes").await.map(|answer| told_nodes(&answer));
    let sinks = client.get("/v1/sinks").await.map(|answer| told_sinks(&answer));
    nodes.unwrap_or_default() + &sinks.unwrap_or_default()
}

fn told_sinks(answer: &Value) -> String {
    match answer["sinks"].as_array() {
        Some(sinks) if !sinks.is_empty() => format!("\n{}", sink::table(sinks)),
        _ => String::new(),
    }
}

/// A line for each node, the leases that are held, and how soon nodes hear of each other.
fn told_nodes(answer: &Value) -> String {
    let nodes: Vec<_> = answer["nodes"].as_array().into_iter().flatten().collect();
    if nodes.len() < 2 {
        return String::new();
    }
    let heading = match language::current() {
        Language::English => ["NODE", "ADDRESS", "VERSION", "CREDENTIALS", "LAST SEEN", ""],
        Language::Chinese => ["节点", "地址", "版本", "凭据数", "最近一次出现", ""],
    };
    let rows = nodes.iter().map(|node| {
        let about = if node["alive"] != true {
            either("gone", "已离线")
        } else if node["this"] == true {
            either("this one", "本节点")
        } else {
            ""
        };
        let credentials = node["credentials"].as_u64().unwrap_or_default();
        [
            text(&node["name"]).to_owned(),
            text(&node["address"]).to_owned(),
            text(&node["version"]).to_owned(),
            credentials.to_string(),
            text(&node["seen_at"]).to_owned(),
            about.to_owned(),
        ]
    });
    let rows: Vec<_> = std::iter::once(heading.map(str::to_owned)).chain(rows).collect();
    let mut lines = output::table(&rows)
        .lines()
        .map(|line| line.trim_end().to_owned() + "\n")
        .collect::<Vec<_>>();
    lines[0] = output::paint(Tone::Strong, lines[0].trim_end()) + "\n";
    let mut told = format!("\n{}", lines.concat());
    for node in &nodes {
        for lease in node["leases"].as_array().into_iter().flatten() {
            let (name, address) = (text(&node["name"]), text(&node["address"]));
            let (account, kind) = (text(&lease["account"]), text(&lease["kind"]));
            told += &say!(
                "{account} {kind}: the lease is held by {name} {address}\n",
                "{account} {kind}：租约由 {name} {address} 持有\n"
            );
        }
    }
    let propagation = &answer["propagation"];
    if let Some((half, most)) =
        propagation["half_within_ms"].as_u64().zip(propagation["p99_within_ms"].as_u64())
    {
        let rotations = propagation["rotations"].as_u64().unwrap_or_default();
        told += &say!(
            "Rotations by other nodes were in memory here within {half} ms (half of them) and {most} ms (99 %), of {rotations}\n",
            "其他节点的更新传到本节点内存的时间：一半在 {half} ms 以内，99% 在 {most} ms 以内，共 {rotations} 次\n"
        );
    }
    told
}

/// A line for each credential, and what is to be done below.
fn told(accounts: &[Value]) -> String {
    let credentials = accounts.iter().flat_map(|account| {
        let credentials = account["credentials"].as_array().into_iter().flatten();
        credentials.map(move |credential| (account, credential))
    });
    let credentials: Vec<_> = credentials.collect();
    if credentials.is_empty() {
        return either("No account is kept that this key is for.", "没有该密钥可以查看的账号。")
            .to_owned();
    }
    let heading = match language::current() {
        Language::English => ["ACCOUNT", "CREDENTIAL", "STATE", "LEFT", "NEXT", "GENERATION"],
        Language::Chinese => ["账号", "凭据", "状态", "剩余", "下一次动作", "代数"],
    };
    let rows = credentials.iter().map(|(account, credential)| row(account, credential));
    let rows: Vec<_> = std::iter::once(heading.map(str::to_owned)).chain(rows).collect();
    let tones = credentials.iter().map(|(_, credential)| tone(text(&credential["state"])));
    let tones = std::iter::once(Some(Tone::Strong)).chain(tones);
    let lines = output::table(&rows);
    let mut told: String = lines
        .lines()
        .zip(tones)
        .map(|(line, tone)| match tone {
            Some(tone) => output::paint(tone, line) + "\n",
            None => format!("{line}\n"),
        })
        .collect();
    for (account, credential) in credentials {
        let account = text(&account["account"]);
        told += &leak(account, credential);
        told += &trouble(account, credential);
    }
    told
}

fn row(account: &Value, credential: &Value) -> [String; 6] {
    let left = credential["expires_in"].as_u64();
    let left = left.map_or("-".to_owned(), |left| show_duration(Duration::from_secs(left)));
    let next = match credential["next_at"].as_str() {
        _ if credential["rotating"] == true => either("now", "进行中"),
        Some(next) => next,
        None => "-",
    };
    let generation = credential["generation"].as_u64().unwrap_or_default();
    [
        text(&account["account"]).to_owned(),
        text(&credential["kind"]).to_owned(),
        format!("{}{}", state(text(&credential["state"])), kept(text(&account["keeping"]))),
        left,
        next.to_owned(),
        generation.to_string(),
    ]
}

/// The server's word, or what the documentation calls it in Chinese.
pub(super) fn state(word: &str) -> &str {
    match word {
        "good" => either("good", "正常"),
        "failing" => either("failing", "获取失败"),
        "refused" => either("refused", "被拒绝"),
        "missing" => either("missing", "无凭据"),
        "idle" => either("idle", "空闲"),
        other => other,
    }
}

/// What is added to the state of an account for which nothing is fetched: its token ends, and no other follows.
pub(super) fn kept(keeping: &str) -> &'static str {
    match keeping {
        "paused" => either(", paused", "，已暂停"),
        "observe" => either(", observed", "，仅观察"),
        _ => "",
    }
}

pub(super) fn tone(state: &str) -> Option<Tone> {
    match state {
        "good" => None,
        "idle" => Some(Tone::Faint),
        "failing" => Some(Tone::Warning),
        _ => Some(Tone::Bad),
    }
}

/// A record that the server's store has left out.
fn damage(one: &Value) -> String {
    let name = |member: &str| text(&one[member]);
    if one["newer"] == true {
        return say!(
            "\n{record} in the store's table {table} is left as it is, and is not served here: {what}\n  Run that version, and it is \
             served again.\n",
            "\n存储的表 {table} 中的 {record} 保持原样，这里不提供服务：{what}\n  换用那个版本后即可恢复服务。\n",
            record = name("record"),
            table = name("table"),
            what = name("what")
        );
    }
    say!(
        "\nThe store cannot read {record} in its table {table}, and leaves it out: {what}\n  Restore the store from a \
         backup, or make this one anew.\n",
        "\n存储无法读取表 {table} 中的 {record}，已略过：{what}\n  请用备份恢复存储，或重新建立这一条。\n",
        record = name("record"),
        table = name("table"),
        what = name("what")
    )
}

/// How far a leaked token has been ended.
fn leak(account: &str, credential: &Value) -> String {
    let Some(more) = credential["compromised"].as_u64() else { return String::new() };
    let kind = text(&credential["kind"]);
    say!(
        "\n{account} {kind}: a token has leaked. New ones that are still to come before it has ended: {more}\n",
        "\n{account} {kind}：凭据已泄露，正在更换，还要更换的次数：{more}\n"
    )
}

/// What stands in the way of a token, since when, and what to do.
fn trouble(account: &str, credential: &Value) -> String {
    let failure = &credential["failure"];
    let Some(message) = failure["message"].as_str() else { return String::new() };
    let since = credential["failing_since"].as_str();
    let since = since.map(|since| say!(" since {since}", "，自 {since}")).unwrap_or_default();
    let kind = text(&credential["kind"]);
    let code = failure["errcode"].as_i64();
    let errcode = code.map(|code| format!("errcode {code}: ")).unwrap_or_default();
    let mut told = say!(
        "\n{account} {kind}{since}: {errcode}{message}\n",
        "\n{account} {kind}{since}：{errcode}{message}\n"
    );
    if let Some(remedy) = failure["remedy"].as_str() {
        told += &format!("  {remedy}\n");
    }
    if let Some(code) = code {
        told += &say!("  More: lingpai explain {code}\n", "  详见：lingpai explain {code}\n");
    }
    told
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_wrong_is_told_below_the_table_with_what_to_do() {
        let accounts = two_accounts();
        assert_eq!(
            told(&accounts),
            "\
ACCOUNT  CREDENTIAL    STATE              LEFT    NEXT                  GENERATION
wx1      access_token  good               1h 30m  2026-11-23T13:45:10Z  7
wx22     access_token  missing, observed  -       now                   0

wx1 access_token: a token has leaked. New ones that are still to come before it has ended: 1

wx22 access_token since 2026-11-23T13:40:00Z: errcode 40164: invalid ip
  Add it.
  More: lingpai explain 40164
"
        );
        assert_eq!(
            language::within(Language::Chinese, || told(&accounts)),
            "\
账号  凭据          状态            剩余    下一次动作            代数
wx1   access_token  正常            1h 30m  2026-11-23T13:45:10Z  7
wx22  access_token  无凭据，仅观察  -       进行中                0

wx1 access_token：凭据已泄露，正在更换，还要更换的次数：1

wx22 access_token，自 2026-11-23T13:40:00Z：errcode 40164: invalid ip
  Add it.
  详见：lingpai explain 40164
"
        );
    }

    #[test]
    fn the_nodes_are_told_of_where_there_are_several() {
        let one = json!({
            "node": "node-1-ab", "this": true, "alive": true, "name": "web-1", "address": "0.0.0.0:8080",
            "version": "0.1.0", "since": "2026-11-23T13:00:00Z", "seen_at": "2026-11-23T13:45:10Z",
            "credentials": 2, "leases": [],
        });
        let mut two = one.clone();
        two["this"] = false.into();
        two["alive"] = false.into();
        two["name"] = "web-2".into();
        two["leases"] = json!([{"account": "wx1", "kind": "access_token"}]);
        let propagation = json!({"rotations": 9, "half_within_ms": 2, "p99_within_ms": 10});
        let answer = json!({"nodes": [one, two], "propagation": propagation});
        assert_eq!(
            told_nodes(&answer),
            "
NODE   ADDRESS       VERSION  CREDENTIALS  LAST SEEN
web-1  0.0.0.0:8080  0.1.0    2            2026-11-23T13:45:10Z  this one
web-2  0.0.0.0:8080  0.1.0    2            2026-11-23T13:45:10Z  gone
wx1 access_token: the lease is held by web-2 0.0.0.0:8080
Rotations by other nodes were in memory here within 2 ms (half of them) and 10 ms (99 %), of 9
"
        );
        assert_eq!(
            language::within(Language::Chinese, || told_nodes(&answer)),
            "
节点   地址          版本   凭据数  最近一次出现
web-1  0.0.0.0:8080  0.1.0  2       2026-11-23T13:45:10Z  本节点
web-2  0.0.0.0:8080  0.1.0  2       2026-11-23T13:45:10Z  已离线
wx1 access_token：租约由 web-2 0.0.0.0:8080 持有
其他节点的更新传到本节点内存的时间：一半在 2 ms 以内，99% 在 10 ms 以内，共 9 次
"
        );
        assert_eq!(told_nodes(&json!({"nodes": [answer["nodes"][0]], "propagation": {}})), "");
    }

    fn two_accounts() -> [Value; 2] {
        [
            json!({"account": "wx1", "credentials": [{
                "kind": "access_token", "state": "good", "generation": 7, "expires_in": 5400, "rotating": false,
                "compromised": 1, "next_at": "2026-11-23T13:45:10Z",
            }]}),
            json!({"account": "wx22", "keeping": "observe", "credentials": [{
                "kind": "access_token", "state": "missing", "generation": 0, "rotating": true,
                "failing_since": "2026-11-23T13:40:00Z",
                "failure": {"class": "needs-person", "message": "invalid ip", "remedy": "Add it.", "errcode": 40164},
            }]}),
        ]
    }
}
