//! There and back: an account that somebody else fetches for is observed, managed, paused and released, or moves to the other
//! family of tokens, and a client that calls WeChat all the time, with the token that it reads and through the gateway, is never
//! refused.

use std::fs::File;
use std::process::{Output, Stdio};
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
        call(self.wechat, &head, &body).await
    }
}

/// Asks WeChat itself.
async fn call(wechat: &WeChat, head: &str, body: &str) -> Value {
    let mut stream = TcpStream::connect(wechat.addr).await.unwrap();
    let length = body.len();
    let request = format!(
        "{head} HTTP/1.1\r\nHost: api\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    serde_json::from_str(&answer(&mut stream).await.unwrap().1).unwrap()
}

/// A client that makes a call which needs a good token, all the time: with the token that it is given, and through the gateway.
async fn calls_go_through_for(home: &Home, wechat: &WeChat, time: Duration) -> usize {
    let until = Instant::now() + time;
    let mut calls = 0;
    while Instant::now() < until {
        let token = home.token(0).await.unwrap();
        let answer =
            call(wechat, &format!("GET /cgi-bin/getcallbackip?access_token={token}"), "").await;
        assert!(answer["ip_list"].is_array(), "call {calls}, to WeChat: {answer}");
        let path = format!("/gateway/{}/cgi-bin/getcallbackip", appid(0));
        let (status, answer) = home.get(&path).await.unwrap();
        assert!(
            status == 200 && answer.contains("ip_list"),
            "call {calls}, by the gateway: {answer}"
        );
        calls += 2;
        sleep(Duration::from_millis(5)).await;
    }
    calls
}

/// The same in the background, until it is ended.
struct Client {
    ended: Arc<AtomicBool>,
    calling: JoinHandle<usize>,
}

impl Client {
    fn start(home: &Arc<Home>, wechat: &Arc<WeChat>) -> Self {
        let (home, wechat) = (Arc::clone(home), Arc::clone(wechat));
        let ended = Arc::<AtomicBool>::default();
        let calling = tokio::spawn({
            let ended = Arc::clone(&ended);
            async move {
                let mut calls = 0;
                while !ended.load(Ordering::Relaxed) {
                    calls += calls_go_through_for(&home, &wechat, Duration::from_millis(20)).await;
                }
                calls
            }
        });
        Self { ended, calling }
    }

    /// How many calls it made, all of which went through.
    async fn end(self) -> usize {
        self.ended.store(true, Ordering::Relaxed);
        self.calling.await.unwrap()
    }
}

fn account(home: &Home, arguments: &[&str]) -> Output {
    account_reading(Stdio::null(), home, arguments)
}

fn account_reading(input: Stdio, home: &Home, arguments: &[&str]) -> Output {
    let server = format!("http://127.0.0.1:{}", home.port);
    let mut command = home.command(&["account"]);
    command.env("LINGPAI_KEY", home.key()).args(arguments).args(["--server", &server]);
    let output = command.stdin(input).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output
}

/// Creates the account on a running node, in the store.
async fn create(home: &Home, mode: &str, keeping: &str) {
    let secret = std::fs::read_to_string(home.secret_file(0)).unwrap();
    let wanted = json!({"account": appid(0), "secret": secret, "mode": mode, "keeping": keeping});
    assert_eq!(home.call("POST", "/v1/accounts", &wanted.to_string()).await.0, 201);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_goes_from_classic_to_stable_here_and_back_and_no_call_is_refused() {
    there_and_back(true, "stable").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_goes_from_stable_to_stable_here_and_back_and_no_call_is_refused() {
    there_and_back(false, "stable").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_goes_from_stable_to_classic_here_and_back_and_no_call_is_refused() {
    there_and_back(false, "classic").await;
}

/// `is_classic` says how the old one fetches, `mode` how Lingpai does. The fourth pair would not be safe, and `docs/migrate.md` says
/// so: where both are classic, each fetch ends the other's token within five minutes, whatever Lingpai does.
async fn there_and_back(is_classic: bool, mode: &str) {
    let wechat = Arc::new(WeChat::start(LIFE, 1).await);
    let home = Arc::new(Home::new(&wechat, 1, "stable", "", ""));
    home.configure(0);
    let node = home.start().await;
    let old = Old { wechat: &wechat, home: &home, is_classic };

    // Observed: Lingpai serves what the old one has fetched, and fetches nothing.
    create(&home, mode, "observe").await;
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
    let mut calls = calls_go_through_for(&home, &wechat, LIFE / 4).await;
    assert_eq!(wechat.fetches(), fetches, "a token that was given costs no fetch");

    // Managed: it is renewed before its end, while the old one goes on.
    account(&home, &["keep", &appid(0), "managed"]);
    let renewed = Instant::now() + PATIENCE;
    while home.token(0).await.unwrap() == fetched["access_token"].as_str().unwrap() {
        assert!(Instant::now() < renewed, "it is never renewed");
        calls += calls_go_through_for(&home, &wechat, Duration::from_millis(100)).await;
    }
    assert!(wechat.fetches() > fetches);
    old.fetch().await;
    calls += calls_go_through_for(&home, &wechat, LIFE / 4).await;

    // Paused: what there is is served on.
    account(&home, &["keep", &appid(0), "paused"]);
    let fetches = wechat.fetches();
    calls += calls_go_through_for(&home, &wechat, LIFE / 16).await;
    assert_eq!(wechat.fetches(), fetches, "it is paused");

    // Released: the last token is served on, the old one fetches as before, and Lingpai no more.
    let released = account(&home, &["release", &appid(0)]);
    let released: Value = serde_json::from_slice(&released.stdout).unwrap();
    assert!(wechat.accepts(released["access_token"].as_str().unwrap()), "{released}");
    let left = Duration::from_secs(released["expires_in"].as_u64().unwrap());
    assert!(left <= LIFE);
    let fetches = wechat.fetches();
    calls +=
        calls_go_through_for(&home, &wechat, left.saturating_sub(Duration::from_secs(1))).await;
    assert_eq!(wechat.fetches(), fetches, "nothing is fetched for it any more");
    calls += client.end().await;
    let commands = [
        "account-created ",
        "token-adopted ",
        "account-updated keeping=managed",
        "account-updated keeping=paused",
        "account-updated keeping=paused",
    ];
    assert_eq!(deeds(&home).await, commands, "each command is on record, with what it changed");
    assert!(wechat.accepts(old.fetch().await["access_token"].as_str().unwrap()));
    println!("classic before: {is_classic}, {mode} here; {calls} calls, none refused");
    node.end().await;
    std::fs::remove_file(file).unwrap();
    home.assert_nothing_leaked();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_moves_to_the_other_family_and_back_and_no_call_is_refused() {
    let wechat = Arc::new(WeChat::start(4 * LIFE, 1).await);
    let home = Arc::new(Home::new(&wechat, 1, "stable", "", ""));
    home.configure(0);
    let node = home.start().await;
    create(&home, "stable", "managed").await;
    let first = home.token(0).await.unwrap();
    let client = Client::start(&home, &wechat);
    let families = [("classic", "/cgi-bin/token"), ("stable", "/cgi-bin/stable_token")];
    for (mode, place) in families {
        let fetches = || families.map(|(_, place)| wechat.counters().calls_of(place));
        let (present, before) = (home.token(0).await.unwrap(), fetches());
        let told = account(&home, &["set-mode", &appid(0), mode]);
        let told = String::from_utf8_lossy(&told.stderr).into_owned();
        assert!(told.contains(mode) && told.contains(place), "{told}");
        sleep(LIFE / 16).await;
        assert_eq!(home.token(0).await.unwrap(), present, "the present token is served on");
        assert_eq!(fetches(), before, "the change itself costs no fetch");

        let planned = rotate(&home, r#"{"dry_run": true}"#).await;
        assert!(planned.contains(place), "{planned}");
        rotate(&home, "").await;
        let of_this_family = families.map(|family| u64::from(family.1 == place));
        assert_eq!(fetches(), [before[0] + of_this_family[0], before[1] + of_this_family[1]]);
        assert_ne!(home.token(0).await.unwrap(), present);
        assert!(wechat.accepts(&present), "those that clients still hold live on");
        sleep(LIFE / 16).await;
    }
    assert_eq!(
        home.token(0).await.unwrap(),
        first,
        "the stable family has kept its token meanwhile"
    );
    let calls = client.end().await;
    println!("{calls} calls, none refused");
    let changes =
        ["account-created ", "account-updated mode=classic", "account-updated mode=stable"];
    let deeds = deeds(&home).await;
    let of_settings = deeds.iter().filter(|deed| !deed.starts_with("token-rotated"));
    assert!(of_settings.eq(changes), "{deeds:?}");
    node.end().await;
    home.assert_nothing_leaked();
}

/// What the audit trail has of the account, but for reads: each with what was changed to what, all of them done with this key.
async fn deeds(home: &Home) -> Vec<String> {
    let (_, trail) = home.get(&format!("/v1/audit?account={}", appid(0))).await.unwrap();
    let trail: Value = serde_json::from_str(&trail).unwrap();
    let records = trail["records"].as_array().unwrap().iter().rev();
    let deeds = records.filter(|it| it["action"] != "token-read").map(|it| {
        assert!(home.key().starts_with(it["who"]["key"].as_str().unwrap()), "{it}");
        let subject = it["subject"].as_str().unwrap_or_default();
        format!("{} {subject}", it["action"].as_str().unwrap())
    });
    deeds.collect()
}

/// Has the token replaced, or is told what that would do, as soon as it is permitted.
async fn rotate(home: &Home, body: &str) -> String {
    let path = format!("/v1/accounts/{}/token/rotate", appid(0));
    let permitted = Instant::now() + PATIENCE;
    loop {
        match home.call("POST", &path, body).await {
            (200, answer) => return answer,
            (status, answer) => assert!(status == 409 && Instant::now() < permitted, "{answer}"),
        }
        sleep(Duration::from_millis(100)).await;
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
    create(&home, "stable", "observe").await;
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_is_adopted_from_standard_input_with_the_life_that_is_said() {
    let wechat = WeChat::start(Duration::from_secs(7200), 1).await;
    let home = Home::new(&wechat, 1, "stable", "", "");
    home.configure(0);
    let node = home.start().await;
    create(&home, "stable", "observe").await;
    let old = Old { wechat: &wechat, home: &home, is_classic: false };
    let token = old.fetch().await["access_token"].as_str().unwrap().to_owned();
    let fetches = wechat.fetches();
    let file = home.file("old-token");
    std::fs::write(&file, format!("{token}\n")).unwrap();
    let input = Stdio::from(File::open(&file).unwrap());
    account_reading(input, &home, &["adopt", &appid(0), "--expires-in", "600"]);
    let (_, told) = home.get(&format!("/v1/accounts/{}/token", appid(0))).await.unwrap();
    let told: Value = serde_json::from_str(&told).unwrap();
    assert_eq!(told["access_token"], token);
    assert!((590..=600).contains(&told["expires_in"].as_u64().unwrap()), "{told}");
    assert_eq!(wechat.fetches(), fetches);
    node.end().await;
    std::fs::remove_file(file).unwrap();
    home.keep_secret(&token);
    home.assert_nothing_leaked();
}
