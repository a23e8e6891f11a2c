//! Where a secret comes from that a person gives: a file, a hidden prompt, or standard input. Never an argument, which
//! other users of the machine see.

use std::io::{self, IsTerminal, Read};
use std::path::Path;

use lingpai_core::Secret;

use crate::error::{Deed, Error};
use crate::language::{either, say};

/// No secret comes near it. What is longer is some other file.
const MOST: u64 = 4096;

/// A secret to be asked for.
pub(super) struct Asking<'a> {
    /// What it is: `the AppSecret`.
    pub(super) what: &'static str,
    /// What a person is asked who sits at a terminal.
    pub(super) prompt: &'a str,
    /// The option that names its file.
    pub(super) option: &'static str,
    /// The file that was named.
    pub(super) file: Option<&'a Path>,
}

impl Asking<'_> {
    /// The text as it was given, and where it came from.
    pub(super) fn text(&self) -> Result<(Secret, String), Error> {
        let Self { what, option, .. } = self;
        if let Some(path) = self.file {
            let text = std::fs::File::open(path).and_then(read).map_err(|source| Error::File {
                path: path.to_owned(),
                deed: Deed::Read,
                advice: either("Name the right file", "请指定正确的文件"),
                source,
            })?;
            return Ok((text, say!("the file {path}", "文件 {path}", path = path.display())));
        }
        let (text, origin) = match io::stdin().is_terminal() {
            true => {
                let text = rpassword::prompt_password(self.prompt).map(Secret::from);
                (text, either("what was typed", "输入"))
            }
            false => (read(io::stdin()), either("standard input", "标准输入")),
        };
        let text = text.map_err(|error| {
            Error::said(say!(
                "{what} could not be read: {error}. Put it into a file and use {option}",
                "无法读取{what}：{error}。请把它放进文件，并使用 {option}"
            ))
        })?;
        Ok((text, origin.to_owned()))
    }
}

fn read(from: impl Read) -> io::Result<Secret> {
    let mut text = String::new();
    from.take(MOST).read_to_string(&mut text)?;
    Ok(Secret::from(text))
}
