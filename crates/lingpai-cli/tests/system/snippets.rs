//! The texts of `lingpai snippet`, run as they are printed, against a server and the simulated WeChat.
//!
//! What reaches the SDK beyond its text is what the text itself leaves open: a key, the place of a Redis, a call to make with what it
//! has set up. WeChat's host leads to the sandbox where a text leaves it as it is.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::time::Duration;

use lingpai_store::conformance::RedisServer;

use crate::node::{Home, WeChat, appid};

const WECHAT: &str = "https://api.weixin.qq.com";
const RUN: &str = "Run in Lingpai's tests";
/// What the others say, before the version.
const OTHERS: [&str; 2] = ["not in Lingpai's tests: ", "Not run; read in the sources of"];
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

fn pairs() -> impl Iterator<Item = (&'static str, &'static str)> {
    SDKS.into_iter().flat_map(|sdk| ["gateway", "drop-in", "sink"].map(|way| (sdk, way)))
}

/// What is printed for an SDK and a way; or why there is nothing.
fn text(home: &Home, sdk: &str, way: &str) -> Result<String, String> {
    let server = format!("http://127.0.0.1:{}", home.port);
    let arguments = ["snippet", &appid(0), "--sdk", sdk, "--way", way, "--server", &server];
    let output = home.command(&arguments).env("LINGPAI_LANG", "en").output().unwrap();
    let [said, error] = [output.stdout, output.stderr].map(|it| String::from_utf8(it).unwrap());
    if output.status.success() { Ok(said) } else { Err(error) }
}

fn how_the_key_is_made(text: &str) -> Option<&str> {
    Some(text.split_once("lingpai key create NAME ")?.1.lines().next().unwrap())
}

struct Stage {
    wechat: WeChat,
    home: Home,
    redis: RedisServer,
    /// By what their texts say of how they are made.
    keys: BTreeMap<String, String>,
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
        let mut keys = BTreeMap::new();
        for (sdk, way) in pairs() {
            if let Some(how) = text(&home, sdk, way).as_deref().ok().and_then(how_the_key_is_made) {
                keys.entry(how.to_owned())
                    .or_insert_with(|| home.create_key(&how.split(' ').collect::<Vec<_>>()).0);
            }
        }
        Self { wechat, home, redis, keys, run: Mutex::default() }
    }

    /// The text for an SDK and a way, with the key in its place that was made as the text says.
    fn text(&self, sdk: &str, way: &str) -> String {
        let text = text(&self.home, sdk, way).unwrap();
        assert!(text.contains(RUN), "{text}");
        self.run.lock().unwrap().insert((sdk.to_owned(), way.to_owned()));
        let key = how_the_key_is_made(&text).map_or("", |how| &self.keys[how]);
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
    let text = stage.text("node-easywechat", "drop-in");
    let elsewhere = format!(
        "app.setHttpClient(require('node-easywechat/dist/Core/HttpClient/HttpClient').create({{ baseURL: '{sandbox}/' }}));\n"
    );
    run(&mut node_with("node-easywechat/node_modules"), &format!("{text}\n{elsewhere}{call}"));

    let shell = || Command::new("sh");
    assert!(run(&mut shell(), &stage.text("curl", "gateway")).contains("ip_list"));
    assert!(run(&mut shell(), &stage.text("curl", "drop-in")).contains("access_token"));
    let file = stage.home.file("secret-sink").display().to_string();
    let text = stage.text("curl", "sink").replace(&format!("/run/wechat/{}", appid(0)), &file);
    assert!(run(&mut shell(), &text.replace(WECHAT, &sandbox)).contains("ip_list"));
    assert_eq!(stage.wechat.fetches(), fetches, "none of them has fetched");

    // Each text that says that our tests run it was run, here; the others say what became of them, and of which version. All say how
    // to go back.
    let mut said_to_be_run = BTreeSet::new();
    let mut texts = 0;
    for (sdk, way) in pairs() {
        let text = match self::text(&stage.home, sdk, way) {
            Ok(text) => text,
            Err(why) => {
                assert!(why.contains("gateway"), "which ways there are is not said: {why}");
                continue;
            }
        };
        let said = [RUN, OTHERS[0], OTHERS[1]].iter().find_map(|what| text.split_once(what));
        let version = said.expect(&text).1.lines().next().unwrap();
        assert!(sdk == "curl" || version.contains(|sign: char| sign.is_ascii_digit()), "{version}");
        assert!(text.contains("Back: "), "{text}");
        texts += 1;
        if text.contains(RUN) {
            said_to_be_run.insert((sdk.to_owned(), way.to_owned()));
        }
    }
    assert_eq!(said_to_be_run, *stage.run.lock().unwrap());
    println!("{texts} texts, {} of them run", said_to_be_run.len());
    node.end().await;
}
