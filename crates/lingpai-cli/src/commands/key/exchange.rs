//! `lingpai key export` and `key import`: the same keys on nodes that share no store.
//!
//! What is printed holds the hash of each key, by which a node knows it again, and no key. So both nodes accept the key, and
//! the virtual tokens that are made from it.

use std::collections::HashMap;
use std::fs;
use std::io::{self, Read};
use std::path::Path;

use lingpai_core::Directory;
use lingpai_core::client::ApiKey;
use lingpai_core::event::KeyChange;

use crate::commands::noted;
use crate::error::{Deed, Error};
use crate::keeping::OpenStore;
use crate::language::{either, say};
use crate::output;

/// Prints every key, a line each.
pub(super) async fn export(directory: &dyn Directory) -> Result<(), Error> {
    let mut keys = directory.keys().await?;
    super::tell_of_damage(directory);
    keys.sort_by(|one, other| one.id.cmp(&other.id));
    let lines: Result<Vec<_>, _> = keys.iter().map(serde_json::to_string).collect();
    output::print(&lines.map_err(io::Error::from)?.join("\n"))
}

/// Takes over what was printed. A key that was revoked, here or there, is revoked.
pub(super) async fn import(store: &OpenStore, file: &Path) -> Result<(), Error> {
    let directory = store.directory();
    let keys = parse(&read(file)?)?;
    let known: HashMap<String, ApiKey> =
        directory.keys().await?.into_iter().map(|key| (key.id.clone(), key)).collect();
    let mut taken = 0;
    let all = keys.len();
    for mut key in keys {
        let stands = known.get(&key.id);
        let revoked = stands.and_then(|stands| stands.revoked_at);
        key.revoked_at = key.revoked_at.into_iter().chain(revoked).min();
        // Whether it was used here is known here alone.
        key.first_used_at = stands.and_then(|stands| stands.first_used_at);
        if stands != Some(&key) {
            directory.put_key(&key).await?;
            let is_revoked = key.revoked_at.is_some() && stands.is_some();
            let change = if is_revoked { KeyChange::Revoked } else { KeyChange::Made };
            noted::key(store, "key import", &key.id, change).await;
            taken += 1;
        }
    }
    output::tell(&say!(
        "{taken} of {all} keys are new or have changed. Running servers know them within seconds.",
        "{all} 个密钥中，{taken} 个是新的或有改动。运行中的服务几秒内采用。"
    ));
    Ok(())
}

fn read(file: &Path) -> Result<String, Error> {
    if file == Path::new("-") {
        let mut text = String::new();
        io::stdin().read_to_string(&mut text).map_err(Error::standard_input)?;
        return Ok(text);
    }
    fs::read_to_string(file).map_err(|source| Error::File {
        path: file.to_owned(),
        deed: Deed::Read,
        advice: either(
            "Make it on the other node: lingpai key export > FILE",
            "请在另一节点生成：lingpai key export > 文件",
        ),
        source,
    })
}

/// All of them, or none if one is wrong.
fn parse(text: &str) -> Result<Vec<ApiKey>, Error> {
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let key = |(number, line): (usize, &str)| {
        serde_json::from_str(line).map_err(|error: serde_json::Error| {
            Error::said(say!(
                "line {number} is no exported key: {error}. Nothing was taken over",
                "第 {number} 行不是导出的密钥：{error}。没有接收任何密钥",
                number = number + 1
            ))
        })
    };
    lines.map(key).collect()
}
