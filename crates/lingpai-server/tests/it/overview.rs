//! `/v1/overview`: the worst first, searched and in pages, gathered once for all who look.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use lingpai_core::client::{Accounts, Right};
use lingpai_core::{
    AccountId, Class, CredentialId, Failure, Issued, Issuer, Policy, Profile, Refresh, Secret,
    Token, Verdict, Way,
};
use serde_json::{Value, json};

use crate::house::{FakeUpstream, House, KEPT, OTHER, Reply, only};

/// Beyond the age that an answer may have.
const LATER: Duration = Duration::from_millis(1100);

async fn look(house: &House, key: &str, query: &str) -> Reply {
    house.call(key, "GET", &format!("/v1/overview{query}"), "").await
}

fn names(reply: &Reply) -> Vec<&str> {
    let accounts = reply.json["accounts"].as_array().unwrap();
    accounts.iter().map(|account| account["account"].as_str().unwrap()).collect()
}

/// A house in which the second account needs somebody, and the first has a token.
async fn troubled() -> House {
    let house = House::open().await;
    house.dropin(&house.key).await;
    let failure = Failure::new(Class::NeedsPerson, "Invalid IP 1.2.3.4");
    house.upstream.fails_with(failure.with_remedy("Add it to the whitelist"));
    let key = house.key_with(&[Right::TokenRead], only(OTHER), |_| {}).await;
    house.call(&key, "GET", &format!("/v1/accounts/{OTHER}/token"), "").await;
    house
}

#[tokio::test]
async fn those_that_need_somebody_come_first_and_all_are_counted() {
    let house = troubled().await;
    let admin = house.admin().await;
    let reply = look(&house, &admin, "").await;
    assert_eq!(names(&reply), [OTHER, KEPT], "{reply:?}");
    let counts = &reply.json["counts"];
    for (name, count) in [("all", 2), ("troubled", 1), ("missing", 1), ("good", 1), ("idle", 0)] {
        assert_eq!(counts[name], json!(count), "{name}");
    }
    let credential = &reply.json["accounts"][0]["credentials"][0];
    assert_eq!(credential["failure"]["remedy"], "Add it to the whitelist");
    assert!(!reply.body.contains("SeCrEtToKeN"));
}

#[tokio::test]
async fn what_is_looked_for_is_found_by_state_name_or_trouble() {
    let house = troubled().await;
    let admin = house.admin().await;
    let whole = [
        ("?state=troubled", vec![OTHER]),
        ("?state=good", vec![KEPT]),
        ("?state=unmanaged", vec![]),
        ("?search=a1", vec![KEPT]),
        ("?search=invalid%20ip", vec![OTHER]),
        ("?search=nothing", vec![]),
        ("?limit=1", vec![OTHER]),
        ("?limit=1&page=2", vec![KEPT]),
        ("?limit=1&page=9", vec![KEPT]),
    ];
    for (query, expected) in whole {
        let reply = look(&house, &admin, query).await;
        assert_eq!(names(&reply), expected, "{query}");
        assert_eq!(reply.json["counts"]["all"], 2, "{query}");
    }
    let second = look(&house, &admin, "?limit=1&page=2").await.json;
    let place = ["found", "page", "pages"].map(|name| second[name].as_u64().unwrap());
    assert_eq!(place, [2, 2, 2]);
    for query in ["?state=unheard", "?limit=0", "?page=x"] {
        let reply = look(&house, &admin, query).await;
        assert_eq!((reply.status, reply.error()), (400, "query-unreadable"), "{query}");
    }
}

#[tokio::test]
async fn a_key_for_some_accounts_sees_and_counts_those_whatever_others_have_just_asked() {
    let house = troubled().await;
    let admin = house.admin().await;
    let limited = house.key_with(&[Right::StatusRead], only(KEPT), |_| {}).await;
    assert_eq!(names(&look(&house, &admin, "").await).len(), 2);
    let reply = look(&house, &limited, "").await;
    assert_eq!((names(&reply), &reply.json["counts"]["all"]), (vec![KEPT], &json!(1)));
    let all = house.key_with(&[Right::StatusRead], Accounts::All, |_| {}).await;
    assert_eq!(names(&look(&house, &all, "").await).len(), 2);
}

/// The upstream, of an account that has authorised this one.
#[derive(Debug)]
struct OfPlatform(Arc<FakeUpstream>, AccountId);

#[async_trait]
impl Issuer for OfPlatform {
    fn profile(&self) -> Profile {
        self.0.profile()
    }

    async fn issue(&self, way: Way, companion: Option<&Secret>) -> Result<Issued, Failure> {
        self.0.issue(way, companion).await
    }

    async fn check(&self, token: &Token) -> Verdict {
        self.0.check(token).await
    }

    fn platform(&self) -> Option<&AccountId> {
        Some(&self.1)
    }
}

#[tokio::test]
async fn those_that_have_authorised_a_platform_are_counted_and_searched_by_themselves() {
    let house = House::open().await;
    let admin = house.admin().await;
    for (account, platform) in [("wxone", KEPT), ("wxtwo", KEPT), ("wxthree", OTHER)] {
        let issuer = OfPlatform(Arc::clone(&house.upstream), platform.parse().unwrap());
        let policy = Policy { refresh: Refresh::OnDemand, ..Policy::default() };
        let credential = CredentialId::access_token(account.parse().unwrap());
        house.registry.manage(credential, Arc::new(issuer), Arc::new(policy));
    }
    let reply = look(&house, &admin, &format!("?platform={KEPT}")).await;
    assert_eq!((names(&reply), &reply.json["counts"]["all"]), (vec!["wxone", "wxtwo"], &json!(2)));
    let one = look(&house, &admin, &format!("?platform={KEPT}&search=two")).await;
    assert_eq!((names(&one), &one.json["found"]), (vec!["wxtwo"], &json!(1)));
    let none = look(&house, &admin, "?platform=wxone").await;
    assert_eq!((names(&none), &none.json["counts"]["all"]), (vec![], &json!(0)));
    let limited = house.key_with(&[Right::StatusRead], only("wxtwo"), |_| {}).await;
    assert_eq!(names(&look(&house, &limited, &format!("?platform={KEPT}")).await), ["wxtwo"]);
}

#[tokio::test]
async fn it_is_gathered_once_a_second_and_told_in_the_language_of_each() {
    let house = House::open().await;
    let admin = house.admin().await;
    let state = async |expected: &str| {
        let reply = look(&house, &admin, "?search=a1").await;
        assert_eq!(reply.json["accounts"][0]["credentials"][0]["state"], expected);
    };
    state("idle").await;
    house.dropin(&house.key).await;
    state("idle").await;
    house.clock.advance(LATER);
    state("good").await;

    let house = troubled().await;
    let admin = house.admin().await;
    let remedy = async |language: &str| {
        let bearer = format!("Bearer {admin}");
        let headers = [("Authorization", bearer.as_str()), ("Accept-Language", language)];
        let reply = house.ask("GET", "/v1/overview", &headers, "").await;
        reply.json["accounts"][0]["credentials"][0]["failure"].clone()
    };
    let (english, chinese): (Value, Value) = (remedy("en").await, remedy("zh-CN").await);
    assert_eq!(english, remedy("en").await);
    assert_eq!(english["message"], chinese["message"]);
}
