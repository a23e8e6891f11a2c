//! Places of sinks: a webhook from end to end, a file while the server is killed again and again, and a configuration that changes
//! while the server runs.

use std::collections::VecDeque;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, sleep};

use crate::node::{Home, WeChat, appid, soaking};
use crate::sinks::{deliver, sink, standing, until};

const SECRET: &str = "a-word-between-two";

/// Time, signature and body of a request, and what was answered.
type Taken = (String, String, String, u16);

/// What a business was sent, and what it answers.
#[derive(Clone, Default)]
struct Shop {
    is_away: Arc<AtomicBool>,
    /// What is answered next; 200 after that.
    answers: Arc<Mutex<VecDeque<u16>>>,
    taken: Arc<Mutex<Vec<Taken>>>,
}

impl Shop {
    /// Opens, and answers its port.
    async fn open(&self) -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (port, shop) = (listener.local_addr().unwrap().port(), self.clone());
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                if !shop.is_away.load(Ordering::SeqCst) {
                    tokio::spawn(shop.clone().take(stream));
                }
            }
        });
        port
    }

    async fn take(self, mut stream: TcpStream) {
        loop {
            let mut request = String::new();
            let (head, body) = loop {
                let mut piece = [0; 4096];
                let Ok(count @ 1..) = stream.read(&mut piece).await else { return };
                request += std::str::from_utf8(&piece[..count]).unwrap();
                if let Some((head, body)) = request.split_once("\r\n\r\n")
                    && header(head, "content-length") == body.len().to_string()
                {
                    break (head.to_owned(), body.to_owned());
                }
            };
            // Also on a connection that was kept.
            if self.is_away.load(Ordering::SeqCst) {
                return;
            }
            let status = self.answers.lock().unwrap().pop_front().unwrap_or(200);
            let [at, signature] =
                ["x-lingpai-timestamp", "x-lingpai-signature"].map(|name| header(&head, name));
            self.taken.lock().unwrap().push((at, signature, body, status));
            let answer = format!("HTTP/1.1 {status} X\r\nContent-Length: 0\r\n\r\n");
            if stream.write_all(answer.as_bytes()).await.is_err() {
                return;
            }
        }
    }

    fn taken(&self) -> Vec<Taken> {
        self.taken.lock().unwrap().clone()
    }

    /// The generations that it was sent, and what it answered.
    fn generations(&self) -> Vec<(u64, u16)> {
        let of = |body: &str| serde_json::from_str::<Value>(body).unwrap()["generation"].as_u64();
        self.taken().iter().map(|(_, _, body, status)| (of(body).unwrap(), *status)).collect()
    }
}

fn header(head: &str, name: &str) -> String {
    let mut pairs = head.lines().filter_map(|line| line.split_once(": "));
    pairs.find(|(it, _)| it.eq_ignore_ascii_case(name)).unwrap_or_default().1.to_owned()
}

/// The signatures as docs/alerts.md has them, computed by another program.
fn signatures(taken: &[Taken]) -> Vec<String> {
    let script = "import hmac, json, sys\nfor at, _, body, _ in json.load(sys.stdin):\n    \
                  print('v1=' + hmac.new(sys.argv[1].encode(), f'{at}.{body}'.encode(), 'sha256').hexdigest())";
    let input = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(input.path(), json!(taken).to_string()).unwrap();
    let mut python = Command::new("python3");
    python.args(["-c", script, SECRET]).stdin(std::fs::File::open(input.path()).unwrap());
    let output = python.output().unwrap();
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

async fn lag(home: &Home) -> f64 {
    let (_, metrics) = home.get("/metrics").await.unwrap();
    let line = metrics.lines().find(|line| line.starts_with("lingpai_sink_lag_seconds{")).unwrap();
    line.rsplit_once(' ').unwrap().1.parse().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_webhook_is_signed_and_retried_and_brought_to_the_newest_token_and_never_to_an_older_one()
{
    let wechat = WeChat::start(Duration::from_secs(6), 1).await;
    let shop = Shop::default();
    let port = shop.open().await;
    shop.answers.lock().unwrap().extend([500, 503]);
    let home = Home::new(&wechat, 1, "classic", "private-networks = [\"127.0.0.0/8\"]", "");
    std::fs::write(home.file("hook-url"), format!("http://127.0.0.1:{port}/token?key=1")).unwrap();
    std::fs::write(home.file("hook-secret"), SECRET).unwrap();
    deliver(
        &home,
        &sink("erp", "url = { file = \"hook-url\" }\nsecret = { file = \"hook-secret\" }"),
    );
    let node = home.start().await;
    let last = |shop: &Shop| shop.generations().last().copied();
    until("it is not taken", async || last(&shop).is_some_and(|(_, status)| status == 200)).await;
    // The same token may come again: its generation says so.
    let sent = shop.generations();
    assert_eq!(sent[..2].iter().map(|(_, status)| *status).collect::<Vec<_>>(), [500, 503]);
    until("it is not current", async || standing(&home).await["state"] == "current").await;
    let shown = standing(&home).await;
    assert!(shown["failed"].as_u64() >= Some(2), "{shown}");
    assert!(!shown.to_string().contains("key=1"), "the URL may hold a key: {shown}");

    // The business is away over several rotations.
    shop.is_away.store(true, Ordering::SeqCst);
    let (before, _) = last(&shop).unwrap();
    let generation = async || {
        let (_, body) = home.get(&format!("/v1/accounts/{}/token", appid(0))).await.unwrap();
        serde_json::from_str::<Value>(&body).unwrap()["generation"].as_u64().unwrap_or_default()
    };
    until("there are no rotations", async || generation().await >= before + 2).await;
    until("no lag", async || lag(&home).await > 0.5).await;
    let missed = shop.generations().len();
    let newest = generation().await;
    shop.is_away.store(false, Ordering::SeqCst);
    until("it is not caught up with", async || shop.generations().len() > missed).await;
    let (first, _) = shop.generations()[missed];
    assert!(first >= newest, "{first} was sent when {newest} was the newest");
    until("the lag stays", async || lag(&home).await == 0.0).await;

    // Another start sends what it has once more. Who has a newer one says so, and is left alone.
    node.kill();
    let sent = shop.generations().len();
    shop.answers.lock().unwrap().push_back(409);
    let node = home.start().await;
    until("a start does not deliver", async || shop.generations().len() > sent).await;
    until("it is not current", async || standing(&home).await["state"] == "current").await;
    home.token(0).await.unwrap();
    node.end().await;
    let generations: Vec<_> =
        shop.generations().into_iter().map(|(generation, _)| generation).collect();
    assert!(generations.is_sorted(), "{generations:?}");
    let taken = shop.taken();
    let signed: Vec<_> = taken.iter().map(|(_, signature, ..)| signature.clone()).collect();
    assert_eq!(signed, signatures(&taken));
    home.assert_nothing_leaked();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn soak_a_reader_never_sees_a_torn_file_or_an_older_token_however_often_the_server_is_killed()
{
    let kills = if soaking() { 100 } else { 10 };
    let wechat = WeChat::start(Duration::from_secs(4), 1).await;
    let home = Home::new(&wechat, 1, "stable", "", "");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("token");
    deliver(&home, &sink("shop", &format!("path = \"{}\"\nform = \"json\"", path.display())));
    let ended = Arc::new(AtomicBool::new(false));
    let reader = std::thread::spawn({
        let (path, ended) = (path.clone(), Arc::clone(&ended));
        move || {
            let (mut newest, mut looks, mut seen) = (0, 0_u64, 0_u64);
            while !ended.load(Ordering::Relaxed) {
                let Ok(text) = std::fs::read_to_string(&path) else { continue };
                let held: Value = serde_json::from_str(&text).expect("a torn file");
                let generation = held["generation"].as_u64().expect("no generation");
                assert!(generation >= newest, "{generation} after {newest}");
                seen += u64::from(generation > newest);
                newest = generation;
                looks += 1;
            }
            (looks, seen)
        }
    });
    let new = folder.path().join(".token.lingpai.new");
    let mut in_the_middle = 0;
    for number in 0..kills {
        let node = home.start().await;
        // Every second time while the file is being written, as far as that can be seen; else at any moment.
        let until = Instant::now()
            + Duration::from_millis(if number % 2 == 0 { 6000 } else { 50 + number * 97 % 900 });
        while Instant::now() < until {
            if number % 2 == 0 && new.exists() {
                in_the_middle += 1;
                break;
            }
            tokio::task::yield_now().await;
        }
        node.kill();
    }
    let node = home.start().await;
    until("the newest is not there", async || standing(&home).await["state"] == "current").await;
    ended.store(true, Ordering::Relaxed);
    let (looks, seen) = reader.join().expect("the reader saw something wrong");
    println!(
        "{kills} kills, {in_the_middle} of them in the middle of a write; {looks} looks, {seen} tokens"
    );
    assert!(in_the_middle > 0 && seen > 2);
    node.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sinks_are_added_changed_and_removed_while_the_server_runs() {
    let wechat = WeChat::start(Duration::from_secs(7200), 1).await;
    let home = Home::new(&wechat, 1, "stable", "", "");
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let to = |name: &str, file: &str| {
        sink(name, &format!("path = \"{}\"\nform = \"plain\"", at(file).display()))
    };
    let without = home.configuration();
    let configure = |sinks: &str| home.write(&format!("{without}\n{sinks}"));
    let node = home.start().await;
    let token = home.token(0).await.unwrap();
    let holds = |file: &str| std::fs::read_to_string(at(file)).is_ok_and(|held| held == token);
    let listed = async || {
        let (_, body) = home.call("GET", "/v1/sinks", "").await;
        serde_json::from_str::<Value>(&body).unwrap()["sinks"].as_array().unwrap().clone()
    };
    assert_eq!(listed().await.len(), 0);

    configure(&to("one", "one"));
    until("the first sink is not filled", async || holds("one")).await;
    configure(&(to("one", "one") + &to("two", "two")));
    node.signal("HUP");
    until("the second sink is not filled", async || holds("two")).await;
    std::fs::remove_file(at("two")).unwrap();
    configure(&(to("one", "one") + &to("two", "elsewhere")));
    until("the changed sink is not filled", async || holds("elsewhere")).await;
    let all = listed().await;
    // The one that is as before went on as it stood.
    assert_eq!((&all[0]["name"], &all[0]["written"], all.len()), (&json!("one"), &json!(1), 2));
    assert!(!at("two").exists());
    // A mistake changes nothing.
    configure("[[sink]]\nname = \"three\"\n");
    home.wait_for("say whose token it is given").await;
    assert_eq!(listed().await.len(), 2);
    configure("");
    until("the sinks are still there", async || listed().await.is_empty()).await;
    sleep(Duration::from_millis(50)).await;
    assert!(holds("one"), "what was delivered stays");
    assert!(!home.printed().contains("`sink` cannot change"));
    node.end().await;
    home.assert_nothing_leaked();
}
