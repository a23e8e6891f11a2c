//! `[[sink]]`: where the token of an account is delivered, and written down how.

use std::fs;
use std::path::Path;
use std::time::Duration;

use lingpai_core::{AccountId, Secret};
use lingpai_server::sinks::{FilePlace, Hook, Owner, Shape};
use lingpai_store::RedisAddress;

use super::secret::Reference;
use super::section::{Said, Section, is_name, meaning, one_of};
use super::settings::duration_within;
use crate::language::{either, say};

/// One sink, as the file has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sink {
    pub(crate) name: String,
    pub(crate) account: AccountId,
    pub(crate) at: At,
}

/// Where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum At {
    File(FilePlace),
    Redis { address: Box<RedisAddress>, key: String, shape: Shape },
    Webhook { url: Secret, secret: Secret },
}

/// Who reads it, and so how it is written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Plain,
    Json,
    WxJava,
    EasyWeChat,
    Silenceper,
    Wechatpy,
}

/// All of them, by their names.
pub(crate) const FORMS: [(&str, Form); 6] = [
    ("plain", Form::Plain),
    ("json", Form::Json),
    ("wxjava", Form::WxJava),
    ("easywechat", Form::EasyWeChat),
    ("silenceper", Form::Silenceper),
    ("wechatpy", Form::Wechatpy),
];

impl Form {
    /// The key under which it is looked for in a Redis: what stands before it by default, and the rest. Read in the sources of
    /// WxJava 4.7.2 (`WxMpRedisConfigImpl`, `WxMaRedisBetterConfigImpl`), EasyWeChat 6.19.1 (`OfficialAccount/AccessToken`; the
    /// secret is part of its key, and `lingpai` stands there), silenceper/wechat 2.1.6 (`default_access_token.go`, whose prefix
    /// ends with a `_` of its own) and wechatpy 1.8.18 (`session/redisstorage.py`, `client/base.py`).
    pub(crate) fn key(self) -> (&'static str, &'static str) {
        match self {
            Self::Plain | Self::Json => ("lingpai", "{prefix}:token:{account}"),
            Self::WxJava => ("wx", "{prefix}:access_token:{account}"),
            Self::EasyWeChat => ("official_account", "{prefix}.access_token.{account}.lingpai.0"),
            Self::Silenceper => ("gowechat_officialaccount_", "{prefix}_access_token_{account}"),
            Self::Wechatpy => ("wechatpy", "{prefix}:{account}_access_token"),
        }
    }

    /// How the token is written down: WxJava and silenceper store it as it is, EasyWeChat through Symfony's cache, which
    /// serializes it, wechatpy as JSON.
    pub(crate) fn shape(self) -> Shape {
        match self {
            Self::Plain | Self::WxJava | Self::Silenceper => Shape::Plain,
            Self::Json => Shape::Json,
            Self::EasyWeChat => Shape::Php,
            Self::Wechatpy => Shape::Quoted,
        }
    }

    fn is_of_an_sdk(self) -> bool {
        !matches!(self, Self::Plain | Self::Json)
    }
}

/// Who may read a file by default: nobody but its owner.
const MODE: u32 = 0o600;
const HOOK_DEADLINE: Duration = Duration::from_secs(10);

/// Reads all of them.
pub(super) fn read(root: &mut Section<'_>, base: &Path) -> Vec<Sink> {
    root.tables(
        "sink",
        either(
            "`sink` is a list of tables: write `[[sink]]` before the settings of each sink",
            "`sink` 是由表组成的列表：请在每个投递目标的设置前写 `[[sink]]`",
        ),
        |section| Some((one(section, base)?, section.place())),
        |one, other| one.name == other.name,
        |sink| {
            say!(
                "the sink {name} stands in this file twice: give one of them another name",
                "投递目标 {name} 在这个文件里写了两次：请改其中一个的名称",
                name = sink.name
            )
        },
    )
}

fn one(section: &mut Section<'_>, base: &Path) -> Option<Sink> {
    section.require(
        "name",
        either("give it a name: `name = \"shop\"`", "请起一个名称：`name = \"shop\"`"),
    );
    section.require(
        "account",
        either(
            "say whose token it is given: `account = \"wx...\"`",
            "请写明投递哪个账号的凭据：`account = \"wx...\"`",
        ),
    );
    let name = section.text("name", name);
    let account = section.text("account", meaning::<AccountId>);
    let path = section.text("path", |text| Ok(base.join(text)));
    let redis = section.text("redis", meaning::<RedisAddress>);
    let password = Reference::fetched(section, "redis-password", None, base);
    let url = Reference::fetched(section, "url", None, base);
    let secret = Reference::fetched(section, "secret", None, base);
    let form = section.text("form", |text| one_of(&FORMS, text));
    let template = section.text("template", template);
    let prefix = section.text("prefix", |text| Ok(text.to_owned()));
    let key = section.text("key", key);
    let mode = section.text("mode", parse_mode);
    let owner = section.text("owner", parse_owner);
    let hook = section.list("hook", |text| Ok(text.to_owned()));
    let deadline = section
        .text("hook-deadline", duration_within(Duration::from_secs(1)..=Duration::from_mins(5)));
    if let (Some(form), Some(_)) = (&form, &template) {
        let what = either(
            "say how the token is written down in one way only: `form` or `template`",
            "写入格式只能写一种：`form` 或 `template`",
        );
        section.mistake(form.place.clone(), what);
    }
    let shape = match (&template, &form) {
        (Some(template), _) => Some(Shape::Template(template.value.clone())),
        (None, form) => form.as_ref().map(|form| form.value.shape()),
    };
    let at = match (path, redis, url) {
        (Some(path), None, None) => {
            if let Some(form) = form.filter(|form| form.value.is_of_an_sdk()) {
                let what = either(
                    "this SDK looks into a Redis: write `redis = \"redis://...\"` in place of `path`",
                    "该 SDK 读取的是 Redis：请把 `path` 换成 `redis = \"redis://...\"`",
                );
                section.mistake(form.place, what);
            }
            let deadline = deadline.map_or(HOOK_DEADLINE, |said| said.value);
            Some(At::File(FilePlace {
                path: path.value,
                shape: shape.unwrap_or(Shape::Json),
                mode: mode.map_or(MODE, |said| said.value),
                owner: owner.map(|said| said.value),
                hook: hook.filter(|it| !it.is_empty()).map(|command| Hook { command, deadline }),
            }))
        }
        (None, Some(redis), None) => {
            let form = form.map_or(Form::Plain, |said| said.value);
            let (usual, rest) = form.key();
            let prefix = prefix.map_or_else(|| usual.to_owned(), |said| said.value);
            let template = key.map_or_else(|| rest.to_owned(), |said| said.value);
            let account = account.as_ref().map_or_else(String::new, |it| it.value.to_string());
            // Of an application of WeCom, SDKs name the corp alone.
            let account = match account.split_once(':') {
                Some((corp, _)) if form.is_of_an_sdk() => corp.to_owned(),
                _ => account,
            };
            let key = template.replace("{prefix}", &prefix).replace("{account}", &account);
            let address = of_redis(section, redis, password, base);
            Some(At::Redis {
                address: Box::new(address),
                key,
                shape: shape.unwrap_or(Shape::Plain),
            })
        }
        (None, None, Some(url)) => webhook(section, url, secret),
        _ => {
            let what = either(
                "say where the token is put, in one way: `path`, `redis` or `url`",
                "请写明投递到哪里，只写一种：`path`、`redis` 或 `url`",
            );
            // A reference that could not be read is complained of already.
            if section.value("url").is_none() {
                section.mistake(section.place(), what);
            }
            None
        }
    };
    Some(Sink { name: name?.value, account: account?.value, at: at? })
}

fn of_redis(
    section: &Section<'_>,
    redis: Said<RedisAddress>,
    password: Option<Said<Secret>>,
    base: &Path,
) -> RedisAddress {
    if redis.value.has_password() {
        let what = either(
            "a password must not stand in this file. Leave it out of the URL, and write `redis-password = { env = \"NAME\" }` or \
             `{ file = \"PATH\" }`",
            "密码不能写在这个文件里。请从地址中去掉，改写 `redis-password = { env = \"变量名\" }` 或 `{ file = \"路径\" }`",
        );
        section.mistake(redis.place, what);
    }
    let address = redis.value.relative_to(base);
    match password {
        Some(password) => address.with_password(password.value),
        None => address,
    }
}

fn webhook(
    section: &mut Section<'_>,
    url: Said<Secret>,
    secret: Option<Said<Secret>>,
) -> Option<At> {
    if !["https://", "http://"].iter().any(|scheme| url.value.expose().starts_with(scheme)) {
        let what = either(
            "what `url` refers to is no URL: it begins with https:// or http://",
            "`url` 引用的内容不是 URL：应以 https:// 或 http:// 开头",
        );
        section.mistake(url.place, what);
        return None;
    }
    section.require(
        "secret",
        either(
            "what is sent there is signed: `secret = { env = \"NAME\" }` or `{ file = \"PATH\" }`",
            "投递的内容需要签名：`secret = { env = \"变量名\" }` 或 `{ file = \"路径\" }`",
        ),
    );
    Some(At::Webhook { url: url.value, secret: secret?.value })
}

fn name(text: &str) -> Result<String, String> {
    if is_name(text) {
        return Ok(text.to_owned());
    }
    Err(say!(
        "`{text}` is no name for a sink: it has up to 64 letters, digits, - and _",
        "`{text}` 不能作为投递目标的名称：应为最多 64 个字母、数字、- 和 _"
    ))
}

fn template(text: &str) -> Result<String, String> {
    match Shape::is_template(text) {
        true => Ok(text.to_owned()),
        false => Err(either(
            "a template says where the token goes: `{access_token}` must stand in it",
            "模板要写明凭据放在哪里：其中必须有 `{access_token}`",
        )
        .to_owned()),
    }
}

fn key(text: &str) -> Result<String, String> {
    match text {
        "" => Err(either("must not be empty", "不能为空").to_owned()),
        text => Ok(text.to_owned()),
    }
}

/// Permissions as `chmod` takes them: `0640`.
fn parse_mode(text: &str) -> Result<u32, String> {
    match u32::from_str_radix(text, 8) {
        Ok(mode) if mode <= 0o777 && mode & 0o400 != 0 => Ok(mode),
        _ => Err(say!(
            "`{text}` are no permissions: write them as chmod takes them, such as \"0640\"",
            "`{text}` 不是权限：请按 chmod 的写法，如 \"0640\""
        )),
    }
}

/// `user`, `user:group` or `:group`, by name or by number.
fn parse_owner(text: &str) -> Result<Owner, String> {
    let (user, group) = text.split_once(':').unwrap_or((text, ""));
    let user = number_of(user, "/etc/passwd")?;
    let group = number_of(group, "/etc/group")?;
    if user.is_none() && group.is_none() {
        return Err(either("must not be empty", "不能为空").to_owned());
    }
    Ok(Owner { user, group })
}

fn number_of(name: &str, file: &str) -> Result<Option<u32>, String> {
    if name.is_empty() {
        return Ok(None);
    }
    if let Ok(number) = name.parse() {
        return Ok(Some(number));
    }
    let text = fs::read_to_string(file).unwrap_or_default();
    let known = text.lines().find_map(|line| {
        let mut fields = line.split(':');
        let number = (fields.next() == Some(name)).then(|| fields.nth(1))??;
        number.parse().ok()
    });
    known.map(Some).ok_or_else(|| {
        say!(
            "nobody is called `{name}` in {file}: write the number instead",
            "{file} 中没有 `{name}`：请改写数字编号"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::super::tests::{mistakes, parse_in};
    use super::*;

    fn sink(lines: &str) -> At {
        let environment = |name: &str| match name {
            "URL" => Some("https://shop.example.com/wechat?key=1".to_owned()),
            "WORD" => Some("8f5c0de".to_owned()),
            _ => None,
        };
        let text = format!("[[sink]]\nname = \"shop\"\naccount = \"wx1\"\n{lines}\n");
        parse_in(&text, &environment).unwrap().sinks.remove(0).at
    }

    #[test]
    fn a_file_is_private_and_json_unless_something_else_is_said() {
        let At::File(file) = sink("path = \"token\"") else { panic!() };
        assert_eq!(file.path, Path::new("/etc/lingpai/token"));
        assert_eq!((file.shape, file.mode), (Shape::Json, 0o600));
        assert_eq!((file.owner, file.hook), (None, None));
        let more = "path = \"/run/t\"\ntemplate = \"T={access_token}\"\nmode = \"0640\"\nowner = \"root:0\"\n\
            hook = [\"systemctl\", \"reload\", \"shop\"]";
        let At::File(file) = sink(more) else { panic!() };
        assert_eq!(file.shape, Shape::Template("T={access_token}".to_owned()));
        assert_eq!(file.owner, Some(Owner { user: Some(0), group: Some(0) }));
        assert_eq!((file.mode, file.hook.unwrap().command.len()), (0o640, 3));
    }

    #[test]
    fn each_sdk_finds_the_token_under_the_key_that_it_makes_itself() {
        for (form, more, expected) in [
            ("plain", "", "lingpai:token:wx1"),
            ("wxjava", "", "wx:access_token:wx1"),
            ("wxjava", "prefix = \"prod:wx\"", "prod:wx:access_token:wx1"),
            ("easywechat", "", "official_account.access_token.wx1.lingpai.0"),
            ("easywechat", "prefix = \"mini_app\"", "mini_app.access_token.wx1.lingpai.0"),
            ("silenceper", "", "gowechat_officialaccount__access_token_wx1"),
            ("wechatpy", "", "wechatpy:wx1_access_token"),
            ("json", "key = \"wechat:{account}\"", "wechat:wx1"),
        ] {
            let lines = format!("redis = \"redis://r/3\"\nform = \"{form}\"\n{more}");
            let At::Redis { key, .. } = sink(&lines) else { panic!() };
            assert_eq!(key, expected);
        }
    }

    #[test]
    fn a_webhook_is_signed() {
        let at = sink("url = { env = \"URL\" }\nsecret = { env = \"WORD\" }");
        assert!(matches!(at, At::Webhook { .. }));
        let unsigned = "[[sink]]\nname = \"a\"\naccount = \"wx1\"\nurl = { env = \"WX1\" }\n";
        assert!(mistakes(unsigned)[0].contains("no URL"));
    }

    #[test]
    fn what_is_wrong_with_a_sink_is_said_with_its_place() {
        let head = "[[sink]]\nname = \"a\"\naccount = \"wx1\"\n";
        for (lines, part) in [
            ("", "in one way: `path`, `redis` or `url`"),
            ("path = \"t\"\nredis = \"redis://r\"\n", "in one way"),
            ("path = \"t\"\nform = \"wxjava\"\n", "looks into a Redis"),
            ("path = \"t\"\ntemplate = \"x\"\n", "`{access_token}` must stand in it"),
            (
                "path = \"t\"\ntemplate = \"{access_token}\"\nform = \"plain\"\n",
                "`form` or `template`",
            ),
            ("path = \"t\"\nmode = \"0999\"\n", "are no permissions"),
            ("path = \"t\"\nowner = \"no such body\"\n", "nobody is called"),
            ("redis = \"redis://u:p@r\"\n", "a password must not stand"),
            ("redis = \"redis://r\"\nform = \"wxjva\"\n", "Did you mean `wxjava`?"),
        ] {
            let told = mistakes(&format!("{head}{lines}")).join("\n");
            assert!(told.contains(part), "{part}: {told}");
        }
        let twice = format!("{head}path = \"t\"\n").repeat(2);
        assert!(mistakes(&twice)[0].contains("twice"));
        assert!(mistakes("[sink]\nname = \"a\"\n")[0].contains("write `[[sink]]`"));
    }
}
