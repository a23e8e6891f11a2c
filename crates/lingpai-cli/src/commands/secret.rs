//! `lingpai secret reset`: a person resets the AppSecret in WeChat's console, and the server goes on without an outage.
//!
//! The token in use outlives the reset, so there is time as long as it lives: where little is left it is refreshed first. The new
//! secret is tried by the server before it replaces the old one, by a call that mints nothing (decision 12).

use std::collections::BTreeMap;
use std::io::{self, IsTerminal};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::account::app_secret;
use super::is_meant;
use crate::args::{AppSecret, Asked, Secret};
use crate::client::Client;
use crate::config::{Environment, show_duration};
use crate::error::Error;
use crate::language::{either, say};
use crate::output;

/// A token that has less left is refreshed first: nobody should have to hurry.
const LITTLE: Duration = Duration::from_mins(15);
/// How the server calls an account of its configuration.
const CONFIGURED: &str = "account-configured";
/// How often it is looked whether the server has read its configuration again.
const PERIOD: Duration = Duration::from_secs(1);
/// How often a person may mistype.
const TRIES: usize = 5;

/// Goes through it.
pub(crate) async fn run(command: Secret, environment: Environment<'_>) -> Result<(), Error> {
    let Secret::Reset { account, secret_file, asked } = command;
    let client = Client::of(&asked, environment)?;
    let at = format!("/v1/accounts/{account}");
    let standing = client.get(&at).await?;
    refreshed(&client, &at, &standing).await?;
    output::tell(&others(&client, account.as_str(), &asked).await?);
    let senders = senders(&client, account.as_str()).await?;
    if !senders.is_empty() {
        output::tell(&told_of(&senders));
        let is_asked = secret_file.is_none() && io::stdin().is_terminal();
        if is_asked && !is_meant(still_sent(), "")? {
            return Ok(());
        }
    }
    output::tell(&say!(
        "3. Reset the AppSecret of {account} in WeChat's console now. The old one stops working there at once; the token that is \
         served goes on to its end.",
        "3. 现在到微信后台重置 {account} 的 AppSecret。旧的立即失效；正在提供的凭据可以用到到期。"
    ));
    let from = AppSecret { untried: false, file: secret_file };
    let may_repeat = from.file.is_none() && io::stdin().is_terminal();
    for left in (0..TRIES).rev() {
        let secret = app_secret::take(&account, &from)?;
        let wanted = json!({"secret": secret.expose()});
        match client.put(&format!("{at}/secret"), &wanted).await {
            Ok(changed) => return told(&changed),
            Err(Error::Refused { code, .. }) if code == CONFIGURED => {
                return put_into_its_file(&client, &at, (&standing, &wanted)).await;
            }
            Err(error) if may_repeat && left > 0 => output::tell(&error.report()),
            Err(error) => {
                output::tell(either(
                    "Nothing was changed: the server goes on with the old AppSecret, and serves its token to the end. Run this again \
                     with the right one before that.",
                    "没有做任何修改：服务仍使用旧的 AppSecret，现有凭据用到到期为止。请在那之前用正确的 AppSecret 再运行一次。",
                ));
                return Err(error);
            }
        }
    }
    Ok(())
}

/// The account stands in the configuration file, which a server does not write: a person does, and this waits until the server has
/// taken it over.
async fn put_into_its_file(
    client: &Client,
    at: &str,
    (standing, wanted): (&Value, &Value),
) -> Result<(), Error> {
    // A server of an earlier version has not tried it, and would never say that it has it.
    if standing["updated_at"].is_null() {
        output::tell(either(
            "4. The account stands in the configuration of the server, which is of an earlier version than this command: it has not tried \
             the new AppSecret, and does not say when it has it. Put it now into the file that the account's `secret` names, on each \
             node: it is taken over within seconds, and each server's log says so (\"kept as it is now\").",
            "4. 这个账号写在服务的配置中，而服务的版本比本命令旧：新的 AppSecret 没有经过验证，服务也不会告知何时采用。请现在把它写进该账号 `secret` \
             所指的文件，每个节点都要写：服务几秒内会采用，其日志会写明（kept as it is now）。",
        ));
        return Ok(());
    }
    output::tell(either(
        "4. WeChat does not refuse it. The account stands in the configuration of the server: put the new AppSecret now into the file that \
         its `secret` names, on each node. This waits until the server has taken it over, which takes seconds; Ctrl-C ends the waiting. \
         (Where `secret` names an environment variable, start the server again with the new one.)",
        "4. 微信没有拒绝它。这个账号写在服务的配置中：请把新的 AppSecret 写进其 `secret` 所指的文件，每个节点都要写。服务几秒内会采用，这里等到采用为止；\
         按 Ctrl-C 不再等待。（`secret` 指向环境变量时，请用新值重新启动服务。）",
    ));
    let mut known = standing["updated_at"].clone();
    let until = Instant::now() + LITTLE;
    while Instant::now() < until {
        sleep(PERIOD).await;
        let Ok(standing) = client.get(at).await else { continue };
        if standing["updated_at"] == known {
            continue;
        }
        known = standing["updated_at"].clone();
        match client.put(&format!("{at}/secret"), wanted).await {
            Ok(_) => {
                output::tell(either(
                    "5. The server has the new AppSecret. The token was kept; nothing was fetched.",
                    "5. 服务已采用新的 AppSecret。凭据保持不变，没有获取。",
                ));
                return Ok(());
            }
            Err(Error::Refused { code, .. }) if code == CONFIGURED => output::tell(either(
                "The server has read its configuration again, and the account has another AppSecret there than the one that was given here. \
                 Look into the file once more.",
                "服务重新读取了配置，但其中这个账号的 AppSecret 与这里给出的不同。请再检查一次文件。",
            )),
            Err(error) => return Err(error),
        }
    }
    Err(Error::said(either(
        "the server has not taken the new AppSecret over within 15 minutes. Put it into the file that the account's `secret` names: without \
         it no token follows the one that is served now",
        "15 分钟内服务没有采用新的 AppSecret。请把它写进该账号 `secret` 所指的文件：否则现有凭据到期后没有新的凭据",
    )))
}

/// Has the token replaced if it would not outlive a person's work.
async fn refreshed(client: &Client, at: &str, standing: &Value) -> Result<(), Error> {
    let left = left_of(standing);
    match left {
        Some(left) if left >= LITTLE => {
            output::tell(&say!(
                "1. The token is good for {left} more: it outlives the reset, and nothing is fetched.",
                "1. 凭据还有 {left} 有效，足够完成重置，不需要获取。",
                left = show_duration(left)
            ));
            Ok(())
        }
        _ => {
            output::tell(either(
                "1. The token has little left or there is none: it is refreshed first.",
                "1. 凭据快到期了，或还没有凭据：先更换。",
            ));
            match client.post(&format!("{at}/token/rotate"), &json!({})).await {
                Ok(answer) => {
                    output::tell(answer["explanation"].as_str().unwrap_or_default());
                    if let Some(left) = left_of(&client.get(at).await?) {
                        output::tell(&say!(
                            "It is good for {left} more: the new AppSecret has to be here by then.",
                            "凭据还有 {left} 有效：请在此之前换好新的 AppSecret。",
                            left = show_duration(left)
                        ));
                    }
                    Ok(())
                }
                // Without a good token and without the secret there would be an outage.
                Err(error) if left.is_none() => Err(error),
                Err(error) => {
                    output::tell(&error.report());
                    Ok(())
                }
            }
        }
    }
}

/// How long the account's token is still good.
fn left_of(standing: &Value) -> Option<Duration> {
    let of_token = |it: &&Value| it["kind"] == "access_token";
    let token = standing["credentials"].as_array().and_then(|all| all.iter().find(of_token));
    token.and_then(|token| token["expires_in"].as_u64()).map(Duration::from_secs)
}

/// A client that has sent the AppSecret to Lingpai within a week.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Sender {
    /// The name of its key, if it showed one.
    name: String,
    address: String,
    path: String,
}

/// Those who have, and when each did last.
async fn senders(client: &Client, account: &str) -> Result<BTreeMap<Sender, String>, Error> {
    let mut senders = BTreeMap::new();
    let mut before = String::new();
    loop {
        let path =
            format!("/v1/audit?account={account}&action=secret-shown&since=7d&limit=1000{before}");
        let trail = client.get(&path).await?;
        for record in trail["records"].as_array().into_iter().flatten() {
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            let (who, path) = (&record["who"], text(&record["subject"]));
            let sender = Sender { name: text(&who["name"]), address: text(&who["address"]), path };
            // The newest come first.
            senders.entry(sender).or_insert_with(|| text(&record["at"]));
        }
        match trail["next"].as_str() {
            Some(next) => before = format!("&before={next}"),
            None => return Ok(senders),
        }
    }
}

fn told_of(senders: &BTreeMap<Sender, String>) -> String {
    let mut told = String::from(either(
        "   These clients have sent the real AppSecret to Lingpai within a week, and not an API key:",
        "   一周之内，这些客户端向 Lingpai 发送了真正的 AppSecret，而不是 API 密钥：",
    ));
    for (Sender { name, address, path }, at) in senders {
        let name = if name.is_empty() { String::new() } else { format!("{name}, ") };
        told += &say!(
            "\n     {name}{address}, {path}, the last time at {at}",
            "\n     {name}{address}，{path}，最近一次 {at}"
        );
    }
    told
}

fn still_sent() -> &'static str {
    either(
        "   Give each an API key in the place of the AppSecret first (lingpai key create); whoever sends it to WeChat too stops working \
         with the reset. Go on all the same?",
        "   请先为它们换上 API 密钥（lingpai key create）；也把它发给微信的客户端，重置后将无法工作。仍要继续吗？",
    )
}

/// Who else has used the AppSecret of late, as far as it can be seen from here.
async fn others(client: &Client, account: &str, asked: &Asked) -> Result<String, Error> {
    let path =
        format!("/v1/events/history?account={account}&event=rogue-refresher&since=7d&limit=5");
    let events = client.get(&path).await?;
    let events = events["events"].as_array().map(Vec::as_slice).unwrap_or_default();
    if events.is_empty() {
        return Ok(say!(
            "2. Within a week nobody but Lingpai has replaced a token of the account. Services that use an API key of {server} notice \
             nothing; whatever else has the AppSecret, log-in of Mini Programs and of web pages included, must be given the new one.",
            "2. 一周之内，没有 Lingpai 以外的程序换掉过该账号的凭据。使用 {server} 的 API 密钥的服务不受影响；其他使用 AppSecret 的程序（包括小程序登录、网页授权）\
             需要换用新的。",
            server = asked.server
        ));
    }
    let times: Vec<_> = events.iter().filter_map(|event| event["at"].as_str()).collect();
    Ok(say!(
        "2. Another system uses the AppSecret to fetch tokens of the account, the last times at {times}. It stops working with the \
         reset: find it first, and point it at Lingpai.",
        "2. 另有系统在用 AppSecret 获取该账号的凭据，最近几次：{times}。重置后它将无法工作：请先找到它，改为向 Lingpai 索取。",
        times = times.join(", ")
    ))
}

fn told(changed: &Value) -> Result<(), Error> {
    match changed["warning"].as_str() {
        None => output::tell(either(
            "4. WeChat accepts the new AppSecret, and all nodes use it within a second. The token was kept; nothing was fetched.",
            "4. 微信接受新的 AppSecret，所有节点一秒内改用它。凭据保持不变，没有获取。",
        )),
        Some(warning) => output::tell(&say!(
            "4. The new AppSecret is in force. warning: {warning}",
            "4. 已换用新的 AppSecret。警告：{warning}"
        )),
    }
    Ok(())
}
