//! The AppSecret that a person gives.

use lingpai_core::{AccountId, Secret};

use super::typed::Asking;
use crate::args::AppSecret;
use crate::config::secret::bare;
use crate::error::Error;
use crate::language::{either, say};
use crate::output;

/// Takes the secret, refuses what is none, and warns of what does not look like one.
pub(crate) fn take(account: &AccountId, from: &AppSecret) -> Result<Secret, Error> {
    let prompt =
        say!("AppSecret of {account} (not shown): ", "{account} 的 AppSecret（输入时不显示）：");
    let what = either("the AppSecret", " AppSecret");
    let file = from.file.as_deref();
    let (text, origin) = Asking { what, prompt: &prompt, option: "--secret-file", file }.text()?;
    let secret = bare(&text, &origin).map_err(Error::said)?;
    let text = secret.expose();
    if account.corp_and_agent().is_some() {
        if !looks_like_wecoms(text) {
            output::tell(either(
                "warning: this does not look like the Secret of an application of WeCom, which is 43 letters, digits, `-` and \
                 `_`. It is taken all the same; if WeCom refuses it (40001), copy it again from the application's page",
                "警告：这不像企业微信应用的 Secret，它应是 43 位字母、数字、`-` 和 `_`。仍然采用；如果企业微信拒绝（40001），请到该应用\
                 的页面重新复制",
            ));
        }
    } else if !looks_like_one(text) {
        output::tell(either(
            "warning: this does not look like an AppSecret, which is 32 digits and letters a to f. It is taken all the \
             same; if WeChat refuses it (40125), copy it again from the console of the account",
            "警告：这不像 AppSecret，它应是 32 位数字与字母 a 到 f。仍然采用；如果微信拒绝（40125），请到该账号的后台重新复制",
        ));
    }
    Ok(secret)
}

fn looks_like_wecoms(secret: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    secret.len() == 43 && secret.bytes().all(fits)
}

fn looks_like_one(secret: &str) -> bool {
    secret.len() == 32 && secret.bytes().all(|byte| byte.is_ascii_hexdigit())
}
