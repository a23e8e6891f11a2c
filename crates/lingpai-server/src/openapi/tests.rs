//! The description is whole and sound. That it is true is shown by `tests/it/openapi.rs`.

use std::collections::BTreeSet;

use super::*;
use crate::routes::Route;

fn english() -> Value {
    document(Language::English)
}

/// Shows every object in a value, each with the name of the member that it is.
fn every_object<'a>(
    name: &'a str,
    value: &'a Value,
    see: &mut impl FnMut(&'a str, &'a Map<String, Value>),
) {
    match value {
        Value::Object(members) => {
            see(name, members);
            members.iter().for_each(|(name, member)| every_object(name, member, see));
        }
        Value::Array(items) => items.iter().for_each(|item| every_object(name, item, see)),
        _ => {}
    }
}

/// Every operation, with its method and path.
fn operations(document: &Value) -> impl Iterator<Item = (&str, &str, &Value)> {
    let paths = document["paths"].as_object().unwrap();
    paths.iter().flat_map(|(path, methods)| {
        let methods = methods.as_object().unwrap();
        methods.iter().map(|(method, operation)| (method.as_str(), path.as_str(), operation))
    })
}

#[test]
fn every_route_is_described_and_nothing_else_is() {
    let document = english();
    let described: BTreeSet<_> =
        document["paths"].as_object().unwrap().keys().map(String::as_str).collect();
    let is_path = |name: &&str| name.starts_with('/');
    let routes = Route::NAMES.iter().copied().filter(is_path).collect();
    assert_eq!(described, routes);
}

#[test]
fn every_member_of_a_body_and_every_parameter_is_told_of_and_no_row_is_in_vain() {
    let document = english();
    every_object("", &document, &mut |name, object| {
        if let Some(members) = object.get("properties").and_then(Value::as_object) {
            for (member, schema) in members {
                assert!(schema["description"].is_string(), "{name}: {member}");
            }
        }
        if object.contains_key("in") && object.contains_key("schema") {
            assert!(object["description"].is_string(), "{object:?}");
        }
    });
    let told: BTreeSet<_> = {
        let mut told = BTreeSet::new();
        every_object("", &document, &mut |_, object| {
            told.extend(object.get("description").and_then(Value::as_str));
        });
        told
    };
    let mut names = BTreeSet::new();
    for field in fields::all() {
        assert!(names.insert(field.name), "{} is there twice", field.name);
        assert!(told.contains(field.what.texts().0), "{} is no member", field.name);
    }
}

#[test]
fn every_text_is_chinese_for_those_who_read_it() {
    let (english, chinese) = (english(), document(Language::Chinese));
    let mut texts = 0;
    every_object("", &chinese, &mut |name, object| {
        for keyword in ["description", "summary", "x-displayName"] {
            let Some(text) = object.get(keyword).and_then(Value::as_str) else { continue };
            texts += 1;
            let is_chinese = text.contains(|c: char| ('\u{2e80}'..='\u{9fff}').contains(&c));
            assert!(is_chinese, "{name}: {text}");
            assert!(!text.contains("en\":"), "{name}: {text}");
        }
    });
    let mut in_english = 0;
    every_object("", &english, &mut |_, object| {
        let keywords = ["description", "summary", "x-displayName"];
        in_english +=
            keywords.iter().filter(|it| object.get(**it).is_some_and(Value::is_string)).count();
    });
    assert_eq!(texts, in_english);
}

#[test]
fn it_is_sound_as_openapi_wants_it() {
    let document = english();
    let mut used = BTreeSet::new();
    every_object("", &document, &mut |name, object| {
        if let Some(place) = object.get("$ref").and_then(Value::as_str) {
            let there = document.pointer(place.trim_start_matches('#'));
            assert!(there.is_some(), "{name}: nothing is at {place}");
            used.insert(place);
        }
    });
    for schema in document["components"]["schemas"].as_object().unwrap().keys() {
        assert!(used.contains(&*format!("#/components/schemas/{schema}")), "{schema} is not used");
    }
    let tags = document["tags"].as_array().unwrap();
    let tags: BTreeSet<_> = tags.iter().map(|tag| tag["name"].as_str().unwrap()).collect();
    let (mut ids, mut used) = (BTreeSet::new(), BTreeSet::new());
    for (method, path, operation) in operations(&document) {
        let id = operation["operationId"].as_str().unwrap();
        assert!(ids.insert(id), "two calls are `{id}`");
        used.insert(operation["tags"][0].as_str().unwrap());
        let parameters = operation["parameters"].as_array().unwrap();
        let of = |place: &str| -> Vec<&str> {
            let those = parameters.iter().filter(|parameter| parameter["in"] == place);
            those.map(|parameter| parameter["name"].as_str().unwrap()).collect()
        };
        let in_path: Vec<_> = path.split(['{', '}']).skip(1).step_by(2).collect();
        assert_eq!(of("path"), in_path, "{method} {path}");
        for place in ["path", "query", "header", "cookie"] {
            let unique: BTreeSet<_> = of(place).into_iter().collect();
            assert_eq!(unique.len(), of(place).len(), "{method} {path}");
        }
        for parameter in parameters {
            let is_needed = parameter["in"] != "path" || parameter["required"] == true;
            assert!(is_needed && parameter["schema"].is_object(), "{method} {path}: {parameter}");
        }
        assert!(!operation["responses"].as_object().unwrap().is_empty(), "{method} {path}");
    }
    assert_eq!(used, tags);
}
