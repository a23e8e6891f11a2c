//! Making upstream's words fit to be shown: no secret, no control character, no endless length.

use lingpai_core::Secret;

/// How much of a text is kept. WeChat's longest known one has 230 characters.
const MAX_CHARS: usize = 400;

/// A run of token characters as long as this is masked, whoever's it is: a token has over 100, a
/// `rid` 26.
const TOKEN_LIKE: usize = 64;

/// `text` as it may be logged, stored and shown. `secrets` are masked by value.
pub(crate) fn clean(text: &str, secrets: &[&Secret]) -> String {
    let mut text: String = text
        .chars()
        .filter(|c| !is_invisible(*c))
        .map(|c| if c.is_whitespace() { ' ' } else { c })
        .collect();
    for secret in secrets.iter().map(|secret| secret.expose()).filter(|value| !value.is_empty()) {
        text = text.replace(secret, "***");
    }
    shortened(&masked(&text))
}

/// Control characters but for those that separate words, and those that turn or hide text.
fn is_invisible(c: char) -> bool {
    (c.is_control() && !c.is_whitespace())
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

fn masked(text: &str) -> String {
    let of_token = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    text.split_inclusive(|c| !of_token(c))
        .map(|part| {
            let run = part.trim_end_matches(|c| !of_token(c));
            if run.len() >= TOKEN_LIKE { part.replace(run, "***") } else { part.to_owned() }
        })
        .collect()
}

fn shortened(text: &str) -> String {
    let text = text.trim();
    match text.char_indices().nth(MAX_CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_masked_wherever_it_stands() {
        let secret = Secret::from("hunter2");
        assert_eq!(clean("no hunter2, (hunter2)", &[&secret]), "no ***, (***)");
    }

    #[test]
    fn a_secret_hidden_behind_a_control_character_is_masked_too() {
        let secret = Secret::from("hunter2");
        assert_eq!(clean("hun\u{0}ter2 hunt\u{200b}er2", &[&secret]), "*** ***");
    }

    #[test]
    fn whatever_looks_like_a_token_is_masked() {
        let text = format!("bad token {}, rid: 6aac0063-7ed08fb9-1250f724", "7".repeat(136));
        assert_eq!(clean(&text, &[]), "bad token ***, rid: 6aac0063-7ed08fb9-1250f724");
    }

    #[test]
    fn a_text_stays_on_one_line_and_ends() {
        assert_eq!(clean("a\nb\r\u{1b}[31mc\u{202e}", &[]), "a b [31mc");
        assert_eq!(clean(&"长 ".repeat(10_000), &[]).chars().count(), MAX_CHARS + 1);
    }
}
