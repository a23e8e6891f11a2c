//! A Redis that a node cannot start on: `config check` and `serve` say the same, and what to do.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use lingpai_store::conformance::RedisServer;

use crate::node::{Home, WeChat};
use crate::nodes::home;

/// What the command printed, if it failed.
fn complaint(home: &Home, arguments: &[&str]) -> Option<String> {
    let output = home.command(arguments).output().unwrap();
    (!output.status.success()).then(|| String::from_utf8(output.stderr).unwrap())
}

struct Unfit {
    redis: RedisServer,
    home: Home,
    _wechat: WeChat,
}

impl Unfit {
    async fn new() -> Self {
        let redis = RedisServer::start();
        let wechat = WeChat::start(Duration::from_secs(7200), 1).await;
        let home = home(&redis, &wechat, "stable", "");
        Self { redis, home, _wechat: wechat }
    }

    fn url(&self) -> String {
        self.redis.url()
    }

    /// With this in the place of the URL, both say this.
    fn at(&self, url: &str, said: &str) {
        let right = self.home.configuration();
        assert!(right.contains(&self.url()));
        self.home.write(&right.replace(&self.url(), url));
        self.is(said);
        self.home.write(&right);
    }

    fn is(&self, said: &str) {
        for arguments in [&["config", "check"][..], &["serve"]] {
            let complaint = complaint(&self.home, arguments)
                .unwrap_or_else(|| panic!("{arguments:?} does not say {said:?}"));
            assert!(complaint.contains(said), "{arguments:?}: {complaint}");
            assert!(!complaint.contains("hunter"), "{complaint}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_is_elsewhere_or_does_not_let_us_in_is_told_by_the_check_and_by_the_start() {
    let unfit = Unfit::new().await;
    let url = unfit.url();
    unfit.at("redis://127.0.0.1:1", "redis://127.0.0.1:1 cannot be reached");
    unfit.at("redis:/127.0.0.1", "a Redis URL begins with `redis://`");
    unfit.at(&url.replace("redis:", "rediss:"), "that it speaks TLS on this port");
    unfit.at(&url.replace("redis:", "redis+cluster:"), "is no Redis Cluster. Write `redis://`");
    unfit.at(&url.replace("//", "//nobody@"), "refuses the user or the password");
    unfit.redis.cli(&["ACL", "SETUSER", "weak", "on", "nopass", "~lingpai:*", "+@read", "+info"]);
    unfit.at(&url.replace("//", "//weak@"), "does not allow this user what Lingpai needs");
    unfit.redis.cli(&["CONFIG", "SET", "requirepass", "hunter2"]);
    unfit.is("refuses the user or the password");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_is_not_ours_or_cannot_be_relied_on_is_told_by_the_check_and_by_the_start() {
    let unfit = Unfit::new().await;
    let redis = &unfit.redis;
    assert_eq!(complaint(&unfit.home, &["config", "check"]), None);
    redis.cli(&["CONFIG", "SET", "appendfsync", "everysec"]);
    let output = unfit.home.command(&["config", "check"]).output().unwrap();
    let warning = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success() && warning.contains("warning: "), "{warning}");
    assert!(warning.contains("everysec"), "{warning}");

    redis.cli(&["CONFIG", "SET", "maxmemory-policy", "allkeys-lru"]);
    unfit.is("CONFIG SET maxmemory-policy noeviction");
    redis.cli(&["CONFIG", "SET", "maxmemory-policy", "noeviction"]);
    let schema = redis.cli(&["HGET", "lingpai:meta", "schema"]);
    redis.cli(&["HSET", "lingpai:meta", "schema", "99"]);
    unfit.is("was written by a newer Lingpai");
    redis.cli(&["HSET", "lingpai:meta", "schema", &schema]);
    redis.cli(&["DEL", "lingpai:accounts"]);
    redis.cli(&["SET", "lingpai:accounts", "1"]);
    unfit.is("the key lingpai:accounts in the store");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_is_too_old_is_told_by_the_check_and_by_the_start() {
    let unfit = Unfit::new().await;
    let old = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("redis://{}", old.local_addr().unwrap());
    std::thread::spawn(move || {
        for client in old.incoming().flatten() {
            std::thread::spawn(move || play_redis_5(client));
        }
    });
    unfit.at(&url, "is Redis 5.0.7, and Lingpai needs 6.2 or newer");
}

/// Answers as a Redis did before there was RESP3.
fn play_redis_5(mut client: TcpStream) -> Option<()> {
    let mut reader = BufReader::new(client.try_clone().unwrap());
    loop {
        let words: Vec<String> =
            (0..number(&mut reader)?).map(|_| word(&mut reader)).collect::<Option<_>>()?;
        let answer = match words[0].to_ascii_uppercase().as_str() {
            "INFO" => {
                let info = "# Server\r\nredis_version:5.0.7\r\n";
                format!("${}\r\n{info}\r\n", info.len())
            }
            "HELLO" | "CLIENT" => format!("-ERR unknown command `{}`\r\n", words[0]),
            _ => "+OK\r\n".to_owned(),
        };
        client.write_all(answer.as_bytes()).ok()?;
    }
}

/// The number of a line such as `*2` or `$5`.
fn number(reader: &mut impl BufRead) -> Option<usize> {
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    line.trim_end().get(1..)?.parse().ok()
}

fn word(reader: &mut impl BufRead) -> Option<String> {
    let mut bytes = vec![0; number(reader)? + 2];
    reader.read_exact(&mut bytes).ok()?;
    Some(String::from_utf8_lossy(&bytes[..bytes.len() - 2]).into_owned())
}
