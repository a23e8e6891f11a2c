//! Where a client runs, and what that alone forbids.

use serde::{Deserialize, Serialize};

use crate::client::Right;

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

    /// How much of an account's daily budget of calls all its clients of this environment may use, in percent.
    pub const fn share(self) -> u32 {
        match self {
            Self::Production => 100,
            Self::Test => 20,
            Self::Dev => 10,
        }
    }
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
}
