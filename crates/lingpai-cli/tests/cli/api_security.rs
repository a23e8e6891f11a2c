//! The keys of API security: tried before they are taken, shown by their numbers only, and forgotten.

use std::fs;
use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;

use crate::support::{Said, lingpai, run};

const VECTORS: &str = include_str!("../../../lingpai-wechat/tests/vectors/api_signature.json");

/// What WeChat publishes.
fn published(path: &str) -> String {
    let vectors: Value = serde_json::from_str(VECTORS).unwrap();
    vectors.pointer(path).and_then(Value::as_str).unwrap_or_else(|| panic!("no {path}")).to_owned()
}

/// The published keys in files, and an account in the store.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, path) in [
        ("symmetric", "/sym_key_b64"),
        ("private", "/request/app_private_key_pem"),
        ("public", "/request/app_public_key_pem"),
        ("certificate", "/response/certificate_pem"),
    ] {
        fs::write(folder.path().join(name), published(path)).unwrap();
    }
    fs::write(folder.path().join("secret"), "0123456789abcdef0123456789abcdef").unwrap();
    let add =
        ["account", "add", "wx1", "--kind", "mini-program", "--secret-file", "secret", "--untried"];
    assert_eq!(run(lingpai(folder.path(), &add)).code, Some(0));
    folder
}

fn set(folder: &Path, symmetric: &str, private: &str, certificate: &str) -> Said {
    let arguments = [
        ["account", "set-api-security"],
        ["wx1", "--symmetric-key-file"],
        [symmetric, "--symmetric-serial"],
        ["fa05fe1e", "--private-key-file"],
        [private, "--private-serial"],
        ["97845f6e", "--certificate-file"],
        [certificate, "--certificate-serial"],
        ["79ba700e", "--call"],
    ];
    let mut arguments = arguments.concat();
    arguments.push("/wxa/**");
    run(lingpai(folder, &arguments))
}

fn show(folder: &Path) -> (Said, Value) {
    let told = run(lingpai(folder, &["account", "show", "wx1"]));
    let json = run(lingpai(folder, &["account", "show", "wx1", "--json"])).out;
    (told, serde_json::from_str(&json).unwrap())
}

#[test]
fn keys_are_taken_if_they_are_some_shown_by_their_numbers_and_forgotten() {
    let folder = folder();
    let folder = folder.path();
    for (symmetric, private, certificate, says) in [
        ("secret", "private", "certificate", "the symmetric key (API 对称密钥) has 32 bytes"),
        ("symmetric", "public", "certificate", "the private key (API 非对称密钥) is an RSA key"),
        ("symmetric", "private", "secret", "the platform's certificate (开放平台证书) is an RSA"),
        ("symmetric", "private", "public", "this is your own public key"),
        ("nowhere", "private", "certificate", "nowhere"),
    ] {
        let refused = set(folder, symmetric, private, certificate);
        assert_eq!(refused.code, Some(1), "{says}");
        assert!(refused.err.contains(says), "{}", refused.err);
        assert!(!refused.err.contains("BEGIN RSA PRIVATE KEY-----\nMII"), "{}", refused.err);
    }
    assert_eq!(show(folder).1["api_security"], Value::Null);

    let taken = set(folder, "symmetric", "private", "certificate");
    assert_eq!(taken.code, Some(0), "{}", taken.err);
    let serials = "symmetric fa05fe1e, private 97845f6e, certificate 79ba700e";
    assert!(taken.err.contains(serials), "{}", taken.err);
    let (told, json) = show(folder);
    assert!(told.out.contains(serials), "{}", told.out);
    assert_eq!(json["api_security"]["private"], "97845f6e");
    assert_eq!(json["api_security"]["calls"], serde_json::json!(["/wxa/**"]));
    let said = [taken.out, taken.err, told.out, json.to_string()].concat();
    let private = published("/request/app_private_key_pem");
    let line = private.lines().nth(1).unwrap().to_owned();
    for secret in [published("/sym_key_b64"), line] {
        assert!(!said.contains(&secret));
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let is_store = path.to_string_lossy().contains("lingpai.db");
            let bytes = if is_store { fs::read(&path).unwrap() } else { Vec::new() };
            assert!(!bytes.windows(secret.len()).any(|it| it == secret.as_bytes()), "{path:?}");
        }
    }

    let removed = run(lingpai(folder, &["account", "set-api-security", "wx1", "--remove"]));
    assert_eq!(removed.code, Some(0), "{}", removed.err);
    assert_eq!(show(folder).1["api_security"], Value::Null);
}

#[test]
fn keys_in_the_configuration_are_looked_at_with_everything_else() {
    let folder = folder();
    let account = |kind: &str, certificate: &str| {
        format!(
            "[[account]]\nid = \"wx2\"\nsecret = {{ file = \"secret\" }}\nkind = \"{kind}\"\n\
             [account.api-security]\nsymmetric-key = {{ file = \"symmetric\" }}\n\
             symmetric-serial = \"fa05fe1e\"\nprivate-key = {{ file = \"private\" }}\n\
             private-serial = \"97845f6e\"\ncertificate = {{ file = \"{certificate}\" }}\n\
             certificate-serial = \"79ba700e\"\n"
        )
    };
    let check = |text: &str| {
        fs::write(folder.path().join("lingpai.toml"), text).unwrap();
        run(lingpai(folder.path(), &["config", "check"]))
    };
    let right = check(&account("mini-program", "certificate"));
    assert_eq!(right.code, Some(0), "{}", right.err);
    for (text, says) in [
        (account("mini-program", "public"), "this is your own public key"),
        (account("platform", "certificate"), "has no API security for accounts of this kind"),
        (
            account("mini-program", "certificate").replace("private-serial", "private-number"),
            "`private-serial` is missing: the number that WeChat's console shows",
        ),
    ] {
        let wrong = check(&text);
        assert!(wrong.code != Some(0) && wrong.err.contains(says), "{}", wrong.err);
    }
}
