//! The words of the description, in both languages, and how one of them is left.
//!
//! While the description is made, a text stands in it in both languages. Members of bodies are told of by the tables in
//! `fields/`, since many of them mean the same in several bodies.

use serde_json::{Map, Value, json};

use super::fields;
use crate::language::{Bilingual, Language, either};

/// One text in both languages.
pub(super) const fn words(english: &'static str, chinese: &'static str) -> Bilingual {
    Bilingual::fixed(english, chinese)
}

/// A text as it stands in the description until [`left_in`] chooses.
pub(super) fn text(words: &Bilingual) -> Value {
    let (english, chinese) = words.texts();
    json!({"en": english, "zh": chinese})
}

/// Leaves one language of every text.
pub(super) fn left_in(language: Language, value: &mut Value) {
    match value {
        Value::Object(members) => {
            if let Some(chosen) = chosen(language, members) {
                *value = chosen;
                return;
            }
            members.values_mut().for_each(|member| left_in(language, member));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| left_in(language, item)),
        _ => {}
    }
}

fn chosen(language: Language, members: &Map<String, Value>) -> Option<Value> {
    let is_text = members.len() == 2 && members.get("en").is_some_and(Value::is_string);
    is_text.then(|| members.get(either(language, "en", "zh")).cloned()).flatten()
}

/// Describes every member of a body that is not described yet. `owner` is the name of the body.
pub(super) fn describe(owner: &str, schema: &mut Value) {
    match schema {
        Value::Object(keywords) => {
            for (keyword, value) in keywords {
                match (keyword.as_str(), value) {
                    ("properties", Value::Object(members)) => {
                        for (name, member) in members {
                            describe(name, member);
                            if let (None, Some(field)) =
                                (member.get("description"), fields::of(owner, name))
                            {
                                member["description"] = text(&field.what);
                            }
                        }
                    }
                    (_, value) => describe(owner, value),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| describe(owner, item)),
        _ => {}
    }
}
