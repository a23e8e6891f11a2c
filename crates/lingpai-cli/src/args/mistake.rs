//! What is said of arguments that are not understood. clap says it in English; here is the same in Chinese.

use clap::Error;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use lingpai_wechat::catalogue::Language;

use crate::language;
use crate::output;

/// Shows what is wrong, or the help or the version if that is what was asked for, and ends the program.
pub(super) fn refuse(error: &Error) -> ! {
    let chinese = (language::current() == Language::Chinese).then(|| in_chinese(error)).flatten();
    let Some(text) = chinese else { error.exit() };
    output::tell(&text);
    std::process::exit(error.exit_code())
}

/// `None` for what is no mistake, or one that clap alone can tell.
fn in_chinese(error: &Error) -> Option<String> {
    let told = |kind| error.get(kind).map(shown).unwrap_or_default();
    let (arg, value) = (told(ContextKind::InvalidArg), told(ContextKind::InvalidValue));
    let mut text = match error.kind() {
        ErrorKind::InvalidValue if value.is_empty() => format!("{arg} 需要一个值"),
        ErrorKind::InvalidValue => format!("{arg} 的值 `{value}` 不能用"),
        ErrorKind::ValueValidation => {
            let why = std::error::Error::source(error).map(ToString::to_string);
            format!("{arg} 的值 `{value}` 不能用：{}", why.unwrap_or_default())
        }
        ErrorKind::UnknownArgument => format!("不认识的参数 {arg}"),
        ErrorKind::InvalidSubcommand => {
            format!("不认识的命令 {}", told(ContextKind::InvalidSubcommand))
        }
        ErrorKind::TooManyValues => format!("{arg} 后面不能跟值 `{value}`"),
        ErrorKind::MissingRequiredArgument => format!("缺少参数 {arg}"),
        ErrorKind::ArgumentConflict => match told(ContextKind::PriorArg) {
            prior if prior == arg => format!("{arg} 只能写一次"),
            prior => format!("{arg} 不能与 {prior} 同时使用"),
        },
        _ => return None,
    };
    let notes = [
        ("可用的有", ContextKind::ValidValue),
        ("是不是想写", ContextKind::SuggestedValue),
        ("是不是想写", ContextKind::SuggestedArg),
        ("是不是想写", ContextKind::SuggestedSubcommand),
    ];
    for (note, kind) in notes {
        let found = told(kind);
        if !found.is_empty() {
            text += &format!("\n  {note}：{found}");
        }
    }
    let usage = told(ContextKind::Usage);
    if let Some(usage) = usage.strip_prefix("Usage:") {
        text += &format!("\n\n用法：{}", usage.trim());
    }
    Some(format!("错误：{text}\n\n详见 --help。"))
}

fn shown(value: &ContextValue) -> String {
    match value {
        ContextValue::Strings(all) => all.join("、"),
        ContextValue::StyledStrs(all) => {
            all.iter().map(ToString::to_string).collect::<Vec<_>>().join("、")
        }
        other => other.to_string(),
    }
}
