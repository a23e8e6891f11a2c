//! What others wrote, asked over standard input: programs in Python beside wechatpy and what it stands on.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

/// What this script says to each of these.
pub(crate) fn asked(script: &str, asks: &[Value]) -> Vec<Value> {
    let tools = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("tools");
    let python = tools.join("wechatpy/bin/python");
    assert!(python.exists(), "{} is missing: `cargo xtask test` installs it", python.display());
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peer").join(script);
    let mut child = Command::new(python)
        .arg(script)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let (mut stdin, stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    let mut lines = BufReader::new(stdout).lines();
    let answers = asks.iter().map(|ask| {
        writeln!(stdin, "{ask}").unwrap();
        let answer = lines.next().unwrap().unwrap();
        serde_json::from_str(&answer).unwrap()
    });
    let answers = answers.collect();
    drop(stdin);
    assert!(child.wait().unwrap().success());
    answers
}
