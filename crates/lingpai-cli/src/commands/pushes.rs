//! `lingpai pushes`: what WeChat pushed and the business has not taken, on a running server.

use serde_json::Value;

use crate::args::Pushes;
use crate::client::Client;
use crate::config::Environment;
use crate::error::Error;
use crate::language::{self, either, say};
use crate::output;
use lingpai_wechat::catalogue::Language;

/// Asks the server.
pub(crate) async fn run(command: Pushes, environment: Environment<'_>) -> Result<(), Error> {
    match command {
        Pushes::List { account, asked, json } => {
            let client = Client::of(&asked, environment)?;
            let answer = client.get(&format!("/v1/accounts/{account}/pushes?limit=10000")).await?;
            if json {
                return output::print_json(&answer["pushes"]);
            }
            let pushes = answer["pushes"].as_array().map(Vec::as_slice).unwrap_or_default();
            if pushes.is_empty() {
                output::tell(either("No push waits.", "没有等待转发的推送。"));
                return Ok(());
            }
            let heading = match language::current() {
                Language::English => ["ID", "STATE", "RECEIVED", "TRIES", "FAILURE"],
                Language::Chinese => ["编号", "状态", "收到时间", "次数", "原因"],
            };
            let heading = std::iter::once(heading.map(str::to_owned));
            let rows: Vec<_> = heading.chain(pushes.iter().map(row)).collect();
            output::print(&output::table(&rows))
        }
        Pushes::Retry { account, id, asked } => {
            let client = Client::of(&asked, environment)?;
            let path = format!("/v1/accounts/{account}/pushes/{id}/retry");
            client.post(&path, &Value::Null).await?;
            output::tell(&say!("The push {id} is tried again.", "已重新转发推送 {id}。"));
            Ok(())
        }
        Pushes::Remove { account, id, asked } => {
            let client = Client::of(&asked, environment)?;
            client.delete(&format!("/v1/accounts/{account}/pushes/{id}")).await?;
            output::tell(&say!("The push {id} is dropped.", "已丢弃推送 {id}。"));
            Ok(())
        }
    }
}

fn row(push: &Value) -> [String; 5] {
    let text = |name: &str| push[name].as_str().unwrap_or_default().to_owned();
    let state = match push["state"].as_str() {
        Some("dead") => either("dead", "已放弃"),
        _ => either("waiting", "等待"),
    };
    let attempts = push["attempts"].to_string();
    [text("id"), state.to_owned(), text("received_at"), attempts, text("failure")]
}
