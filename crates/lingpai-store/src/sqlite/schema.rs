//! The tables, and the steps that brought them there. A step that was released is never changed; a new one is added.

use rusqlite::Connection;

/// `LPAI`: how a Lingpai store is told from other programs' databases.
pub(super) const APPLICATION_ID: i32 = i32::from_be_bytes(*b"LPAI");

/// The version that this program writes: the number of steps.
pub(super) const VERSION: i32 = STEPS.len() as i32;

const STEPS: &[&str] = &["
    -- Single values: `fence` (the highest fencing number given out), `key_check` (a known text, sealed),
    -- `accounts_revision` (grows with every change of an account).
    CREATE TABLE meta (name TEXT PRIMARY KEY, value ANY) STRICT, WITHOUT ROWID;

    -- Who has the store open. A slot's owner holds a lock on `<store>.node-<slot>.lock` while its process lives.
    CREATE TABLE nodes (slot INTEGER PRIMARY KEY, incarnation TEXT NOT NULL) STRICT;

    CREATE TABLE accounts (
        id TEXT PRIMARY KEY,
        kind TEXT NOT NULL,
        mode TEXT NOT NULL,
        secret BLOB NOT NULL,           -- sealed
        policy TEXT NOT NULL,           -- JSON
        created_at INTEGER NOT NULL,    -- all times: milliseconds since 1970
        updated_at INTEGER NOT NULL
    ) STRICT;

    -- Not bound to `accounts`: a program may keep its accounts elsewhere.
    CREATE TABLE credentials (
        account TEXT NOT NULL,
        kind TEXT NOT NULL,
        generation INTEGER NOT NULL,
        fence INTEGER NOT NULL,
        hold TEXT,                      -- JSON, the lease, while it is held
        intent TEXT,                    -- JSON
        failure TEXT,                   -- JSON
        last_forced_at INTEGER,
        usage_day INTEGER NOT NULL,     -- all days: since 1970, in Asia/Shanghai
        usage_fetches INTEGER NOT NULL,
        usage_forced INTEGER NOT NULL,
        previous TEXT,                  -- JSON, fingerprint and end
        fingerprint TEXT,
        token BLOB,                     -- sealed
        issued_at INTEGER,
        expires_at INTEGER,
        full_life INTEGER,              -- milliseconds
        way TEXT,
        PRIMARY KEY (account, kind)
    ) STRICT;

    CREATE TABLE ledger (
        day INTEGER NOT NULL,
        account TEXT NOT NULL,
        entry TEXT NOT NULL,
        times INTEGER NOT NULL,
        PRIMARY KEY (day, account, entry)
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE keys (id TEXT PRIMARY KEY, body TEXT NOT NULL) STRICT;

    CREATE TABLE events (
        id INTEGER PRIMARY KEY,
        at INTEGER NOT NULL,
        account TEXT,
        body TEXT NOT NULL              -- JSON
    ) STRICT;
    CREATE INDEX events_by_account ON events (account, id) WHERE account IS NOT NULL;
", "
    -- The URL of the account's own proxy, if it has one. It may hold a password: sealed.
    ALTER TABLE accounts ADD COLUMN proxy BLOB;
", "
    -- How an account receives pushes, if it does: JSON, sealed.
    ALTER TABLE accounts ADD COLUMN push BLOB;

    -- Pushes that the business was not given yet, in their order.
    CREATE TABLE outbox (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        account TEXT NOT NULL,
        id TEXT NOT NULL,
        content BLOB NOT NULL,          -- sealed
        received_at INTEGER NOT NULL,
        attempts INTEGER NOT NULL,
        due_at INTEGER,                 -- absent: dead
        failure TEXT,
        UNIQUE (account, id)
    ) STRICT;
    CREATE INDEX outbox_waiting ON outbox (account, seq) WHERE due_at IS NOT NULL;
", "
    -- The account that acts for it, if it has authorised one.
    ALTER TABLE accounts ADD COLUMN platform TEXT;
", "
    -- The second secret that came with the token, such as a refresh token: sealed.
    ALTER TABLE credentials ADD COLUMN companion BLOB;
", "
    -- The audit trail, which is like the events.
    CREATE TABLE audit (
        id INTEGER PRIMARY KEY,
        at INTEGER NOT NULL,
        account TEXT,
        body TEXT NOT NULL              -- JSON
    ) STRICT;
    CREATE INDEX audit_by_account ON audit (account, id) WHERE account IS NOT NULL;
", "
    -- The keys of an account's API security, if it has them: JSON, sealed.
    ALTER TABLE accounts ADD COLUMN api_security BLOB;
"];

/// Brings a store of an older version, or an empty file, to this version. Runs within the caller's transaction.
pub(super) fn migrate(connection: &Connection, from: i32) -> rusqlite::Result<()> {
    let done = usize::try_from(from).unwrap_or(0);
    for step in STEPS.iter().skip(done) {
        connection.execute_batch(step)?;
    }
    connection.pragma_update(None, "application_id", APPLICATION_ID)?;
    connection.pragma_update(None, "user_version", VERSION)
}
