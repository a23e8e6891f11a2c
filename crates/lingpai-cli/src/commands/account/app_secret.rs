//! Where an AppSecret comes from that a person gives: a file, a hidden prompt, or standard input. Never an argument, which
//! other users of the machine see.

use std::io::{self, IsTerminal, Read};

use lingpai_core::{AccountId, Secret};

use crate::args::AppSecret;
use crate::config::secret::bare;
use crate::error::{Deed, Error};
use crate::language::{either, say};
use crate::output;

/// No AppSecret comes near it. What is longer is some other file.
const MOST: u64 = 4096;

/// Takes the secret, refuses what is none, and warns of what does not look like one.
pub(super) fn take(account: &AccountId, from: &AppSecret) -> Result<Secret, Error> {
    let (text, origin) = match &from.file {
        Some(path) => {
            let text = std::fs::File::open(path).and_then(read).map_err(|source| Error::File {
                path: path.clone(),
                deed: Deed::Read,
                advice: either(
                    "Name the file that holds the AppSecret",
                    "请指定存放 AppSecret 的文件",
                ),
                source,
            })?;
            (text, say!("the file {path}", "文件 {path}", path = path.display()))
        }
        None if io::stdin().is_terminal() => {
            let prompt = say!(
                "AppSecret of {account} (not shown): ",
                "{account} 的 AppSecret（输入时不显示）："
            );
            let what = either(
                "the AppSecret could not be read from the terminal. Put it into a file and use --secret-file",
                "无法从终端读取 AppSecret。请把它放进文件，并使用 --secret-file",
            );
            let text = rpassword::prompt_password(prompt)
                .map_err(|source| Error::System { what, source })?;
            (Secret::from(text), either("what was typed", "输入").to_owned())
        }
        None => {
            let what = either(
                "standard input cannot be read. Put the AppSecret into a file and use --secret-file",
                "无法读取标准输入。请把 AppSecret 放进文件，并使用 --secret-file",
            );
            let text = read(io::stdin()).map_err(|source| Error::System { what, source })?;
            (text, either("standard input", "标准输入").to_owned())
        }
    };
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

fn read(from: impl Read) -> io::Result<Secret> {
    let mut text = String::new();
    from.take(MOST).read_to_string(&mut text)?;
    Ok(Secret::from(text))
}

fn looks_like_one(secret: &str) -> bool {
    secret.len() == 32 && secret.bytes().all(|byte| byte.is_ascii_hexdigit())
}
