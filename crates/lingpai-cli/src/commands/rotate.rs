//! `lingpai rotate`: a token is replaced because a person wants it.

mod leak;

use std::io::{self, BufRead, IsTerminal};
use std::time::Duration;

use lingpai_core::AccountId;
use serde_json::{Value, json};

use crate::args::Rotate;
use crate::client::Client;
use crate::config::{Environment, show_duration};
use crate::error::Error;
use crate::output;

/// Asks whether it is meant, and then the server.
pub(crate) async fn run(options: Rotate, environment: Environment<'_>) -> Result<(), Error> {
    let client = Client::of(&options.asked, environment)?;
    let account = &options.account;
    if options.compromised {
        return leak::end(&client, &options).await;
    }
    if !options.yes && !is_meant(&about_to_rotate(account))? {
        output::tell("Nothing was done.");
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
    format!(
        "Have the token of {account} replaced now?\n\
         Classic mode: the present one dies in five minutes, for every client that still holds it; those that fetch from \
         WeChat themselves lose theirs. A day's fetches are counted.\n\
         Stable mode: WeChat repeats the present one until its last five minutes, so mostly nothing changes.\n\
         Nothing has to be done if clients report it as invalid: it is tried, and replaced if WeChat refuses it."
    )
}

/// Tells a person what is about to be done, and asks whether it is meant.
fn is_meant(deed: &str) -> Result<bool, Error> {
    if !io::stdin().is_terminal() {
        return Err(Error::said(
            "a rotation is asked about first, and nobody is there to answer. Say --yes if it is meant",
        ));
    }
    output::tell(&format!("{deed}\nType yes to go on:"));
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line)?;
    Ok(["y", "yes"].contains(&line.trim().to_ascii_lowercase().as_str()))
}

fn told(account: &AccountId, answer: &Value) -> String {
    let explanation = answer["explanation"].as_str().unwrap_or_default();
    match (answer["generation"].as_u64(), answer["expires_in"].as_u64()) {
        (Some(generation), Some(left)) => {
            let left = show_duration(Duration::from_secs(left));
            format!(
                "{account}: {explanation} Its generation is {generation}, and it is good for {left}."
            )
        }
        _ => format!("{account}: {explanation}"),
    }
}
