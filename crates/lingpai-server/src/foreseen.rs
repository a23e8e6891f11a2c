//! What an ordinary rotation would do to an account and its clients now, said before anybody asks for it.

use std::time::Duration;

use http::Response;
use lingpai_core::rotation::{Foreseen, Foresight};
use lingpai_core::{Keeper, Renewal, Way};

use crate::answer::Body;
use crate::diagnosis::span;
use crate::language::{Bilingual, Language, both};
use crate::leak;

/// Says what would be done, and does nothing.
pub(crate) fn answer(keeper: &Keeper, foresight: Foresight, language: Language) -> Response<Body> {
    let status = keeper.status();
    let (used, budget) = (status.outlook.fetches_today, status.outlook.daily_budget);
    let said = place(foresight).filter(|_| foresight.has_two_families);
    let said = said.into_iter().chain(outcome(foresight.outcome)).chain([both!(
        "It counts as one of this day's fetches: {used} of {budget} were made so far.",
        "计入当天的获取次数：今天已获取 {used} 次，预算 {budget} 次。",
        used = used,
        budget = budget
    )]);
    leak::planned(said.map(|said| said.text(language).to_owned()).collect(), language)
}

/// Where the token would come from, for accounts for which there are two places.
fn place(foresight: Foresight) -> Option<Bilingual> {
    Some(match (foresight.renewal, foresight.way) {
        (Renewal::Minting { .. }, _) => Bilingual::fixed(
            "Classic mode: WeChat issues a new token (/cgi-bin/token). Programs that fetch there themselves lose theirs within \
             five minutes.",
            "普通(classic)模式：微信会发出一个新凭据（/cgi-bin/token）。自行从那里获取凭据的程序，它们的凭据五分钟内失效。",
        ),
        (Renewal::Windowed { .. }, Way::Fallback) => Bilingual::fixed(
            "Classic mode, and WeChat's quota for it is used up: the token comes from /cgi-bin/stable_token meanwhile.",
            "普通(classic)模式，但微信的额度已用完：暂时改从 /cgi-bin/stable_token 获取。",
        ),
        (Renewal::Windowed { .. }, Way::Primary) => Bilingual::fixed(
            "Stable mode: an ordinary call of /cgi-bin/stable_token, without force_refresh. Programs that fetch there \
             themselves lose nothing.",
            "稳定版(stable)模式：普通调用 /cgi-bin/stable_token，不用 force_refresh。自行从那里获取凭据的程序不受影响。",
        ),
        (Renewal::Windowed { .. }, Way::Forced) => Bilingual::fixed(
            "Stable mode, and WeChat refuses the token that it repeats: one of the day's 20 forced refreshes is used.",
            "稳定版(stable)模式，而微信拒绝自己返回的凭据：会用去当天 20 次强制刷新中的一次。",
        ),
        _ => return None,
    })
}

/// What becomes of the token that clients hold.
fn outcome(outcome: Foreseen) -> Vec<Bilingual> {
    // A span that rounds to nothing would read as if it were none.
    let span = |time: Duration| span(time.max(Duration::from_secs(1)));
    match outcome {
        Foreseen::Missing => vec![Bilingual::fixed(
            "There is no good token now, so clients lose none.",
            "现在没有可用的凭据，因此客户端不会失去什么。",
        )],
        Foreseen::Pushed => vec![Bilingual::fixed(
            "WeChat pushes it: it is asked to, and the present one stays good until then.",
            "它由微信推送：会请微信推送一次，在此之前现有的照常使用。",
        )],
        Foreseen::Replaced(left) => vec![both!(
            "WeChat accepts the present token for {left} more at least: by then every client that holds it must have asked again.",
            "微信对现有凭据至少再接受 {left}：持有它的客户端都要在此之前重新获取。",
            left = span(left)
        )],
        Foreseen::Ended => vec![Bilingual::fixed(
            "WeChat may refuse the present token from then on: clients that hold it must ask again at once.",
            "之后微信可能拒绝现有凭据：持有它的客户端都要立即重新获取。",
        )],
        Foreseen::Beside(left) => vec![both!(
            "It does not touch the present token, which clients can use to its end, for {left} more.",
            "不影响现有凭据：客户端可以一直用到它到期，还有 {left}。",
            left = span(left)
        )],
        Foreseen::Repeated(time) => vec![both!(
            "WeChat gives the same token again, and would do so for {time} more: nothing changes for anybody. If the present one \
             came from elsewhere, another one comes, and the present one can be used to its end.",
            "微信会返回同一个凭据，此后 {time}内都是如此：对谁都没有变化。如果现有凭据来自别处，则会得到另一个，现有的仍可用到到期。",
            time = span(time)
        )],
    }
}
