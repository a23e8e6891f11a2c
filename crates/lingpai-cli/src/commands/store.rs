//! `lingpai store`: another master key, one store into another, backups.

pub(crate) mod backup;
pub(crate) mod copy;
mod progress;

use std::fs;
use std::path::{Path, PathBuf};

use lingpai_core::audit::{Action, Deed};
use lingpai_core::{NodeId, Store};
use lingpai_store::{
    KeySource, MasterKey, Part, RedisOptions, RedisStore, SqliteOptions, SqliteStore,
};

use crate::commands::noted;
use crate::config::{Config, StoreAt};
use crate::error::{Deed as FileDeed, Error};
use crate::language::{either, say};
use crate::output;

/// Gives the store another master key.
pub(crate) async fn rekey(new_key_file: Option<PathBuf>, config: Config) -> Result<(), Error> {
    let (key, beside) = match &config.store {
        StoreAt::Sqlite { path, key, .. } => (key, path.with_file_name("lingpai.key")),
        StoreAt::Redis { key, .. } => (key, PathBuf::new()),
        StoreAt::Memory => {
            return Err(Error::said(either(
                "the store is `memory:`, in which nothing is sealed. There is nothing to do",
                "存储是 `memory:`，其中没有加密的内容，无需更换主密钥",
            )));
        }
    };
    if let StoreAt::Sqlite { path, .. } = &config.store {
        let advice = either("Check `store` in the configuration", "请检查配置中的 `store`");
        refuse_missing(path, advice)?;
    }
    let new = match (&new_key_file, key) {
        (Some(file), _) => read(file)?,
        (None, KeySource::Given { from, .. }) => {
            return Err(Error::said(say!(
                "the master key comes from {from}, where Lingpai cannot put a new one. Make one (openssl rand -hex 32 > \
                 new.key), run this again with --new-key-file new.key, then put it into {from}",
                "主密钥来自 {from}，Lingpai 无法在那里写入新的。请先生成一个（openssl rand -hex 32 > new.key），加上 \
                 --new-key-file new.key 重新运行，然后把它写入 {from}"
            )));
        }
        (None, _) => MasterKey::random()?,
    };
    let now = match key {
        KeySource::Given { from, .. } => {
            say!(
                "Put the new key into {from} before Lingpai is started again.",
                "再次启动 Lingpai 之前，请把新密钥写入 {from}。"
            )
        }
        KeySource::File(file) => is_in(file),
        KeySource::Beside => is_in(&beside),
    };
    match &config.store {
        StoreAt::Redis { address, key, .. } => {
            let options = RedisOptions::new(address.clone(), key.clone());
            let store = RedisStore::open(RedisOptions { part: Part::Tool, ..options }).await?;
            store.rekey(&new).await?;
            note_rekeyed(&store, store.node()).await;
            output::tell(&say!(
                "The store has the new master key. Nodes that run go on; none starts with the former key, so give all of them \
                 the new one. {now} Keep a copy of it.",
                "存储已换用新的主密钥。运行中的节点不受影响；用旧密钥的节点不能再启动，请把新密钥交给所有节点。{now}请在别处保留一份副本。"
            ));
        }
        StoreAt::Sqlite { path, key, .. } => {
            let store = SqliteStore::open(SqliteOptions::new(path, key.clone())).await?;
            let sealed = store.rekey(&new).await?;
            let key = KeySource::Given { key: new, from: String::new() };
            let store = SqliteStore::open(SqliteOptions::new(path, key)).await?;
            note_rekeyed(&store, store.node()).await;
            store.close().await;
            output::tell(&say!(
                "{sealed} secrets and tokens are sealed with the new key. {now} Keep a copy of it.",
                "{sealed} 个密钥与凭据已改用新的主密钥加密。{now}请在别处保留一份副本。"
            ));
        }
        StoreAt::Memory => {}
    }
    Ok(())
}

async fn note_rekeyed(store: &dyn Store, node: &NodeId) {
    noted::deed(store, node.clone(), "store rekey", Deed::new(Action::StoreRekeyed)).await;
}

fn refuse_missing(path: &Path, advice: &str) -> Result<(), Error> {
    if path.exists() {
        return Ok(());
    }
    Err(Error::said(say!(
        "there is no store {path}. {advice}",
        "没有存储 {path}。{advice}",
        path = path.display()
    )))
}

fn is_in(file: &Path) -> String {
    say!("The new key is in {file}.", "新密钥在 {file} 中。", file = file.display())
}

fn read(file: &PathBuf) -> Result<MasterKey, Error> {
    let text = fs::read_to_string(file).map_err(|source| Error::File {
        path: file.clone(),
        deed: FileDeed::Read,
        advice: either(
            "Make a key with: openssl rand -hex 32 > FILE",
            "生成密钥：openssl rand -hex 32 > 文件",
        ),
        source,
    })?;
    Ok(MasterKey::parse(&text)?)
}
