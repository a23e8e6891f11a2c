//! `api-security` of an `[[account]]`: the keys with which its calls are encrypted and signed.

use std::path::Path;
use std::sync::Arc;

use lingpai_core::api_security::NumberedKey;
use lingpai_core::{AccountId, ApiSecurityKeys, PathGlob};
use lingpai_wechat::api_security::ApiSecurity;
use toml::de::DeValue;

use super::mistake::Place;
use super::secret::Reference;
use super::section::{Section, meaning, name_of};
use crate::language::{self, either, say};

/// Reads them, if they are there, for the account of this name.
pub(super) fn read(
    account: &mut Section<'_>,
    id: Option<&AccountId>,
    base: &Path,
) -> Option<Arc<ApiSecurityKeys>> {
    let reading = account.reading();
    let value = account.value("api-security")?;
    let place = Place::File(value.span());
    let DeValue::Table(table) = value.get_ref() else {
        let what = say!(
            "`api-security` is a table, not {sort}: write `[account.api-security]` and its keys below it",
            "`api-security` 应为表，而不是{sort}：请写 `[account.api-security]`，并在它下面写各个密钥",
            sort = name_of(value.get_ref())
        );
        reading.mistake(place, what);
        return None;
    };
    let mut section = Section::new(reading, Some(table), value.span(), None);
    for key in ["symmetric-key", "private-key", "certificate"] {
        section.require(
            key,
            either(
                "say where it is: `{ env = \"NAME\" }` or `{ file = \"PATH\" }`",
                "请写明它在哪里：`{ env = \"变量名\" }` 或 `{ file = \"路径\" }`",
            ),
        );
    }
    for key in ["symmetric-serial", "private-serial", "certificate-serial"] {
        section.require(
            key,
            either(
                "the number that WeChat's console shows beside the key",
                "请写微信后台在密钥旁显示的编号",
            ),
        );
    }
    let mut numbered = |key, serial| {
        let key = Reference::fetched_text(&mut section, key, base);
        let serial = section.text(serial, |text| Ok(text.to_owned()));
        let (key, serial) = (key?, serial?);
        Some(NumberedKey { serial: serial.value.into(), key: key.value })
    };
    let symmetric = numbered("symmetric-key", "symmetric-serial");
    let private = numbered("private-key", "private-serial");
    let platform = numbered("certificate", "certificate-serial");
    let previous_symmetric = numbered("previous-symmetric-key", "previous-symmetric-serial");
    let other_platform = numbered("other-certificate", "other-certificate-serial");
    let calls = section.list("calls", meaning::<PathGlob>);
    section.end();
    let keys = ApiSecurityKeys {
        symmetric: symmetric?,
        previous_symmetric,
        private: private?,
        platform: platform?,
        other_platform,
        calls,
    };
    match ApiSecurity::of(id?, &keys) {
        Ok(_) => Some(Arc::new(keys)),
        Err(why) => {
            let why = why.told(language::current());
            reading.mistake(place, say!("`api-security`: {why}", "`api-security`：{why}"));
            None
        }
    }
}

/// What is wrong with keys of an account whose kind has none.
pub(crate) fn no_api_security() -> &'static str {
    either(
        "WeChat has no API security for accounts of this kind: it is for mini programs and Official Accounts",
        "微信没有为这类账号提供 API 安全：它用于小程序与公众号",
    )
}
