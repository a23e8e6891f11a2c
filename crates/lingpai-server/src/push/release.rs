//! WeChat's check of a platform before everybody may authorise it: passed here, since only Lingpai may trade the code that
//! the check is about.

use bytes::Bytes;
use lingpai_wechat::push::{ReleaseCheck, reply};
use tokio::time::{Instant, timeout_at};

use super::Pushes;
use super::deal::{Received, TEXT};
use super::flights::Outcome;

impl Pushes {
    /// What WeChat is answered if this is its check. None if it is not: then it is a message like others.
    pub(super) async fn checked(&self, push: &Received, until: Instant) -> Option<Outcome> {
        let notices = self.notices.as_ref()?;
        let (authorizer, platform) = (push.authorizer.as_ref()?, &push.endpoint.account);
        match ReleaseCheck::of(authorizer.as_str(), &push.message)? {
            ReleaseCheck::Answer(text) => {
                tracing::info!(%platform, %authorizer, "WeChat checks the platform for its release");
                let answer = reply(&push.message, text, self.seconds());
                self.sealed(push, answer.as_bytes())
            }
            ReleaseCheck::Send { code, openid } => {
                let sent = notices.prove((platform, authorizer), &code, &openid);
                match timeout_at(until, sent).await {
                    Ok(Ok(true)) => Some(Outcome::Answer(TEXT, Bytes::new())),
                    Ok(Ok(false)) => None,
                    Ok(Err(_)) | Err(_) => Some(Outcome::NotTaken),
                }
            }
        }
    }
}
