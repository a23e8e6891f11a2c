//! Whether a value fits a JSON schema: as much of it as our description uses. Another keyword is a mistake, not ignored.

use serde_json::Value;

/// What does not fit, if something does not. References are looked up in `document`.
pub(crate) fn misfit(document: &Value, schema: &Value, value: &Value) -> Option<String> {
    let schema = schema.as_object().unwrap();
    for (keyword, rule) in schema {
        let fits = match keyword.as_str() {
            "$ref" => {
                let place = rule.as_str().unwrap().trim_start_matches('#');
                let found = document.pointer(place).unwrap_or_else(|| panic!("no {rule}"));
                if let Some(misfit) = misfit(document, found, value) {
                    return Some(misfit);
                }
                true
            }
            "anyOf" => {
                rule.as_array().unwrap().iter().any(|one| misfit(document, one, value).is_none())
            }
            "type" => match rule {
                Value::Array(types) => types.iter().any(|one| is_of_type(one, value)),
                one => is_of_type(one, value),
            },
            "enum" => rule.as_array().unwrap().contains(value),
            "minimum" => value.is_null() || value.as_i64() >= rule.as_i64(),
            "maximum" => value.is_null() || value.as_i64() <= rule.as_i64(),
            "required" => rule
                .as_array()
                .unwrap()
                .iter()
                .all(|name| value.get(name.as_str().unwrap()).is_some()),
            "properties" => {
                for (name, schema) in rule.as_object().unwrap() {
                    let found = value.get(name).and_then(|value| misfit(document, schema, value));
                    if let Some(misfit) = found {
                        return Some(format!("{name}: {misfit}"));
                    }
                }
                true
            }
            "additionalProperties" => {
                let known = schema["properties"].as_object().unwrap();
                value.as_object().is_some_and(|all| all.keys().all(|name| known.contains_key(name)))
            }
            "items" => {
                let items = value.as_array().into_iter().flatten();
                if let Some(misfit) = items.filter_map(|item| misfit(document, rule, item)).next() {
                    return Some(misfit);
                }
                true
            }
            "format" => value.as_str().is_none_or(|time| time.len() == 20 && time.ends_with('Z')),
            // What is read is held against these by the tests of reading.
            "description" | "default" | "minLength" | "maxLength" | "pattern" | "minItems" => true,
            other => panic!("this test does not know `{other}`"),
        };
        if !fits {
            return Some(format!("{value} is not {keyword} {rule}"));
        }
    }
    None
}

fn is_of_type(name: &Value, value: &Value) -> bool {
    match name.as_str().unwrap() {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        other => panic!("this test does not know the type `{other}`"),
    }
}
