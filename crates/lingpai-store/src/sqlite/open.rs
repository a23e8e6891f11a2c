//! Opening a file: is it ours, is it whole, does the key fit? And fitting it with another key.

use std::fs::OpenOptions;
use std::io::{self, ErrorKind};
use std::path::Path;
use std::sync::Arc;

use lingpai_core::{NodeId, StoreError, StoreErrorKind};
use rusqlite::{Connection, OpenFlags, OptionalExtension, TransactionBehavior};

use super::lane::{Lane, Use};
use super::node::Node;
use super::trouble::Trouble;
use super::{Database, SqliteOptions, SqliteStore, backup, credentials, directory, outbox, schema};
use crate::damage::Damaged;
use crate::keys::{self, KeySource, MasterKey};
use crate::seal::{Place, Sealer, Unopened};

/// A text that is stored sealed, to tell whether a key fits.
const KNOWN_TEXT: &str = "the master key of this store";

/// To how many bytes the log shrinks after a large write.
const LOG_SIZE: i64 = 16 << 20;

const KEY_CHECK: Place<'static> = Place { table: "meta", record: "key_check", column: "value" };

pub(super) fn open(options: &SqliteOptions) -> Result<SqliteStore, StoreError> {
    let path: Arc<Path> = options.path.as_path().into();
    prepare_file(&path)?;
    let explain = |trouble: Trouble| trouble.explain(&path);
    let (connection, opened) = first_connection(options).map_err(explain)?;
    let second = connect(options, Use::Reading).map_err(Trouble::from).map_err(explain)?;
    let node = Arc::new(opened.node);
    let name = &node.process().incarnation;
    let name = NodeId::new(&format!("node-{}-{name}", std::process::id()));
    let sealer = Arc::new(opened.sealer);
    let damaged = Arc::<Damaged>::default();
    let database = |connection, purpose| Database {
        connection,
        path: Arc::clone(&path),
        sealer: Arc::clone(&sealer),
        node: Arc::clone(&node),
        bounds: options.journals,
        purpose,
        damaged: Arc::clone(&damaged),
    };
    Ok(SqliteStore {
        reader: Lane::start(database(second, Use::Reading), Use::Reading)?,
        writer: Lane::start(database(connection, Use::Writing), Use::Writing)?,
        path: Arc::clone(&path),
        key: options.key.clone(),
        sealer: Arc::clone(&sealer),
        generated_key: opened.generated.then(|| options.key.file(&path)).flatten(),
        node: name,
        damaged: Arc::clone(&damaged),
    })
}

/// Seals everything anew, within the writing lane's transaction. `file` is where the key is kept.
pub(super) fn rekey(
    database: &Database,
    new: &MasterKey,
    file: Option<&Path>,
) -> Result<usize, Trouble> {
    let others = database.node.others(&database.connection)?;
    if others > 0 {
        return Err(StoreError::new(
            StoreErrorKind::Unavailable,
            format!(
                "the store {} cannot be given another key while {others} other process(es) have it \
                 open. Stop Lingpai first",
                database.path.display()
            ),
        )
        .into());
    }
    let sealer = Sealer::new(new);
    let sealed = directory::reseal(database, &sealer)?
        + credentials::reseal(database, &sealer)?
        + outbox::reseal(database, &sealer)?;
    write_key_check(&database.connection, &sealer)?;
    if let Some(file) = file {
        keys::stage(file, new)?;
    }
    Ok(sealed)
}

/// What was found out while opening.
struct Opened {
    node: Node,
    sealer: Sealer,
    generated: bool,
}

fn first_connection(options: &SqliteOptions) -> Result<(Connection, Opened), Trouble> {
    let mut connection = connect(options, Use::Writing)?;
    refuse_foreign(&connection, &options.path)?;
    let mode: String =
        connection.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))?;
    if mode != "wal" {
        return Err(StoreError::new(
            StoreErrorKind::Unavailable,
            format!(
                "the store {} cannot use a write-ahead log (it stays in `{mode}` mode). Keep it on a \
                 local disk",
                options.path.display()
            ),
        )
        .in_chinese(format!(
            "存储 {} 无法使用预写日志（仍为 `{mode}` 模式）。请把它放在本地磁盘上",
            options.path.display()
        ))
        .into());
    }
    if let Some(limit) = options.size_limit {
        let page: i64 = connection.pragma_query_value(None, "page_size", |row| row.get(0))?;
        let pages = i64::try_from(limit).unwrap_or(i64::MAX) / page.max(1);
        connection.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()))?;
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // Again, since another process may have been first.
    let version = refuse_foreign(&transaction, &options.path)?;
    if version < schema::VERSION {
        if version > 0 {
            keep_former(&options.path, version)?;
        }
        schema::migrate(&transaction, version)?;
    }
    // By its real name, since others may have it open under another.
    let real = options.path.canonicalize().unwrap_or_else(|_| options.path.clone());
    let node = Node::enter(&transaction, &real)?;
    let (sealer, generated) = fit_key(&transaction, options)?;
    transaction.commit()?;
    Ok((connection, Opened { node, sealer, generated }))
}

/// Keeps the file as it was before it is brought up to date: an older program refuses the newer one. Within the transaction that
/// does so, hence it is from the moment before; one of an upgrade that was taken back since gives way.
fn keep_former(path: &Path, version: i32) -> Result<(), StoreError> {
    let kept = backup::beside(path, &format!("schema-{version}"));
    backup::replace(path, &kept)?;
    tracing::info!(
        file = %kept.display(),
        "the store is brought up to date for this version; the file as it was is kept, for a way back"
    );
    Ok(())
}

fn connect(options: &SqliteOptions, purpose: Use) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(&options.path, flags)?;
    connection.busy_timeout(options.busy_timeout)?;
    connection.set_prepared_statement_cache_capacity(64);
    let on = |name| connection.pragma_update(None, name, true);
    connection.pragma_update(None, "synchronous", "FULL")?;
    // Only macOS has these: elsewhere a flush reaches the disk anyway.
    on("fullfsync")?;
    on("checkpoint_fullfsync")?;
    // What was removed, or sealed with a former key, is overwritten.
    on("secure_delete")?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    connection.pragma_update_and_check(None, "journal_size_limit", LOG_SIZE, |_| Ok(()))?;
    if purpose == Use::Reading {
        on("query_only")?;
    }
    Ok(connection)
}

/// Sees to it that there is a file of ours to open, since the errors of the file system say more than SQLite's.
fn prepare_file(path: &Path) -> Result<(), StoreError> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(drop).map_err(|error| unopenable(path, error))
}

fn unopenable(path: &Path, error: io::Error) -> StoreError {
    let store = path.display();
    let directory = path.parent().unwrap_or(Path::new("")).display();
    let (kind, why, chinese) = match error.kind() {
        ErrorKind::NotFound => (
            StoreErrorKind::Unavailable,
            format!("cannot be created, for its directory does not exist: `mkdir -p {directory}`"),
            format!("无法创建，目录不存在：`mkdir -p {directory}`"),
        ),
        ErrorKind::PermissionDenied if is_readable(path) => (
            StoreErrorKind::ReadOnly,
            "can be read but not written: give this process the right to write to the file and its \
             directory"
                .to_owned(),
            "可以读取但不能写入：请让本进程有权写入该文件及其目录".to_owned(),
        ),
        ErrorKind::PermissionDenied => (
            StoreErrorKind::Unavailable,
            "may not be accessed: give this process the right to read and write the file and its \
             directory"
                .to_owned(),
            "不允许访问：请让本进程有权读写该文件及其目录".to_owned(),
        ),
        ErrorKind::ReadOnlyFilesystem => (
            StoreErrorKind::ReadOnly,
            "is on a read-only file system: choose another path, or mount it for writing".to_owned(),
            "位于只读文件系统：请换一个路径，或以可写方式挂载".to_owned(),
        ),
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => (
            StoreErrorKind::Full,
            "cannot be created, for the disk is full: make room".to_owned(),
            "无法创建，磁盘已满：请腾出空间".to_owned(),
        ),
        ErrorKind::IsADirectory => (
            StoreErrorKind::Invalid,
            "is a directory: name a file in it, such as lingpai.db".to_owned(),
            "是一个目录：请指定其中的文件，例如 lingpai.db".to_owned(),
        ),
        _ => (
            StoreErrorKind::Unavailable,
            "cannot be opened: check its path".to_owned(),
            "无法打开：请检查路径".to_owned(),
        ),
    };
    StoreError::new(kind, format!("the store {store} {why}"))
        .in_chinese(format!("存储 {store} {chinese}"))
        .caused_by(error)
}

fn is_readable(path: &Path) -> bool {
    OpenOptions::new().read(true).open(path).is_ok()
}

/// The version of the schema, if the file is empty or of ours and not newer than us.
pub(super) fn refuse_foreign(connection: &Connection, path: &Path) -> Result<i32, Trouble> {
    let id: i32 = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let version: i32 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let tables: i64 =
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if id != schema::APPLICATION_ID && (id != 0 || version != 0 || tables != 0) {
        return Err(StoreError::new(
            StoreErrorKind::Corrupt,
            format!(
                "{} is a database of another program. Check the path; nothing was changed",
                path.display()
            ),
        )
        .in_chinese(format!("{} 是其他程序的数据库。请检查路径；没有任何改动", path.display()))
        .into());
    }
    if version > schema::VERSION {
        return Err(StoreError::new(
            StoreErrorKind::Newer,
            format!(
                "the store {} was written by a newer Lingpai (its schema is {version}, this program \
                 knows {}). Run that version, or restore the backup from before the upgrade; nothing \
                 was changed",
                path.display(),
                schema::VERSION
            ),
        )
        .in_chinese(format!(
            "存储 {} 由更新版本的 Lingpai 写入（它的结构为 {version}，本程序只认识到 {}）。请运行那个版本，或恢复升级前的备份；没有任何改动",
            path.display(),
            schema::VERSION
        ))
        .into());
    }
    Ok(version)
}

/// Finds the key, makes one if this is the first run, and sees whether it fits.
fn fit_key(connection: &Connection, options: &SqliteOptions) -> Result<(Sealer, bool), Trouble> {
    let check: Option<Vec<u8>> = connection
        .query_row("SELECT value FROM meta WHERE name = 'key_check'", [], |row| row.get(0))
        .optional()?;
    let file = options.key.file(&options.path);
    let key = match (&options.key, &file) {
        (KeySource::Given { key, .. }, _) => Some(key.clone()),
        (_, Some(file)) => keys::read(file)?,
        (_, None) => None,
    };
    let Some(check) = check else {
        let (key, generated) = match (key, &options.key, &file) {
            (Some(key), ..) => (key, false),
            (None, KeySource::Beside, Some(file)) => {
                let key = MasterKey::random()?;
                keys::create(file, &key)?;
                (key, true)
            }
            (None, ..) => {
                return Err(missing_key(
                    options,
                    "Create it: `openssl rand -hex 32`",
                    "请生成：`openssl rand -hex 32`",
                )
                .into());
            }
        };
        let sealer = Sealer::new(&key);
        write_key_check(connection, &sealer)?;
        return Ok((sealer, generated));
    };
    let why = match key.as_ref().map(Sealer::new) {
        Some(sealer) => match sealer.open(KEY_CHECK, &check) {
            Ok(_) => return Ok((sealer, false)),
            Err(why) => Some(why),
        },
        None => None,
    };
    // A re-keying may have been cut off before it replaced the key file.
    if let Some(file) = &file
        && let Some(staged) = keys::staged(file)?.as_ref().map(Sealer::new)
        && staged.open(KEY_CHECK, &check).is_ok()
    {
        keys::promote(file)?;
        return Ok((staged, false));
    }
    Err(match why {
        Some(why) => unfit_key(options, why).into(),
        None => missing_key(
            options,
            "The store is sealed with the key that was in it: put it back from a backup, or give the \
             key as LINGPAI_MASTER_KEY. Without it the secrets cannot be opened",
            "存储是用其中的密钥加密的：请从备份放回该文件，或用 LINGPAI_MASTER_KEY 提供密钥。没有它就无法解密",
        )
        .into(),
    })
}

fn write_key_check(connection: &Connection, sealer: &Sealer) -> Result<(), Trouble> {
    let sealed = sealer.seal(KEY_CHECK, KNOWN_TEXT)?;
    connection.execute(
        "INSERT INTO meta (name, value) VALUES ('key_check', ?1)
         ON CONFLICT DO UPDATE SET value = ?1",
        [sealed],
    )?;
    Ok(())
}

fn missing_key(options: &SqliteOptions, advice: &str, chinese: &str) -> StoreError {
    StoreError::new(
        StoreErrorKind::Sealed,
        format!(
            "{} is missing, without which the store {} cannot be opened. {advice}",
            options.key.name(&options.path),
            options.path.display()
        ),
    )
    .in_chinese(format!(
        "缺少{}，无法打开存储 {}。{chinese}",
        options.key.chinese_name(&options.path),
        options.path.display()
    ))
}

fn unfit_key(options: &SqliteOptions, why: Unopened) -> StoreError {
    let (key, store) = (options.key.name(&options.path), options.path.display());
    let message = match why {
        Unopened::OtherKey => format!(
            "the master key from {key} is not the one that the store {store} is sealed with. Give the \
             key it was created or last re-keyed with; nothing was changed"
        ),
        Unopened::Altered => format!(
            "the record key_check in the table meta of the store {store} cannot be opened with the \
             master key from {key}: {why}. Restore the store from a backup"
        ),
    };
    let key = options.key.chinese_name(&options.path);
    let chinese = match why {
        Unopened::OtherKey => format!(
            "{key} 中的主密钥不是加密存储 {store} 所用的那一个。请提供创建存储时或最近一次更换后的主密钥；没有任何改动"
        ),
        Unopened::Altered => format!(
            "存储 {store} 的 meta 表中的 key_check 无法用 {key} 中的主密钥打开：它被改动过。请从备份恢复存储"
        ),
    };
    StoreError::new(StoreErrorKind::Sealed, message).in_chinese(chinese)
}
