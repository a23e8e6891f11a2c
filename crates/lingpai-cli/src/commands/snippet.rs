//! `lingpai snippet`: the configuration of an SDK, ready to be pasted. Asks nobody.

use crate::args::Snippet;
use crate::error::Error;
use crate::language::say;
use crate::{output, snippets};

/// Prints it.
pub(crate) fn run(options: &Snippet) -> Result<(), Error> {
    let snippet = snippets::of(options.sdk, options.way).map_err(|ways| {
        Error::said(say!(
            "this SDK cannot be served by the way {way} without changes to the program. There are: {ways}",
            "这个 SDK 不改程序就不能以 {way} 方式接入。可用的方式：{ways}",
            way = options.way.name(),
            ways = ways.join(", ")
        ))
    })?;
    output::print(snippet.text(&options.account, &options.server).trim_end())
}
