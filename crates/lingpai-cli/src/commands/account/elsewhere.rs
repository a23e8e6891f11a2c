//! `lingpai account add`, `set-secret`, `set-proxy`, `set-push`, `set-api-security` and `remove` with `--server`: a running server does it, wherever it is.

use lingpai_core::{AccountId, Proxy};
use serde_json::{Value, json};

use super::{api_security, app_secret, proxy_at_adding, proxy_to_set, push, told_of_proxy};
use crate::args::{Account, Asked};
use crate::client::Client;
use crate::config::Environment;
use crate::config::account::{kind_name, mode_name};
use crate::error::Error;
use crate::language::say;
use crate::output;

/// Asks the server.
pub(crate) async fn run(
    command: Account,
    asked: &Asked,
    environment: Environment<'_>,
) -> Result<(), Error> {
    let client = Client::of(asked, environment)?;
    let at = |account: &AccountId| format!("/v1/accounts/{account}");
    match command {
        Account::Add { account, kind, mode, platform, secret, proxy, .. } => {
            let secret = app_secret::take(&account, &secret)?;
            let mut wanted = json!({
                "account": account.as_str(), "secret": secret.expose(), "kind": kind_name(kind),
                "mode": mode_name(mode),
            });
            if let Some(proxy) = proxy_at_adding(&account, &proxy)? {
                put_proxy(&mut wanted, Some(&proxy));
            }
            if let Some(platform) = platform {
                wanted["platform"] = platform.as_str().into();
            }
            client.post("/v1/accounts", &wanted).await?;
            output::tell(&say!(
                "The server keeps the account {account} from now on. How it stands: lingpai status {account}",
                "服务已开始维护账号 {account}。查看状况：lingpai status {account}"
            ));
        }
        Account::SetSecret { account, secret, .. } => {
            let secret = app_secret::take(&account, &secret)?;
            let wanted = json!({"secret": secret.expose()});
            let changed = client.put(&format!("{}/secret", at(&account)), &wanted).await?;
            told(&account, &changed);
        }
        Account::SetPush { account, push, .. } => {
            let wanted = push::take(&push)?;
            let changed = client.patch(&at(&account), &push::to_json(wanted.as_ref())).await?;
            // One that a newer server names is none that has more to be told.
            let kind = serde_json::from_value(changed["kind"].clone()).unwrap_or_default();
            output::tell(&push::told(&account, kind, wanted.is_some()));
        }
        Account::SetApiSecurity { account, keys, .. } => {
            let wanted = api_security::take(&account, &keys)?;
            client.patch(&at(&account), &api_security::to_json(wanted.as_deref())).await?;
            output::tell(&api_security::told(&account, wanted.as_deref()));
        }
        Account::SetProxy { account, url, password_file, .. } => {
            let proxy = proxy_to_set(&account, &url, password_file.as_deref())?;
            let mut wanted = json!({});
            put_proxy(&mut wanted, proxy.as_ref());
            client.patch(&at(&account), &wanted).await?;
            output::tell(&told_of_proxy(&account, proxy.as_ref()));
        }
        Account::Remove { account, .. } => {
            client.delete(&at(&account)).await?;
            output::tell(&say!(
                "The account {account} and its tokens are removed. The server keeps it no longer.",
                "账号 {account} 及其凭据已移除，服务不再维护它。"
            ));
        }
        Account::List { .. } | Account::Show { .. } => {}
        Account::SetMode(_) | Account::Keep(_) | Account::Adopt(_) | Account::Release(_) => {}
    }
    Ok(())
}

/// The members that say which proxy an account is to have.
fn put_proxy(wanted: &mut Value, proxy: Option<&Proxy>) {
    wanted["proxy"] = proxy.map(ToString::to_string).into();
    let password = proxy.and_then(Proxy::login).map(|login| login.password.expose());
    if let Some(password) = password.filter(|password| !password.is_empty()) {
        wanted["proxy_password"] = password.into();
    }
}

fn told(account: &AccountId, changed: &Value) {
    match changed["warning"].as_str() {
        None => output::tell(&say!(
            "The account {account} has another AppSecret, which WeChat accepts. Its token stays.",
            "账号 {account} 已换用新的 AppSecret，微信接受它。现有凭据不变。"
        )),
        Some(warning) => output::tell(&say!(
            "The account {account} has another AppSecret. warning: {warning}",
            "账号 {account} 已换用新的 AppSecret。警告：{warning}"
        )),
    }
}
