//! `lingpai config check`: what a configuration comes to, and whether the Redis that it names can be relied on.

use lingpai_store::{RedisOptions, RedisStore, Wanting};

use crate::config::{Config, StoreAt};
use crate::error::Error;
use crate::language::say;
use crate::output;

/// Prints what a configuration comes to. Of a Redis everything is tried that is tried at a start; nothing is stored.
pub(crate) async fn run(config: Config) -> Result<(), Error> {
    if let StoreAt::Redis { address, key, .. } = &config.store {
        let options = RedisOptions::new(address.clone(), key.clone());
        for wanting in RedisStore::check(&options).await? {
            let Wanting { english, chinese } = wanting;
            output::tell(&say!("warning: {english}", "警告：{chinese}"));
        }
    }
    output::print(&config.summary())
}
