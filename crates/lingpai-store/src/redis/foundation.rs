//! What is written of a store as a whole, in the hash `meta`: the version of its layout, its data keys, its epoch.
//!
//! An epoch begins when a node notices that the store has lost something. `watch` notices; who mends is here too.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use lingpai_core::{StoreError, StoreErrorKind, Timestamp};
use redis::{Cmd, cmd};
use tokio::time::{Instant, sleep};

use super::fields::Fields;
use super::former::Former;
use super::layout::Layout;
use super::link::{Link, Repeat};
use super::ring::{Ring, SEALS};
use super::script;
use crate::keys::{self, KeySource, MasterKey};
use crate::seal::{Place, Sealer, Unopened};

/// The version of the layout that this program writes and reads.
const SCHEMA: u32 = 2;

/// The first layout, in which the master key itself sealed the values.
const FIRST: u32 = 1;

/// The field that names the prefix under which the store is kept as it was before its layout was changed.
const FORMER: &str = "former";

/// Where the first layout kept a known text, to tell whether a key fits.
const KEY_CHECK: Place<'static> = Place { table: "meta", record: "key_check", column: "value" };

/// How long nodes that know a store are waited for which is missing, and how often it is looked.
const PATIENCE: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(50);

/// What is known of a store as a whole.
pub(super) struct Foundation {
    pub(super) ring: Ring,
    /// How many times it was given another master key.
    pub(super) rekeys: u64,
    /// When it was last noticed that it had lost something, in milliseconds since 1970; 0 if never.
    pub(super) epoch: i64,
    /// What is to be put back into a store that has lost it, as it was.
    fields: Vec<(String, Vec<u8>)>,
}

/// What came of looking for a foundation.
pub(super) enum Found {
    /// It is there and the key fits.
    Whole(Box<Foundation>),
    /// There is none, and none was to be made.
    Nothing,
    /// It is of the first layout, the key fits, and it was to be left so.
    First,
}

impl Foundation {
    /// Of these fields; what `known` has of keys need not be opened anew. Why, if the key does not fit.
    fn read(
        master: &MasterKey,
        known: Option<&Self>,
        meta: &Fields<'_>,
    ) -> Result<Result<Self, Unopened>, StoreError> {
        let ring = Ring::read(master, known.map(|known| &known.ring), meta)?;
        let rekeys = meta.parsed("rekeys")?.unwrap_or(0);
        let epoch = meta.parsed("epoch")?.unwrap_or(0);
        let is_kept = |name: &str| name == "schema" || name == SEALS || name.starts_with("key:");
        let fields = meta.pairs().into_iter().filter(|(name, _)| is_kept(name)).collect();
        Ok(ring.map(|ring| Self { ring, rekeys, epoch, fields }))
    }

    /// When it was last noticed that the store had lost something.
    pub(super) fn forgot_at(&self) -> Option<Timestamp> {
        (self.epoch > 0).then(|| Timestamp::from_millis(self.epoch))
    }

    /// What signs the sessions of people on every node.
    pub(super) fn session_key(&self) -> [u8; 32] {
        self.ring.session_key()
    }

    /// Whether the store lacks what is known of it, or has only what was before.
    fn is_lost_from(&self, meta: &Fields<'_>) -> Result<bool, StoreError> {
        let rekeys: u64 = meta.parsed("rekeys")?.unwrap_or(0);
        let epoch: i64 = meta.parsed("epoch")?.unwrap_or(0);
        let is_missing = |(name, _): &(String, Vec<u8>)| meta.bytes(name).is_none();
        let lacks_key = rekeys <= self.rekeys && self.fields.iter().any(is_missing);
        Ok(rekeys < self.rekeys || epoch < self.epoch || lacks_key)
    }
}

/// Finds the master key and sees whether it fits. If `founds` is true, founds the store if there is none, and brings one of the
/// first layout to the present one.
pub(super) async fn find(
    link: &Arc<Link>,
    layout: &Layout,
    source: &KeySource,
    founds: bool,
) -> Result<Found, StoreError> {
    let master = given_key(link, source)?;
    let key = layout.meta();
    let mut meta = read(link, &key).await?;
    if meta.is_empty() {
        if !founds {
            return Ok(Found::Nothing);
        }
        // Nodes that listen know a store that this Redis has lost, and put it back.
        let until = Instant::now() + PATIENCE;
        while meta.is_empty() && Instant::now() < until && listeners(link, layout).await? > 0 {
            sleep(PAUSE).await;
            meta = read(link, &key).await?;
        }
        if meta.is_empty() {
            meta = found(link, &key, &master).await?;
        }
    }
    let schema: u32 = meta.needed("schema", meta.parsed("schema")?)?;
    if schema > SCHEMA {
        return Err(StoreError::new(
            StoreErrorKind::Newer,
            format!(
                "the store {} was written by a newer Lingpai (its layout is {schema}, this program knows {SCHEMA}). Run \
                 that version; nothing was changed",
                link.name()
            ),
        )
        .in_chinese(format!(
            "存储 {} 由更新版本的 Lingpai 写入（它的结构为 {schema}，本程序只认识到 {SCHEMA}）。请运行那个版本；没有任何改动",
            link.name()
        )));
    }
    if schema == FIRST {
        let check = meta.needed("key_check", meta.bytes("key_check"))?;
        Sealer::new(&master)
            .open(KEY_CHECK, check)
            .map_err(|why| unfit_key(link, source, &format!("key_check of the key {key}"), why))?;
        if !founds {
            return Ok(Found::First);
        }
        meta = migrate(link, layout, &key, &master).await?;
    }
    let why = match Foundation::read(&master, None, &meta)? {
        Ok(foundation) => return Ok(Found::Whole(Box::new(foundation))),
        Err(why) => why,
    };
    // A re-keying may have been cut off before it replaced the key file.
    if let KeySource::File(file) = source
        && let Some(staged) = keys::staged(file)?
        && let Ok(foundation) = Foundation::read(&staged, None, &meta)?
    {
        keys::promote(file)?;
        return Ok(Found::Whole(Box::new(foundation)));
    }
    Err(unfit_key(link, source, &format!("{SEALS} of the key {key}"), why))
}

/// How many nodes listen to what the others store.
pub(super) async fn listeners(link: &Link, layout: &Layout) -> Result<usize, StoreError> {
    let mut asked = cmd("PUBSUB");
    asked.arg("NUMSUB").arg(layout.changes());
    link.sum_of_servers(&asked).await
}

/// The error for a store that was there a moment ago.
pub(super) fn gone(link: &Link) -> StoreError {
    let message = format!("the store {} was removed in this moment. Try again", link.name());
    StoreError::new(StoreErrorKind::Unavailable, message)
        .in_chinese(format!("存储 {} 在这一刻被删除了。请重试", link.name()))
}

/// What is written of the store now; nothing if it has lost some of what is known of it.
pub(super) async fn look_again(
    link: &Link,
    layout: &Layout,
    known: &Foundation,
) -> Result<Option<Foundation>, StoreError> {
    let key = layout.meta();
    let meta = read(link, &key).await?;
    if meta.is_empty() || known.is_lost_from(&meta)? {
        return Ok(None);
    }
    understood(link, known, &meta).map(Some)
}

/// Puts back what is missing of it, and begins a new epoch unless another node has.
pub(super) async fn mend(
    link: &Link,
    layout: &Layout,
    known: &Foundation,
) -> Result<Foundation, StoreError> {
    let key = layout.meta();
    let mut call = script::mend([key.clone()]).arg(known.epoch).arg(known.rekeys);
    for (name, value) in &known.fields {
        call = call.arg(name).arg(value.as_slice());
    }
    let meta = link.call(&call, Repeat::Harmless).await?;
    understood(link, known, &Fields::flat(&key, meta))
}

/// Has the data key sealed with another master key, in one step. Values that it did not seal must be sealed anew before.
pub(super) async fn rekey(
    link: &Link,
    layout: &Layout,
    known: &Foundation,
    new: &MasterKey,
) -> Result<(), StoreError> {
    let (name, sealed) = known.ring.field_under(new)?;
    let call = script::rekey([layout.meta()]).arg(known.rekeys).arg(name).arg(sealed);
    let done: i64 = link.call_confirmed(&call).await?;
    if done == 1 {
        return Ok(());
    }
    Err(StoreError::new(
        StoreErrorKind::Unavailable,
        format!(
            "the store {} was given another master key by somebody else in this moment. Nothing was changed here; see \
             which key it has now",
            link.name()
        ),
    ))
}

/// Taken over, unless it names a data key that is not to be had with what is known here.
fn understood(
    link: &Link,
    known: &Foundation,
    meta: &Fields<'_>,
) -> Result<Foundation, StoreError> {
    let read = Foundation::read(known.ring.master(), Some(known), meta)?;
    read.map_err(|_| {
        StoreError::new(
            StoreErrorKind::Sealed,
            format!(
                "the store {} is sealed with a data key that this node cannot open: it was given another master key, and \
                 founded anew after that. Start this node again with the master key of the others",
                link.name()
            ),
        )
        .in_chinese(format!(
            "存储 {} 所用的数据密钥无法由本节点打开：它更换了主密钥，之后又重新建立。请用其他节点的主密钥重新启动本节点",
            link.name()
        ))
    })
}

async fn read<'a>(link: &Link, key: &'a str) -> Result<Fields<'a>, StoreError> {
    let meta: HashMap<String, Vec<u8>> = link.run(&Cmd::hgetall(key), Repeat::Harmless).await?;
    Ok(Fields::new(key, meta))
}

/// Founds the store if there is none: of several nodes that start at once the first does. What is written of it.
async fn found<'a>(
    link: &Link,
    key: &'a str,
    master: &MasterKey,
) -> Result<Fields<'a>, StoreError> {
    let mut call = script::found([key.to_owned()]);
    for (name, value) in beginning(&Ring::found(master, None)?)? {
        call = call.arg(name).arg(value);
    }
    Ok(Fields::flat(key, link.call_confirmed(&call).await?))
}

/// Brings a store of the first layout to this one, and keeps it as it was.
async fn migrate<'a>(
    link: &Arc<Link>,
    layout: &Layout,
    key: &'a str,
    master: &MasterKey,
) -> Result<Fields<'a>, StoreError> {
    if let Some(meta) = unless_used(link, layout, key).await? {
        return Ok(meta);
    }
    let former = Former::keep(link, layout, FIRST).await?;
    // One of the former version may have been started while that was made.
    if let Some(ended) = unless_used(link, layout, key).await.transpose() {
        former.discard().await;
        return ended;
    }
    let mut call = script::migrate([key.to_owned()]).arg(FORMER).arg(former.prefix());
    for (name, value) in beginning(&Ring::found(master, Some(master))?)? {
        call = call.arg(name).arg(value);
    }
    let meta = Fields::flat(key, link.call_confirmed(&call).await?);
    if meta.text(FORMER)? == Some(former.prefix()) {
        tracing::info!(
            prefix = former.prefix(),
            "the store {} was brought to the layout of this version; as it was it is kept under this prefix, for a way back",
            link.name()
        );
    } else {
        former.discard().await;
    }
    Ok(meta)
}

/// Nothing if no node listens; what is written of the store if another node has brought it to this layout, and listens already.
///
/// # Errors
/// Nodes of the former version use it.
async fn unless_used<'a>(
    link: &Link,
    layout: &Layout,
    key: &'a str,
) -> Result<Option<Fields<'a>>, StoreError> {
    if listeners(link, layout).await? == 0 {
        return Ok(None);
    }
    let meta = read(link, key).await?;
    if meta.parsed("schema")? == Some(FIRST) { Err(in_use(link)) } else { Ok(Some(meta)) }
}

fn in_use(link: &Link) -> StoreError {
    let name = link.name();
    StoreError::new(
        StoreErrorKind::Unavailable,
        format!(
            "the store {name} was written by an earlier Lingpai, and nodes of that version use it. They would not understand what \
             this version stores: stop all of them, then start this one. Nothing was changed"
        ),
    )
    .in_chinese(format!(
        "存储 {name} 由较早版本的 Lingpai 写入，且该版本的节点正在使用它。它们不认识新版本保存的内容：请先停止所有旧版本节点，再启动本节点。\
         没有任何改动"
    ))
}

fn beginning(ring: &Ring) -> Result<Vec<(String, Vec<u8>)>, StoreError> {
    let mut fields = ring.fields()?;
    fields.push(("schema".to_owned(), SCHEMA.to_string().into_bytes()));
    for name in ["rekeys", "epoch"] {
        fields.push((name.to_owned(), b"0".to_vec()));
    }
    Ok(fields)
}

/// Has the master key itself seal the values, as in the first layout.
#[cfg(feature = "conformance")]
pub(super) async fn found_as_first(
    link: &Link,
    layout: &Layout,
    master: &MasterKey,
) -> Result<(), StoreError> {
    let mut call = script::found([layout.meta()]);
    for (name, value) in beginning(&Ring::of_first_layout(master))? {
        call = call.arg(name).arg(value);
    }
    link.call::<Vec<Vec<u8>>>(&call, Repeat::Harmless).await.map(drop)
}

/// Writes down what the first layout has of a store as a whole.
#[cfg(feature = "conformance")]
pub(super) async fn write_as_first(
    link: &Link,
    layout: &Layout,
    master: &MasterKey,
) -> Result<(), StoreError> {
    let check = Sealer::new(master).seal(KEY_CHECK, "the master key of this store")?;
    let _: i64 = link.run(&Cmd::del(layout.meta()), Repeat::Harmless).await?;
    let call = script::put([layout.meta()]).arg(("schema", FIRST)).arg("key_check").arg(check);
    link.call::<i64>(&call, Repeat::Harmless).await.map(drop)
}

/// Never a generated one: every node must have the same.
fn given_key(link: &Link, source: &KeySource) -> Result<MasterKey, StoreError> {
    let missing = |what: &str, chinese: &str| {
        StoreError::new(
            StoreErrorKind::Sealed,
            format!(
                "{what}, without which the store {} cannot be used. Every node needs the same one: `openssl rand -hex 32` \
                 makes it; give it as LINGPAI_MASTER_KEY, or as `master-key`",
                link.name()
            ),
        )
        .in_chinese(format!(
            "{chinese}，无法使用存储 {}。每个节点都要用同一个主密钥：用 `openssl rand -hex 32` 生成，通过 LINGPAI_MASTER_KEY 或 \
             `master-key` 提供",
            link.name()
        ))
    };
    match source {
        KeySource::Given { key, .. } => Ok(key.clone()),
        KeySource::File(path) => {
            let name = format!("the key file {} is missing", path.display());
            let chinese = format!("缺少密钥文件 {}", path.display());
            keys::read(path)?.ok_or_else(|| missing(&name, &chinese))
        }
        KeySource::Beside => Err(missing("the master key is missing", "缺少主密钥")),
    }
}

fn unfit_key(link: &Link, source: &KeySource, field: &str, why: Unopened) -> StoreError {
    let store = link.name();
    let key = match source {
        KeySource::Given { from, .. } => from.clone(),
        KeySource::File(path) => format!("the key file {}", path.display()),
        KeySource::Beside => String::new(),
    };
    let message = match why {
        Unopened::OtherKey => format!(
            "the master key from {key} is not the one that the store {store} is sealed with. Every node needs the same \
             key; if the store was given another (`lingpai store rekey`), that one. Nothing was changed"
        ),
        Unopened::Altered => format!(
            "the field {field} in the store {store} cannot be opened with the master key from {key}: {why}. Restore the \
             store from a backup"
        ),
    };
    let key = match source {
        KeySource::File(path) => format!("密钥文件 {}", path.display()),
        _ => key,
    };
    let chinese = match why {
        Unopened::OtherKey => format!(
            "{key} 中的主密钥不是加密存储 {store} 所用的那一个。每个节点都要用同一个；如果更换过（`lingpai store rekey`），请用更换后的。\
             没有任何改动"
        ),
        Unopened::Altered => format!(
            "存储 {store} 中的字段 {field} 无法用 {key} 中的主密钥打开：它被改动过。请从备份恢复存储"
        ),
    };
    StoreError::new(StoreErrorKind::Sealed, message).in_chinese(chinese)
}
