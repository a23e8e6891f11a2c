//! The settings of the way in: where the server listens, what it shows there, and which proxies it believes.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use lingpai_core::Network;
use lingpai_server::{Address, Identity, Proxies, Surface, Tell};

use super::DEFAULT_LISTEN;
use super::mistake::Place;
use super::section::{Said, Section, meaning, one_of};
use super::settings::duration_within;
use super::unreadable;
use crate::language::{either, say};

/// Longer, and whoever restarts the server takes it to hang.
const LONGEST_DRAIN: Duration = Duration::from_mins(5);

/// What is said of the way in.
#[derive(Clone, Debug)]
pub(crate) struct Listen {
    /// Each address, and what is answered there.
    pub(crate) addresses: Vec<(Address, Surface)>,
    /// What is shown on those that are encrypted.
    pub(crate) identity: Option<Identity>,
    /// Which proxies are believed.
    pub(crate) proxies: Proxies,
    /// For how long the server says that it is about to end before it does.
    pub(crate) drain: Duration,
}

impl Listen {
    /// The settings that differ and cannot change while the server runs.
    pub(crate) fn fixed_that_differ(&self, other: &Self) -> impl Iterator<Item = &'static str> {
        let on = |surface| move |one: &&(Address, Surface)| one.1 == surface;
        let differs = |surface| {
            let (mine, others) = (self.addresses.iter(), other.addresses.iter());
            mine.filter(on(surface)).ne(others.filter(on(surface)))
        };
        let all = [
            ("listen", differs(Surface::Whole) || differs(Surface::Clients)),
            ("trusted-proxies", self.proxies != other.proxies),
            ("drain", self.drain != other.drain),
        ];
        all.into_iter().filter(|(_, differs)| *differs).map(|(name, _)| name)
    }
}

pub(super) fn read(root: &mut Section<'_>, base: &Path, argument: Option<SocketAddr>) -> Listen {
    let parse = |text: &str| parse(text, base);
    let said = root.texts("listen", parse).filter(|list| !list.is_empty());
    let admin = root.texts("admin-listen", parse).unwrap_or_default();
    let plain_text = root.flag("allow-plain-text").is_some_and(|said| said.value);
    let proxies = proxies(root);
    let drain = root.text("drain", duration_within(Duration::ZERO..=LONGEST_DRAIN));

    let argument = argument.map(|addr| {
        vec![Said { value: Address::Http(addr), place: Place::Elsewhere("--listen".to_owned()) }]
    });
    let default = || vec![Said { value: Address::Http(DEFAULT_LISTEN), place: root.place() }];
    let mut said = argument.or(said).unwrap_or_else(default);
    let (clients, everything) = (said.len(), Surface::Whole);
    let for_clients = if admin.is_empty() { everything } else { Surface::Clients };
    said.extend(admin);
    let identity = identity(root, base, &said);
    for (at, Said { value, place }) in said.iter().enumerate() {
        match value {
            Address::Http(addr) if !addr.ip().is_loopback() && !plain_text => {
                root.mistake(place.clone(), open_plain_text(*addr));
            }
            _ if said[..at].iter().any(|other| clash(&other.value, value)) => {
                let what = say!(
                    "{value} stands here twice: remove one of them",
                    "{value} 写了两次：请删去一个"
                );
                root.mistake(place.clone(), what);
            }
            _ => {}
        }
    }
    let surface = |at| if at < clients { for_clients } else { everything };
    let addresses = said.into_iter().enumerate().map(|(at, said)| (said.value, surface(at)));
    let drain = drain.map_or(Duration::ZERO, |said| said.value);
    Listen { addresses: addresses.collect(), identity, proxies, drain }
}

/// One address as it is written: `IP:PORT` or `http://IP:PORT`, `https://IP:PORT`, `unix:PATH`.
fn parse(text: &str, base: &Path) -> Result<Address, String> {
    if let Some(path) = text.strip_prefix("unix:").filter(|path| !path.is_empty()) {
        return Ok(Address::Unix(base.join(path)));
    }
    match text.strip_prefix("https://") {
        Some(addr) => parse_address(addr).map(Address::Https),
        None => parse_address(text.strip_prefix("http://").unwrap_or(text)).map(Address::Http),
    }
}

/// An address with a port. `localhost` may stand for the loopback.
pub(crate) fn parse_address(text: &str) -> Result<SocketAddr, String> {
    let local = text.strip_prefix("localhost:").map(|port| format!("127.0.0.1:{port}"));
    local.as_deref().unwrap_or(text).parse().map_err(|_| {
        say!(
            "`{text}` is not an address: write IP:PORT, such as {DEFAULT_LISTEN}, or 0.0.0.0:8700 for all",
            "`{text}` 不是监听地址：请写 IP:端口，如 {DEFAULT_LISTEN}；监听所有地址写 0.0.0.0:8700"
        )
    })
}

fn open_plain_text(addr: SocketAddr) -> String {
    say!(
        "other machines reach {addr}, and tokens and keys would travel there in plain text. Encrypt it with `https://{addr}` \
         and a certificate in `[tls]`, listen on 127.0.0.1:{port} and put a TLS proxy before it, or say \
         `allow-plain-text = true` if the network is yours",
        "其他机器可以访问 {addr}，凭据与密钥会以明文传输。请改为 `https://{addr}` 并在 `[tls]` 中配置证书；或监听 \
         127.0.0.1:{port}，在前面放一个 TLS 代理；如果是自有网络，也可以写 `allow-plain-text = true`",
        port = addr.port()
    )
}

/// Whether both cannot be listened on at once. Port 0 is another one each time.
fn clash(one: &Address, other: &Address) -> bool {
    use Address::{Http, Https, Unix};
    match (one, other) {
        (Http(one) | Https(one), Http(other) | Https(other)) => one == other && one.port() != 0,
        (Unix(one), Unix(other)) => one == other,
        _ => false,
    }
}

fn proxies(root: &mut Section<'_>) -> Proxies {
    let trusted = root.list("trusted-proxies", meaning::<Network>).unwrap_or_default();
    let tell = root.text("client-address", |text| {
        let ways = [
            ("x-forwarded-for", Tell::XForwardedFor),
            ("forwarded", Tell::Forwarded),
            ("proxy-protocol", Tell::ProxyProtocol),
        ];
        one_of(&ways, text)
    });
    if let Some(said) = tell.as_ref().filter(|_| trusted.is_empty()) {
        let what = either(
            "nobody is believed, so it makes no difference: name the proxies in `trusted-proxies`",
            "没有受信任的代理，写了也不起作用：请在 `trusted-proxies` 中列出代理",
        );
        root.mistake(said.place.clone(), what);
    }
    Proxies::new(trusted, tell.map(|said| said.value).unwrap_or_default())
}

/// What is shown on the encrypted addresses, if that can be told.
fn identity(root: &mut Section<'_>, base: &Path, addresses: &[Said<Address>]) -> Option<Identity> {
    let form = either(
        "write `[tls]`, and below it `certificate = \"PATH\"` and `key = \"PATH\"`",
        "请写 `[tls]`，并在它下面写 `certificate = \"路径\"` 与 `key = \"路径\"`",
    );
    let reading = root.reading();
    let (table, span) = root.table("tls", "certificate = \"server.pem\"");
    let mut section = Section::new(reading, table, span, Some("LINGPAI_TLS_"));
    let mut path = |key| section.text(key, |text| Ok::<_, String>(base.join(text)));
    let (certificate, key, client_ca) = (path("certificate"), path("key"), path("client-ca"));
    section.end();
    let encrypted = addresses.iter().find(|said| matches!(said.value, Address::Https(_)));
    let (certificate, key) = match (certificate, key) {
        (Some(certificate), Some(key)) => (certificate, key),
        (None, None) => {
            let place = client_ca.map(|said| said.place);
            if let Some(place) = place.or(encrypted.map(|said| said.place.clone())) {
                let what =
                    say!("a certificate to show is missing: {form}", "缺少要出示的证书：{form}");
                root.mistake(place, what);
            }
            return None;
        }
        (Some(one), None) | (None, Some(one)) => {
            let what =
                say!("a certificate and its key go together: {form}", "证书与私钥必须成对：{form}");
            root.mistake(one.place, what);
            return None;
        }
    };
    if encrypted.is_none() {
        let what = either(
            "it would be shown nowhere: begin an address in `listen` with `https://`, such as `https://0.0.0.0:8700`",
            "证书无处可用：请让 `listen` 中的某个地址以 `https://` 开头，如 `https://0.0.0.0:8700`",
        );
        root.mistake(certificate.place, what);
        return None;
    }
    let text = |file: &Said<PathBuf>| match reading.file(&file.value) {
        Ok(text) => Some(text),
        Err(error) => {
            root.mistake(file.place.clone(), unreadable(&file.value, &error));
            None
        }
    };
    let ca = client_ca.as_ref().map(text);
    let (certificate_text, key_text) = (text(&certificate)?, text(&key)?);
    match Identity::from_pem(&certificate_text, &key_text, ca.flatten().as_deref()) {
        Ok(identity) => Some(identity),
        Err(error) => {
            let file = match (&error, &client_ca) {
                (lingpai_server::Error::PrivateKey(_), _) => &key,
                (lingpai_server::Error::ClientCa(_), Some(client_ca)) => client_ca,
                _ => &certificate,
            };
            let what = say!(
                "{error} ({path})",
                "文件 {path} 不能用：{error}",
                path = file.value.display()
            );
            root.mistake(file.place.clone(), what);
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::super::tests::{listening, mistakes, parse};
    use super::*;

    /// A folder with a certificate, its key, and the key of another.
    fn folder() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let [one, other] = [(); 2]
            .map(|()| rcgen::generate_simple_self_signed(["lingpai.test".to_owned()]).unwrap());
        for (name, text) in [
            ("server.pem", one.cert.pem()),
            ("server.key", one.signing_key.serialize_pem()),
            ("other.key", other.signing_key.serialize_pem()),
            ("junk.pem", "令牌".to_owned()),
        ] {
            fs::write(folder.path().join(name), text).unwrap();
        }
        folder
    }

    #[test]
    fn every_form_of_an_address_is_understood() {
        let folder = folder();
        let at = |name: &str| folder.path().join(name).display().to_string();
        let text = format!(
            "listen = [\"localhost:1\", \"http://127.0.0.1:2\", \"https://0.0.0.0:3\", \"unix:run/l.sock\"]\n\
             admin-listen = \"unix:/run/admin.sock\"\ndrain = \"2s\"\n\
             [tls]\ncertificate = {:?}\nkey = {:?}\nclient-ca = {:?}\n",
            at("server.pem"),
            at("server.key"),
            at("server.pem")
        );
        let config = parse(&text).unwrap();
        assert_eq!(
            listening(&config),
            [
                "http://127.0.0.1:1",
                "http://127.0.0.1:2",
                "https://0.0.0.0:3",
                "unix:/etc/lingpai/run/l.sock",
                "unix:/run/admin.sock"
            ]
        );
        let surfaces: Vec<_> =
            config.listen.addresses.iter().map(|(_, surface)| *surface).collect();
        assert_eq!(surfaces[..4], [Surface::Clients; 4]);
        assert_eq!(surfaces[4], Surface::Whole);
        assert!(config.listen.identity.is_some());
        assert_eq!(config.listen.drain, Duration::from_secs(2));
    }

    #[test]
    fn trusted_proxies_and_their_way_to_tell_are_read() {
        let config = parse(
            "trusted-proxies = [\"10.0.0.0/8\", \"::1\"]\nclient-address = \"proxy-protocol\"\n",
        )
        .unwrap();
        let networks = ["10.0.0.0/8", "::1"].map(|network| network.parse().unwrap());
        assert_eq!(config.listen.proxies, Proxies::new(networks.to_vec(), Tell::ProxyProtocol));
        assert_eq!(parse("").unwrap().listen.proxies, Proxies::default());
    }

    #[test]
    fn every_mistake_about_listening_names_the_place_and_the_remedy() {
        const FORM: &str =
            "write `[tls]`, and below it `certificate = \"PATH\"` and `key = \"PATH\"`";
        for (text, mistake) in [
            (
                "listen = [\"127.0.0.1:1\", 2]",
                "1:26: `listen` is a text in quotes or a list of them, not a number".to_owned(),
            ),
            (
                "listen = [\"127.0.0.1:1\", \"http://127.0.0.1:1\"]",
                "1:26: http://127.0.0.1:1 stands here twice: remove one of them".to_owned(),
            ),
            (
                "admin-listen = \"127.0.0.1:8700\"",
                "1:16: http://127.0.0.1:8700 stands here twice: remove one of them".to_owned(),
            ),
            (
                "listen = \"https://127.0.0.1:1\"",
                format!("1:10: a certificate to show is missing: {FORM}"),
            ),
            (
                "tls.certificate = \"a.pem\"",
                format!("1:19: a certificate and its key go together: {FORM}"),
            ),
            ("tls.client-ca = \"a.pem\"", format!("1:17: a certificate to show is missing: {FORM}")),
            (
                "tls = { certificate = \"a.pem\", key = \"a.key\" }",
                "1:23: it would be shown nowhere: begin an address in `listen` with `https://`, such as \
                 `https://0.0.0.0:8700`"
                    .to_owned(),
            ),
            (
                "tls = 1",
                "1:7: `tls` is a table, not a number: write `[tls]` and `certificate = \"server.pem\"` below it"
                    .to_owned(),
            ),
            (
                "trusted-proxies = [\"ten\"]",
                "1:20: `ten` is no network: write `10.2.0.0/16`, `2001:db8::/32`, or one address".to_owned(),
            ),
            (
                "client-address = \"proxy-protocol\"\ntrusted-proxies = []",
                "1:18: nobody is believed, so it makes no difference: name the proxies in `trusted-proxies`"
                    .to_owned(),
            ),
            (
                "client-address = \"forward\"",
                "1:18: `forward` is none of `x-forwarded-for`, `forwarded` and `proxy-protocol`. Did you mean \
                 `forwarded`?"
                    .to_owned(),
            ),
            ("drain = \"1h\"", "1:9: `1h` will not do: it must lie between 0s and 5m".to_owned()),
        ] {
            assert_eq!(mistakes(text), [format!("lingpai.toml:{mistake}")], "{text}");
        }
    }

    #[test]
    fn a_certificate_that_is_of_no_use_is_refused_where_it_is_named() {
        let folder = folder();
        for (certificate, key, ca, mistake) in [
            ("none.pem", "server.key", "server.pem", "3:15: the file /none.pem cannot be read: "),
            (
                "junk.pem",
                "server.key",
                "server.pem",
                "3:15: the certificate is of no use: it holds no certificate in PEM",
            ),
            (
                "server.pem",
                "server.pem",
                "server.pem",
                "4:7: the private key is of no use: it holds no",
            ),
            (
                "server.pem",
                "other.key",
                "server.pem",
                "4:7: the private key is of no use: it does not belong to the certificate (/other.key)",
            ),
            (
                "server.pem",
                "server.key",
                "junk.pem",
                "5:13: the authorities of clients are of no use: it holds no certificate in PEM",
            ),
        ] {
            let at = |name: &str| folder.path().join(name);
            let (certificate, key, ca) = (at(certificate), at(key), at(ca));
            let text = format!(
                "listen = \"https://127.0.0.1:0\"\n[tls]\ncertificate = {certificate:?}\nkey = {key:?}\nclient-ca = {ca:?}\n"
            );
            let said = mistakes(&text).join("\n").replace(&*folder.path().to_string_lossy(), "");
            assert!(said.starts_with(&format!("lingpai.toml:{mistake}")), "{said}");
        }
    }
}
