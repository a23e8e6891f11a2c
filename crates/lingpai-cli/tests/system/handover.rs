//! There and back: an account that somebody else fetches for is observed, managed, paused and released, and a client that reads
//! its token all the time is never given one that WeChat refuses.

use std::process::Output;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use lingpai_store::conformance::RedisServer;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use crate::node::{Home, PATIENCE, WeChat, answer, appid};

const LIFE: Duration = Duration::from_secs(16);

/// Whoever fetched for the account before Lingpai came, with the AppSecret.
struct Old<'a> {
    wechat: &'a WeChat,
    home: &'a Home,
    is_classic: bool,
}

impl Old<'_> {
    async fn fetch(&self) -> Value {
        let secret = std::fs::read_to_string(self.home.secret_file(0)).unwrap();
        let asked = json!({"grant_type": "client_credential", "appid": appid(0), "secret": secret});
        let (head, body) = if self.is_classic {
            let query = format!("grant_type=client_credential&appid={}&secret={secret}", appid(0));
            (format!("GET /cgi-bin/token?{query}"), String::new())
        } else {
            ("POST /cgi-bin/stable_token".to_owned(), asked.to_string())
        };
        let mut stream = TcpStream::connect(self.wechat.addr).await.unwrap();
        let length = body.len();
        let request = format!(
            "{head} HTTP/1.1\r\nHost: api\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        serde_json::from_str(&answer(&mut stream).await.unwrap().1).unwrap()
    }
}

/// A client that makes a token-checking call with what it is given, all the time.
async fn reads_good_tokens_for(home: &Home, wechat: &WeChat, time: Duration) -> usize {
    let until = Instant::now() + time;
    let mut reads = 0;
    while Instant::now() < until {
        let token = home.token(0).await.unwrap();
        assert!(wechat.accepts(&token), "read {reads}");
        reads += 1;
        sleep(Duration::from_millis(5)).await;
    }
    reads
}

/// The same in the background, until it is ended.
struct Client {
    ended: Arc<AtomicBool>,
    reading: JoinHandle<usize>,
}

impl Client {
    fn start(home: &Arc<Home>, wechat: &Arc<WeChat>) -> Self {
        let (home, wechat) = (Arc::clone(home), Arc::clone(wechat));
        let ended = Arc::<AtomicBool>::default();
        let reading = tokio::spawn({
            let ended = Arc::clone(&ended);
            async move {
                let mut reads = 0;
                while !ended.load(Ordering::Relaxed) {
                    reads += reads_good_tokens_for(&home, &wechat, Duration::from_millis(20)).await;
                }
                reads
            }
        });
        Self { ended, reading }
    }

    /// How many tokens it was given, all of them good.
    async fn end(self) -> usize {
        self.ended.store(true, Ordering::Relaxed);
        self.reading.await.unwrap()
    }
}

fn account(home: &Home, arguments: &[&str]) -> Output {
    let server = format!("http://127.0.0.1:{}", home.port);
    let mut command = home.command(&["account"]);
    command.env("LINGPAI_KEY", home.key()).args(arguments).args(["--server", &server]);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_is_taken_over_and_handed_back_and_no_token_that_was_read_is_refused() {
    for is_classic in [true, false] {
        let wechat = Arc::new(WeChat::start(LIFE, 1).await);
        let home = Arc::new(Home::new(&wechat, 1, "stable", "", ""));
        home.configure(0);
        let node = home.start().await;
        let old = Old { wechat: &wechat, home: &home, is_classic };

        // Observed: Lingpai serves what the old one has fetched, and fetches nothing.
        let secret = std::fs::read_to_string(home.secret_file(0)).unwrap();
        let wanted = json!({"account": appid(0), "secret": secret, "keeping": "observe"});
        assert_eq!(home.call("POST", "/v1/accounts", &wanted.to_string()).await.0, 201);
        let told = home.token(0).await.unwrap_err();
        assert!(told.contains("only observed"), "{told}");
        let fetched = old.fetch().await;
        let fetches = wechat.fetches();
        let file = home.file("old-token.json");
        std::fs::write(&file, fetched.to_string()).unwrap();
        account(&home, &["adopt", &appid(0), "--token-file", &file.display().to_string()]);
        assert_eq!(home.token(0).await.unwrap(), fetched["access_token"].as_str().unwrap());
        // From here on a client calls all the time, whatever is commanded meanwhile.
        let client = Client::start(&home, &wechat);
        let mut reads = reads_good_tokens_for(&home, &wechat, LIFE / 4).await;
        assert_eq!(wechat.fetches(), fetches, "a token that was given costs no fetch");

        // Managed: it is renewed before its end, while the old one goes on.
        account(&home, &["keep", &appid(0), "managed"]);
        let renewed = Instant::now() + PATIENCE;
        while home.token(0).await.unwrap() == fetched["access_token"].as_str().unwrap() {
            assert!(Instant::now() < renewed, "it is never renewed");
            reads += reads_good_tokens_for(&home, &wechat, Duration::from_millis(100)).await;
        }
        assert!(wechat.fetches() > fetches);
        old.fetch().await;
        reads += reads_good_tokens_for(&home, &wechat, LIFE / 4).await;

        // Paused: what there is is served on.
        account(&home, &["keep", &appid(0), "paused"]);
        let fetches = wechat.fetches();
        reads += reads_good_tokens_for(&home, &wechat, LIFE / 16).await;
        assert_eq!(wechat.fetches(), fetches, "it is paused");

        // Released: the last token is served on, the old one fetches as before, and Lingpai no more.
        let released = account(&home, &["release", &appid(0)]);
        let released: Value = serde_json::from_slice(&released.stdout).unwrap();
        assert!(wechat.accepts(released["access_token"].as_str().unwrap()), "{released}");
        let left = Duration::from_secs(released["expires_in"].as_u64().unwrap());
        assert!(left <= LIFE);
        let fetches = wechat.fetches();
        reads += reads_good_tokens_for(&home, &wechat, left.saturating_sub(Duration::from_secs(1)))
            .await;
        assert_eq!(wechat.fetches(), fetches, "nothing is fetched for it any more");
        reads += client.end().await;
        assert!(wechat.accepts(old.fetch().await["access_token"].as_str().unwrap()));
        println!("classic before: {is_classic}; {reads} reads, none refused");
        node.end().await;
        std::fs::remove_file(file).unwrap();
        home.assert_nothing_leaked();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_is_adopted_out_of_the_redis_in_which_an_sdk_keeps_it() {
    let wechat = WeChat::start(Duration::from_secs(7200), 1).await;
    let redis = RedisServer::start();
    let home = Home::new(&wechat, 1, "stable", "", "");
    home.configure(0);
    let node = home.start().await;
    let old = Old { wechat: &wechat, home: &home, is_classic: false };
    let secret = std::fs::read_to_string(home.secret_file(0)).unwrap();
    let wanted = json!({"account": appid(0), "secret": secret, "keeping": "observe"});
    assert_eq!(home.call("POST", "/v1/accounts", &wanted.to_string()).await.0, 201);
    let token = old.fetch().await["access_token"].as_str().unwrap().to_owned();
    let fetches = wechat.fetches();
    let php = format!("s:{}:\"{token}\";", token.len());
    for (life, stored) in [("7000", token.clone()), ("6900", format!("\"{token}\"")), ("6800", php)]
    {
        redis.cli(&["SET", "wx:access_token", &stored, "EX", life]);
        let url = redis.url();
        let from = ["adopt", &appid(0), "--redis", &url, "--redis-key", "wx:access_token"];
        account(&home, &from);
        assert_eq!(home.token(0).await.unwrap(), token);
        let (_, told) = home.get(&format!("/v1/accounts/{}/token", appid(0))).await.unwrap();
        let left = serde_json::from_str::<Value>(&told).unwrap()["expires_in"].as_u64().unwrap();
        // Given once more, it is no younger: what was known of its life stays. A form that is misread is refused on trial.
        assert!(left <= 7000 && left > 6900, "{left}");
    }
    assert_eq!(wechat.fetches(), fetches);
    node.end().await;
    home.assert_nothing_leaked();
}
