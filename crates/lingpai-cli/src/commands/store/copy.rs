//! `lingpai store copy`: all of one store into another.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use lingpai_core::audit::{Action, Deed as Done};
use lingpai_core::{Clock, NodeId, Secret, SystemClock};
use lingpai_store::{
    Archive, Copied, Copying, KeySource, Part, RedisOptions, RedisStore, SqliteOptions,
    SqliteStore, Wanting, Written, copy,
};

use super::progress::Progress;
use super::refuse_missing;
use crate::args::StoreCopy;
use crate::commands::noted;
use crate::config::{Config, StoreAt, StoreUrl, environment};
use crate::error::{Deed, Error};
use crate::language::{either, say};
use crate::output;

/// One end of a copy: where it is, and the files with its key and its password.
struct End {
    url: StoreUrl,
    key_file: Option<PathBuf>,
    password_file: Option<PathBuf>,
}

pub(crate) async fn run(options: StoreCopy, config: Config) -> Result<(), Error> {
    let how = Copying {
        today: SystemClock::new().now().day(),
        merge: options.merge,
        while_running: options.while_running,
        compare: true,
    };
    let from = End {
        url: options.from,
        key_file: options.from_key_file,
        password_file: options.from_password_file,
    };
    let to = End {
        url: options.to,
        key_file: options.to_key_file,
        password_file: options.to_password_file,
    };
    if let StoreUrl::Sqlite(path) = &from.url {
        refuse_missing(path, either("Check the path behind --from", "请检查 --from 的路径"))?;
    }
    let ((from, _), (to, node)) = (from.open(&config).await?, to.open(&config).await?);
    let mut progress = Progress::start();
    let outcome = copy(&from, &to, how, &mut |far| progress.hear(far)).await;
    drop(progress);
    let copied = outcome?;
    noted::deed(&*to, node, "store copy", Done::new(Action::StoreCopied).to(&from.called())).await;
    output::tell(&told(&copied));
    Ok(())
}

impl End {
    /// The store, and what this process is called in it.
    async fn open(self, config: &Config) -> Result<(Arc<dyn Archive>, NodeId), Error> {
        let key = match (&self.key_file, &config.store) {
            (Some(file), _) => KeySource::File(file.clone()),
            (None, StoreAt::Sqlite { key, .. } | StoreAt::Redis { key, .. }) => key.clone(),
            (None, StoreAt::Memory) => KeySource::Beside,
        };
        match self.url {
            StoreUrl::Memory => Err(Error::said(either(
                "`memory:` is a store inside one process: nothing can be copied out of it or into it. Name a file or a Redis",
                "`memory:` 是进程内的存储，无法复制。请指定文件或 Redis",
            ))),
            StoreUrl::Sqlite(path) => {
                let store = SqliteStore::open(SqliteOptions::new(path, key)).await?;
                if let Some(file) = store.generated_key() {
                    output::tell(&say!(
                        "A master key was made for the new store, in {file}. Keep a copy of it.",
                        "已为新存储生成主密钥，在 {file} 中。请在别处保留一份副本。",
                        file = file.display()
                    ));
                }
                let node = store.node().clone();
                Ok((Arc::new(store), node))
            }
            StoreUrl::Redis(address) => {
                if address.has_password() {
                    return Err(Error::said(either(
                        "a password must not be an argument, which other users of this machine see. Leave it out of the URL, \
                         and put it into a file (--from-password-file, --to-password-file) or into LINGPAI_STORE_PASSWORD",
                        "密码不能写在命令行参数里：本机的其他用户看得到。请从地址中去掉，改放在文件（--from-password-file、\
                         --to-password-file）或环境变量 LINGPAI_STORE_PASSWORD 中",
                    )));
                }
                let password = match &self.password_file {
                    Some(file) => Some(read(file)?),
                    None => environment("LINGPAI_STORE_PASSWORD").map(Secret::from),
                };
                let address = match password {
                    Some(password) => address.with_password(password),
                    None => *address,
                };
                let options = RedisOptions::new(address, key);
                let store = RedisStore::open(RedisOptions { part: Part::Tool, ..options }).await?;
                for wanting in store.wanting() {
                    let Wanting { english, chinese } = wanting;
                    output::tell(&say!("warning: {english}", "警告：{chinese}"));
                }
                let node = store.node().clone();
                Ok((Arc::new(store), node))
            }
        }
    }
}

fn read(file: &Path) -> Result<Secret, Error> {
    let text = fs::read_to_string(file).map_err(|source| Error::File {
        path: file.to_owned(),
        deed: Deed::Read,
        advice: either(
            "It is to hold the password of the Redis, and nothing else",
            "文件中只应有 Redis 的密码",
        ),
        source,
    })?;
    Ok(Secret::from(text.trim_end_matches(['\r', '\n'])))
}

fn told(copied: &Copied) -> String {
    let Copied { accounts, keys, credentials, ledgers, pushes, events } = copied;
    let of = |Written { there, written }: &Written| {
        say!("{written} of {there} written", "共 {there}，写入 {written}")
    };
    say!(
        "Both stores were read again and say the same:\n  accounts    {accounts}\n  API keys    {keys}\n  tokens      \
         {credentials}\n  ledger      {ledgers} (days of accounts)\n  pushes      {pushes} (not taken by the business)\n  events      {events}\nNot copied: leases, which last \
         seconds; the master key, since each store has its own; and the configuration, in which `store` is yours to change.",
        "两个存储已重新读取并比对一致：\n  账号        {accounts}\n  API 密钥    {keys}\n  凭据        {credentials}\n  \
         每日计数    {ledgers}\n  推送        {pushes}（业务方没有收下的）\n  事件        {events}\n没有复制：租约（只维持几秒）；主密钥（每个存储有自己的）；配置（其中的 \
         `store` 请自行修改）。",
        accounts = of(accounts),
        keys = of(keys),
        credentials = of(credentials),
        ledgers = of(ledgers),
        pushes = of(pushes),
        events = of(events)
    )
}
