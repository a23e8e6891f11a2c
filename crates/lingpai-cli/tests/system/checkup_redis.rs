//! The doctor's look at a Redis, at real ones that are wrong in each way: what it says of them in both languages, and its exit
//! code.

use std::process::Command;
use std::time::Duration;

use lingpai_store::conformance::RedisServer;

use crate::node::WeChat;

const KEY: &str = "ab";
const ANOTHER_KEY: &str = "cd";
const DURABLE: [&str; 4] = ["--appendonly", "yes", "--appendfsync", "always"];

/// A folder whose configuration names this store.
struct Place {
    folder: tempfile::TempDir,
    url: String,
}

impl Place {
    fn of(wechat: &WeChat, url: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let text = format!("store = \"{url}\"\nupstream = \"http://{}\"\n", wechat.addr);
        std::fs::write(folder.path().join("lingpai.toml"), text).unwrap();
        Self { folder, url: url.to_owned() }
    }

    fn command(&self, key: Option<&str>, language: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_lingpai"));
        command.current_dir(self.folder.path()).args(arguments).env("LINGPAI_LANG", language);
        command.env_remove("LINGPAI_MASTER_KEY").env("NO_COLOR", "1");
        if let Some(key) = key {
            command.env("LINGPAI_MASTER_KEY", key.repeat(32));
        }
        command
    }

    /// That the doctor ends with this code and says this, in English and in Chinese.
    fn is_told(&self, key: Option<&str>, code: i32, english: &[&str], chinese: &[&str]) {
        for (language, words) in [("en", english), ("zh", chinese)] {
            let output = self.command(key, language, &["doctor"]).output().unwrap();
            let said = String::from_utf8(output.stdout).unwrap();
            let heard = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(code), "{}: {said}{heard}", self.url);
            for word in words {
                assert!(said.contains(word), "{word}: {said}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_can_be_relied_on_passes_and_one_that_cannot_is_told_in_which_way() {
    let wechat = WeChat::start(Duration::from_secs(7200), 1).await;
    let server = RedisServer::start_with(&DURABLE);
    let place = Place::of(&wechat, &server.url());
    let founded = place.command(Some(KEY), "en", &["key", "create", "orders"]).output().unwrap();
    assert!(founded.status.success(), "{}", String::from_utf8_lossy(&founded.stderr));
    place.is_told(
        Some(KEY),
        0,
        &["ok Redis: It has all that Lingpai relies on.", "is opened by its key"],
        &["通过 Redis: 具备 Lingpai 所依赖的全部条件。", "可用主密钥打开"],
    );
    // Nine tenths of its memory, and then all of it.
    server.cli(&["SETRANGE", "big", "30000000", "x"]);
    let used = server.cli(&["INFO", "memory"]);
    let used = used.lines().find_map(|line| line.strip_prefix("used_memory:")).unwrap();
    let used: u64 = used.trim().parse().unwrap();
    assert_eq!(server.cli(&["CONFIG", "SET", "maxmemory", &(used * 107 / 100).to_string()]), "OK");
    place.is_told(
        Some(KEY),
        3,
        &["warning Redis: ", "that `maxmemory` allows", "See docs/redis.md"],
        &["警告 Redis: ", "已使用 `maxmemory` 所允许的", "对 Redis 的要求见 docs/zh/redis.md"],
    );
    assert_eq!(server.cli(&["CONFIG", "SET", "maxmemory", "1mb"]), "OK");
    place.is_told(
        Some(KEY),
        4,
        &["FAILED store: ", "has no memory left (`maxmemory`). Raise the limit", "Do what is said"],
        &["失败 存储: ", "内存已用完（`maxmemory`）。请提高上限", "请按上面所说的处理"],
    );
    assert_eq!(server.cli(&["CONFIG", "SET", "maxmemory", "0"]), "OK");
    // Another key, and none.
    place.is_told(
        Some(ANOTHER_KEY),
        4,
        &["LINGPAI_MASTER_KEY is not the one that the store", "Every node needs the same key"],
        &["LINGPAI_MASTER_KEY 中的主密钥不是加密存储", "每个节点都要用同一个"],
    );
    place.is_told(
        None,
        4,
        &["the master key is missing", "openssl rand -hex 32"],
        &["缺少主密钥", "openssl rand -hex 32"],
    );
    assert_eq!(server.cli(&["CONFIG", "SET", "maxmemory-policy", "allkeys-lru"]), "OK");
    place.is_told(
        Some(KEY),
        4,
        &["throws keys away when its memory is full", "CONFIG SET maxmemory-policy noeviction"],
        &["在内存用满时会淘汰键", "请执行 CONFIG SET maxmemory-policy noeviction"],
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_forgets_that_is_away_or_that_speaks_otherwise_is_told_with_what_to_do() {
    let wechat = WeChat::start(Duration::from_secs(7200), 1).await;
    for (arguments, english, chinese) in [
        (&["--appendonly", "no"][..], "keeps no log on disk", "不在磁盘上保存日志"),
        (&["--appendonly", "yes"], "flushes its log to disk `everysec`", "按 `everysec` 而不是"),
    ] {
        let server = RedisServer::start_with(arguments);
        let place = Place::of(&wechat, &server.url());
        place.is_told(
            Some(KEY),
            3,
            &["warning Redis: ", english, "`appendfsync always`"],
            &["警告 Redis: ", chinese, "`appendfsync always`"],
        );
    }
    Place::of(&wechat, "redis://127.0.0.1:1").is_told(
        Some(KEY),
        4,
        &["redis://127.0.0.1:1 cannot be reached. Check that it runs, and its address"],
        &["存储 redis://127.0.0.1:1 无法连接。请检查它是否在运行、地址是否正确"],
    );
    let server = RedisServer::start_with(&["--requirepass", "hunter2"]);
    Place::of(&wechat, &server.url()).is_told(
        Some(KEY),
        4,
        &["refuses the user or the password"],
        &["拒绝了用户名或密码"],
    );
    // It speaks no TLS.
    let server = RedisServer::start_with(&DURABLE);
    Place::of(&wechat, &server.url().replace("redis:", "rediss:")).is_told(
        Some(KEY),
        4,
        &["that it speaks TLS on this port"],
        &["请检查该端口是否使用 TLS"],
    );
}
