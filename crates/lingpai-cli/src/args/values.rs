//! Words that stand for a value.

use std::num::NonZeroU32;
use std::sync::LazyLock;
use std::time::Duration;

use lingpai_core::client::{Right, Role};
use lingpai_core::{AccountKind, Environment, Preset};
use lingpai_wechat::{Offered, Ticket};

use crate::config;
use crate::language::{either, say};

pub(super) fn lifetime(text: &str) -> Result<Duration, String> {
    let lifetime = config::parse_duration(text)?;
    let (least, most) = (Duration::from_secs(10), Duration::from_hours(2));
    if (least..=most).contains(&lifetime) {
        Ok(lifetime)
    } else {
        Err(either("tokens can live from 10s to 2h", "凭据的有效期必须在 10s 到 2h 之间")
            .to_owned())
    }
}

pub(super) fn right(text: &str) -> Result<Right, String> {
    one_of(&Right::ALL, Right::as_str, text)
}

/// Which tickets there are, for the help.
pub(super) static TICKETS: LazyLock<String> = LazyLock::new(|| {
    let of = |account| listed(Ticket::of(account), " or ");
    let (official, wecom) = (of(AccountKind::OfficialAccount), of(AccountKind::WeCom));
    format!("{official}; of an application of WeCom, {wecom}")
});
/// The same.
pub(super) static TICKETS_IN_CHINESE: LazyLock<String> = LazyLock::new(|| {
    let of = |account| listed(Ticket::of(account), " 或 ");
    let (official, wecom) = (of(AccountKind::OfficialAccount), of(AccountKind::WeCom));
    format!("{official}；企业微信应用为 {wecom}")
});

fn listed(tickets: impl Iterator<Item = Ticket>, or: &str) -> String {
    tickets.map(Ticket::as_str).collect::<Vec<_>>().join(or)
}

pub(super) fn ticket(text: &str) -> Result<Ticket, String> {
    one_of(&Ticket::all().collect::<Vec<_>>(), Ticket::as_str, text)
}

pub(super) fn offered(text: &str) -> Result<Offered, String> {
    one_of(&Offered::ALL, Offered::as_str, text)
}

pub(super) fn role(text: &str) -> Result<Role, String> {
    one_of(&Role::ALL, Role::as_str, text)
}

pub(super) fn environment(text: &str) -> Result<Environment, String> {
    one_of(&Environment::ALL, Environment::as_str, text)
}

pub(super) fn preset(text: &str) -> Result<Preset, String> {
    one_of(&Preset::ALL, Preset::as_str, text)
}

fn one_of<T: Copy>(all: &[T], name: fn(T) -> &'static str, text: &str) -> Result<T, String> {
    let known = all.iter().copied().find(|one| name(*one) == text);
    known.ok_or_else(|| {
        let names: Vec<_> = all.iter().map(|one| name(*one)).collect();
        say!("there are {names}", "可用的有 {names}", names = names.join(either(", ", "、")))
    })
}

pub(super) fn seed(text: &str) -> Result<u64, String> {
    text.parse()
        .map_err(|_| either("write a whole number, 0 or greater", "请写不小于 0 的整数").to_owned())
}

pub(super) fn number(text: &str) -> Result<NonZeroU32, String> {
    text.parse().map_err(|_| {
        say!("write a whole number, 1 to {most}", "请写 1 到 {most} 的整数", most = u32::MAX)
    })
}

/// As the server takes it.
pub(super) fn key_name(text: &str) -> Result<String, String> {
    if (1..=100).contains(&text.chars().count()) && !text.contains(char::is_control) {
        Ok(text.to_owned())
    } else {
        Err(either(
            "write 1 to 100 characters without line breaks",
            "请写 1 到 100 个字符，不含换行",
        )
        .to_owned())
    }
}
