//! The proxy of an account, as a person gives it: the URL as an argument, its password in another way.

use std::io::{self, IsTerminal};
use std::path::Path;

use lingpai_core::proxy::{InvalidProxy, Login};
use lingpai_core::{AccountId, Proxy, Secret};

use super::typed::Asking;
use crate::config::secret::bare;
use crate::error::Error;
use crate::language::{either, say};

/// Whether standard input is there for the password, or for something else.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Input {
    ForPassword,
    Taken,
}

impl Input {
    /// The option that names the password's file where standard input is for this.
    fn option(self) -> &'static str {
        match self {
            Self::ForPassword => "--password-file",
            Self::Taken => "--proxy-password-file",
        }
    }
}

/// Takes the proxy and its password, if the URL names a user.
pub(super) fn take(
    account: &AccountId,
    url: &str,
    password_file: Option<&Path>,
    input: Input,
) -> Result<Proxy, Error> {
    let proxy: Proxy = url
        .parse()
        .map_err(|error: InvalidProxy| Error::said(say!("{error}", "这不是代理的 URL：{error}")))?;
    let Some(Login { user, password }) = proxy.login() else {
        return match password_file {
            None => Ok(proxy),
            Some(_) => Err(Error::said(either(
                "this is the password of a proxy whose user is not named: write the URL as http://USER@HOST:PORT",
                "这里给出了代理的密码，但没有写用户名：请把 URL 写成 http://用户名@主机:端口",
            ))),
        };
    };
    if !password.expose().is_empty() {
        return Err(Error::said(say!(
            "a password must not be an argument, which other users of this machine see. Leave it out of the URL: it is \
             asked for, or comes from the file that {option} names",
            "密码不能作为参数：本机的其他用户看得到。请从 URL 中去掉：会提示输入，也可以用 {option} 指定存放它的文件",
            option = input.option()
        )));
    }
    if password_file.is_none() && input == Input::Taken && !io::stdin().is_terminal() {
        return Ok(proxy);
    }
    let prompt = say!(
        "Password of {user} at the proxy of {account} (not shown; empty if there is none): ",
        "{account} 的代理的用户 {user} 的密码（输入时不显示；没有则留空）："
    );
    let asking = Asking {
        what: either("the proxy's password", "代理的密码"),
        prompt: &prompt,
        option: input.option(),
        file: password_file,
    };
    let (text, origin) = asking.text()?;
    if text.expose().trim().is_empty() && password_file.is_none() {
        return Ok(proxy);
    }
    let password: Secret = bare(&text, &origin).map_err(Error::said)?;
    Ok(proxy.clone().with_password(password).unwrap_or(proxy))
}
