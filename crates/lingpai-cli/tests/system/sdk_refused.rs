//! What Lingpai itself answers, as unmodified SDKs hear it: every call ends after a few requests, with the error told.

use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::process::{Child, ChildStdin, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use lingpai_core::virtual_token;
use lingpai_sandbox::{Fault, FaultKind, When};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

use crate::node::{Home, WeChat, appid};
use crate::sdk::Sdk;

/// How long an SDK may take for a call before it counts as one that never ends.
const PATIENCE: Duration = Duration::from_secs(30);

/// WeChat refuses to fetch for this account.
const REFUSED: usize = 1;
/// WeChat does not answer when a token is fetched for these.
const HUNG: usize = 2;
const HUNG_TOO: usize = 3;
/// No account of this one is kept.
const UNKNOWN: usize = 7;

/// What stands between the SDKs and the node, and counts their requests.
struct Counter {
    port: u16,
    requests: Arc<AtomicU64>,
}

impl Counter {
    async fn before(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let counter =
            Self { port: listener.local_addr().unwrap().port(), requests: Arc::default() };
        let requests = Arc::clone(&counter.requests);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(relay(client, port, Arc::clone(&requests)));
            }
        });
        counter
    }

    fn taken(&self) -> u64 {
        self.requests.swap(0, Ordering::SeqCst)
    }
}

async fn relay(client: TcpStream, port: u16, requests: Arc<AtomicU64>) -> std::io::Result<()> {
    const MARK: &[u8] = b" HTTP/1.1\r\n";
    let (mut from_client, mut to_client) = client.into_split();
    let node = TcpStream::connect(SocketAddr::from(([127, 0, 0, 1], port))).await?;
    let (mut from_node, mut to_node) = node.into_split();
    tokio::spawn(async move { tokio::io::copy(&mut from_node, &mut to_client).await });
    let mut seen: Vec<u8> = Vec::new();
    loop {
        let known = seen.len();
        if from_client.read_buf(&mut seen).await? == 0 {
            return Ok(());
        }
        let found = seen.windows(MARK.len()).filter(|window| *window == MARK).count();
        requests.fetch_add(found as u64, Ordering::SeqCst);
        to_node.write_all(&seen[known..]).await?;
        // What may be the beginning of a mark, and no whole one.
        seen.drain(..seen.len().saturating_sub(MARK.len() - 1));
    }
}

/// An SDK in a process of its own that makes one call after the other.
struct Caller {
    sdk: Sdk,
    child: Child,
    stdin: Option<ChildStdin>,
    said: mpsc::UnboundedReceiver<String>,
}

impl Caller {
    fn start(sdk: Sdk) -> Self {
        let mut command = sdk.program("single");
        command.env("PYTHONDONTWRITEBYTECODE", "1");
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let (say, said) = mpsc::unbounded_channel();
        std::thread::spawn(move || {
            stdout.lines().map_while(Result::ok).try_for_each(|line| say.send(line))
        });
        Self { sdk, stdin: child.stdin.take(), child, said }
    }

    /// What comes of one call: the errcode that the developer sees, and the text.
    async fn call(&mut self, case: &Value) -> (Option<i64>, String) {
        let line = format!("{case}\n");
        self.stdin.as_mut().unwrap().write_all(line.as_bytes()).unwrap();
        let said = timeout(PATIENCE, self.said.recv()).await;
        let said = said.unwrap_or_else(|_| panic!("{:?} does not end: {case}", self.sdk));
        let outcome: Value = serde_json::from_str(&said.expect("it has ended")).unwrap();
        (outcome["errcode"].as_i64(), outcome["errmsg"].as_str().unwrap().to_owned())
    }

    /// Its input ends, and so does it.
    async fn end(mut self) {
        drop(self.stdin.take());
        let ended = async {
            while self.child.try_wait().unwrap().is_none() {
                sleep(Duration::from_millis(10)).await;
            }
        };
        timeout(PATIENCE, ended).await.expect("the process ends by itself");
    }
}

impl Drop for Caller {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The keys of those who call, made before the server starts, so that it knows them.
struct Keys(Vec<(&'static str, String)>);

impl Keys {
    fn make(home: &Home) -> Self {
        let (zero, refused, hung) = (appid(0), appid(REFUSED), appid(HUNG_TOO));
        let gateway = ["--right", "gateway", "--account", &*zero];
        let reader = ["--right", "token:read"];
        let and = |more: &[&'static str]| [&gateway[..], more].concat();
        let mut keys = Vec::new();
        for (name, arguments) in [
            ("good", and(&[])),
            ("expired", and(&["--expires-in", "1ms"])),
            ("elsewhere", and(&["--network", "203.0.113.0/24"])),
            ("some-paths", and(&["--path", "/cgi-bin/menu/**"])),
            ("slow", and(&["--per-minute", "1"])),
            ("slow-too", and(&["--per-minute", "1"])),
            ("one-a-day", and(&["--per-day", "1"])),
            ("one-at-once", and(&["--at-once", "1"])),
            ("looking", vec!["--right", "status:read"]),
            ("reader", reader.to_vec()),
            ("all", vec!["--right", "gateway"]),
            ("refused", vec!["--right", "gateway", "--account", &*refused]),
            ("hung", vec!["--right", "gateway", "--account", &*hung]),
        ] {
            keys.push((name, home.create_key(&arguments).0));
        }
        let (revoked, id) = home.create_key(&gateway);
        assert!(home.command(&["key", "revoke", &id]).output().unwrap().status.success());
        keys.push(("revoked", revoked));
        keys.push(("unknown", format!("lp_000000000000_{}", "0".repeat(48))));
        keys.push(("missing", String::new()));
        Self(keys)
    }

    fn of(&self, name: &str) -> &str {
        &self.0.iter().find(|(known, _)| *known == name).unwrap().1
    }

    /// The virtual token of this key for this account.
    fn token(&self, name: &str, account: usize) -> String {
        let account = appid(account).parse().unwrap();
        virtual_token::make(self.of(name), &account).expose().to_owned()
    }
}

/// A token that the SDK has already when it calls.
#[derive(Clone, Copy)]
enum Holds {
    Nothing,
    /// Its key's virtual token.
    Virtual,
    /// The virtual token of this key.
    VirtualOf(&'static str),
    Real,
}

/// What is called with which key, for which account and with which token; the errcode that it ends with, and how many
/// requests that may cost.
type Case = (&'static str, &'static str, usize, Holds, i64, u64);

/// Everything but what needs another server or a call that is under way. Calls without a token fetch one first.
const CASES: &[Case] = {
    use Holds::{Nothing, Real, Virtual, VirtualOf};
    &[
        // A token is fetched.
        ("token", "good", 0, Nothing, 0, 1),
        ("token", "revoked", 0, Nothing, 40125, 1),
        ("token", "expired", 0, Nothing, 40125, 1),
        ("token", "unknown", 0, Nothing, 40125, 1),
        ("token", "missing", 0, Nothing, 41004, 1),
        ("token", "elsewhere", 0, Nothing, 40125, 1),
        ("token", "looking", 0, Nothing, 40125, 1),
        ("token", "good", REFUSED, Nothing, 40125, 1),
        ("token", "all", UNKNOWN, Nothing, 40013, 1),
        ("token", "reader", UNKNOWN, Nothing, 40013, 1),
        ("token", "reader", REFUSED, Nothing, 40164, 1),
        ("token", "reader", HUNG, Nothing, 990_002, 1),
        // An API is called.
        ("users", "good", 0, Nothing, 0, 2),
        ("users", "revoked", 0, Nothing, 40125, 1),
        ("users", "expired", 0, Nothing, 40125, 1),
        ("users", "unknown", 0, Nothing, 40125, 1),
        ("users", "elsewhere", 0, Nothing, 40125, 1),
        ("users", "all", UNKNOWN, Nothing, 40013, 1),
        // It had a token before, and its key was good then.
        ("users", "revoked", 0, Virtual, 40125, 2),
        ("users", "expired", 0, Virtual, 40125, 2),
        ("users", "unknown", 0, Virtual, 40125, 2),
        ("users", "elsewhere", 0, Virtual, 990_101, 1),
        // The key was replaced, and the token that it has is of the former one.
        ("users", "good", 0, VirtualOf("revoked"), 0, 3),
        ("users", "good", 0, VirtualOf("unknown"), 0, 3),
        ("users", "good", REFUSED, Virtual, 990_102, 1),
        ("users", "all", UNKNOWN, Virtual, 990_103, 1),
        ("users", "good", 0, Real, 990_104, 1),
        ("users", "some-paths", 0, Virtual, 990_102, 1),
        ("ticket", "good", 0, Virtual, 990_102, 1),
        ("users", "refused", REFUSED, Virtual, 990_001, 1),
        ("users", "hung", HUNG_TOO, Virtual, 990_002, 1),
        ("users", "slow", 0, Virtual, 0, 1),
        ("users", "slow", 0, Virtual, 990_105, 1),
        ("users", "slow-too", 0, Nothing, 0, 2),
        ("users", "slow-too", 0, Nothing, 990_105, 2),
        ("users", "one-a-day", 0, Virtual, 0, 1),
        ("users", "one-a-day", 0, Virtual, 990_106, 1),
        ("groups", "good", 0, Virtual, 990_112, 1),
        ("menu", "good", 0, Virtual, 990_113, 1),
        // The key stands where the AppSecret does.
        ("login", "unknown", 0, Virtual, 40125, 1),
        ("login", "revoked", 0, Virtual, 40125, 1),
        ("login", "good", 0, Virtual, 990_102, 1),
    ]
};

/// Those of WeCom, whose 40001 is about the secret.
const OF_WECOM: &[Case] = &[
    ("wecom-token", "good", 0, Holds::Nothing, 40091, 1),
    ("wecom-token", "revoked", 0, Holds::Nothing, 40091, 1),
    ("wecom-token", "unknown", 0, Holds::Nothing, 40091, 1),
    ("wecom-user", "revoked", 0, Holds::Virtual, 40091, 2),
    ("wecom-user", "unknown", 0, Holds::Virtual, 40091, 2),
    ("wecom-user", "good", 0, Holds::VirtualOf("unknown"), 40091, 2),
    ("wecom-user", "elsewhere", 0, Holds::Virtual, 990_101, 1),
    ("wecom-user", "some-paths", 0, Holds::Virtual, 990_102, 1),
];

/// One SDK before one server.
struct Stage<'a> {
    caller: Caller,
    counter: Counter,
    keys: Keys,
    home: &'a Home,
}

impl Stage<'_> {
    async fn play(&mut self, case: Case) {
        let (call, key, account, holds, expected, most) = case;
        let token = match holds {
            Holds::Nothing => None,
            Holds::Virtual => Some(self.keys.token(key, account)),
            Holds::VirtualOf(other) => Some(self.keys.token(other, account)),
            Holds::Real => Some(self.home.token(account).await.unwrap()),
        };
        self.counter.taken();
        let asked = json!({
            "hub": format!("http://127.0.0.1:{}", self.counter.port),
            "account": appid(account), "key": self.keys.of(key), "token": token, "call": call,
        });
        let (errcode, text) = self.caller.call(&asked).await;
        let (requests, sdk) = (self.counter.taken(), self.caller.sdk);
        let story =
            format!("{sdk:?} calls {call} with {key}: {requests} requests, {errcode:?} {text}");
        assert_eq!(errcode, Some(expected), "{story}");
        assert!((1..=most).contains(&requests), "{story}");
        // WeChat's own words are passed on as they are.
        let is_ours = !matches!(expected, 0 | 40164);
        assert_eq!(text.contains("lingpai"), is_ours, "{story}");
    }

    /// A call of this key that hangs, until what is given back is dropped.
    async fn occupied(&self, key: &str, wechat: &WeChat) -> TcpStream {
        let before = wechat.counters().calls_of("/cgi-bin/menu/get");
        let hanging = self.home.ask(self.keys.of(key), "/cgi-bin/menu/get").await.unwrap();
        let arrived = async {
            while wechat.counters().calls_of("/cgi-bin/menu/get") == before {
                sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(PATIENCE, arrived).await.unwrap();
        hanging
    }
}

async fn every_call_ends(sdk: Sdk) {
    let wechat = WeChat::start(Duration::from_secs(7200), 4).await;
    wechat.world.with(|world, now| {
        let mut fault = |fault| {
            world.fault(now, fault).unwrap();
        };
        let (errcode, errmsg) = (40164, Some("invalid ip 1.2.3.4, not in whitelist".to_owned()));
        fault(Fault::new(FaultKind::Errcode { errcode, errmsg }).of(&appid(REFUSED)));
        let (hang, cut) =
            (|| FaultKind::Hang { when: When::Before }, FaultKind::Cut { when: When::Before });
        fault(Fault::new(hang()).of(&appid(HUNG)));
        fault(Fault::new(hang()).of(&appid(HUNG_TOO)));
        fault(Fault::new(hang()).on("/cgi-bin/menu/get"));
        fault(Fault::new(cut).on("/cgi-bin/groups/get"));
        let refusal = FaultKind::Errcode { errcode: 40001, errmsg: None };
        fault(Fault::new(refusal).on("/cgi-bin/tags/get"));
    });
    let settings =
        "[gateway]\nconnections = 1\nqueue = 1\nqueue-time = \"100ms\"\ndeadline = \"3s\"\n";
    let home = Home::new(&wechat, 4, "stable", settings, "refresh = \"on-demand\"");
    let keys = Keys::make(&home);
    let node = home.start().await;
    home.token(0).await.unwrap();
    let counter = Counter::before(home.port).await;
    let mut stage = Stage { caller: Caller::start(sdk), counter, keys, home: &home };
    for case in CASES {
        stage.play(*case).await;
    }
    if sdk == Sdk::Wechatpy {
        for case in OF_WECOM {
            stage.play(*case).await;
        }
    }

    // The only place upstream is taken, and so is the only one of this key.
    let hanging = stage.occupied("one-at-once", &wechat).await;
    stage.play(("users", "one-at-once", 0, Holds::Virtual, 990_105, 1)).await;
    stage.play(("users", "good", 0, Holds::Virtual, 990_110, 1)).await;
    drop(hanging);

    // An API that always refuses: somebody has called it again and again.
    let tags = format!("/gateway/{}/cgi-bin/tags/get", appid(0));
    for _ in 0..30 {
        let mut answer = home.ask(stage.keys.of("all"), &tags).await.unwrap();
        let (_, body) = crate::node::answer(&mut answer).await.unwrap();
        if body.contains("990114") {
            break;
        }
    }
    stage.play(("tags", "all", 0, Holds::Virtual, 990_114, 1)).await;
    node.end().await;

    // WeChat is away.
    let nowhere = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let configuration = home.configuration();
    home.write(&configuration.replace(&wechat.addr.to_string(), &nowhere.to_string()));
    let node = home.start().await;
    stage.play(("users", "good", 0, Holds::Virtual, 990_111, 1)).await;
    stage.play(("users", "refused", REFUSED, Holds::Virtual, 990_001, 1)).await;
    stage.play(("token", "reader", REFUSED, Holds::Nothing, 990_001, 1)).await;
    node.end().await;

    // Nothing is forwarded.
    home.write(&configuration.replace("[gateway]\n", "[gateway]\nenabled = false\n"));
    let node = home.start().await;
    stage.play(("token", "good", 0, Holds::Nothing, 40125, 1)).await;
    stage.play(("users", "good", 0, Holds::Virtual, 990_109, 1)).await;
    stage.play(("users", "reader", 0, Holds::Real, 990_109, 1)).await;
    node.end().await;
    stage.caller.end().await;
    home.assert_nothing_leaked();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wechatpy_ends_after_a_few_requests_whatever_lingpai_answers() {
    every_call_ends(Sdk::Wechatpy).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn co_wechat_api_ends_after_a_few_requests_whatever_lingpai_answers() {
    every_call_ends(Sdk::CoWechatApi).await;
}
