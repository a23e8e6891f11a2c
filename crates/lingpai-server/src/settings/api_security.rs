//! The keys of an account's API security in JSON: they go in, and only their numbers come out.

use std::sync::Arc;

use lingpai_core::api_security::NumberedKey;
use lingpai_core::{AccountId, ApiSecurityKeys, PathGlob, Secret};
use lingpai_wechat::api_security::ApiSecurity;
use serde::{Deserialize, Serialize};

use crate::language::{Bilingual, Language};

/// What is wrong with keys of an account whose kind has none.
pub(super) const NONE: Bilingual = Bilingual::fixed(
    "`api_security` is for mini programs and Official Accounts: WeChat has none for accounts of this kind",
    "`api_security` 用于小程序与公众号：微信没有为这类账号提供 API 安全",
);

/// The keys that an account is to have.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ApiSecurityWanted {
    symmetric: KeyWanted,
    previous_symmetric: Option<KeyWanted>,
    private: KeyWanted,
    certificate: KeyWanted,
    other_certificate: Option<KeyWanted>,
    calls: Option<Vec<PathGlob>>,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyWanted {
    serial: Box<str>,
    key: Secret,
}

/// The numbers of the keys, and which calls are sealed if that is not left to what is documented.
#[derive(Serialize)]
pub(super) struct ApiSecurityAnswer {
    symmetric: Box<str>,
    previous_symmetric: Option<Box<str>>,
    private: Box<str>,
    certificate: Box<str>,
    other_certificate: Option<Box<str>>,
    calls: Option<Vec<PathGlob>>,
}

impl ApiSecurityWanted {
    /// The keys, if each is one.
    pub(super) fn of(self, account: &AccountId) -> Result<Arc<ApiSecurityKeys>, Bilingual> {
        let key = |wanted: KeyWanted| NumberedKey { serial: wanted.serial, key: wanted.key };
        let keys = ApiSecurityKeys {
            symmetric: key(self.symmetric),
            previous_symmetric: self.previous_symmetric.map(key),
            private: key(self.private),
            platform: key(self.certificate),
            other_platform: self.other_certificate.map(key),
            calls: self.calls,
        };
        match ApiSecurity::of(account, &keys) {
            Ok(_) => Ok(Arc::new(keys)),
            Err(why) => {
                let [english, chinese] =
                    [Language::English, Language::Chinese].map(|language| why.told(language));
                Err(Bilingual::made(
                    format!("`api_security`: {english}"),
                    format!("`api_security`：{chinese}"),
                ))
            }
        }
    }
}

impl From<&ApiSecurityKeys> for ApiSecurityAnswer {
    fn from(keys: &ApiSecurityKeys) -> Self {
        let serial = |key: &NumberedKey| key.serial.clone();
        Self {
            symmetric: serial(&keys.symmetric),
            previous_symmetric: keys.previous_symmetric.as_ref().map(serial),
            private: serial(&keys.private),
            certificate: serial(&keys.platform),
            other_certificate: keys.other_platform.as_ref().map(serial),
            calls: keys.calls.clone(),
        }
    }
}
