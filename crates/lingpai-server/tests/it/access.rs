//! Who may use which route.

use std::time::Duration;

use lingpai_core::client::{Accounts, ApiKey, Right};

use crate::house::{House, KEPT, OTHER, now, only};

/// What a route is about.
#[derive(Clone, Copy, PartialEq, Eq)]
enum About {
    /// One account, named in the path.
    Account,
    /// Whatever accounts the key is for.
    Some,
    /// All accounts, so that the key must be for all.
    All,
}

const ROUTES: [(&str, &str, Right, About); 11] = [
    ("GET", "/v1/accounts/{}/token", Right::TokenRead, About::Account),
    ("POST", "/v1/accounts/{}/token/report-invalid", Right::TokenReport, About::Account),
    ("POST", "/v1/accounts/{}/token/rotate", Right::TokenRotate, About::Account),
    ("GET", "/v1/accounts/{}", Right::StatusRead, About::Account),
    ("GET", "/v1/accounts", Right::StatusRead, About::Some),
    ("GET", "/v1/events", Right::StatusRead, About::Some),
    ("GET", "/v1/events/history?account={}", Right::StatusRead, About::Account),
    ("GET", "/metrics", Right::StatusRead, About::All),
    ("GET", "/v1/keys", Right::Admin, About::All),
    ("POST", "/v1/keys", Right::Admin, About::All),
    ("DELETE", "/v1/keys/lp_000000000000", Right::Admin, About::All),
];

/// What a route answers to a key with these rights, changed so: the status and the name of the error.
async fn answer(
    house: &House,
    (method, path, ..): (&str, &str, Right, About),
    account: &str,
    rights: &[Right],
    accounts: Accounts,
    change: impl FnOnce(&mut ApiKey),
) -> (u16, String) {
    let key = house.key_with(rights, accounts, change).await;
    let reply = house.call(&key, method, &path.replace("{}", account), "").await;
    (reply.status, reply.error().to_owned())
}

fn refusal(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}

#[tokio::test]
async fn no_route_is_open_to_a_key_that_is_not_good_for_it() {
    let house = House::open().await;
    for route in ROUTES {
        let (method, path, right, about) = route;
        let path = path.replace("{}", KEPT);
        let reply = house.ask(method, &path, &[], "").await;
        assert_eq!((reply.status, reply.error()), (401, "key-missing"), "{path}");
        let reply = house.call("lp_wrong", method, &path, "").await;
        assert_eq!((reply.status, reply.error()), (401, "key-unknown"), "{path}");

        let (all, needed) = (Accounts::All, [right]);
        let revoked = answer(&house, route, KEPT, &needed, all.clone(), |key| {
            key.revoked_at = Some(now());
        });
        assert_eq!(revoked.await, refusal(401, "key-revoked"), "{path}");
        let expired = answer(&house, route, KEPT, &needed, all.clone(), |key| {
            key.expires_at = Some(now() - Duration::from_secs(1));
        });
        assert_eq!(expired.await, refusal(401, "key-expired"), "{path}");
        let elsewhere = answer(&house, route, KEPT, &needed, all.clone(), |key| {
            key.networks = vec!["10.0.0.0/8".parse().unwrap()];
        });
        assert_eq!(elsewhere.await, refusal(403, "network-forbidden"), "{path}");

        let others: Vec<_> =
            Right::ALL.into_iter().filter(|other| ![right, Right::Admin].contains(other)).collect();
        let without = answer(&house, route, KEPT, &others, all, |_| {});
        assert_eq!(without.await, refusal(403, "right-missing"), "{path}");

        if about != About::Some {
            let wrong = answer(&house, route, OTHER, &needed, only(KEPT), |_| {}).await;
            let code = if about == About::All { "accounts-limited" } else { "account-forbidden" };
            assert_eq!(wrong, refusal(403, code), "{path}");
        }
    }
    assert_eq!(house.upstream.calls() + house.upstream.trials(), 0);
}

#[tokio::test]
async fn a_wrong_method_is_answered_with_the_right_ones() {
    let house = House::open().await;
    for (method, path, ..) in ROUTES {
        let reply = house.call(&house.key, "PATCH", &path.replace("{}", KEPT), "").await;
        assert_eq!((reply.status, reply.error()), (405, "method-unknown"), "{path}");
        assert!(reply.header("allow").unwrap().contains(method), "{path}");
    }
}
