//! `lingpai init`: a configuration to start from, with every setting in it.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};

use lingpai_wechat::catalogue::Language;

use crate::args::Init;
use crate::config::{Environment, Source};
use crate::error::{Deed, Error};
use crate::language::{either, say};
use crate::{language, output};

/// Writes the file that would be read, unless there is one.
pub(crate) fn run(
    options: &Init,
    source: &Source,
    environment: Environment<'_>,
) -> Result<(), Error> {
    let path = source.path();
    let mut open = OpenOptions::new();
    open.write(true);
    match options.force {
        true => open.create(true).truncate(true),
        false => open.create_new(true),
    };
    let language = language::choose(options.lang.map(Into::into), environment);
    language::speak(language);
    let text = template(language);
    let written = open.open(path).and_then(|mut file| file.write_all(text.as_bytes()));
    match written {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            return Err(Error::said(say!(
                "{path} exists already, and nothing was written. Name another file with --config, or replace it with --force",
                "{path} 已经存在，没有写入。请用 --config 指定另一个文件，或加 --force 替换它",
                path = path.display()
            )));
        }
        Err(source) => {
            let advice = either(
                "Name a file in a directory that exists and where you may write",
                "请指定一个文件，它所在的目录已存在且可以写入",
            );
            return Err(Error::File { path: path.to_owned(), deed: Deed::Write, advice, source });
        }
        Ok(()) => {}
    }
    output::tell(&say!(
        "{path} is written; everything in it is a comment so far. Next: take the # from an [[account]], or run `lingpai \
         account add APPID`; then `lingpai config check` and `lingpai serve`",
        "{path} 已写好，目前全部是注释。接下来：去掉某个 [[account]] 前面的 #，或运行 `lingpai account add APPID`；\
         然后运行 `lingpai config check` 与 `lingpai serve`",
        path = path.display()
    ));
    Ok(())
}

fn template(language: Language) -> &'static str {
    match language {
        Language::Chinese => include_str!("zh.toml"),
        Language::English => include_str!("en.toml"),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// The templates, with every setting taken out of its comment: a comment that is prose begins with a blank.
    pub(crate) fn in_full() -> [String; 2] {
        [Language::English, Language::Chinese].map(|language| {
            let lines = template(language).lines().map(|line| match line.strip_prefix('#') {
                Some(setting) if !setting.starts_with(' ') => setting,
                _ => line,
            });
            lines.collect::<Vec<_>>().join("\n")
        })
    }

    #[test]
    fn both_languages_show_the_same_settings() {
        let settings = in_full().map(|text| {
            let is_setting = |line: &&str| !line.starts_with('#') && !line.is_empty();
            text.lines().filter(is_setting).map(str::to_owned).collect::<Vec<_>>()
        });
        assert_eq!(settings[0], settings[1]);
    }
}
