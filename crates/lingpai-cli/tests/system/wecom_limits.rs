//! What WeCom allows an application and its corp is not used up, however wrong things are: neither the ban for repeated wrong
//! calls is met, nor a rate.

use std::sync::Arc;
use std::time::Duration;

use lingpai_core::clock::TestClock;
use lingpai_core::{
    Account, AccountId, AccountKind, Clock, CredentialId, Keeper, NodeId, Policy, Registry, Secret,
    Store,
};
use lingpai_sandbox::{AgentSettings, DEMO_AGENT, DEMO_AGENT_SECRET, DEMO_CORPID};
use lingpai_store::MemoryStore;
use lingpai_wechat::wire::{self, Upstream};
use lingpai_wechat::{Ticket, WeChat};
use tokio::time::sleep;

use crate::stand::{HOUR, START, WeChatWorld};

const GETTOKEN: &str = "/qyapi/cgi-bin/gettoken";

/// Applications of WeCom, kept by one node.
struct Corp {
    wechat: WeChatWorld,
    registry: Registry,
    wecom: WeChat,
}

impl Corp {
    async fn new() -> Self {
        let wechat = WeChatWorld::new();
        let clock: Arc<dyn Clock> = Arc::new(TestClock::starting_at(START));
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
        let registry = Registry::open(store, clock, NodeId::new("node")).await.unwrap();
        // Where WeCom is below a prefix, as in the sandbox.
        let hosts = vec!["http://127.0.0.1:8900".parse().unwrap()];
        let settings = wire::Settings { hosts, ..wire::Settings::default() };
        let upstream = Upstream::over(Arc::new(wechat.clone()), settings);
        Self { wechat, registry, wecom: WeChat::new(upstream) }
    }

    fn keep(&self, agent: u32, secret: &str) -> Arc<Keeper> {
        let id: AccountId = format!("{DEMO_CORPID}:{agent}").parse().unwrap();
        let account = Account::new(id.clone(), Secret::from(secret), START);
        let account = Account { kind: AccountKind::WeCom, ..account };
        let issuer = self.wecom.issuer(&account);
        let policy = Arc::new(Policy::default());
        self.registry.manage(CredentialId::access_token(id), issuer, policy)
    }

    fn calls(&self, path: &str) -> u64 {
        self.wechat.with(|world, _| world.counters().calls_of(path))
    }

    /// How often WeCom has said that it was called too often.
    fn too_often(&self) -> u64 {
        self.wechat.with(|world, _| {
            let paths = world.counters().paths.values();
            paths.filter_map(|path| path.outcomes.get("45009")).sum()
        })
    }
}

#[tokio::test(start_paused = true)]
async fn the_wrong_secrets_of_a_whole_corp_do_not_bring_the_ban_upon_it() {
    const APPLICATIONS: u32 = 100;
    let corp = Corp::new().await;
    for number in 0..APPLICATIONS {
        corp.wechat.with(|world, _| {
            let agent = AgentSettings { agent: 2_000_000 + number, ..AgentSettings::demo() };
            world.add_agent(AgentSettings { secret: None, ..agent }).unwrap();
        });
        corp.keep(2_000_000 + number, "not the secret that it has");
    }
    let right = corp.keep(DEMO_AGENT, DEMO_AGENT_SECRET);
    let (mut before, mut most) = (0, 0);
    for _ in 0..24 {
        sleep(HOUR).await;
        let calls = corp.calls(GETTOKEN);
        most = most.max(calls - before);
        before = calls;
        assert!(right.token().is_some(), "the application whose secret is right works on");
    }
    println!("{APPLICATIONS} wrong secrets: at most {most} calls an hour, {before} a day");
    assert_eq!(corp.too_often(), 0, "2000 wrong calls an hour would block the corp");
    assert!(most < 1500, "{most} calls in an hour");
}

#[tokio::test(start_paused = true)]
async fn a_token_that_is_ended_again_and_again_and_reported_by_everybody_uses_up_no_rate() {
    const CLIENTS: usize = 5;
    const HOURS: usize = 3;
    let corp = Corp::new().await;
    let keeper = corp.keep(DEMO_AGENT, DEMO_AGENT_SECRET);
    let first = keeper.fresh().await.unwrap();
    let tickets = [Ticket::JSAPI, Ticket::AGENT_CONFIG]
        .map(|ticket| corp.registry.dependent(keeper.credential(), &ticket.kind()).unwrap());
    let mut reported = first.value.expose().to_owned();
    for _ in 0..HOURS * 720 {
        corp.wechat.with(|world, _| world.revoke_agent(DEMO_CORPID, DEMO_AGENT).unwrap());
        for _ in 0..CLIENTS {
            let keeper = Arc::clone(&keeper);
            let reported = reported.clone();
            tokio::spawn(async move { drop(keeper.report_invalid(&reported).await) });
        }
        for ticket in &tickets {
            let ticket = Arc::clone(ticket);
            tokio::spawn(async move { drop(ticket.fresh().await) });
        }
        sleep(Duration::from_secs(5)).await;
        if let Some(token) = keeper.token() {
            reported = token.value.expose().to_owned();
        }
    }
    let [fetches, trials, corps, agents] = [
        GETTOKEN,
        "/qyapi/cgi-bin/getcallbackip",
        "/qyapi/cgi-bin/get_jsapi_ticket",
        "/qyapi/cgi-bin/ticket/get",
    ]
    .map(|path| corp.calls(path));
    println!(
        "{HOURS} hours, ended every 5 s, {CLIENTS} reports each: {fetches} fetches, {trials} trials, {corps} and {agents} tickets"
    );
    assert_eq!(corp.too_often(), 0);
    // WeCom has called the token bad each time, so that each is replaced, until the budget of a day is spent.
    assert!(fetches <= 1000 && trials <= 1000, "{fetches} fetches, {trials} trials");
    // Of 400 and 100 an hour.
    assert!(corps <= 30 && agents <= 30, "{corps} and {agents} tickets");
}
