//! For each cause that a refused token can have, the simulated WeChat produces it, and doctor and diagnosis name that very
//! cause and what to do, in both languages. In process, on a driven clock.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use lingpai_core::clock::TestClock;
use lingpai_core::{
    Account, AccountId, Clock, CredentialId, Directory, Keeper, Mode, NodeId, Refresh, Registry,
    Secret, Store, Timestamp,
};
use lingpai_sandbox::{
    AppCounters, AppKind, AppSettings, DEMO_APPID, DEMO_SECRET, Fault, FaultKind, OtherSystem,
    Punishment, Quota, Scope, Takes, When, World,
};
use lingpai_server::diagnosis::gather::{Asked, Upstream, answer};
use lingpai_server::diagnosis::{Cause, Pasted};
use lingpai_server::doctor::{Examination, Finding, House, Step};
use lingpai_store::MemoryStore;
use lingpai_wechat::WeChat;
use lingpai_wechat::catalogue::Language;
use lingpai_wechat::wire::{self, Transport};
use serde_json::Value;
use tokio::sync::mpsc;
use tokio::time::sleep;

use crate::stand::{HOUR, MINUTE, START, WeChatWorld};

pub(crate) const OTHER: &str = "wx00000000000000b2";

/// An account that is kept, and a WeChat that goes wrong.
pub(crate) struct Clinic {
    pub(crate) world: WeChatWorld,
    pub(crate) wechat: WeChat,
    pub(crate) store: Arc<MemoryStore>,
    pub(crate) clock: Arc<TestClock>,
    pub(crate) registry: Registry,
    pub(crate) keeper: Arc<Keeper>,
}

impl Clinic {
    pub(crate) async fn open(mode: Mode) -> Self {
        Self::with(mode, |_| ()).await
    }

    pub(crate) async fn with(mode: Mode, differ: impl FnOnce(&mut Account)) -> Self {
        Self::since(START, mode, differ).await
    }

    /// In which all begins at this time.
    pub(crate) async fn since(
        start: Timestamp,
        mode: Mode,
        differ: impl FnOnce(&mut Account),
    ) -> Self {
        let world = WeChatWorld::starting_at(start);
        // What stands in for WeChat has WeCom too.
        let hosts = vec!["http://wechat.invalid".parse().unwrap()];
        let settings = wire::Settings { hosts, ..wire::Settings::default() };
        let upstream = wire::Upstream::over(Arc::new(world.clone()), settings);
        let wechat = WeChat::new(upstream);
        let store = Arc::new(MemoryStore::new());
        let clock = Arc::new(TestClock::starting_at(start));
        let shared: Arc<dyn Clock> = Arc::clone(&clock) as _;
        let kept: Arc<dyn Store> = Arc::clone(&store) as _;
        let registry = Registry::open(kept, shared, NodeId::new("node")).await.unwrap();
        let mut account = account(DEMO_APPID, DEMO_SECRET, mode);
        differ(&mut account);
        let keeper = keep(&wechat, &store, &registry, &account).await;
        Self { world, wechat, store, clock, registry, keeper }
    }

    pub(crate) async fn token(&self) -> String {
        self.keeper.fresh().await.unwrap().value.expose().to_owned()
    }

    pub(crate) fn does<T>(&self, deed: impl FnOnce(&mut World, Duration) -> T) -> T {
        self.world.with(deed)
    }

    /// Another system fetches every half hour, three times, and each time somebody reports the token that died of it: the last.
    pub(crate) async fn another_fetches_thrice(&self) -> String {
        let mut last = String::new();
        for _ in 0..3 {
            sleep(30 * MINUTE).await;
            last = self.token().await;
            self.does(|world, now| {
                for _ in 0..2 {
                    world.other_system_refreshes(now, DEMO_APPID, OtherSystem::Classic).unwrap();
                }
            });
            self.keeper.report_invalid(&last).await.unwrap();
        }
        last
    }

    /// The token of a person who logs in to the account.
    pub(crate) async fn persons_token(&self) -> String {
        let code =
            self.does(|world, now| world.log_in(now, DEMO_APPID, "o1", Scope::Base).unwrap());
        let uri = format!(
            "https://api.weixin.qq.com/sns/oauth2/access_token?appid={DEMO_APPID}&secret={DEMO_SECRET}&code={code}&\
             grant_type=authorization_code"
        );
        let request = Request::get(uri).body(Bytes::new()).unwrap();
        let granted = self.world.send(request).await.unwrap();
        let granted: Value = serde_json::from_slice(granted.body()).unwrap();
        granted["access_token"].as_str().unwrap().to_owned()
    }

    /// The token of another account, which is kept too.
    pub(crate) async fn token_of_another(&self) -> String {
        let secret = self.does(|world, _| {
            world.add_app(AppSettings::new(OTHER, AppKind::MiniProgram)).unwrap();
            world.secret(OTHER).unwrap().expose().to_owned()
        });
        let other = account(OTHER, &secret, Mode::Stable);
        let other = keep(&self.wechat, &self.store, &self.registry, &other).await;
        other.fresh().await.unwrap().value.expose().to_owned()
    }

    async fn explains(&self, text: &str, errcode: Option<i64>, account: Option<&str>) -> Value {
        // Events are stored behind the engine's back.
        sleep(Duration::from_millis(50)).await;
        let account = account.map(|account| account.parse().unwrap());
        let asked = Asked { pasted: Pasted::read(text), errcode, account };
        let upstream = Upstream { wechat: &self.wechat, proxy_of: &|_: &AccountId| None };
        let now = self.clock.now().wall;
        let answered = answer(&asked, &*self.store, &|_| true, now, Some(upstream)).await.unwrap();
        let chinese = answered.to_json(Language::Chinese);
        for text in [&chinese["headline"], &chinese["remedy"][0]] {
            assert!(is_chinese(text.as_str().unwrap()), "{text}");
        }
        let english = answered.to_json(Language::English);
        assert!(english["headline"].as_str().unwrap().is_ascii(), "{english}");
        english
    }

    pub(crate) async fn examines(&self) -> Vec<Finding> {
        self.examines_with(false).await
    }

    /// It costs no more calls than it has told beforehand.
    pub(crate) async fn examines_with(&self, spends_scarce: bool) -> Vec<Finding> {
        self.examines_in(None, spends_scarce).await
    }

    /// The same of the program around the accounts too.
    pub(crate) async fn examines_in(
        &self,
        house: Option<&House>,
        spends_scarce: bool,
    ) -> Vec<Finding> {
        sleep(Duration::from_millis(50)).await;
        let examination =
            Examination::of_all(house, (&*self.store, &*self.store), &self.wechat, &*self.clock);
        let (tell, mut told) = mpsc::channel(64);
        let examination = examination.spending_scarce(spends_scarce);
        let listening = async {
            let Some(Step::Plan(plan)) = told.recv().await else { panic!("the plan comes first") };
            let mut all = Vec::new();
            while let Some(step) = told.recv().await {
                let Step::Found(finding) = step else { continue };
                assert!(is_chinese(finding.evidence.text(Language::Chinese)), "{finding:?}");
                all.push(*finding);
            }
            (plan, all)
        };
        let (_, (plan, all)) = tokio::join!(examination.run(tell), listening);
        let calls: u32 = all.iter().map(|finding| finding.calls).sum();
        assert!(calls <= plan.calls, "{calls} calls, and {plan:?}");
        all
    }

    /// The diagnosis of this names the cause, and so does the doctor, in this check.
    async fn both_name(
        &self,
        cause: Cause,
        text: &str,
        errcode: Option<i64>,
        check: &str,
    ) -> Value {
        let said = self.explains(text, errcode, None).await;
        assert_eq!(said["cause"], cause.as_str(), "{said}");
        let remedy = cause.remedy();
        assert_eq!(said["remedy"][0], remedy[0].text(Language::English));
        self.doctor_names(cause, check).await;
        said
    }

    async fn doctor_names(&self, cause: Cause, check: &str) -> Finding {
        let findings = self.examines().await;
        let named =
            |finding: &&Finding| finding.check.as_str() == check && finding.cause == Some(cause);
        let found = findings.iter().find(named);
        let found =
            found.unwrap_or_else(|| panic!("{check} does not name {cause:?}: {findings:#?}"));
        for language in [Language::English, Language::Chinese] {
            let remedy = found.remedy.as_ref().unwrap().text(language);
            assert_eq!(remedy, cause.remedy()[0].text(language));
        }
        found.clone()
    }
}

pub(crate) fn account(id: &str, secret: &str, mode: Mode) -> Account {
    Account { mode, ..Account::new(id.parse().unwrap(), Secret::from(secret), START) }
}

pub(crate) async fn keep(
    wechat: &WeChat,
    store: &MemoryStore,
    registry: &Registry,
    account: &Account,
) -> Arc<Keeper> {
    store.put_account(account, None).await.unwrap();
    let credential = CredentialId::access_token(account.id.clone());
    registry.manage(credential, wechat.issuer(account), Arc::new(account.policy.clone()))
}

pub(crate) fn is_chinese(text: &str) -> bool {
    text.chars().any(|c| ('\u{4e00}'..='\u{9fff}').contains(&c))
}

#[tokio::test(start_paused = true)]
async fn all_is_well_where_nothing_is_wrong_and_no_token_is_minted_to_find_that_out() {
    for (mode, cost) in [(Mode::Stable, 5), (Mode::Classic, 6)] {
        let clinic = Clinic::open(mode).await;
        let token = clinic.token().await;
        let before = clinic.world.counters();
        let findings = clinic.examines().await;
        assert!(findings.iter().all(|finding| finding.cause.is_none()), "{findings:#?}");
        let address = findings.iter().find(|it| it.check.as_str() == "address").unwrap();
        assert!(address.evidence.text(Language::English).contains("127.0.0.1"), "{address:?}");
        // What it said that it cost is what WeChat has counted.
        let after = clinic.world.counters();
        let told: u32 = findings.iter().map(|finding| finding.calls).sum();
        assert_eq!((u64::from(told), told), (after.calls - before.calls, cost), "{mode:?}");
        // A classic account has had no token of the other family, which is isolated; nothing else is minted or forced.
        let minted = |it: &AppCounters| (it.minted.classic, it.minted.stable, it.forced);
        let (classic, stable, forced) = minted(&before);
        let other = u64::from(mode == Mode::Classic);
        assert_eq!(minted(&after), (classic, stable + other, forced), "{mode:?}");
        assert_eq!(clinic.token().await, token);
        assert!(clinic.world.accepts(&token), "{mode:?}");
        let said = clinic.explains(&token, Some(40001), None).await;
        assert_eq!((&said["cause"], &said["certain"]), (&"current".into(), &true.into()), "{said}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_left_of_a_scarce_quota_is_not_spent_unless_that_is_wanted() {
    let clinic = Clinic::open(Mode::Stable).await;
    clinic.token().await;
    clinic.does(|world, now| world.exhaust(now, DEMO_APPID, &Quota::StableDay).unwrap());
    let fetches = clinic.world.fetches();
    let findings = clinic.examines().await;
    let secret = findings.iter().find(|it| it.check.as_str() == "secret").unwrap();
    assert_eq!((secret.verdict.as_str(), secret.calls), ("skipped", 0), "{secret:?}");
    for (language, words) in [
        (Language::English, "0 calls of stable_token are left"),
        (Language::Chinese, "stable_token 只剩 0 次"),
    ] {
        let said = secret.evidence.text(language);
        assert!(said.contains(words) && said.contains("lingpai doctor --yes"), "{said}");
    }
    assert_eq!(clinic.world.fetches(), fetches, "nothing was spent");
    let findings = clinic.examines_with(true).await;
    let secret = findings.iter().find(|it| it.check.as_str() == "secret").unwrap();
    assert_eq!((secret.cause, secret.calls), (Some(Cause::Quota), 1), "{secret:?}");
    assert_eq!(clinic.world.fetches(), fetches + 1);
}

#[tokio::test(start_paused = true)]
async fn in_the_last_minutes_of_a_stable_token_the_doctor_does_not_bring_the_next() {
    let clinic = Clinic::with(Mode::Stable, |account| {
        account.policy.refresh = Refresh::OnDemand;
    })
    .await;
    clinic.token().await;
    sleep(2 * HOUR - 4 * MINUTE).await;
    let fetches = clinic.world.fetches();
    clinic.examines().await;
    assert_eq!(clinic.world.fetches(), fetches);
}

#[tokio::test(start_paused = true)]
async fn a_token_that_lingpai_replaced_and_somebody_kept() {
    let clinic = Clinic::open(Mode::Classic).await;
    let old = clinic.token().await;
    sleep(3 * HOUR).await;
    assert_ne!(clinic.token().await, old);
    let said = clinic.explains(&old, Some(40001), None).await;
    assert_eq!((&said["cause"], &said["certain"]), (&"replaced-by-us".into(), &true.into()));
    let expired = clinic.explains(&old, Some(42001), None).await;
    assert_eq!(expired["cause"], "expired");
}

#[tokio::test(start_paused = true)]
async fn a_token_whose_time_was_over() {
    let clinic = Clinic::with(Mode::Stable, |account| {
        account.policy.refresh = Refresh::OnDemand;
    })
    .await;
    let token = clinic.token().await;
    sleep(3 * HOUR).await;
    clinic.both_name(Cause::Expired, &token, Some(42001), "token").await;
}

#[tokio::test(start_paused = true)]
async fn another_system_that_fetches_every_half_hour() {
    let clinic = Clinic::open(Mode::Classic).await;
    let last = clinic.another_fetches_thrice().await;
    let said = clinic.both_name(Cause::ReplacedByOther, &last, Some(40001), "rotations").await;
    assert_eq!((&said["schedule_minutes"], &said["certain"]), (&30.into(), &true.into()), "{said}");
    assert!(
        said["headline"].as_str().unwrap().contains("first seen at 2026-01-01T00:30"),
        "{said}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_token_that_another_system_fetched() {
    let clinic = Clinic::open(Mode::Classic).await;
    clinic.token().await;
    let theirs = clinic.does(|world, now| {
        world.other_system_refreshes(now, DEMO_APPID, OtherSystem::Stable).unwrap()
    });
    let said = clinic.explains(&theirs, None, None).await;
    assert_eq!((&said["cause"], &said["certain"]), (&"not-ours".into(), &true.into()), "{said}");
}

#[tokio::test(start_paused = true)]
async fn a_secret_that_was_reset() {
    let clinic = Clinic::open(Mode::Stable).await;
    let token = clinic.token().await;
    clinic.does(|world, _| world.reset_secret(DEMO_APPID, None).unwrap());
    // Before the token ends, the doctor knows already.
    clinic.doctor_names(Cause::SecretReset, "secret").await;
    sleep(3 * HOUR).await;
    clinic.both_name(Cause::SecretReset, &token, Some(42001), "token").await;
    clinic.both_name(Cause::SecretReset, "", Some(40125), "rotations").await;
}

#[tokio::test(start_paused = true)]
async fn a_secret_that_is_frozen() {
    let clinic = Clinic::open(Mode::Classic).await;
    let token = clinic.token().await;
    clinic.does(|world, now| world.freeze(now, DEMO_APPID, Takes::NoTime).unwrap());
    clinic.doctor_names(Cause::SecretFrozen, "secret").await;
    sleep(3 * HOUR).await;
    clinic.both_name(Cause::SecretFrozen, &token, None, "token").await;
}

#[tokio::test(start_paused = true)]
async fn an_address_that_was_taken_off_the_whitelist() {
    let clinic = Clinic::open(Mode::Stable).await;
    let token = clinic.token().await;
    let ip = "127.0.0.1".parse().unwrap();
    clinic.does(|world, _| world.block_ip(DEMO_APPID, ip).unwrap());
    let found = clinic.doctor_names(Cause::IpNotAllowed, "address").await;
    assert!(found.evidence.text(Language::English).contains("127.0.0.1"), "{found:?}");
    sleep(3 * HOUR).await;
    clinic.both_name(Cause::IpNotAllowed, &token, None, "token").await;
    let text = "errcode 40164 invalid ip 127.0.0.1 ipv6 ::ffff:127.0.0.1, not in whitelist";
    clinic.both_name(Cause::IpNotAllowed, text, None, "address").await;
}

#[tokio::test(start_paused = true)]
async fn a_quota_that_is_gone() {
    let clinic = Clinic::open(Mode::Stable).await;
    clinic.token().await;
    clinic.does(|world, now| world.exhaust(now, DEMO_APPID, &Quota::StableDay).unwrap());
    clinic.both_name(Cause::Quota, "reach max api daily quota limit", Some(45009), "quota").await;
}

#[tokio::test(start_paused = true)]
async fn an_account_that_wechat_limits() {
    let clinic = Clinic::open(Mode::Stable).await;
    let token = clinic.token().await;
    clinic.does(|world, _| {
        world.punish(DEMO_APPID, Some(Punishment::TokenForbidden)).unwrap();
    });
    clinic.doctor_names(Cause::AccountRestricted, "secret").await;
    sleep(3 * HOUR).await;
    clinic.both_name(Cause::AccountRestricted, &token, None, "token").await;
}

#[tokio::test(start_paused = true)]
async fn a_wechat_that_has_trouble_of_its_own() {
    let clinic = Clinic::open(Mode::Stable).await;
    let token = clinic.token().await;
    clinic.does(|world, now| {
        let cut = Fault::new(FaultKind::Cut { when: When::Before });
        world.fault(now, cut).unwrap();
    });
    let said = clinic.explains(&token, Some(-1), None).await;
    assert_eq!(said["cause"], "platform-trouble");
    sleep(3 * HOUR).await;
    let said = clinic.explains(&token, Some(42001), None).await;
    assert_eq!(said["cause"], "platform-trouble", "{said}");
    let findings = clinic.examines().await;
    let token = findings.iter().find(|it| it.check.as_str() == "token").unwrap();
    assert_eq!(token.cause, Some(Cause::PlatformTrouble), "{token:?}");
}

#[tokio::test(start_paused = true)]
async fn a_persons_token_in_place_of_the_accounts() {
    let clinic = Clinic::open(Mode::Stable).await;
    clinic.token().await;
    let theirs = clinic.persons_token().await;
    let said = clinic.explains(&theirs, Some(40001), None).await;
    assert_eq!((&said["cause"], &said["certain"]), (&"user-token".into(), &true.into()), "{said}");
}

#[tokio::test(start_paused = true)]
async fn the_token_of_another_account() {
    let clinic = Clinic::open(Mode::Stable).await;
    let theirs = clinic.token_of_another().await;
    let said = clinic.explains(&theirs, Some(40001), Some(DEMO_APPID)).await;
    assert_eq!(
        (&said["cause"], &said["certain"]),
        (&"other-account".into(), &true.into()),
        "{said}"
    );
    assert!(said["headline"].as_str().unwrap().contains(OTHER), "{said}");
}
