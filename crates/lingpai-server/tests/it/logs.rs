//! What the server prints about all this.

use lingpai_core::{Class, Failure, Verdict};

use crate::house::{FakeUpstream, House, KEPT, bearer, logs};

#[tokio::test]
async fn no_key_and_no_token_is_in_any_log_at_any_level() {
    let house = House::open().await;
    let stranger = "lp_notakey_butperhapsasecret";
    let query = |key: &str| format!("grant_type=client_credential&appid={KEPT}&secret={key}");
    let token = format!("/v1/accounts/{KEPT}/token");
    house.get(&token).await;
    house.get(&format!("{token}?wait=0s&after=1&access_token={}", FakeUpstream::token(1))).await;
    for key in [&*house.key, stranger] {
        house.ask("GET", &token, &[("Authorization", &bearer(key))], "").await;
        house.ask("GET", &format!("/cgi-bin/token?{}", query(key)), &[], "").await;
        house.ask("POST", "/cgi-bin/stable_token", &[], &query(key)).await;
        house.ask("POST", "/cgi-bin/stable_token", &[], &format!("{{\"secret\":\"{key}\"")).await;
        house.ask("GET", &format!("/{key}?{}", query(key)), &[], "").await;
        house.exchange(&format!("GET /healthz HTTP/1.1\r\nAuthorization {key}\r\n\r\n")).await;
    }
    house.upstream.judges(Verdict::Refused(Failure::new(Class::Transient, "refused")));
    house.report(&house.key, &FakeUpstream::token(1)).await;
    let logs = logs();
    assert!(logs.contains("lingpai::access"), "it does log");
    for secret in [&*house.key, house.key.rsplit_once('_').unwrap().1, stranger, "SeCrEtToKeN"] {
        assert!(!logs.contains(secret), "{secret} was logged");
    }
}
