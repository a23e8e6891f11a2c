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
    if !options.yes && !is_meant(&about_to_rotate(account), unasked())? {
        return Ok(());
    }
    let mut answer =
        client.post(&format!("/v1/accounts/{account}/token/rotate"), &json!({})).await?;
    // What it was replaced by is for `lingpai token` to print.
    if let Some(answer) = answer.as_object_mut() {
        answer.remove("access_token");
    }
    if options.json { output::print_json(&answer) } else { output::print(&told(account, &answer)) }
}

fn about_to_rotate(account: &AccountId) -> String {
    say!(
        "Have the token of {account} replaced now?\n\
         Classic mode: the present one dies in five minutes, for every client that still holds it; those that fetch from \
         WeChat themselves lose theirs. A day's fetches are counted.\n\
         Stable mode: WeChat repeats the present one until its last five minutes, so mostly nothing changes.\n\
         Nothing has to be done if clients report it as invalid: it is tried, and replaced if WeChat refuses it.",
        "现在更换 {account} 的凭据吗？\n\
         普通(classic)模式：现有凭据五分钟后失效，所有还在使用它的客户端都受影响；自行向微信获取凭据的程序会失去它们的凭据。\
         并且计入当天的获取次数。\n\
         稳定版(stable)模式：最后五分钟之前微信返回的仍是现有凭据，通常没有任何变化。\n\
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
