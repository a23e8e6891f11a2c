//! The plain pages of an authorisation: one paragraph, perhaps a button and a QR code. They load nothing and run nothing.

use http::header::{
    CONTENT_LANGUAGE, CONTENT_SECURITY_POLICY, REFERRER_POLICY, VARY, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderValue, Response, StatusCode};
use qrcode::QrCode;
use qrcode::render::svg;

use crate::answer::{self, Body};
use crate::language::{Bilingual, Language, either};

/// Its own style and nothing else, in nobody's frame. `form-action` is left out: browsers would apply it to where a form's
/// answer leads too, which is WeChat's.
const POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'";

const STYLE: &str = "body{font:1.1rem/1.6 system-ui,sans-serif;max-width:34rem;margin:12vh auto;padding:0 1.5rem;color:#1a1a1a;\
    background:#fff}h1{font-size:1.5rem}button,a.button{font:inherit;padding:.6rem 1.6rem;border:0;border-radius:.4rem;\
    background:#07803f;color:#fff;text-decoration:none;cursor:pointer;display:inline-block}button:focus-visible,\
    a:focus-visible{outline:3px solid #0b57d0;outline-offset:2px}svg{display:block;margin:1.5rem 0}\
    small{color:#595959;overflow-wrap:anywhere}@media(prefers-color-scheme:dark){body{background:#161616;color:#eee}\
    small{color:#a8a8a8}svg{background:#fff;padding:.5rem}}";

/// One page.
pub(super) struct Page {
    pub(super) status: StatusCode,
    pub(super) title: Bilingual,
    pub(super) text: Bilingual,
    /// A button that sends a form to the page's own URL.
    pub(super) button: Option<Bilingual>,
    /// A link with its words.
    pub(super) link: Option<(String, Bilingual)>,
    /// What a QR code leads to.
    pub(super) code: Option<String>,
    /// What is said in small letters.
    pub(super) note: Option<String>,
}

impl Page {
    /// One that only tells something.
    pub(super) fn telling(status: StatusCode, title: Bilingual, text: Bilingual) -> Self {
        Self { status, title, text, button: None, link: None, code: None, note: None }
    }

    /// The page in this language.
    pub(super) fn answer(&self, language: Language) -> Response<Body> {
        let title = escaped(self.title.text(language));
        let mut body = format!("<h1>{title}</h1><p>{}</p>", escaped(self.text.text(language)));
        if let Some(url) = &self.code
            && let Ok(code) = QrCode::new(url)
        {
            let picture = code.render::<svg::Color<'_>>().min_dimensions(240, 240).build();
            // Without the XML declaration, which has no place within a page.
            let picture = picture.find("<svg").map_or("", |at| &picture[at..]);
            let what = either(language, "QR code", "二维码");
            body +=
                &picture.replacen("<svg", &format!("<svg role=\"img\" aria-label=\"{what}\""), 1);
        }
        if let Some(button) = &self.button {
            let button = escaped(button.text(language));
            body += &format!("<form method=\"post\"><button>{button}</button></form>");
        }
        if let Some((url, words)) = &self.link {
            let (url, words) = (escaped(url), escaped(words.text(language)));
            body += &format!("<p><a class=\"button\" href=\"{url}\">{words}</a></p>");
        }
        if let Some(note) = &self.note {
            body += &format!("<p><small>{}</small></p>", escaped(note));
        }
        let (tag, short) = (either(language, "en", "zh-CN"), either(language, "en", "zh"));
        let text = format!(
            "<!doctype html><html lang=\"{tag}\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" \
             content=\"width=device-width,initial-scale=1\"><meta name=\"robots\" content=\"noindex\"><title>{title}</title>\
             <style>{STYLE}</style></head><body><main>{body}</main></body></html>"
        );
        let mut response = answer::text(self.status, "text/html; charset=utf-8", text);
        let headers = response.headers_mut();
        for (name, value) in [
            (CONTENT_LANGUAGE, short),
            (VARY, "accept-language"),
            (CONTENT_SECURITY_POLICY, POLICY),
            (X_CONTENT_TYPE_OPTIONS, "nosniff"),
            // WeChat looks from which host a browser comes; the link itself is nobody's business.
            (REFERRER_POLICY, "origin"),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
        response
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_stands_in_a_page_is_text() {
        use http_body_util::BodyExt;
        let evil = || Bilingual::made("<script>\"&".to_owned(), "<b>".to_owned());
        let page = Page {
            button: Some(evil()),
            link: Some(("https://a.cn/\"><script>".to_owned(), evil())),
            code: Some("https://a.cn/x".to_owned()),
            note: Some("<script>".to_owned()),
            ..Page::telling(StatusCode::OK, evil(), evil())
        };
        let response = page.answer(Language::English);
        assert_eq!(response.headers()["content-security-policy"], POLICY);
        let body = response.into_body().collect().await.unwrap().to_bytes();
        let body = String::from_utf8(body.to_vec()).unwrap();
        assert!(!body.contains("<script") && body.contains("&lt;script&gt;&quot;&amp;"), "{body}");
        assert!(body.contains("<svg role=\"img\"") && !body.contains("<?xml"));
    }
}
