//! What a person can do about failures that carry no code of WeChat's: no connection, or an answer that is none. A failure
//! is kept and logged in English; [`in_chinese`] finds the same in Chinese.

/// One piece of advice.
#[derive(Debug)]
pub(crate) struct Remedy {
    pub(crate) en: &'static str,
    pub(crate) zh: &'static str,
}

/// The Chinese words for the advice that is this in English.
pub(crate) fn in_chinese(english: &str) -> Option<&'static str> {
    ALL.iter().find(|remedy| remedy.en == english).map(|remedy| remedy.zh)
}

/// Declares them, and the list of all.
macro_rules! remedies {
    ($($name:ident: $en:literal, $zh:literal;)*) => {
        $(pub(crate) const $name: Remedy = Remedy { en: $en, zh: $zh };)*
        const ALL: &[Remedy] = &[$($name),*];
    };
}

remedies! {
    NO_CONNECTION:
        "Check that this machine resolves the name and that its firewall lets it connect.",
        "请检查本机能否解析该域名，防火墙是否允许连接。";
    NO_CONNECTION_OR_PROXY:
        "Check that this machine resolves the name and that its firewall lets it connect, or name a proxy.",
        "请检查本机能否解析该域名，防火墙是否允许连接；也可以配置代理。";
    PRIVATE_NETWORK:
        "If calls there are meant, name the network in `private-networks`.",
        "如果确实要访问那里，请把该网段写入 `private-networks`。";
    FORBIDDEN_ADDRESS:
        "Name a host with an ordinary address; no setting permits this one.",
        "请换用普通地址的主机；没有设置可以放行这个地址。";
    PROXY_UNREACHABLE:
        "Check the proxy's address and port, and that it is running.",
        "请检查代理的地址和端口，以及它是否在运行。";
    PROXY_WITHOUT_LOGIN:
        "It may want a user name and a password: write the user into the proxy's URL. If it does not, check that \
         it lets this machine connect to the host.",
        "代理可能需要用户名和密码：请把用户名写入代理的 URL。如果不需要，请检查它是否允许本机连接该主机。";
    PROXY_REFUSED:
        "Check the proxy's user name and password, and that it lets this machine connect to the host.",
        "请检查代理的用户名和密码，以及它是否允许本机连接该主机。";
    CONNECT_DEADLINE:
        "Check the network between here and there; give it more time with `connect-deadline`.",
        "请检查到那里的网络；可以用 `connect-deadline` 放宽时限。";
    UNKNOWN_AUTHORITY:
        "If your network looks into TLS, name its authority in `extra-ca`; if not, find out who answers in \
         the host's place.",
        "如果所在网络会解密 TLS，请把它的 CA 写入 `extra-ca`；否则请查明是谁在冒充该主机。";
    TLS:
        "Check the clock of this machine, and who answers at that address.",
        "请检查本机时间，以及那个地址上是谁在应答。";
    NO_SUITE_TICKET:
        "See that the suite's callback URL in the provider's console is this server's push URL, and press the button there \
         that pushes the ticket anew.",
        "请检查服务商后台中该套件的指令回调 URL 是否是本服务的推送地址，并在那里手动刷新 ticket 推送。";
    LOST:
        "It mends itself as a rule; if it does not, check the network between here and WeChat.",
        "通常会自行恢复；如果没有，请检查到微信的网络。";
    UNUSABLE:
        "If this goes on, look for a proxy, a firewall or a captive portal between Lingpai and WeChat.",
        "如果持续出现，请检查 Lingpai 与微信之间是否有代理、防火墙或认证网关。";
    NO_LENGTH:
        "WeChat answers so when a body comes without Content-Length: a proxy on the way removes it.",
        "请求体没有 Content-Length 时微信会这样应答：途中有代理把它去掉了。";
    TOO_MANY_CALLS:
        "Find out who limits the calls: WeChat itself never answers so.",
        "请查明是谁在限流：微信自己不会这样应答。";
    REDIRECTED:
        "Check the base URL of WeChat: Lingpai follows no redirect with a secret.",
        "请检查微信的基础 URL：Lingpai 不会带着密钥跟随重定向。";
    WRONG_BASE:
        "Check the base URL of WeChat and the proxies on the way to it.",
        "请检查微信的基础 URL，以及途中的代理。";
    SERVER_ERROR:
        "It mends itself as a rule; if it does not, look for a proxy between Lingpai and WeChat.",
        "通常会自行恢复；如果没有，请检查 Lingpai 与微信之间是否有代理。";
}
