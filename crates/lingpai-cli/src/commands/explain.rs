//! `lingpai explain`: what an error of WeChat means, or one of Lingpai's own; and why a token was refused.

mod page;
pub(crate) mod token;

use std::io::Read;

use lingpai_server::{Explained as Own, Reason};
use lingpai_wechat::catalogue::{self, Explained, Language, Scope};
use serde_json::{Value, json};

use crate::args::Explain;
use crate::config::Environment;
use crate::error::Error;
use crate::language::{either, say};
use crate::{language, output};

/// Explains a code or a text, or says that there is no error in it.
pub(crate) fn run(options: &Explain, environment: Environment<'_>) -> Result<(), Error> {
    let language = language::choose(options.lang.map(Into::into), environment);
    language::speak(language);
    if options.all {
        return output::print(&page::every_error(language));
    }
    let text = match options.text.as_slice() {
        [dash] if dash == "-" => standard_input()?,
        words => words.join(" "),
    };
    let own = lingpai_server::explain(&text, language);
    // An error of Lingpai's own may tell what WeChat said.
    let rest = own
        .as_ref()
        .and_then(|own| own.errcode)
        .map_or_else(|| text.clone(), |errcode| text.replace(&errcode.to_string(), ""));
    let of_wechat = catalogue::explain(&rest).filter(|it| own.is_none() || it.is_known());
    match (own, of_wechat) {
        (None, None) => Err(Error::said(either(
            "no error of WeChat or Lingpai was found in this text. Give a code such as 40164 or 990102, or the whole answer \
             with its errcode and errmsg, in quotes",
            "文本中没有找到微信或 Lingpai 的错误。请给出错误码（如 40164、990102），或用引号括起包含 errcode 与 errmsg 的完整\
             返回内容",
        ))),
        (own, of_wechat) if options.json => {
            let of_wechat = of_wechat.map(|explained| to_json(&explained, language));
            output::print_json(&match own {
                Some(own) => own_to_json(&own, of_wechat.as_ref(), language),
                None => json!(of_wechat),
            })
        }
        (own, of_wechat) => {
            let own = own.as_ref().map(own_to_text);
            let which = of_wechat.as_ref().and_then(|explained| which_cause(explained.code));
            let of_wechat = of_wechat.map(|explained| explained.to_text(language));
            let parts = own.into_iter().chain(of_wechat).chain(which);
            output::print(&parts.collect::<Vec<_>>().join("\n"))
        }
    }
}

/// A code that blames the token does not tell why it was refused; what became of the token does.
fn which_cause(code: i64) -> Option<String> {
    let blames = |scope| catalogue::blames_token(code, scope);
    (blames(Scope::Api) || blames(Scope::WeCom)).then(|| {
        say!(
            "Which of these it was, the code does not tell. What Lingpai knows of the token does:\n  lingpai explain --errcode \
             {code} --token-file FILE\n",
            "错误码本身不能说明是其中哪一种；Lingpai 对这个凭据的了解可以：\n  lingpai explain --errcode {code} --token-file 文件\n"
        )
    })
}

/// An error of Lingpai's own, in the form of WeChat's.
fn own_to_text(own: &Own) -> String {
    let entries = own.reasons.iter().map(|Reason { name, message, remedy }| {
        let code = own.errcode.map(|code| format!("{code}: ")).unwrap_or_default();
        let heading = either("What to do", "处理办法");
        format!("{code}{name}\n{message}\n\n{heading}\n  {remedy}\n")
    });
    entries.collect::<Vec<_>>().join("\n")
}

fn standard_input() -> Result<String, Error> {
    const MOST: u64 = 1024 * 1024;
    let mut bytes = Vec::new();
    let read = std::io::stdin().lock().take(MOST).read_to_end(&mut bytes);
    read.map_err(Error::standard_input)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn own_to_json(own: &Own, of_wechat: Option<&Value>, language: Language) -> Value {
    let entries = own.reasons.iter().map(|Reason { name, message, remedy }| {
        json!({"name": name, "meaning": message, "advice": [remedy]})
    });
    json!({
        "code": own.errcode,
        "known": true,
        "language": code_of(language),
        "entries": entries.collect::<Vec<_>>(),
        "wechat": of_wechat,
    })
}

const fn code_of(language: Language) -> &'static str {
    match language {
        Language::English => "en",
        Language::Chinese => "zh",
    }
}

fn to_json(explained: &Explained, language: Language) -> Value {
    let ips: Vec<_> = explained.caller_ips.iter().map(ToString::to_string).collect();
    let entries = explained.entries.iter().map(|entry| {
        let text = entry.text(language);
        // As in the text form; where no address is known, the placeholder is left to the reader.
        let advice = text.advice.iter().map(|advice| match ips.as_slice() {
            [] => (*advice).to_owned(),
            ips => advice.replace("{ip}", &ips.join(", ")),
        });
        json!({
            "name": entry.name,
            "met": entry.scopes.iter().map(|scope| scope.name(language)).collect::<Vec<_>>(),
            "meaning": text.meaning,
            "causes": text.causes,
            "advice": advice.collect::<Vec<_>>(),
            "lingpai": text.lingpai,
        })
    });
    json!({
        "code": explained.code,
        "known": explained.is_known(),
        "language": code_of(language),
        "entries": entries.collect::<Vec<_>>(),
        "rid": explained.request.as_ref().map(|request| &request.text),
        "at": explained.request.as_ref().and_then(|request| request.at).map(|at| at.to_string()),
        "caller_ips": ips,
    })
}
