//! The URL of a page as it is signed: exactly as the browser shows it, less what it keeps to itself.

use thiserror::Error;

/// The URL of a page that is to be signed. Nothing in it is tidied: WeChat compares it byte by byte with what the browser
/// shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageUrl {
    url: Box<str>,
    /// Where the host ends in it.
    host: std::ops::Range<usize>,
}

impl PageUrl {
    /// How long a URL may be, in bytes, with its fragment.
    pub const MOST: usize = 8192;

    /// Reads a URL, and leaves its fragment off.
    ///
    /// # Errors
    /// What no browser shows for a page on the web, or what could be read as one host here and as another there.
    pub fn parse(url: &str) -> Result<Self, InvalidPage> {
        // As it was sent: what the API's description says of its length is said of the whole.
        if url.len() > Self::MOST {
            return Err(InvalidPage::Long);
        }
        let url = url.split('#').next().unwrap_or_default();
        // A backslash is a slash to browsers, and no browser shows one.
        if !url.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\') {
            return Err(InvalidPage::Unencoded);
        }
        let scheme = ["https://", "http://"].into_iter().find(|scheme| {
            url.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme))
        });
        let start = scheme.ok_or(InvalidPage::Scheme)?.len();
        let authority = url[start..].split(['/', '?']).next().unwrap_or_default();
        let (host, port) = authority.rsplit_once(':').unwrap_or((authority, "0"));
        let of_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        if host.is_empty() || !host.bytes().all(of_name) || port.parse::<u16>().is_err() {
            return Err(InvalidPage::Host);
        }
        Ok(Self { host: start..start + host.len(), url: url.into() })
    }

    /// The URL that is signed.
    pub fn as_str(&self) -> &str {
        &self.url
    }

    /// The host in it, without the port.
    pub fn host(&self) -> &str {
        &self.url[self.host.clone()]
    }
}

/// Why a text is no URL of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum InvalidPage {
    /// It is too long.
    #[error("the URL has more than {} bytes", PageUrl::MOST)]
    Long,
    /// It is not written as a browser shows it.
    #[error(
        "the URL has blanks, backslashes or characters beyond ASCII. Send `location.href.split('#')[0]` as it is"
    )]
    Unencoded,
    /// It is of another scheme.
    #[error("the URL begins neither with `https://` nor with `http://`. Send the whole of it")]
    Scheme,
    /// It has no host, or more beside it than a port.
    #[error(
        "the URL names no host, or something else in its place. Write `https://shop.example.com/...`"
    )]
    Host,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_signed_as_the_browser_shows_it_without_the_fragment() {
        for (url, signed, host) in [
            (
                "https://shop.example.com/a?b=%E4%BB%A4#/c?d#e",
                "https://shop.example.com/a?b=%E4%BB%A4",
                "shop.example.com",
            ),
            (
                "HTTP://Shop.example.com:8080?x=1",
                "HTTP://Shop.example.com:8080?x=1",
                "Shop.example.com",
            ),
            ("https://a.cn/#", "https://a.cn/", "a.cn"),
            ("https://a.cn?next=https://b.cn/@", "https://a.cn?next=https://b.cn/@", "a.cn"),
        ] {
            let page = PageUrl::parse(url).unwrap();
            assert_eq!((page.as_str(), page.host()), (signed, host));
        }
    }

    #[test]
    fn what_could_be_read_as_another_host_is_refused() {
        use InvalidPage::{Host, Long, Scheme, Unencoded};
        let long = format!("https://a.cn/{}", "x".repeat(PageUrl::MOST));
        let long_fragment = format!("https://a.cn/#{}", "x".repeat(PageUrl::MOST));
        for (url, why) in [
            ("", Scheme),
            ("shop.example.com/a", Scheme),
            ("javascript:alert(1)", Scheme),
            ("https:/a.cn", Scheme),
            ("https://", Host),
            ("https:///a.cn", Host),
            ("https://a.cn@evil.net/", Host),
            ("https://a.cn:x/", Host),
            ("https://a.cn:99999/", Host),
            ("https://[::1]/", Host),
            ("https://a.cn\\@evil.net/", Unencoded),
            ("https://a.cn/ b", Unencoded),
            ("https://a.cn/\n", Unencoded),
            ("https://例.cn/", Unencoded),
            (&long, Long),
            (&long_fragment, Long),
        ] {
            assert_eq!(PageUrl::parse(url), Err(why), "{url}");
        }
    }
}
