//! Whether WeChat takes an AppSecret, asked before it is stored, by a call that no token in use dies of (decision 12).

use std::time::Duration;

use lingpai_core::store::Entry;
use lingpai_core::{Account, AccountKind, Clock, Kind, SystemClock, Verdict};
use lingpai_wechat::{WeChat, catalogue, wire};
use tokio::time::timeout;

use crate::config::Config;
use crate::error::Error;
use crate::keeping::OpenStore;
use crate::language::{self, either, say};
use crate::output;

/// Longer than WeChat takes, with a host that does not answer before the one that does.
const PATIENCE: Duration = Duration::from_secs(8);

/// Refuses a secret that WeChat refuses. Where WeChat does not say, the secret is taken with a warning: it may be out of
/// reach just when a secret that leaked must be replaced.
pub(super) async fn refuse_wrong(
    account: &Account,
    store: &OpenStore,
    config: &Config,
) -> Result<(), Error> {
    let is_tried = matches!(
        account.kind,
        AccountKind::OfficialAccount
            | AccountKind::MiniProgram
            | AccountKind::MiniGame
            | AccountKind::WeCom
    );
    if !is_tried {
        return Ok(());
    }
    let wechat = WeChat::new(wire::Upstream::new(config.upstream.clone())?);
    let (day, entry) = (SystemClock::new().now().day(), Entry::Trial(Kind::ACCESS_TOKEN));
    store.store().count(&account.id, day, entry, 1).await?;
    let unsaid = match timeout(PATIENCE, wechat.try_secret(account)).await {
        Ok(Verdict::Accepted) => {
            output::tell(either("WeChat accepts the AppSecret.", "微信接受这个 AppSecret。"));
            return Ok(());
        }
        Ok(Verdict::Refused(failure)) => {
            let remedy = catalogue::remedy(&failure, language::current()).unwrap_or_default();
            let code = failure.code.unwrap_or_default();
            return Err(Error::said(say!(
                "WeChat refuses the AppSecret (errcode {code}: {what}), so nothing was changed. {remedy} To take it all the \
                 same: --untried",
                "微信拒绝这个 AppSecret（errcode {code}：{what}），没有做任何修改。{remedy}如果仍要采用：--untried",
                what = failure.message
            )));
        }
        Ok(Verdict::Inconclusive(failure)) => failure.message,
        Err(_) => either("no answer in time", "没有及时应答").to_owned(),
    };
    output::tell(&say!(
        "warning: WeChat could not say whether the AppSecret is right, and it is taken all the same: {unsaid}",
        "警告：微信没能确认这个 AppSecret 是否正确，仍然采用：{unsaid}"
    ));
    Ok(())
}
