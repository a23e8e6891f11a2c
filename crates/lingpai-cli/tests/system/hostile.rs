//! What others say is shown to people in terminals: WeChat, a business, a webhook, a robot. None of it reaches a terminal as a
//! command, and what a business or a webhook says beside its status is shown to nobody.

use std::time::Duration;

use lingpai_sandbox::{Fault, FaultKind};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::node::{Home, WeChat, appid, secret};
use crate::pushes::{KEY, TOKEN, message, pushed};
use crate::sinks::{deliver, sink, standing, until};

/// Titles, colours, a cleared screen, a turned line, a command of one byte, a bell, and no end.
const EVIL: &str =
    "\x1b]0;EVIL\x07\x1b[2J\x1b[31mEVIL\u{9b}8m\u{202e}EVIL\r<script>alert(1)</script>`EVIL`";

/// Whoever answers everything with this status, and evil in every place where there can be any.
async fn stranger(status: &'static str, length: usize) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let body = json!({"errcode": 310_000, "errmsg": format!("{EVIL}{}", "x".repeat(length))});
        let body = body.to_string();
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let head = format!(
                "HTTP/1.1 {status} EVIL\r\nX-Evil: EVIL \t\r\nContent-Type: EVIL\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
                body.len()
            );
            let answer = head + &body;
            tokio::spawn(async move {
                let mut request = vec![0; 65_536];
                let _ = stream.read(&mut request).await;
                let _ = stream.write_all(answer.as_bytes()).await;
            });
        }
    });
    port
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_that_others_say_reaches_a_terminal_as_a_command() {
    let wechat = WeChat::start(Duration::from_secs(7200), 2).await;
    let home = Home::new(&wechat, 1, "stable", "private-networks = [\"127.0.0.0/8\"]", "");
    let errmsg = Some(format!("{EVIL}{}", "y".repeat(50)));
    let fault =
        Fault::new(FaultKind::Errcode { errcode: 40164, errmsg }).on("*token").of(&appid(1));
    wechat.world.with(|world, now| world.fault(now, fault).unwrap());
    let (broken, polite) = (stranger("500", 100_000).await, stranger("200", 2000).await);
    let url = |port: u16| format!("http://127.0.0.1:{port}/evil");
    for (file, text) in [("hook-url", url(broken)), ("robot", url(polite))] {
        std::fs::write(home.file(file), text).unwrap();
    }
    for (file, text) in [("hook-secret", TOKEN), ("push-token", TOKEN), ("push-key", KEY)] {
        std::fs::write(home.file(file), text).unwrap();
    }
    let alert = "[[alert]]\nname = \"ops\"\nrobot = \"dingtalk\"\nurl = { file = \"robot\" }\n";
    let refused =
        format!("[[account]]\nid = \"{}\"\nsecret = {{ file = \"secret-1\" }}\n", appid(1));
    std::fs::write(home.secret_file(1), secret(1)).unwrap();
    home.write(&format!(
        "{}[account.push]\ntoken = {{ file = \"push-token\" }}\nencoding-aes-key = {{ file = \"push-key\" }}\n\
         relay = \"{}\"\n{refused}{alert}",
        home.configuration(),
        url(broken)
    ));
    deliver(
        &home,
        &sink("erp", "url = { file = \"hook-url\" }\nsecret = { file = \"hook-secret\" }"),
    );
    let node = home.start().await;
    home.token(0).await.unwrap();
    pushed(&wechat, &home, json!({"message": message(1)})).await;
    let run = |arguments: &[&str], language: &str| {
        let mut command = home.command(arguments);
        command.env("LINGPAI_KEY", home.key()).env("LINGPAI_LANG", language);
        command.env("LINGPAI_SERVER", format!("http://127.0.0.1:{}", home.port));
        let output = command.output().unwrap();
        String::from_utf8([output.stdout, output.stderr].concat()).unwrap()
    };
    until("the sink does not fail", async || standing(&home).await["failed"].as_u64() >= Some(1))
        .await;
    let account = appid(0);
    let quoted = [
        vec!["status"],
        vec!["status", "--json"],
        vec!["events"],
        vec!["events", "--json"],
        vec!["alert", "test", "ops"],
        vec!["doctor", "--yes"],
    ];
    let own = [
        vec!["sink", "list"],
        vec!["sink", "list", "--json"],
        vec!["sink", "test", "erp"],
        vec!["pushes", "list", &account],
        vec!["pushes", "list", &account, "--json"],
        vec!["audit"],
    ];
    for (arguments, quotes) in
        quoted.iter().map(|it| (it, true)).chain(own.iter().map(|it| (it, false)))
    {
        for language in ["en", "zh"] {
            let said = run(arguments, language);
            let harm =
                |c: char| (c.is_control() && c != '\n') || ('\u{202a}'..='\u{202e}').contains(&c);
            assert!(!said.contains(harm), "{arguments:?}: {said:?}");
            assert_eq!(said.contains("EVIL"), quotes, "{arguments:?}: {said}");
            let longest = said.lines().map(str::len).max().unwrap_or_default();
            assert!(longest < 4000, "{arguments:?}: {longest}");
        }
    }
    node.end().await;
    home.assert_nothing_leaked();
}
