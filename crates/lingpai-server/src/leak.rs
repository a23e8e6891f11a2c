//! What is done about a leaked token: WeChat's drill, which ends every token issued so far.
//!
//! WeChat accepts the latest token and the one before it, so two new ones end the one that leaked: two forced refreshes half
//! a minute apart in stable mode, two fetches in classic mode. The engine carries it out on its own. Before it is begun, a
//! caller can be told what it breaks. What was begun is in the stream of events, so a server that ended before goes on.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use http::{Response, StatusCode};
use lingpai_core::event::What;
use lingpai_core::{Keeper, Registry};
use serde::{Deserialize, Serialize};

use crate::answer::Body;
use crate::language::{self, Bilingual, Language, either};
use crate::object;
use crate::refusal::Refusal;
use crate::serving::Serving;

/// How many of the last events are looked through for what was begun.
const LOOKED_THROUGH: usize = 10_000;
/// No token of before lives for longer: then nothing is left to end.
const LIFE: Duration = Duration::from_hours(2);

/// What a rotation is to be.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wanted {
    /// A token has leaked.
    #[serde(default)]
    pub(crate) compromised: bool,
    /// Say what it would break, and do nothing.
    #[serde(default)]
    pub(crate) dry_run: bool,
}

#[derive(Serialize)]
struct Drill {
    outcome: &'static str,
    explanation: &'static str,
    /// What stops working, and for how long.
    breaks: Vec<String>,
}

/// Says what would be done, since only that was asked for.
pub(crate) fn planned(breaks: Vec<String>, language: Language) -> Response<Body> {
    let explanation = either(
        language,
        "Nothing was done. Send the same without `dry_run` to begin.",
        "什么也没有做。要开始，请去掉 `dry_run` 再次发送。",
    );
    let drill = Drill { outcome: "planned", explanation, breaks };
    language::said(language, StatusCode::OK, &drill)
}

impl Wanted {
    /// What a body says; an empty one asks for an ordinary rotation.
    pub(crate) fn read(body: &[u8]) -> Result<Self, Refusal> {
        if body.trim_ascii().is_empty() {
            return Ok(Self::default());
        }
        object::read(body)
    }
}

/// Begins the drill, or says what it breaks.
pub(crate) fn answer(
    serving: &Serving,
    keeper: &Arc<Keeper>,
    wanted: &Wanted,
    language: Language,
) -> Result<Response<Body>, Refusal> {
    if !keeper.can_end_tokens() {
        return Err(Refusal::BodyWrong(Bilingual::fixed(
            "WeChat has no call that ends tokens of this kind; they end by themselves within two hours",
            "微信没有使这种凭据失效的接口；它们会在两小时内自行过期",
        )));
    }
    let breaks = breaks(serving, keeper, language);
    if wanted.dry_run {
        return Ok(planned(breaks, language));
    }
    keeper.compromised();
    let explanation = either(
        language,
        "The token is replaced twice, which takes about half a minute in stable mode. The event `compromise-ended` says \
         when WeChat accepts none of the earlier tokens any more. A server that ends before goes on when it runs again.",
        "凭据会更换两次，稳定版(stable)模式下约需半分钟。事件 `compromise-ended` 表示微信已不再接受此前的任何凭据。\
         服务如果中途结束，重新启动后会继续。",
    );
    let drill = Drill { outcome: "begun", explanation, breaks };
    Ok(language::said(language, StatusCode::ACCEPTED, &drill))
}

/// Goes on with what a server before this one began and did not end. If that one still runs, there are two new tokens too
/// many, which harms nobody.
pub(crate) async fn go_on(registry: &Registry) {
    let events = match registry.store().events(None, LOOKED_THROUGH).await {
        Ok(events) => events,
        Err(error) => {
            tracing::warn!(
                %error,
                "whether a leaked token was being ended is not known: the store does not give its events. If one was, \
                 begin again"
            );
            return;
        }
    };
    let now = registry.clock().now().wall;
    let mut last = HashMap::new();
    for event in events.into_iter().take_while(|event| now.since(event.at) < LIFE) {
        let is_begun = match event.what {
            What::Compromised => true,
            What::CompromiseEnded { .. } => false,
            _ => continue,
        };
        if let Some(credential) = event.credential {
            last.entry(credential).or_insert(is_begun);
        }
    }
    for (credential, _) in last.into_iter().filter(|(_, is_begun)| *is_begun) {
        let Some(keeper) = registry.get(&credential) else { continue };
        if keeper.status().compromised == 0 {
            tracing::info!(%credential, "a leaked token was being ended when the server ended; it goes on");
            keeper.still_compromised();
        }
    }
}

fn breaks(serving: &Serving, keeper: &Keeper, language: Language) -> Vec<String> {
    let either = |english, chinese| either(language, english, chinese).to_owned();
    let mut breaks = vec![
        either(
            "Whoever holds a real token of this account is refused by WeChat (40001) until it takes the new one: SDKs on \
             the drop-in paths for up to four minutes, or until their next report.",
            "持有该账号真实凭据的程序会被微信拒绝（40001），直到换用新凭据：使用兼容接口的 SDK 最长四分钟，或到下一次报告为止。",
        ),
        either(
            "Two fetches of this account's day are used; in stable mode two of its 20 forced refreshes.",
            "用去该账号当天的两次获取；稳定版(stable)模式下是 20 次强制刷新中的两次。",
        ),
    ];
    if keeper.is_on_fallback() {
        breaks.push(either(
            "The current token is of the isolated family that stands in while the daily quota is used up. It cannot be \
             ended and stays good to its end; only tokens of the account's own family are ended, once there is quota.",
            "当天额度已用完，当前凭据是临时顶替的稳定版凭据，与普通凭据互不影响，无法使它提前失效，它会有效到过期为止；\
             等有了额度，才会使账号自己的凭据失效。",
        ));
    }
    if let Some(gateway) = &serving.gateway {
        breaks.push(either(
            "Clients of the gateway with virtual tokens notice nothing.",
            "通过网关使用虚拟凭据的客户端不受影响。",
        ));
        if gateway.gate.has_real_tokens() {
            breaks.push(either(
                "The gateway accepts none of this account's earlier real tokens any more.",
                "网关不再接受该账号此前的任何真实凭据。",
            ));
        }
    }
    breaks
}
