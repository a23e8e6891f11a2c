//! JSON that callers send: objects only.

use serde::de::DeserializeOwned;

use crate::refusal::Refusal;

/// The object in a body. serde would take a list for one too, its elements in the order of the fields: nobody means that.
pub(crate) fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Refusal> {
    if !body.trim_ascii_start().starts_with(b"{") {
        return Err(Refusal::BodyWrong("it is not a JSON object".to_owned()));
    }
    serde_json::from_slice(body).map_err(|error| Refusal::BodyWrong(error.to_string()))
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
