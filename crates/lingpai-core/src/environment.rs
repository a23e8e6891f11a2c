//! Where a client runs, and what that alone forbids.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::client::{Right, Role};

/// Where a client runs. A mistake on a developer's machine must not cost production its token or its quota: whatever
/// rights a key of [`Environment::Dev`] or [`Environment::Test`] was given, it can neither report, rotate, clear quota
/// nor manage.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Environment {
    /// What customers see.
    #[default]
    Production,
    /// A test system.
    Test,
    /// A developer's machine.
    Dev,
}

impl Environment {
    /// All environments.
    pub const ALL: [Self; 3] = [Self::Production, Self::Test, Self::Dev];

    /// The name it has everywhere.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Production => "production",
            Self::Test => "test",
            Self::Dev => "dev",
        }
    }

    /// Whether a key of this environment may have this right.
    pub const fn allows(self, right: Right) -> bool {
        match self {
            Self::Production => true,
            Self::Test | Self::Dev => !matches!(
                right,
                Right::TokenReport | Right::TokenRotate | Right::QuotaClear | Right::Admin
            ),
        }
    }

    /// The rights of a new key of this environment: those named, and those of its role. Of a service's, which are for
    /// every environment, it is given what this one allows.
    ///
    /// # Errors
    /// [`Harmful`] if anything else is among them that this environment forbids. A key that does less than it was made
    /// for would be found out when it is needed.
    pub fn grant(
        self,
        role: Option<Role>,
        named: BTreeSet<Right>,
    ) -> Result<BTreeSet<Right>, Harmful> {
        let mut rights = named;
        let of_role = role.map(Role::rights).unwrap_or_default();
        let trimmed = role == Some(Role::Service);
        rights.extend(of_role.into_iter().filter(|right| !trimmed || self.allows(*right)));
        let harmful: Vec<_> = rights.iter().copied().filter(|right| !self.allows(*right)).collect();
        if harmful.is_empty() {
            Ok(rights)
        } else {
            Err(Harmful { environment: self, rights: harmful })
        }
    }

    /// How much of an account's daily budget of calls all its clients of this environment may use, in percent.
    pub const fn share(self) -> u32 {
        match self {
            Self::Production => 100,
            Self::Test => 20,
            Self::Dev => 10,
        }
    }
}

/// A key was asked for that its environment would keep from what it is for.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "a key of the environment `{}` can neither report, rotate, clear quota nor manage, so it cannot have {}. Leave that \
     out, or make it a key of `production`",
    environment.as_str(),
    listed(rights)
)]
pub struct Harmful {
    /// The environment.
    pub environment: Environment,
    /// The rights that it forbids.
    pub rights: Vec<Right>,
}

fn listed(rights: &[Right]) -> String {
    rights.iter().map(|right| format!("`{}`", right.as_str())).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::{Accounts, NewKey};
    use crate::time::Timestamp;

    #[test]
    fn a_key_of_a_test_system_harms_nobody_whatever_its_rights() {
        let all = Right::ALL.into();
        let mut key =
            NewKey::from_random([1; 30], "ci", all, Accounts::All, Timestamp::default()).record;
        for environment in Environment::ALL {
            key.environment = environment;
            let is_production = environment == Environment::Production;
            for harmful in [Right::TokenReport, Right::TokenRotate, Right::QuotaClear, Right::Admin]
            {
                assert_eq!(key.has(harmful), is_production, "{environment:?} {harmful:?}");
            }
            assert!(key.has(Right::TokenRead) && key.has(Right::Gateway));
        }
    }

    #[test]
    fn a_key_is_not_made_for_what_its_environment_forbids() {
        use Right::{Gateway, StatusRead, Ticket, TokenRead, TokenReport};
        let dev = Environment::Dev;
        assert_eq!(
            dev.grant(Some(Role::Service), [StatusRead].into()),
            Ok([TokenRead, Gateway, Ticket, StatusRead].into())
        );
        assert_eq!(dev.grant(Some(Role::Viewer), BTreeSet::new()), Ok([StatusRead].into()));
        let refused = dev.grant(Some(Role::Service), [TokenReport].into()).unwrap_err();
        assert_eq!(refused.rights, [TokenReport]);
        for role in [Role::Operator, Role::Admin] {
            assert!(dev.grant(Some(role), BTreeSet::new()).is_err());
            let production = Environment::Production.grant(Some(role), BTreeSet::new());
            assert_eq!(production, Ok(role.rights()));
        }
    }
}
