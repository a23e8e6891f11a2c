//! `/openapi.json` is true: schemathesis makes up calls from it, good and bad, and holds what a running server answers
//! against it. What it plays, and what it leaves out and why, is in `tests/openapi/schemathesis.toml`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::node::{Home, WeChat};

/// Where `cargo xtask test` installs it.
fn schemathesis() -> PathBuf {
    let installed = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("tools");
    let program = installed.join("schemathesis/bin/schemathesis");
    assert!(program.exists(), "schemathesis is missing: `cargo xtask test` installs it");
    program
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_is_asked_of_a_running_server_the_answer_is_as_openapi_json_says() {
    let program = schemathesis();
    let wechat = WeChat::start(Duration::from_secs(7200), 1).await;
    let home = Home::new(&wechat, 1, "stable", "", "");
    let node = home.start().await;
    home.token(0).await.unwrap();

    let (id, _) = home.key.rsplit_once('_').unwrap();
    let plays = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/openapi");
    let mut command = tokio::process::Command::new(program);
    command
        .current_dir(env!("CARGO_TARGET_TMPDIR"))
        .env("LINGPAI_KEY", &home.key)
        .env("LINGPAI_KEY_ID", id)
        .env("LINGPAI_HOOKS", plays.join("hooks.py"))
        .env("NO_PROXY", "127.0.0.1")
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .args(["--no-color", "--config-file"])
        .arg(plays.join("schemathesis.toml"))
        .arg("run")
        .arg(format!("http://127.0.0.1:{}/openapi.json", home.port))
        .kill_on_drop(true);
    let output = command.output().await.unwrap();
    let report = String::from_utf8_lossy(&output.stdout);
    println!("{report}");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    // Otherwise nothing was proved.
    assert!(report.contains("Stateful") && report.contains(" passed"), "it played too little");
    node.end().await;
    home.assert_nothing_leaked();
}
