//! Credentials: one hash each, and the steps of a rotation on it, each of which is one script.

use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::time::Duration;

use lingpai_core::store::{
    Begun, Claim, Commit, Committed, Damage, Intent, Lease, Previous, Record, Usage,
};
use lingpai_core::{
    AccountId, Class, CredentialId, Day, Failure, Fence, Generation, NodeId, Reached, Secret,
    StoreError, StoreErrorKind, Timestamp, Token, Way,
};
use redis::{Cmd, cmd};

use super::fields::Fields;
use super::link::Repeat;
use super::{LEDGER_KEPT, LeaseClock, RedisStore, script};
use crate::archive::Kept;
use crate::keys::random;
use crate::rules;
use crate::seal::{Place, Unopened};

const TABLE: &str = "credentials";

const TOKEN: &str = "token";
const COMPANION: &str = "companion";

/// The fields that are sealed.
pub(super) const SEALED: [&str; 2] = [TOKEN, COMPANION];

/// Every credential that can be read, and takes note of the others.
pub(super) async fn load(store: &RedisStore) -> Result<Vec<Record>, StoreError> {
    let names = store.members(store.layout.credentials()).await?;
    let (mut credentials, mut damaged) = (Vec::with_capacity(names.len()), Vec::new());
    for name in &names {
        if let Some(credential) = parse(name) {
            credentials.push(credential);
        } else {
            let what = "its name makes no sense".to_owned();
            damaged.push(Damage { table: TABLE, record: name.clone(), what, newer: false });
        }
    }
    store.note_listed(&credentials);
    let keys: Vec<_> = credentials.iter().map(|id| store.layout.credential(id)).collect();
    let found: Vec<HashMap<String, Vec<u8>>> =
        store.link.run_all(keys.iter().map(Cmd::hgetall).collect()).await?;
    let sealed = |fields| SEALED.into_iter().filter_map(move |column| field(fields, column));
    if !store.whole.knows(found.iter().flat_map(sealed)) {
        store.whole.look_for_keys().await?;
    }
    let mut records = Vec::with_capacity(found.len());
    for ((credential, key), values) in credentials.iter().zip(&keys).zip(found) {
        let fields = Fields::new(key, values);
        match record(store, credential, &fields) {
            _ if fields.is_empty() => {}
            Ok(record) => records.push(record),
            Err(error) => {
                let (record, what) = (credential.to_string(), error.to_string());
                damaged.push(Damage { table: TABLE, record, what, newer: false });
            }
        }
    }
    store.damaged.found(TABLE, damaged);
    Ok(records)
}

pub(super) async fn read(
    store: &RedisStore,
    credential: &CredentialId,
) -> Result<Option<Record>, StoreError> {
    let key = store.layout.credential(credential);
    let values = store.link.run(&Cmd::hgetall(&key), Repeat::Harmless).await?;
    let fields = Fields::new(&key, values);
    if fields.is_empty() { Ok(None) } else { told(store, credential, &fields).await.map(Some) }
}

pub(super) async fn begin(store: &RedisStore, claim: &Claim) -> Result<Begun, StoreError> {
    let credential = &claim.credential;
    let Claim { credential: CredentialId { kind, account }, way, at, .. } = claim;
    list(store, credential).await?;
    let day = Day::of(*at);
    let layout = &store.layout;
    let key = layout.credential(credential);
    let call = script::begin([
        key.clone(),
        layout.kinds(account),
        layout.fence(account),
        layout.ledger(account, day),
    ]);
    let clock = match store.lease_clock {
        LeaseClock::Server => None,
        LeaseClock::Claims => Some(at.as_millis()),
    };
    let call = call
        .arg(kind.as_str())
        .arg(claim.node.as_str())
        // So that a claim whose answer was lost can be made again.
        .arg(u128::from_le_bytes(random()?).to_string())
        .arg(claim.known.0)
        .arg(claim.settles.map(|fence| fence.0.to_string()).unwrap_or_default())
        .arg(way.map(|way| way.as_str()).unwrap_or_default())
        .arg(at.as_millis())
        .arg(claim.deadline.as_millis())
        .arg(millis(claim.lease))
        .arg(day.0)
        .arg(LEDGER_KEPT.as_secs())
        .arg(clock.map(|at| at.to_string()).unwrap_or_default())
        .arg(store.highest_fence.load(Ordering::Relaxed));
    let reply: Vec<Vec<u8>> = store.link.call(&call, Repeat::Harmless).await?;
    let (word, reply) = Reply::new(reply);
    match &word[..] {
        b"granted" => {
            let lease = Lease {
                credential: credential.clone(),
                node: claim.node.clone(),
                fence: Fence(reply.number(0)?),
                until: *at + claim.lease,
            };
            store.highest_fence.fetch_max(lease.fence.0, Ordering::Relaxed);
            let usage = Usage { day, fetches: reply.number(1)?, forced: reply.number(2)? };
            Ok(Begun::Granted { lease, usage })
        }
        b"newer" => {
            let fields = Fields::flat(&key, reply.0);
            Ok(Begun::Newer(Box::new(told(store, credential, &fields).await?)))
        }
        b"held" => {
            let left = Duration::from_millis(reply.number(1)?);
            Ok(Begun::Held { by: NodeId::new(reply.text(0)?), until: *at + left })
        }
        b"unfinished" => Ok(Begun::Unfinished(Intent {
            fence: Fence(reply.number(0)?),
            way: self::way(reply.text(1)?).ok_or_else(senseless)?,
            at: Timestamp::from_millis(reply.number(2)?),
            deadline: Timestamp::from_millis(reply.number(3)?),
            lost: reply.number(4)?,
        })),
        _ => Err(senseless()),
    }
}

pub(super) async fn commit(store: &RedisStore, commit: &Commit) -> Result<Committed, StoreError> {
    let Commit { lease, token, previous_until } = commit;
    let credential = &lease.credential;
    let key = store.layout.credential(credential);
    let name = credential.to_string();
    let companion = seal_companion(store, &name, token)?;
    let call = script::commit([key.clone()])
        .arg(lease.fence.0)
        .arg(token.generation.0)
        .arg(String::from(token.fingerprint()))
        .arg(previous_until.map(|until| until.as_millis().to_string()).unwrap_or_default())
        .arg(store.whole.foundation().ring.seal(place(&name, TOKEN), token.value.expose())?)
        .arg(token.issued_at.as_millis())
        .arg(token.expires_at.as_millis())
        .arg(millis(token.full_life))
        .arg(token.way.as_str())
        .arg(store.layout.changes())
        .arg(store.message(credential))
        .arg(companion.unwrap_or_default());
    let reply: Vec<Vec<u8>> = store.link.call(&call, Repeat::Harmless).await?;
    let (word, reply) = Reply::new(reply);
    match &word[..] {
        b"stored" => Ok(Committed::Stored),
        b"fenced" => {
            let fields = Fields::flat(&key, reply.0);
            Ok(Committed::Fenced(Box::new(told(store, credential, &fields).await?)))
        }
        b"unfit" => Err(rules::unfit(commit, Generation(reply.number(0)?))),
        _ => Err(senseless()),
    }
}

pub(super) async fn abandon(
    store: &RedisStore,
    lease: &Lease,
    failure: &Failure,
) -> Result<(), StoreError> {
    let told = text_of(failure, &lease.credential)?;
    let call = script::abandon([store.layout.credential(&lease.credential)])
        .arg(lease.fence.0)
        .arg(told)
        .arg(i32::from(failure.reached == Reached::No));
    let _: i64 = store.link.call(&call, Repeat::Harmless).await?;
    Ok(())
}

fn text_of(failure: &Failure, credential: &CredentialId) -> Result<String, StoreError> {
    serde_json::to_string(failure).map_err(|error| {
        let what = format!("the failure of a fetch for {credential} cannot be stored");
        StoreError::new(StoreErrorKind::Invalid, what).caused_by(error)
    })
}

pub(super) async fn keep(store: &RedisStore, kept: &Kept) -> Result<(), StoreError> {
    let Kept { record, fence } = kept;
    let credential = &record.credential;
    list(store, credential).await?;
    let layout = &store.layout;
    let name = credential.to_string();
    let time = |at: Timestamp| at.as_millis().to_string();
    let mut fields: Vec<(&str, Vec<u8>)> = Vec::new();
    let mut put = |name, value: String| fields.push((name, value.into_bytes()));
    if let Some(token) = &record.token {
        put("fingerprint", token.fingerprint().into());
        put("issued_at", time(token.issued_at));
        put("expires_at", time(token.expires_at));
        put("full_life", millis(token.full_life).to_string());
        put("way", token.way.as_str().to_owned());
    }
    if let Some(previous) = record.previous {
        put("previous_fingerprint", previous.fingerprint.into());
        put("previous_until", time(previous.until));
    }
    if let Some(intent) = record.intent {
        put("intent_fence", intent.fence.0.to_string());
        put("intent_way", intent.way.as_str().to_owned());
        put("intent_at", time(intent.at));
        put("intent_deadline", time(intent.deadline));
        put("intent_lost", intent.lost.to_string());
    }
    if let Some(at) = record.last_forced_at {
        put("last_forced_at", time(at));
    }
    if let Some(failure) = &record.failure {
        put("failure", text_of(failure, credential)?);
    }
    put("usage_day", record.usage.day.0.to_string());
    put("usage_fetches", record.usage.fetches.to_string());
    put("usage_forced", record.usage.forced.to_string());
    if let Some(token) = &record.token {
        let sealed =
            store.whole.foundation().ring.seal(place(&name, TOKEN), token.value.expose())?;
        fields.push((TOKEN, sealed));
        fields.extend(seal_companion(store, &name, token)?.map(|sealed| (COMPANION, sealed)));
    }
    let account = &credential.account;
    let mut call =
        script::keep([layout.credential(credential), layout.kinds(account), layout.fence(account)])
            .arg(credential.kind.as_str())
            .arg(record.generation.0)
            .arg(fence.0)
            .arg(layout.changes())
            .arg(store.message(credential));
    for (name, value) in fields {
        call = call.arg(name).arg(value);
    }
    store.link.call::<i64>(&call, Repeat::Harmless).await.map(drop)
}

pub(super) async fn confirm(
    store: &RedisStore,
    credential: &CredentialId,
    generation: Generation,
) -> Result<(), StoreError> {
    let call = script::confirm([store.layout.credential(credential)]).arg(generation.0);
    let is_there: i64 = store.link.call_confirmed(&call).await?;
    if is_there == 1 {
        return Ok(());
    }
    Err(StoreError::new(
        StoreErrorKind::Unavailable,
        format!(
            "the store {} has lost the token of {credential} that was just stored in it. It is stored again as soon as that \
             is noticed",
            store.link.name()
        ),
    ))
}

/// The credential's name in the list that everything is loaded from. First of all, so that nothing is stored that is not
/// listed.
async fn list(store: &RedisStore, credential: &CredentialId) -> Result<(), StoreError> {
    if store.is_listed(credential) {
        return Ok(());
    }
    let mut add = cmd("SADD");
    add.arg(store.layout.credentials()).arg(credential.to_string());
    let _: i64 = store.link.run(&add, Repeat::Harmless).await?;
    store.note_listed(std::slice::from_ref(credential));
    Ok(())
}

/// The same, for one that may be sealed with a key that this node has not seen yet.
async fn told(
    store: &RedisStore,
    credential: &CredentialId,
    fields: &Fields<'_>,
) -> Result<Record, StoreError> {
    if !store.whole.knows(SEALED.into_iter().filter_map(|column| fields.bytes(column))) {
        store.whole.look_for_keys().await?;
    }
    record(store, credential, fields)
}

/// The record for the engine. A token that does not open is missing from it, and its failure says why: the engine fetches
/// another.
fn record(
    store: &RedisStore,
    credential: &CredentialId,
    fields: &Fields<'_>,
) -> Result<Record, StoreError> {
    let ring = &store.whole.foundation().ring;
    let generation = Generation(fields.parsed("generation")?.unwrap_or_default());
    let mut failure = fields.json("failure")?;
    let name = credential.to_string();
    // Without its companion the token is still good to its end.
    let companion = fields.bytes(COMPANION).and_then(|sealed| {
        ring.open(place(&name, COMPANION), sealed)
            .map_err(|why| failure = Some(unopened(credential, COMPANION, why)))
            .ok()
    });
    let token = match fields.bytes(TOKEN) {
        None => None,
        Some(sealed) => match ring.open(place(&name, TOKEN), sealed) {
            Ok(value) => Some(Token {
                value,
                generation,
                issued_at: fields.needed("issued_at", fields.time("issued_at")?)?,
                expires_at: fields.needed("expires_at", fields.time("expires_at")?)?,
                full_life: Duration::from_millis(
                    fields.needed("full_life", fields.parsed("full_life")?)?,
                ),
                way: way_in(fields, "way")?,
                companion,
            }),
            Err(why) => {
                failure = Some(unopened(credential, TOKEN, why));
                None
            }
        },
    };
    let fingerprint = fields.text("previous_fingerprint")?.map(str::to_owned);
    let previous = match fingerprint.zip(fields.time("previous_until")?) {
        None => None,
        Some((fingerprint, until)) => {
            let fingerprint = fingerprint
                .try_into()
                .map_err(|error| fields.damaged("previous_fingerprint", error))?;
            Some(Previous { fingerprint, until })
        }
    };
    let intent = match fields.parsed("intent_fence")? {
        None => None,
        Some(fence) => Some(Intent {
            fence: Fence(fence),
            way: way_in(fields, "intent_way")?,
            at: fields.needed("intent_at", fields.time("intent_at")?)?,
            deadline: fields.needed("intent_deadline", fields.time("intent_deadline")?)?,
            lost: fields.parsed("intent_lost")?.unwrap_or_default(),
        }),
    };
    let usage = Usage {
        day: Day(fields.parsed("usage_day")?.unwrap_or_default()),
        fetches: fields.parsed("usage_fetches")?.unwrap_or_default(),
        forced: fields.parsed("usage_forced")?.unwrap_or_default(),
    };
    Ok(Record {
        credential: credential.clone(),
        generation,
        token,
        previous,
        intent,
        last_forced_at: fields.time("last_forced_at")?,
        failure,
        usage,
    })
}

fn unopened(credential: &CredentialId, what: &str, why: Unopened) -> Failure {
    let message = format!("the stored {what} of {credential} cannot be opened: {why}");
    tracing::error!(%credential, message);
    Failure { reached: Reached::No, ..Failure::new(Class::Transient, message) }
        .with_remedy("A new token is fetched. Find out who else writes to the store")
}

/// `ACCOUNT/KIND`, as a credential prints itself.
pub(super) fn parse(name: &str) -> Option<CredentialId> {
    let (account, kind) = name.rsplit_once('/')?;
    Some(CredentialId::new(kind.parse().ok()?, account.parse::<AccountId>().ok()?))
}

pub(super) fn place<'a>(credential: &'a str, column: &'static str) -> Place<'a> {
    Place { table: TABLE, record: credential, column }
}

fn seal_companion(
    store: &RedisStore,
    credential: &str,
    token: &Token,
) -> Result<Option<Vec<u8>>, StoreError> {
    let ring = &store.whole.foundation().ring;
    let seal = |companion: &Secret| ring.seal(place(credential, COMPANION), companion.expose());
    token.companion.as_ref().map(seal).transpose()
}

fn field<'a>(fields: &'a HashMap<String, Vec<u8>>, name: &str) -> Option<&'a [u8]> {
    fields.get(name).map(Vec::as_slice)
}

fn way_in(fields: &Fields<'_>, name: &str) -> Result<Way, StoreError> {
    let named = fields.text(name)?.and_then(way);
    fields.needed(name, named)
}

fn way(name: &str) -> Option<Way> {
    [Way::Primary, Way::Forced, Way::Fallback].into_iter().find(|way| way.as_str() == name)
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// What a script answers, after its first word.
struct Reply(Vec<Vec<u8>>);

impl Reply {
    fn new(mut reply: Vec<Vec<u8>>) -> (Vec<u8>, Self) {
        let word = if reply.is_empty() { Vec::new() } else { reply.remove(0) };
        (word, Self(reply))
    }

    fn text(&self, at: usize) -> Result<&str, StoreError> {
        self.0.get(at).and_then(|bytes| str::from_utf8(bytes).ok()).ok_or_else(senseless)
    }

    fn number<T: std::str::FromStr>(&self, at: usize) -> Result<T, StoreError> {
        self.text(at)?.parse().map_err(|_| senseless())
    }
}

fn senseless() -> StoreError {
    let message = "a script in Redis gave an answer that makes no sense: what is stored of a \
                   credential was changed by another program. Restore a backup, or remove its key";
    StoreError::new(StoreErrorKind::Corrupt, message)
}
