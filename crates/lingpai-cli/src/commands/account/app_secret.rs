//! The AppSecret that a person gives.

use lingpai_core::{AccountId, Secret};

use super::typed::Asking;
use crate::args::AppSecret;
use crate::config::secret::bare;
use crate::error::Error;
use crate::language::{either, say};
use crate::output;

/// Takes the secret, refuses what is none, and warns of what does not look like one.
pub(super) fn take(account: &AccountId, from: &AppSecret) -> Result<Secret, Error> {
    let prompt =
        say!("AppSecret of {account} (not shown): ", "{account} 的 AppSecret（输入时不显示）：");
    let what = either("the AppSecret", " AppSecret");
    let file = from.file.as_deref();
    let (text, origin) = Asking { what, prompt: &prompt, option: "--secret-file", file }.text()?;
    let secret = bare(&text, &origin).map_err(Error::said)?;
    if !looks_like_one(secret.expose()) {
        output::tell(either(
            "warning: this does not look like an AppSecret, which is 32 digits and letters a to f. It is taken all the \
             same; if WeChat refuses it (40125), copy it again from the console of the account",
            "警告：这不像 AppSecret，它应是 32 位数字与字母 a 到 f。仍然采用；如果微信拒绝（40125），请到该账号的后台重新复制",
        ));
    }
    Ok(secret)
}

fn looks_like_one(secret: &str) -> bool {
    secret.len() == 32 && secret.bytes().all(|byte| byte.is_ascii_hexdigit())
}
