//! Commands against a server of an earlier version, which refuses what it does not know and leaves out what it does not say.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;

use crate::support::{Said, lingpai, run};

/// Answers every request as `answer` says to its first line and its body; the address it listens at. It ends with the test.
fn server(answer: impl Fn(&str, &str) -> (u16, &'static str) + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut reader = BufReader::new(stream.unwrap());
            let mut first = String::new();
            reader.read_line(&mut first).unwrap();
            let (mut line, mut length) = (String::new(), 0);
            while reader.read_line(&mut line).unwrap() > 2 {
                if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                    length = value.trim().parse().unwrap();
                }
                line.clear();
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).unwrap();
            let (status, said) = answer(&first, &String::from_utf8(body).unwrap());
            write!(
                reader.get_mut(),
                "HTTP/1.1 {status} It\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{said}",
                said.len()
            )
            .unwrap();
        }
    });
    url
}

fn said(arguments: &[&str], url: &str) -> Said {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("secret"), "8f5c0de8f5c0de8f5c0de8f5c0de8f5c").unwrap();
    let mut command = lingpai(folder.path(), arguments);
    command.args(["--server", url]).env("LINGPAI_KEY", "lp_any");
    run(command)
}

#[test]
fn a_rotation_is_asked_about_although_an_earlier_server_cannot_say_what_it_does() {
    let url = server(|_, body| {
        assert!(body.contains("dry_run"), "nobody has said yes: {body}");
        let message = r#"{"error": {"code": "body-wrong", "message": "`dry_run` is for `compromised` only", "remedy": ""}}"#;
        (400, message)
    });
    let asked = said(&["rotate", "wx1"], &url);
    assert!(asked.err.contains("Say --yes if it is meant"), "{}", asked.err);
    let planned = said(&["rotate", "wx1", "--dry-run"], &url);
    assert!(planned.err.contains("is for `compromised` only"), "{}", planned.err);
}

#[test]
fn a_reset_waits_for_no_earlier_server_which_would_not_say_that_it_has_the_secret() {
    let url = server(|first, _| match first {
        _ if first.starts_with("PUT") => (
            409,
            r#"{"error": {"code": "account-configured", "message": "It stands there", "remedy": ""}}"#,
        ),
        _ if first.contains("/v1/accounts/wx1") => {
            (200, r#"{"credentials": [{"kind": "access_token", "expires_in": 7000}]}"#)
        }
        _ => (200, r#"{"events": [], "records": []}"#),
    });
    let said = said(&["secret", "reset", "wx1", "--secret-file", "secret"], &url);
    assert_eq!(said.code, Some(0), "{}", said.err);
    assert!(said.err.contains("it has not tried the new AppSecret"), "{}", said.err);
    assert!(!said.err.contains("WeChat does not refuse it"), "{}", said.err);
}
