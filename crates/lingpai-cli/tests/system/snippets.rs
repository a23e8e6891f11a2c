//! The texts of `lingpai snippet`, run as they are printed, against a server and the simulated WeChat.
//!
//! What reaches the SDK beyond its text is what the text itself leaves open: a key, the place of a Redis, a call to make with what it
//! has set up. WeChat's host leads to the sandbox where a text leaves it as it is.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::time::Duration;

use lingpai_store::conformance::RedisServer;

use crate::node::{Home, WeChat, appid};

const WECHAT: &str = "https://api.weixin.qq.com";
const RUN: &str = "Run in Lingpai's tests";
const READ: &str = "Not run; read in the sources of";
const SDKS: [&str; 9] = [
    "wxjava",
    "easywechat",
    "silenceper",
    "powerwechat",
    "senparc",
    "wechatpy",
    "co-wechat-api",
    "node-easywechat",
    "curl",
];

/// Where `cargo xtask test` put this.
pub(crate) fn tool(path: &str) -> PathBuf {
    let tools = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("tools");
    let path = tools.join(path);
    assert!(path.exists(), "{} is missing: `cargo xtask test` installs it", path.display());
    path
}

struct Stage {
    wechat: WeChat,
    home: Home,
    redis: RedisServer,
    /// One for gateways, one for tokens.
    keys: [String; 2],
    /// Which texts were run.
    run: Mutex<BTreeSet<(String, String)>>,
}

impl Stage {
    async fn set() -> Self {
        let wechat = WeChat::start(Duration::from_secs(7200), 1).await;
        let redis = RedisServer::start();
        let home = Home::new(&wechat, 1, "stable", "[gateway]\n", "");
        let sinks = format!(
            "[[sink]]\nname = \"wechatpy\"\naccount = \"{0}\"\nredis = \"{1}\"\nform = \"wechatpy\"\n\
             [[sink]]\nname = \"file\"\naccount = \"{0}\"\npath = \"secret-sink\"\nform = \"plain\"\n",
            appid(0),
            redis.url()
        );
        home.write(&format!("{}\n{sinks}", home.configuration()));
        let gateway = home.create_key(&["--right", "gateway"]).0;
        let tokens = home.create_key(&["--account", &appid(0)]).0;
        let (keys, run) = ([gateway, tokens], Mutex::default());
        Self { wechat, home, redis, keys, run }
    }

    /// The text for an SDK and a way, with a key in its place, and what stands for WeChat.
    fn text(&self, sdk: &str, way: &str) -> String {
        let server = format!("http://127.0.0.1:{}", self.home.port);
        let arguments = ["snippet", &appid(0), "--sdk", sdk, "--way", way, "--server", &server];
        let output = self.home.command(&arguments).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(text.contains(RUN), "{text}");
        self.run.lock().unwrap().insert((sdk.to_owned(), way.to_owned()));
        let key = &self.keys[usize::from(way != "gateway")];
        let is_comment = |line: &&str| line.starts_with("# ") || line.starts_with("// ");
        let mended = |line: &str| line.replace("KEY", key);
        let lines =
            text.lines().map(|line| if is_comment(&line) { line.into() } else { mended(line) });
        lines.collect::<Vec<_>>().join("\n")
    }

    fn sandbox(&self) -> String {
        format!("http://{}", self.wechat.addr)
    }
}

/// Runs a program and what it is given on standard input: what it said.
pub(crate) fn run(program: &mut Command, what: &str) -> String {
    // node-easywechat keeps tokens in a file where it is started.
    let folder = tempfile::tempdir().unwrap();
    let pipes = program.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    // A proxy of the machine is for the internet, not for a test.
    let mut child = pipes
        .current_dir(folder.path())
        .env("NO_PROXY", "127.0.0.1")
        .env("no_proxy", "127.0.0.1")
        .spawn()
        .unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), what.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let (said, error) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{what}\n{said}\n{error}");
    said.into_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_text_whose_sdk_can_be_installed_works_as_it_is_printed() {
    let stage = Stage::set().await;
    let node = stage.home.start().await;
    stage.home.token(0).await.unwrap();
    let sandbox = stage.sandbox();
    let fetches = stage.wechat.fetches();

    // To WeChat itself: what a text leaves as it is.
    let elsewhere = format!(
        "\nclass Elsewhere(HTTPAdapter):\n    def send(self, request, **options):\n        request.url = \
         request.url.replace('{WECHAT}', '{sandbox}', 1)\n        return super().send(request, **options)\n\
         client._http.mount('{WECHAT}', Elsewhere())\n"
    );
    let call = "print(client.user.get_followers()['data']['openid'])\n";
    let python = || Command::new(tool("wechatpy/bin/python"));
    let text = stage.text("wechatpy", "gateway");
    assert!(run(python().arg("-"), &format!("{text}\n{call}")).contains('o'));
    let text = stage.text("wechatpy", "drop-in");
    run(python().arg("-"), &format!("{text}\n{elsewhere}{call}"));
    let text =
        stage.text("wechatpy", "sink").replace("redis://127.0.0.1:6379/0", &stage.redis.url());
    let import = "from requests.adapters import HTTPAdapter\n";
    run(python().arg("-"), &format!("{import}{text}\n{elsewhere}{call}"));

    let node_with = |modules: &str| {
        let mut command = Command::new("node");
        command.arg("-").env("NODE_PATH", tool(modules));
        command
    };
    let call = "api.getFollowers().then((it) => console.log(it.data.openid));\n";
    let text = stage.text("co-wechat-api", "gateway");
    assert!(
        run(&mut node_with("co-wechat-api/node_modules"), &format!("{text}\n{call}")).contains('o')
    );
    let text = stage.text("co-wechat-api", "drop-in");
    let elsewhere = format!("api.prefix = '{sandbox}/cgi-bin/';\n");
    run(&mut node_with("co-wechat-api/node_modules"), &format!("{text}\n{elsewhere}{call}"));
    let text = stage.text("node-easywechat", "gateway");
    let call = "app.getClient().get('/cgi-bin/user/get').then((it) => {\n  const data = it.toObject();\n  if (!data.total) throw \
                new Error(JSON.stringify(data));\n});\n";
    run(&mut node_with("node-easywechat/node_modules"), &format!("{text}\n{call}"));

    let shell = || Command::new("sh");
    assert!(run(&mut shell(), &stage.text("curl", "gateway")).contains("ip_list"));
    assert!(run(&mut shell(), &stage.text("curl", "drop-in")).contains("access_token"));
    let file = stage.home.file("secret-sink").display().to_string();
    let text = stage.text("curl", "sink").replace(&format!("/run/wechat/{}", appid(0)), &file);
    assert!(run(&mut shell(), &text.replace(WECHAT, &sandbox)).contains("ip_list"));
    assert_eq!(stage.wechat.fetches(), fetches, "none of them has fetched");

    // Each text that says that it was run was, here; the others say so, and in what they were read. All say how to go back.
    let mut said_to_be_run = BTreeSet::new();
    let mut texts = 0;
    for sdk in SDKS {
        for way in ["gateway", "drop-in", "sink"] {
            let output = stage
                .home
                .command(&["snippet", &appid(0), "--sdk", sdk, "--way", way])
                .output()
                .unwrap();
            if !output.status.success() {
                let why = String::from_utf8(output.stderr).unwrap();
                assert!(why.contains("gateway"), "which ways there are is not said: {why}");
                continue;
            }
            let text = String::from_utf8(output.stdout).unwrap();
            let (_, versions) =
                text.split_once(RUN).or_else(|| text.split_once(READ)).expect(&text);
            let version = versions.lines().next().unwrap();
            assert!(
                sdk == "curl" || version.contains(|sign: char| sign.is_ascii_digit()),
                "{version}"
            );
            assert!(text.contains("Back: "), "{text}");
            texts += 1;
            if text.contains(RUN) {
                said_to_be_run.insert((sdk.to_owned(), way.to_owned()));
            }
        }
    }
    assert_eq!(said_to_be_run, *stage.run.lock().unwrap());
    println!("{texts} texts, {} of them run", said_to_be_run.len());
    node.end().await;
}
