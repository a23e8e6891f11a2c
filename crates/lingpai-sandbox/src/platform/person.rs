//! People who log in to an account through a platform that acts for it, with the platform's token where the account itself would
//! show its secret: `/sns/component/jscode2session`, `/sns/oauth2/component/*`.
//!
//! After WeChat's pages on 小程序登录 and 代公众号发起网页授权. What is not documented is which of two things that are wrong at once is
//! told; here it is the token.

use super::api::{component_of, owner};
use crate::{World, api::Served, api::login, refusal::Refusal, world::Call};

/// The account that somebody logs in to, which has to have authorised the platform whose token the call carries.
fn account<'a>(world: &mut World, call: &'a Call<'_>) -> Result<&'a str, Refusal> {
    let owner = owner(world, call)?;
    let named = call.query.value("component_appid");
    let (platform, component) = component_of(world, call, named)?;
    if platform != owner {
        return Err(Refusal::INVALID_COMPONENT);
    }
    let appid = call.query.value("appid").ok_or(Refusal::APPID_MISSING)?;
    match component.authorizations.contains_key(appid) {
        true => Ok(appid),
        false => Err(Refusal::NOT_AUTHORIZED),
    }
}

/// GET `/sns/component/jscode2session`.
pub(super) fn code_to_session(world: &mut World, call: &Call<'_>) -> Served {
    let appid = account(world, call)?.to_owned();
    login::session(world, call, &appid)
}

/// GET `/sns/oauth2/component/access_token`.
pub(super) fn code_to_token(world: &mut World, call: &Call<'_>) -> Served {
    let appid = account(world, call)?.to_owned();
    login::grant(world, call, &appid)
}

/// GET `/sns/oauth2/component/refresh_token`.
pub(super) fn refresh(world: &mut World, call: &Call<'_>) -> Served {
    account(world, call)?;
    login::refresh(world, call)
}
