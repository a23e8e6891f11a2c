//! `lingpai quota`: what an account has called today and may still call, and having its counters set to zero.

use lingpai_core::{AccountId, Secret};
use lingpai_wechat::catalogue::Language;
use serde_json::{Value, json};

use super::{alone, is_meant};
use crate::args::{Quota, QuotaClear, QuotaDeed};
use crate::client::Client;
use crate::config::{Config, Environment};
use crate::error::Error;
use crate::language::{self, either, say};
use crate::output::{self, Tone, paint};

/// Asks a server.
pub(crate) async fn ask(options: Quota, environment: Environment<'_>) -> Result<(), Error> {
    let asked = match &options.deed {
        Some(QuotaDeed::Clear(clear)) => &clear.asked,
        None => &options.asked,
    };
    let client = Client::of(asked, environment)?;
    work(&options, &client).await
}

/// Asks WeChat from this process.
pub(crate) async fn standalone(options: Quota, config: Config) -> Result<(), Error> {
    let account = match &options.deed {
        Some(QuotaDeed::Clear(clear)) => Some(&clear.account),
        None => options.account.as_ref(),
    };
    let account = account.ok_or_else(unnamed)?;
    let work =
        async |url: &str, key: &Secret| work(&options, &Client::new(url, key.clone())?).await;
    alone::served(&config, account, work).await
}

fn unnamed() -> Error {
    Error::said(either("name the account", "请指定账号"))
}

async fn work(options: &Quota, client: &Client) -> Result<(), Error> {
    if let Some(QuotaDeed::Clear(options)) = &options.deed {
        return clear(options, client).await;
    }
    let account = options.account.as_ref().ok_or_else(unnamed)?;
    let of_path = |path: &String| {
        let path: String = form_urlencoded::byte_serialize(path.as_bytes()).collect();
        format!("?path={path}")
    };
    let query = options.path.as_ref().map(of_path).unwrap_or_default();
    let told = client.get(&format!("/v1/accounts/{account}/quota{query}")).await?;
    match &options.path {
        _ if options.json => output::print_json(&told),
        Some(path) => output::print(&told_of_path(account, path, &told)),
        None => output::print(&overview(account, &told)),
    }
}

async fn clear(options: &QuotaClear, client: &Client) -> Result<(), Error> {
    let account = &options.account;
    if !options.yes {
        let told = client.get(&format!("/v1/accounts/{account}/quota")).await?;
        let unasked = either(
            "a clearing is asked about first, and nobody is there to answer. Say --yes if it is meant",
            "清零之前需要确认，但没有人可以回答。确实要清零，请加 --yes",
        );
        if !is_meant(&about_to_clear(account, &told["clearings"]), unasked)? {
            return Ok(());
        }
    }
    let path = format!("/v1/accounts/{account}/quota/clear");
    let cleared = client.post(&path, &json!({})).await?;
    if options.json {
        return output::print_json(&cleared);
    }
    let explanation = cleared["explanation"].as_str().unwrap_or_default();
    let clearings = clearings(&cleared["clearings"]);
    output::print(&say!(
        "{account}: {explanation}\n{clearings}",
        "{account}：{explanation}\n{clearings}"
    ))
}

fn about_to_clear(account: &AccountId, of_month: &Value) -> String {
    let clearings = clearings(of_month);
    say!(
        "Have WeChat set the call counters of {account} to zero now?\n\
         It gives back the calls of this day, of all APIs. An account has ten such clearings a calendar month, whoever \
         makes them.\n{clearings}",
        "现在让微信把 {account} 的接口调用次数清零吗？\n\
         当天各接口的额度将恢复。每个账号每个自然月共有 10 次清零机会，无论由谁操作。\n{clearings}"
    )
}

/// How many are spent, as far as is known here.
fn clearings(of_month: &Value) -> String {
    let month = of_month["month"].as_str().unwrap_or_default();
    let (used, most) = (number(&of_month["used"]), number(&of_month["most"]));
    say!(
        "Clearings in {month}: {used} of {most} through Lingpai; those made in WeChat's console or by other programs come on top.",
        "{month} 的 {most} 次清零机会：通过 Lingpai 已用 {used} 次；在微信后台或由其他程序使用的另计。"
    )
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_default()
}

fn overview(account: &AccountId, told: &Value) -> String {
    let day = told["day"].as_str().unwrap_or_default();
    let heading = say!("{account} on {day} in China", "{account}，北京时间 {day}");
    let mut all = format!("{}\n", paint(Tone::Strong, &heading));
    let calls = told["calls"].as_array().map(Vec::as_slice).unwrap_or_default();
    if calls.is_empty() {
        all += either("No call was forwarded today.\n", "今天没有转发过调用。\n");
    } else {
        let heading = match language::current() {
            Language::English => ["PATH", "CALLS", "REFUSED"],
            Language::Chinese => ["路径", "调用次数", "被拒绝"],
        };
        let heading = std::iter::once(heading.map(str::to_owned));
        let rows: Vec<_> = heading.chain(calls.iter().map(row)).collect();
        all += &output::table(&rows);
    }
    all.push('\n');
    for fetches in told["fetches"].as_array().into_iter().flatten() {
        let kind = fetches["kind"].as_str().unwrap_or_default();
        let (used, most) = (number(&fetches["used"]), number(&fetches["most"]));
        all += &say!(
            "Fetches of the {kind}: {used} of the {most} that Lingpai allows itself.\n",
            "获取 {kind}：{used} 次，Lingpai 自设上限 {most} 次。\n"
        );
    }
    if let Some(day) = told.get("calls_per_day") {
        let (used, most) = (number(&day["used"]), number(&day["most"]));
        all += &say!(
            "Calls of all clients: {used} of {most} (calls-per-day of the configuration).\n",
            "所有客户端的调用：{used} 次，配置上限 {most} 次（calls-per-day）。\n"
        );
    }
    all += &clearings(&told["clearings"]);
    all += &say!(
        "\nWhat WeChat still allows for a path: lingpai quota {account} PATH",
        "\n查询微信对某个路径的剩余额度：lingpai quota {account} 路径"
    );
    all
}

fn row(called: &Value) -> [String; 3] {
    let refused = called["errcodes"].as_array().into_iter().flatten().map(|answered| {
        let (errcode, times) = (&answered["errcode"], &answered["times"]);
        say!("{errcode} ×{times}", "{errcode} ×{times}")
    });
    let path = called["path"].as_str().unwrap_or_default().to_owned();
    [path, called["calls"].to_string(), refused.collect::<Vec<_>>().join(", ")]
}

fn told_of_path(account: &AccountId, path: &str, told: &Value) -> String {
    let heading = say!("{path} of {account}", "{account} 的 {path}");
    let quota = &told["quota"];
    let [used, most, left] = ["used", "daily_limit", "remain"].map(|name| number(&quota[name]));
    let today = match most {
        // WeChat's way to say that there is none.
        0 => say!("{used} calls, without a limit", "{used} 次，没有上限"),
        _ => say!("{used} of {most} calls, {left} left", "{used} 次，上限 {most}，剩余 {left}"),
    };
    let rate = |limit: &Value| {
        let (calls, seconds) = (number(&limit["call_count"]), number(&limit["refresh_second"]));
        (calls > 0).then(|| say!("{calls} calls in {seconds} s", "每 {seconds} 秒 {calls} 次"))
    };
    let lines = [
        (either("today", "今天"), Some(today)),
        (either("rate", "频率"), rate(&told["rate_limit"])),
        (either("platform's rate", "第三方平台频率"), rate(&told["component_rate_limit"])),
        (
            either("through Lingpai", "通过 Lingpai"),
            Some(say!("{calls} today", "今天 {calls} 次", calls = number(&told["calls"]))),
        ),
    ];
    let rows = lines.into_iter().filter_map(|(name, value)| Some([format!("  {name}"), value?]));
    format!("{}\n{}", paint(Tone::Strong, &heading), output::table(&rows.collect::<Vec<_>>()))
}
