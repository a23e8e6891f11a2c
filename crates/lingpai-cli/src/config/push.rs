//! `push` of an `[[account]]`: how it receives what WeChat pushes.

use std::path::Path;

use lingpai_core::PushSettings;
use lingpai_core::push::{PushMode, Relay, RelayForm};
use toml::de::DeValue;

use super::mistake::Place;
use super::secret::Reference;
use super::section::{Section, foreign, name_of, one_of};
use crate::language::{either, say};

const MODES: [(&str, PushMode); 3] =
    [("plain", PushMode::Plain), ("compatible", PushMode::Compatible), ("safe", PushMode::Safe)];
const FORMS: [(&str, RelayForm); 2] = [("raw", RelayForm::Raw), ("plain", RelayForm::Plain)];

/// Reads it, if it is there.
pub(super) fn read(account: &mut Section<'_>, base: &Path) -> Option<PushSettings> {
    let reading = account.reading();
    let value = account.value("push")?;
    let place = Place::File(value.span());
    let DeValue::Table(table) = value.get_ref() else {
        let what = say!(
            "`push` is a table, not {sort}: write `[account.push]` and `token = {{ env = \"NAME\" }}` below it",
            "`push` 应为表，而不是{sort}：请写 `[account.push]`，并在它下面写 `token = {{ env = \"变量名\" }}`",
            sort = name_of(value.get_ref())
        );
        reading.mistake(place, what);
        return None;
    };
    let mut section = Section::new(reading, Some(table), value.span(), None);
    section.require(
        "token",
        either(
            "say where the token (令牌) of the push URL is: `token = { env = \"NAME\" }` or `token = { file = \"PATH\" }`",
            "请写明消息推送的令牌（Token）在哪里：`token = { env = \"变量名\" }` 或 `token = { file = \"路径\" }`",
        ),
    );
    let mut secret = |key| Reference::fetched(&mut section, key, None, base).map(|said| said.value);
    let token = secret("token");
    let aes_key = secret("encoding-aes-key");
    let previous_aes_key = secret("previous-encoding-aes-key");
    let mode = section.text("mode", parse_mode).map(|said| said.value);
    let mut url = |key| section.text(key, |text| Ok(text.to_owned())).map(|said| said.value);
    let (url, authorizer_url) = (url("relay"), url("authorizer-relay"));
    let form = section.text("relay-form", parse_form).map(|said| said.value);
    section.end();
    let relay = |url: String| Relay { url: url.into(), form: form.unwrap_or_default() };
    let push = PushSettings {
        token: token?,
        aes_key,
        previous_aes_key,
        mode: mode.unwrap_or_default(),
        relay: url.map(relay),
        authorizer_relay: authorizer_url.map(relay),
    };
    match push.check() {
        Ok(()) => Some(push),
        Err(error) => {
            reading.mistake(place, say!("`push`: {why}", "`push`：{why}", why = foreign(&error)));
            None
        }
    }
}

/// The mode of this name.
pub(crate) fn parse_mode(name: &str) -> Result<PushMode, String> {
    one_of(&MODES, name)
}

/// The form of this name.
pub(crate) fn parse_form(name: &str) -> Result<RelayForm, String> {
    one_of(&FORMS, name)
}
