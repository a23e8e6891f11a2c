//! `lingpai account add`, `set-secret` and `remove` with `--server`: a running server does it, wherever it is.

use lingpai_core::AccountId;
use serde_json::{Value, json};

use super::{app_secret, push};
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
        Account::Add { account, kind, mode, secret, .. } => {
            let secret = app_secret::take(&account, &secret)?;
            let wanted = json!({
                "account": account.as_str(), "secret": secret.expose(), "kind": kind_name(kind),
                "mode": mode_name(mode),
            });
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
            client.patch(&at(&account), &push::to_json(wanted.as_ref())).await?;
            output::tell(&match wanted {
                Some(_) => say!(
                    "The account {account} receives pushes at /push/{account}: put this path of the server's address into \
                     WeChat's console.",
                    "账号 {account} 在 /push/{account} 接收推送：请在微信后台填写服务器地址加此路径。"
                ),
                None => say!(
                    "The account {account} receives no pushes any more.",
                    "账号 {account} 不再接收推送。"
                ),
            });
        }
        Account::Remove { account, .. } => {
            client.delete(&at(&account)).await?;
            output::tell(&say!(
                "The account {account} and its tokens are removed. The server keeps it no longer.",
                "账号 {account} 及其凭据已移除，服务不再维护它。"
            ));
        }
        Account::List { .. } | Account::Show { .. } => {}
    }
    Ok(())
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
