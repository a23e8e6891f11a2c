//! The settings of the way to WeChat, and every mistake about them.

use lingpai_wechat::wire::{Exemption, ExtraAuthorities};

use super::Source;
use super::tests::{ACCOUNT, mistakes, parse, parse_in};

const REFERENCES: &str =
    "`proxy-password = { env = \"NAME\" }` or `proxy-password = { file = \"PATH\" }`";

#[test]
fn every_mistake_names_the_place_and_the_remedy() {
    const FORMS: &str =
        "write it like http://user@proxy.example.com:3128 or socks5://proxy.example.com:1080";
    for (text, mistake) in [
        ("proxy = \"ftp://x\"", format!("1:9: the proxy begins with neither http:// nor socks5://; {FORMS}")),
        (
            "proxy = \"http://lingpai:8f5c0de@proxy:3128\"",
            format!(
                "1:9: a password must not stand in this file, which is copied, backed up and shown to people. Leave \
                 the user name here, and write {REFERENCES}"
            ),
        ),
        (
            "proxy-password = { env = \"WX1\" }",
            "1:18: this is the password of a proxy, and `proxy` names none".to_owned(),
        ),
        (
            "proxy = \"http://proxy:1\"\nproxy-password = { env = \"WX1\" }",
            "2:18: this is the password of a proxy whose user is not named: write `proxy = \"http://USER@HOST:PORT\"`"
                .to_owned(),
        ),
        (
            "no-proxy = 1",
            "1:12: `no-proxy` is a text in quotes or a list of them, not a number".to_owned(),
        ),
        (
            "no-proxy = [\"example.com\", \"http://x\"]",
            "1:28: `http://x` is no rule for hosts without a proxy; write example.com, which covers what is below it, \
             10.0.0.0/8, an address, or *"
                .to_owned(),
        ),
        (
            "private-networks = [10]",
            "1:21: `private-networks` is a text in quotes or a list of them, not a number".to_owned(),
        ),
        (
            "private-networks = [\"10.0.0.0/64\"]",
            "1:21: `10.0.0.0/64` is no network: write `10.2.0.0/16`, `2001:db8::/32`, or one address".to_owned(),
        ),
        (
            "extra-ca = \"corp.pem\"",
            "1:12: the file /etc/lingpai/corp.pem cannot be read: No such file or directory (os error 2). Check that \
             it exists and that Lingpai may read it"
                .to_owned(),
        ),
        (
            &format!("{ACCOUNT}proxy = \"http://10.0.0.1:3128\""),
            "4:9: 10.0.0.1 is a private address, where accounts must not lead: name its network at the top of the file, \
             such as `private-networks = [\"10.0.0.0/8\"]`"
                .to_owned(),
        ),
        (
            &format!("{ACCOUNT}proxy = \"http://169.254.169.254\""),
            "4:9: 169.254.169.254 is a link-local address, where accounts must not lead: name another host".to_owned(),
        ),
    ] {
        assert_eq!(mistakes(text), [format!("lingpai.toml:{mistake}")], "{text}");
        assert!(!parse(text).unwrap_err().contains("8f5c0de"), "{text}");
    }
}

/// The environment that holds these variables: `NAME=value`.
fn environment(variables: &[&str]) -> impl Fn(&str) -> Option<String> {
    move |name| {
        let mut named = variables.iter().filter_map(|variable| variable.split_once('='));
        named.find(|(known, _)| *known == name).map(|(_, value)| value.to_owned())
    }
}

/// The URL of the proxy that a text and an environment name.
fn proxy(text: &str, variables: &[&str]) -> Option<String> {
    let config = parse_in(text, &environment(variables)).unwrap();
    config.upstream.proxy.map(|proxy| proxy.to_url().expose().to_owned())
}

#[test]
fn the_variables_that_curl_honours_name_the_proxy_if_nothing_else_does() {
    const CLEAR: &str = "upstream = \"http://sandbox:8900\"";
    let all =
        ["https_proxy=s:1", "HTTPS_PROXY=S:1", "ALL_PROXY=a:1", "http_proxy=p:1", "HTTP_PROXY=P:1"];
    assert_eq!(proxy("", &all).unwrap(), "http://s:1");
    assert_eq!(proxy("", &all[1..]).unwrap(), "http://S:1");
    assert_eq!(proxy("", &all[2..]).unwrap(), "http://a:1");
    assert_eq!(proxy("", &all[3..]), None);
    assert_eq!(proxy(CLEAR, &all).unwrap(), "http://p:1");
    assert_eq!(proxy(CLEAR, &all[4..]), None, "a web server may have made it of a header");
    assert_eq!(
        proxy("", &["https_proxy=", "ALL_PROXY=socks5h://u:p@a"]).unwrap(),
        "socks5://u:p@a:1080"
    );
    assert_eq!(proxy("proxy = \"f:1\"", &all).unwrap(), "http://f:1");
    assert_eq!(proxy("proxy = \"none\"", &all), None);
    assert_eq!(proxy("proxy = \"none\"", &["LINGPAI_PROXY_PASSWORD=p"]), None);
    assert_eq!(proxy("proxy = \"f:1\"", &["LINGPAI_PROXY=l:1"]).unwrap(), "http://l:1");
    let password = ["LINGPAI_PROXY_PASSWORD=p"];
    assert_eq!(proxy("proxy = \"u@f:1\"", &password).unwrap(), "http://u:p@f:1");
}

#[test]
fn an_account_has_the_proxy_that_it_names_and_no_variable_gives_it_another() {
    let of_account = |lines: &str| {
        let variables = ["WX1=8f5c0de", "LINGPAI_PROXY=http://l:1", "LINGPAI_PROXY_PASSWORD="];
        let config = parse_in(&format!("{ACCOUNT}{lines}"), &environment(&variables)).unwrap();
        config.accounts[0].proxy.as_ref().map(|proxy| proxy.to_url().expose().to_owned())
    };
    let named = "proxy = \"socks5://me@proxy.example.com\"\nproxy-password = { env = \"WX1\" }";
    assert_eq!(of_account(named).unwrap(), "socks5://me:8f5c0de@proxy.example.com:1080");
    assert_eq!(of_account("proxy = \"http://8.8.8.8\"").unwrap(), "http://8.8.8.8:1080");
    assert_eq!(of_account(""), None);
}

#[test]
fn hosts_without_a_proxy_come_from_the_file_or_else_from_no_proxy() {
    let exempt = |text, variables: &[&str]| {
        parse_in(text, &environment(variables)).unwrap().upstream.no_proxy
    };
    let rules = |rules: &[&str]| -> Vec<Exemption> {
        rules.iter().map(|rule| rule.parse().unwrap()).collect()
    };
    let general = "NO_PROXY=a.com,[::]:80 , .b.com";
    assert_eq!(exempt("", &[general]), rules(&["a.com", "b.com"]));
    assert_eq!(exempt("no-proxy = []", &[general]), rules(&[]));
    assert_eq!(exempt("", &["LINGPAI_NO_PROXY=c.com, *", general]), rules(&["c.com", "*"]));
    let with_this_machine = ["a.com", "b.com", "localhost", "127.0.0.0/8", "::1"];
    assert_eq!(exempt("", &["ALL_PROXY=proxy", general]), rules(&with_this_machine));
}

#[test]
fn a_general_variable_that_names_no_usable_proxy_is_a_mistake_that_can_be_waved_aside() {
    let variables = environment(&["https_proxy=https://u:8f5c0de@x"]);
    let shown = parse_in("", &variables).unwrap_err();
    assert!(
        shown.contains("the environment variable https_proxy: the proxy is reached over TLS"),
        "{shown}"
    );
    assert!(shown.contains("`proxy = \"none\"`") && !shown.contains("8f5c0de"), "{shown}");
    parse_in("proxy = \"none\"", &variables).unwrap();
}

/// An authority's certificate, whose key nobody has.
const CERTIFICATE: &str = "\
-----BEGIN CERTIFICATE-----
MIIBfjCCASOgAwIBAgIUe9iMRMTYr8UrawkzjFpVhM97IvowCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJYSBjb21wYW55MB4XDTI2MTEyMzE1NDkxNFoXDTI2MTEyNDE1
NDkxNFowFDESMBAGA1UEAwwJYSBjb21wYW55MFkwEwYHKoZIzj0CAQYIKoZIzj0D
AQcDQgAEBuO4G4g4pkMCnYMKyUw0ZvX0DXcqhK5nyZPuhEdoaFHZdcE9GrXbzwtT
CHxrH7R1AI165RSHdrGw+gJJOEmEcaNTMFEwHQYDVR0OBBYEFPx9b1Hk2v/MA5Ac
nwzog8cyWWh9MB8GA1UdIwQYMBaAFPx9b1Hk2v/MA5Acnwzog8cyWWh9MA8GA1Ud
EwEB/wQFMAMBAf8wCgYIKoZIzj0EAwIDSQAwRgIhAKh9LQM3BXViKhDwvp2r0Scd
AwQvGmSSwK9875OnkGvzAiEAwn11s7NV3oONN5k5qoEPNbS8+Ynt3uGksmXO7Il7
hMI=
-----END CERTIFICATE-----
";

#[test]
fn further_authorities_are_read_from_their_file_which_is_watched() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    std::fs::write(at("lingpai.toml"), "extra-ca = \"company.pem\"").unwrap();
    let source = Source::new(Some(at("lingpai.toml")), None);
    std::fs::write(at("company.pem"), "no certificate").unwrap();
    let (config, files) = source.read(&|_| None);
    let shown = config.unwrap_err().to_string();
    assert!(shown.contains("company.pem: the certificates of further authorities"), "{shown}");

    std::fs::write(at("company.pem"), CERTIFICATE).unwrap();
    assert_ne!(files.now(), files);
    let upstream = source.load(&|_| None).unwrap().upstream;
    assert_ne!(upstream.extra_authorities, ExtraAuthorities::default());
}
