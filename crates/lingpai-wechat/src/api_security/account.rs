//! What an account's keys are good for: whether they are keys at all, and which calls are sealed with them.

use lingpai_core::api_security::NumberedKey;
use lingpai_core::{AccountId, ApiSecurityKeys, PathGlob};

use super::keys::{InvalidKey, PlatformKey, SigningKey, SymmetricKey};
use super::seal::ApiSecurity;

/// The calls that WeChat's pages of them say can be sealed, as SDKs have collected them (WxJava: `urlPathSupportApiSignature`,
/// 2024). Left out are those whose answer is a picture, those by `GET`, and those that Lingpai makes itself.
const DOCUMENTED: &[&str] = &[
    "/cgi-bin/message/custom/send",
    "/cgi-bin/message/subscribe/send",
    "/cgi-bin/message/wxopen/updatablemsg/send",
    "/cgi-bin/soter/verify_signature",
    "/datacube/getweanalysisappiddailyretaininfo",
    "/datacube/getweanalysisappiddailysummarytrend",
    "/datacube/getweanalysisappiddailyvisittrend",
    "/datacube/getweanalysisappidmonthlyretaininfo",
    "/datacube/getweanalysisappidmonthlyvisittrend",
    "/datacube/getweanalysisappiduserportrait",
    "/datacube/getweanalysisappidvisitdistribution",
    "/datacube/getweanalysisappidvisitpage",
    "/datacube/getweanalysisappidweeklyretaininfo",
    "/datacube/getweanalysisappidweeklyvisittrend",
    "/wxa/business/checkencryptedmsg",
    "/wxa/business/getuserphonenumber",
    "/wxa/business/performance/boot",
    "/wxa/devplugin",
    "/wxa/getpluginopenpid",
    "/wxa/getuserriskrank",
    "/wxa/getwxadevinfo",
    "/wxa/media_check_async",
    "/wxa/msg_sec_check",
    "/wxa/plugin",
    "/wxa/servicemarket",
    "/wxaapi/log/get_performance",
    "/wxaapi/log/jserr_detail",
    "/wxaapi/log/jserr_list",
    "/wxaapi/newtmpl/addtemplate",
    "/wxaapi/newtmpl/deltemplate",
];
/// Those of deliveries within a city (同城配送), which are refused unless they are sealed.
const INTRACITY: &str = "/cgi-bin/express/intracity/";

impl ApiSecurity {
    /// What an account's keys make, if each of them is one.
    ///
    /// # Errors
    /// The first key that is none.
    pub fn of(account: &AccountId, keys: &ApiSecurityKeys) -> Result<Self, InvalidKey> {
        keys.check()?;
        let symmetric = |key: &NumberedKey| SymmetricKey::new(&key.serial, &key.key);
        let platform = |key: &NumberedKey| PlatformKey::from_pem(&key.serial, key.key.expose());
        let signing = SigningKey::from_pem(&keys.private.serial, &keys.private.key)?;
        let previous = keys.previous_symmetric.as_ref().map(symmetric).transpose()?;
        let platforms = [Some(&keys.platform), keys.other_platform.as_ref()];
        let platforms: Vec<_> =
            platforms.into_iter().flatten().map(platform).collect::<Result<_, _>>()?;
        if platforms.iter().any(|platform| signing.is_pair_of(platform)) {
            return Err(InvalidKey::OwnKey);
        }
        let mut made = Self::new(account.as_str(), symmetric(&keys.symmetric)?, signing, platforms);
        made.previous_symmetric = previous;
        made.proven()
    }

    /// These keys, if a call that is sealed with them opens again.
    fn proven(self) -> Result<Self, InvalidKey> {
        const URL: &str = "https://api.weixin.qq.com/";
        for key in std::iter::once(&self.symmetric).chain(&self.previous_symmetric) {
            let sealed = self.seal_with(key, URL, &[], b"{}", 1).map_err(|_| InvalidKey::Unfit)?;
            self.decrypted(URL, sealed.body.as_bytes(), 1).ok_or(InvalidKey::Unfit)?;
        }
        Ok(self)
    }
}

/// Whether calls of this path are sealed for an account that has these keys.
pub fn is_sealed(calls: Option<&[PathGlob]>, path: &str) -> bool {
    match calls {
        Some(calls) => calls.iter().any(|glob| glob.matches(path)),
        None => DOCUMENTED.binary_search(&path).is_ok() || path.starts_with(INTRACITY),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_documented_is_sealed_unless_others_are_named() {
        assert!(DOCUMENTED.is_sorted());
        for path in ["/wxa/getuserriskrank", "/cgi-bin/express/intracity/createstore"] {
            assert!(is_sealed(None, path), "{path}");
        }
        for path in ["/wxa/getwxacode", "/cgi-bin/user/info", "/wxa/getuserriskrank/x"] {
            assert!(!is_sealed(None, path), "{path}");
        }
        let named = ["/wxa/business/*".parse().unwrap()];
        assert!(is_sealed(Some(&named), "/wxa/business/getliveinfo"));
        assert!(!is_sealed(Some(&named), "/wxa/getuserriskrank"));
    }
}
