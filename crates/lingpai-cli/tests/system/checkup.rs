//! The doctor's list, item by item: where something is wrong, its line says what was seen and what to do, in both languages.
//! And what looking costs: nothing is minted, whatever the account.

use std::sync::Arc;
use std::time::Duration;

use lingpai_core::audit::{Action, Deed, Note, Who};
use lingpai_core::event::{Event, What};
use lingpai_core::{
    Account, AccountKind, Clock, CredentialId, Directory, Issued, Keeping, Kind, Mode, NodeId,
    Policy, Store, Timestamp,
};
use lingpai_sandbox::{
    AppKind, AppSettings, DEMO_AGENT, DEMO_AGENT_SECRET, DEMO_APPID, DEMO_COMPONENT,
    DEMO_COMPONENT_SECRET, DEMO_CORPID, DEMO_SECRET, Fault, FaultKind, OtherSystem, Quotas, When,
};
use lingpai_server::doctor::{Finding, House, Verdict};
use lingpai_wechat::catalogue::Language;
use lingpai_wechat::{WeChat as Issuers, kinds, protocol, wire};
use rcgen::{CertificateParams, KeyPair};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::time::sleep;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::{ServerConfig, crypto, pki_types::PrivatePkcs8KeyDer};

use crate::clinic::{Clinic, account, is_chinese, keep};
use crate::node::{Home, WeChat};
use crate::stand::{HOUR, MINUTE, START};

/// That the line of this check, and of this subject, has this verdict and says this: what was seen and what to do, in English
/// and in Chinese.
fn says(
    findings: &[Finding],
    (check, subject): (&str, &str),
    verdict: &str,
    english: [&str; 2],
    chinese: [&str; 2],
) {
    let of = |it: &&Finding| {
        it.check.as_str() == check && it.subject.as_deref().unwrap_or_default().contains(subject)
    };
    let found = findings.iter().find(of).unwrap_or_else(|| panic!("no {check}: {findings:#?}"));
    assert_eq!(found.verdict.as_str(), verdict, "{found:#?}");
    for (language, [evidence, remedy]) in
        [(Language::English, english), (Language::Chinese, chinese)]
    {
        let seen = found.evidence.text(language);
        assert!(seen.contains(evidence), "{seen}");
        let to_do = found.remedy.as_ref().map_or("", |remedy| remedy.text(language));
        assert!(to_do.contains(remedy) && to_do.is_empty() == remedy.is_empty(), "{to_do}");
        assert_eq!(is_chinese(seen), language == Language::Chinese, "{seen}");
        // English advice may name what stands in WeChat's console.
        assert!(to_do.is_empty() || is_chinese(to_do) || language == Language::English, "{to_do}");
    }
}

/// A house in which all is well, but for its hosts: it names this one.
fn house(hosts: &[String]) -> House {
    let hosts = hosts.iter().map(|host| host.parse().unwrap()).collect();
    House {
        configuration: Ok(None),
        store: "sqlite:lingpai.db".to_owned(),
        is_durable: true,
        redis: None,
        space: Some((1 << 40, 1 << 41)),
        certificates: Vec::new(),
        upstream: wire::Settings { hosts, ..wire::Settings::default() },
    }
}

#[tokio::test]
async fn a_house_that_will_be_in_trouble_is_told_so() {
    let clinic = Clinic::open(Mode::Stable).await;
    let days = |days: i64| Some(Timestamp::from_millis(START.as_millis() + days * 86_400_000));
    let certificates = [("soon", days(10)), ("over", days(-1)), ("later", days(90)), ("odd", None)];
    let house = House {
        is_durable: false,
        space: Some((100 << 20, 1 << 30)),
        certificates: certificates.map(|(name, end)| (name.to_owned(), end)).into(),
        ..house(&["http://127.0.0.1:1".to_owned()])
    };
    let findings = clinic.examines_in(Some(&house), false).await;
    says(
        &findings,
        ("certificate", "soon"),
        "warned",
        ["good until 2026-01-1", "Put another into its place"],
        ["有效期至 2026-01-1", "请换上新的证书"],
    );
    says(
        &findings,
        ("certificate", "over"),
        "failed",
        ["It ended at 2025-12-31", "Put another into its place"],
        ["它已在 2025-12-31", "请换上新的证书"],
    );
    says(&findings, ("certificate", "later"), "passed", ["good until", ""], ["有效期至", ""]);
    says(&findings, ("certificate", "odd"), "skipped", ["cannot be read", ""], ["无法读出", ""]);
    says(
        &findings,
        ("space", ""),
        "warned",
        ["100 MiB of 1024 MiB are free", "Make room"],
        ["剩余 100 MiB", "请腾出空间"],
    );
    says(
        &findings,
        ("store", ""),
        "warned",
        ["ends with this process", "Use `store = \"sqlite:lingpai.db\"`"],
        ["随进程结束而消失", "请使用 `store = \"sqlite:lingpai.db\"`"],
    );
    let full = House { space: Some((1 << 20, 1 << 30)), ..house };
    let findings = clinic.examines_in(Some(&full), false).await;
    says(&findings, ("space", ""), "failed", ["1 MiB of", "Make room"], ["剩余 1 MiB", "请腾出"]);
}

/// A server that answers everything with this date; behind this TLS, if any.
async fn host(date: &'static str, tls: Option<TlsAcceptor>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let tls = tls.clone();
            tokio::spawn(async move {
                if let Some(tls) = tls {
                    let _ = tls.accept(stream).await;
                    return;
                }
                let _ = stream.read(&mut [0; 4096]).await;
                let answer = format!(
                    "HTTP/1.1 200 OK\r\nDate: {date}\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{{}}"
                );
                let _ = stream.write_all(answer.as_bytes()).await;
            });
        }
    });
    port
}

/// A certificate that nobody has signed who is trusted.
fn unknown_authority() -> TlsAcceptor {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let certificate = params.self_signed(&key).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.der().clone()],
            PrivatePkcs8KeyDer::from(key.serialize_der()).into(),
        )
        .unwrap();
    TlsAcceptor::from(Arc::new(config))
}

#[tokio::test]
async fn the_way_to_each_host_and_the_clock_are_told() {
    let clinic = Clinic::open(Mode::Stable).await;
    let plain = host("Wed, 31 Dec 2025 23:59:00 GMT", None).await;
    let strange = host("", Some(unknown_authority())).await;
    let hosts = [
        "http://nobody.invalid".to_owned(),
        "http://127.0.0.1:1".to_owned(),
        format!("https://127.0.0.1:{plain}"),
        format!("https://localhost:{strange}"),
        format!("http://127.0.0.1:{plain}/there"),
    ];
    let findings = clinic.examines_in(Some(&house(&hosts)), false).await;
    says(
        &findings,
        ("host", "nobody.invalid"),
        "failed",
        ["Its name does not resolve here", "resolves the name"],
        ["本机无法解析它的域名", "解析该域名"],
    );
    says(
        &findings,
        ("host", "127.0.0.1:1"),
        "warned",
        ["It cannot be reached: ", "its firewall lets it connect"],
        ["无法连接：", "防火墙是否允许连接"],
    );
    let secure = format!("127.0.0.1:{plain}");
    says(
        &findings,
        ("host", &secure),
        "warned",
        ["It cannot be reached: no TLS", "who answers at that address"],
        ["无法连接：", "那个地址上是谁在应答"],
    );
    says(
        &findings,
        ("host", "localhost"),
        "warned",
        ["authority that is not trusted here", "`extra-ca`"],
        ["无法连接：", "`extra-ca`"],
    );
    let reached = findings.iter().rfind(|it| it.check.as_str() == "host").unwrap();
    let took = reached.evidence.text(Language::English);
    assert!(took.contains("connected in") && took.contains("answered in"), "{took}");
    says(
        &findings,
        ("clock", ""),
        "warned",
        ["s ahead of WeChat's", "set its clock by NTP"],
        [" 秒。", "通过 NTP 校时"],
    );
    let late = host("Thu, 01 Jan 2026 00:10:00 GMT", None).await;
    let findings =
        clinic.examines_in(Some(&house(&[format!("http://127.0.0.1:{late}")])), false).await;
    says(&findings, ("clock", ""), "failed", ["s behind", "by NTP"], ["秒", "NTP"]);
}

#[tokio::test(start_paused = true)]
async fn where_wechat_does_not_say_the_address_it_is_not_known() {
    let clinic = Clinic::open(Mode::Stable).await;
    clinic.token().await;
    let silent = FaultKind::Errcode { errcode: 48001, errmsg: None };
    clinic.does(|world, now| {
        world.fault(now, Fault::new(silent).on("/cgi-bin/openapi/rid/get")).unwrap();
    });
    let findings = clinic.examines().await;
    says(
        &findings,
        ("address", ""),
        "passed",
        ["by which address it sees it is not known", ""],
        ["它看到的地址未知", ""],
    );
}

#[tokio::test(start_paused = true)]
async fn failures_that_have_passed_are_told_with_their_cause() {
    let clinic = Clinic::open(Mode::Stable).await;
    clinic.token().await;
    let busy = FaultKind::Errcode { errcode: -1, errmsg: None };
    let busy = Fault::new(busy).on("/cgi-bin/stable_token").times(2);
    clinic.does(|world, now| world.fault(now, busy).unwrap());
    sleep(3 * HOUR).await;
    clinic.token().await;
    let findings = clinic.examines().await;
    says(
        &findings,
        ("rotations", ""),
        "warned",
        ["rotations 2, failures 2. The last failure: errcode -1", "Wait: Lingpai tries again"],
        ["更换 2 次，失败 2 次。最近一次失败：errcode -1", "请等待"],
    );
    says(&findings, ("token", ""), "passed", ["WeChat accepts it", ""], ["微信接受它", ""]);
}

#[tokio::test(start_paused = true)]
async fn what_is_told_of_a_token_says_whether_another_follows() {
    let clinic = Clinic::open(Mode::Classic).await;
    clinic.token().await;
    let keeps = async |keeping| {
        let stored = clinic.store.account(&DEMO_APPID.parse().unwrap()).await.unwrap().unwrap();
        let policy = Policy { keeping, ..stored.policy };
        let changed = Account { policy, ..stored.clone() };
        clinic.store.put_account(&changed, Some(&stored)).await.unwrap();
    };
    keeps(Keeping::Paused).await;
    let findings = clinic.examines().await;
    says(
        &findings,
        ("token", ""),
        "passed",
        ["is paused: no other follows", ""],
        ["账号已暂停", ""],
    );
    keeps(Keeping::Observe).await;
    clinic.does(|world, now| {
        for _ in 0..2 {
            world.other_system_refreshes(now, DEMO_APPID, OtherSystem::Classic).unwrap();
        }
    });
    let findings = clinic.examines().await;
    says(
        &findings,
        ("token", ""),
        "warned",
        ["whoever fetches for it has fetched another", "lingpai account adopt"],
        ["获取凭据的系统又换了新的", "lingpai account adopt"],
    );
}

#[tokio::test(start_paused = true)]
async fn a_quota_that_is_nearly_used_up_is_told_before_it_is() {
    let clinic = Clinic::open(Mode::Stable).await;
    let other = "wx00000000000000b2";
    let secret = clinic.does(|world, _| {
        let quotas = Quotas { stable_per_day: 20, ..Quotas::default() };
        let app = AppSettings { quotas, ..AppSettings::new(other, AppKind::MiniProgram) };
        world.add_app(app).unwrap();
        world.secret(other).unwrap().expose().to_owned()
    });
    let small = account(other, &secret, Mode::Stable);
    let keeper = keep(&clinic.wechat, &clinic.store, &clinic.registry, &small).await;
    keeper.fresh().await.unwrap();
    clinic.store.remove_account(&DEMO_APPID.parse().unwrap()).await.unwrap();
    for _ in 0..18 {
        assert_eq!(clinic.wechat.try_secret(&small).await, lingpai_core::Verdict::Accepted);
    }
    let findings = clinic.examines().await;
    says(
        &findings,
        ("quota", ""),
        "warned",
        ["Of 20 calls of /cgi-bin/stable_token a day, 1 are left", "midnight in China"],
        ["每天 20 次，还剩 1 次", "北京时间零点"],
    );
}

#[tokio::test(start_paused = true)]
async fn who_reads_in_a_loop_and_who_has_not_read_since_is_told_by_name() {
    let clinic = Clinic::open(Mode::Classic).await;
    clinic.token().await;
    let note = |minutes: u32, key: &str, count| Note {
        at: START + minutes * MINUTE,
        node: NodeId::new("node"),
        who: Who::Client {
            key: key.to_owned(),
            name: key.to_owned(),
            address: "10.0.0.7".parse().unwrap(),
        },
        credential: Some(CredentialId::access_token(DEMO_APPID.parse().unwrap())),
        deed: Deed { count, ..Deed::new(Action::TokenRead) },
    };
    clinic.store.note(&[note(1, "lp_cron", 1)]).await.unwrap();
    sleep(3 * HOUR).await;
    clinic.store.note(&[note(179, "lp_orders", 40)]).await.unwrap();
    let findings = clinic.examines().await;
    says(
        &findings,
        ("clients", ""),
        "passed",
        ["if they still call WeChat: lp_cron: 2026-01-01T00:01:00Z.", ""],
        ["用的就是旧凭据：lp_cron: 2026-01-01T00:01:00Z。", ""],
    );
    clinic.store.note(&[note(180, "lp_loop", 4000)]).await.unwrap();
    let misuse = Event {
        at: clinic.clock.now().wall,
        credential: Some(CredentialId::access_token(DEMO_APPID.parse().unwrap())),
        node: NodeId::new("node"),
        what: What::ClientMisuse { key: "lp_php".to_owned(), asks: 70 },
    };
    clinic.store.record(&[misuse]).await.unwrap();
    let findings = clinic.examines().await;
    for (english, chinese) in [
        (
            "lp_loop read the token 4000 times within the minute from 2026-01-01T03:00:00Z on.",
            "lp_loop 在 2026-01-01T03:00:00Z 起的一分钟内读取凭据 4000 次。",
        ),
        (
            "lp_php asked for the token 70 times within a minute.",
            "lp_php 一分钟内请求了 70 次凭据。",
        ),
    ] {
        let to_do = ["as `expires_in` says", "按 `expires_in` 缓存"];
        says(&findings, ("clients", ""), "warned", [english, to_do[0]], [chinese, to_do[1]]);
    }
}

/// Puts a third-party platform beside the account, which lives on a ticket that is pushed.
async fn with_platform(clinic: &Clinic) {
    let platform = account(DEMO_COMPONENT, DEMO_COMPONENT_SECRET, Mode::Classic);
    let platform = Account { kind: AccountKind::Platform, ..platform };
    clinic.store.put_account(&platform, None).await.unwrap();
    let upstream = wire::Upstream::over(Arc::new(clinic.world.clone()), wire::Settings::default());
    let issuers = Issuers::new(upstream);
    let parent = |credential: &CredentialId| clinic.registry.parent(credential);
    let policy = Arc::new(platform.policy.clone());
    for (kind, issuer) in issuers.roots_besides(&platform, &parent) {
        let credential = CredentialId::new(kind, platform.id.clone());
        clinic.registry.manage(credential, issuer, Arc::clone(&policy));
    }
    let ticket = CredentialId::new(kinds::COMPONENT_TICKET, platform.id.clone());
    let keeper = clinic.registry.get(&ticket).unwrap();
    keeper.give(Issued::new("ticket@@@one", Duration::from_hours(12))).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_ticket_that_is_pushed_no_more_is_told() {
    let clinic = Clinic::open(Mode::Stable).await;
    with_platform(&clinic).await;
    let check = ("pushes", "");
    let findings = clinic.examines().await;
    says(&findings, check, "passed", ["component_verify_ticket came", ""], ["前收到", ""]);
    sleep(30 * MINUTE).await;
    let findings = clinic.examines().await;
    let to_do = ["check the URL of authorisation events", "请检查微信后台的授权事件接收 URL"];
    says(&findings, check, "warned", ["came 30 min ago", to_do[0]], ["在 30 分钟前收到", to_do[1]]);
    sleep(12 * HOUR).await;
    let findings = clinic.examines().await;
    says(&findings, check, "failed", ["came 12 h", to_do[0]], ["12 小时", to_do[1]]);
}

#[tokio::test(start_paused = true)]
async fn no_kind_of_account_is_given_a_token_by_being_looked_at() {
    let clinic = Clinic::open(Mode::Stable).await;
    clinic.token().await;
    with_platform(&clinic).await;
    let agent = format!("{DEMO_CORPID}:{DEMO_AGENT}");
    let agent =
        Account { kind: AccountKind::WeCom, ..account(&agent, DEMO_AGENT_SECRET, Mode::Classic) };
    let keeper = keep(&clinic.wechat, &clinic.store, &clinic.registry, &agent).await;
    let token = keeper.fresh().await.unwrap().value.expose().to_owned();
    // Developed on behalf of a corp (代开发), its permanent code is a secret like the agent's.
    let corp = account(&format!("{DEMO_CORPID}:dk0001"), DEMO_AGENT_SECRET, Mode::Stable);
    let corp = Account { kind: AccountKind::WeComAuthorized, ..corp };
    let of_corp = keep(&clinic.wechat, &clinic.store, &clinic.registry, &corp).await;
    of_corp.fresh().await.unwrap();
    let asked = |host: &str| {
        let path = format!("{host}{}", protocol::CALLBACK_IP_PATH);
        clinic.does(|world, _| world.counters().calls_of(&path))
    };
    let (of_wechat, of_wecom) = (asked(""), asked("/qyapi"));
    let minted = || {
        clinic.does(|world, _| {
            let apps = world.counters().apps.values();
            apps.map(|app| (app.minted, app.forced, app.tickets)).collect::<Vec<_>>()
        })
    };
    let (before, calls) = (minted(), clinic.does(|world, _| world.counters().calls));
    let findings = clinic.examines().await;
    assert_eq!(minted(), before);
    assert_eq!(keeper.fresh().await.unwrap().value.expose(), token);
    let told: u64 = findings.iter().map(|finding| u64::from(finding.calls)).sum();
    assert_eq!(told, clinic.does(|world, _| world.counters().calls) - calls, "{findings:#?}");
    // Five of the account, two of the agent: its secret and its token; and one of the corp's: its token.
    assert_eq!(told, 8, "{findings:#?}");
    // Each was shown to whom it is of.
    assert_eq!((asked(""), asked("/qyapi")), (of_wechat + 1, of_wecom + 2));
    let of_corp = findings.iter().filter(|it| it.account.as_ref() == Some(&corp.id));
    let of_corp: Vec<_> = of_corp.cloned().collect();
    says(&of_corp, ("token", ""), "passed", ["WeChat accepts it", ""], ["微信接受它", ""]);
    assert!(of_corp.iter().all(|it| it.verdict <= Verdict::Passed), "{of_corp:#?}");
}

#[tokio::test(start_paused = true)]
async fn a_wechat_that_does_not_answer_is_waited_for_once_for_each_account() {
    let clinic = Clinic::open(Mode::Classic).await;
    clinic.token().await;
    let hang = Fault::new(FaultKind::Hang { when: When::Before });
    let hang = hang.on(protocol::QUOTA_PATH);
    clinic.does(|world, now| world.fault(now, hang).unwrap());
    let hang = Fault::new(FaultKind::Hang { when: When::Before });
    let hang = hang.on(protocol::STABLE_TOKEN_PATH);
    clinic.does(|world, now| world.fault(now, hang).unwrap());
    let began = tokio::time::Instant::now();
    let findings = clinic.examines().await;
    let took = began.elapsed();
    assert!(took > Duration::from_secs(9) && took < Duration::from_secs(11), "{took:?}");
    let of_account = ["token", "quota", "secret", "address", "rotations", "clients"];
    assert_eq!(findings.iter().map(|it| it.check.as_str()).collect::<Vec<_>>(), of_account);
}

#[tokio::test(start_paused = true)]
async fn of_very_many_accounts_the_first_are_looked_at_and_that_is_said() {
    let clinic = Clinic::open(Mode::Stable).await;
    for number in 0..50 {
        let id = format!("wx{number:016x}");
        clinic.store.put_account(&account(&id, DEMO_SECRET, Mode::Stable), None).await.unwrap();
    }
    let findings = clinic.examines().await;
    let left_out = findings.iter().filter(|it| it.account.is_none()).cloned().collect::<Vec<_>>();
    says(
        &left_out,
        ("secret", ""),
        "skipped",
        ["Of 51 accounts, the first 50", "lingpai doctor ACCOUNT"],
        ["共 51 个账号，只检查前 50 个", "lingpai doctor 账号"],
    );
    let seen: std::collections::BTreeSet<_> =
        findings.iter().filter_map(|it| it.account.clone()).collect();
    assert_eq!(seen.len(), 50);
    assert!(findings.iter().any(|it| it.check.as_str() == "token"), "{:?}", Kind::ACCESS_TOKEN);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_certificate_that_a_server_shows_is_read_where_it_is() {
    let wechat = WeChat::start(Duration::from_secs(7200), 1).await;
    let home = Home::new(&wechat, 1, "stable", "", "");
    let end = lingpai_core::SystemClock::new().now().wall + Duration::from_hours(10 * 24);
    let end = end.to_string();
    let part = |range: std::ops::Range<usize>| end[range].parse::<i32>().unwrap();
    let mut params = CertificateParams::new(vec!["lingpai.test".to_owned()]).unwrap();
    let (month, day) = (u8::try_from(part(5..7)).unwrap(), u8::try_from(part(8..10)).unwrap());
    params.not_after = rcgen::date_time_ymd(part(0..4), month, day);
    let key = KeyPair::generate().unwrap();
    std::fs::write(home.file("server.pem"), params.self_signed(&key).unwrap().pem()).unwrap();
    std::fs::write(home.file("server.key"), key.serialize_pem()).unwrap();
    let port = crate::certificates::free_port();
    let tls = "tls = { certificate = \"server.pem\", key = \"server.key\" }";
    home.listen_too(&[&format!("https://127.0.0.1:{port}")], tls);
    let output = home.command(&["doctor", "--json"]).output().unwrap();
    let said: Value = serde_json::from_slice(&output.stdout).unwrap();
    let findings = said["findings"].as_array().unwrap();
    let found = findings.iter().find(|it| it["check"] == "certificate").unwrap();
    assert_eq!((output.status.code(), &found["verdict"]), (Some(3), &"warned".into()), "{found}");
    assert!(found["evidence"].as_str().unwrap().contains(&end[..10]), "{found}");
}
