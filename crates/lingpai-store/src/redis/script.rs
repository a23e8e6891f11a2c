//! The scripts that run inside Redis: each is one atomic step, and decides what `rules.rs` decides for the other stores.
//!
//! They are called by their hash; a Redis that does not know one is given its text.

use std::sync::LazyLock;

use redis::{Cmd, Script, ToRedisArgs, cmd};

/// A script, with its keys and arguments.
pub(super) struct Call {
    script: &'static Script,
    text: &'static str,
    keys: Vec<String>,
    arguments: Vec<Vec<u8>>,
}

macro_rules! scripts {
    ($($name:ident: $file:literal,)*) => {$(
        #[doc = concat!("`", $file, "` on these keys.")]
        pub(super) fn $name<const N: usize>(keys: [String; N]) -> Call {
            const TEXT: &str =
                concat!(include_str!("scripts/prelude.lua"), include_str!(concat!("scripts/", $file)));
            static SCRIPT: LazyLock<Script> = LazyLock::new(|| Script::new(TEXT));
            Call { script: &SCRIPT, text: TEXT, keys: keys.into(), arguments: Vec::new() }
        }
    )*};
}

scripts! {
    abandon: "abandon.lua",
    append: "append.lua",
    begin: "begin.lua",
    changed: "changed.lua",
    commit: "commit.lua",
    confirm: "confirm.lua",
    count: "count.lua",
    deposit: "deposit.lua",
    first_use: "first_use.lua",
    found: "found.lua",
    keep: "keep.lua",
    mark: "mark.lua",
    migrate: "migrate.lua",
    mend: "mend.lua",
    meet: "meet.lua",
    page: "page.lua",
    parcel_put: "parcel_put.lua",
    parcel_remove: "parcel_remove.lua",
    parcel_set: "parcel_set.lua",
    parcel_take: "parcel_take.lua",
    probe: "probe.lua",
    put: "put.lua",
    raise: "raise.lua",
    rekey: "rekey.lua",
    remove: "remove.lua",
    reseal: "reseal.lua",
    restore: "restore.lua",
    swap: "swap.lua",
}

impl Call {
    /// One more key.
    pub(super) fn key(mut self, key: String) -> Self {
        self.keys.push(key);
        self
    }

    /// One more argument.
    pub(super) fn arg(mut self, argument: impl ToRedisArgs) -> Self {
        self.arguments.extend(argument.to_redis_args());
        self
    }

    /// The key by which the server is found that it runs on.
    pub(super) fn first_key(&self) -> &str {
        self.keys.first().map(String::as_str).unwrap_or_default()
    }

    /// The command that names the script.
    pub(super) fn by_hash(&self) -> Cmd {
        self.command("EVALSHA", self.script.get_hash())
    }

    /// The command that brings the script along.
    pub(super) fn by_text(&self) -> Cmd {
        self.command("EVAL", self.text)
    }

    fn command(&self, name: &str, script: &str) -> Cmd {
        let mut command = cmd(name);
        command.arg(script).arg(self.keys.len()).arg(&self.keys).arg(&self.arguments);
        command
    }
}
