//! Signing with a ticket: pages that call the JS-SDK, and cards.

use std::fmt::Write;

use lingpai_core::Secret;
use sha1::{Digest, Sha1};

/// What stands beside a signature, in the order in which WeChat names it.
#[derive(Clone, Copy, Debug)]
pub struct Stamp<'a> {
    /// `noncestr`: whatever the caller likes, new each time.
    pub nonce: &'a str,
    /// `timestamp`: Unix time in seconds.
    pub seconds: u64,
}

/// The `signature` of `wx.config` for a page: its URL as the browser shows it, without the fragment.
pub fn page(jsapi_ticket: &Secret, stamp: Stamp<'_>, url: &str) -> String {
    let (ticket, Stamp { nonce, seconds }) = (jsapi_ticket.expose(), stamp);
    sha1([format!("jsapi_ticket={ticket}&noncestr={nonce}&timestamp={seconds}&url={url}").as_str()])
}

/// The `signature` of a card (`cardExt`, `cardSign`): of the ticket, the stamp and whatever else belongs to the card, all
/// values sorted and written one after the other.
pub fn card(wx_card_ticket: &Secret, stamp: Stamp<'_>, values: &[String]) -> String {
    let seconds = stamp.seconds.to_string();
    let mut all = vec![wx_card_ticket.expose(), stamp.nonce, &seconds];
    all.extend(values.iter().map(String::as_str));
    all.sort_unstable();
    sha1(all)
}

/// The SHA-1 of parts one after the other, in hexadecimal digits.
pub(crate) fn sha1<'a>(parts: impl IntoIterator<Item = &'a str>) -> String {
    let mut hash = Sha1::new();
    parts.into_iter().for_each(|part| hash.update(part));
    hash.finalize().iter().fold(String::with_capacity(40), |mut text, byte| {
        // Writing into a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_signed_as_wechats_own_examples_are() {
        const TICKET: &str = "sM4AOVdWfPE4DxkXGEs8VMCPGGVi4C3VM0P37wVUCFvkVAy_90u5h9nbSlYy3-Sl-HhTdfl2fzFy1AOcHKP7qg";
        let stamp = Stamp { nonce: "Wm3WZYTPz0wzccnW", seconds: 1_414_587_457 };
        for (url, signature) in [
            ("http://mp.weixin.qq.com?params=value", "0f9de62fce790f9a083d5c99e95740ceb90c27ed"),
            ("http://mp.weixin.qq.com", "f4d90daf4b3bca3078ab155816175ba34c443a7b"),
        ] {
            assert_eq!(page(&Secret::from(TICKET), stamp, url), signature);
        }
    }

    #[test]
    fn a_card_is_signed_whatever_the_order_of_its_values() {
        let (ticket, stamp) = (Secret::from("t"), Stamp { nonce: "n", seconds: 15 });
        // printf 15Acnt | sha1sum
        let expected = "b70509e882994dbd5b14c36aaca97bc31efa3271";
        let values = |names: [&str; 2]| names.map(str::to_owned);
        assert_eq!(card(&ticket, stamp, &values(["c", "A"])), expected);
        assert_eq!(card(&ticket, stamp, &values(["A", "c"])), expected);
    }
}
