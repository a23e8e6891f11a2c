//! `lingpai sink`: how the sinks of a running server stand, whether one could be written to, and a delivery now.

use std::time::Duration;

use lingpai_wechat::catalogue::Language;
use serde_json::Value;

use crate::args::Sink;
use crate::client::Client;
use crate::config::Environment;
use crate::error::Error;
use crate::language::{self, either};
use crate::output;

/// Longer than the longest hook may take.
const DEADLINE: Duration = Duration::from_mins(6);

/// Asks the server.
pub(crate) async fn run(command: Sink, environment: Environment<'_>) -> Result<(), Error> {
    match command {
        Sink::List { asked, json } => {
            let answer = Client::of(&asked, environment)?.get("/v1/sinks").await?;
            if json {
                return output::print_json(&answer["sinks"]);
            }
            let sinks = answer["sinks"].as_array().map(Vec::as_slice).unwrap_or_default();
            if sinks.is_empty() {
                output::tell(either(
                    "There are no sinks. Write [[sink]] in the configuration: the server takes it over within seconds.",
                    "没有投递目标。请在配置中写 [[sink]]，服务几秒内即会采用。",
                ));
                return Ok(());
            }
            output::print(&table(sinks))
        }
        Sink::Test { name, asked } => done(&Client::of(&asked, environment)?, &name, "test").await,
        Sink::Sync { name, asked } => done(&Client::of(&asked, environment)?, &name, "sync").await,
    }
}

/// A line for each of these sinks.
pub(crate) fn table(sinks: &[Value]) -> String {
    let heading = match language::current() {
        Language::English => ["SINK", "ACCOUNT", "PLACE", "STATE", "BEHIND", "FAILURE"],
        Language::Chinese => ["投递目标", "账号", "位置", "状态", "落后", "原因"],
    };
    let heading = std::iter::once(heading.map(str::to_owned));
    let rows: Vec<_> = heading.chain(sinks.iter().map(row)).collect();
    output::table(&rows)
}

fn row(sink: &Value) -> [String; 6] {
    let text = |name: &str| sink[name].as_str().unwrap_or("-").to_owned();
    let state = match sink["state"].as_str() {
        Some("current") => either("current", "最新"),
        Some("behind") => either("behind", "未更新"),
        Some("failing") => either("failing", "失败"),
        Some("waiting") => either("waiting for a token", "等待凭据"),
        _ => "-",
    };
    let lag = match sink["lag"].as_u64() {
        Some(0) | None => "-".to_owned(),
        Some(seconds) => format!("{seconds} s"),
    };
    let place = format!("{} {}", text("kind"), text("target"));
    [text("name"), text("account"), place, state.to_owned(), lag, text("failure")]
}

async fn done(client: &Client, name: &str, deed: &str) -> Result<(), Error> {
    let name = form_urlencoded::byte_serialize(name.as_bytes()).collect::<String>();
    let path = format!("/v1/sinks/{name}/{deed}");
    let answer = client.post_within(&path, &Value::Null, DEADLINE).await?;
    let explanation = answer["explanation"].as_str().unwrap_or_default();
    if answer["outcome"] == "failed" {
        return Err(Error::said(explanation));
    }
    output::tell(explanation);
    Ok(())
}
