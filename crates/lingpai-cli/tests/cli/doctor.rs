//! The doctor where there is next to nothing to look at.

use std::fs;

use serde_json::Value;

use crate::support::{lingpai, run};

#[test]
fn a_configuration_that_cannot_be_read_is_a_finding() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("lingpai.toml"), "lisen = \"127.0.0.1:0\"\n").unwrap();
    for (language, title, mend) in [
        ("en", "FAILED configuration", "Mend what is shown"),
        ("zh", "失败 配置", "请修改上述问题"),
    ] {
        let mut command = lingpai(folder.path(), &["doctor"]);
        command.env("LINGPAI_LANG", language);
        let said = run(command);
        assert_eq!(said.code, Some(4), "{} {}", said.out, said.err);
        for part in [title, mend, "`listen`"] {
            assert!(said.out.contains(part), "{part}: {}", said.out);
        }
    }
}

#[test]
fn a_store_that_cannot_be_opened_is_a_finding() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("lingpai.toml"), "store = \"sqlite:lingpai.db\"\n").unwrap();
    assert_eq!(run(lingpai(folder.path(), &["key", "create", "orders"])).code, Some(0));
    let mut command = lingpai(folder.path(), &["doctor", "--json"]);
    command.env("LINGPAI_MASTER_KEY", "cd".repeat(32));
    let said = run(command);
    assert_eq!(said.code, Some(4), "{} {}", said.out, said.err);
    let told: Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(
        (&told["worst"], &told["passed"], &told["calls"]),
        (&"failed".into(), &1.into(), &0.into())
    );
    assert_eq!(told["findings"][1]["check"], "store", "{told}");
    assert!(!said.out.contains("cdcd"), "{}", said.out);
    let remedy = told["findings"][1]["remedy"].as_str().unwrap();
    assert!(remedy.starts_with("Mend the store or its key"), "{remedy}");
    // In Chinese nothing of it is English.
    let mut command = lingpai(folder.path(), &["doctor"]);
    command.env("LINGPAI_MASTER_KEY", "cd".repeat(32)).env("LINGPAI_LANG", "zh");
    let said = run(command).out;
    assert!(
        said.contains("LINGPAI_MASTER_KEY 中的主密钥不是加密存储 lingpai.db 所用的那一个"),
        "{said}"
    );
    assert!(said.contains("请修复存储或它的主密钥") && !said.contains("the "), "{said}");
}
