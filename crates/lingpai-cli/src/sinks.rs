//! The sinks of a configuration, made into places; and the place that is a key in somebody's Redis.

use std::sync::Arc;

use async_trait::async_trait;
use lingpai_core::{StoreError, StoreErrorKind};
use lingpai_server::sinks::{Delivery, Place, Put, Shape, Sink, WebhookPlace};
use lingpai_store::{Deposit, Deposited, RedisAddress};
use lingpai_wechat::wire;

use crate::config::Config;
use crate::config::sink::At;
use crate::error::Error;

/// Those of this configuration. No connection is made yet.
pub(crate) fn of(config: &Config) -> Result<Vec<Sink>, Error> {
    let made = config.sinks.iter().map(|sink| {
        let place = place(&sink.at, &config.upstream)?;
        Ok(Sink { name: sink.name.clone(), account: sink.account.clone(), place })
    });
    made.collect()
}

fn place(at: &At, upstream: &wire::Settings) -> Result<Arc<dyn Place>, Error> {
    match at.clone() {
        At::File(file) => Ok(Arc::new(file)),
        At::Redis { address, key, shape } => Ok(Arc::new(RedisPlace::new(&address, key, shape)?)),
        At::Webhook { url, secret } => Ok(Arc::new(WebhookPlace::new(url, secret, upstream)?)),
    }
}

/// A key in a Redis that programs read.
#[derive(Debug)]
struct RedisPlace {
    deposit: Deposit,
    address: String,
    key: String,
    shape: Shape,
}

impl RedisPlace {
    fn new(address: &RedisAddress, key: String, shape: Shape) -> Result<Self, StoreError> {
        let deposit = Deposit::new(address)?;
        Ok(Self { deposit, address: address.to_string(), key, shape })
    }
}

#[async_trait]
impl Place for RedisPlace {
    fn kind(&self) -> &'static str {
        "redis"
    }

    fn target(&self) -> String {
        format!("{} {}", self.address, self.key)
    }

    async fn put(&self, delivery: &Delivery) -> Result<Put, String> {
        let value = self.shape.written(delivery);
        let put = self.deposit.put(&self.key, &value, &delivery.mark, delivery.left()).await;
        match put.map_err(|error| told(&error))? {
            Deposited::Written => Ok(Put::Written),
            Deposited::Kept => Ok(Put::Kept),
            Deposited::Newer => Ok(Put::Newer),
        }
    }

    async fn probe(&self) -> Result<(), String> {
        self.deposit.probe(&self.key).await.map_err(|error| told(&error))
    }
}

/// Of a store it would be said that it is tried again, and where its password stands: this one is somebody else's. The server says
/// it in Chinese where that is wanted.
fn told(error: &StoreError) -> String {
    let why = error.source.as_ref().map_or_else(|| error.message.clone(), ToString::to_string);
    match error.kind {
        StoreErrorKind::Unavailable => {
            format!(
                "the Redis cannot be reached, or does not answer: {why}. Check that it runs, and its address"
            )
        }
        StoreErrorKind::Denied => {
            format!(
                "the Redis does not let Lingpai in: {why}. Check the user in its URL, and `redis-password`"
            )
        }
        _ => error.message.clone(),
    }
}
