//! `lingpai rotate --compromised`: a token has leaked, and is ended by two new ones. The server does it on its own; here is
//! said what it breaks, and how it goes.

use std::time::Duration;

use serde_json::{Value, json};

use super::is_meant;
use crate::args::Rotate;
use crate::client::Client;
use crate::error::Error;
use crate::output;

/// How often is looked how it goes.
const PERIOD: Duration = Duration::from_secs(1);

/// Says what it breaks, asks whether it is meant, has it done, and looks on until it has ended.
pub(super) async fn end(client: &Client, options: &Rotate) -> Result<(), Error> {
    let path = format!("/v1/accounts/{}/token/rotate", options.account);
    if options.dry_run || !options.yes {
        let plan = client.post(&path, &json!({"compromised": true, "dry_run": true})).await?;
        let deed = about_to_end(options, &plan);
        if options.dry_run {
            return if options.json { output::print_json(&plan) } else { output::print(&deed) };
        }
        if !is_meant(&deed)? {
            output::tell("Nothing was done.");
            return Ok(());
        }
    }
    let begun = client.post(&path, &json!({"compromised": true})).await?;
    output::tell("Begun. The server goes on by itself, whatever becomes of this command.");
    let generation = watch(client, options).await?;
    if options.json {
        let breaks = &begun["breaks"];
        return output::print_json(
            &json!({"outcome": "ended", "generation": generation, "breaks": breaks}),
        );
    }
    output::print(&format!(
        "{}: WeChat accepts none of the earlier tokens any more. The generation of the one that is good is {generation}.",
        options.account
    ))
}

fn about_to_end(options: &Rotate, plan: &Value) -> String {
    let breaks = plan["breaks"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let breaks: String = breaks.map(|text| format!("\n- {text}")).collect();
    format!(
        "All tokens of {} that were issued so far are ended: it is replaced twice, in stable mode within half a minute.{breaks}",
        options.account
    )
}

/// Waits until it has ended, and tells what happens meanwhile. The generation of the token that is good then.
async fn watch(client: &Client, options: &Rotate) -> Result<u64, Error> {
    let account = &options.account;
    let mut told = None;
    loop {
        let status = client.get(&format!("/v1/accounts/{account}")).await.map_err(|error| {
            Error::said(format!(
                "it was begun, but how it goes cannot be seen: {error}. If the server still runs it goes on: the event \
                 `compromise-ended` says when it is done, and so does: lingpai status {account}"
            ))
        })?;
        let credentials = status["credentials"].as_array().into_iter().flatten();
        let credential = credentials.into_iter().find(|one| one["kind"] == "access_token");
        let credential = credential.unwrap_or(&Value::Null);
        let Some(more) = credential["compromised"].as_u64() else {
            return Ok(credential["generation"].as_u64().unwrap_or_default());
        };
        let failure = credential["failure"]["message"].as_str();
        let progress = match failure {
            Some(failure) => format!("WeChat gives no token, and is asked again: {failure}"),
            None => format!("New tokens that are still to come: {more}"),
        };
        if told.as_ref() != Some(&progress) {
            output::tell(&progress);
            told = Some(progress);
        }
        tokio::time::sleep(PERIOD).await;
    }
}
