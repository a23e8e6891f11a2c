//! Who is let in.

use std::sync::atomic::Ordering;
use std::time::Duration;

use lingpai_core::Directory;
use lingpai_core::client::{Accounts, KeyHash, Right};

use crate::house::{House, KEPT, OTHER, Reply, bearer, now, only};

/// Asks all three surfaces with a key: reading, reporting, drop-in.
async fn ask_all(house: &House, key: &str, account: &str) -> [Reply; 3] {
    let token = format!("/v1/accounts/{account}/token");
    let report = format!("{token}/report-invalid");
    let dropin =
        format!("/cgi-bin/token?grant_type=client_credential&appid={account}&secret={key}");
    let headers = [("Authorization", bearer(key))];
    let headers = headers.each_ref().map(|(name, value)| (*name, value.as_str()));
    [
        house.ask("GET", &token, &headers, "").await,
        house.ask("POST", &report, &headers, r#"{"access_token":"x"}"#).await,
        house.ask("GET", &dropin, &[], "").await,
    ]
}

async fn assert_refused(house: &House, key: &str, account: &str, status: u16, code: &str) {
    let [token, report, dropin] = ask_all(house, key, account).await;
    assert_eq!((token.status, token.error()), (status, code));
    assert_eq!((report.status, report.error()), (status, code));
    assert_eq!(token.header("www-authenticate").is_some(), status == 401);
    assert_eq!((dropin.errcode(), dropin.header("x-lingpai-error")), (40125, Some(code)));
    assert_eq!(house.upstream.calls(), 0, "who is refused causes no fetch");
}

#[tokio::test]
async fn without_a_key_there_is_no_token() {
    let house = House::open().await;
    for headers in [&[][..], &[("Authorization", "Basic eDp5")], &[("Authorization", "Bearer")]] {
        let reply = house.ask("GET", &format!("/v1/accounts/{KEPT}/token"), headers, "").await;
        assert_eq!((reply.status, reply.error()), (401, "key-missing"));
        assert_eq!(reply.header("www-authenticate"), Some("Bearer realm=\"lingpai\""));
    }
}

#[tokio::test]
async fn a_wrong_key_is_refused() {
    let house = House::open().await;
    let almost = &house.key[..house.key.len() - 1];
    assert_refused(&house, almost, KEPT, 401, "key-unknown").await;
    assert_refused(&house, "0123456789abcdef0123456789abcdef", KEPT, 401, "key-unknown").await;
}

#[tokio::test]
async fn a_stranger_does_not_learn_which_accounts_there_are() {
    let house = House::open().await;
    for account in [KEPT, "wxnobody", "wx%0Anobody"] {
        let path = format!("/v1/accounts/{account}/token");
        let reply = house.ask("GET", &path, &[("Authorization", "Bearer x")], "").await;
        assert_eq!((reply.status, reply.error()), (401, "key-unknown"));
    }
    assert_refused(&house, &house.key, "wxnobody", 403, "account-forbidden").await;
}

#[tokio::test]
async fn a_revoked_key_is_refused() {
    let house = House::open().await;
    let key = house.directory.add_key_with(&[Right::Admin], Accounts::All, |key| {
        key.revoked_at = Some(now());
    });
    assert_refused(&house, &key.await, KEPT, 401, "key-revoked").await;
}

#[tokio::test]
async fn an_expired_key_is_refused() {
    let house = House::open().await;
    let key = house.directory.add_key_with(&[Right::Admin], Accounts::All, |key| {
        key.expires_at = Some(now() - Duration::from_secs(1));
    });
    assert_refused(&house, &key.await, KEPT, 401, "key-expired").await;
}

#[tokio::test]
async fn a_key_for_another_network_is_refused() {
    let house = House::open().await;
    let key = house.directory.add_key_with(&[Right::Admin], Accounts::All, |key| {
        key.networks = vec!["10.0.0.0/8".parse().unwrap()];
    });
    assert_refused(&house, &key.await, KEPT, 403, "network-forbidden").await;
    let key = house.directory.add_key_with(&[Right::Admin], Accounts::All, |key| {
        key.networks = vec!["10.0.0.0/8".parse().unwrap(), "127.0.0.1".parse().unwrap()];
    });
    house.clock.advance(Duration::from_secs(1));
    let [token, ..] = ask_all(&house, &key.await, KEPT).await;
    assert_eq!(token.status, 200, "{token:?}");
}

#[tokio::test]
async fn a_key_for_another_account_is_refused() {
    let house = House::open().await;
    assert_refused(&house, &house.key, OTHER, 403, "account-forbidden").await;
}

#[tokio::test]
async fn a_key_without_the_right_is_refused() {
    let house = House::open().await;
    let reporter = house.directory.add_key(&[Right::TokenReport], only(KEPT)).await;
    let reader = house.directory.add_key(&[Right::TokenRead], only(KEPT)).await;
    let [token, _, dropin] = ask_all(&house, &reporter, KEPT).await;
    assert_eq!((token.status, token.error(), dropin.errcode()), (403, "right-missing", 40125));
    let [token, report, dropin] = ask_all(&house, &reader, KEPT).await;
    assert_eq!((report.status, report.error()), (403, "right-missing"));
    assert_eq!((token.status, dropin.status), (200, 200));
}

#[tokio::test]
async fn an_account_that_is_not_kept_is_unknown_to_a_key_for_all() {
    let house = House::open().await;
    let key = house.directory.add_key(&[Right::Admin], Accounts::All).await;
    for account in ["wxnobody", "wx%20nobody"] {
        let [token, report, dropin] = ask_all(&house, &key, account).await;
        assert_eq!((token.status, token.error()), (404, "account-unknown"));
        assert_eq!((report.status, report.error()), (404, "account-unknown"));
        assert_eq!(dropin.errcode(), 40013);
    }
}

#[tokio::test]
async fn a_key_that_another_process_has_just_made_works_at_once() {
    let house = House::open().await;
    let key = house.directory.add_key(&[Right::TokenRead], only(KEPT)).await;
    let [token, ..] = ask_all(&house, &key, KEPT).await;
    assert_eq!(token.status, 200, "{token:?}");
}

#[tokio::test]
async fn a_key_that_was_revoked_elsewhere_is_refused_when_the_keys_are_read_again() {
    let house = House::open().await;
    let keys = house.directory.keys().await.unwrap();
    let mut record = keys.into_iter().find(|key| key.hash == KeyHash::of(&house.key)).unwrap();
    record.revoked_at = Some(now());
    house.directory.put_key(&record).await.unwrap();
    // An unknown key makes the server look into the store; otherwise it does so every two seconds.
    ask_all(&house, "a stranger", KEPT).await;
    assert_refused(&house, &house.key, KEPT, 401, "key-revoked").await;
}

#[tokio::test]
async fn known_keys_go_on_working_while_the_store_is_away() {
    let house = House::open().await;
    house.directory.down.store(true, Ordering::SeqCst);
    let [stranger, ..] = ask_all(&house, "unknown", KEPT).await;
    assert_eq!(stranger.status, 401);
    let [token, _, dropin] = ask_all(&house, &house.key, KEPT).await;
    assert_eq!((token.status, dropin.status), (200, 200));
}
