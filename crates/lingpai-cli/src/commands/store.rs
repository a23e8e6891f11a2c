//! `lingpai store`: the master key.

use std::fs;
use std::path::PathBuf;

use lingpai_store::{KeySource, MasterKey, SqliteOptions, SqliteStore};

use crate::config::{Config, StoreAt};
use crate::error::Error;
use crate::output;

/// Seals everything anew with another master key.
pub(crate) async fn rekey(new_key_file: Option<PathBuf>, config: Config) -> Result<(), Error> {
    let (path, key) = match config.store {
        StoreAt::Sqlite { path, key } => (path, key),
        StoreAt::Memory => {
            return Err(Error::said("the store is `memory:`, in which nothing is sealed"));
        }
        StoreAt::Redis { .. } => {
            return Err(Error::said(
                "the master key of a Redis store cannot be changed yet: every node would have to take the new one at the \
                 same moment. Keep the key, or begin a new store with another `?prefix=` and add the accounts again",
            ));
        }
    };
    if !path.exists() {
        return Err(Error::said(format!(
            "there is no store {}. Check `store` in the configuration",
            path.display()
        )));
    }
    let new = match (&new_key_file, &key) {
        (Some(file), _) => read(file)?,
        (None, KeySource::Given { from, .. }) => {
            return Err(Error::said(format!(
                "the master key comes from {from}, where Lingpai cannot put a new one. Make one (openssl rand -hex 32 > \
                 new.key), run this again with --new-key-file new.key, then put it into {from}"
            )));
        }
        (None, _) => MasterKey::random()?,
    };
    let store = SqliteStore::open(SqliteOptions::new(&path, key.clone())).await?;
    let sealed = store.rekey(&new).await?;
    let now = match key {
        KeySource::Given { from, .. } => {
            format!("Put the new key into {from} before Lingpai is started again.")
        }
        KeySource::File(file) => format!("The new key is in {}.", file.display()),
        KeySource::Beside => {
            format!("The new key is in {}.", path.with_file_name("lingpai.key").display())
        }
    };
    output::tell(&format!(
        "{sealed} secrets and tokens are sealed with the new key. {now} Keep a copy of it."
    ));
    Ok(())
}

fn read(file: &PathBuf) -> Result<MasterKey, Error> {
    let text = fs::read_to_string(file).map_err(|source| Error::File {
        path: file.clone(),
        deed: "read",
        advice: "Make a key with: openssl rand -hex 32 > FILE",
        source,
    })?;
    Ok(MasterKey::parse(&text)?)
}
