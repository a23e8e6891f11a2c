//! `lingpai platform`: links by which accounts authorise a platform or a suite, and those who have.

mod crowd;
mod rows;

use std::io::{self, IsTerminal};

use qrcode::QrCode;
use qrcode::render::unicode::Dense1x2;
use serde_json::{Value, json};

use crate::args::{Authorize, Platform};
use crate::client::Client;
use crate::config::{Config, Environment};
use crate::error::Error;
use crate::language::say;
use crate::output;

/// Runs one of them.
pub(crate) async fn run(
    command: Platform,
    config: Option<Config>,
    environment: Environment<'_>,
) -> Result<(), Error> {
    match command {
        Platform::Authorize(wanted) => authorize(wanted, environment).await,
        Platform::Authorizers { platform, asked, json } => {
            crowd::list(&platform, &asked, json, environment).await
        }
        Platform::Import(wanted) => crowd::import(&wanted, config, environment).await,
        Platform::Recover { platform, elsewhere } => {
            crowd::recover(&platform, elsewhere.asked(), config, environment).await
        }
    }
}

/// Asks the server for a link: that is where the browser comes back to.
async fn authorize(wanted: Authorize, environment: Environment<'_>) -> Result<(), Error> {
    let client = Client::of(&wanted.asked, environment)?;
    let device = match (wanted.pc, wanted.h5) {
        (true, _) => json!("pc"),
        (_, true) => json!("h5"),
        _ => Value::Null,
    };
    let order = json!({
        "device": device, "offered": wanted.offer, "only": wanted.only, "return_to": wanted.return_to,
        "expires_in": wanted.expires_in.as_secs(),
    });
    let path = format!("/v1/accounts/{}/authorization-links", wanted.platform);
    let link = client.post(&path, &order).await?;
    if wanted.json {
        return output::print_json(&link);
    }
    let url = link["url"].as_str().unwrap_or_default();
    output::tell(&say!(
        "Whoever owns the account opens this, once, until {until}:",
        "请账号的所有者打开下面的链接，{until} 之前有效，只能使用一次：",
        until = link["expires_at"].as_str().unwrap_or_default()
    ));
    output::print(url)?;
    if io::stderr().is_terminal()
        && let Ok(code) = QrCode::new(url)
    {
        // Light on dark, as most terminals are: what is dark in the code is what is not drawn.
        let code = code.render::<Dense1x2>();
        let code = { code }.dark_color(Dense1x2::Light).light_color(Dense1x2::Dark).build();
        output::tell(&code);
    }
    Ok(())
}
