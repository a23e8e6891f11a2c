//! `lingpai rid`: what WeChat has kept of one request, laid out for a person. WeChat keeps it for seven days.

use lingpai_core::{AccountId, Secret, Timestamp};
use serde_json::Value;

use super::alone;
use crate::args::Rid;
use crate::client::Client;
use crate::config::{Config, Environment};
use crate::error::Error;
use crate::language::{either, say};
use crate::output::{self, Tone, paint};

/// Asks a server.
pub(crate) async fn ask(options: Rid, environment: Environment<'_>) -> Result<(), Error> {
    let client = Client::of(&options.asked, environment)?;
    show(&options, &client).await
}

/// Asks WeChat from this process.
pub(crate) async fn standalone(options: Rid, config: Config) -> Result<(), Error> {
    let account = options
        .account
        .clone()
        .ok_or_else(|| Error::said(either("name the account too", "请同时指定账号")))?;
    let work =
        async |url: &str, key: &Secret| show(&options, &Client::new(url, key.clone())?).await;
    alone::served(&config, &account, work).await
}

async fn show(options: &Rid, client: &Client) -> Result<(), Error> {
    let rid: String = form_urlencoded::byte_serialize(options.rid.trim().as_bytes()).collect();
    let of = |account: &AccountId| format!("?account={account}");
    let of = options.account.as_ref().map(of).unwrap_or_default();
    let found = client.get(&format!("/v1/rids/{rid}{of}")).await?;
    if options.json { output::print_json(&found) } else { output::print(&told(&found)) }
}

fn told(found: &Value) -> String {
    let request = &found["request"];
    let text = |value: &Value| match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    };
    let when = request["invoke_time"].as_i64().and_then(|seconds| seconds.checked_mul(1000));
    let when = when.map(|millis| Timestamp::from_millis(millis).to_string()).unwrap_or_default();
    let took = request["cost_in_ms"].as_u64().map(|ms| say!("{ms} ms", "{ms} 毫秒"));
    let (account, rid) = (text(&found["account"]), text(&found["rid"]));
    let heading = say!("{rid}, a request of {account}", "{rid}，{account} 的请求");
    let lines = [
        (either("when", "时间"), when),
        (either("took", "耗时"), took.unwrap_or_default()),
        (either("from", "来源 IP"), text(&request["client_ip"])),
        (either("query", "查询参数"), text(&request["request_url"])),
        (either("sent", "请求体"), text(&request["request_body"])),
        (either("answered", "返回"), text(&request["response_body"])),
    ];
    let lines = lines.into_iter().filter(|(_, value)| !value.is_empty());
    let rows: Vec<_> = lines.map(|(name, value)| [format!("  {name}"), value]).collect();
    let mut all = format!("{}\n{}", paint(Tone::Strong, &heading), output::table(&rows));
    let answer = serde_json::from_str::<Value>(&text(&request["response_body"])).ok();
    if let Some(code) =
        answer.and_then(|answer| answer["errcode"].as_i64()).filter(|code| *code != 0)
    {
        all += &say!(
            "\n`lingpai explain {code}` says what it means.\n",
            "\n含义见 `lingpai explain {code}`。\n"
        );
    }
    all
}

#[cfg(test)]
mod tests {
    use lingpai_wechat::catalogue::Language;
    use serde_json::json;

    use super::*;
    use crate::language::within;

    #[test]
    fn a_request_is_laid_out_without_what_is_missing_of_it() {
        let found = json!({"account": "wx1", "rid": "61725984-6126f6f9-040f19c4", "request": {
            "invoke_time": 1_635_156_704, "cost_in_ms": 30, "request_url": "access_token=50_Im7xxxx",
            "request_body": "", "response_body": "{\"errcode\":40003,\n\"errmsg\":\"\"}", "client_ip": "113.1.2.3",
        }});
        let english = "61725984-6126f6f9-040f19c4, a request of wx1\n\
             \x20 when      2021-10-25T10:11:44Z\n\
             \x20 took      30 ms\n\
             \x20 from      113.1.2.3\n\
             \x20 query     access_token=50_Im7xxxx\n\
             \x20 answered  {\"errcode\":40003, \"errmsg\":\"\"}\n\
             \n`lingpai explain 40003` says what it means.\n";
        assert_eq!(told(&found), english);
        let chinese = within(Language::Chinese, || told(&found));
        assert!(chinese.contains("  来源 IP   113.1.2.3\n"), "{chinese}");
    }
}
