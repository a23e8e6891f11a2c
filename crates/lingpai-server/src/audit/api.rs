//! `GET /v1/audit`: the trail, the newest first.

use std::net::IpAddr;

use http::request::Parts;
use http::{Response, StatusCode};
use lingpai_core::audit::{Action, Note, Who};
use lingpai_core::client::{Accounts, Right};
use lingpai_core::journal::{Page, Told};
use lingpai_core::{AccountId, NodeId, Timestamp};
use serde::Serialize;

use crate::answer::{self, Body};
use crate::language::{self, Language, either, say};
use crate::native::caller;
use crate::query::Query;
use crate::refusal::Refusal;
use crate::serving::Serving;

/// How many records are answered, unless asked for fewer or more.
pub(crate) const PAGE: usize = 100;
pub(crate) const LARGEST_PAGE: usize = 1000;
/// How many are read from the store in one step, and how many steps one answer may take.
const STEP: usize = 500;
const STEPS: usize = 20;

#[derive(Serialize)]
struct TrailAnswer {
    records: Vec<NoteAnswer>,
    /// What to send as `before` to go on. Absent at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// A record as it is shown.
#[derive(Serialize)]
struct NoteAnswer {
    id: String,
    #[serde(serialize_with = "answer::rfc_3339")]
    at: Timestamp,
    action: String,
    count: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    account: Option<AccountId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<String>,
    who: WhoAnswer,
    node: NodeId,
    text: String,
}

#[derive(Serialize)]
#[serde(untagged)]
enum WhoAnswer {
    Client { key: String, name: String, address: IpAddr },
    Command { command: String, user: String },
}

/// The answer. Whoever sees the trail may see all of it: the key must be an admin's of all accounts, or of the one account
/// that it asks for.
pub(crate) async fn list(
    serving: &Serving,
    head: &Parts,
    peer: IpAddr,
) -> Result<Response<Body>, Refusal> {
    let caller = caller("GET", head, peer)?;
    let query = Query::of(head);
    let (_, allowed) = serving.admit_somewhere(caller, Right::Admin).await?;
    let account = query.account("account")?;
    match &account {
        Some(account) => {
            serving.admit(caller, Right::Admin, account.as_str()).await?;
        }
        None if allowed != Accounts::All => return Err(Refusal::SomeAccountsOnly),
        None => {}
    }
    let since = query.since(serving.registry.clock().wall())?;
    let limit = query.limit(PAGE, LARGEST_PAGE)?;
    let language = query.language(head)?;
    let (client, action) = (query.value("client"), query.value("action"));
    let is_by = |note: &Note| match (&client, &note.who) {
        (None, _) => true,
        (Some(client), Who::Client { key, name, .. }) => *client == *key || *client == *name,
        (Some(client), Who::Command { user, .. }) => *client == *user,
    };
    let is_wanted = |note: &Note| {
        is_by(note) && action.as_ref().is_none_or(|action| *action == *note.deed.action)
    };
    let mut page = query.position("before")?.map_or(Page::Newest, Page::Before);
    let (mut records, mut next) = (Vec::new(), None);
    'steps: for _ in 0..STEPS {
        let listing = serving.registry.store().notes(account.as_ref(), page, STEP).await?;
        for Told { position, what } in listing.told {
            if since.is_some_and(|since| what.at < since) {
                next = None;
                break 'steps;
            }
            if is_wanted(&what) {
                records.push(NoteAnswer::new(position.to_string(), what, language));
                if records.len() == limit {
                    next = Some(position.to_string());
                    break 'steps;
                }
            }
        }
        match listing.last.filter(|_| listing.more) {
            Some(last) => (page, next) = (Page::Before(last), Some(last.to_string())),
            None => {
                next = None;
                break;
            }
        }
    }
    Ok(language::said(language, StatusCode::OK, &TrailAnswer { records, next }))
}

impl NoteAnswer {
    fn new(id: String, note: Note, language: Language) -> Self {
        let text = sentence(&note, language);
        let Note { at, node, who, credential, deed } = note;
        let (account, kind) = match credential {
            Some(of) => (Some(of.account.clone()), Some(of.kind.as_str().to_owned())),
            None => (None, None),
        };
        let who = match who {
            Who::Client { key, name, address } => WhoAnswer::Client { key, name, address },
            Who::Command { command, user } => WhoAnswer::Command { command, user },
        };
        let (action, count, subject) = (deed.action, deed.count, deed.subject);
        Self { id, at, action, count, account, kind, subject, who, node, text }
    }
}

/// What was done by whom, in one sentence.
fn sentence(note: &Note, language: Language) -> String {
    let who = match &note.who {
        Who::Client { key, address, .. } if key.is_empty() => {
            say!(
                language,
                "a client without a key, from {address},",
                "没有密钥的客户端（{address}）"
            )
        }
        Who::Client { key, name, address } => {
            say!(language, "{name} ({key}) from {address}", "{name}（{key}）从 {address}")
        }
        Who::Command { command, user } => {
            say!(language, "{user} with `{command}`", "{user} 用命令 `{command}`")
        }
    };
    let (count, subject) = (note.deed.count, note.deed.subject.as_deref().unwrap_or_default());
    let Some(action) = Action::named(&note.deed.action) else {
        let other = &note.deed.action;
        let told = say!(language, "{who}: {other} {subject}", "{who}：{other} {subject}");
        return told.trim_end().to_owned();
    };
    let (english, chinese) = match action {
        Action::TokenRead => {
            return say!(
                language,
                "{who} read the token {count} times within a minute",
                "{who} 一分钟内读取凭据 {count} 次"
            );
        }
        Action::SecretShown => (
            "sent the real AppSecret in the place of an API key, to",
            "在 API 密钥的位置发送了真正的 AppSecret：",
        ),
        Action::TokenRevealed => ("looked at the token in the console", "在控制台查看了凭据"),
        Action::TokenRotated => ("had the token replaced", "更换了凭据"),
        Action::TokenAdopted => ("gave a token that was fetched elsewhere", "交来了别处获取的凭据"),
        Action::TokensEnded => ("had all tokens ended, since one leaked", "因泄露使所有凭据失效"),
        Action::QuotaCleared => ("had the quota cleared", "清零了调用次数"),
        Action::AccountCreated => ("added the account", "添加了账号"),
        Action::AccountUpdated => ("changed the account's settings", "修改了账号的设置"),
        Action::AccountSecretReplaced => ("replaced the AppSecret", "更换了 AppSecret"),
        Action::AccountRemoved => ("removed the account", "移除了账号"),
        Action::AuthorizationLinkMade => ("made an authorisation link", "生成了授权链接"),
        Action::AuthorizersImported => {
            ("imported accounts that have authorised it", "导入了已授权的账号")
        }
        Action::AuthorizersRecovered => {
            ("took over the accounts that WeChat lists", "按微信的授权方列表恢复了账号")
        }
        Action::KeyMade => ("made the key", "创建了密钥"),
        Action::KeyRevoked => ("revoked the key", "吊销了密钥"),
        Action::ConsoleEntered => ("logged in to the console", "登录了控制台"),
        Action::PushRetried => ("had the push tried again", "重新转发了推送"),
        Action::PushRemoved => ("dropped the push", "丢弃了推送"),
        Action::SinkTested => ("tried the sink", "测试了投递目标"),
        Action::SinkSynced => ("had the token put into the sink", "让凭据立即投递到"),
        Action::AlertTested => ("tried the alert", "测试了告警"),
        Action::StoreRekeyed => ("gave the store another master key", "更换了存储的主密钥"),
        Action::StoreCopied => ("copied into this store what was in", "复制到此存储的来源："),
        Action::BackupRestored => ("put a backup in the place of the store", "用备份恢复了存储"),
    };
    let what = either(language, english, chinese);
    if action == Action::AccountUpdated && !subject.is_empty() {
        return say!(language, "{who} {what}: {subject}", "{who} {what}：{subject}");
    }
    format!("{who} {what} {subject}").trim_end().to_owned()
}
