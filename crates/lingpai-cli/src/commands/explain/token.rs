//! `lingpai explain --token-file`: why a token was refused, from what the store or a server knows of it.

use std::path::Path;
use std::sync::Arc;

use lingpai_core::{AccountId, Clock, SystemClock};
use lingpai_server::diagnosis::Pasted;
use lingpai_server::diagnosis::gather::{Asked, Upstream, answer};
use lingpai_wechat::{WeChat, wire};
use serde_json::{Value, json};

use super::standard_input;
use crate::args::Explain;
use crate::client::Client;
use crate::commands::durable_store;
use crate::config::{Config, Environment};
use crate::error::{Deed, Error};
use crate::language::{self, either};
use crate::output;

/// Asks the server that is named.
pub(crate) async fn ask(options: Explain, environment: Environment<'_>) -> Result<(), Error> {
    speak(&options, environment);
    let Some(asked) = options.looking.asked() else { return Ok(()) };
    let client = Client::of(&asked, environment)?;
    let mut question = json!({"offline": options.offline});
    if let Some(text) = text(&options)? {
        question["text"] = text.into();
    }
    if let Some(errcode) = options.errcode {
        question["errcode"] = errcode.into();
    }
    if let Some(account) = &options.account {
        question["account"] = account.as_str().into();
    }
    told(&client.post("/v1/diagnose", &question).await?, options.json)
}

/// Looks into the store of the configuration.
pub(crate) async fn here(
    options: Explain,
    config: Config,
    environment: Environment<'_>,
) -> Result<(), Error> {
    speak(&options, environment);
    let pasted = text(&options)?.map(|text| Pasted::read(&text)).unwrap_or_default();
    let asked = Asked { pasted, errcode: options.errcode, account: options.account.clone() };
    let wechat = WeChat::new(wire::Upstream::new(config.upstream.clone())?);
    let store = durable_store(&config).await?;
    let outcome = async {
        let accounts = store.accounts().await?;
        let proxy_of = |id: &AccountId| {
            let account = accounts.iter().find(|account| account.id == *id);
            account.and_then(|account| account.proxy.clone()).map(Arc::new)
        };
        let upstream = Upstream { wechat: &wechat, proxy_of: &proxy_of };
        let upstream = (!options.offline).then_some(upstream);
        let now = SystemClock::new().now().wall;
        answer(&asked, &*store.store(), &|_| true, now, upstream).await
    }
    .await;
    store.close().await;
    let answer = outcome?.to_json(language::current());
    told(&answer, options.json)?;
    // What a client does is reported to a server, and not to the store.
    let of_clients = ["replaced-by-us", "not-ours", "other-account", "user-token"];
    if of_clients.iter().any(|cause| answer["cause"] == *cause) {
        output::tell(either(
            "Which client has reported this token, only a running server knows: name it with --server.",
            "哪个客户端报告过这个凭据，只有运行中的服务知道：请用 --server 指定它。",
        ));
    }
    Ok(())
}

fn speak(options: &Explain, environment: Environment<'_>) {
    language::speak(language::choose(options.lang.map(Into::into), environment));
}

/// What was given: the file with the token, and words besides.
fn text(options: &Explain) -> Result<Option<String>, Error> {
    let mut parts = Vec::new();
    if let Some(path) = &options.token_file {
        parts.push(read(path)?.trim().to_owned());
    }
    match options.text.as_slice() {
        [] => {}
        [dash] if dash == "-" => parts.push(standard_input()?),
        words => parts.push(words.join(" ")),
    }
    let text = parts.join("\n");
    if text.is_empty() && options.errcode.is_none() {
        return Err(Error::said(either(
            "there is neither a token nor an error in it. Name the file that holds the token that was refused, or give the \
             error",
            "其中既没有凭据也没有错误。请指定存放被拒绝凭据的文件，或给出错误",
        )));
    }
    Ok((!text.is_empty()).then_some(text))
}

fn read(path: &Path) -> Result<String, Error> {
    if path == Path::new("-") {
        return standard_input();
    }
    std::fs::read_to_string(path).map_err(|source| Error::File {
        path: path.to_owned(),
        deed: Deed::Read,
        advice: either(
            "Name the file that holds the token that was refused",
            "请指定存放被拒绝凭据的文件",
        ),
        source,
    })
}

/// Prints a diagnosis, as the native API answers it.
fn told(answer: &Value, as_json: bool) -> Result<(), Error> {
    if as_json {
        return output::print_json(answer);
    }
    output::print(&shown(answer))
}

fn shown(answer: &Value) -> String {
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut text = word(&answer["cause"]);
    if answer["certain"] == false {
        text += either(" (likely)", "（很可能）");
    }
    text += &format!("\n{}\n", word(&answer["headline"]));
    if let (Some(code), Some(meaning)) = (answer["errcode"].as_i64(), answer["explained"].as_str())
    {
        text += &format!("errcode {code}: {meaning}\n");
    }
    let lines = |name: &str| answer[name].as_array().cloned().unwrap_or_default();
    let evidence = lines("evidence");
    if !evidence.is_empty() {
        text += &format!("\n{}\n", either("Evidence", "依据"));
    }
    for line in evidence {
        let at = line["at"].as_str().map(|at| format!("{at}  ")).unwrap_or_default();
        text += &format!("  {at}{}\n", word(&line["text"]));
    }
    text += &format!("\n{}\n", either("What to do", "处理办法"));
    for (step, number) in lines("remedy").iter().zip(1..) {
        text += &format!("  {number}. {}\n", word(step));
    }
    text
}
