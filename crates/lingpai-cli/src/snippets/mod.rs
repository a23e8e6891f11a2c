//! What a service sets so that its SDK is served by Lingpai: a text for each SDK and each way, ready to be pasted.
//!
//! The texts are files beside this one, in the language of their SDK. Those whose SDK a registry of packages has for our tests are run
//! there as they are printed, against the sandbox (`tests/system/snippets.rs`); the others say when they were run by hand, or that
//! they were only read in the sources, and of which version.

use clap::ValueEnum;
use lingpai_core::{AccountId, Preset};

use crate::language::{either, say};

/// The SDKs there is a text for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Sdk {
    #[value(name = "wxjava")]
    WxJava,
    #[value(name = "easywechat")]
    EasyWeChat,
    Silenceper,
    #[value(name = "powerwechat")]
    PowerWeChat,
    Senparc,
    Wechatpy,
    CoWechatApi,
    NodeEasywechat,
    Curl,
}

/// The ways of being served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Way {
    Gateway,
    DropIn,
    Sink,
}

/// Why a text is believed to be right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Proof {
    /// The tests run it, with this version.
    Run(&'static str),
    /// It was run once as it is printed, against the sandbox, with this version built from its sources: [`TRIED`].
    Tried(&'static str),
    /// It was read in the sources of this version, and not run.
    Read(&'static str),
}

/// A text for one SDK and one way.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Snippet {
    sdk: Sdk,
    way: Way,
    code: &'static str,
    pub(crate) proof: Proof,
}

/// When texts were run whose SDK our tests cannot install.
const TRIED: &str = "2026-11-28";

const WXJAVA: Proof = Proof::Tried(
    "WxJava 4.7.2.B (2025-01), with what the sources of its starter make of these lines",
);
const EASYWECHAT: Proof = Proof::Tried("EasyWeChat 6.19.1 (2026-04)");
const SILENCEPER: Proof = Proof::Tried("silenceper/wechat 2.1.6 (2024-02)");
const POWERWECHAT: Proof =
    Proof::Tried("PowerWeChat 3.2.12 (2024-05), and read in the sources of 3.2.58 (2024-12)");
const SENPARC: Proof = Proof::Read("Senparc.Weixin (2026-08)");
const WECHATPY: Proof = Proof::Run("wechatpy 1.8.18");
const CO_WECHAT_API: Proof = Proof::Run("co-wechat-api 3.11.0");
const NODE_EASYWECHAT: Proof = Proof::Run("node-easywechat 3.6.2, node-socialite 1.3.2");
const CURL: Proof = Proof::Run("curl");

macro_rules! snippets {
    ($($sdk:ident, $way:ident, $file:literal, $proof:ident;)*) => {
        /// All of them.
        pub(crate) const ALL: &[Snippet] = &[$(
            Snippet { sdk: Sdk::$sdk, way: Way::$way, code: include_str!($file), proof: $proof },
        )*];
    };
}

snippets! {
    WxJava, Gateway, "wxjava_gateway.yml", WXJAVA;
    WxJava, Sink, "wxjava_sink.yml", WXJAVA;
    EasyWeChat, Gateway, "easywechat_gateway.php", EASYWECHAT;
    EasyWeChat, DropIn, "easywechat_drop_in.php", EASYWECHAT;
    EasyWeChat, Sink, "easywechat_sink.php", EASYWECHAT;
    Silenceper, Gateway, "silenceper_gateway.go", SILENCEPER;
    Silenceper, DropIn, "silenceper_drop_in.go", SILENCEPER;
    Silenceper, Sink, "silenceper_sink.go", SILENCEPER;
    PowerWeChat, Gateway, "powerwechat_gateway.go", POWERWECHAT;
    PowerWeChat, DropIn, "powerwechat_drop_in.go", POWERWECHAT;
    Senparc, Gateway, "senparc_gateway.cs", SENPARC;
    Wechatpy, Gateway, "wechatpy_gateway.py", WECHATPY;
    Wechatpy, DropIn, "wechatpy_drop_in.py", WECHATPY;
    Wechatpy, Sink, "wechatpy_sink.py", WECHATPY;
    CoWechatApi, Gateway, "co_wechat_api_gateway.js", CO_WECHAT_API;
    CoWechatApi, DropIn, "co_wechat_api_drop_in.js", CO_WECHAT_API;
    NodeEasywechat, Gateway, "node_easywechat_gateway.js", NODE_EASYWECHAT;
    NodeEasywechat, DropIn, "node_easywechat_drop_in.js", NODE_EASYWECHAT;
    Curl, Gateway, "curl_gateway.sh", CURL;
    Curl, DropIn, "curl_drop_in.sh", CURL;
    Curl, Sink, "curl_sink.sh", CURL;
}

/// Why there is no text.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Missing {
    /// This SDK needs another way: one of these.
    Way(Vec<&'static str>),
    /// WeCom has paths and classes of its own.
    WeCom,
}

/// The text for an account, an SDK and a way.
pub(crate) fn of(account: &AccountId, sdk: Sdk, way: Way) -> Result<Snippet, Missing> {
    let is_good_for_all = (sdk, way) == (Sdk::Curl, Way::Gateway);
    if account.corp_and_agent().is_some() && !is_good_for_all {
        return Err(Missing::WeCom);
    }
    let of_sdk = || ALL.iter().filter(|snippet| snippet.sdk == sdk);
    let found = of_sdk().find(|snippet| snippet.way == way);
    found.copied().ok_or_else(|| Missing::Way(of_sdk().map(|snippet| snippet.way.name()).collect()))
}

impl Sdk {
    /// What is to be said of it when its key is made, where it needs an `expires_in` of its own.
    fn preset(self) -> String {
        let preset = match self {
            Self::WxJava => Preset::WxjavaMemory,
            Self::EasyWeChat | Self::PowerWeChat | Self::Senparc | Self::NodeEasywechat => {
                Preset::Easywechat
            }
            Self::Silenceper => Preset::SilenceperClassic,
            Self::Wechatpy => Preset::Wechatpy,
            Self::CoWechatApi | Self::Curl => return String::new(),
        };
        format!(" --preset {}", preset.as_str())
    }
}

impl Way {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Gateway => "gateway",
            Self::DropIn => "drop-in",
            Self::Sink => "sink",
        }
    }
}

impl Snippet {
    /// The text for this account and a server at this URL, with what it does and how to go back in comments of its language.
    pub(crate) fn text(&self, account: &AccountId, server: &str) -> String {
        let mut lines = vec![self.title()];
        let preset = self.sdk.preset();
        match self.way {
            Way::Gateway => lines.push(say!(
                "KEY is an API key: lingpai key create NAME --account {account} --right gateway{preset}\n(and --right ticket, if the \
                 service signs pages for the JS-SDK)",
                "KEY 是 API 密钥：lingpai key create 名称 --account {account} --right gateway{preset}\n（服务要为 JS-SDK 签名网页时，再加 --right ticket）"
            )),
            Way::DropIn => lines.push(say!(
                "KEY is an API key: lingpai key create NAME --account {account}{preset}",
                "KEY 是 API 密钥：lingpai key create 名称 --account {account}{preset}"
            )),
            Way::Sink => {
                let what = either(
                    "In lingpai.toml of the server, which takes it over within seconds:",
                    "服务的 lingpai.toml 中写入以下内容，几秒内即会采用：",
                );
                lines.push(what.to_owned());
                lines.extend(self.sink(account).lines().map(|line| format!("  {line}")));
            }
        }
        let back = match self.way {
            Way::Sink => either(
                "Back: put the AppSecret in its place again, and remove the [[sink]].",
                "还原：把 AppSecret 写回原处，并删去 [[sink]]。",
            ),
            _ => either(
                "Back: leave out what names this server, and put the AppSecret where KEY stands. In stable mode WeChat then gives the very \
                 token that Lingpai has.",
                "还原：去掉指向本服务的设置，并把 KEY 换回 AppSecret。稳定版下，微信返回的就是 Lingpai 手上的同一个凭据。",
            ),
        };
        let mark = self.mark();
        let comment = |line: &str| format!("{mark} {line}\n");
        let head: String = lines.iter().flat_map(|text| text.lines()).map(comment).collect();
        let is_of_wecom = account.corp_and_agent().is_some();
        let account = account.as_str();
        // In this order: what is put in is not looked into again, for none of it holds the names of the gaps.
        let mut code =
            self.code.replace("APPID", account).replace("HUB", server.trim_end_matches('/'));
        if is_of_wecom {
            code = code.replace("/cgi-bin/", "/qyapi/cgi-bin/");
        }
        format!("{head}\n{code}\n{}", comment(back))
    }

    fn title(&self) -> String {
        let does = match self.way {
            Way::Gateway => either(
                "Gateway: all calls go through Lingpai, which puts the token in and repairs what is refused because of it.",
                "网关：所有调用都经过 Lingpai，由它填入凭据，因凭据被拒绝的调用会自动修复。",
            ),
            Way::DropIn => either(
                "Drop-in: the token is fetched from Lingpai; the calls go to WeChat directly.",
                "兼容接口：向 Lingpai 获取凭据，其余调用直接访问微信。",
            ),
            Way::Sink => either(
                "Sink: Lingpai delivers the token; the service only reads it, and cannot fetch.",
                "投递：Lingpai 送来凭据，服务只读取，自己无法获取。",
            ),
        };
        let proof = match self.proof {
            Proof::Run(version) => {
                say!(
                    "Run in Lingpai's tests: {version}.",
                    "在 Lingpai 的测试中实际运行：{version}。"
                )
            }
            Proof::Tried(version) => say!(
                "Run by hand on {TRIED}, not in Lingpai's tests: {version}.",
                "{TRIED} 手工运行过，不在 Lingpai 的测试中：{version}。"
            ),
            Proof::Read(version) => say!(
                "Not run; read in the sources of {version}.",
                "没有实际运行；读自源码：{version}。"
            ),
        };
        say!("{does} {proof}", "{does}{proof}")
    }

    /// What the server is configured with.
    fn sink(&self, account: &AccountId) -> String {
        let name = self.sdk.to_possible_value().map(|it| it.get_name().to_owned());
        let (name, place) = match self.sdk {
            Sdk::Curl => {
                ("file".to_owned(), format!("path = \"/run/wechat/{account}\"\nform = \"plain\""))
            }
            _ => {
                let name = name.unwrap_or_default();
                let place = format!("redis = \"redis://127.0.0.1:6379/0\"\nform = \"{name}\"");
                (name, place)
            }
        };
        format!("[[sink]]\nname = \"{name}\"\naccount = \"{account}\"\n{place}")
    }

    fn mark(&self) -> &'static str {
        match self.sdk {
            Sdk::WxJava | Sdk::Wechatpy | Sdk::Curl => "#",
            _ => "//",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sdk_has_a_text_and_no_gap_is_left_but_that_of_the_key() {
        let account: AccountId = "wx0123456789abcdef".parse().unwrap();
        for sdk in Sdk::value_variants() {
            assert!(of(&account, *sdk, Way::Gateway).is_ok(), "{sdk:?}");
        }
        for snippet in ALL {
            let text = snippet.text(&account, "https://lingpai.example.com/");
            assert!(!text.contains("APPID") && !text.contains("HUB"), "{text}");
            assert!(text.contains(account.as_str()), "{text}");
            assert_eq!(text.contains("KEY"), snippet.way != Way::Sink, "{text}");
            assert!(text.contains("Back: "), "{text}");
        }
        let missing = of(&account, Sdk::Senparc, Way::Sink).unwrap_err();
        assert_eq!(missing, Missing::Way(vec!["gateway"]));
    }

    #[test]
    fn an_application_of_wecom_is_given_no_text_for_an_official_account() {
        let agent: AccountId = "ww0123456789abcdef:1000002".parse().unwrap();
        assert_eq!(of(&agent, Sdk::Wechatpy, Way::Gateway).unwrap_err(), Missing::WeCom);
        assert_eq!(of(&agent, Sdk::Curl, Way::DropIn).unwrap_err(), Missing::WeCom);
        let text =
            of(&agent, Sdk::Curl, Way::Gateway).unwrap().text(&agent, "http://127.0.0.1:8700");
        assert!(
            text.contains("/gateway/ww0123456789abcdef:1000002/qyapi/cgi-bin/getcallbackip"),
            "{text}"
        );
    }
}
