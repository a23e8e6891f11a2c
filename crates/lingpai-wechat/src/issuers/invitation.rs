//! The page on which somebody authorises a platform or a suite (授权页): what leads there.
//!
//! A code that is good once for some minutes is asked for, and stands in the page's URL. Source: WeChat's pages on the
//! authorisation of third-party platforms (授权流程技术说明) and WeCom's on an authorisation that a provider's site begins.

use std::sync::Arc;

use lingpai_core::{Account, AccountId, AccountKind, Failure, Parent};
use serde::{Deserialize, Serialize};

use super::{WeChat, percent_encoded, suite};
use crate::protocol;
use crate::wire::Upstream;

/// Who is to come where.
#[derive(Clone, Debug)]
pub struct Invitation<'a> {
    /// What the page is opened on.
    pub device: Device,
    /// Which accounts the page offers. WeCom asks for none.
    pub offered: Offered,
    /// The only account that may be chosen, if there is one.
    pub only: Option<&'a AccountId>,
    /// Where the browser goes with the code; its host must be one that WeChat knows the platform by.
    pub back_to: &'a str,
}

/// What a page is opened on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Device {
    /// A computer: the page shows a QR code, which the owner's telephone scans.
    Pc,
    /// WeChat on a telephone.
    H5,
}

/// Which accounts a page offers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Offered {
    /// 公众号.
    OfficialAccounts,
    /// 小程序.
    MiniPrograms,
    /// Both.
    #[default]
    All,
}

impl Offered {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::All, Self::OfficialAccounts, Self::MiniPrograms];

    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OfficialAccounts => "official-accounts",
            Self::MiniPrograms => "mini-programs",
            Self::All => "all",
        }
    }

    /// As WeChat numbers them in `auth_type`.
    fn number(self) -> u8 {
        match self {
            Self::OfficialAccounts => 1,
            Self::MiniPrograms => 2,
            Self::All => 3,
        }
    }
}

impl WeChat {
    /// The URL of the page on which this platform or suite is authorised. It is good once, for ten minutes. `token` is the
    /// platform's or the suite's.
    ///
    /// # Errors
    /// A [`Failure`], as of [`Issuer::issue`](lingpai_core::Issuer::issue). Dropping the future gives the call up.
    pub async fn invite(
        &self,
        account: &Account,
        token: Arc<dyn Parent>,
        invitation: &Invitation<'_>,
    ) -> Result<String, Failure> {
        let back_to = percent_encoded(invitation.back_to);
        let name = &account.id;
        if account.kind == AccountKind::WeComSuite {
            let upstream = self.wecom.through(account.proxy.as_ref());
            let code = suite::pre_auth_code(&upstream, &token).await?;
            let code = percent_encoded(code.expose());
            let page = page(&self.api.upstream, protocol::WECOM_PAGES, protocol::INSTALL_PAGE);
            return Ok(format!(
                "{page}?suite_id={name}&pre_auth_code={code}&redirect_uri={back_to}&state=lingpai"
            ));
        }
        let code = self.pre_auth_code(account, token).await?;
        let code = percent_encoded(code.expose());
        let only = invitation.only.map(|only| format!("&biz_appid={only}")).unwrap_or_default();
        let offered = invitation.offered.number();
        let asked = format!(
            "component_appid={name}&pre_auth_code={code}&redirect_uri={back_to}&auth_type={offered}{only}"
        );
        Ok(match invitation.device {
            Device::Pc => {
                let page = page(&self.api.upstream, protocol::PC_PAGES, protocol::PC_PAGE);
                format!("{page}?{asked}")
            }
            Device::H5 => {
                let page = page(&self.api.upstream, protocol::H5_PAGES, protocol::H5_PAGE);
                format!("{page}?action=bindcomponent&no_scan=1&{asked}#wechat_redirect")
            }
        })
    }
}

/// A page for people: on WeChat's host for it, or where something stands in for WeChat.
fn page(upstream: &Upstream, host: &str, path: &str) -> String {
    match upstream.stand_in() {
        Some(base) => format!("{base}{path}"),
        None => format!("https://{host}{path}"),
    }
}
