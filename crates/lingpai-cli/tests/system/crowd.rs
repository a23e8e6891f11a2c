//! Ten thousand clients that find no token, all at the same moment, over real connections.

use std::collections::HashSet;
use std::time::Duration;

use lingpai_sandbox::{Fault, FaultKind};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::node::{Home, WeChat, answer, appid};

pub(crate) const CALLERS: usize = 10_000;

/// Tests of many connections take turns: each needs the descriptors that one process may have.
pub(crate) static TURN: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// Raises this process's own limit on descriptors as far as it may.
pub(crate) fn allow_many_connections() {
    let limit = getrlimit(Resource::Nofile);
    let wanted = Rlimit { current: limit.maximum, maximum: limit.maximum };
    setrlimit(Resource::Nofile, wanted).unwrap();
    let enough = limit.maximum.is_none_or(|most| most >= CALLERS as u64 + 500);
    assert!(
        enough,
        "this test needs {CALLERS} descriptors: raise the hard limit with `ulimit -Hn 20000`"
    );
}

/// Connects all callers first, then lets them ask at once for the tokens of so many accounts. What each got: a status and a
/// body.
pub(crate) async fn all_at_once(
    home: &Home,
    callers: usize,
    accounts: usize,
) -> Vec<(u16, String)> {
    let mut streams = Vec::with_capacity(callers);
    for _ in 0..callers {
        streams.push(TcpStream::connect(("127.0.0.1", home.port)).await.unwrap());
    }
    let request = |account| home.request(&format!("/v1/accounts/{}/token", appid(account)));
    let requests: Vec<_> = (0..accounts).map(request).collect();
    let mut asking = JoinSet::new();
    for (mut stream, request) in streams.into_iter().zip(requests.iter().cycle()) {
        let request = request.clone();
        asking.spawn(async move {
            stream.write_all(request.as_bytes()).await.unwrap();
            answer(&mut stream).await.unwrap()
        });
    }
    asking.join_all().await
}

/// A WeChat that takes its time over a fetch, so that everybody asks while one is under way, and does this besides.
pub(crate) async fn slow_wechat(accounts: usize, besides: Option<FaultKind>) -> WeChat {
    allow_many_connections();
    let wechat = WeChat::start(Duration::from_secs(7200), accounts).await;
    wechat.world.with(|world, now| {
        let slow = FaultKind::Latency { milliseconds: 1500 };
        for kind in std::iter::once(slow).chain(besides) {
            world.fault(now, Fault::new(kind).on("*token")).unwrap();
        }
    });
    wechat
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_cold_callers_over_http_cause_exactly_one_fetch() {
    let _turn = TURN.lock().await;
    let wechat = slow_wechat(1, None).await;
    let home = Home::new(&wechat, 1, "stable", "", "refresh = \"on-demand\"");
    let node = home.start().await;
    assert_eq!(wechat.fetches(), 0);
    let answers = all_at_once(&home, CALLERS, 1).await;
    let distinct: HashSet<_> = answers
        .iter()
        .map(|(status, body)| {
            assert_eq!(*status, 200, "{body}");
            serde_json::from_str::<serde_json::Value>(body).unwrap()["access_token"].to_string()
        })
        .collect();
    assert_eq!(distinct.len(), 1);
    assert_eq!(wechat.fetches(), 1);
    home.token(0).await.unwrap();
    node.end().await;
    home.assert_nothing_leaked();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_callers_share_the_failure_of_one_fetch() {
    let _turn = TURN.lock().await;
    let wechat = slow_wechat(1, Some(FaultKind::Errcode { errcode: 40164, errmsg: None })).await;
    let home = Home::new(&wechat, 1, "stable", "", "refresh = \"on-demand\"");
    let node = home.start().await;
    for (status, body) in all_at_once(&home, CALLERS, 1).await {
        assert!(status >= 400 && body.contains("40164"), "{status} {body}");
    }
    assert_eq!(wechat.fetches(), 1);
    node.end().await;
}
