//! What WeChat pushes: verified, passed on, answered; and not lost when the business is away and the server is killed.

use std::io::Write;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};

use crate::node::{Home, PATIENCE, WeChat, answer, appid};

pub(crate) const TOKEN: &str = "pushtoken0of0test";
pub(crate) const KEY: &str = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG";
/// What makes a push none of WeChat's.
pub(crate) const FAULTS: &[&str] = &[
    "late",
    "corrupt",
    "truncate",
    "wrong-token",
    "wrong-key",
    "wrong-receiver",
    "wrong-padding",
    "bomb",
];
pub(crate) const REPLY: &str = "<xml><Content><![CDATA[reply]]></Content></xml>";

/// The business service, which may be away.
pub(crate) struct Business {
    pub(crate) port: u16,
    pub(crate) is_away: Arc<AtomicBool>,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Business {
    pub(crate) async fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (is_away, requests) =
            (Arc::<AtomicBool>::default(), Arc::<Mutex<Vec<String>>>::default());
        let (away, took) = (Arc::clone(&is_away), Arc::clone(&requests));
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                if !away.load(Ordering::SeqCst) {
                    tokio::spawn(take(stream, Arc::clone(&took)));
                }
            }
        });
        Self { port, is_away, requests }
    }

    /// What it was sent: heads and bodies.
    pub(crate) fn requests(&self) -> Vec<(String, String)> {
        let requests = self.requests.lock().unwrap();
        let parts = requests.iter().filter_map(|request| request.split_once("\r\n\r\n"));
        parts.map(|(head, body)| (head.to_owned(), body.to_owned())).collect()
    }

    fn taken(&self) -> Vec<String> {
        self.requests().into_iter().map(|(_, body)| body).collect()
    }
}

/// Takes one push, and answers it.
async fn take(mut stream: TcpStream, taken: Arc<Mutex<Vec<String>>>) {
    let mut request = String::new();
    while !request.contains("</xml>") {
        let mut piece = [0; 4096];
        let count = stream.read(&mut piece).await.unwrap();
        if count == 0 {
            return;
        }
        request += &String::from_utf8_lossy(&piece[..count]);
    }
    taken.lock().unwrap().push(request);
    let length = REPLY.len();
    let head = format!("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n");
    let _ = stream.write_all((head + REPLY).as_bytes()).await;
}

pub(crate) fn message(id: u32) -> String {
    format!("<xml><FromUserName>o1</FromUserName><MsgType>text</MsgType><MsgId>{id}</MsgId></xml>")
}

/// Has WeChat push, and tells what came of each try.
pub(crate) async fn pushed(wechat: &WeChat, home: &Home, more: Value) -> Vec<Value> {
    let appid = appid(0);
    let url = format!("http://127.0.0.1:{}/push/{appid}", home.port);
    let mut order = json!({"url": url, "appid": appid, "token": TOKEN, "encoding_aes_key": KEY});
    order.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    ordered(wechat, &order).await
}

/// The same with another order.
pub(crate) async fn ordered(wechat: &WeChat, order: &Value) -> Vec<Value> {
    let body = order.to_string();
    let mut stream = TcpStream::connect(wechat.addr).await.unwrap();
    let head = format!(
        "POST /__sandbox/push HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all((head + &body).as_bytes()).await.unwrap();
    let (status, body) = timeout(PATIENCE, answer(&mut stream)).await.unwrap().unwrap();
    assert_eq!(status, 200, "{body}");
    let told: Value = serde_json::from_str(&body).unwrap();
    told["tries"].as_array().unwrap().clone()
}

#[tokio::test]
async fn no_push_is_lost_when_the_business_is_away_and_the_server_is_killed() {
    let wechat = WeChat::start(Duration::from_secs(7200), 1).await;
    let business = Business::open().await;
    let home = Home::new(&wechat, 1, "stable", "private-networks = [\"127.0.0.0/8\"]", "");
    std::fs::write(home.file("push-token"), TOKEN).unwrap();
    std::fs::write(home.file("push-key"), KEY).unwrap();
    home.write(&format!(
        "{}[account.push]\ntoken = {{ file = \"push-token\" }}\nencoding-aes-key = {{ file = \"push-key\" }}\n\
         relay = \"http://127.0.0.1:{}/wx\"\nrelay-form = \"plain\"\n",
        home.configuration(),
        business.port
    ));
    let node = home.start().await;

    home.token(0).await.unwrap();
    let echo = pushed(&wechat, &home, json!({"echostr": "4711"})).await;
    assert_eq!(echo[0]["body"], "4711");
    for fault in FAULTS {
        let tries = pushed(&wechat, &home, json!({"fault": fault, "message": message(1)})).await;
        assert!(
            tries.iter().all(|it| it["status"] == 403 && it["body"] == tries[0]["body"]),
            "{fault}"
        );
    }
    assert!(business.taken().is_empty());
    let tries = pushed(&wechat, &home, json!({"fault": "replay", "message": message(1)})).await;
    assert!(tries.len() == 2 && tries.iter().all(|it| it["decrypted"] == REPLY), "{tries:?}");
    assert_eq!(business.taken(), [message(1)]);

    business.is_away.store(true, Ordering::SeqCst);
    for id in 2..5 {
        let tries = pushed(&wechat, &home, json!({"message": message(id)})).await;
        assert_eq!((tries.len(), &tries[0]["body"]), (1, &json!("success")));
    }
    node.kill();
    let node = home.start().await;
    business.is_away.store(false, Ordering::SeqCst);
    let delivered = async {
        while business.taken().len() < 4 {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(2 * PATIENCE, delivered).await.unwrap();
    assert_eq!(business.taken(), (1..5).map(message).collect::<Vec<_>>());
    node.end().await;
    assert!(!home.printed().contains(TOKEN) && !home.printed().contains(KEY));
    home.assert_nothing_leaked();
}

/// Runs a command that asks the node; what it printed, on both outputs.
fn ask(home: &Home, arguments: &[&str], input: &str) -> String {
    let server = format!("http://127.0.0.1:{}", home.port);
    let mut command = home.command(arguments);
    command.args(["--server", &server]).env("LINGPAI_KEY", home.key());
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let printed = [output.stdout, output.stderr].concat();
    let printed = String::from_utf8(printed).unwrap();
    assert!(output.status.success(), "{arguments:?}: {printed}");
    printed
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commands_have_an_account_receive_pushes_and_see_to_those_that_wait() {
    let wechat = WeChat::start(Duration::from_secs(7200), 1).await;
    let business = Business::open().await;
    let home = Home::new(&wechat, 1, "stable", "private-networks = [\"127.0.0.0/8\"]", "");
    home.configure(0);
    let node = home.start().await;
    let (appid, secret) = (appid(0), home.secret_file(0));
    let relay = format!("http://127.0.0.1:{}/wx", business.port);
    ask(&home, &["account", "add", &appid, "--secret-file", secret.to_str().unwrap()], "");
    let set = ["account", "set-push", &appid, "--relay", &relay, "--relay-form", "plain"];
    let told = ask(&home, &set, &format!("{TOKEN}\n{KEY}\n"));
    assert!(told.contains(&format!("receives pushes at /push/{appid}")), "{told}");
    // An account that is there is read again within two seconds.
    let believed = async {
        while pushed(&wechat, &home, json!({"message": message(1)})).await[0]["status"] != 200 {
            sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(PATIENCE, believed).await.unwrap();
    assert_eq!(business.taken(), [message(1)]);

    let list = || ask(&home, &["pushes", "list", &appid], "");
    let ids = || -> Vec<String> {
        let printed = ask(&home, &["pushes", "list", &appid, "--json"], "");
        let pushes: Vec<Value> = serde_json::from_str(&printed).unwrap();
        pushes.iter().map(|push| push["id"].as_str().unwrap().to_owned()).collect()
    };
    assert!(list().contains("No push waits."));
    business.is_away.store(true, Ordering::SeqCst);
    for id in 2..4 {
        pushed(&wechat, &home, json!({"message": message(id)})).await;
    }
    let (waiting, table) = (ids(), list());
    assert!(waiting.len() == 2 && table.contains(&waiting[0]), "{table}");
    assert!(table.contains("waiting") && !table.contains("MsgId"), "{table}");
    let told = ask(&home, &["pushes", "retry", &appid, &waiting[0]], "");
    assert!(told.contains(&format!("The push {} is tried again.", waiting[0])), "{told}");
    ask(&home, &["pushes", "remove", &appid, &waiting[1]], "");
    assert_eq!(ids(), waiting[..1]);
    business.is_away.store(false, Ordering::SeqCst);
    let delivered = async {
        while !ids().is_empty() {
            sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(2 * PATIENCE, delivered).await.unwrap();
    assert_eq!(business.taken(), [1, 2].map(message));

    ask(&home, &["account", "set-push", &appid, "--remove"], "");
    let refused = async {
        while pushed(&wechat, &home, json!({"message": message(4)})).await[0]["status"] != 403 {
            sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(PATIENCE, refused).await.unwrap();
    node.end().await;
    assert!(!home.printed().contains(TOKEN) && !home.printed().contains(KEY));
}
