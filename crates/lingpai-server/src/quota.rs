//! The native API of quotas: what an account has called today and may still call, having its counters set to zero, and what WeChat
//! knows of one request.
//!
//! WeChat is asked through the gateway, by the account's own way. Applications of WeCom have none of this.

use std::net::IpAddr;

use http::request::Parts;
use http::{Response, StatusCode};
use hyper::body::Incoming;
use lingpai_core::audit::{Action, Deed};
use lingpai_core::client::Right;
use lingpai_core::{AccountId, CredentialId, Day, Kind};
use lingpai_wechat::protocol;
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::answer::{self, Body};
use crate::gateway::{Called, Gateway, is_about_token, is_of_wecom};
use crate::language::{self, Language, either};
use crate::native::caller;
use crate::query::Query;
use crate::refusal::{Barred, Parameter, Refusal};
use crate::serving::Serving;

/// How often a month WeChat lets an account clear its quota, whoever asks: the console, `clear_quota` and `clear_quota/v2`
/// together (WeChat's page on `clear_quota`).
const CLEARINGS: u32 = 10;
/// So many accounts are asked one after the other whose a rid is.
const ASKED: usize = 10;

const CLEAR: &str = "/cgi-bin/clear_quota";

/// What was counted of an account here, without asking WeChat.
#[derive(Serialize)]
struct Overview {
    account: AccountId,
    /// In China.
    day: String,
    calls: Vec<Called>,
    fetches: Vec<Fetches>,
    /// All clients' calls of the day, if the configuration bounds them.
    #[serde(skip_serializing_if = "Option::is_none")]
    calls_per_day: Option<Used>,
    clearings: Clearings,
}

/// The calls for one kind of credential.
#[derive(Serialize)]
struct Fetches {
    kind: String,
    #[serde(flatten)]
    used: Used,
}

#[derive(Serialize)]
struct Used {
    used: u32,
    most: u32,
}

/// How often the quota was cleared from here.
#[derive(Clone, Serialize)]
struct Clearings {
    /// In China.
    month: String,
    used: u32,
    most: u32,
}

/// What WeChat says of one path.
#[derive(Serialize)]
struct OfPath<'a> {
    account: &'a AccountId,
    path: &'a str,
    /// Of this day in China, through this Lingpai.
    calls: u32,
    quota: Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    rate_limit: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    component_rate_limit: Option<Value>,
}

/// What came of a clearing.
#[derive(Serialize)]
struct Cleared {
    account: AccountId,
    /// The API that did it.
    by: &'static str,
    explanation: &'static str,
    clearings: Clearings,
}

/// `GET /v1/accounts/{account}/quota`, and of one path with `?path=`.
pub(crate) async fn read(
    serving: &Serving,
    account: &str,
    head: &Parts,
    peer: IpAddr,
) -> Result<Response<Body>, Refusal> {
    let admitted = serving.admit(caller("GET", head, peer)?, Right::StatusRead, account).await?;
    let account = admitted.credential.account;
    let gateway = serving.quotas_of(&account)?;
    let Some(path) = Query::of(head).text("path") else {
        return Ok(answer::json(StatusCode::OK, &overview(serving, gateway, account).await?));
    };
    let path = path.as_ref();
    let asked = json!({ "cgi_path": path });
    let mut told = gateway.ask(serving, &account, protocol::QUOTA_PATH, &asked).await?;
    let mut member = |name: &str| told.remove(name).filter(Value::is_object);
    let quota = member("quota").unwrap_or_else(|| Map::new().into());
    let (called, _) = serving.called_today(&account).await?.unwrap_or_default();
    let of_path = OfPath {
        account: &account,
        path,
        calls: called.iter().find(|called| called.path() == path).map_or(0, Called::calls),
        quota,
        rate_limit: member("rate_limit"),
        component_rate_limit: member("component_rate_limit"),
    };
    Ok(answer::json(StatusCode::OK, &of_path))
}

/// `POST /v1/accounts/{account}/quota/clear`.
pub(crate) async fn clear(
    serving: &Serving,
    account: &str,
    head: &Parts,
    body: Incoming,
    peer: IpAddr,
) -> Result<Response<Body>, Refusal> {
    let admitted = serving.admit(caller("POST", head, peer)?, Right::QuotaClear, account).await?;
    serving.body(body).await?;
    let account = admitted.credential.account;
    let gateway = serving.quotas_of(&account)?;
    let language = language::wanted(&head.headers);
    let asked = json!({ "appid": account.as_str() });
    let by = match gateway.ask(serving, &account, CLEAR, &asked).await {
        Ok(_) => CLEAR,
        // No token is to be had, perhaps because its quota is what is used up.
        Err(refusal) if is_for_want_of_a_token(&refusal, &serving.carried(account.clone())) => {
            gateway.clear_by_secret(serving, &account).await?
        }
        Err(refusal) => return Err(refusal),
    };
    let credential = serving.carried(account.clone());
    serving.did(&admitted.key, peer, Some(credential), Deed::new(Action::QuotaCleared));
    // Now, so that it is counted whatever becomes of this process. If the store is away, it is counted a little later.
    let stored = gateway.gate.store_counts(&serving.registry).await;
    if let Err(error) = stored {
        tracing::warn!(%error, "the clearing of a quota is not counted in the store yet");
    }
    let clearings = clearings(serving, gateway, &account).await?;
    let explanation = cleared(language);
    let cleared = Cleared { account, by, explanation, clearings };
    Ok(language::said(language, StatusCode::OK, &cleared))
}

/// `GET /v1/rids/{rid}`, of the account in `?account=`, or of the one among the key's whose it is.
pub(crate) async fn rid(
    serving: &Serving,
    rid: &str,
    head: &Parts,
    peer: IpAddr,
) -> Result<Response<Body>, Refusal> {
    // The request that WeChat shows may hold a token.
    let caller = caller("GET", head, peer)?;
    let (_, allowed) = serving.admit_somewhere(caller, Right::TokenRead).await?;
    let candidates = match Query::of(head).account("account")? {
        Some(account) => {
            let admitted = serving.admit(caller, Right::TokenRead, account.as_str()).await?;
            serving.keeper(&serving.carried(admitted.credential.account))?;
            vec![account]
        }
        None => {
            let keepers = serving.registry.keepers();
            let accounts = keepers.iter().filter(|keeper| !keeper.is_dependent());
            let accounts = accounts.map(|keeper| keeper.credential().account.clone());
            let mut accounts: Vec<_> = accounts
                .filter(|account| allowed.contains(account) && account.corp_and_agent().is_none())
                .take(ASKED + 1)
                .collect();
            accounts.sort();
            accounts
        }
    };
    if candidates.len() > ASKED {
        return Err(Refusal::ParameterMissing(Parameter::Account));
    }
    let mut outcome = Err(Refusal::AccountUnknown);
    for account in candidates {
        // What WeChat shows of a platform's call may hold the platform's token, which has a right of its own.
        if serving.carried(account.clone()).kind != Kind::ACCESS_TOKEN {
            outcome = Err(Refusal::NoQuota);
            continue;
        }
        let gateway = serving.quotas_of(&account)?;
        match gateway.ask(serving, &account, protocol::RID_PATH, &json!({ "rid": rid })).await {
            Ok(mut told) => {
                let request = told.remove("request").filter(Value::is_object);
                let request = request.unwrap_or_else(|| Map::new().into());
                let found = json!({"account": account.as_str(), "rid": rid, "request": request});
                return Ok(answer::json(StatusCode::OK, &found));
            }
            // Another one may know it.
            Err(refusal) => outcome = Err(refusal),
        }
    }
    outcome
}

impl Serving {
    /// What asks WeChat about the quotas of an account that has any.
    fn quotas_of(&self, account: &AccountId) -> Result<&Gateway, Refusal> {
        let credential = self.carried(account.clone());
        self.keeper(&credential)?;
        if is_of_wecom(&credential) {
            return Err(Refusal::NoQuota);
        }
        self.gateway.as_ref().ok_or(Refusal::Barred(Barred::GatewayOff))
    }
}

async fn overview(
    serving: &Serving,
    gateway: &Gateway,
    account: AccountId,
) -> Result<Overview, Refusal> {
    let today = serving.registry.clock().now().day();
    let (calls, _) = serving.called_today(&account).await?.unwrap_or_default();
    let ledger = serving.registry.store().ledger(&account, today).await?;
    let token = serving.keeper(&serving.carried(account.clone()))?;
    let kinds = token.dependents().iter().chain([&token.credential().kind]);
    let keepers = kinds
        .filter_map(|kind| serving.registry.get(&CredentialId::new(kind.clone(), account.clone())));
    let fetches = keepers.map(|keeper| {
        let kind = keeper.credential().kind.as_str().to_owned();
        let of_kind = format!("fetch/{kind}/");
        let used = ledger.iter().filter(|(name, _)| name.starts_with(&of_kind));
        let used = used.map(|(_, times)| times).sum();
        let used = Used { used, most: keeper.status().outlook.daily_budget };
        Fetches { kind, used }
    });
    let mut fetches: Vec<_> = fetches.collect();
    fetches.sort_by(|a, b| a.kind.cmp(&b.kind));
    let (clearings, calls_per_day) = gateway.gate.spent(&serving.registry, &account, today).await?;
    Ok(Overview {
        account,
        day: today.to_string(),
        calls,
        fetches,
        calls_per_day: calls_per_day.map(|(used, most)| Used { used, most: most.get() }),
        clearings: Clearings::of(today, clearings),
    })
}

async fn clearings(
    serving: &Serving,
    gateway: &Gateway,
    account: &AccountId,
) -> Result<Clearings, Refusal> {
    let today = serving.registry.clock().now().day();
    let (used, _) = gateway.gate.spent(&serving.registry, account, today).await?;
    Ok(Clearings::of(today, used))
}

impl Clearings {
    fn of(today: Day, used: u32) -> Self {
        let mut month = today.to_string();
        month.truncate("2026-11".len());
        Self { month, used, most: CLEARINGS }
    }
}

/// Whether a call with a token could not be made, or was refused because of its token.
fn is_for_want_of_a_token(refusal: &Refusal, credential: &CredentialId) -> bool {
    match refusal {
        Refusal::NoToken(_) | Refusal::Pending => true,
        Refusal::UpstreamRefused(failure) => is_about_token(failure, credential),
        _ => false,
    }
}

fn cleared(language: Language) -> &'static str {
    either(
        language,
        "WeChat has set the counters of the account to zero. Calls for tokens may take a while longer.",
        "微信已将该账号的接口调用次数清零。获取凭据的接口可能稍后才恢复。",
    )
}
