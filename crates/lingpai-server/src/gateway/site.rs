//! WeChat's hosts, as the gateway writes to them.

use http::uri::{PathAndQuery, Scheme};
use http::{HeaderValue, Uri};
use lingpai_core::Secret;
use lingpai_wechat::wire::BaseUrl;
use lingpai_wechat::{Error, protocol};

use super::hosts::Host;
use super::trouble::Trouble;

/// One of upstream's hosts.
pub(super) struct Site {
    pub(super) base: BaseUrl,
    /// What stands in `Host`.
    pub(super) host: HeaderValue,
    /// Its number among all of them.
    pub(super) number: usize,
}

/// Where each of WeChat's hosts is.
pub(super) struct Sites {
    api: Box<[Site]>,
    wecom: Box<[Site]>,
    mp: Box<[Site]>,
    file: Box<[Site]>,
    pay: Box<[Site]>,
}

impl Site {
    fn new(base: BaseUrl, number: usize) -> Result<Self, Error> {
        let port = if *base.scheme() == Scheme::HTTPS { 443 } else { 80 };
        let authority = base.authority();
        let host = match authority.port_u16() == Some(port) {
            true => authority.host(),
            false => authority.as_str(),
        };
        let unfit = |_| Error::BaseUrl { why: "has a host that cannot stand in a header" };
        let host = HeaderValue::try_from(host).map_err(unfit)?;
        Ok(Self { base, host, number })
    }

    /// Where to connect.
    pub(super) fn address(&self) -> Result<Uri, http::Error> {
        let Self { base, .. } = self;
        let uri = Uri::builder().scheme(base.scheme().clone());
        uri.authority(base.authority().clone()).path_and_query("/").build()
    }

    /// What a request for this path and query names there.
    pub(super) fn target(&self, target: &Secret<String>) -> Result<Uri, Trouble> {
        let target = match self.base.prefix() {
            "" => PathAndQuery::try_from(target.expose()),
            prefix => PathAndQuery::try_from(format!("{prefix}{}", target.expose())),
        };
        Ok(target.map_err(|_| Trouble::PathUnclear)?.into())
    }
}

impl Sites {
    /// WeChat's own, or what stands in for them.
    pub(super) fn new(stand_in: &[BaseUrl]) -> Result<Self, Error> {
        let official = |host: &str| format!("https://{host}").parse::<BaseUrl>();
        let bases: [Vec<BaseUrl>; 5] = match stand_in.first() {
            Some(first) => {
                let (wecom, pay) =
                    (format!("{first}/qyapi").parse()?, format!("{first}/mch").parse()?);
                [
                    stand_in.to_vec(),
                    vec![wecom],
                    vec![first.clone()],
                    vec![first.clone()],
                    vec![pay],
                ]
            }
            None => {
                let api: Result<_, Error> = protocol::HOSTS.into_iter().map(official).collect();
                let pay =
                    ["api.mch.weixin.qq.com", "api2.mch.weixin.qq.com"].into_iter().map(official);
                [
                    api?,
                    vec![official("qyapi.weixin.qq.com")?],
                    vec![official("mp.weixin.qq.com")?],
                    vec![official("file.api.weixin.qq.com")?],
                    pay.collect::<Result<_, _>>()?,
                ]
            }
        };
        let mut numbers = 0..;
        let sites = bases.map(|bases| {
            let sites =
                bases.into_iter().zip(&mut numbers).map(|(base, number)| Site::new(base, number));
            sites.collect::<Result<Box<[Site]>, Error>>()
        });
        let [api, wecom, mp, file, pay] = sites;
        Ok(Self { api: api?, wecom: wecom?, mp: mp?, file: file?, pay: pay? })
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        [&self.api, &self.wecom, &self.mp, &self.file, &self.pay]
            .map(|sites| sites.len())
            .iter()
            .sum()
    }

    /// Those of a host, in the order in which they are asked.
    pub(super) fn of(&self, host: Host) -> &[Site] {
        match host {
            Host::Api => &self.api,
            Host::WeCom => &self.wecom,
            Host::Mp => &self.mp,
            Host::File => &self.file,
            Host::Pay => &self.pay,
        }
    }
}
