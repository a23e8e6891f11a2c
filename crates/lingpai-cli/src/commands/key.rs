//! `lingpai key`: the API keys of clients. A running server notices within seconds.

mod exchange;

use std::collections::BTreeSet;

use lingpai_core::client::{Accounts, ApiKey, NewKey, Right, Role};
use lingpai_core::event::KeyChange;
use lingpai_core::store::Damage;
use lingpai_core::{Bounds, Clock, Directory, SystemClock, Timestamp};
use lingpai_wechat::catalogue::Language;
use serde_json::{Value, json};

use crate::args::{Key, KeyCreate};
use crate::commands::{durable_store, noted};
use crate::config::Config;
use crate::error::Error;
use crate::keeping::OpenStore;
use crate::language::{self, either, say};
use crate::output;

/// Works on the store of the configuration.
pub(crate) async fn run(command: Key, config: Config) -> Result<(), Error> {
    let store = durable_store(&config).await?;
    let directory = store.directory();
    let now = SystemClock::new().now().wall;
    let outcome = match command {
        Key::Create(options) => create(&store, &options, now).await,
        Key::List { json } => list(&*directory, json, now).await,
        Key::Revoke { id } => revoke(&store, &id, now).await,
        Key::Export => exchange::export(&*directory).await,
        Key::Import { file } => exchange::import(&store, &file).await,
    };
    store.close().await;
    outcome
}

/// Makes the admin key of a store that has no key yet, and the text that hands it to the operator.
pub(crate) async fn first(
    directory: &dyn Directory,
    now: Timestamp,
) -> Result<Option<String>, Error> {
    // One that cannot be read is one all the same.
    if !directory.keys().await?.is_empty() || directory.damage().iter().any(Damage::is_of_key) {
        return Ok(None);
    }
    let new = make("first admin key", [Right::Admin].into(), Accounts::All, now)?;
    directory.put_key(&new.record).await?;
    Ok(Some(say!(
        "\nThere was no API key yet, so one was made. It may do everything, and is shown this once:\n\n    {key}\n\n\
         Make one for each service that may do less: lingpai key create NAME --role service --account APPID\n",
        "\n还没有 API 密钥，因此新建了一个。它拥有全部权限，只显示这一次：\n\n    {key}\n\n\
         请为每个业务服务另建权限较少的密钥：lingpai key create NAME --role service --account APPID\n",
        key = new.key.expose()
    )))
}

/// Makes a key; the caller stores its record.
pub(crate) fn make(
    name: &str,
    rights: BTreeSet<Right>,
    accounts: Accounts,
    now: Timestamp,
) -> Result<NewKey, Error> {
    let mut random = [0; 30];
    getrandom::fill(&mut random).map_err(|error| {
        let what = either(
            "the operating system gives no random bytes, without which no key can be made. Check /dev/urandom",
            "操作系统没有给出随机数，无法新建密钥。请检查 /dev/urandom",
        );
        Error::System { what, source: error.into() }
    })?;
    Ok(NewKey::from_random(random, name, rights, accounts, now))
}

async fn create(store: &OpenStore, options: &KeyCreate, now: Timestamp) -> Result<(), Error> {
    let rights = rights_for(options)?;
    let accounts = match options.accounts.as_slice() {
        [] => Accounts::All,
        accounts => Accounts::Only(accounts.iter().cloned().collect()),
    };
    let mut new = make(&options.name, rights, accounts, now)?;
    new.record.environment = options.environment;
    new.record.networks.clone_from(&options.networks);
    new.record.bounds = Bounds {
        paths: options.paths.clone(),
        per_minute: options.per_minute,
        at_once: options.at_once,
        per_day: options.per_day,
    };
    new.record.domains.clone_from(&options.domains);
    new.record.preset = options.preset;
    new.record.expires_at = options.expires_in.map(|time| now + time);
    store.directory().put_key(&new.record).await?;
    noted::key(store, "key create", &new.record.id, KeyChange::Made).await;
    if options.json {
        let mut shown = to_json(&new.record, now);
        shown["key"] = Value::from(new.key.expose());
        return output::print_json(&shown);
    }
    output::tell(&say!(
        "The {environment} key of {name}: {rights} on {accounts}. It is shown this once; revoke it with: lingpai key revoke {id}",
        "{name} 的 {environment} 密钥，权限：{rights}；账号：{accounts}。只显示这一次；吊销它：lingpai key revoke {id}",
        environment = new.record.environment.as_str(),
        name = new.record.name,
        rights = rights_of(&new.record),
        accounts = accounts_of(&new.record),
        id = new.record.id
    ));
    output::print(new.key.expose())
}

fn rights_for(options: &KeyCreate) -> Result<BTreeSet<Right>, Error> {
    let KeyCreate { environment, rights, .. } = options;
    let role = if options.admin { Some(Role::Admin) } else { options.role };
    let named: BTreeSet<Right> = match (role, rights.as_slice()) {
        (None, []) => {
            let usual = [Right::TokenRead, Right::TokenReport].into_iter();
            usual.filter(|right| environment.allows(*right)).collect()
        }
        (_, rights) => rights.iter().copied().collect(),
    };
    environment
        .grant(role, named)
        .map_err(|harmful| Error::said(say!("{harmful}", "该环境不允许这些权限：{harmful}")))
}

async fn list(directory: &dyn Directory, json: bool, now: Timestamp) -> Result<(), Error> {
    let mut keys = directory.keys().await?;
    keys.sort_by_key(|key| key.created_at);
    tell_of_damage(directory);
    if json {
        return output::print_json(&keys.iter().map(|key| to_json(key, now)).collect());
    }
    if keys.is_empty() {
        output::tell(either(
            "There are no keys yet. Make one: lingpai key create NAME",
            "还没有密钥。新建：lingpai key create NAME",
        ));
        return Ok(());
    }
    let heading = match language::current() {
        Language::English => [
            "ID", "NAME", "FOR", "RIGHTS", "ACCOUNTS", "FROM", "CALLS", "PRESET", "CREATED",
            "STATE",
        ],
        Language::Chinese => {
            ["编号", "名称", "环境", "权限", "账号", "来源", "调用上限", "预设", "创建时间", "状态"]
        }
    };
    let heading = heading.map(str::to_owned);
    let rows = keys.iter().map(|key| {
        let state = state_of(key, now);
        [
            key.id.clone(),
            key.name.clone(),
            key.environment.as_str().to_owned(),
            rights_of(key),
            accounts_of(key),
            networks_of(key),
            bounds_of(key),
            key.preset.as_str().to_owned(),
            key.created_at.to_string(),
            state,
        ]
    });
    output::print(&output::table(&std::iter::once(heading).chain(rows).collect::<Vec<_>>()))
}

/// Names the keys that were left out when they were read just now.
fn tell_of_damage(directory: &dyn Directory) {
    for damage in directory.damage().iter().filter(|damage| damage.is_of_key()) {
        output::tell(&told_of_damage(damage));
    }
}

fn told_of_damage(Damage { record, what, .. }: &Damage) -> String {
    say!(
        "warning: the key {record} cannot be read, and is refused: {what}. Make another in its place",
        "警告：无法读取密钥 {record}，它会被拒绝：{what}。请另建一个代替它"
    )
}

async fn revoke(store: &OpenStore, id: &str, now: Timestamp) -> Result<(), Error> {
    let directory = store.directory();
    let mut keys = directory.keys().await?.into_iter();
    // The whole key is accepted too: it is at hand when it has leaked. It is not repeated.
    let named = keys.find(|key| {
        key.id == id || id.strip_prefix(&key.id).is_some_and(|rest| rest.starts_with('_'))
    });
    let Some(mut key) = named else {
        return Err(Error::said(either(
            "there is no key of this id. `lingpai key list` shows all ids",
            "没有这个编号的密钥。`lingpai key list` 列出所有编号",
        )));
    };
    if key.revoked_at.is_none() {
        key.revoked_at = Some(now);
        directory.put_key(&key).await?;
        noted::key(store, "key revoke", &key.id, KeyChange::Revoked).await;
    }
    output::tell(&say!(
        "The key {id} of {name} is revoked. Running servers refuse it within seconds.",
        "{name} 的密钥 {id} 已吊销。运行中的服务几秒内开始拒绝它。",
        id = key.id,
        name = key.name
    ));
    Ok(())
}

fn rights_of(key: &ApiKey) -> String {
    key.rights.iter().map(|right| right.as_str()).collect::<Vec<_>>().join(" ")
}

fn accounts_of(key: &ApiKey) -> String {
    match &key.accounts {
        Accounts::All => either("all accounts", "所有账号").to_owned(),
        Accounts::Only(accounts) => {
            accounts.iter().map(|id| id.as_str()).collect::<Vec<_>>().join(" ")
        }
    }
}

fn networks_of(key: &ApiKey) -> String {
    match key.networks.as_slice() {
        [] => either("everywhere", "不限").to_owned(),
        networks => networks.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "),
    }
}

/// What bounds its calls through the gateway besides what bounds everybody's, and the pages it may have signed.
fn bounds_of(key: &ApiKey) -> String {
    let Bounds { paths, per_minute, at_once, per_day } = &key.bounds;
    let numbers = [
        (per_minute, either("a minute", "次/分钟")),
        (at_once, either("at once", "个并发")),
        (per_day, either("a day", "次/天")),
    ];
    let numbers =
        numbers.into_iter().filter_map(|(most, unit)| Some(format!("{} {unit}", (*most)?)));
    let domains = key.domains.iter().map(ToString::to_string);
    let all: Vec<_> = paths.iter().map(ToString::to_string).chain(numbers).chain(domains).collect();
    if all.is_empty() { "-".to_owned() } else { all.join(", ") }
}

fn state_of(key: &ApiKey, now: Timestamp) -> String {
    match (key.revoked_at, key.expires_at) {
        (Some(at), _) => say!("revoked {at}", "{at} 吊销"),
        (None, Some(end)) if now >= end => say!("expired {end}", "{end} 过期"),
        (None, Some(end)) => say!("good until {end}", "{end} 前有效"),
        (None, None) => either("good", "有效").to_owned(),
    }
}

fn to_json(key: &ApiKey, now: Timestamp) -> Value {
    let time = |at: Option<Timestamp>| at.map(|at| at.to_string());
    json!({
        "id": key.id,
        "name": key.name,
        "environment": key.environment,
        "rights": key.rights,
        "accounts": match &key.accounts {
            Accounts::All => Value::from("all"),
            Accounts::Only(accounts) => json!(accounts),
        },
        "networks": key.networks,
        "bounds": key.bounds,
        "domains": key.domains,
        "preset": key.preset,
        "created_at": key.created_at.to_string(),
        "expires_at": time(key.expires_at),
        "revoked_at": time(key.revoked_at),
        "first_used_at": time(key.first_used_at),
        "good": key.revoked_at.is_none() && key.expires_at.is_none_or(|end| now < end),
    })
}
