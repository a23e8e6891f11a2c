//! JSON that callers send: objects only.

use serde::de::DeserializeOwned;

use crate::language::Bilingual;
use crate::refusal::Refusal;

/// The object in a body. serde would take a list for one too, its elements in the order of the fields: nobody means that.
pub(crate) fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Refusal> {
    if !body.trim_ascii_start().starts_with(b"{") {
        let what = Bilingual::fixed("it is not a JSON object", "它不是 JSON 对象");
        return Err(Refusal::BodyWrong(what));
    }
    serde_json::from_slice(body).map_err(|error| Refusal::BodyWrong(Bilingual::foreign(&error)))
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Deserialize)]
    struct Any {
        _a: Option<u8>,
    }

    #[test]
    fn a_list_is_no_object() {
        assert!(read::<Any>(b" {} ").is_ok());
        for body in ["", "[null]", "[]", "null", "{"] {
            assert!(matches!(read::<Any>(body.as_bytes()), Err(Refusal::BodyWrong(_))), "{body}");
        }
    }
}
