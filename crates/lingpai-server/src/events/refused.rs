//! When WeChat begins to refuse the address that calls come from: an event of its own, once, since a person has to mend that.

use std::collections::HashSet;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use lingpai_core::AccountId;
use lingpai_core::event::{Event, What};

/// "invalid ip, not in whitelist", and what WeCom says instead (developers.weixin.qq.com and developer.work.weixin.qq.com, global
/// error codes).
const CODES: [i64; 2] = [40164, 60020];

/// The accounts of which this was told.
#[derive(Default)]
pub(crate) struct Refused(Mutex<HashSet<AccountId>>);

impl Refused {
    /// What is to be told because of this event.
    pub(crate) fn derive(&self, event: &Event) -> Option<What> {
        let account = event.account()?;
        let mut refused = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match &event.what {
            What::Failed { failure, .. } if failure.code.is_some_and(|it| CODES.contains(&it)) => {
                let address = named(&failure.message).map(|address| address.to_string());
                let what = || What::IpRefused { address, failure: failure.clone() };
                refused.insert(account.clone()).then(what)
            }
            What::Rotated { .. } | What::Repeated { .. } => {
                refused.remove(account);
                None
            }
            _ => None,
        }
    }
}

/// The address that WeChat names: "invalid ip 1.2.3.4 ipv6 ::ffff:1.2.3.4, not in whitelist".
fn named(message: &str) -> Option<IpAddr> {
    let mut words = message.split(|c: char| c.is_whitespace() || matches!(c, ',' | '[' | ']'));
    words.find_map(|word| word.trim_end_matches('.').parse().ok())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use lingpai_core::rotation::Reason;
    use lingpai_core::{Class, CredentialId, Failure, Generation, NodeId, Timestamp, Way};

    use super::*;

    fn event(what: What) -> Event {
        let credential = Some(CredentialId::access_token("wx1".parse().unwrap()));
        Event { at: Timestamp::default(), credential, node: NodeId::new("n"), what }
    }

    fn failed(code: i64, message: &str) -> Event {
        let failure = Failure { code: Some(code), ..Failure::new(Class::NeedsPerson, message) };
        let (reason, way) = (Reason::Missing, Way::Primary);
        event(What::Failed { reason, way, failure, retry_after: Duration::ZERO })
    }

    #[test]
    fn a_refused_address_is_told_once_until_a_token_is_had() {
        let refused = Refused::default();
        let message = "invalid ip 1.2.3.4 ipv6 ::ffff:1.2.3.4, not in whitelist rid: 6a";
        let told = refused.derive(&failed(40164, message));
        assert!(matches!(told, Some(What::IpRefused { address: Some(it), .. }) if it == "1.2.3.4"));
        assert_eq!(refused.derive(&failed(40164, message)), None);
        assert_eq!(refused.derive(&failed(40125, "invalid appsecret")), None);
        let (generation, way) = (Generation(1), Way::Primary);
        let expires_at = Timestamp::default();
        assert_eq!(refused.derive(&event(What::Repeated { generation, way, expires_at })), None);
        let told = refused.derive(&failed(60020, "not allow to access from your ip"));
        assert!(matches!(told, Some(What::IpRefused { address: None, .. })));
    }
}
