//! Every store passes the same suite.

mod memory {
    use std::sync::Arc;

    use lingpai_store::{EventBounds, MemoryStore};

    async fn open(events: EventBounds) -> (Arc<MemoryStore>, ()) {
        (Arc::new(MemoryStore::with_bounds(events)), ())
    }

    lingpai_store::conformance_tests!(open);
}

mod sqlite {
    use std::sync::Arc;

    use lingpai_store::{EventBounds, SqliteOptions, SqliteStore};
    use tempfile::TempDir;

    use crate::support::{directory, options};

    async fn open(events: EventBounds) -> (Arc<SqliteStore>, TempDir) {
        let directory = directory();
        let options = SqliteOptions { events, ..options(&directory) };
        (Arc::new(SqliteStore::open(options).await.unwrap()), directory)
    }

    lingpai_store::conformance_tests!(open);
}

mod redis {
    use std::sync::Arc;

    use lingpai_store::conformance::RedisServer;
    use lingpai_store::{EventBounds, LeaseClock, RedisOptions, RedisStore};

    use crate::support::redis_options;

    async fn open(events: EventBounds) -> (Arc<RedisStore>, RedisServer) {
        open_on(RedisServer::start(), events).await
    }

    pub(super) async fn open_on(
        server: RedisServer,
        events: EventBounds,
    ) -> (Arc<RedisStore>, RedisServer) {
        let options = redis_options(&server);
        let options = RedisOptions { events, lease_clock: LeaseClock::Claims, ..options };
        (Arc::new(RedisStore::open(options).await.unwrap()), server)
    }

    lingpai_store::conformance_tests!(open);
}

mod valkey {
    use std::sync::Arc;

    use lingpai_store::conformance::RedisServer;
    use lingpai_store::{EventBounds, RedisStore};

    use crate::support;

    async fn open(events: EventBounds) -> (Arc<RedisStore>, RedisServer) {
        super::redis::open_on(RedisServer::start_program(&support::valkey(), &[]), events).await
    }

    lingpai_store::conformance_tests!(open);
}
