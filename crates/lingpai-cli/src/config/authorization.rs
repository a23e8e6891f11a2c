//! The table `[authorization]`: links by which accounts authorise a platform.

use lingpai_server::authorize::{BaseUrl, ReturnTo};

use super::section::Section;
use crate::language::say;

/// What is said of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Authorization {
    /// Where browsers find this server, if they do not say so themselves.
    pub(crate) url: Option<BaseUrl>,
    /// Where a business may have them sent in the end.
    pub(crate) return_to: Vec<ReturnTo>,
}

pub(super) fn read(root: &mut Section<'_>) -> Authorization {
    let (table, span) = root.table("authorization", "url = \"https://token.example.com\"");
    let mut section = Section::new(root.reading(), table, span, Some("LINGPAI_AUTHORIZATION_"));
    let url = section.text("url", |text| BaseUrl::parse(text).ok_or_else(|| no_url(text)));
    let return_to =
        section.list("return-to", |text| ReturnTo::parse(text).ok_or_else(|| no_url(text)));
    section.end();
    Authorization { url: url.map(|said| said.value), return_to: return_to.unwrap_or_default() }
}

fn no_url(text: &str) -> String {
    say!(
        "`{text}` is not a URL: write the scheme, the host and perhaps a path, such as `https://shop.example.com/wechat/`",
        "`{text}` 不是 URL：请写协议、主机和可选的路径，如 `https://shop.example.com/wechat/`"
    )
}
