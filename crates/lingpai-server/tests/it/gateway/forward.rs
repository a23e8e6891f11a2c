//! What reaches upstream, what reaches the client, and what is not forwarded at all.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use lingpai_core::client::Right;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::stand_in::Plan;
use super::{Forwarding, OK, REFUSED, refusal};
use crate::house::{FakeUpstream, KEPT, PATIENCE, logs, only};

#[tokio::test]
async fn a_call_reaches_upstream_with_the_real_token_and_is_otherwise_what_it_was() {
    let it = Forwarding::to(|_| Plan::json(OK)).await;
    let request = format!(
        "POST /cgi-bin/x?b=%E4%BD%A0+%2f&&access_token={}&a=%zz HTTP/1.1\r\nHost: lingpai\r\nConnection: close, x-hop\r\n\
         X-Hop: 1\r\nUser-Agent: sdk/1\r\nContent-Type: text/json;charset=GBK\r\nX-Lingpai-Y: 1\r\nContent-Length: 4\r\n\
         Accept-Encoding: gzip, br\r\n\r\n\x01\u{80}\n",
        it.token
    );
    let answer = it.exchange(request.as_bytes()).await;
    assert_eq!((answer.status, answer.text()), (200, OK));
    let seen = it.wechat.only();
    let token = FakeUpstream::token(1);
    assert_eq!(seen.target(), format!("/cgi-bin/x?b=%E4%BD%A0+%2f&&access_token={token}&a=%zz"));
    assert_eq!(seen.body, "\x01\u{80}\n".as_bytes());
    let lines: Vec<_> = seen.head.lines().skip(1).collect();
    let host = format!("Host: {}", it.wechat.addr);
    let expected = [
        "User-Agent: sdk/1",
        "Content-Type: text/json;charset=GBK",
        "Accept-Encoding: gzip",
        "Content-Length: 4",
        &host,
    ];
    assert!(
        lines.len() == expected.len() && expected.iter().all(|line| lines.contains(line)),
        "{lines:?}"
    );
}

#[tokio::test]
async fn a_key_in_the_header_names_its_account_there_in_the_path_or_by_being_for_one_only() {
    let it = Forwarding::to(|_| Plan::json(OK)).await;
    let all = it.house.admin().await;
    let account = format!("X-Lingpai-Account: {KEPT}\r\n");
    let path = format!("/gateway/{KEPT}/cgi-bin/x?a=1");
    for (key, target, line) in [
        (&all, "/cgi-bin/x?a=1", account.as_str()),
        (&all, &path, ""),
        (&it.key, "/cgi-bin/x?a=1", ""),
    ] {
        let head = format!("GET {target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n");
        let request = format!("{head}Authorization: Bearer {key}\r\n{line}\r\n");
        assert_eq!(it.exchange(request.as_bytes()).await.text(), OK);
    }
    let expected = format!("/cgi-bin/x?a=1&access_token={}", FakeUpstream::token(1));
    let seen = it.wechat.seen();
    assert!(seen.len() == 3 && seen.iter().all(|seen| seen.target() == expected));
    assert!(
        seen.iter()
            .all(|seen| !seen.head.contains("lp_") && seen.header("authorization").is_none())
    );
}

#[tokio::test]
async fn prefixes_lead_to_other_hosts_and_mounts_to_the_same_place() {
    let it = Forwarding::with(
        |_| Plan::json(OK),
        |settings, _| settings.mounts = vec!["/wechat".into()],
    )
    .await;
    for path in
        ["/cgi-bin/x", "/wechat/cgi-bin/x", "/mp/cgi-bin/x", "/file/cgi-bin/x", "/qyapi/cgi-bin/x"]
    {
        assert_eq!(it.get(path).await.text(), OK);
    }
    let paths: Vec<_> = it
        .wechat
        .seen()
        .iter()
        .map(|seen| seen.target().split('?').next().unwrap().to_owned())
        .collect();
    assert_eq!(paths, ["/cgi-bin/x", "/cgi-bin/x", "/cgi-bin/x", "/cgi-bin/x", "/qyapi/cgi-bin/x"]);
    let query = format!("grant_type=client_credential&appid={KEPT}&secret={}", it.key);
    for base in ["", "/wechat", &format!("/gateway/{KEPT}"), &format!("/wechat/gateway/{KEPT}")] {
        let reply = it.house.ask("GET", &format!("{base}/cgi-bin/token?{query}"), &[], "").await;
        assert_eq!(reply.text("access_token"), it.token, "{base}");
    }
    assert_eq!(it.wechat.seen().len(), 5, "the token calls are answered here");
}

#[tokio::test]
async fn an_answer_passes_as_it_came() {
    let image: Vec<u8> = (0..300_000_u32).flat_map(u32::to_be_bytes).collect();
    let sent = image.clone();
    let it = Forwarding::to(move |_| {
        Plan::with("content-disposition: attachment; filename=\"a.jpg\"\r\nContent-Type: image/jpeg\r\nKeep-Alive: 5\r\n", &sent)
    })
    .await;
    let answer = it.get("/cgi-bin/media/get").await;
    assert_eq!(answer.header("content-disposition"), Some("attachment; filename=\"a.jpg\""));
    assert_eq!(answer.header("content-length"), Some("1200000"));
    assert_eq!((answer.header("keep-alive"), answer.header("x-lingpai-replay")), (None, None));
    assert!(answer.body == image);
}

#[tokio::test]
async fn what_is_no_small_json_reaches_the_client_from_its_first_byte() {
    let cases = [("/image", 1000, "JFIF"), ("/large", 100_000, "{\"data\":")];
    // No more of it ever comes.
    let it = Forwarding::to(move |seen| {
        let case = cases.iter().find(|(path, ..)| seen.target().starts_with(path));
        let (_, length, begun) = case.unwrap();
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n");
        Plan::raw(head + begun).hanging()
    })
    .await;
    for (path, _, begun) in cases {
        let mut stream = TcpStream::connect(it.house.addr).await.unwrap();
        let request = format!("GET {path}?access_token={} HTTP/1.1\r\nHost: a\r\n\r\n", it.token);
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(begun.as_bytes()) {
            let read = timeout(PATIENCE, stream.read_buf(&mut answer)).await.unwrap().unwrap();
            assert!(read > 0, "{path}");
        }
    }
}

#[tokio::test]
async fn a_compressed_answer_reaches_the_client_compressed() {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(OK.as_bytes()).unwrap();
    let gzip = gzip.finish().unwrap();
    let sent = gzip.clone();
    let it = Forwarding::to(move |_| Plan::with("Content-Encoding: gzip\r\n", &sent)).await;
    let answer = it.get("/cgi-bin/x").await;
    assert_eq!(answer.header("content-encoding"), Some("gzip"));
    assert_eq!(answer.body, gzip);
}

#[tokio::test]
async fn a_redirect_is_not_followed_and_shows_no_token() {
    let it = Forwarding::to(|seen| {
        Plan::raw(format!(
            "HTTP/1.1 302 Found\r\nLocation: http://evil{}\r\nContent-Length: 0\r\n\r\n",
            seen.target()
        ))
    })
    .await;
    let answer = it.get("/cgi-bin/x?a=1").await;
    assert_eq!(answer.status, 302);
    let shown = format!("http://evil/cgi-bin/x?a=1&access_token={}", it.token);
    assert_eq!(answer.header("location"), Some(shown.as_str()));
    assert_eq!(it.wechat.seen().len(), 1);
}

#[tokio::test]
async fn what_could_be_read_in_two_ways_is_not_forwarded() {
    let it = Forwarding::to(|_| Plan::json(OK)).await;
    let token = &it.token;
    let long = "x".repeat(8000);
    for (request, error) in [
        (
            format!("GET http://api.weixin.qq.com/cgi-bin/x?access_token={token} HTTP/1.1"),
            "absolute-form",
        ),
        (format!("GET /cgi-bin/../x?access_token={token} HTTP/1.1"), "path-unclear"),
        (format!("GET /cgi-bin/%2e%2e/x?access_token={token} HTTP/1.1"), "path-unclear"),
        (format!("GET /cgi-bin%2Fx?access_token={token} HTTP/1.1"), "path-unclear"),
        (format!("GET //cgi-bin/x?access_token={token} HTTP/1.1"), "path-unclear"),
        (format!("GET /cgi-bin/%74oken?access_token={token} HTTP/1.1"), "path-unclear"),
        (format!("GET /x?access_token={token}&access_token=b HTTP/1.1"), "tokens-differ"),
        (format!("GET /x?access_token={token}&access%5Ftoken= HTTP/1.1"), "tokens-differ"),
        (format!("PUT /x?access_token={token} HTTP/1.1"), "method-unknown"),
        (format!("GET /x?access_token={long} HTTP/1.1"), "real-token"),
        ("GET /x HTTP/1.1".to_owned(), "caller-unknown"),
    ] {
        let answer = it
            .exchange(format!("{request}\r\nHost: a\r\nConnection: close\r\n\r\n").as_bytes())
            .await;
        assert_eq!((answer.status, answer.error()), (200, error), "{request}");
    }
    let longer = format!("GET /x?access_token={} HTTP/1.1\r\nHost: a\r\n\r\n", "x".repeat(100_000));
    assert_eq!(it.exchange(longer.as_bytes()).await.status, 431, "no head is that long");
    assert_eq!(it.wechat.connections(), 0);
}

#[tokio::test]
async fn smuggled_requests_and_injected_headers_are_refused() {
    let it = Forwarding::to(|_| Plan::json(OK)).await;
    let target = format!("/x?access_token={}", it.token);
    for (lines, body) in [
        ("Content-Length: 4\r\nContent-Length: 5\r\n", "abcde"),
        ("Content-Length: +4\r\n", "abcd"),
        ("Transfer-Encoding: chunked, identity\r\n", "0\r\n\r\n"),
        ("X: a\rb\r\n", ""),
        ("X : a\r\n", ""),
    ] {
        let request = format!("POST {target} HTTP/1.1\r\nHost: a\r\n{lines}\r\n{body}");
        assert_eq!(it.exchange(request.as_bytes()).await.status, 400, "{lines:?}");
    }
    assert_eq!(it.wechat.connections(), 0);
    // What is allowed, and dangerous where two programs differ: the chunks count, and only the true length goes on.
    let request = format!(
        "POST {target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n\
         4\r\nabcd\r\n0\r\n\r\n"
    );
    let answer = it.exchange(request.as_bytes()).await;
    assert_eq!(answer.status, 200);
    let seen = it.wechat.only();
    assert_eq!(
        (seen.header("content-length"), seen.body.as_slice()),
        (Some("4"), b"abcd".as_slice())
    );
    assert_eq!(seen.header("transfer-encoding"), None);
}

#[tokio::test]
async fn the_token_is_found_however_it_is_written_and_a_fragment_goes_no_further() {
    let it = Forwarding::to(|_| Plan::json(OK)).await;
    let token = &it.token;
    let escaped: String = token.bytes().map(|byte| format!("%{byte:02X}")).collect();
    for query in [
        format!("access%5Ftoken={token}"),
        format!("access_token={escaped}"),
        format!("access_token={token}&access_token={token}"),
        format!("access_token={token}#access_token=x"),
    ] {
        let request = format!("GET /x?{query} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        assert_eq!(it.exchange(request.as_bytes()).await.text(), OK, "{query}");
    }
    let real = FakeUpstream::token(1);
    let targets: Vec<_> = it.wechat.seen().iter().map(|seen| seen.target().to_owned()).collect();
    assert_eq!(
        targets,
        [
            format!("/x?access%5Ftoken={real}"),
            format!("/x?access_token={real}"),
            format!("/x?access_token={real}&access_token={real}"),
            format!("/x?access_token={real}"),
        ]
    );
}

#[tokio::test]
async fn a_token_in_the_body_is_no_token() {
    let it = Forwarding::to(|_| Plan::json(OK)).await;
    let body = format!(r#"{{"access_token":"{}"}}"#, it.token);
    let head = format!(
        "POST /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    assert_eq!(it.exchange(format!("{head}{body}").as_bytes()).await.error(), "caller-unknown");
    let head = head.replace("\r\n\r\n", &format!("\r\nAuthorization: Bearer {}\r\n\r\n", it.key));
    assert_eq!(it.exchange(format!("{head}{body}").as_bytes()).await.text(), OK);
    assert_eq!(it.wechat.only().body, body.as_bytes(), "and stays as it is");
}

#[tokio::test]
async fn nothing_of_a_call_is_logged_that_could_be_used() {
    let it = Forwarding::to(|_| Plan::json(REFUSED)).await;
    it.house.upstream.judges(refusal());
    it.get("/cgi-bin/x").await;
    it.call("POST", "/cgi-bin/../x", b"").await;
    let logs = logs();
    assert!(logs.contains("lingpai"), "the log is captured");
    for secret in [&it.token, &it.key, &FakeUpstream::token(1), &FakeUpstream::token(2)] {
        assert!(!logs.contains(secret.as_str()), "{secret}");
    }
}

#[tokio::test]
async fn without_a_gateway_nothing_is_forwarded() {
    let house = crate::house::House::open().await;
    let key = house.key_with(&[Right::Gateway], only(KEPT), |_| {}).await;
    let reply = house.call(&key, "GET", "/cgi-bin/user/get", "").await;
    assert_eq!(reply.errcode(), 990_109, "in the shape that an SDK reads");
    assert_eq!(reply.header("x-lingpai-error"), Some("gateway-off"));
    let reply = house.call(&key, "GET", "/v1/unheard/of", "").await;
    assert_eq!((reply.status, reply.error()), (404, "path-unknown"));
}

#[tokio::test]
async fn a_page_of_upstreams_in_a_browser_is_kept_apart_from_the_consoles() {
    let it = Forwarding::to(|_| Plan::json("<script>fetch('/console/session')</script>")).await;
    for (line, policy) in [
        ("Accept: text/html,*/*\r\n", Some("sandbox")),
        ("Sec-Fetch-Dest: iframe\r\n", Some("sandbox")),
        ("Accept: application/json\r\n", None),
        ("", None),
    ] {
        let request = format!(
            "GET /cgi-bin/x?access_token={} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{line}\r\n",
            it.token
        );
        let answer = it.exchange(request.as_bytes()).await;
        assert_eq!(answer.header("content-security-policy"), policy, "{line}");
    }
}
