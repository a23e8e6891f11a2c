//! The token that a call carries: what it is called in the query, and which answers say that it is bad. It is the one that its
//! account has, an access_token or the token of a platform, a suite or a provider.

use lingpai_core::{CredentialId, Kind};
use lingpai_wechat::kinds::{self, Carried};

use super::hosts::Host;
use super::needs::is_under;

/// What every call may call its token, and most do.
pub(super) const ACCESS_TOKEN: &str = "access_token";

/// How calls carry this; what is unknown, as an access_token.
fn declared(kind: Option<&Kind>) -> Option<&'static Carried> {
    let carried = |kind: &Kind| kinds::find(kind)?.carried.as_ref();
    kind.and_then(carried).or_else(|| carried(&Kind::ACCESS_TOKEN))
}

/// The name in the query where the client has written none. A platform's token is `access_token` in calls that are not the
/// platform's own, such as those for templates of code.
pub(super) fn name(kind: Option<&Kind>, path: &str) -> &'static str {
    match declared(kind) {
        Some(Carried { name, under, .. }) if under.is_empty() || is_under(path, under) => name,
        _ => ACCESS_TOKEN,
    }
}

/// Whether a parameter of this name carries a token.
pub(super) fn is_name(name: &str) -> bool {
    kinds::carried().any(|(_, carried)| carried.name == name)
}

/// Whether an `errcode` says that the token is bad. What the codes mean is the catalogue's to say: WeCom's 40001 is about the
/// secret, and calls with a suite's or a provider's token are refused with codes of their own.
pub(super) fn blames_it(kind: Option<&Kind>, host: Host, errcode: i64) -> bool {
    declared(kind).is_some_and(|carried| (carried.is_blamed)(errcode, host == Host::WeCom))
}

/// Whether it is WeCom's, which goes to no other host.
pub(crate) fn is_of_wecom(credential: &CredentialId) -> bool {
    credential.account.corp_and_agent().is_some()
        || declared(Some(&credential.kind)).is_some_and(|carried| carried.of_wecom)
}

#[cfg(test)]
mod tests {
    use lingpai_wechat::kinds::{COMPONENT_TOKEN, PROVIDER_ACCESS_TOKEN, SUITE_ACCESS_TOKEN};

    use super::*;

    #[test]
    fn the_same_code_blames_the_token_on_one_host_and_the_secret_on_another() {
        let blames = |host, code| blames_it(Some(&Kind::ACCESS_TOKEN), host, code);
        for code in [40001, 40014, 42001] {
            assert!(blames(Host::Api, code), "{code}");
        }
        assert!(!blames(Host::WeCom, 40001));
        assert!(blames(Host::WeCom, 40014) && blames(Host::WeCom, 42001));
        for code in [0, -1, 40003, 40013, 40125, 41001, 42006, 42007, 42009, 40082, 45009, 48001] {
            assert!(!blames(Host::Api, code), "{code}");
        }
    }

    #[test]
    fn tokens_of_platforms_suites_and_providers_are_blamed_by_codes_of_their_own() {
        let component = |code| blames_it(Some(&COMPONENT_TOKEN), Host::Api, code);
        for code in [40001, 40014, 42001, 42006] {
            assert!(component(code), "{code}");
        }
        for code in [0, 42007, 61003, 61004, 61005, 61014, 61023, 42009] {
            assert!(!component(code), "{code}");
        }
        for kind in [SUITE_ACCESS_TOKEN, PROVIDER_ACCESS_TOKEN] {
            let service = |code| blames_it(Some(&kind), Host::WeCom, code);
            for code in [40082, 42009, 40014, 42001] {
                assert!(service(code), "{code}");
            }
            for code in [0, 40001, 40083, 40084, 40085, 42007, 60020] {
                assert!(!service(code), "{code}");
            }
        }
    }

    #[test]
    fn a_token_is_called_as_the_documentation_of_its_calls_has_it() {
        for (kind, path, expected) in [
            (Kind::ACCESS_TOKEN, "/cgi-bin/user/get", "access_token"),
            (
                COMPONENT_TOKEN,
                "/cgi-bin/component/api_create_preauthcode",
                "component_access_token",
            ),
            (COMPONENT_TOKEN, "/sns/component/jscode2session", "component_access_token"),
            (COMPONENT_TOKEN, "/wxa/gettemplatelist", "access_token"),
            (SUITE_ACCESS_TOKEN, "/cgi-bin/service/get_pre_auth_code", "suite_access_token"),
            (PROVIDER_ACCESS_TOKEN, "/cgi-bin/license/list_order", "provider_access_token"),
        ] {
            assert_eq!(name(Some(&kind), path), expected, "{path}");
        }
    }
}
