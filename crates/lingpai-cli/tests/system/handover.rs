//! There and back: an account that somebody else fetches for is observed, managed, paused and released, and a client that reads
//! its token all the time is never given one that WeChat refuses.

use std::process::Output;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
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
        let wechat = WeChat::start(LIFE, 1).await;
        let home = Home::new(&wechat, 1, "stable", "", "");
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
        assert!(wechat.accepts(old.fetch().await["access_token"].as_str().unwrap()));
        println!("classic before: {is_classic}; {reads} reads, none refused");
        node.end().await;
        std::fs::remove_file(file).unwrap();
        home.assert_nothing_leaked();
    }
}
