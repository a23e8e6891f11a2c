//! `lingpai store backup` and `restore`: a copy while the server runs, and the way back to it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use lingpai_core::audit::{Action, Deed as Done};
use lingpai_core::outbox::{MOST_PARCELS, Outbox, Put};
use lingpai_core::{Account, AccountKind, Clock, Directory, Keeping, Policy, Store, SystemClock};
use lingpai_store::{
    Archive, Copying, Part, RedisOptions, RedisStore, SqliteOptions, SqliteStore, copy,
    make_outdated,
};

use super::progress::Progress;
use super::refuse_missing;
use crate::commands::noted;
use crate::config::{Config, StoreAt};
use crate::error::{Deed, Error};
use crate::keeping::held;
use crate::language::{either, say};
use crate::output;

/// Writes all of the configured store into a file.
pub(crate) async fn backup(to: &Path, config: &Config) -> Result<(), Error> {
    match &config.store {
        StoreAt::Memory => return Err(nothing_kept()),
        StoreAt::Sqlite { path, .. } => {
            refuse_missing(
                path,
                either("Check `store` in the configuration", "请检查配置中的 `store`"),
            )?;
            SqliteStore::snapshot(path, to).await?;
        }
        StoreAt::Redis { address, key, .. } => {
            if to.exists() {
                return Err(Error::said(say!(
                    "{file} is there already. Choose another name",
                    "{file} 已经存在。请换一个名字",
                    file = to.display()
                )));
            }
            let options = RedisOptions::new(address.clone(), key.clone());
            let from = RedisStore::open(RedisOptions { part: Part::Tool, ..options }).await?;
            let partial = beside(to, "partial");
            // Left by one that was broken off: it may hold what is no longer in the Redis.
            remove(&partial)?;
            let file =
                Arc::new(SqliteStore::open(SqliteOptions::new(&partial, key.clone())).await?);
            let (from, into): (Arc<dyn Archive>, Arc<dyn Archive>) =
                (Arc::new(from), Arc::<SqliteStore>::clone(&file));
            let outcome = copied(&from, &into, how(true)).await;
            file.close().await;
            outcome?;
            SqliteStore::replace(to, &partial, "former").await?;
        }
    }
    output::tell(&say!(
        "{file} has all of the store: accounts, API keys, tokens, counts, pushes and events. Secrets and tokens in it are sealed \
         with the master key, which is not in it: keep a copy of that elsewhere, or the backup is worth nothing. The way back: \
         lingpai store restore {file}",
        "{file} 是存储的完整备份：账号、API 密钥、凭据、计数、推送与事件。其中的密钥与凭据用主密钥加密，主密钥不在备份里：请在别处另存一份，\
         否则备份无法打开。恢复：lingpai store restore {file}",
        file = to.display()
    ));
    Ok(())
}

/// Puts a backup in the place of the configured store; for a drill, so that nothing is fetched for the accounts in it, and none of
/// its pushes is relayed. What the configuration names acts all the same: its accounts, sinks and alerts. So do people who try
/// something or ask the doctor, which calls WeChat.
pub(crate) async fn restore(from: &Path, is_drill: bool, config: &Config) -> Result<(), Error> {
    let key = match &config.store {
        StoreAt::Memory => return Err(nothing_kept()),
        StoreAt::Sqlite { key, .. } | StoreAt::Redis { key, .. } => key.clone(),
    };
    refuse_missing(from, either("Name the backup's file", "请指定备份文件"))?;
    // It is prepared aside, so that the backup stays as it is, and the store too if anything is wrong with it.
    let prepared = match &config.store {
        StoreAt::Sqlite { path, .. } => beside(path, "restoring"),
        _ => beside(from, "restoring"),
    };
    remove(&prepared)?;
    SqliteStore::snapshot(from, &prepared).await?;
    let store = Arc::new(SqliteStore::open(SqliteOptions::new(&prepared, key)).await?);
    let outcome = put_back(&store, &prepared, (from, is_drill, config)).await;
    store.close().await;
    let _ = remove(&prepared); // It is gone where all went well.
    output::tell(&outcome?);
    Ok(())
}

async fn put_back(
    store: &Arc<SqliteStore>,
    prepared: &Path,
    (from, is_drill, config): (&Path, bool, &Config),
) -> Result<String, Error> {
    let at = SystemClock::new().now().wall;
    let newest = store.events(None, 1).await?.first().map(|event| event.at);
    let accounts = store.accounts().await?;
    if is_drill {
        hold_still(store, &accounts).await?;
    }
    let of = |kind| accounts.iter().filter(move |account| account.kind == kind && !is_drill);
    let mut platforms = Vec::new();
    for platform in of(AccountKind::Platform) {
        // The backup may have been made while the list was gone through: what was learnt then is too old.
        held::unmark(&**store, &platform.id).await?;
        // Where so many pushes wait that there is no room for a mark, a person has to see to it.
        let is_marked = store.put_parcel(&held::mark(&platform.id, at)).await? != Put::Full;
        platforms.push((platform.id.to_string(), is_marked));
    }
    let suites: Vec<_> = of(AccountKind::WeComSuite).map(|suite| suite.id.to_string()).collect();
    let accounts = accounts.len();
    let keys = store.keys().await?.len();
    let archive: Arc<dyn Archive> = Arc::<SqliteStore>::clone(store);
    let mut progress = Progress::start();
    let tokens = make_outdated(&archive, at, &mut |far| progress.hear(far)).await?;
    drop(progress);
    let restored = Done::new(Action::BackupRestored).to(&from.display().to_string());
    noted::deed(&**store, store.node().clone(), "store restore", restored).await;
    let former = match &config.store {
        StoreAt::Redis { address, key, .. } => {
            let options = RedisOptions::new(address.clone(), key.clone());
            let to = RedisStore::open(RedisOptions { part: Part::Tool, ..options }).await?;
            let to: Arc<dyn Archive> = Arc::new(to);
            copied(&archive, &to, how(false)).await?;
            None
        }
        StoreAt::Sqlite { path, .. } => {
            store.close().await;
            drop(archive);
            let suffix = format!("before-{}", at.as_millis() / 1000);
            SqliteStore::replace(path, prepared, &suffix).await?
        }
        StoreAt::Memory => None,
    };
    let mut told = say!(
        "Restored: {accounts} accounts, {keys} API keys, {tokens} tokens.",
        "已恢复：{accounts} 个账号，{keys} 个 API 密钥，{tokens} 个凭据。"
    );
    if let Some(newest) = newest {
        told += &say!(" The newest event in it is of {newest}.", "其中最新的事件发生于 {newest}。");
    }
    if let Some(former) = former {
        told += &say!(
            " The store as it was is kept as {file}.",
            "原来的存储保留为 {file}。",
            file = former.display()
        );
    }
    if is_drill {
        told += either(
            "\nFor a drill: each of these accounts is only observed, so nothing is fetched for it, and no push waits for a business any \
             more. What the configuration says goes on: set `keeping = \"observe\"` in each [[account]] of this copy, and take \
             every [[sink]] and [[alert]] out of it.",
            "\n供演练：这些账号都只观察，不获取凭据；等待转发的推送已去掉。配置文件照常生效：请在这份副本的每个 [[account]] 中写 \
             `keeping = \"observe\"`，并删去所有 [[sink]] 和 [[alert]]。",
        );
        return Ok(told);
    }
    told += &say!(
        "\nWhat has changed since the backup is not in it:\n  - A token in classic mode may have been replaced since: each such \
         account fetches one when the server starts.\n  - An API key that was revoked since is valid again: see `lingpai key \
         list`.\n  - A push that the business has taken since is relayed once more.",
        "\n备份之后的变化不在其中：\n  - 普通模式的凭据可能已被更换：服务启动时，这样的账号各获取一次。\n  - 备份之后吊销的 API \
         密钥又有效了：请看 `lingpai key list`。\n  - 业务方在备份之后已经收下的推送，会再转发一次。"
    );
    for (platform, is_marked) in platforms {
        told += &if is_marked {
            say!(
                "\n  - Who has authorised {platform} since is missing, and refresh tokens may have been replaced: the server goes \
                 through WeChat's list before it refreshes any of them, and serves the tokens that still live meanwhile.",
                "\n  - 备份之后授权 {platform} 的账号不在其中，刷新令牌也可能已更换：服务启动后会先核对微信的授权方列表，再刷新其中任何一个；\
                 核对期间仍有效的凭据照常提供。"
            )
        } else {
            say!(
                "\n  - Who has authorised {platform} since is missing, and refresh tokens may have been replaced. WeChat's list has them \
                 all: start the server, then `lingpai platform recover {platform}`.",
                "\n  - 备份之后授权 {platform} 的账号不在其中，刷新令牌也可能已更换，微信的授权方列表里都有：启动服务后执行 \
                 `lingpai platform recover {platform}`。"
            )
        };
    }
    for suite in suites {
        told += &say!(
            "\n  - Corps that have authorised {suite} since are missing. WeCom has no list of them: have the permanent code of each sent \
             once more in the provider's console. Those of the others are as good as before.",
            "\n  - 备份之后授权 {suite} 的企业不在其中。企业微信没有授权企业的列表：请在服务商后台逐个“重新获取”永久授权码；其余企业的仍然有效。"
        );
    }
    Ok(told)
}

/// Nothing is fetched for the accounts of the copy, and none of its pushes is relayed: whoever it was copied from goes on.
async fn hold_still(store: &SqliteStore, accounts: &[Account]) -> Result<(), Error> {
    for account in accounts {
        for parcel in store.parcels(&account.id, MOST_PARCELS).await? {
            store.remove_parcel(&account.id, &parcel.id).await?;
        }
        let policy = Policy { keeping: Keeping::Observe, ..account.policy };
        store.put_account(&Account { policy, ..account.clone() }, Some(account)).await?;
    }
    Ok(())
}

/// Of a store that goes on changing, or of one that is compared with its copy at the end.
fn how(while_running: bool) -> Copying {
    let today = SystemClock::new().now().day();
    Copying { today, merge: false, while_running, compare: !while_running }
}

async fn copied(from: &Arc<dyn Archive>, to: &Arc<dyn Archive>, how: Copying) -> Result<(), Error> {
    let mut progress = Progress::start();
    copy(from, to, how, &mut |far| progress.hear(far)).await?;
    Ok(())
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{suffix}"));
    name.into()
}

fn remove(path: &Path) -> Result<(), Error> {
    match std::fs::remove_file(path) {
        Err(source) if source.kind() != std::io::ErrorKind::NotFound => Err(Error::File {
            path: path.to_owned(),
            deed: Deed::Write,
            advice: either("Remove it", "请删除它"),
            source,
        }),
        _ => Ok(()),
    }
}

fn nothing_kept() -> Error {
    Error::said(either(
        "the store is `memory:`, which keeps nothing. There is nothing to do",
        "存储是 `memory:`，不保存任何内容，没有可备份或恢复的",
    ))
}

#[cfg(test)]
mod tests {
    use lingpai_core::Timestamp;
    use lingpai_store::KeySource;

    use super::*;
    use crate::config::Source;

    #[tokio::test]
    async fn what_a_list_had_when_the_backup_was_made_is_not_taken_for_what_it_has_now() {
        let directory = tempfile::tempdir().unwrap();
        let [path, file] = ["lingpai.db", "backup.db"].map(|name| directory.path().join(name));
        let mut config = Source::new(None, None).load(&|_| None).unwrap();
        let (key, journals) = (KeySource::Beside, Default::default());
        config.store = StoreAt::Sqlite { path: path.clone(), key: key.clone(), journals };
        let store = SqliteStore::open(SqliteOptions::new(&path, key.clone())).await.unwrap();
        let (id, then) = ("wxp".parse().unwrap(), Timestamp::default());
        let platform = Account::new(id, "secret".into(), then);
        let platform = Account { kind: AccountKind::Platform, ..platform };
        store.put_account(&platform, None).await.unwrap();
        store.put_parcel(&held::mark(&platform.id, then)).await.unwrap();
        store.put_parcel(&held::page(&platform.id, 0, "{}".into(), then)).await.unwrap();
        store.close().await;
        backup(&file, &config).await.unwrap();
        restore(&file, false, &config).await.unwrap();
        let store = SqliteStore::open(SqliteOptions::new(&path, key.clone())).await.unwrap();
        let marks = held::marks(&store, &platform.id).await.unwrap();
        let [mark] = &*marks else { panic!("{marks:?}") };
        assert_eq!(*mark, held::mark(&platform.id, mark.received_at));
        assert_ne!(mark.received_at, then);
        store.close().await;
        restore(&file, true, &config).await.unwrap();
        let store = SqliteStore::open(SqliteOptions::new(&path, key)).await.unwrap();
        let waiting = store.parcels(&platform.id, MOST_PARCELS).await.unwrap();
        assert!(waiting.is_empty(), "in a drill nothing is gone through, and nothing relayed");
    }
}
