//! `lingpai explain`: what an error of WeChat means.

use std::io::Read;

use lingpai_wechat::catalogue::{self, Explained, Language};
use serde_json::{Value, json};

use crate::args::Explain;
use crate::config::Environment;
use crate::error::Error;
use crate::language::either;
use crate::{language, output};

/// Explains a code or a text, or says that there is no error in it.
pub(crate) fn run(options: &Explain, environment: Environment<'_>) -> Result<(), Error> {
    let language = language::choose(options.lang.map(Into::into), environment);
    language::speak(language);
    let text = match options.text.as_slice() {
        [dash] if dash == "-" => standard_input()?,
        words => words.join(" "),
    };
    let explained = catalogue::explain(&text).ok_or_else(|| {
        Error::said(either(
            "no error of WeChat was found in this text. Give a code such as 40164, or the whole answer with its errcode \
             and errmsg, in quotes",
            "文本中没有找到微信错误。请给出错误码（如 40164），或用引号括起包含 errcode 与 errmsg 的完整返回内容",
        ))
    })?;
    if options.json {
        output::print_json(&to_json(&explained, language))
    } else {
        output::print(&explained.to_text(language))
    }
}

fn standard_input() -> Result<String, Error> {
    const MOST: u64 = 1024 * 1024;
    let mut bytes = Vec::new();
    let read = std::io::stdin().lock().take(MOST).read_to_end(&mut bytes);
    read.map_err(Error::standard_input)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
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
        "language": match language { Language::English => "en", Language::Chinese => "zh" },
        "entries": entries.collect::<Vec<_>>(),
        "rid": explained.request.as_ref().map(|request| &request.text),
        "at": explained.request.as_ref().and_then(|request| request.at).map(|at| at.to_string()),
        "caller_ips": ips,
    })
}
