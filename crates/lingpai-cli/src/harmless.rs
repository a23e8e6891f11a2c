//! What others say, made fit for a terminal, which obeys what it is shown: WeChat, businesses, a Redis, whoever named a key.

use std::borrow::Cow;

use serde_json::Value;

/// Stands where something was that a terminal must not be sent.
const GONE: char = '\u{fffd}';

/// How [`paint`](crate::output::paint) begins and ends: the only commands that a terminal is sent amid a text.
const PAINT: [&str; 7] =
    ["\x1b[0m", "\x1b[1m", "\x1b[2m", "\x1b[31m", "\x1b[32m", "\x1b[33m", "\x1b[36m"];

/// Whether it moves the cursor, begins a command, or turns the writing round. A line break and a tab do no harm.
fn is_harmful(c: char) -> bool {
    (c.is_control() && !matches!(c, '\n' | '\t'))
        || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// A text for people as it may be printed.
pub(crate) fn text(text: &str) -> Cow<'_, str> {
    if !text.contains(is_harmful) {
        return text.into();
    }
    let mut safe = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let paint = PAINT.into_iter().find(|paint| rest.starts_with(paint));
        let taken = paint.map_or(c.len_utf8(), str::len);
        match paint {
            Some(paint) => safe.push_str(paint),
            None => safe.push(if is_harmful(c) { GONE } else { c }),
        }
        rest = &rest[taken..];
    }
    safe.into()
}

/// The same for a part of a line, without the line breaks.
pub(crate) fn line(text: &str) -> String {
    text.chars().map(|c| if is_harmful(c) || c.is_control() { ' ' } else { c }).collect()
}

/// JSON as it may be printed: what JSON does not write as an escape of its own is written as one, so it says the same.
pub(crate) fn json(text: &str) -> Cow<'_, str> {
    if !text.contains(is_harmful) {
        return text.into();
    }
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match is_harmful(c) {
            true => safe += &format!("\\u{:04x}", u32::from(c)),
            false => safe.push(c),
        }
    }
    safe.into()
}

/// An answer without commands to a terminal in its texts: none is to be taken for one of our own when it is printed.
pub(crate) fn answer(mut value: Value) -> Value {
    fn tame(value: &mut Value) {
        match value {
            Value::String(text) if text.contains('\x1b') => {
                *text = text.replace('\x1b', "\u{fffd}");
            }
            Value::Array(all) => all.iter_mut().for_each(tame),
            Value::Object(all) => all.values_mut().for_each(tame),
            _ => {}
        }
    }
    tame(&mut value);
    value
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_terminal_is_sent_no_command_of_others() {
        let title = "a\x1b]0;pwned\x07b\r\nc\u{9b}31md\u{202e}e\tf\x7f";
        assert_eq!(
            text(title),
            "a\u{fffd}]0;pwned\u{fffd}b\u{fffd}\nc\u{fffd}31md\u{fffd}e\tf\u{fffd}"
        );
        assert_eq!(line(title), "a ]0;pwned b  c 31md e f ");
        assert_eq!(text("令牌 ✓ 👨‍👩‍👧"), "令牌 ✓ 👨‍👩‍👧", "what harms nobody stays");
    }

    #[test]
    fn what_is_painted_here_stays_and_what_others_paint_does_not() {
        let painted = "\x1b[31mFAILED\x1b[0m: \x1b[2J";
        assert_eq!(text(painted), "\x1b[31mFAILED\x1b[0m: \u{fffd}[2J");
        let said = answer(json!({"list": [{"text": "\x1b[32mok\x1b[0m"}]}));
        assert_eq!(said["list"][0]["text"], "\u{fffd}[32mok\u{fffd}[0m");
    }

    #[test]
    fn json_says_the_same_without_harm() {
        let value = json!({"a": "x\u{9b}y\u{7f}\u{202e}\x07\n"});
        let printed = value.to_string();
        let harmless = json(&printed);
        assert!(!harmless.contains(is_harmful), "{harmless}");
        assert_eq!(serde_json::from_str::<Value>(&harmless).unwrap(), value);
    }
}
