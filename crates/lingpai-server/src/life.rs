//! How long an SDK is told that a token lives, and when it should be back.
//!
//! After a rotation the replaced token lives five minutes, so an SDK must ask again within four. SDKs think a token gone
//! some time before the stated end, by a margin that is their own; the key's [`Preset`] says which, and it is stated on
//! top. A margin is a fixed time, whatever a token's life.

use std::time::Duration;

use lingpai_core::Preset;

/// WeChat's life of a token. Of a token whose full life is shorter, all times here are the same share.
const NOMINAL_LIFE: Duration = Duration::from_secs(7200);
/// An SDK is to be back after this many seconds.
const RETURN: u32 = 240;
/// And this many seconds before the token's end.
const MARGIN: u32 = 5;
/// The earliest return of an SDK whose margin is not known: 200 s is the largest for which the default is meant.
const EARLIEST_RETURN: u32 = 40;
/// Some SDKs count in whole seconds.
const ROUNDING: Duration = Duration::from_secs(1);

/// The `expires_in` that brings an SDK back before the token that it holds can die. Never zero: SDKs would fetch on every
/// call, or keep the token for ever.
pub(crate) fn stated(preset: Preset, full_life: Duration, left: Duration) -> u64 {
    let kept = share(RETURN, full_life).min(left.saturating_sub(share(MARGIN, full_life)));
    u64::from(preset.margin().unwrap_or(0)) + kept.as_secs().max(1)
}

/// For how long an SDK that was told so cannot need to ask again.
pub(crate) fn kept_for(preset: Preset, stated: u64) -> Duration {
    let kept = match preset.margin() {
        Some(margin) => Duration::from_secs(stated.saturating_sub(u64::from(margin))),
        None => Duration::from_secs(stated) * EARLIEST_RETURN / RETURN,
    };
    kept.saturating_sub(ROUNDING)
}

fn share(seconds: u32, full_life: Duration) -> Duration {
    full_life.min(NOMINAL_LIFE) * seconds / 7200
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stated(full_life: u64, left: u64) -> u64 {
        super::stated(Preset::Default, Duration::from_secs(full_life), Duration::from_secs(left))
    }

    #[test]
    fn a_client_comes_back_within_four_minutes_and_before_the_end() {
        assert_eq!(stated(7200, 7200), 240);
        assert_eq!(stated(7200, 245), 240);
        assert_eq!(stated(7200, 200), 195);
        assert_eq!(stated(86_400, 80_000), 240);
    }

    #[test]
    fn a_token_with_a_short_life_has_short_margins() {
        assert_eq!(stated(3600, 3600), 120);
        assert_eq!(stated(60, 60), 2);
        assert_eq!(stated(60, 1), 1);
    }

    #[test]
    fn the_stated_life_is_never_zero() {
        assert_eq!(stated(7200, 0), 1);
        assert_eq!(stated(0, 0), 1);
    }

    /// For how many seconds an SDK keeps a token of which it was told that it lives `stated` seconds; none if it takes
    /// the answer for an error. Each reads as the SDK's own line does.
    type Keeps = fn(i64) -> Option<i64>;

    /// Which preset suits which SDK: the arithmetic of their sources.
    const SDKS: [(&str, Preset, Keeps); 16] = [
        ("EasyWeChat", Preset::Easywechat, |stated| Some(stated)),
        ("EasyWeChat", Preset::Default, |stated| Some(stated)),
        ("EasyWeChat, authorizer", Preset::EasywechatAuthorizer, |stated| Some(stated - 500)),
        ("node-easywechat", Preset::Easywechat, |stated| Some(stated)),
        ("PowerWeChat", Preset::Easywechat, |stated| Some(if stated <= 0 { 7200 } else { stated })),
        ("Senparc", Preset::Easywechat, |stated| {
            Some(if stated > 300 { stated - 300 } else { stated })
        }),
        ("silenceper, classic", Preset::SilenceperClassic, |stated| Some(stated - 1500)),
        ("silenceper, stable", Preset::SilenceperStable, |stated| Some(stated - 300)),
        ("wechatpy", Preset::Wechatpy, |stated| Some(stated - 60)),
        ("wechatpy", Preset::Default, |stated| Some(stated - 60)),
        ("WxJava, in memory", Preset::WxjavaMemory, |stated| Some(stated - 200)),
        ("WxJava, in memory", Preset::Default, |stated| Some(stated - 200)),
        ("WxJava, Redis", Preset::Default, |stated| Some(stated - 2)),
        ("co-wechat-api", Preset::Default, |stated| Some(stated - 10)),
        ("labrador", Preset::Default, |stated| Some(stated - 200)),
        ("chanxuehong", Preset::Default, |stated| match stated {
            3601.. => Some(stated - 600),
            1801.. => Some(stated - 300),
            301.. => Some(stated - 60),
            61.. => Some(stated - 10),
            _ => None,
        }),
    ];

    #[test]
    fn each_sdk_comes_back_in_time_and_does_not_fetch_on_every_call() {
        let full_life = Duration::from_secs(7200);
        for (sdk, preset, keeps) in SDKS {
            // A token is renewed long before it has so little left.
            for left in (245..=7200).rev() {
                let stated = super::stated(preset, full_life, Duration::from_secs(left));
                let kept = keeps(stated.cast_signed());
                let kept = kept.unwrap_or_else(|| panic!("{sdk} takes {stated} for an error"));
                assert!((40..=240).contains(&kept), "{sdk} keeps {stated} for {kept} s");
            }
        }
    }

    #[test]
    fn no_sdk_keeps_a_token_beyond_its_end() {
        for (sdk, preset, keeps) in SDKS {
            for left in 10..245 {
                let stated =
                    super::stated(preset, Duration::from_secs(7200), Duration::from_secs(left));
                let kept = keeps(stated.cast_signed()).unwrap_or(0);
                assert!(kept <= left.cast_signed(), "{sdk} keeps {stated} for {kept} s of {left}");
            }
        }
    }

    #[test]
    fn an_sdk_that_comes_back_as_it_should_is_not_early() {
        for (sdk, preset, keeps) in SDKS {
            for left in [7200, 600, 245] {
                let stated =
                    super::stated(preset, Duration::from_secs(7200), Duration::from_secs(left));
                let kept = keeps(stated.cast_signed()).unwrap_or(0);
                assert!(
                    kept_for(preset, stated).as_secs().cast_signed() <= kept,
                    "{sdk}: {stated}"
                );
            }
        }
        assert_eq!(kept_for(Preset::SilenceperClassic, 1740).as_secs(), 239);
        assert_eq!(kept_for(Preset::Default, 240).as_secs(), 39);
    }
}
