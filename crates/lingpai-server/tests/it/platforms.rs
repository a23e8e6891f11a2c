//! Third-party platforms: the calls that want the platform's secret, or answer with refresh tokens.

use lingpai_core::client::{Accounts, Right};
use lingpai_server::gateway::Settings;

use crate::house::House;

#[tokio::test]
async fn nobody_is_forwarded_to_where_refresh_tokens_are_given_out() {
    let house = House::with_gateway(Settings::default()).await;
    let key = house.key_with(&[Right::Gateway, Right::Admin], Accounts::All, |_| {}).await;
    let bearer = format!("Bearer {key}");
    for call in [
        "api_query_auth",
        "API_Query_Auth",
        "api_get_authorizer_list",
        "api_get_authorizer_info",
        "api_start_push_ticket",
        "api_component_token/",
        "API_AUTHORIZER_TOKEN",
    ] {
        for prefix in ["", "/gateway/wx0000000000000001"] {
            let path = format!("{prefix}/cgi-bin/component/{call}?component_access_token=x");
            let reply = house.ask("POST", &path, &[("Authorization", &bearer)], "{}").await;
            assert_eq!(reply.header("x-lingpai-error"), Some("token-call"), "{path} {reply:?}");
        }
    }
    assert_eq!(house.upstream.calls(), 0);
}
