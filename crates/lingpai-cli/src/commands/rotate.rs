//! `lingpai rotate`: a token is replaced because a person wants it.

mod leak;

use std::time::Duration;

use lingpai_core::AccountId;
use serde_json::{Value, json};

use crate::args::Rotate;
use crate::client::Client;
use crate::commands::is_meant;
use crate::config::{Environment, show_duration};
use crate::error::Error;
use crate::language::{either, say};
use crate::output;

/// Asks whether it is meant, and then the server.
pub(crate) async fn run(options: Rotate, environment: Environment<'_>) -> Result<(), Error> {
    let client = Client::of(&options.asked, environment)?;
    let account = &options.account;
    if options.compromised {
        return leak::end(&client, &options).await;
    }
    if !is_wanted(&client, &options, json!({"dry_run": true}), about_to_rotate).await? {
        return Ok(());
    }
    let mut answer = client.post(&path(account), &json!({})).await?;
    // What it was replaced by is for `lingpai token` to print.
    if let Some(answer) = answer.as_object_mut() {
        answer.remove("access_token");
    }
    if options.json { output::print_json(&answer) } else { output::print(&told(account, &answer)) }
}

fn path(account: &AccountId) -> String {
    format!("/v1/accounts/{account}/token/rotate")
}

/// Whether it is to be done: has the server say what it would do, shows that if only that is wanted, and asks unless that was
/// answered beforehand.
async fn is_wanted(
    client: &Client,
    options: &Rotate,
    dry_run: Value,
    about_to: fn(&AccountId, &str) -> String,
) -> Result<bool, Error> {
    if options.yes && !options.dry_run {
        return Ok(true);
    }
    let plan = match client.post(&path(&options.account), &dry_run).await {
        // A server of an earlier version, which has no plan of this to show: it is asked about without one.
        Err(Error::Refused { code, said })
            if !options.dry_run && code == "body-wrong" && said.contains("`dry_run`") =>
        {
            Value::Null
        }
        plan => plan?,
    };
    let lines = plan["breaks"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let lines: String = lines.map(|line| format!("\n- {line}")).collect();
    let deed = about_to(&options.account, &lines);
    if options.dry_run {
        if options.json {
            output::print_json(&plan)?;
        } else {
            output::print(&deed)?;
        }
        return Ok(false);
    }
    is_meant(&deed, unasked())
}

fn about_to_rotate(account: &AccountId, lines: &str) -> String {
    say!(
        "A token of {account} is asked for now.{lines}\n\
         It need not be done if clients report the token as invalid: then it is tried, and replaced if WeChat refuses it.",
        "现在为 {account} 获取凭据。{lines}\n\
         如果客户端会报告凭据失效，就不必手动更换：收到报告后会先验证，微信确实拒绝才更换。"
    )
}

/// What is said where nobody is there to be asked.
fn unasked() -> &'static str {
    either(
        "a rotation is asked about first, and nobody is there to answer. Say --yes if it is meant",
        "更换之前需要确认，但没有人可以回答。确实要更换，请加 --yes",
    )
}

fn told(account: &AccountId, answer: &Value) -> String {
    let explanation = answer["explanation"].as_str().unwrap_or_default();
    match (answer["generation"].as_u64(), answer["expires_in"].as_u64()) {
        (Some(generation), Some(left)) => {
            let left = show_duration(Duration::from_secs(left));
            say!(
                "{account}: {explanation} Its generation is {generation}, and it is good for {left}.",
                "{account}：{explanation} 现在是第 {generation} 代，有效期还有 {left}。"
            )
        }
        _ => say!("{account}: {explanation}", "{account}：{explanation}"),
    }
}
