//! `lingpai ticket` and `lingpai js-config`: a ticket of an account, and a page signed with one.

use serde_json::json;

use crate::args::{JsConfig, Ticket};
use crate::client::Client;
use crate::config::Environment;
use crate::error::Error;
use crate::output;

/// Prints the ticket alone, for scripts.
pub(crate) async fn show(options: Ticket, environment: Environment<'_>) -> Result<(), Error> {
    let client = Client::of(&options.asked, environment)?;
    let Ticket { account, ticket, .. } = &options;
    let found = client.get(&format!("/v1/accounts/{account}/tickets/{ticket}")).await?;
    if options.json {
        output::print_json(&found)
    } else {
        output::print(found["ticket"].as_str().unwrap_or_default())
    }
}

/// Prints what `wx.config` or `wx.agentConfig` takes.
pub(crate) async fn js_config(
    options: JsConfig,
    environment: Environment<'_>,
) -> Result<(), Error> {
    let client = Client::of(&options.asked, environment)?;
    let JsConfig { account, url, apis, agent, agentid, .. } = &options;
    let mut page = json!({ "url": url });
    if !apis.is_empty() {
        page["jsApiList"] = json!(apis);
    }
    if *agent {
        page["agent"] = json!(true);
    }
    if let Some(agentid) = agentid {
        page["agentid"] = json!(agentid);
    }
    let path = format!("/v1/accounts/{account}/js-config");
    output::print_json(&client.post(&path, &page).await?)
}
