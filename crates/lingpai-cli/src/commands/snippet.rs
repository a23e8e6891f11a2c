//! `lingpai snippet`: the configuration of an SDK, ready to be pasted. Asks nobody.

use crate::args::Snippet;
use crate::error::Error;
use crate::language::{either, say};
use crate::snippets::Missing;
use crate::{output, snippets};

/// Prints it.
pub(crate) fn run(options: &Snippet) -> Result<(), Error> {
    let snippet = snippets::of(&options.account, options.sdk, options.way).map_err(|missing| {
        Error::said(match missing {
            Missing::Way(ways) => say!(
                "this SDK cannot be served by the way {way} without changes to the program. There are: {ways}",
                "这个 SDK 不改程序就不能以 {way} 方式接入。可用的方式：{ways}",
                way = options.way.name(),
                ways = ways.join(either(", ", "、"))
            ),
            Missing::WeCom => either(
                "the texts are for Official Accounts and Mini Programs; for an application of WeCom there is `--sdk curl --way gateway`. \
                 docs/wecom.md says what SDKs of WeCom are set to",
                "这些配置用于公众号与小程序；企业微信应用只有 `--sdk curl --way gateway`。企业微信 SDK 的设置见 docs/zh/wecom.md",
            )
            .to_owned(),
        })
    })?;
    output::print(snippet.text(&options.account, &options.server).trim_end())
}
