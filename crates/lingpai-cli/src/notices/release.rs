//! WeChat's check of a platform before everybody may authorise it (全网发布检测): a code is to be traded, and what it brought
//! to be used for a message.

use std::time::Duration;

use lingpai_core::{Account, CredentialId, Secret};
use tokio::time::timeout;

use super::Taker;
use super::codes::{Awaited, Outcome, outcome_within};

/// How long the check is followed; WeChat does not wait for longer.
const PATIENCE: Duration = Duration::from_secs(60);

impl Taker {
    /// Waits for what comes of the code, and sends the answer. What goes wrong is only told: WeChat begins the check anew when a
    /// person says so.
    pub(super) async fn answer_check(&self, awaited: Awaited, code: &Secret, openid: &str) {
        let sent = timeout(PATIENCE, self.sent(awaited, code, openid)).await;
        match sent.unwrap_or_else(|_| Err("it took too long".to_owned())) {
            Ok(account) => tracing::info!(account = %account.id, "WeChat's check is answered"),
            Err(why) => tracing::error!(
                why,
                "WeChat's check before the release of a platform could not be answered"
            ),
        }
    }

    async fn sent(&self, awaited: Awaited, code: &Secret, openid: &str) -> Result<Account, String> {
        let account = match outcome_within(awaited, PATIENCE).await {
            Some(Outcome::Kept(account)) => account,
            Some(Outcome::Lost(why)) => return Err(why),
            None => return Err("the code could not be traded in time".to_owned()),
        };
        let found = self.directory.account(&account).await.map_err(|error| error.to_string())?;
        let account = found.ok_or("the account that the code was for is gone")?;
        let keeper = self.engine.registry.get(&CredentialId::access_token(account.id.clone()));
        // Another node may have traded it a moment ago.
        let keeper = keeper.unwrap_or_else(|| self.engine.keep(&account));
        let token = keeper.fresh().await.map_err(|error| error.to_string())?;
        let text = format!("{}_from_api", code.expose());
        let sent = self.engine.wechat().send_text(&account, &token.value, openid, &text).await;
        sent.map(|()| account).map_err(|failure| failure.to_string())
    }
}
