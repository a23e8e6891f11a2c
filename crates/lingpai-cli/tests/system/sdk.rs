//! Unmodified SDKs in processes of their own, which believe that the gateway is WeChat.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use lingpai_sandbox::{
    DEMO_AGENT, DEMO_COMPONENT, DEMO_CORPID, Family, Fault, FaultKind, Revocation, World,
};
use tokio::time::{sleep, timeout};

use crate::node::{Home, WeChat, appid};
use crate::{platforms, wecom};

/// How long anything may take before a test gives up.
const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sdk {
    Wechatpy,
    WechatpyWecom,
    WechatpyComponent,
    CoWechatApi,
}

impl Sdk {
    /// Runs its program of this name, of which the further arguments are still to be given.
    pub(crate) fn program(self, name: &str) -> Command {
        let programs = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sdk");
        let mut command = match self {
            Self::Wechatpy => {
                let mut command = Command::new(installed("wechatpy/bin/python"));
                command.arg(programs.join(format!("wechatpy_{name}.py")));
                command
            }
            Self::WechatpyWecom => {
                let mut command = Command::new(installed("wechatpy/bin/python"));
                command.arg(programs.join(format!("wechatpy_wecom_{name}.py")));
                command
            }
            Self::WechatpyComponent => {
                let mut command = Command::new(installed("wechatpy/bin/python"));
                command.arg(programs.join(format!("wechatpy_component_{name}.py")));
                command
            }
            Self::CoWechatApi => {
                let mut command = Command::new("node");
                command.arg(programs.join(format!("co_wechat_api_{name}.mjs")));
                command.arg(installed("co-wechat-api/node_modules"));
                command
            }
        };
        // A proxy of the machine is for the internet, not for a test.
        command.env("NO_PROXY", "127.0.0.1").env("no_proxy", "127.0.0.1");
        command
    }
}

/// Where `cargo xtask test` put this.
fn installed(path: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("tools").join(path);
    assert!(path.exists(), "{} is missing: `cargo xtask test` installs it", path.display());
    path
}

/// A business service that goes through its story again and again.
struct Service {
    sdk: Sdk,
    child: Child,
    /// It ends when this is closed.
    stdin: Option<ChildStdin>,
    rounds: Arc<AtomicU64>,
    said: Arc<Mutex<String>>,
}

impl Service {
    fn start(sdk: Sdk, hub: &str, account: &str, key: &str) -> Self {
        let mut command = sdk.program("story");
        command.args([hub, account, key]);
        let pipes = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = pipes.spawn().unwrap();
        let (rounds, said) = (Arc::<AtomicU64>::default(), Arc::<Mutex<String>>::default());
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let counted = Arc::clone(&rounds);
        std::thread::spawn(move || {
            for _ in stdout.lines().map_while(Result::ok) {
                counted.fetch_add(1, Ordering::Relaxed);
            }
        });
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let heard = Arc::clone(&said);
        std::thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                heard.lock().unwrap().push_str(&(line + "\n"));
            }
        });
        Self { sdk, stdin: child.stdin.take(), child, rounds, said }
    }

    fn rounds(&self) -> u64 {
        self.rounds.load(Ordering::Relaxed)
    }

    /// Waits until it has gone through its whole story `more` times from now on.
    async fn goes_on(&mut self, more: u64) {
        let wanted = self.rounds() + more;
        let reached = timeout(PATIENCE, async {
            while self.rounds() < wanted {
                assert!(self.child.try_wait().unwrap().is_none(), "{}", self.trouble());
                sleep(Duration::from_millis(10)).await;
            }
        });
        reached.await.unwrap_or_else(|_| panic!("it does not go on: {}", self.trouble()));
    }

    /// Ends it after the round that it is in, which has to end well.
    async fn end(mut self) {
        drop(self.stdin.take());
        assert!(self.ended().await.success(), "{}", self.trouble());
    }

    /// Waits until it gives up by itself.
    async fn fails(&mut self) {
        assert!(!self.ended().await.success(), "{}", self.trouble());
    }

    async fn ended(&mut self) -> ExitStatus {
        let ended = timeout(PATIENCE, async {
            loop {
                match self.child.try_wait().unwrap() {
                    Some(status) => break status,
                    None => sleep(Duration::from_millis(10)).await,
                }
            }
        });
        ended.await.unwrap_or_else(|_| panic!("it does not end: {}", self.trouble()))
    }

    fn trouble(&self) -> String {
        format!("{:?} after {} rounds:\n{}", self.sdk, self.rounds(), self.said.lock().unwrap())
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What the services are given on the path in WeChat's shape.
#[derive(Clone, Copy, Debug)]
enum Given {
    RealTokens,
    VirtualTokens,
}

/// A WeChat and a node with one account, whose key is for services.
struct Stage {
    wechat: WeChat,
    home: Home,
    key: String,
}

impl Stage {
    async fn set(given: Given, mode: &str) -> Self {
        let wechat = WeChat::start(Duration::from_secs(7200), 1).await;
        let settings = "[gateway]\nreal-tokens-from = [\"127.0.0.0/8\"]\n";
        let home = Home::new(&wechat, 1, mode, settings, "");
        let rights: &[&str] = match given {
            Given::RealTokens => &["token:read", "token:report", "gateway"],
            Given::VirtualTokens => &["gateway"],
        };
        let options: Vec<_> = rights.iter().flat_map(|right| ["--right", right]).collect();
        let (key, _) = home.create_key(&options);
        Self { wechat, home, key }
    }

    fn service(&self, sdk: Sdk) -> Service {
        Service::start(sdk, &format!("http://127.0.0.1:{}", self.home.port), &appid(0), &self.key)
    }

    /// Kills the token that is live now.
    fn revoke(&self) {
        let revoke = |world: &mut World, now| {
            world.revoke(now, &appid(0), Family::ALL, Revocation::Noticed).unwrap();
        };
        self.wechat.world.with(revoke);
    }
}

/// Services of both SDKs work on while the token is revoked again and again, sooner than their rounds end.
async fn no_call_fails_and_each_revocation_costs_one_fetch(given: Given, mode: &str) {
    const REVOCATIONS: u64 = 5;
    let stage = Stage::set(given, mode).await;
    let node = stage.home.start().await;
    let sdks = [Sdk::Wechatpy, Sdk::CoWechatApi, Sdk::Wechatpy, Sdk::CoWechatApi];
    let mut services: Vec<_> = sdks.into_iter().map(|sdk| stage.service(sdk)).collect();
    for service in &mut services {
        service.goes_on(1).await;
    }
    let before = stage.wechat.fetches();
    for _ in 0..REVOCATIONS {
        stage.revoke();
        for service in &mut services {
            service.goes_on(1).await;
        }
    }
    for service in services {
        service.end().await;
    }
    assert_eq!(stage.wechat.fetches() - before, REVOCATIONS, "{given:?}, {mode}");
    stage.home.token(0).await.unwrap();
    node.end().await;
    stage.home.assert_nothing_leaked();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sdks_with_virtual_tokens_never_notice_that_tokens_are_revoked() {
    no_call_fails_and_each_revocation_costs_one_fetch(Given::VirtualTokens, "stable").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sdks_with_virtual_tokens_never_notice_it_in_classic_mode() {
    no_call_fails_and_each_revocation_costs_one_fetch(Given::VirtualTokens, "classic").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sdks_with_real_tokens_never_notice_that_tokens_are_revoked() {
    no_call_fails_and_each_revocation_costs_one_fetch(Given::RealTokens, "stable").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_sdk_that_retries_for_ever_gets_through_to_wechat_a_few_times_only() {
    let stage = Stage::set(Given::VirtualTokens, "stable").await;
    let node = stage.home.start().await;
    let refusal = FaultKind::Errcode { errcode: 40001, errmsg: None };
    stage.wechat.world.with(|world, now| {
        world.fault(now, Fault::new(refusal).on("/cgi-bin/user/get")).unwrap();
    });
    stage.home.token(0).await.unwrap();
    let before = stage.wechat.fetches();
    // wechatpy fetches a token and tries again whenever it sees 40001: only another answer ends that.
    for sdk in [Sdk::Wechatpy, Sdk::CoWechatApi] {
        let mut service = stage.service(sdk);
        service.fails().await;
    }
    assert_eq!(stage.wechat.fetches(), before, "nothing is fetched for a call that is at fault");
    let calls = stage.wechat.counters().calls_of("/cgi-bin/user/get");
    assert!((1..=30).contains(&calls), "{calls} calls reached WeChat");
    node.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_sdk_of_wecom_works_on_while_its_token_expires_and_is_ended_early() {
    let wechat = WeChat::start(Duration::from_secs(10), 0).await;
    let home = wecom::home(&wechat);
    let node = home.start().await;
    let (key, _) = home.create_key(&["--right", "gateway", "--account", wecom::ACCOUNT]);
    let hub = format!("http://127.0.0.1:{}", home.port);
    let mut service = Service::start(Sdk::WechatpyWecom, &hub, wecom::ACCOUNT, &key);
    service.goes_on(1).await;
    wechat.world.with(|world, _| world.revoke_agent(DEMO_CORPID, DEMO_AGENT).unwrap());
    service.goes_on(1).await;
    let ended = wecom::minted(&wechat);
    assert!(ended >= 2, "the token that was ended was replaced");
    // Past the end of its life.
    while wecom::minted(&wechat) == ended {
        service.goes_on(1).await;
    }
    service.goes_on(1).await;
    service.end().await;
    node.end().await;
}

/// An SDK of a platform works on while both its token and that of an authorizer are ended, twice.
async fn a_platforms_sdk_notices_no_rotation(rights: &[&str]) {
    const ROTATIONS: u64 = 2;
    let wechat = WeChat::start(Duration::from_secs(7200), 1).await;
    let settings = "[gateway]\nreal-tokens-from = [\"127.0.0.0/8\"]\n";
    let home = platforms::home_with(&wechat, settings);
    let node = home.start().await;
    platforms::push(&wechat, &home).await;
    platforms::authorize(&wechat, 0);
    platforms::token(&home, 0).await;
    let mut options: Vec<_> = rights.iter().flat_map(|right| ["--right", right]).collect();
    let authorizer = appid(0);
    options.extend(["--account", DEMO_COMPONENT, "--account", &authorizer]);
    let (key, _) = home.create_key(&options);
    let hub = format!("http://127.0.0.1:{}", home.port);
    let accounts = format!("{DEMO_COMPONENT}:{authorizer}");
    let mut service = Service::start(Sdk::WechatpyComponent, &hub, &accounts, &key);
    service.goes_on(1).await;
    let minted = || {
        let of = |account: &str| wechat.counters().app(account).minted.platform;
        (of(DEMO_COMPONENT), of(&authorizer))
    };
    let (platforms, authorizers) = minted();
    for _ in 0..ROTATIONS {
        for account in [DEMO_COMPONENT, &authorizer] {
            wechat.world.with(|world, now| {
                world.revoke(now, account, Family::ALL, Revocation::Noticed).unwrap();
            });
            service.goes_on(2).await;
        }
    }
    service.end().await;
    let each = (platforms + ROTATIONS, authorizers + ROTATIONS);
    assert_eq!(minted(), each, "one fetch for each that was ended: {rights:?}");
    let latest = wechat.world.with(|world, _| {
        world.latest_refresh_token((DEMO_COMPONENT, &authorizer)).unwrap().to_owned()
    });
    assert!(latest.starts_with("refreshtoken@@@") && !home.printed().contains(&latest));
    node.end().await;
    home.assert_nothing_leaked();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_platforms_sdk_with_virtual_tokens_never_notices_that_tokens_are_ended() {
    a_platforms_sdk_notices_no_rotation(&["gateway"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_platforms_sdk_with_real_tokens_never_notices_that_tokens_are_ended() {
    a_platforms_sdk_notices_no_rotation(&["gateway", "platform", "token:read"]).await;
}
