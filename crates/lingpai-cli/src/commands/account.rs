//! `lingpai account`: the accounts in the store, and how they stand. A running server notices a change within seconds.

mod api_security;
pub(crate) mod app_secret;
pub(crate) mod elsewhere;
pub(crate) mod handover;
mod own_proxy;
mod push;
mod trial;
mod typed;

use std::path::Path;

use lingpai_core::event::AccountChange;
use lingpai_core::store::{Damage, Record};
use lingpai_core::{
    Account, AccountId, Clock, Directory, Kind, Proxy, StoreErrorKind, SystemClock, Timestamp,
    change_account,
};
use lingpai_wechat::catalogue::Language;
use serde_json::{Value, json};

use crate::args;
use crate::commands::{durable_store, noted, status};
use crate::config::account::{kind_name, mode_name, no_agent, no_platform};
use crate::config::upstream::forbidden;
use crate::config::{Config, show_duration};
use crate::error::Error;
use crate::keeping::OpenStore;
use crate::language::{self, either, say};
use crate::output;

/// Works on the store of the configuration.
pub(crate) async fn run(command: args::Account, config: Config) -> Result<(), Error> {
    let store = durable_store(&config).await?;
    let outcome = work(command, &store, &config).await;
    store.close().await;
    outcome
}

async fn work(command: args::Account, store: &OpenStore, config: &Config) -> Result<(), Error> {
    let now = SystemClock::new().now().wall;
    match command {
        args::Account::Add { account: id, kind, mode, platform, secret, proxy, .. } => {
            refuse_configured(&id, config)?;
            if !kind.takes(&id) {
                return Err(Error::said(no_agent().to_owned()));
            }
            if kind.needs_platform() && platform.is_none() {
                return Err(Error::said(no_platform().to_owned()));
            }
            if store.has(&id).await? {
                return Err(known(&id));
            }
            let untried = secret.untried;
            let secret = app_secret::take(&id, &secret)?;
            let proxy = proxy_at_adding(&id, &proxy)?;
            refuse_forbidden(proxy.as_ref(), config)?;
            let account = Account { kind, mode, platform, proxy, ..Account::new(id, secret, now) };
            if !untried {
                trial::refuse_wrong(&account, store, config).await?;
            }
            match store.directory().put_account(&account, None).await {
                // Another has added it while its AppSecret was typed and tried.
                Err(error) if error.kind == StoreErrorKind::Changed => {
                    return Err(known(&account.id));
                }
                outcome => outcome?,
            }
            noted::account(store, "account add", &account.id, AccountChange::Created).await;
            output::tell(&say!(
                "The account {id} is in the store, its AppSecret sealed. Running servers keep it within seconds; else start \
                 one: lingpai serve",
                "账号 {id} 已写入存储，AppSecret 已加密。运行中的服务几秒内开始维护它；没有服务时请启动：lingpai serve",
                id = account.id
            ));
            Ok(())
        }
        args::Account::SetSecret { account: id, secret, .. } => {
            refuse_configured(&id, config)?;
            let stored = find(store, &id).await?.ok_or_else(|| unknown(id.as_str()))?;
            let untried = secret.untried;
            let secret = app_secret::take(&id, &secret)?;
            if secret == stored.secret {
                output::tell(&say!(
                    "The account {id} has this AppSecret already.",
                    "账号 {id} 的 AppSecret 已经是这一个。"
                ));
                return Ok(());
            }
            if !untried {
                let account = Account { secret: secret.clone(), ..stored };
                trial::refuse_wrong(&account, store, config).await?;
            }
            let edit = |account| Ok(Account { secret: secret.clone(), ..account });
            change(store, &id, now, edit).await?;
            let changed = AccountChange::SecretReplaced;
            noted::account(store, "account set-secret", &id, changed).await;
            output::tell(&say!(
                "The account {id} has another AppSecret. Running servers use it within seconds.",
                "账号 {id} 已换用新的 AppSecret。运行中的服务几秒内采用它。"
            ));
            Ok(())
        }
        args::Account::SetPush { account: id, push: wanted, .. } => {
            refuse_configured(&id, config)?;
            find(store, &id).await?.ok_or_else(|| unknown(id.as_str()))?;
            let push = push::take(&wanted)?;
            let edit = |account| Ok(Account { push: push.clone(), ..account });
            let account = change(store, &id, now, edit).await?;
            noted::account(store, "account set-push", &id, AccountChange::Updated).await;
            output::tell(&push_told(&account));
            Ok(())
        }
        args::Account::SetApiSecurity { account: id, keys: wanted, .. } => {
            refuse_configured(&id, config)?;
            find(store, &id).await?.ok_or_else(|| unknown(id.as_str()))?;
            let api_security = api_security::take(&id, &wanted)?;
            let edit = |account| {
                let account = Account { api_security: api_security.clone(), ..account };
                api_security::refuse_unfit(&account)?;
                Ok(account)
            };
            let account = change(store, &id, now, edit).await?;
            let command = "account set-api-security";
            noted::account(store, command, &id, AccountChange::Updated).await;
            output::tell(&api_security::told(&id, account.api_security.as_deref()));
            Ok(())
        }
        args::Account::SetProxy { account: id, url, password_file, .. } => {
            refuse_configured(&id, config)?;
            find(store, &id).await?.ok_or_else(|| unknown(id.as_str()))?;
            let proxy = proxy_to_set(&id, &url, password_file.as_deref())?;
            refuse_forbidden(proxy.as_ref(), config)?;
            let edit = |account| Ok(Account { proxy: proxy.clone(), ..account });
            let account = change(store, &id, now, edit).await?;
            noted::account(store, "account set-proxy", &id, AccountChange::Updated).await;
            output::tell(&told_of_proxy(&account.id, account.proxy.as_ref()));
            Ok(())
        }
        // A server does these.
        args::Account::SetMode(_)
        | args::Account::Keep(_)
        | args::Account::Adopt(_)
        | args::Account::Release(_) => Ok(()),
        args::Account::List { json } => {
            let standings = standings(store, now).await?;
            tell_of_damage(&*store.directory());
            if json {
                return output::print_json(&standings.iter().map(Standing::to_json).collect());
            }
            if standings.is_empty() {
                output::tell(either(
                    "The store has no accounts yet: `lingpai account add` puts one in, and `lingpai serve` those of the \
                     configuration.",
                    "存储中还没有账号：`lingpai account add` 添加一个，`lingpai serve` 会写入配置中的账号。",
                ));
                return Ok(());
            }
            let heading = match language::current() {
                Language::English => ["ACCOUNT", "KIND", "MODE", "TOKEN", "LEFT", "TROUBLE"],
                Language::Chinese => ["账号", "类型", "模式", "凭据", "剩余", "问题"],
            };
            let heading = std::iter::once(heading.map(str::to_owned));
            let rows: Vec<_> = heading.chain(standings.iter().map(Standing::row)).collect();
            output::print(&output::table(&rows))
        }
        args::Account::Show { account, json } => {
            let standings = standings(store, now).await?;
            // One that is there and cannot be used is told of with the reason.
            find(store, &account).await?;
            let found = standings.iter().find(|standing| standing.account.id == account);
            let standing = found.ok_or_else(|| unknown(account.as_str()))?;
            if json {
                output::print_json(&standing.to_json())
            } else {
                output::print(&standing.told())
            }
        }
        args::Account::Remove { account, .. } => {
            refuse_configured(&account, config)?;
            if !store.directory().remove_account(&account).await? {
                return Err(unknown(account.as_str()));
            }
            noted::account(store, "account remove", &account, AccountChange::Removed).await;
            output::tell(&say!(
                "The account {account} and its tokens are removed from the store. Running servers end keeping it within \
                 seconds.",
                "账号 {account} 及其凭据已从存储中移除。运行中的服务几秒内停止维护它。"
            ));
            Ok(())
        }
    }
}

/// What has become of the pushes of an account.
fn push_told(account: &Account) -> String {
    let told = push::told(&account.id, account.kind, account.push.is_some());
    match account.push {
        Some(_) => {
            say!("{told} Running servers know it within seconds.", "{told}运行中的服务几秒内生效。")
        }
        None => told,
    }
}

async fn find(store: &OpenStore, id: &AccountId) -> Result<Option<Account>, Error> {
    Ok(store.directory().account(id).await?)
}

/// Changes an account as it is in the store by now: since it was looked at, a person may have typed for a while.
async fn change(
    store: &OpenStore,
    id: &AccountId,
    now: Timestamp,
    edit: impl Fn(Account) -> Result<Account, Error>,
) -> Result<Account, Error> {
    let change = |stored: Option<&Account>| {
        let edited = stored.map(|stored| edit(stored.clone())).transpose()?;
        Ok::<_, Error>(edited.map(|account| account.renewed(stored, now)))
    };
    let changed = change_account(&*store.directory(), id, change).await?;
    changed.ok_or_else(|| unknown(id.as_str()))
}

/// What the configuration says of an account wins over the store: a change here would not last.
fn refuse_configured(account: &AccountId, config: &Config) -> Result<(), Error> {
    match config.file_that_names(account) {
        Some(file) => Err(Error::said(say!(
            "the account {account} stands in {file}, which wins over the store. Change it there, or take its [[account]] \
             out first",
            "账号 {account} 写在 {file} 中，同一账号以配置为准。请在那里修改，或先删去它的 [[account]]",
            file = file.display()
        ))),
        None => Ok(()),
    }
}

/// The proxy of an account that is added, if it is to have one. Standard input is there for its AppSecret.
pub(crate) fn proxy_at_adding(
    id: &AccountId,
    proxy: &args::OwnProxy,
) -> Result<Option<Proxy>, Error> {
    let Some(url) = &proxy.url else { return Ok(None) };
    own_proxy::take(id, url, proxy.password_file.as_deref(), own_proxy::Input::Taken).map(Some)
}

/// The proxy that an account is to have; `none` is none of its own.
fn proxy_to_set(id: &AccountId, url: &str, file: Option<&Path>) -> Result<Option<Proxy>, Error> {
    match url {
        "none" => Ok(None),
        url => own_proxy::take(id, url, file, own_proxy::Input::ForPassword).map(Some),
    }
}

fn refuse_forbidden(proxy: Option<&Proxy>, config: &Config) -> Result<(), Error> {
    let why = proxy.and_then(|proxy| forbidden(proxy, &config.upstream));
    why.map_or(Ok(()), |why| Err(Error::said(why)))
}

fn told_of_proxy(id: &AccountId, proxy: Option<&Proxy>) -> String {
    match proxy {
        Some(proxy) => say!(
            "WeChat is reached through {proxy} for the account {id}. Running servers do so within seconds.",
            "账号 {id} 从现在起通过 {proxy} 访问微信。运行中的服务几秒内生效。",
            proxy = proxy.to_public_url()
        ),
        None => say!(
            "The account {id} has no proxy of its own any more. Running servers do without within seconds.",
            "账号 {id} 不再有自己的代理。运行中的服务几秒内生效。"
        ),
    }
}

fn known(id: &AccountId) -> Error {
    Error::said(say!(
        "the account {id} is in the store already. To give it another AppSecret: lingpai account set-secret {id}",
        "账号 {id} 已在存储中。更换它的 AppSecret：lingpai account set-secret {id}"
    ))
}

fn unknown(account: &str) -> Error {
    Error::said(say!(
        "the account {account} is not in the store. `lingpai account list` shows those there are",
        "存储中没有账号 {account}。`lingpai account list` 列出已有的账号"
    ))
}

/// The accounts that were left out when they were read just now.
pub(crate) fn damaged(directory: &dyn Directory) -> Vec<Damage> {
    directory.damage().into_iter().filter(Damage::is_of_account).collect()
}

/// Names them.
fn tell_of_damage(directory: &dyn Directory) {
    for Damage { record, what, .. } in damaged(directory) {
        output::tell(&say!(
            "warning: the account {record} cannot be used, and is left as it is: {what}",
            "警告：无法使用账号 {record}，保持原样：{what}"
        ));
    }
}

/// An account and what the store holds of its access_token.
struct Standing {
    account: Account,
    record: Option<Record>,
    now: Timestamp,
}

async fn standings(store: &OpenStore, now: Timestamp) -> Result<Vec<Standing>, Error> {
    let mut records = store.store().load().await?;
    records.retain(|record| record.credential.kind == Kind::ACCESS_TOKEN);
    let mut accounts = store.accounts().await?;
    accounts.sort_by(|one, other| one.id.cmp(&other.id));
    let standing = |account: Account| {
        let record = records.iter().find(|record| record.credential.account == account.id).cloned();
        Standing { account, record, now }
    };
    Ok(accounts.into_iter().map(standing).collect())
}

impl Standing {
    fn row(&self) -> [String; 6] {
        let Account { id, kind, mode, policy, .. } = &self.account;
        let (generation, left) = self.token();
        let trouble = self.trouble().unwrap_or(either("none", "无"));
        [
            id.to_string(),
            kind_name(*kind).to_owned(),
            format!("{}{}", mode_name(*mode), status::kept(policy.keeping.as_str())),
            generation,
            left,
            trouble.to_owned(),
        ]
    }

    fn told(&self) -> String {
        let names = match language::current() {
            Language::English => ["account:", "kind:", "mode:", "token:", "left:", "trouble:"],
            Language::Chinese => ["账号：", "类型：", "模式：", "凭据：", "剩余：", "问题："],
        };
        let mut rows: Vec<_> = names.into_iter().zip(self.row()).collect();
        if let Some(proxy) = &self.account.proxy {
            rows.push((either("proxy:", "代理："), proxy.to_public_url()));
        }
        if let Some(keys) = &self.account.api_security {
            let heading = either("API security:", "API 安全：");
            rows.push((heading, api_security::serials(keys)));
        }
        rows.push((either("created:", "创建时间："), self.account.created_at.to_string()));
        rows.push((either("changed:", "修改时间："), self.account.updated_at.to_string()));
        let rows: Vec<_> = rows.into_iter().map(|(name, value)| [name.to_owned(), value]).collect();
        output::table(&rows)
    }

    fn to_json(&self) -> Value {
        let token = self.record.as_ref().and_then(|record| record.token.as_ref());
        json!({
            "account": self.account.id.as_str(),
            "kind": kind_name(self.account.kind),
            "mode": mode_name(self.account.mode),
            "keeping": self.account.policy.keeping.as_str(),
            "proxy": self.account.proxy.as_ref().map(Proxy::to_public_url),
            "api_security": self.account.api_security.as_deref().map(api_security::shown),
            "generation": self.record.as_ref().map(|record| record.generation),
            "expires_at": token.map(|token| token.expires_at.to_string()),
            "trouble": self.trouble(),
            "created_at": self.account.created_at.to_string(),
            "updated_at": self.account.updated_at.to_string(),
        })
    }

    /// The token's generation, and how long it is still good.
    fn token(&self) -> (String, String) {
        match self.record.as_ref().and_then(|record| record.token.as_ref()) {
            None => (either("none", "无").to_owned(), "-".to_owned()),
            Some(token) if token.expires_at <= self.now => {
                (token.generation.to_string(), either("expired", "已过期").to_owned())
            }
            Some(token) => {
                (token.generation.to_string(), show_duration(token.expires_at.since(self.now)))
            }
        }
    }

    fn trouble(&self) -> Option<&str> {
        let failure = self.record.as_ref()?.failure.as_ref()?;
        Some(&failure.message)
    }
}
