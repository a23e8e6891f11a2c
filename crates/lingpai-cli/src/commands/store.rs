//! `lingpai store`: the master key.

use std::fs;
use std::path::{Path, PathBuf};

use lingpai_store::{KeySource, MasterKey, SqliteOptions, SqliteStore};

use crate::config::{Config, StoreAt};
use crate::error::{Deed, Error};
use crate::language::{either, say};
use crate::output;

/// Seals everything anew with another master key.
pub(crate) async fn rekey(new_key_file: Option<PathBuf>, config: Config) -> Result<(), Error> {
    let (path, key) = match config.store {
        StoreAt::Sqlite { path, key } => (path, key),
        StoreAt::Memory => {
            return Err(Error::said(either(
                "the store is `memory:`, in which nothing is sealed. There is nothing to do",
                "存储是 `memory:`，其中没有加密的内容，无需更换主密钥",
            )));
        }
        StoreAt::Redis { .. } => {
            return Err(Error::said(either(
                "the master key of a Redis store cannot be changed yet: every node would have to take the new one at the \
                 same moment. Keep the key, or begin a new store with another `?prefix=` and add the accounts again",
                "Redis 存储的主密钥暂时不能更换：所有节点必须同时换用新的。请保留原来的主密钥，或用另一个 `?prefix=` 新建存储并重新添加\
                 账号",
            )));
        }
    };
    if !path.exists() {
        return Err(Error::said(say!(
            "there is no store {path}. Check `store` in the configuration",
            "没有存储 {path}。请检查配置中的 `store`",
            path = path.display()
        )));
    }
    let new = match (&new_key_file, &key) {
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
    let store = SqliteStore::open(SqliteOptions::new(&path, key.clone())).await?;
    let sealed = store.rekey(&new).await?;
    let now = match key {
        KeySource::Given { from, .. } => {
            say!(
                "Put the new key into {from} before Lingpai is started again.",
                "再次启动 Lingpai 之前，请把新密钥写入 {from}。"
            )
        }
        KeySource::File(file) => is_in(&file),
        KeySource::Beside => is_in(&path.with_file_name("lingpai.key")),
    };
    output::tell(&say!(
        "{sealed} secrets and tokens are sealed with the new key. {now} Keep a copy of it.",
        "{sealed} 个密钥与凭据已改用新的主密钥加密。{now}请在别处保留一份副本。"
    ));
    Ok(())
}

fn is_in(file: &Path) -> String {
    say!("The new key is in {file}.", "新密钥在 {file} 中。", file = file.display())
}

fn read(file: &PathBuf) -> Result<MasterKey, Error> {
    let text = fs::read_to_string(file).map_err(|source| Error::File {
        path: file.clone(),
        deed: Deed::Read,
        advice: either(
            "Make a key with: openssl rand -hex 32 > FILE",
            "生成密钥：openssl rand -hex 32 > 文件",
        ),
        source,
    })?;
    Ok(MasterKey::parse(&text)?)
}
