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
