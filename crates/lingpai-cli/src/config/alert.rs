//! `[[alert]]`: who is told what happens, and of what.

use std::path::Path;
use std::time::Duration;

use lingpai_core::AccountId;
use lingpai_core::event::{Severity, What};
use lingpai_server::alerts::{Alert, Robot, Rule};
use lingpai_wechat::catalogue::Language;

use super::secret::Reference;
use super::section::{Section, is_name, meaning, one_of};
use super::settings::duration_within;
use crate::language::{self, either, say};

const LANGUAGES: [(&str, Language); 2] = [("en", Language::English), ("zh", Language::Chinese)];
/// Long enough to gather, short enough to be of use; and no faster than robots allow, which is 20 messages a minute.
const GROUP: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_mins(1);
const LONGEST: Duration = Duration::from_hours(24);

/// Reads all of them.
pub(super) fn read(root: &mut Section<'_>, base: &Path) -> Vec<Alert> {
    root.tables(
        "alert",
        either(
            "`alert` is a list of tables: write `[[alert]]` before the settings of each alert",
            "`alert` 是由表组成的列表：请在每个告警的设置前写 `[[alert]]`",
        ),
        |section| Some((one(section, base)?, section.place())),
        |one, other| one.name == other.name,
        |alert| {
            say!(
                "the alert {name} stands in this file twice: give one of them another name",
                "告警 {name} 在这个文件里写了两次：请改其中一个的名称",
                name = alert.name
            )
        },
    )
}

fn one(section: &mut Section<'_>, base: &Path) -> Option<Alert> {
    section.require(
        "name",
        either("give it a name: `name = \"ops\"`", "请起一个名称：`name = \"ops\"`"),
    );
    section.require(
        "robot",
        either(
            "say who receives it: `robot = \"wecom\"`, `\"dingtalk\"`, `\"feishu\"` or `\"webhook\"`",
            "请写明由谁接收：`robot = \"wecom\"`、`\"dingtalk\"`、`\"feishu\"` 或 `\"webhook\"`",
        ),
    );
    section.require(
        "url",
        either(
            "say where the robot's URL is: `url = { env = \"NAME\" }` or `url = { file = \"PATH\" }`. It holds a key",
            "请写明机器人的 URL 在哪里：`url = { env = \"变量名\" }` 或 `url = { file = \"路径\" }`，因为其中含有密钥",
        ),
    );
    let name = section.text("name", name);
    let robot = section.text("robot", |text| one_of(&Robot::NAMED, text));
    let url = Reference::fetched(section, "url", None, base);
    let secret = Reference::fetched(section, "secret", None, base).map(|said| said.value);
    let severities = Severity::ALL.map(|severity| (severity.as_str(), severity));
    let severity = section.text("severity", |text| one_of(&severities, text));
    let names: Vec<_> = What::NAMES.iter().map(|name| (*name, *name)).collect();
    let events = section.list("events", |text| one_of(&names, text).map(str::to_owned));
    let accounts = section.list("accounts", meaning::<AccountId>);
    let language = section.text("language", |text| one_of(&LANGUAGES, text));
    let group = section.text("group", duration_within(Duration::ZERO..=LONGEST));
    let pause = section.text("pause", duration_within(Duration::ZERO..=LONGEST));
    let url = url?;
    if !["https://", "http://"].iter().any(|scheme| url.value.expose().starts_with(scheme)) {
        let what = either(
            "what `url` refers to is no URL: it begins with https:// or http://",
            "`url` 引用的内容不是 URL：应以 https:// 或 http:// 开头",
        );
        section.mistake(url.place, what);
        return None;
    }
    Some(Alert {
        name: name?.value,
        robot: robot?.value,
        url: url.value,
        secret,
        language: language.map_or_else(language::current, |said| said.value),
        rule: Rule {
            severity: severity.map_or(Severity::Warning, |said| said.value),
            events: events.unwrap_or_default(),
            accounts: accounts.unwrap_or_default(),
            group: group.map_or(GROUP, |said| said.value),
            pause: pause.map_or(PAUSE, |said| said.value),
        },
    })
}

fn name(text: &str) -> Result<String, String> {
    if is_name(text) {
        return Ok(text.to_owned());
    }
    Err(say!(
        "`{text}` is no name for an alert: it has up to 64 letters, digits, - and _",
        "`{text}` 不能作为告警的名称：应为最多 64 个字母、数字、- 和 _"
    ))
}

#[cfg(test)]
mod tests {
    use super::super::tests::{mistakes, parse_in};
    use super::*;

    #[test]
    fn an_alert_has_defaults_for_all_but_its_name_its_robot_and_its_url() {
        let url = |name: &str| (name == "URL").then(|| "https://x.example.com/k".to_owned());
        let text = "[[alert]]\nname = \"ops\"\nrobot = \"feishu\"\nurl = { env = \"URL\" }\n";
        let alert = parse_in(text, &url).unwrap().alerts.remove(0);
        assert_eq!((alert.robot, alert.secret.is_none()), (Robot::Feishu, true));
        assert_eq!((alert.rule.severity, alert.rule.group), (Severity::Warning, GROUP));
    }

    #[test]
    fn what_is_wrong_with_an_alert_is_said_with_its_place() {
        let text = "[[alert]]\nname = \"a b\"\nrobot = \"slack\"\nurl = { env = \"WX1\" }\nevents = [\"rotate\"]\n";
        let told = mistakes(text).join("\n");
        for part in
            ["2:8: `a b` is no name", "`slack` is none of", "no URL", "Did you mean `rotated`?"]
        {
            assert!(told.contains(part), "{part}: {told}");
        }
        assert!(mistakes("[alert]\nname = \"a\"\n")[0].contains("write `[[alert]]`"));
    }
}
