//! What the doctor cannot see by itself: the configuration as its files say now, the store's place, the certificates.

use std::path::Path;

use async_trait::async_trait;
use lingpai_server::Bilingual;
use lingpai_server::doctor::{House, Ward};
use lingpai_store::{RedisOptions, RedisStore};
use lingpai_wechat::catalogue::Language;

use crate::config::{Config, Source, StoreAt, environment};
use crate::language::within;

/// The program, as it was started.
pub(crate) struct Program {
    /// Where its configuration is read from.
    source: Source,
    /// The store that it has open, whatever its files say now.
    store: StoreAt,
}

impl Program {
    pub(crate) fn new(source: Source, config: &Config) -> Self {
        Self { source, store: config.store.clone() }
    }
}

#[async_trait]
impl Ward for Program {
    async fn look(&self) -> House {
        let read = |language| {
            within(language, || self.source.load(&environment).map_err(|error| error.to_string()))
        };
        let (configuration, config) = match (read(Language::English), read(Language::Chinese)) {
            (Ok(config), _) => {
                (Ok(config.file.as_deref().map(|file| file.display().to_string())), Some(config))
            }
            (Err(english), chinese) => {
                let chinese = chinese.err().unwrap_or_else(|| english.clone());
                (Err(Bilingual::made(english, chinese)), None)
            }
        };
        let identity = config.as_ref().and_then(|config| config.listen.identity.as_ref());
        let certificates =
            identity.map(|identity| ("[tls] certificate".to_owned(), identity.ends_at()));
        let (store, redis, space) = match &self.store {
            StoreAt::Memory => ("memory:".to_owned(), None, None),
            StoreAt::Sqlite { path, .. } => {
                (format!("sqlite:{}", path.display()), None, space(path))
            }
            StoreAt::Redis { address, key, .. } => {
                let options = RedisOptions::new(address.clone(), key.clone());
                let wanting = match RedisStore::check(&options).await {
                    Ok(wanting) => wanting
                        .into_iter()
                        .map(|it| Bilingual::made(it.english, it.chinese))
                        .collect(),
                    Err(error) => vec![Bilingual::of_store(&error)],
                };
                (address.to_string(), Some(wanting), None)
            }
        };
        House {
            configuration,
            store,
            is_durable: !matches!(self.store, StoreAt::Memory),
            redis,
            space,
            certificates: certificates.into_iter().collect(),
            upstream: config.map(|config| config.upstream).unwrap_or_default(),
        }
    }
}

/// How many bytes are free where this file is, for who is not root, and how many there are.
fn space(file: &Path) -> Option<(u64, u64)> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
    let seen = rustix::fs::statvfs(folder.unwrap_or(Path::new("."))).ok()?;
    let bytes = |blocks: u64| blocks.saturating_mul(seen.f_frsize);
    Some((bytes(seen.f_bavail), bytes(seen.f_blocks)))
}
