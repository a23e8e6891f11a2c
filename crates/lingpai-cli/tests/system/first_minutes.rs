//! The first minutes of docs/start.md, step by step, with what is printed used as it is printed: from `lingpai try` to an SDK that
//! works, without an account and with one.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::Duration;

use lingpai_sandbox::DEMO_APPID;
use tokio::time::Instant;

use crate::node::{Home, WeChat, appid};
use crate::snippets::{run, tool};

const CALL: &str = "\nprint(client.user.get_followers()['data']['openid'])\n";
/// Each step is given so long at most. A person needs longer for typing it.
const PATIENCE: Duration = Duration::from_secs(10);

/// What a command prints, and how long it took.
fn step(command: &mut Command) -> (String, Duration) {
    let begun = Instant::now();
    let output = command.env("LINGPAI_LANG", "en").output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    assert!(begun.elapsed() < PATIENCE, "{:?}: {said}", begun.elapsed());
    (said, begun.elapsed())
}

/// wechatpy alone does not start: it needs one of two libraries that it does not ask for. So the pages ask for it as it was installed
/// for these tests.
#[test]
fn the_pages_ask_for_wechatpy_as_it_is_installed_here() {
    let pinned = include_str!("../../../../xtask/programs/wechatpy.txt");
    let asked_for = "\"wechatpy[cryptography]\"";
    assert!(pinned.contains(asked_for) && pinned.contains("\ncryptography=="));
    for page in
        [include_str!("../../../../docs/start.md"), include_str!("../../../../docs/zh/start.md")]
    {
        let line = page.lines().find(|line| line.contains("pip install \"")).unwrap();
        assert!(line.contains(asked_for), "{line}");
    }
}

/// The text for wechatpy that was printed, with a key and this port.
fn pasted(said: &str, key: &str, port: u16) -> String {
    let (_, text) = said.split_once("from requests").expect(said);
    let text = format!("from requests{text}").replace("KEY", key);
    text.replace("http://127.0.0.1:8700", &format!("http://127.0.0.1:{port}"))
}

/// Runs it with an unmodified wechatpy.
fn paste(text: &str) -> Duration {
    let begun = Instant::now();
    let said = run(Command::new(tool("wechatpy/bin/python")).arg("-"), &format!("{text}{CALL}"));
    assert!(said.contains('o'), "{said}");
    begun.elapsed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn from_a_try_without_an_account_to_an_sdk_that_works() {
    let folder = tempfile::tempdir().unwrap();
    let lingpai = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_lingpai"));
        command.current_dir(folder.path());
        command
    };
    let begun = Instant::now();
    let (said, tried) = step(lingpai().args(["try", "--sandbox", "--sdk", "wechatpy"]));
    assert!(said.contains("lingpai serve --demo") && said.contains(DEMO_APPID), "{said}");
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let starting = Instant::now();
    let mut demo = lingpai();
    demo.args(["serve", "--demo", "--listen", &format!("127.0.0.1:{port}")]);
    let mut demo = demo.env("LINGPAI_LANG", "en").stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(demo.stdout.take().unwrap()).lines().map_while(Result::ok);
    let mut lines = lines.skip_while(|line| !line.contains("API key"));
    let line = lines.next().unwrap();
    let started = starting.elapsed();
    assert!(line.contains("lp_"), "{line}");
    // As it is printed.
    let line = said.lines().find(|line| line.contains("key create")).expect(&said);
    let program = std::path::Path::new(env!("CARGO_BIN_EXE_lingpai")).parent().unwrap();
    let path = format!("{}:{}", program.display(), std::env::var("PATH").unwrap());
    let mut shell = Command::new("sh");
    shell.args(["-c", line]).current_dir(folder.path()).env("PATH", path);
    let (key, made) = step(&mut shell);
    let called = paste(&pasted(&said, key.trim(), port));
    println!(
        "without an account: try {tried:.1?}, demo {started:.1?}, key {made:.1?}, SDK {called:.1?}, {:.1?} in all",
        begun.elapsed()
    );
    demo.kill().unwrap();
    demo.wait().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn from_a_try_with_an_account_to_an_sdk_that_works() {
    let wechat = WeChat::start(Duration::from_secs(7200), 1).await;
    let home = Home::new(&wechat, 0, "stable", "[gateway]\n", "");
    std::fs::write(home.secret_file(0), crate::node::secret(0)).unwrap();
    let secret = home.secret_file(0).display().to_string();
    let (id, upstream) = (appid(0), format!("http://{}", wechat.addr));
    let begun = Instant::now();
    let of = ["try", &id, "--secret-file", &secret, "--upstream", &upstream, "--sdk", "wechatpy"];
    let (said, tried) = step(&mut home.command(&of));
    assert!(said.contains(&format!("lingpai account add {id}\n")), "{said}");
    // The file that is written holds comments; what names the simulated WeChat and a free port is all that is taken out of them.
    std::fs::remove_file(home.file("lingpai.toml")).unwrap();
    step(&mut home.command(&["init"]));
    let mut written = home.configuration();
    for (comment, line) in [
        ("#upstream = \"http://127.0.0.1:8900\"", format!("upstream = \"{upstream}\"")),
        ("#listen = \"127.0.0.1:8700\"", format!("listen = \"127.0.0.1:{}\"", home.port)),
    ] {
        assert!(written.contains(comment), "{written}");
        written = written.replace(comment, &line);
    }
    home.write(&written);
    step(&mut home.command(&["config", "check"]));
    let (_, added) = step(&mut home.command(&["account", "add", &id, "--secret-file", &secret]));
    let starting = Instant::now();
    let node = home.start().await;
    let started = starting.elapsed();
    let key = home.create_key(&["--account", &id, "--right", "gateway"]).0;
    let called = paste(&pasted(&said, &key, home.port));
    println!(
        "with an account: try {tried:.1?}, account add {added:.1?}, serve {started:.1?}, SDK {called:.1?}, {:.1?} in all",
        begun.elapsed()
    );
    home.token(0).await.unwrap();
    assert_eq!(wechat.counters().app(&id).minted.stable, 1, "the token in use is repeated");
    node.end().await;
    home.assert_nothing_leaked();
}
