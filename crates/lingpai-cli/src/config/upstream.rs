//! How WeChat is reached: hosts, deadlines, proxies, and whose certificates are believed.

use std::path::{Path, PathBuf};
use std::time::Duration;

use http::uri::Scheme;
use lingpai_core::{Network, Proxy};
use lingpai_wechat::wire::{self, BaseUrl, Exemption, ExtraAuthorities, Guard};

use super::mistake::Place;
use super::secret::Reference;
use super::section::{Environment, Reading, Said, Section, meaning};
use super::settings::duration_within;
use super::unreadable;
use crate::language::{either, say};

const MIN_DEADLINE: Duration = Duration::from_millis(100);
const MAX_DEADLINE: Duration = Duration::from_mins(1);

const PASSWORD: &str = "proxy-password";

/// Where a general variable names the proxy, it is not meant for this machine itself.
const LOOPBACK: [&str; 3] = ["localhost", "127.0.0.0/8", "::1"];

pub(super) fn read(root: &mut Section<'_>, base: &Path) -> wire::Settings {
    let default = wire::Deadlines::default();
    let host = root.text("upstream", meaning::<BaseUrl>).map(|said| said.value);
    let mut deadline =
        |key, default| match root.text(key, duration_within(MIN_DEADLINE..=MAX_DEADLINE)) {
            Some(said) => said.value,
            None => default,
        };
    let connect = deadline("connect-deadline", default.connect);
    let call = deadline("call-deadline", default.call);
    let in_clear = host.as_ref().is_some_and(|host| *host.scheme() == Scheme::HTTP);
    let (proxy, no_proxy) = proxies(root, base, in_clear);
    wire::Settings {
        hosts: host.into_iter().collect(),
        deadlines: wire::Deadlines { connect, call },
        proxy,
        no_proxy,
        private_networks: root.list("private-networks", meaning::<Network>).unwrap_or_default(),
        extra_authorities: extra_authorities(root, base),
    }
}

/// The proxy of an account.
pub(super) fn of_account(
    section: &mut Section<'_>,
    base: &Path,
    upstream: &wire::Settings,
) -> Option<Proxy> {
    let said = section.text("proxy", meaning::<Proxy>);
    let place = said.as_ref().map(|said| said.place.clone());
    let proxy = with_password(section, said, base, None)?;
    if let (Some(place), Some(what)) = (place, forbidden(&proxy, upstream)) {
        section.mistake(place, what);
    }
    Some(proxy)
}

/// Why an account must not have this proxy: what the guard would refuse at every call is better said at once. Names are
/// left to it.
pub(crate) fn forbidden(proxy: &Proxy, upstream: &wire::Settings) -> Option<String> {
    let address = proxy.host().parse().ok()?;
    let forbidden = Guard::new(&upstream.private_networks).admit(address).err()?;
    let remedy = if forbidden.can_be_permitted() {
        either(
            "name its network at the top of the file, such as `private-networks = [\"10.0.0.0/8\"]`",
            "请在文件开头列出它所在的网段，如 `private-networks = [\"10.0.0.0/8\"]`",
        )
    } else {
        either("name another host", "请换一个主机")
    };
    Some(say!(
        "{forbidden}, where accounts must not lead: {remedy}",
        "账号不得指向这里（{forbidden}）：{remedy}"
    ))
}

fn proxies(root: &mut Section<'_>, base: &Path, in_clear: bool) -> (Option<Proxy>, Vec<Exemption>) {
    let said = root.text("proxy", |text| match text {
        "none" => Ok(None),
        text => meaning(text).map(Some),
    });
    let exemptions = root.list("no-proxy", meaning::<Exemption>);
    let reading = root.reading();
    let mut exemptions = exemptions.unwrap_or_else(|| general_exemptions(reading.environment));
    let proxy = match said {
        Some(Said { value: Some(value), place }) => Some(Said { value, place }),
        Some(Said { value: None, .. }) => {
            root.value(PASSWORD); // Whoever turns a proxy off need not take its password away.
            return (None, exemptions);
        }
        None => general_proxy(reading, in_clear).inspect(|_| {
            exemptions.extend(LOOPBACK.iter().filter_map(|rule| rule.parse().ok()));
        }),
    };
    (with_password(root, proxy, base, Some("LINGPAI_PROXY_PASSWORD")), exemptions)
}

/// What the variables say that curl honours, in its order. It takes `HTTP_PROXY` only in small letters, since a web server
/// hands its clients' headers to programs as such variables.
fn general_proxy(reading: &Reading<'_>, in_clear: bool) -> Option<Said<Proxy>> {
    let names: &[&str] = match in_clear {
        true => &["http_proxy", "all_proxy", "ALL_PROXY"],
        false => &["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"],
    };
    let mut said = names.iter().filter_map(|name| Some((name, (reading.environment)(name)?)));
    let (name, url) = said.find(|(_, url)| !url.is_empty())?;
    let place = Place::variable(name);
    match meaning(&url) {
        Ok(value) => Some(Said { value, place }),
        Err(what) => {
            let what = say!(
                "{what}. Or say `proxy = \"none\"`, and the variable is not asked",
                "{what}。也可以写 `proxy = \"none\"`，不理会这个变量"
            );
            reading.mistake(place, what);
            None
        }
    }
}

/// Those of `NO_PROXY`. It is meant for other programs too, so what only they understand is passed over.
fn general_exemptions(environment: Environment<'_>) -> Vec<Exemption> {
    let list = environment("no_proxy").or_else(|| environment("NO_PROXY")).unwrap_or_default();
    list.split([',', ' ']).filter_map(|rule| rule.parse().ok()).collect()
}

/// The proxy with its password, which never stands in the file. Without a reference in the file it may be in `variable`.
fn with_password(
    section: &mut Section<'_>,
    said: Option<Said<Proxy>>,
    base: &Path,
    variable: Option<&str>,
) -> Option<Proxy> {
    let password = Reference::fetched(section, PASSWORD, variable, base);
    let Some(Said { value: proxy, place }) = said else {
        if let Some(Said { place, .. }) = password {
            let what = either(
                "this is the password of a proxy, and `proxy` names none",
                "这里写了代理的密码，但没有用 `proxy` 写明代理",
            );
            section.mistake(place, what);
        }
        return None;
    };
    let has_password = proxy.login().is_some_and(|login| !login.password.expose().is_empty());
    if has_password && matches!(place, Place::File(_)) {
        let what = either(
            "a password must not stand in this file, which is copied, backed up and shown to people. Leave the user name \
             here, and write `proxy-password = { env = \"NAME\" }` or `proxy-password = { file = \"PATH\" }`",
            "配置文件会被复制、备份、给别人看，密码不能直接写在里面。这里只留用户名，另写 \
             `proxy-password = { env = \"变量名\" }` 或 `proxy-password = { file = \"路径\" }`",
        );
        section.mistake(place, what);
        return None;
    }
    match password {
        None => Some(proxy),
        Some(Said { value, place }) => {
            let proxy = proxy.with_password(value);
            if proxy.is_none() {
                let what = either(
                    "this is the password of a proxy whose user is not named: write `proxy = \"http://USER@HOST:PORT\"`",
                    "这里写了代理的密码，但没有写用户名：请写 `proxy = \"http://用户名@主机:端口\"`",
                );
                section.mistake(place, what);
            }
            proxy
        }
    }
}

fn extra_authorities(root: &mut Section<'_>, base: &Path) -> ExtraAuthorities {
    let path = root.text("extra-ca", |path| Ok(base.join::<PathBuf>(path.into())));
    let Some(Said { value: path, place }) = path else { return ExtraAuthorities::default() };
    let read = match root.reading().file(&path) {
        Ok(text) => ExtraAuthorities::from_pem(&text).map_err(|error| {
            say!("the file {path}: {error}", "文件 {path} 不能用：{error}", path = path.display())
        }),
        Err(error) => Err(unreadable(&path, &error)),
    };
    read.unwrap_or_else(|what| {
        root.mistake(place, what);
        ExtraAuthorities::default()
    })
}
