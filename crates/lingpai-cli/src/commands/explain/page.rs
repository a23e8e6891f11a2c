//! Every error there is, on one page of Markdown: what `lingpai explain --all` prints, and `docs/errors.md` is.

use std::fmt::Write as _;

use lingpai_server::Reason;
use lingpai_wechat::catalogue::{Entry, Language, THEMES};

/// What stands around the explanations.
struct Labels {
    top: &'static str,
    own: &'static str,
    causes: &'static str,
    advice: &'static str,
    by_itself: &'static str,
    comma: &'static str,
}

const ENGLISH: Labels = Labels {
    top: "# Every error, explained\n\n[中文](zh/errors.md)\n\n\
        This page is what `lingpai explain --all` prints. `lingpai explain` also takes a code, a whole error text or a line of a \
        log, and needs no network. A code that means one thing where a token is fetched and another where it is used stands here \
        once for each.\n",
    own: "## Lingpai's own errors\n\n\
        The native API has the name in `error.code`. Where an answer looks like WeChat's it has the number in `errcode` and the \
        name in the header `X-Lingpai-Error`. `N`, `RIGHT`, `NAME` and `...` stand for what the answer itself says.\n\n\
        | name | errcode | what happened | what to do |\n|---|---|---|---|\n",
    causes: "Likely causes",
    advice: "What to do",
    by_itself: "What Lingpai does by itself",
    comma: ", ",
};

const CHINESE: Labels = Labels {
    top: "# 全部错误码\n\n[English](../errors.md)\n\n\
        本页就是 `lingpai explain --all --lang zh` 的输出。`lingpai explain` 也可以直接接收错误码、完整的错误文本或一行日志，\
        不需要联网。同一个错误码在获取凭据时与调用接口时含义不同的，分别列出。\n",
    own: "## Lingpai 自己的错误\n\n\
        原生接口把名称放在 `error.code`；与微信格式相同的返回把编号放在 `errcode`，名称在响应头 `X-Lingpai-Error`。\
        `N`、`RIGHT`、`NAME`、`...` 代表实际返回中的内容。\n\n\
        | 名称 | errcode | 发生了什么 | 处理办法 |\n|---|---|---|---|\n",
    causes: "可能的原因",
    advice: "处理办法",
    by_itself: "Lingpai 会做什么",
    comma: "、",
};

/// The page.
pub(super) fn every_error(language: Language) -> String {
    let labels = match language {
        Language::English => ENGLISH,
        Language::Chinese => CHINESE,
    };
    let mut page = labels.top.to_owned();
    // Writing to a String cannot fail.
    let _ = write(&mut page, &labels, language);
    page
}

fn write(page: &mut String, labels: &Labels, language: Language) -> std::fmt::Result {
    // Links lead to a code; where it has several meanings, to the one that is met most often.
    let mut linked = Vec::new();
    for theme in &THEMES {
        writeln!(page, "\n## {}", theme.name(language))?;
        for entry in theme.entries {
            if !linked.contains(&entry.code) {
                linked.push(entry.code);
                write!(page, "\n<a id=\"{}\"></a>\n", entry.code)?;
            }
            write_entry(page, entry, labels, language)?;
        }
    }
    write!(page, "\n{}", labels.own)?;
    let mut before = "";
    for (errcode, Reason { name, message, remedy }) in lingpai_server::reasons(language) {
        let errcode = errcode.map(|code| code.to_string()).unwrap_or_default();
        let cell = |text: &str| literal(text).replace('|', "\\|");
        // An error that has several reasons stands in several rows.
        let anchor = if name == before { String::new() } else { format!("<a id=\"{name}\"></a>") };
        before = name;
        let (message, remedy) = (cell(&message), cell(&remedy));
        writeln!(page, "| {anchor}`{name}` | {errcode} | {message} | {remedy} |")?;
    }
    Ok(())
}

fn write_entry(
    page: &mut String,
    entry: &Entry,
    labels: &Labels,
    language: Language,
) -> std::fmt::Result {
    let text = entry.text(language);
    writeln!(page, "\n### {} {}\n", entry.code, literal(entry.name))?;
    let met: Vec<_> = entry.scopes.iter().map(|scope| scope.name(language)).collect();
    writeln!(page, "*{}*\n\n{}\n", met.join(labels.comma), literal(text.meaning))?;
    writeln!(page, "**{}**\n", labels.causes)?;
    for cause in text.causes {
        writeln!(page, "- {}", literal(cause))?;
    }
    writeln!(page, "\n**{}**\n", labels.advice)?;
    for (advice, number) in entry.advice(language).zip(1..) {
        writeln!(page, "{number}. {}", literal(&advice))?;
    }
    writeln!(page, "\n**{}**\n\n{}", labels.by_itself, literal(text.lingpai))
}

/// A text in which Markdown finds no markup, but for the code between backticks.
fn literal(text: &str) -> String {
    let part = |(part, is_code): (&str, bool)| match is_code {
        true => format!("`{part}`"),
        false => part.replace('<', "&lt;").replace('*', "\\*"),
    };
    text.split('`').zip([false, true].into_iter().cycle()).map(part).collect()
}

#[cfg(test)]
mod tests {
    use expect_test::expect_file;

    use super::*;

    /// `UPDATE_EXPECT=1` writes them anew.
    #[test]
    fn the_documentation_has_the_page_in_both_languages() {
        expect_file!["../../../../../docs/errors.md"].assert_eq(&every_error(Language::English));
        expect_file!["../../../../../docs/zh/errors.md"].assert_eq(&every_error(Language::Chinese));
    }
}
