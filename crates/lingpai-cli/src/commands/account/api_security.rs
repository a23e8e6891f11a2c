//! `lingpai account set-api-security`: the keys with which an account's calls are encrypted and signed. They come from files,
//! the symmetric one also from a hidden prompt, never from an argument, which other users of the machine see.

use std::path::Path;
use std::sync::Arc;

use lingpai_core::api_security::NumberedKey;
use lingpai_core::{Account, AccountId, ApiSecurityKeys, Secret};
use lingpai_wechat::api_security::ApiSecurity;
use serde_json::{Value, json};

use super::typed::Asking;
use crate::args::WantedApiSecurity;
use crate::config::api_security::no_api_security;
use crate::config::secret::{bare, trimmed};
use crate::error::Error;
use crate::language::{self, either, say};

/// Takes the keys; none if the account is to have none any more.
pub(super) fn take(
    account: &AccountId,
    from: &WantedApiSecurity,
) -> Result<Option<Arc<ApiSecurityKeys>>, Error> {
    if from.remove {
        return Ok(None);
    }
    // The arguments are not understood without these.
    let serial = |serial: &Option<String>| serial.clone().unwrap_or_default().into_boxed_str();
    let whole = |file: &Option<_>, option, number: &Option<String>| {
        let key = from_file(Option::as_deref(file), option)?;
        Ok::<_, Error>(NumberedKey { serial: serial(number), key })
    };
    let previous_symmetric = match &from.previous_symmetric_key_file {
        None => None,
        Some(file) => Some(NumberedKey {
            serial: serial(&from.previous_symmetric_serial),
            key: symmetric(Some(file), "--previous-symmetric-key-file")?,
        }),
    };
    let other_platform = match &from.other_certificate_file {
        None => None,
        file => Some(whole(file, "--other-certificate-file", &from.other_certificate_serial)?),
    };
    let keys = ApiSecurityKeys {
        private: whole(&from.private_key_file, "--private-key-file", &from.private_serial)?,
        platform: whole(&from.certificate_file, "--certificate-file", &from.certificate_serial)?,
        symmetric: NumberedKey {
            serial: serial(&from.symmetric_serial),
            key: symmetric(from.symmetric_key_file.as_deref(), "--symmetric-key-file")?,
        },
        previous_symmetric,
        other_platform,
        calls: (!from.call.is_empty()).then(|| from.call.clone()),
    };
    match ApiSecurity::of(account, &keys) {
        Ok(_) => Ok(Some(Arc::new(keys))),
        Err(why) => Err(Error::said(why.told(language::current()))),
    }
}

/// As the server reads them.
pub(super) fn to_json(keys: Option<&ApiSecurityKeys>) -> Value {
    let Some(keys) = keys else { return json!({"api_security": null}) };
    let key = |key: &NumberedKey| json!({"serial": key.serial, "key": key.key.expose()});
    let mut wanted = json!({
        "symmetric": key(&keys.symmetric), "private": key(&keys.private), "certificate": key(&keys.platform),
    });
    for (name, other) in [
        ("previous_symmetric", &keys.previous_symmetric),
        ("other_certificate", &keys.other_platform),
    ] {
        if let Some(other) = other {
            wanted[name] = key(other);
        }
    }
    if let Some(calls) = &keys.calls {
        wanted["calls"] = calls.iter().map(|call| call.as_str()).collect();
    }
    json!({"api_security": wanted})
}

/// What has become of the account.
pub(super) fn told(id: &AccountId, keys: Option<&ApiSecurityKeys>) -> String {
    match keys {
        Some(keys) => say!(
            "The account {id} carries API security keys ({serials}). The gateway encrypts and signs its calls with them and \
             proves WeChat's answers, within seconds.",
            "账号 {id} 已有 API 安全密钥（{serials}）。网关几秒内开始用它们加密并签名该账号的调用，并验证微信的应答。",
            serials = serials(keys)
        ),
        None => say!(
            "The account {id} carries no API security keys any more. Its calls are neither encrypted nor signed.",
            "账号 {id} 不再有 API 安全密钥，其调用不再加密和签名。"
        ),
    }
}

/// The numbers of the keys, which is all that is shown of them.
pub(super) fn serials(keys: &ApiSecurityKeys) -> String {
    let mut serials = vec![
        say!("symmetric {serial}", "对称 {serial}", serial = keys.symmetric.serial),
        say!("private {serial}", "非对称 {serial}", serial = keys.private.serial),
        say!("certificate {serial}", "平台证书 {serial}", serial = keys.platform.serial),
    ];
    if let Some(key) = &keys.previous_symmetric {
        serials.push(say!("symmetric before {serial}", "上一个对称 {serial}", serial = key.serial));
    }
    if let Some(key) = &keys.other_platform {
        serials.push(say!(
            "other certificate {serial}",
            "另一平台证书 {serial}",
            serial = key.serial
        ));
    }
    serials.join(either(", ", "、"))
}

/// The same in JSON.
pub(super) fn shown(keys: &ApiSecurityKeys) -> Value {
    let serial = |key: &Option<NumberedKey>| key.as_ref().map(|key| key.serial.clone());
    json!({
        "symmetric": keys.symmetric.serial, "private": keys.private.serial, "certificate": keys.platform.serial,
        "previous_symmetric": serial(&keys.previous_symmetric), "other_certificate": serial(&keys.other_platform),
        "calls": keys.calls,
    })
}

/// Refuses keys for an account for which WeChat has no such page.
pub(super) fn refuse_unfit(account: &Account) -> Result<(), Error> {
    match account.kind.has_api_security() || account.api_security.is_none() {
        true => Ok(()),
        false => Err(Error::said(no_api_security().to_owned())),
    }
}

fn symmetric(file: Option<&Path>, option: &'static str) -> Result<Secret, Error> {
    let what = either("the symmetric key", " API 对称密钥");
    let prompt = either("Symmetric key (not shown): ", "API 对称密钥（输入时不显示）：");
    let (text, origin) = Asking { what, prompt, option, file }.text()?;
    bare(&text, &origin).map_err(Error::said)
}

fn from_file(file: Option<&Path>, option: &'static str) -> Result<Secret, Error> {
    let what = either("the key", "密钥");
    let (text, origin) = Asking { what, prompt: "", option, file }.text()?;
    trimmed(&text, &origin).map_err(Error::said)
}
