//! The table of causes. Each is produced by the simulated WeChat, in a story on a driven clock that ends at the present time.
//! Then real commands and a real server are asked, in both languages: each names that very cause and what to do about it, or
//! says that it cannot know.

use std::sync::Arc;
use std::time::Duration;

use lingpai_core::audit::{Action, Deed, Note, Who};
use lingpai_core::journal::Page;
use lingpai_core::{
    Clock, CredentialId, Directory, Fence, Mode, NodeId, Refresh, Store, SystemClock, Timestamp,
};
use lingpai_sandbox::{
    DEMO_APPID, Fault, FaultKind, OtherSystem, Punishment, Quota, Server, Takes, When, World,
};
use lingpai_server::diagnosis::Cause;
use lingpai_store::{Archive, Kept, KeySource, MemoryStore, SqliteOptions, SqliteStore};
use lingpai_wechat::catalogue::Language;
use serde_json::{Value, json};
use tokio::runtime::Builder;
use tokio::time::{sleep, timeout};

use crate::clinic::{Clinic, is_chinese};
use crate::node::{Home, PATIENCE, WeChat};
use crate::stand::{HOUR, MINUTE};

const LANGUAGES: [(&str, Language); 2] = [("en", Language::English), ("zh", Language::Chinese)];

/// How the doctor comes to know of a cause.
#[derive(Clone, Copy)]
enum Doctor {
    /// It sees it, in this check.
    Sees(&'static str),
    /// It is a client's doing: the doctor of a server names it, and whose, when a client has reported the token. Without a
    /// server it says that it cannot know.
    Hears,
    /// Nothing is wrong that it could see.
    FindsNothing,
}

/// A row of the table: how long its story takes, the account's mode, the code of the refusal, and what the doctor knows.
fn row(cause: Cause) -> (Duration, Mode, Option<i64>, Doctor) {
    use Doctor::{FindsNothing, Hears, Sees};
    use Mode::{Classic, Stable};

    const AT_ONCE: Duration = Duration::ZERO;
    match cause {
        Cause::Current => (AT_ONCE, Stable, Some(40001), FindsNothing),
        Cause::Expired => (3 * HOUR, Stable, Some(42001), Sees("token")),
        Cause::ReplacedByUs => (3 * HOUR, Classic, Some(40001), Hears),
        Cause::ReplacedByOther => (90 * MINUTE, Classic, Some(40001), Sees("rotations")),
        Cause::NotOurs => (AT_ONCE, Classic, None, Hears),
        Cause::SecretReset => (3 * HOUR, Stable, Some(42001), Sees("secret")),
        Cause::SecretFrozen => (3 * HOUR, Classic, Some(42001), Sees("secret")),
        Cause::OtherAccount => (AT_ONCE, Stable, Some(40001), Hears),
        Cause::UserToken => (AT_ONCE, Stable, Some(40001), Hears),
        Cause::Quota => (AT_ONCE, Stable, Some(45009), Sees("quota")),
        Cause::IpNotAllowed => (3 * HOUR, Stable, Some(42001), Sees("address")),
        Cause::AccountRestricted => (3 * HOUR, Stable, Some(42001), Sees("secret")),
        Cause::PlatformTrouble => (3 * HOUR, Stable, Some(42001), Sees("token")),
        Cause::NotAToken => (AT_ONCE, Stable, Some(40001), Hears),
        Cause::VirtualToken => (AT_ONCE, Stable, Some(40001), Hears),
        Cause::Unknown => (AT_ONCE, Stable, Some(40001), FindsNothing),
    }
}

/// Has it happen. What a person then has in hand: the token that was refused, if any.
async fn happens(cause: Cause, clinic: &Clinic) -> Option<String> {
    let token = match cause {
        Cause::Unknown => return None,
        Cause::ReplacedByOther => return Some(clinic.another_fetches_thrice().await),
        _ => clinic.token().await,
    };
    let theirs = clinic.does(|world, now| goes_wrong(cause, world, now));
    clinic.store.note(&[read_by("cron", clinic.clock.now().wall)]).await.unwrap();
    sleep(row(cause).0).await;
    Some(match cause {
        Cause::OtherAccount => clinic.token_of_another().await,
        Cause::UserToken => clinic.persons_token().await,
        Cause::NotAToken => "${ACCESS_TOKEN}".to_owned(),
        Cause::VirtualToken => format!("lpv_{}_{DEMO_APPID}", "0123".repeat(8)),
        _ => theirs.unwrap_or(token),
    })
}

/// That a client read the token.
fn read_by(name: &str, at: Timestamp) -> Note {
    let (key, address) = (format!("lp_{name}"), "10.0.0.7".parse().unwrap());
    Note {
        at,
        node: NodeId::new("node"),
        who: Who::Client { key, name: name.to_owned(), address },
        credential: Some(CredentialId::access_token(DEMO_APPID.parse().unwrap())),
        deed: Deed::new(Action::TokenRead),
    }
}

/// What somebody does at WeChat, and the token that it brings him.
fn goes_wrong(cause: Cause, world: &mut World, now: Duration) -> Option<String> {
    match cause {
        Cause::NotOurs => {
            return world.other_system_refreshes(now, DEMO_APPID, OtherSystem::Stable).ok();
        }
        Cause::SecretReset => drop(world.reset_secret(DEMO_APPID, None).unwrap()),
        Cause::SecretFrozen => world.freeze(now, DEMO_APPID, Takes::NoTime).unwrap(),
        Cause::Quota => world.exhaust(now, DEMO_APPID, &Quota::StableDay).unwrap(),
        Cause::IpNotAllowed => {
            world.block_ip(DEMO_APPID, "127.0.0.1".parse().unwrap()).unwrap();
        }
        Cause::AccountRestricted => {
            world.punish(DEMO_APPID, Some(Punishment::TokenForbidden)).unwrap();
        }
        Cause::PlatformTrouble => {
            world.fault(now, Fault::new(FaultKind::Cut { when: When::Before })).unwrap();
        }
        _ => {}
    }
    None
}

/// What a story leaves behind: WeChat as it is then, what Lingpai knows, and the token that was refused.
struct Left {
    world: (World, Duration),
    store: Arc<MemoryStore>,
    token: Option<String>,
}

fn play(cause: Cause) -> Left {
    let (lasts, mode, ..) = row(cause);
    let now = SystemClock::new().now().wall;
    let start = Timestamp::from_millis(now.as_millis() - i64::try_from(lasts.as_millis()).unwrap());
    let runtime = Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let clinic = Clinic::since(start, mode, |account| {
            if matches!(cause, Cause::Expired | Cause::Unknown) {
                account.policy.refresh = Refresh::OnDemand;
            }
        })
        .await;
        let token = happens(cause, &clinic).await;
        // Events are stored behind the engine's back.
        sleep(Duration::from_millis(50)).await;
        Left { world: clinic.world.taken(), store: Arc::clone(&clinic.store), token }
    })
}

/// Puts what Lingpai knows into the store of a home.
async fn move_in(home: &Home, from: &MemoryStore) {
    let options = SqliteOptions::new(home.store(), KeySource::Beside);
    let to = SqliteStore::open(options).await.unwrap();
    for account in from.accounts().await.unwrap() {
        to.put_account(&account, None).await.unwrap();
    }
    for record in from.load().await.unwrap() {
        to.keep(&Kept { record, fence: Fence(1000) }).await.unwrap();
    }
    let mut events = from.events(None, 10_000).await.unwrap();
    events.reverse();
    to.record(&events).await.unwrap();
    let trail = from.notes(None, Page::Newest, 10).await.unwrap();
    let notes: Vec<_> = trail.told.into_iter().map(|told| told.what).collect();
    to.note(&notes).await.unwrap();
    to.close().await;
}

/// One cause, and a home in which it has happened.
struct Visit<'a> {
    cause: Cause,
    home: &'a Home,
    token: Option<String>,
    server: String,
}

impl Visit<'_> {
    /// What a command says on standard output in this language. It tells no token.
    fn says(&self, language: &str, arguments: &[&str]) -> String {
        let mut command = self.home.command(arguments);
        command.env("LINGPAI_LANG", language).env("LINGPAI_KEY", self.home.key());
        let output = command.output().unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        let heard = String::from_utf8_lossy(&output.stderr);
        assert!(!said.is_empty(), "{heard}");
        self.tells_nothing(&said);
        self.tells_nothing(&heard);
        // Without a server, that only a server knows who has reported it.
        let is_of_client = ["replaced-by-us", "not-ours", "other-account", "user-token"];
        let is_here = arguments[0] == "explain" && !arguments.contains(&"--server");
        let cannot_know = heard.contains("--server");
        assert_eq!(cannot_know, is_here && is_of_client.contains(&self.cause.as_str()), "{heard}");
        said
    }

    fn tells_nothing(&self, said: &str) {
        let told = self.token.as_ref().filter(|token| token.len() > 20 && said.contains(*token));
        assert!(told.is_none(), "the token is told: {said}");
    }

    fn is_to_do(&self, language: Language) -> String {
        self.cause.remedy()[0].text(language).to_owned()
    }

    /// `lingpai explain`, of the store or of the server.
    fn explain(&self, by: &[&str], users: bool) {
        let file = self.home.file("refused.txt");
        let (path, code) = (file.to_str().unwrap(), row(self.cause).2.map(|code| code.to_string()));
        let mut arguments = vec!["explain", "--account", DEMO_APPID];
        if let Some(token) = &self.token {
            std::fs::write(&file, token).unwrap();
            arguments.extend(["--token-file", path]);
        }
        if let Some(code) = &code {
            arguments.extend(["--errcode", code]);
        }
        for (name, language) in LANGUAGES {
            let said = self.says(name, &[&arguments, by].concat());
            let (first, rest) = said.split_once('\n').unwrap();
            assert_eq!(first.split([' ', '（']).next(), Some(self.cause.as_str()), "{said}");
            assert!(rest.contains(&self.is_to_do(language)), "{said}");
            let headline = rest.lines().next().unwrap();
            assert_eq!(is_chinese(headline), language == Language::Chinese, "{headline}");
            // Whoever read it before it was replaced, and not since.
            let behind = match language {
                Language::English => "The client cron read the token for the last time",
                Language::Chinese => "客户端 cron 最后一次读取凭据",
            };
            assert_eq!(rest.contains(behind), self.cause == Cause::ReplacedByUs, "{said}");
            let user = ["The client test reported it", "客户端 test 报告过它"];
            assert!(!users || user.iter().any(|user| rest.contains(user)), "{said}");
        }
        let _ = std::fs::remove_file(file);
    }

    /// `POST /v1/diagnose`, as the console's box asks it: all in one text.
    async fn diagnose(&self) {
        let code = row(self.cause).2.map(|code| format!("errcode {code} ")).unwrap_or_default();
        let text = match &self.token {
            Some(token) => format!("{code}access_token={token}"),
            None => code,
        };
        let question = json!({"text": text, "account": DEMO_APPID});
        for (name, language) in LANGUAGES {
            let (path, question) = ("/v1/diagnose", question.to_string());
            let (status, said) = self.home.call_in(name, "POST", path, &question).await;
            assert_eq!(status, 200, "{said}");
            self.tells_nothing(&said);
            let said: Value = serde_json::from_str(&said).unwrap();
            assert_eq!(said["cause"], self.cause.as_str(), "{said:#}");
            assert_eq!(said["remedy"][0], self.is_to_do(language), "{said:#}");
        }
    }

    /// `lingpai doctor`, of the store or of the server.
    fn doctor(&self, by: &[&str], check: Option<&str>) {
        for (name, language) in LANGUAGES {
            let said = self.says(name, &[&["doctor", DEMO_APPID, "--json"], by].concat());
            let said: Value = serde_json::from_str(&said).unwrap();
            let findings = said["findings"].as_array().unwrap();
            let named: Vec<_> =
                findings.iter().filter(|it| it["cause"] == self.cause.as_str()).collect();
            match check {
                Some(check) => {
                    let found = named.iter().find(|finding| finding["check"] == check);
                    let found = found.unwrap_or_else(|| panic!("{check}: {said:#}"));
                    assert_eq!(found["remedy"], self.is_to_do(language), "{found}");
                }
                None => assert!(named.is_empty(), "{said:#}"),
            }
            if by.is_empty() {
                let clients = findings.iter().find(|it| it["check"] == "clients").unwrap();
                let cannot_know = match language {
                    Language::English => "is known to a running server only",
                    Language::Chinese => "只有运行中的服务知道",
                };
                let evidence = clients["evidence"].as_str().unwrap();
                assert!(evidence.contains(cannot_know), "{evidence}");
            }
        }
    }

    /// A client reports the token, and the doctor hears of it, when WeChat was asked whose it is.
    async fn report(&self) {
        let report = json!({"access_token": self.token}).to_string();
        let path = format!("/v1/accounts/{DEMO_APPID}/token/report-invalid");
        let (status, said) = self.home.call("POST", &path, &report).await;
        assert_eq!(status, 200, "{said}");
        let question = json!({"account": DEMO_APPID}).to_string();
        timeout(PATIENCE, async {
            let cause = format!("\"cause\":\"{}\"", self.cause.as_str());
            while !self.home.call("POST", "/v1/doctor", &question).await.1.contains(&cause) {
                tokio::task::yield_now().await;
            }
        })
        .await
        .unwrap_or_else(|_| panic!("the doctor does not hear of {:?}", self.cause));
    }
}

async fn ask_all(cause: Cause, left: Left) {
    let (world, now) = left.world;
    let wechat = WeChat::at(Server::around(world, now).await.unwrap());
    let home = Home::new(&wechat, 0, "stable", "", "");
    move_in(&home, &left.store).await;
    let server = format!("http://127.0.0.1:{}", home.port);
    let visit = Visit { cause, home: &home, token: left.token, server };
    visit.explain(&[], false);
    let (check, is_heard) = match row(cause).3 {
        Doctor::Sees(check) => (Some(check), false),
        Doctor::Hears => (None, true),
        Doctor::FindsNothing => (None, false),
    };
    visit.doctor(&[], check);

    let node = home.start().await;
    let by_server = ["--server", &visit.server];
    if is_heard {
        visit.report().await;
    }
    visit.explain(&by_server, is_heard);
    visit.diagnose().await;
    visit.doctor(&by_server, if is_heard { Some("clients") } else { check });
    // Of what was pasted and reported, only the fingerprint is anywhere: in no log, no event, no file.
    for (path, holds) in [("events/history", "\"events\""), ("audit", "\"records\"")] {
        let (_, told) = home.call("GET", &format!("/v1/{path}?limit=1000"), "").await;
        assert!(told.contains(holds), "{told}");
        visit.tells_nothing(&told);
    }
    node.end().await;
    home.keep_secret(visit.token.as_deref().unwrap_or("none was pasted"));
    home.assert_nothing_leaked();
}

#[test]
fn every_cause_is_named_with_what_to_do_by_doctor_diagnosis_and_explain_in_both_languages() {
    // Two at a time, as most of it is waiting for other processes.
    let halves = [0, 1].map(|half| {
        std::thread::spawn(move || {
            for cause in Cause::ALL.into_iter().skip(half).step_by(2) {
                println!("{}", cause.as_str());
                let left = play(cause);
                let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build();
                runtime.unwrap().block_on(ask_all(cause, left));
            }
        })
    });
    for half in halves {
        half.join().unwrap();
    }
}

#[test]
fn an_error_alone_is_explained_and_where_it_cannot_tell_the_cause_it_says_how_to_find_out() {
    let folder = tempfile::tempdir().unwrap();
    let explain = |language: &str, code: &str| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_lingpai"));
        command.current_dir(folder.path()).args(["explain", code, "--lang", language]);
        String::from_utf8(command.output().unwrap().stdout).unwrap()
    };
    for (code, is_clear) in [
        ("40001", false),
        ("40014", false),
        ("42001", false),
        ("40125", true),
        ("40164", true),
        ("40243", true),
        ("45009", true),
        ("50004", true),
    ] {
        for (language, unclear) in [("en", "the code does not tell"), ("zh", "错误码本身不能说明")]
        {
            let said = explain(language, code);
            assert!(said.starts_with(code), "{said}");
            assert_eq!(!said.contains(unclear), is_clear, "{said}");
            let command = format!("lingpai explain --errcode {code} --token-file");
            assert_eq!(!said.contains(&command), is_clear, "{said}");
        }
    }
}
