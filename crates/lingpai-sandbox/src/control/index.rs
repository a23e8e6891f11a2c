//! What `GET /__sandbox/` shows: every route, what it does, and a command that does it.

use serde_json::{Value, json};

use crate::{DEMO_AGENT, DEMO_APPID, DEMO_CORPID, DEMO_SUITE};

/// Method, path, what it does, and a body as an example.
type Route = (&'static str, &'static str, &'static str, &'static str);

pub(super) const ROUTES: &[Route] = &[
    ("GET", "/", "this list", ""),
    ("GET", "/state", "time, apps and faults as they are now", ""),
    ("GET", "/counters", "exact counts of every call: in all, by path, by app, by outcome", ""),
    ("POST", "/reset-counters", "set every counter to zero; quotas stay as they are", ""),
    ("GET", "/log?last=20", "the last calls, secrets and tokens masked", ""),
    (
        "POST",
        "/time",
        "let a token live 60 real seconds; everything shrinks with it",
        r#"{"lifetime_seconds":60}"#,
    ),
    ("POST", "/time", "the same as virtual seconds per real second", r#"{"speed":1}"#),
    ("POST", "/time", "let an hour of virtual time pass at once", r#"{"advance_seconds":3600}"#),
    (
        "POST",
        "/caller-ip",
        "the address that WeChat believes to see; null is the true one",
        r#"{"ip":"203.0.113.7"}"#,
    ),
    (
        "POST",
        "/verdict",
        "what WeChat would say of a token: live, expired, replaced or unknown",
        r#"{"token":"96_x"}"#,
    ),
    ("GET", "/messages", "the last messages that apps have sent to followers", ""),
    ("GET", "/faults", "the faults in force", ""),
    (
        "POST",
        "/faults",
        "answer late",
        r#"{"fault":"latency","milliseconds":500,"path":"/cgi-bin/*"}"#,
    ),
    (
        "POST",
        "/faults",
        "never answer; when=after carries the call out first",
        r#"{"fault":"hang","when":"before","times":1}"#,
    ),
    (
        "POST",
        "/faults",
        "close the connection without an answer; when as for hang",
        r#"{"fault":"cut","when":"after","times":1}"#,
    ),
    (
        "POST",
        "/faults",
        "close it in the middle of the answer's body",
        r#"{"fault":"cut-body","times":1}"#,
    ),
    ("POST", "/faults", "JSON that stops in the middle", r#"{"fault":"truncated-json","times":1}"#),
    ("POST", "/faults", "bytes that mean nothing", r#"{"fault":"garbage","times":1}"#),
    ("POST", "/faults", "a web page", r#"{"fault":"html","times":1}"#),
    (
        "POST",
        "/faults",
        "an HTTP status",
        r#"{"fault":"status","status":502,"body":"","for_seconds":5}"#,
    ),
    (
        "POST",
        "/faults",
        "a burst of refusals; errmsg may be given too",
        r#"{"fault":"errcode","errcode":-1,"times":3}"#,
    ),
    (
        "POST",
        "/faults",
        "lie about expires_in, with any JSON value",
        r#"{"fault":"expires-in","value":-1,"path":"*token","times":1}"#,
    ),
    (
        "POST",
        "/faults",
        "mint a good token of this length",
        r#"{"fault":"token-length","characters":512,"path":"*token","times":1}"#,
    ),
    (
        "POST",
        "/faults",
        "compress answers for callers that accept it",
        r#"{"fault":"gzip","for_seconds":10}"#,
    ),
    (
        "POST",
        "/faults",
        "refuse every other call of this app with 40001",
        r#"{"fault":"flapping","appid":"APPID","for_seconds":10}"#,
    ),
    (
        "POST",
        "/faults",
        "sign the answers to sealed calls with a wrong key; or altered-ciphertext, old-answer, unsealed-answer",
        r#"{"fault":"forged-signature","appid":"APPID","times":1}"#,
    ),
    ("DELETE", "/faults/1", "mend one fault", ""),
    ("DELETE", "/faults", "mend every fault", ""),
    (
        "POST",
        "/check-ticket",
        "whether a ticket is good, whose it is, and for what",
        r#"{"ticket":"..."}"#,
    ),
    (
        "POST",
        "/check-signature",
        "whether WeChat would accept the signature of a page; of a card, give all its values",
        r#"{"appid":"APPID","url":"https://a.cn/","noncestr":"n","timestamp":1,"signature":"..."}"#,
    ),
    ("GET", "/apps", "the apps, without their secrets", ""),
    (
        "POST",
        "/apps",
        "create an app; kind is official-account or mini-program",
        r#"{"appid":"wx00000000000000aa","kind":"mini-program","whitelist":["127.0.0.1"]}"#,
    ),
    ("DELETE", "/apps/wx00000000000000aa", "remove an app and its tokens", ""),
    (
        "POST",
        "/apps/APPID/revoke",
        "kill the live tokens (40001); family is classic, stable or left out for both; stubborn: \
         until a forced refresh stable_token repeats the dead one",
        r#"{"family":"stable","stubborn":false}"#,
    ),
    (
        "POST",
        "/apps/APPID/expire",
        "end the lifetime of the live tokens (42001)",
        r#"{"family":"stable"}"#,
    ),
    (
        "POST",
        "/apps/APPID/other-system",
        "let another system fetch behind your back; how is classic, stable or forced",
        r#"{"how":"classic"}"#,
    ),
    (
        "POST",
        "/apps/APPID/log-in",
        "somebody logs in: the code for /sns/jscode2session or /sns/oauth2/access_token",
        r#"{"openid":"o1","scope":"snsapi_userinfo"}"#,
    ),
    (
        "POST",
        "/apps/APPID/block-ip",
        "refuse an address (40164); left out, it is yours",
        r#"{"ip":"203.0.113.7"}"#,
    ),
    ("POST", "/apps/APPID/allow-ip", "put an address on the whitelist", r#"{"ip":"203.0.113.7"}"#),
    (
        "POST",
        "/apps/APPID/require-confirmation",
        "let the administrator confirm an address (89503)",
        r#"{"ip":"198.51.100.1"}"#,
    ),
    (
        "POST",
        "/apps/APPID/accept",
        "the administrator accepts the address that asked",
        r#"{"ip":"198.51.100.1"}"#,
    ),
    (
        "POST",
        "/apps/APPID/refuse",
        "the administrator refuses it (89507, then 89506)",
        r#"{"ip":"198.51.100.1"}"#,
    ),
    (
        "POST",
        "/apps/APPID/exhaust",
        "use up a quota: classic-day, stable-day, stable-minute, forced-day, clears-month, or the \
         path of an API",
        r#"{"quota":"stable-day"}"#,
    ),
    ("POST", "/apps/APPID/restore-quotas", "give every quota back", ""),
    (
        "POST",
        "/apps/APPID/freeze",
        "freeze the AppSecret (40243), in ten virtual minutes or at once",
        r#"{"at_once":true}"#,
    ),
    (
        "POST",
        "/apps/APPID/unfreeze",
        "end that, in ten virtual minutes or at once",
        r#"{"at_once":true}"#,
    ),
    (
        "POST",
        "/apps/APPID/punish",
        "limited (50002), token-forbidden (50004), account-frozen (50007), component-only (61024)",
        r#"{"punishment":"token-forbidden"}"#,
    ),
    (
        "POST",
        "/push",
        "push a message to a URL, signed and encrypted; mode is safe, compatible or plain, message XML or JSON; fault is \
         replay, late, corrupt, truncate, wrong-token, wrong-key, wrong-receiver, wrong-padding or bomb; with an echostr \
         the URL is checked instead",
        r#"{"url":"http://127.0.0.1:8700/push/wx5a0db0c0ffee00c0","appid":"APPID","token":"AAAAA","encoding_aes_key":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}"#,
    ),
    ("POST", "/apps/APPID/pardon", "end the punishment", ""),
    (
        "POST",
        "/apps/APPID/reset-secret",
        "give the app another secret; the old one is dead at once",
        r#"{"secret":"5a0db0c0ffee00015a0db0c0ffee0001"}"#,
    ),
    (
        "POST",
        "/apps/APPID/api-security",
        "set up API security as on its page: the app's public key in PEM, the number of a symmetric key; answers with that key and \
         the platform's certificates",
        r#"{"symmetric_serial":"a1","public_key":"-----BEGIN PUBLIC KEY-----..."}"#,
    ),
    (
        "POST",
        "/apps/APPID/replace-certificate",
        "have the platform replace its certificate: first, changing (both sign), second",
        r#"{"certificate":"changing"}"#,
    ),
    (
        "POST",
        "/components",
        "create a third-party platform; push_url is where its tickets and authorisations go",
        r#"{"appid":"wx00000000000000c1","push_url":"http://127.0.0.1:8080/push/wx00000000000000c1"}"#,
    ),
    (
        "POST",
        "/components/wx5a0db0c0ffee00c0/set-push",
        "where a platform's pushes go and how they are sealed; on: whether tickets are pushed",
        r#"{"url":"http://127.0.0.1:8080/push/wx5a0db0c0ffee00c0","token":"...","encoding_aes_key":"...","on":true}"#,
    ),
    (
        "POST",
        "/components/wx5a0db0c0ffee00c0/push-ticket",
        "push a new ticket now, with a fault of /push if wanted; what was answered is told",
        r#"{"fault":"none"}"#,
    ),
    (
        "POST",
        "/components/wx5a0db0c0ffee00c0/authorize",
        "the owner of an app authorises the platform, without a page",
        r#"{"authorizer":"wx5a0db0c0ffee0001"}"#,
    ),
    (
        "POST",
        "/components/wx5a0db0c0ffee00c0/change-password",
        "the owner changes the password: token and refresh token are void (42007)",
        r#"{"authorizer":"wx5a0db0c0ffee0001"}"#,
    ),
    (
        "POST",
        "/components/wx5a0db0c0ffee00c0/lose-refresh-token",
        "another refresh token takes the place of the last, unseen (61023)",
        r#"{"authorizer":"wx5a0db0c0ffee0001"}"#,
    ),
    (
        "POST",
        "/components/wx5a0db0c0ffee00c0/check-refresh-token",
        "whether a refresh token is good: latest, in-grace or dead",
        r#"{"authorizer":"wx5a0db0c0ffee0001","refresh_token":"..."}"#,
    ),
    (
        "POST",
        "/components/wx5a0db0c0ffee00c0/unauthorize",
        "and takes it back (61003)",
        r#"{"authorizer":"wx5a0db0c0ffee0001"}"#,
    ),
    ("GET", "/agents", "the applications of WeCom, without their secrets", ""),
    (
        "POST",
        "/agents",
        "create an application of WeCom, and its corp if it is the first",
        r#"{"corpid":"ww00000000000000aa","agent":1000003,"trusted":["127.0.0.1"]}"#,
    ),
    ("DELETE", "/agents/ww00000000000000aa/1000003", "remove one and its token", ""),
    ("POST", "/agents/CORPID/AGENT/expire", "end the lifetime of its token (42001)", ""),
    (
        "POST",
        "/agents/CORPID/AGENT/revoke",
        "end its token early (40014); gettoken gives another",
        "",
    ),
    (
        "POST",
        "/agents/CORPID/AGENT/trust",
        "who may call all but gettoken; others get 60020",
        r#"{"trusted":["127.0.0.1"]}"#,
    ),
    ("GET", "/suites", "the suites of WeCom's service providers, without their secrets", ""),
    (
        "POST",
        "/providers",
        "create a service provider and its suites",
        r#"{"corpid":"ww00000000000000bb","suites":[{"suite_id":"ww00000000000000cc"}]}"#,
    ),
    (
        "POST",
        "/suites/SUITE/push-to",
        "where its tickets and notices go; the first ticket comes at once, then one every ten minutes",
        r#"{"url":"http://127.0.0.1:8700/push/SUITE","token":"AAAAA","encoding_aes_key":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}"#,
    ),
    ("POST", "/suites/SUITE/push-ticket", "push a ticket now", ""),
    (
        "POST",
        "/suites/SUITE/authorize",
        "a corp authorises it: create_auth is pushed, and the auth_code answered; for a person there is \
         /3rdapp/install?suite_id=SUITE",
        r#"{"corpid":"CORPID"}"#,
    ),
    ("POST", "/suites/SUITE/change", "it changes that: change_auth", r#"{"corpid":"CORPID"}"#),
    (
        "POST",
        "/suites/SUITE/reset-code",
        "the provider asks for another permanent code: reset_permanent_code",
        r#"{"corpid":"CORPID"}"#,
    ),
    ("POST", "/suites/SUITE/cancel", "it takes that back: cancel_auth", r#"{"corpid":"CORPID"}"#),
    ("POST", "/providers/ww5a0db0c0ffee9001/expire", "end the lifetime of its token (42009)", ""),
    ("POST", "/providers/ww5a0db0c0ffee9001/revoke", "end its token early (40082)", ""),
    ("POST", "/suites/SUITE/expire", "end the lifetime of its token (42009)", ""),
    ("POST", "/suites/SUITE/revoke", "end its token early (40082)", ""),
    ("GET", "/pushes", "what came of the last tickets and notices", ""),
    (
        "POST",
        "/agents/CORPID/AGENT/reset-secret",
        "give it another secret; the old one is dead at once",
        r#"{"secret":"5a0db0c0ffee0001-WeCom_5a0db0c0ffee00010001"}"#,
    ),
];

pub(super) fn index(host: &str) -> Value {
    let route = |&(method, path, what, body): &Route| {
        let path = format!("/__sandbox{}", path.replace("APPID", DEMO_APPID));
        let path = path
            .replace("SUITE", DEMO_SUITE)
            .replace("CORPID", DEMO_CORPID)
            .replace("AGENT", &DEMO_AGENT.to_string());
        let mut curl = match method {
            "GET" => format!("curl '{host}{path}'"),
            _ => format!("curl -X {method} '{host}{path}'"),
        };
        if !body.is_empty() {
            let body = body.replace("APPID", DEMO_APPID).replace("SUITE", DEMO_SUITE);
            curl += &format!(" -d '{}'", body.replace("CORPID", DEMO_CORPID));
        }
        json!({"route": format!("{method} {path}"), "what": what, "example": curl})
    };
    json!({
        "sandbox": "a simulated WeChat; every other path is WeChat's own API",
        "wechat": crate::api::paths().collect::<Vec<_>>(),
        "wecom": crate::wecom::paths().collect::<Vec<_>>(),
        "routes": ROUTES.iter().map(route).collect::<Vec<_>>(),
    })
}
