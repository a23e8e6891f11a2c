//! `lingpai alert`: how the alerts of a running server stand, and a message to try one.

use lingpai_wechat::catalogue::Language;
use serde_json::Value;

use crate::args::Alert;
use crate::client::Client;
use crate::config::Environment;
use crate::error::Error;
use crate::language::{self, either};
use crate::output;

/// Asks the server.
pub(crate) async fn run(command: Alert, environment: Environment<'_>) -> Result<(), Error> {
    match command {
        Alert::List { asked, json } => {
            let answer = Client::of(&asked, environment)?.get("/v1/alerts").await?;
            if json {
                return output::print_json(&answer["alerts"]);
            }
            let alerts = answer["alerts"].as_array().map(Vec::as_slice).unwrap_or_default();
            if alerts.is_empty() {
                output::tell(either(
                    "There are no alerts. Write [[alert]] in the configuration: the server takes it over within seconds.",
                    "没有告警。请在配置中写 [[alert]]，服务几秒内即会采用。",
                ));
                return Ok(());
            }
            let heading = match language::current() {
                Language::English => ["NAME", "ROBOT", "HOST", "OPEN", "SENT", "FAILED", "FAILURE"],
                Language::Chinese => ["名称", "接收方", "主机", "未恢复", "已发送", "失败", "原因"],
            };
            let heading = std::iter::once(heading.map(str::to_owned));
            let rows: Vec<_> = heading.chain(alerts.iter().map(row)).collect();
            output::print(&output::table(&rows))
        }
        Alert::Test { name, asked } => {
            let name = form_urlencoded::byte_serialize(name.as_bytes()).collect::<String>();
            let path = format!("/v1/alerts/{name}/test");
            let answer = Client::of(&asked, environment)?.post(&path, &Value::Null).await?;
            let explanation = answer["explanation"].as_str().unwrap_or_default();
            if answer["outcome"] == "sent" {
                output::tell(explanation);
                return Ok(());
            }
            Err(Error::said(explanation))
        }
    }
}

fn row(alert: &Value) -> [String; 7] {
    let text = |name: &str| alert[name].as_str().unwrap_or("-").to_owned();
    let number = |name: &str| alert[name].to_string();
    [
        text("name"),
        text("robot"),
        text("host"),
        number("firing"),
        number("sent"),
        number("failed"),
        text("failure"),
    ]
}
