//! `lingpai account set-mode`, `keep`, `adopt` and `release`: an account moves to the other family of tokens, is taken over
//! without a fetch, and is handed back with its token.

use lingpai_core::{AccountKind, Mode, Secret, StoreError, StoreErrorKind};
use lingpai_store::{Deposit, RedisAddress};
use serde::Deserialize;
use serde_json::{Value, json};

use super::typed::Asking;
use crate::args::{Adopt, Keep, Release, SetMode};
use crate::client::Client;
use crate::config::Environment;
use crate::config::account::{kind_name, mode_name};
use crate::config::secret::bare;
use crate::error::Error;
use crate::language::{either, say};
use crate::output;

/// Changes the family that the next token is of. Those that clients hold are of the other one, which lives on by itself.
pub(crate) async fn set_mode(options: SetMode, environment: Environment<'_>) -> Result<(), Error> {
    let client = Client::of(&options.asked, environment)?;
    let (account, mode) = (&options.account, options.mode);
    let wanted = json!({"mode": mode_name(mode)});
    let changed = client.patch(&format!("/v1/accounts/{account}"), &wanted).await?;
    // A server that is newer may have a kind that is not known here.
    if let Ok(kind) = AccountKind::deserialize(&changed["kind"])
        && !has_two_families(kind)
    {
        let kind = kind_name(kind);
        output::tell(&say!(
            "Nothing changes: the tokens of an account of the kind {kind} come from one place only, whatever its mode.",
            "没有任何变化：{kind} 类账号的凭据只有一种获取方式，与模式无关。"
        ));
        return Ok(());
    }
    output::tell(&match mode {
        Mode::Stable => say!(
            "The account {account} is in stable mode. Its present token stays good to its end; the next one comes from \
             /cgi-bin/stable_token. Others may fetch there too, as long as nobody uses force_refresh.",
            "账号 {account} 已改为稳定版(stable)模式。现有凭据到期之前一直有效；下一个来自 /cgi-bin/stable_token。其他程序可以同时从那里\
             获取，但都不能使用 force_refresh。"
        ),
        Mode::Classic => say!(
            "The account {account} is in classic mode. Its present token stays good to its end; the next one comes from \
             /cgi-bin/token, where each fetch replaces the one before: nobody else may fetch there. Whoever fetches from \
             /cgi-bin/stable_token may go on.",
            "账号 {account} 已改为普通(classic)模式。现有凭据到期之前一直有效；下一个来自 /cgi-bin/token，在那里每次获取都会更换凭据：\
             不能再有其他程序从那里获取。从 /cgi-bin/stable_token 获取的程序可以继续运行。"
        ),
    });
    output::tell(&say!(
        "To have that one before the next renewal is due: lingpai rotate {account}",
        "不等下次刷新、提前更换：lingpai rotate {account}"
    ));
    Ok(())
}

/// Whether there are two families of tokens for accounts of this kind. What acts for others, or for which another acts, and WeCom
/// have one.
fn has_two_families(kind: AccountKind) -> bool {
    matches!(kind, AccountKind::OfficialAccount | AccountKind::MiniProgram | AccountKind::MiniGame)
}

/// Changes whether anything is fetched.
pub(crate) async fn keep(options: Keep, environment: Environment<'_>) -> Result<(), Error> {
    let client = Client::of(&options.asked, environment)?;
    let (account, keeping) = (&options.account, options.keeping.as_str());
    client.patch(&format!("/v1/accounts/{account}"), &json!({"keeping": keeping})).await?;
    output::tell(&match keeping {
        "managed" => say!(
            "The account {account} is managed: its tokens are fetched, and renewed ahead of their end.",
            "账号 {account} 由 Lingpai 维护：获取凭据，并在到期前刷新。"
        ),
        "observe" => say!(
            "The account {account} is only observed: nothing is fetched for it. Give it the token in use: lingpai account \
             adopt {account}",
            "账号 {account} 仅观察，不获取凭据。请交给它正在使用的凭据：lingpai account adopt {account}"
        ),
        _ => say!(
            "The account {account} is paused: its token is served to its end, and no other is fetched.",
            "账号 {account} 已暂停：现有凭据用到到期为止，不再获取新的。"
        ),
    });
    Ok(())
}

/// Hands a live token to the server.
pub(crate) async fn adopt(options: Adopt, environment: Environment<'_>) -> Result<(), Error> {
    let client = Client::of(&options.asked, environment)?;
    let account = &options.account;
    let prompt = say!("The token of {account} (not shown): ", "{account} 的凭据（输入时不显示）：");
    let what = either("the token", "凭据");
    let file = options.token_file.as_deref().filter(|file| file.as_os_str() != "-");
    let (text, kept_for) = match (&options.redis, &options.redis_key) {
        (Some(redis), Some(key)) => in_redis(redis, key, &options).await?,
        _ => {
            let asking = Asking { what, prompt: &prompt, option: "--token-file", file };
            (asking.text()?.0, None)
        }
    };
    if text.expose().trim().is_empty() {
        return Err(Error::said(either(
            "there is no token: what was given is empty. Nothing was changed",
            "没有凭据：给出的内容为空。没有做任何修改",
        )));
    }
    let (token, stated) = read(text.expose());
    // The key may live longer than the token that stands in it, and the other way round.
    let stated = stated.into_iter().chain(kept_for).min();
    let expires_in = options.expires_in.or(stated).ok_or_else(|| {
        Error::said(either(
            "how long the token is still good is not known. Say --expires-in SECONDS, rather less than more: with Redis that is \
             `redis-cli TTL KEY`",
            "不知道凭据还有多久到期。请用 --expires-in 秒数 写明，宁短勿长；在 Redis 中可用 `redis-cli TTL 键` 查看",
        ))
    })?;
    let untried = options.untried;
    let given =
        json!({"access_token": token.expose(), "expires_in": expires_in, "untried": untried});
    let adopted = client.post(&format!("/v1/accounts/{account}/token/adopt"), &given).await?;
    let (generation, left) = (&adopted["generation"], &adopted["expires_in"]);
    output::tell(&say!(
        "The account {account} serves this token from now on: generation {generation}, good for {left} s. Nothing was fetched.",
        "账号 {account} 从现在起提供这个凭据：第 {generation} 代，还有 {left} 秒到期。没有向微信获取。"
    ));
    if adopted["trial"] == "unsaid" {
        output::tell(either(
            "warning: WeChat could not say whether the token is good. The first client that is refused with it finds out",
            "警告：微信没能确认这个凭据是否有效。如果无效，第一个被拒绝的客户端会发现",
        ));
    }
    Ok(())
}

/// Pauses the account and prints what it has, for whoever takes over.
pub(crate) async fn release(options: Release, environment: Environment<'_>) -> Result<(), Error> {
    let client = Client::of(&options.asked, environment)?;
    let account = &options.account;
    client.patch(&format!("/v1/accounts/{account}"), &json!({"keeping": "paused"})).await?;
    output::tell(&say!(
        "The account {account} is paused. Its token follows; clients of this server are served it to its end.",
        "账号 {account} 已暂停。下面是它的凭据；本服务的客户端可以一直用到它到期。"
    ));
    let token = client.token(account).await?;
    let left = json!({"access_token": token["access_token"], "expires_in": token["expires_in"]});
    output::print_json(&left)
}

/// What stands under this key, and for how many seconds.
async fn in_redis(
    redis: &RedisAddress,
    key: &str,
    options: &Adopt,
) -> Result<(Secret, Option<u64>), Error> {
    if redis.has_password() {
        return Err(Error::said(either(
            "a password must not be an argument, which other users of this machine see. Put it into a file, and use \
             --redis-password-file",
            "密码不能作为参数：本机的其他用户看得到。请放进文件，并使用 --redis-password-file",
        )));
    }
    let address = match &options.redis_password_file {
        None => redis.clone(),
        Some(file) => {
            let what = either("the password of the Redis", " Redis 的密码");
            let asking =
                Asking { what, prompt: "", option: "--redis-password-file", file: Some(file) };
            let (text, origin) = asking.text()?;
            redis.clone().with_password(bare(&text, &origin).map_err(Error::said)?)
        }
    };
    let found = Deposit::new(&address)?.look(key).await.map_err(|error| unread(error, &address))?;
    let (value, left) = found.ok_or_else(|| {
        Error::said(say!(
            "there is no {key} in {address}. `redis-cli --scan --pattern '*token*'` lists the keys of tokens",
            "{address} 中没有 {key}。`redis-cli --scan --pattern '*token*'` 列出存放凭据的键"
        ))
    })?;
    Ok((value, left.map(|left| left.as_secs())))
}

/// Of a store it would be said that it is tried again, and where its password stands: here is neither.
fn unread(error: StoreError, address: &RedisAddress) -> Error {
    let why = error.source.as_ref().map_or_else(|| error.message.clone(), ToString::to_string);
    match error.kind {
        StoreErrorKind::Unavailable => Error::said(say!(
            "the Redis {address} cannot be reached, or does not answer ({why}). Check that it runs, and its address. Nothing was \
             changed",
            "无法连接 Redis {address}，或它没有应答（{why}）。请检查它是否在运行、地址是否正确。没有做任何修改"
        )),
        StoreErrorKind::Denied => Error::said(say!(
            "the Redis {address} does not let this command in ({why}). Check the user in its URL, and --redis-password-file. Nothing \
             was changed",
            "Redis {address} 拒绝访问（{why}）。请检查 URL 中的用户名与 --redis-password-file。没有做任何修改"
        )),
        _ => error.into(),
    }
}

/// A token, or an answer of WeChat with one; or as SDKs store it in a Redis: as a string of JSON, or of PHP's `serialize`.
fn read(text: &str) -> (Secret, Option<u64>) {
    let answer: Value = serde_json::from_str(text).unwrap_or_default();
    if let Some(token) = answer["access_token"].as_str() {
        return (Secret::from(token), answer["expires_in"].as_u64());
    }
    let of_php = || {
        let (_, quoted) = text.trim().strip_prefix("s:")?.split_once(':')?;
        quoted.strip_prefix('"')?.strip_suffix("\";")
    };
    (Secret::from(answer.as_str().or_else(of_php).unwrap_or(text.trim())), None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_read_as_it_is_or_out_of_wechats_answer() {
        let (token, left) = read("T0K-EN_\n");
        assert_eq!((token.expose(), left), ("T0K-EN_", None));
        let (token, left) = read(r#"{"access_token":"T","expires_in":7200}"#);
        assert_eq!((token.expose(), left), ("T", Some(7200)));
        for stored in ["\"T0K-EN_\"", "s:7:\"T0K-EN_\";"] {
            assert_eq!(read(stored).0.expose(), "T0K-EN_");
        }
    }
}
