//! `lingpai rotate --compromised`: a token has leaked, and is ended by two new ones. The server does it on its own; here is
//! said what it breaks, and how it goes.

use std::time::Duration;

use lingpai_core::AccountId;
use serde_json::{Value, json};

use super::{is_wanted, path};
use crate::args::Rotate;
use crate::client::Client;
use crate::error::Error;
use crate::language::{either, say};
use crate::output;

/// How often is looked how it goes.
const PERIOD: Duration = Duration::from_secs(1);

/// Says what it breaks, asks whether it is meant, has it done, and looks on until it has ended.
pub(super) async fn end(client: &Client, options: &Rotate) -> Result<(), Error> {
    let dry_run = json!({"compromised": true, "dry_run": true});
    if !is_wanted(client, options, dry_run, about_to_end).await? {
        return Ok(());
    }
    let before = status(client, options).await;
    let begun = client.post(&path(&options.account), &json!({"compromised": true})).await?;
    output::tell(either(
        "Begun. The server goes on by itself, whatever becomes of this command.",
        "已开始。服务会自行完成，与本命令是否继续运行无关。",
    ));
    let generation = watch(client, options, before).await.map_err(|error| {
        Error::said(say!(
            "it was begun, but how it goes cannot be seen: {error}. The server goes on, after a restart too: the event \
             `compromise-ended` says when it is done",
            "已经开始，但看不到进展：{error}。服务会继续，重新启动后也会；完成时有事件 `compromise-ended`"
        ))
    })?;
    if options.json {
        let breaks = &begun["breaks"];
        return output::print_json(
            &json!({"outcome": "ended", "generation": generation, "breaks": breaks}),
        );
    }
    output::print(&say!(
        "{account}: WeChat accepts none of the earlier tokens any more. The generation of the one that is good is {generation}.",
        "{account}：微信不再接受此前的任何凭据。现在有效的凭据是第 {generation} 代。",
        account = options.account
    ))
}

fn about_to_end(account: &AccountId, lines: &str) -> String {
    say!(
        "All tokens of {account} that were issued so far are ended: it is replaced twice, in stable mode within half a \
         minute.{lines}",
        "{account} 迄今发出的所有凭据都将失效：凭据会更换两次，稳定版(stable)模式下半分钟内完成。{lines}"
    )
}

/// Waits until it has ended, and tells what happens meanwhile. The generation of the token that is good then.
///
/// The events are those of all nodes. How far it has come is known to the one that does it.
async fn watch(
    client: &Client,
    options: &Rotate,
    before: Result<Value, Error>,
) -> Result<u64, Error> {
    let before = before?["generation"].as_u64().unwrap_or_default();
    let history = format!("/v1/events/history?account={}", options.account);
    let mut told = None;
    loop {
        let history = client.get(&history).await?;
        let events = history["events"].as_array().into_iter().flatten();
        let ended = events.filter(|event| event["event"] == "compromise-ended");
        let generations = ended.filter_map(|event| event["generation"].as_u64());
        if let Some(generation) = generations.max().filter(|generation| *generation > before) {
            return Ok(generation);
        }
        let progress = progress(&status(client, options).await?);
        if progress.is_some() && told != progress {
            output::tell(progress.as_deref().unwrap_or_default());
            told = progress;
        }
        tokio::time::sleep(PERIOD).await;
    }
}

fn progress(credential: &Value) -> Option<String> {
    if let Some(failure) = credential["failure"]["message"].as_str() {
        return Some(say!(
            "WeChat gives no token, and is asked again: {failure}",
            "微信没有给出凭据，会再次请求：{failure}"
        ));
    }
    let more = credential["compromised"].as_u64()?;
    Some(say!("New tokens that are still to come: {more}", "还要更换的次数：{more}"))
}

/// How it stands with the account's access_token.
async fn status(client: &Client, options: &Rotate) -> Result<Value, Error> {
    let mut status = client.get(&format!("/v1/accounts/{}", options.account)).await?;
    let credentials = status["credentials"].as_array_mut().into_iter().flatten();
    let credential = credentials.into_iter().find(|one| one["kind"] == "access_token");
    Ok(credential.map(Value::take).unwrap_or_default())
}
