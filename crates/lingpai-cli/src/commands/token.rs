//! `lingpai token`: the token alone, for scripts.

use serde_json::{Value, json};

use crate::args::Token;
use crate::client::Client;
use crate::commands::account_to_keep;
use crate::config::{Config, Environment};
use crate::error::Error;
use crate::keeping::Keeping;
use crate::language::say;
use crate::output;

/// Asks a server.
pub(crate) async fn ask(options: Token, environment: Environment<'_>) -> Result<(), Error> {
    let client = Client::of(&options.asked, environment)?;
    show(&options, &client.token(&options.account).await?)
}

/// Opens the store, and fetches if there is no token in it.
pub(crate) async fn standalone(options: Token, config: Config) -> Result<(), Error> {
    let keeping = Keeping::open(&config.store, config.upstream.clone()).await?;
    let token = fetch(&keeping, &config, &options).await;
    keeping.close().await;
    show(&options, &token?)
}

async fn fetch(keeping: &Keeping, config: &Config, options: &Token) -> Result<Value, Error> {
    let id = &options.account;
    let account = account_to_keep(keeping, config, id).await?;
    let keeper = keeping.keep(&account);
    // Another process may be at it, and fail, before it is our turn.
    let patience = keeping.registry.longest_rotation() * 2;
    let token = tokio::time::timeout(patience, keeper.fresh()).await.map_err(|_| {
        Error::said(say!(
            "no token of {id} came in time. Check the way to WeChat, and ask again",
            "没有及时取得 {id} 的凭据。请检查到微信的网络，然后重试"
        ))
    })?;
    let token = token.map_err(|error| Error::said(say!("{error}", "没有取得凭据：{error}")))?;
    let left = token.expires_at.since(keeping.clock().now().wall);
    Ok(json!({
        "account": id.as_str(),
        "kind": "access_token",
        "access_token": token.value.expose(),
        "generation": token.generation,
        "issued_at": token.issued_at.to_string(),
        "expires_at": token.expires_at.to_string(),
        "expires_in": left.as_secs(),
    }))
}

fn show(options: &Token, token: &Value) -> Result<(), Error> {
    if options.json {
        output::print_json(token)
    } else {
        output::print(token["access_token"].as_str().unwrap_or_default())
    }
}
