//! Every store passes the same suite.

mod memory {
    use std::sync::Arc;

    use lingpai_store::{Journals, MemoryStore};

    async fn open(journals: Journals) -> (Arc<MemoryStore>, ()) {
        (Arc::new(MemoryStore::with_bounds(journals)), ())
    }

    lingpai_store::conformance_tests!(open);
}

mod sqlite {
    use std::sync::Arc;

    use lingpai_store::{Journals, SqliteOptions, SqliteStore};
    use tempfile::TempDir;

    use crate::support::{directory, options};

    async fn open(journals: Journals) -> (Arc<SqliteStore>, TempDir) {
        let directory = directory();
        let options = SqliteOptions { journals, ..options(&directory) };
        (Arc::new(SqliteStore::open(options).await.unwrap()), directory)
    }

    lingpai_store::conformance_tests!(open);
}

mod redis {
    use std::sync::Arc;

    use lingpai_store::conformance::RedisServer;
    use lingpai_store::{Journals, LeaseClock, RedisOptions, RedisStore};

    use crate::support::redis_options;

    async fn open(journals: Journals) -> (Arc<RedisStore>, RedisServer) {
        open_on(RedisServer::start(), journals).await
    }

    pub(super) async fn open_on(
        server: RedisServer,
        journals: Journals,
    ) -> (Arc<RedisStore>, RedisServer) {
        let options = redis_options(&server);
        let options = RedisOptions { journals, lease_clock: LeaseClock::Claims, ..options };
        (Arc::new(RedisStore::open(options).await.unwrap()), server)
    }

    lingpai_store::conformance_tests!(open);
}

mod valkey {
    use std::sync::Arc;

    use lingpai_store::conformance::RedisServer;
    use lingpai_store::{Journals, RedisStore};

    use crate::support;

    async fn open(journals: Journals) -> (Arc<RedisStore>, RedisServer) {
        super::redis::open_on(RedisServer::start_program(&support::valkey(), &[]), journals).await
    }

    lingpai_store::conformance_tests!(open);
}
