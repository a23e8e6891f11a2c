//! The native API of keys, for an admin of all accounts. The key itself is seen once, when it is made.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::time::Duration;

use http::request::Parts;
use http::{Method, Response, StatusCode};
use hyper::body::Incoming;
use lingpai_core::audit::Deed;
use lingpai_core::client::{Accounts, ApiKey, KeyHash, NewKey, Right, Role};
use lingpai_core::environment::Harmful;
use lingpai_core::event::{KeyChange, What};
use lingpai_core::{AccountId, Bounds, Domain, Environment, Network, PathGlob, Preset, Timestamp};
use serde::{Deserialize, Serialize};

use crate::answer::{self, Body};
use crate::language::Bilingual;
use crate::native::bearer;
use crate::object;
use crate::refusal::Refusal;
use crate::serving::Serving;

#[derive(Serialize)]
struct KeysAnswer {
    keys: Vec<KeyAnswer>,
}

/// A key as people see it.
#[derive(Serialize)]
struct KeyAnswer {
    id: String,
    name: String,
    environment: Environment,
    rights: BTreeSet<Right>,
    accounts: Named,
    networks: Vec<Network>,
    #[serde(skip_serializing_if = "Bounds::is_empty")]
    bounds: Bounds,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    domains: Vec<Domain>,
    preset: Preset,
    #[serde(serialize_with = "answer::rfc_3339")]
    created_at: Timestamp,
    #[serde(serialize_with = "answer::rfc_3339_if_any")]
    expires_at: Option<Timestamp>,
    #[serde(serialize_with = "answer::rfc_3339_if_any")]
    revoked_at: Option<Timestamp>,
    #[serde(serialize_with = "answer::rfc_3339_if_any")]
    first_used_at: Option<Timestamp>,
    good: bool,
    /// The key itself, when it was just made.
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
}

/// What a new key is to be.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    name: String,
    #[serde(default)]
    environment: Environment,
    #[serde(default)]
    rights: BTreeSet<Right>,
    role: Option<Role>,
    accounts: Named,
    #[serde(default)]
    networks: Vec<Network>,
    #[serde(default)]
    bounds: BoundsWanted,
    #[serde(default)]
    domains: Vec<Domain>,
    #[serde(default)]
    preset: Preset,
    /// Whole seconds.
    expires_in: Option<u64>,
}

/// [`Bounds`] as people write them, where a mistake must not mean no bound at all.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct BoundsWanted {
    paths: Vec<PathGlob>,
    per_minute: Option<NonZeroU32>,
    at_once: Option<NonZeroU32>,
    per_day: Option<NonZeroU32>,
}

/// `"all"`, or a list of names.
#[derive(Serialize, Deserialize)]
#[serde(untagged, expecting = "`accounts` must be \"all\" or a list of account names")]
pub(crate) enum Named {
    All(All),
    Only(BTreeSet<AccountId>),
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum All {
    All,
}

/// `GET /v1/keys` and `POST /v1/keys`.
pub(crate) async fn collection(
    serving: &Serving,
    head: &Parts,
    body: Incoming,
    peer: IpAddr,
) -> Result<Response<Body>, Refusal> {
    match head.method {
        Method::GET | Method::POST => {}
        _ => return Err(Refusal::MethodUnknown("GET, POST")),
    }
    let admin = admit(serving, head, peer).await?;
    let now = serving.registry.clock().now().wall;
    if head.method == Method::GET {
        let all = serving.keys.all();
        let mut keys: Vec<_> = all.values().map(|key| KeyAnswer::new(key, now)).collect();
        keys.sort_by(|a, b| (a.created_at, &a.id).cmp(&(b.created_at, &b.id)));
        return Ok(answer::json(StatusCode::OK, &KeysAnswer { keys }));
    }
    let body = serving.body(body).await?;
    let wanted: Wanted = object::read(&body)?;
    let new = wanted.make(now)?;
    serving.keys.add(new.record.clone()).await?;
    tell(serving, KeyChange::Made, &new.record.id, (&admin, peer));
    let mut answer = KeyAnswer::new(&new.record, now);
    answer.key = Some(new.key.expose().to_owned());
    Ok(answer::json(StatusCode::CREATED, &answer))
}

/// `DELETE /v1/keys/{id}`: the next request with it is refused, and its open streams end.
pub(crate) async fn revoke(
    serving: &Serving,
    id: &str,
    head: &Parts,
    peer: IpAddr,
) -> Result<Response<Body>, Refusal> {
    if head.method != Method::DELETE {
        return Err(Refusal::MethodUnknown("DELETE"));
    }
    let admin = admit(serving, head, peer).await?;
    let now = serving.registry.clock().now().wall;
    let key = serving.keys.revoke(id, now).await?.ok_or(Refusal::KeyIdUnknown)?;
    tell(serving, KeyChange::Revoked, &key.id, (&admin, peer));
    Ok(answer::json(StatusCode::OK, &KeyAnswer::new(&key, now)))
}

fn tell(serving: &Serving, change: KeyChange, key: &str, (admin, peer): (&KeyHash, IpAddr)) {
    let deed = Deed::new(change).to(key);
    serving.did(admin, peer, None, deed);
    let by = serving.keys.id_of(admin);
    serving.registry.tell(None, What::KeyChanged { change, key: key.to_owned(), by });
}

/// Only an admin of all accounts: whoever makes keys could make one that may do more. His key.
async fn admit(serving: &Serving, head: &Parts, peer: IpAddr) -> Result<KeyHash, Refusal> {
    serving.admit_everywhere(bearer(head, peer)?, Right::Admin).await
}

impl Wanted {
    fn make(self, now: Timestamp) -> Result<NewKey, Refusal> {
        let wrong = |english, chinese| Err(Refusal::BodyWrong(Bilingual::fixed(english, chinese)));
        if !(1..=100).contains(&self.name.chars().count()) || self.name.contains(char::is_control) {
            return wrong(
                "`name` must have 1 to 100 characters and no line breaks",
                "`name` 应为 1 到 100 个字符，不含换行",
            );
        }
        let granted = self.environment.grant(self.role, self.rights);
        let rights = granted.map_err(|harmful| told(&harmful))?;
        if rights.is_empty() {
            return wrong(
                "neither `rights` nor `role` names a right",
                "`rights` 和 `role` 都没有给出权限",
            );
        }
        let longest = ApiKey::LONGEST_LIFE.as_secs();
        if self.expires_in.is_some_and(|seconds| !(1..=longest).contains(&seconds)) {
            return wrong(
                "`expires_in` must be a number of seconds above 0, and a hundred years at most",
                "`expires_in` 应为大于 0 的秒数，最长一百年",
            );
        }
        let accounts = match self.accounts {
            Named::All(_) => Accounts::All,
            Named::Only(accounts) if accounts.is_empty() => {
                return wrong("`accounts` is empty", "`accounts` 是空的");
            }
            Named::Only(accounts) => Accounts::Only(accounts),
        };
        let mut random = [0; 30];
        getrandom::fill(&mut random).map_err(|_| Refusal::NoRandomness)?;
        let mut new = NewKey::from_random(random, &self.name, rights, accounts, now);
        new.record.environment = self.environment;
        new.record.networks = self.networks;
        new.record.bounds = self.bounds.into();
        new.record.domains = self.domains;
        new.record.preset = self.preset;
        new.record.expires_at = self.expires_in.map(|seconds| now + Duration::from_secs(seconds));
        Ok(new)
    }
}

/// Why a key cannot have the rights that are asked for.
fn told(harmful: &Harmful) -> Refusal {
    let rights: Vec<_> =
        harmful.rights.iter().map(|right| format!("`{}`", right.as_str())).collect();
    Refusal::BodyWrong(Bilingual::made(
        harmful.to_string(),
        format!(
            "环境 `{}` 的密钥不能报告失效、更换凭据、清零额度，也不能管理，因此不能有 {}。请去掉，或改用环境 `production`",
            harmful.environment.as_str(),
            rights.join("、")
        ),
    ))
}

impl Named {
    pub(crate) fn of(accounts: &Accounts) -> Self {
        match accounts {
            Accounts::All => Self::All(All::All),
            Accounts::Only(accounts) => Self::Only(accounts.clone()),
        }
    }
}

impl From<BoundsWanted> for Bounds {
    fn from(wanted: BoundsWanted) -> Self {
        let BoundsWanted { paths, per_minute, at_once, per_day } = wanted;
        Self { paths, per_minute, at_once, per_day }
    }
}

impl KeyAnswer {
    fn new(key: &ApiKey, now: Timestamp) -> Self {
        Self {
            id: key.id.clone(),
            name: key.name.clone(),
            environment: key.environment,
            rights: key.rights.clone(),
            accounts: Named::of(&key.accounts),
            networks: key.networks.clone(),
            bounds: key.bounds.clone(),
            domains: key.domains.clone(),
            preset: key.preset,
            created_at: key.created_at,
            expires_at: key.expires_at,
            revoked_at: key.revoked_at,
            first_used_at: key.first_used_at,
            good: key.revoked_at.is_none() && key.expires_at.is_none_or(|end| now < end),
            key: None,
        }
    }
}
