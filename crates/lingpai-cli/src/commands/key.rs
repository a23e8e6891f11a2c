//! `lingpai key`: the API keys of clients. A running server notices within seconds.

use std::collections::BTreeSet;

use lingpai_core::client::{Accounts, ApiKey, NewKey, Right, Role};
use lingpai_core::{Bounds, Clock, Directory, SystemClock, Timestamp};
use serde_json::{Value, json};

use crate::args::{Key, KeyCreate};
use crate::commands::durable_store;
use crate::config::Config;
use crate::error::Error;
use crate::output;

/// Works on the store of the configuration.
pub(crate) async fn run(command: Key, config: Config) -> Result<(), Error> {
    let store = durable_store(&config).await?;
    let directory = store.directory();
    let now = SystemClock::new().now().wall;
    let outcome = match command {
        Key::Create(options) => create(&*directory, &options, now).await,
        Key::List { json } => list(&*directory, json, now).await,
        Key::Revoke { id } => revoke(&*directory, &id, now).await,
    };
    store.close().await;
    outcome
}

/// Makes the admin key of a store that has no key yet, and the text that hands it to the operator.
pub(crate) async fn first(
    directory: &dyn Directory,
    now: Timestamp,
) -> Result<Option<String>, Error> {
    if !directory.keys().await?.is_empty() {
        return Ok(None);
    }
    let new = make("first admin key", [Right::Admin].into(), Accounts::All, now)?;
    directory.put_key(&new.record).await?;
    Ok(Some(format!(
        "\nThere was no API key yet, so one was made. It may do everything, and is shown this once:\n\n    {}\n\n\
         Make one for each service that may do less: lingpai key create NAME --role service --account APPID\n",
        new.key.expose()
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
        let what = "the operating system gives no random bytes, without which no key can be made. Check /dev/urandom";
        Error::System { what, source: error.into() }
    })?;
    Ok(NewKey::from_random(random, name, rights, accounts, now))
}

async fn create(
    directory: &dyn Directory,
    options: &KeyCreate,
    now: Timestamp,
) -> Result<(), Error> {
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
    new.record.preset = options.preset;
    new.record.expires_at = options.expires_in.map(|time| now + time);
    directory.put_key(&new.record).await?;
    if options.json {
        let mut shown = to_json(&new.record, now);
        shown["key"] = Value::from(new.key.expose());
        return output::print_json(&shown);
    }
    output::tell(&format!(
        "The {} key of {}: {} on {}. It is shown this once; revoke it with: lingpai key revoke {}",
        new.record.environment.as_str(),
        new.record.name,
        rights_of(&new.record),
        accounts_of(&new.record),
        new.record.id
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
    environment.grant(role, named).map_err(|harmful| Error::said(harmful.to_string()))
}

async fn list(directory: &dyn Directory, json: bool, now: Timestamp) -> Result<(), Error> {
    let mut keys = directory.keys().await?;
    keys.sort_by_key(|key| key.created_at);
    if json {
        return output::print_json(&keys.iter().map(|key| to_json(key, now)).collect());
    }
    if keys.is_empty() {
        output::tell("There are no keys yet. Make one: lingpai key create NAME");
        return Ok(());
    }
    let heading =
        ["ID", "NAME", "FOR", "RIGHTS", "ACCOUNTS", "FROM", "CALLS", "PRESET", "CREATED", "STATE"];
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
            bounds_of(&key.bounds),
            key.preset.as_str().to_owned(),
            key.created_at.to_string(),
            state,
        ]
    });
    output::print(&output::table(&std::iter::once(heading).chain(rows).collect::<Vec<_>>()))
}

async fn revoke(directory: &dyn Directory, id: &str, now: Timestamp) -> Result<(), Error> {
    let mut keys = directory.keys().await?.into_iter();
    // The whole key is accepted too: it is at hand when it has leaked. It is not repeated.
    let named = keys.find(|key| {
        key.id == id || id.strip_prefix(&key.id).is_some_and(|rest| rest.starts_with('_'))
    });
    let Some(mut key) = named else {
        return Err(Error::said("there is no key of this id. `lingpai key list` shows all ids"));
    };
    if key.revoked_at.is_none() {
        key.revoked_at = Some(now);
        directory.put_key(&key).await?;
    }
    output::tell(&format!(
        "The key {} of {} is revoked. Running servers refuse it within seconds.",
        key.id, key.name
    ));
    Ok(())
}

fn rights_of(key: &ApiKey) -> String {
    key.rights.iter().map(|right| right.as_str()).collect::<Vec<_>>().join(" ")
}

fn accounts_of(key: &ApiKey) -> String {
    match &key.accounts {
        Accounts::All => "all accounts".to_owned(),
        Accounts::Only(accounts) => {
            accounts.iter().map(|id| id.as_str()).collect::<Vec<_>>().join(" ")
        }
    }
}

fn networks_of(key: &ApiKey) -> String {
    match key.networks.as_slice() {
        [] => "everywhere".to_owned(),
        networks => networks.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "),
    }
}

/// What bounds its calls through the gateway besides what bounds everybody's.
fn bounds_of(bounds: &Bounds) -> String {
    let Bounds { paths, per_minute, at_once, per_day } = bounds;
    let numbers = [(per_minute, "a minute"), (at_once, "at once"), (per_day, "a day")];
    let numbers =
        numbers.into_iter().filter_map(|(most, unit)| Some(format!("{} {unit}", (*most)?)));
    let all: Vec<_> = paths.iter().map(ToString::to_string).chain(numbers).collect();
    if all.is_empty() { "-".to_owned() } else { all.join(", ") }
}

fn state_of(key: &ApiKey, now: Timestamp) -> String {
    match (key.revoked_at, key.expires_at) {
        (Some(at), _) => format!("revoked {at}"),
        (None, Some(end)) if now >= end => format!("expired {end}"),
        (None, Some(end)) => format!("good until {end}"),
        (None, None) => "good".to_owned(),
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
        "preset": key.preset,
        "created_at": key.created_at.to_string(),
        "expires_at": time(key.expires_at),
        "revoked_at": time(key.revoked_at),
        "good": key.revoked_at.is_none() && key.expires_at.is_none_or(|end| now < end),
    })
}
