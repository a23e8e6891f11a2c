//! A store as it was before its layout is changed: all its keys once more, in the same Redis, under a prefix of their own. The
//! former program runs on them as they stand.
//!
//! Each attempt copies under a prefix that nobody else uses, so that of several nodes that start at once none writes into
//! another's copy. The one that changes the layout writes down in `meta` which copy is from the moment before; the others take
//! theirs away again. `meta` is copied last, and without it a copy is no store: what an attempt has left that was killed is
//! removed by the next one.

use std::collections::BTreeMap;
use std::sync::Arc;

use lingpai_core::StoreError;
use redis::{Cmd, cmd, from_redis_value};

use super::PAGE;
use super::layout::Layout;
use super::link::{Link, Repeat};

/// How long an attempt is known to be under way after each page that it copies.
const UNDER_WAY: u64 = 60;

/// The cursor of `SCAN` before it begins, and when it has ended.
const BEGINNING: &str = "0";

/// What `PTTL` answers of a key that has no end, and, below it, of one that is gone.
const ENDLESS: i64 = -1;

/// A copy, which one attempt to change the layout has made.
pub(super) struct Former {
    link: Arc<Link>,
    /// What the keys of the store begin with, and those of the copy.
    prefixes: (String, String),
    /// The keys of the copy.
    names: Vec<String>,
}

impl Former {
    /// Copies a store of this layout. Nothing of an attempt that fails is left behind; what was left by one that was killed is
    /// removed before.
    ///
    /// # Errors
    /// There is no room, or it is not allowed: the store is as it was.
    pub(super) async fn keep(
        link: &Arc<Link>,
        layout: &Layout,
        version: u32,
    ) -> Result<Self, StoreError> {
        let attempt = u32::from_le_bytes(crate::keys::random()?);
        let prefix = layout.prefix();
        let own = format!("{prefix}schema-{version}-{attempt:08x}:");
        // Of very many accounts it takes a while.
        tracing::info!(
            prefix = own,
            "the store {} is copied before its layout is changed",
            link.name()
        );
        let prefixes = (prefix.to_owned(), own);
        let mut former = Self { link: Arc::clone(link), prefixes, names: Vec::new() };
        match former.fill(layout, version).await {
            Ok(()) => Ok(former),
            Err(error) => {
                let explained = StoreError::new(
                    error.kind,
                    format!(
                        "the store {} has to be brought to the present layout, and a copy of it as it is could not be made before: \
                         {error}. Nothing was changed: mend that and start again, or run the former version",
                        link.name()
                    ),
                )
                .in_chinese(format!(
                    "存储 {} 需要改为现在的结构，而改动之前未能保留一份原样的副本：{}。没有任何改动：请排除原因后重新启动，或运行旧版本",
                    link.name(),
                    error.chinese().map_or_else(|| error.to_string(), str::to_owned)
                ));
                former.discard().await;
                Err(explained.caused_by(error))
            }
        }
    }

    /// What the keys of the copy begin with.
    pub(super) fn prefix(&self) -> &str {
        &self.prefixes.1
    }

    /// Takes the copy away again. What cannot be removed now harms nobody.
    pub(super) async fn discard(self) {
        let removals =
            self.names.iter().chain([&under_way(self.prefix())]).map(Cmd::unlink).collect();
        if let Err(error) = self.link.run_all::<i64>(removals).await {
            tracing::warn!(
                %error,
                prefix = self.prefix(),
                "a copy of the store that is of no use could not be removed"
            );
        }
    }

    async fn fill(&mut self, layout: &Layout, version: u32) -> Result<(), StoreError> {
        let link = Arc::clone(&self.link);
        // First, so that there is room.
        sweep(&link, layout.prefix(), version).await?;
        // Those of accounts only, all of which are hash-tagged: another store may have a prefix that begins with this one.
        let pattern = format!("{}{{*", escaped(layout.prefix()));
        let mut pages = Pages::new(&link, pattern).await?;
        while let Some(names) = pages.next().await? {
            self.copy(&names).await?;
        }
        let (mut last, mut others) = (Vec::new(), Vec::new());
        for (name, _) in layout.types() {
            if name == layout.meta() { &mut last } else { &mut others }.push(name);
        }
        self.copy(&others).await?;
        self.copy(&last).await
    }

    /// Says that this attempt is under way.
    async fn mark(&self) -> Result<(), StoreError> {
        let mut mark = one("SET", &under_way(self.prefix()));
        mark.arg("").arg("EX").arg(UNDER_WAY);
        self.link.run::<String>(&mark, Repeat::Harmless).await.map(drop)
    }

    async fn copy(&mut self, names: &[String]) -> Result<(), StoreError> {
        self.mark().await?;
        let dumps = names.iter().map(|name| one("DUMP", name)).collect();
        let values: Vec<Option<Vec<u8>>> = self.link.run_all(dumps).await?;
        let lives: Vec<i64> = self.link.run_all(names.iter().map(Cmd::pttl).collect()).await?;
        let mut restores = Vec::with_capacity(names.len());
        for ((name, value), life) in names.iter().zip(values).zip(lives) {
            // It may have ended in between.
            let (Some(value), true) = (value, life >= ENDLESS) else { continue };
            let (prefix, own) = &self.prefixes;
            let copy = format!("{own}{}", name.strip_prefix(prefix).unwrap_or(name));
            let mut restore = one("RESTORE", &copy);
            // 0 is without an end. It may be repeated, and finds itself then.
            let life = if life == ENDLESS { 0 } else { life.max(1) };
            restore.arg(life).arg(value).arg("REPLACE");
            restores.push(restore);
            self.names.push(copy);
        }
        self.link.run_all::<String>(restores).await.map(drop)
    }
}

/// Removes what attempts have left that were killed: copies without a `meta`, on which nobody works.
async fn sweep(link: &Arc<Link>, prefix: &str, version: u32) -> Result<(), StoreError> {
    let attempts = format!("{prefix}schema-{version}-");
    let length = attempts.len() + "xxxxxxxx:".len();
    let mut left: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut pages = Pages::new(link, format!("{}*", escaped(&attempts))).await?;
    while let Some(names) = pages.next().await? {
        for name in names {
            if let Some(attempt) = name.get(..length) {
                left.entry(attempt.to_owned()).or_default().push(name);
            }
        }
    }
    for (attempt, names) in left {
        let signs = [Layout::new(&attempt).meta(), under_way(&attempt)];
        let signs: Vec<i64> = link.run_all(signs.iter().map(Cmd::exists).collect()).await?;
        if signs == [0, 0] {
            tracing::info!(prefix = attempt, "a copy of the store that was broken off is removed");
            link.run_all::<i64>(names.iter().map(Cmd::unlink).collect()).await?;
        }
    }
    Ok(())
}

/// The key that is there while an attempt is under way.
fn under_way(prefix: &str) -> String {
    format!("{prefix}under-way")
}

/// The names of the keys that a pattern fits, on all servers that have keys of their own.
struct Pages<'a> {
    link: &'a Link,
    pattern: String,
    servers: Vec<Option<String>>,
    cursor: String,
}

impl<'a> Pages<'a> {
    async fn new(link: &'a Link, pattern: String) -> Result<Self, StoreError> {
        let answers = link.ask_servers(&cmd("PING")).await?;
        let servers = answers.into_iter().map(|(server, _)| server).collect();
        Ok(Self { link, pattern, servers, cursor: BEGINNING.to_owned() })
    }

    /// Some of them; none at the end.
    async fn next(&mut self) -> Result<Option<Vec<String>>, StoreError> {
        let Some(server) = self.servers.last() else { return Ok(None) };
        let mut scan = cmd("SCAN");
        scan.arg(&self.cursor).arg("MATCH").arg(&self.pattern).arg("COUNT").arg(PAGE);
        let answer = self.link.ask_server(server.as_deref(), &scan).await?;
        let page = from_redis_value(answer).map_err(redis::RedisError::from);
        let (cursor, names): (String, Vec<String>) = self.link.explained(page)?;
        if cursor == BEGINNING {
            self.servers.pop();
        }
        self.cursor = cursor;
        Ok(Some(names))
    }
}

fn one(command: &str, key: &str) -> Cmd {
    let mut one = cmd(command);
    one.arg(key);
    one
}

/// As a pattern that fits nothing but this.
fn escaped(prefix: &str) -> String {
    let mut pattern = String::with_capacity(prefix.len());
    for letter in prefix.chars() {
        if ['*', '?', '[', ']', '\\'].contains(&letter) {
            pattern.push('\\');
        }
        pattern.push(letter);
    }
    pattern
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_fits_nothing_but_itself() {
        assert_eq!(escaped("lingpai:"), "lingpai:");
        assert_eq!(escaped(r"a*b?[c]\:"), r"a\*b\?\[c\]\\:");
    }
}
