//! Clients: the business services that hold an API key, and what each may do.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::bounds::Bounds;
use crate::domain::Domain;
use crate::environment::Environment;
use crate::id::AccountId;
use crate::network::Network;
use crate::preset::Preset;
use crate::secret::Secret;
use crate::time::Timestamp;
use crate::virtual_token;

/// One API key as the store keeps it: everything but the key itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiKey {
    /// Its public name, by which it is listed and revoked: the first part of the key.
    pub id: String,
    /// The person or service that holds it.
    pub name: String,
    /// The BLAKE3 hash of the whole key. Keys have 192 random bits, so a fast hash is enough.
    pub hash: KeyHash,
    /// The hash of what stands in this client's virtual tokens. Keys made before there were any have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub virtual_hash: Option<KeyHash>,
    /// Where the client runs, which bounds what it may do.
    #[serde(default)]
    pub environment: Environment,
    /// What it may do, as far as its environment allows.
    pub rights: BTreeSet<Right>,
    /// For which accounts.
    pub accounts: Accounts,
    /// From where it may be used; empty: from everywhere.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub networks: Vec<Network>,
    /// What bounds its calls through the gateway.
    #[serde(default, skip_serializing_if = "Bounds::is_empty")]
    pub bounds: Bounds,
    /// The pages that it may have signed; empty: all. A key that is bound to some is given no ticket, with which it could
    /// sign every page by itself.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub domains: Vec<Domain>,
    /// How the client's SDK counts the life of a token that it fetched on a path in WeChat's shape.
    #[serde(default)]
    pub preset: Preset,
    /// When it was made.
    pub created_at: Timestamp,
    /// From when on it is refused, if ever.
    pub expires_at: Option<Timestamp>,
    /// Since when it is refused because somebody revoked it.
    pub revoked_at: Option<Timestamp>,
    /// When it was used for the first time, if that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_used_at: Option<Timestamp>,
}

impl ApiKey {
    /// How long a key may be good that has an end: a hundred years.
    pub const LONGEST_LIFE: Duration = Duration::from_hours(100 * 365 * 24);

    /// Whether this key's record allows `right` on `account` at this time, and why not. Where the client is does not
    /// count.
    ///
    /// # Errors
    /// The [`Denied`] that says what stands in the way.
    pub fn allows(&self, right: Right, account: &AccountId, at: Timestamp) -> Result<(), Denied> {
        self.allows_somewhere(right, at)?;
        self.accounts.contains(account).then_some(()).ok_or(Denied::Account)
    }

    /// The same for a client at this address.
    ///
    /// # Errors
    /// The [`Denied`] that says what stands in the way.
    pub fn allows_from(
        &self,
        peer: IpAddr,
        right: Right,
        account: &AccountId,
        at: Timestamp,
    ) -> Result<(), Denied> {
        self.allows(right, account, at)?;
        self.is_open_to(peer).then_some(()).ok_or(Denied::Network)
    }

    /// Whether it allows `right` on whatever accounts it is for.
    ///
    /// # Errors
    /// The [`Denied`] that says what stands in the way.
    pub fn allows_somewhere(&self, right: Right, at: Timestamp) -> Result<(), Denied> {
        if self.revoked_at.is_some() {
            Err(Denied::Revoked)
        } else if self.expires_at.is_some_and(|end| at >= end) {
            Err(Denied::Expired)
        } else if !self.has(right) {
            Err(Denied::Right(right))
        } else {
            Ok(())
        }
    }

    /// Whether this right, or the one that includes all others, is among its own and its environment allows it.
    pub fn has(&self, right: Right) -> bool {
        self.environment.allows(right)
            && (self.rights.contains(&right) || self.rights.contains(&Right::Admin))
    }

    /// Whether the paths in WeChat's shape give it virtual tokens in place of those that are seen by this right: it may use
    /// the gateway, does not have the right, and its virtual tokens are known again.
    pub fn is_given_virtual_tokens(&self, in_place_of: Right) -> bool {
        self.has(Right::Gateway) && !self.has(in_place_of) && self.virtual_hash.is_some()
    }

    /// Whether it may have pages of this host signed, if it may have any signed at all.
    ///
    /// # Errors
    /// [`Denied::Domain`] if it is bound to others.
    pub fn may_sign_for(&self, host: &str) -> Result<(), Denied> {
        let mut domains = self.domains.iter();
        let may = self.domains.is_empty() || domains.any(|domain| domain.contains(host));
        may.then_some(()).ok_or(Denied::Domain)
    }

    /// Whether it may see the tickets themselves, if it may have anything signed at all.
    ///
    /// # Errors
    /// [`Denied::Domain`] if it is bound to some domains.
    pub fn sees_tickets(&self) -> Result<(), Denied> {
        self.domains.is_empty().then_some(()).ok_or(Denied::Domain)
    }

    /// Whether it may be used from this address.
    pub fn is_open_to(&self, peer: IpAddr) -> bool {
        self.networks.is_empty() || self.networks.iter().any(|network| network.contains(peer))
    }
}

/// Why a key that exists may not do what it asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denied {
    /// It was revoked.
    Revoked,
    /// Its time is over.
    Expired,
    /// It lacks this right.
    Right(Right),
    /// It may not use this account.
    Account,
    /// It may not be used from where the client is.
    Network,
    /// It is bound to pages of some domains: it may have no others signed, and is given no ticket.
    Domain,
}

/// What a key may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Right {
    /// Read tokens.
    #[serde(rename = "token:read")]
    TokenRead,
    /// Report a token as invalid.
    #[serde(rename = "token:report")]
    TokenReport,
    /// See which accounts there are, how they stand and what happened to them; no token.
    #[serde(rename = "status:read")]
    StatusRead,
    /// Have a token replaced now.
    #[serde(rename = "token:rotate")]
    TokenRotate,
    /// Have calls forwarded with the right token.
    #[serde(rename = "gateway")]
    Gateway,
    /// Have calls forwarded that carry the AppSecret, such as the log-in of a Mini Program.
    #[serde(rename = "secret-login")]
    SecretLogin,
    /// Read tickets, and have pages signed with them.
    #[serde(rename = "ticket")]
    Ticket,
    /// Read the token of a third-party platform or of a WeCom suite or provider, which acts for every account that has
    /// authorised it.
    #[serde(rename = "platform")]
    Platform,
    /// Have the account's call counters set to zero.
    #[serde(rename = "quota:clear")]
    QuotaClear,
    /// Everything, on the accounts it is for.
    #[serde(rename = "admin")]
    Admin,
}

impl Right {
    /// All rights.
    pub const ALL: [Self; 10] = [
        Self::TokenRead,
        Self::TokenReport,
        Self::StatusRead,
        Self::TokenRotate,
        Self::Gateway,
        Self::SecretLogin,
        Self::Ticket,
        Self::Platform,
        Self::QuotaClear,
        Self::Admin,
    ];

    /// The name it has everywhere.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TokenRead => "token:read",
            Self::TokenReport => "token:report",
            Self::StatusRead => "status:read",
            Self::TokenRotate => "token:rotate",
            Self::Gateway => "gateway",
            Self::SecretLogin => "secret-login",
            Self::Ticket => "ticket",
            Self::Platform => "platform",
            Self::QuotaClear => "quota:clear",
            Self::Admin => "admin",
        }
    }
}

/// Rights that belong together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// A service: reads tokens, reports those that were refused, and has calls forwarded.
    Service,
    /// A person or a monitor that looks on.
    Viewer,
    /// A person who runs the accounts.
    Operator,
    /// Everything.
    Admin,
}

impl Role {
    /// All roles.
    pub const ALL: [Self; 4] = [Self::Service, Self::Viewer, Self::Operator, Self::Admin];

    /// The name it has everywhere.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Service => "service",
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::Admin => "admin",
        }
    }

    /// What it may do.
    pub fn rights(self) -> BTreeSet<Right> {
        use Right::{
            Admin, Gateway, QuotaClear, StatusRead, Ticket, TokenRead, TokenReport, TokenRotate,
        };
        let service = [TokenRead, TokenReport, Gateway, Ticket];
        match self {
            Self::Service => service.into(),
            Self::Viewer => [StatusRead].into(),
            Self::Operator => {
                service.into_iter().chain([StatusRead, TokenRotate, QuotaClear]).collect()
            }
            Self::Admin => [Admin].into(),
        }
    }
}

/// The accounts a key is for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Accounts {
    /// Every account, those added later too.
    All,
    /// These only.
    Only(BTreeSet<AccountId>),
}

impl Accounts {
    /// Whether `account` is among them.
    pub fn contains(&self, account: &AccountId) -> bool {
        match self {
            Self::All => true,
            Self::Only(accounts) => accounts.contains(account),
        }
    }
}

/// The hash under which a key is kept and looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct KeyHash([u8; 32]);

impl KeyHash {
    /// The hash of a whole key.
    pub fn of(key: &str) -> Self {
        Self(*blake3::hash(key.as_bytes()).as_bytes())
    }

    /// A hash that was stored.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes to store.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// A new key: what is stored, and the one time that the key itself is seen.
#[derive(Debug)]
pub struct NewKey {
    /// What the store keeps.
    pub record: ApiKey,
    /// What the client is given.
    pub key: Secret,
}

impl NewKey {
    /// Makes a key from 30 random bytes. It reads `lp_<id>_<48 hexadecimal digits>`, URL-safe, so that it fits where an
    /// SDK puts an AppSecret.
    pub fn from_random(
        random: [u8; 30],
        name: &str,
        rights: BTreeSet<Right>,
        accounts: Accounts,
        at: Timestamp,
    ) -> Self {
        let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        let id = format!("lp_{}", hex(&random[..6]));
        let key = Secret::from(format!("{id}_{}", hex(&random[6..])));
        let record = ApiKey {
            id,
            name: name.to_owned(),
            hash: KeyHash::of(key.expose()),
            virtual_hash: Some(virtual_token::hash_for(key.expose())),
            environment: Environment::default(),
            rights,
            accounts,
            networks: Vec::new(),
            bounds: Bounds::default(),
            domains: Vec::new(),
            preset: Preset::default(),
            created_at: at,
            expires_at: None,
            revoked_at: None,
            first_used_at: None,
        };
        Self { record, key }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(rights: &[Right], accounts: Accounts) -> ApiKey {
        let rights = rights.iter().copied().collect();
        NewKey::from_random([7; 30], "orders", rights, accounts, Timestamp::default()).record
    }

    #[test]
    fn a_key_allows_its_rights_on_its_accounts_and_nothing_else() {
        let mine: AccountId = "wx1".parse().unwrap();
        let other: AccountId = "wx2".parse().unwrap();
        let now = Timestamp::from_millis(1000);
        let key = key(&[Right::TokenRead], Accounts::Only([mine.clone()].into()));
        assert_eq!(key.allows(Right::TokenRead, &mine, now), Ok(()));
        assert_eq!(key.allows(Right::TokenRead, &other, now), Err(Denied::Account));
        assert_eq!(
            key.allows(Right::TokenReport, &mine, now),
            Err(Denied::Right(Right::TokenReport))
        );
    }

    #[test]
    fn a_revoked_or_expired_key_allows_nothing() {
        let account: AccountId = "wx1".parse().unwrap();
        let now = Timestamp::from_millis(1000);
        let mut admin = key(&[Right::Admin], Accounts::All);
        assert_eq!(admin.allows(Right::TokenReport, &account, now), Ok(()));
        admin.expires_at = Some(now);
        assert_eq!(admin.allows(Right::TokenRead, &account, now), Err(Denied::Expired));
        admin.revoked_at = Some(now);
        assert_eq!(admin.allows(Right::TokenRead, &account, now), Err(Denied::Revoked));
    }

    #[test]
    fn a_key_for_some_networks_is_of_no_use_elsewhere() {
        let account: AccountId = "wx1".parse().unwrap();
        let now = Timestamp::from_millis(1000);
        let mut admin = key(&[Right::Admin], Accounts::All);
        let from = |key: &ApiKey, peer: &str| {
            key.allows_from(peer.parse().unwrap(), Right::TokenRead, &account, now)
        };
        assert_eq!(from(&admin, "203.0.113.7"), Ok(()));
        admin.networks = vec!["10.0.0.0/8".parse().unwrap(), "::1".parse().unwrap()];
        assert_eq!(from(&admin, "10.1.2.3"), Ok(()));
        assert_eq!(from(&admin, "::1"), Ok(()));
        assert_eq!(from(&admin, "203.0.113.7"), Err(Denied::Network));
    }

    #[test]
    fn virtual_tokens_are_for_those_who_may_use_the_gateway_and_see_no_real_one() {
        let given =
            |rights: &[Right]| key(rights, Accounts::All).is_given_virtual_tokens(Right::TokenRead);
        assert!(given(&[Right::Gateway]) && given(&[Right::Gateway, Right::SecretLogin]));
        assert!(!given(&[Right::Gateway, Right::TokenRead]) && !given(&[Right::Admin]));
        assert!(!given(&[Right::Ticket]));
        let old = ApiKey { virtual_hash: None, ..key(&[Right::Gateway], Accounts::All) };
        assert!(
            !old.is_given_virtual_tokens(Right::TokenRead),
            "it would not be known at the gateway"
        );
    }

    #[test]
    fn a_key_that_was_stored_before_there_were_networks_and_presets_is_good() {
        let stored = serde_json::json!({
            "id": "lp_1", "name": "orders", "hash": vec![0; 32], "rights": ["token:read", "admin"], "accounts": "all",
            "created_at": 0, "expires_at": null, "revoked_at": null,
        });
        let key: ApiKey = serde_json::from_value(stored).unwrap();
        assert!(key.networks.is_empty() && key.preset == Preset::Default);
    }

    #[test]
    fn the_record_of_a_new_key_does_not_hold_the_key() {
        let new = NewKey::from_random(
            [9; 30],
            "orders",
            BTreeSet::new(),
            Accounts::All,
            Timestamp::default(),
        );
        let (_, secret_part) = new.key.expose().rsplit_once('_').unwrap();
        assert!(!format!("{:?}", new.record).contains(secret_part));
        assert_eq!(new.record.hash, KeyHash::of(new.key.expose()));
    }
}
