//! `lingpai config check`: what a configuration comes to, and whether the Redis that it names can be relied on.

use lingpai_store::{RedisOptions, RedisStore};

use crate::config::{Config, StoreAt};
use crate::error::Error;
use crate::language::say;
use crate::output;

/// Prints what a configuration comes to. Of a Redis everything is tried that is tried at a start; nothing is stored.
pub(crate) async fn run(config: Config) -> Result<(), Error> {
    if let StoreAt::Redis { address, key, .. } = &config.store {
        let options = RedisOptions::new(address.clone(), key.clone());
        for wanting in RedisStore::check(&options).await? {
            output::tell(&say!("warning: {wanting}", "警告：{wanting}"));
        }
    }
    output::print(&config.summary())
}
