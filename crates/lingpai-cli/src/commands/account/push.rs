//! `lingpai account set-push`: how an account receives what WeChat pushes. Secrets come from files, hidden prompts or the
//! lines of standard input, never from an argument, which other users of the machine see.

use std::io::{self, BufRead, IsTerminal};
use std::path::Path;

use lingpai_core::push::Relay;
use lingpai_core::{AccountId, AccountKind, PushSettings, Secret};
use serde_json::{Value, json};

use crate::args::WantedPush;
use crate::config::secret::bare;
use crate::error::{Deed, Error};
use crate::language::{either, say};

/// Takes the settings; none if the account is to receive no pushes any more.
pub(super) fn take(from: &WantedPush) -> Result<Option<PushSettings>, Error> {
    if from.remove {
        return Ok(None);
    }
    let token =
        one(from.token_file.as_deref(), either("Token of the push URL", "消息推送的 Token"))?;
    let key = |file: &Option<_>, what: &str| one(Option::as_deref(file), what).map(Some);
    let aes_key =
        if from.mode.is_encrypted() { key(&from.aes_key_file, "EncodingAESKey")? } else { None };
    let previous_aes_key = match &from.previous_aes_key_file {
        None => None,
        file => key(file, "EncodingAESKey")?,
    };
    let relay = |url: &String| Relay { url: url.as_str().into(), form: from.relay_form };
    let push = PushSettings {
        token,
        aes_key,
        previous_aes_key,
        mode: from.mode,
        relay: from.relay.as_ref().map(relay),
        authorizer_relay: from.authorizer_relay.as_ref().map(relay),
    };
    push.check().map_err(|error| Error::said(say!("{error}", "这样的推送设置不能用：{error}")))?;
    Ok(Some(push))
}

/// What has become of the pushes of an account.
pub(super) fn told(id: &AccountId, kind: AccountKind, is_set: bool) -> String {
    if !is_set {
        return say!("The account {id} receives no pushes any more.", "账号 {id} 不再接收推送。");
    }
    let own = say!(
        "The account {id} receives pushes at /push/{id}: put this path of the server's address into WeChat's console.",
        "账号 {id} 在 /push/{id} 接收推送：请在微信后台填写服务器地址加此路径。"
    );
    if kind != AccountKind::Platform {
        return own;
    }
    say!(
        "{own} Messages of its authorizers (消息与事件接收URL) come to /push/{id}/$APPID$.",
        "{own}授权方的消息（消息与事件接收URL）填写 /push/{id}/$APPID$。"
    )
}

/// As the server reads it.
pub(super) fn to_json(push: Option<&PushSettings>) -> Value {
    let Some(push) = push else { return json!({"push": null}) };
    let clear = |secret: &Option<Secret>| secret.as_ref().map(|it| it.expose().to_owned());
    let relay = |relay: &Relay| json!({"url": relay.url.expose(), "form": relay.form.to_string()});
    json!({"push": {
        "token": push.token.expose(), "encoding_aes_key": clear(&push.aes_key),
        "previous_encoding_aes_key": clear(&push.previous_aes_key), "mode": push.mode.to_string(),
        "relay": push.relay.as_ref().map(relay),
        "authorizer_relay": push.authorizer_relay.as_ref().map(relay),
    }})
}

/// One secret.
fn one(file: Option<&Path>, what: &str) -> Result<Secret, Error> {
    let (text, origin) = match file {
        Some(path) => {
            let text = std::fs::read_to_string(path).map_err(|source| Error::File {
                path: path.to_owned(),
                deed: Deed::Read,
                advice: either("Name the file that holds it", "请指定存放它的文件"),
                source,
            })?;
            (text, say!("the file {path}", "文件 {path}", path = path.display()))
        }
        None if io::stdin().is_terminal() => {
            let prompt = say!("{what} (not shown): ", "{what}（输入时不显示）：");
            let unread = either(
                "it could not be read from the terminal. Put it into a file and name that",
                "无法从终端读取。请把它放进文件，并指定该文件",
            );
            let text = rpassword::prompt_password(prompt)
                .map_err(|source| Error::System { what: unread, source })?;
            (text, either("what was typed", "输入").to_owned())
        }
        None => {
            let mut line = String::new();
            let unread = either("standard input cannot be read", "无法读取标准输入");
            io::stdin()
                .lock()
                .read_line(&mut line)
                .map_err(|source| Error::System { what: unread, source })?;
            (line, say!("standard input ({what})", "标准输入（{what}）"))
        }
    };
    bare(&Secret::from(text), &origin).map_err(Error::said)
}
