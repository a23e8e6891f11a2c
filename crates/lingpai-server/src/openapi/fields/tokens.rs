//! Tokens and tickets, how they are asked for, and errors; and what stands in nearly every body.

fields! {
    "account":
        "The account, by its appid; of an application of WeCom `CORPID:AGENTID`.",
        "账号：appid；企业微信应用为 `企业ID:AgentId`。";
    "kind":
        "Which kind of token: `access_token`, `jsapi_ticket`, ...",
        "凭据的种类：`access_token`、`jsapi_ticket` 等。";
    "generation":
        "Grows by one with each new token, and never goes back.",
        "代数：每换一个凭据加一，从不后退。";
    "issued_at": "When the token was asked for.", "获取凭据的时间。";
    "expires_at": "Until when it is good.", "有效期至。";
    "expires_in": "How long it is still good, in whole seconds.", "剩余有效期，整秒数。";
    "text": "What happened, in a sentence.", "一句话说明。";
    "explanation": "What the outcome means, in a sentence.", "结果的说明，一句话。";
    "next": "What asks for the next page, if there are more.", "取下一页时要填的值，还有下一页时才有。";
    "errcode": "WeChat's error code.", "微信的错误码。";
    "errmsg": "WeChat's words.", "微信的错误信息。";
    "rid": "By which WeChat finds the request again.", "微信用来查找该请求的 rid。";
    "path": "The path of WeChat's API.", "微信接口的路径。";
    "access_token": "The token.", "凭据。";
    "ticket": "The ticket.", "ticket。";
    "remedy": "What to do.", "处理办法。";

    "Report.access_token": "The token that WeChat refused.", "被微信拒绝的凭据。";
    "Reported.outcome":
        "`replaced`: it was not the current one any more; use the one here. `rotated`: it was replaced; use the one here. \
         `repeated`: asked for another, WeChat gave the same. `accepted`: WeChat accepts it, so the call is at fault. `unknown`: it could \
         not be tried; report it again in half a minute. `refused`: WeChat refuses it, and there is no other yet.",
        "`replaced`：它已不是当前凭据，请改用返回的；`rotated`：已更换，请改用返回的；`repeated`：要求更换，但微信返回的仍是同一个；\
         `accepted`：微信接受它，问题在那次调用；`unknown`：暂时无法验证，半分钟后再报告；`refused`：微信确实拒绝它，但暂时换不到新的。";
    "Drill.outcome":
        "`planned`: nothing was done. `begun`: the tokens are being ended.",
        "`planned`：什么也没有做；`begun`：已开始作废。";
    "Drill.breaks":
        "What becomes of the tokens that clients hold, and what it counts.",
        "客户端手上的 token 会怎样，计入多少次数。";
    "Rotate.compromised":
        "A token has leaked: it is replaced until none of those so far is good.",
        "凭据已泄露：一直更换到此前的凭据全部失效。";
    "Rotate.dry_run":
        "Do nothing, and only say what it would do.",
        "什么也不做，只说明会怎样。";
    "GivenToken.access_token": "The token that is taken over.", "要接管的凭据。";
    "GivenToken.expires_in":
        "What is left of its life, in seconds; rather less than more.",
        "剩余有效期，秒数，宁短勿长。";
    "GivenToken.untried":
        "Take it without asking WeChat whether it is good.",
        "不请微信验证，直接接管。";
    "Adopted.trial":
        "What WeChat said of it: `accepted`, `unsaid` where it could not say, or `untried`.",
        "微信的验证结果：`accepted` 有效，`unsaid` 没能确认，`untried` 没有验证。";

    "Page.url": "The page, as the browser has it; what follows `#` does not count.", "页面的 URL，与浏览器中一致；`#` 之后的部分不计。";
    "Page.jsApiList": "Answered as it came.", "原样返回。";
    "Page.agent": "Sign for `wx.agentConfig`, of an application of WeCom.", "为企业微信应用的 `wx.agentConfig` 签名。";
    "Page.agentid":
        "The number of the application, where the account's name does not tell it.",
        "应用的 AgentId，账号名里没有时填写。";
    "JsConfig.appId": "For `wx.config`: the appid, or the corpid.", "用于 `wx.config`：appid 或企业 ID。";
    "JsConfig.corpid": "For `wx.agentConfig`.", "用于 `wx.agentConfig`：企业 ID。";
    "JsConfig.agentid": "For `wx.agentConfig`.", "用于 `wx.agentConfig`：应用的 AgentId。";
    "JsConfig.jsApiList": "As it came.", "请求中的 `jsApiList`。";
    "timestamp": "When it was signed, in seconds since 1970.", "签名的时间，Unix 秒数。";
    "nonceStr": "The nonce of the signature.", "签名用的随机串。";
    "signature": "The signature.", "签名。";
    "Card.values":
        "What is signed of the card, in any order; the ticket, the time and the nonce are added here.",
        "卡券参与签名的各个值，次序不限；ticket、时间戳和随机串由这里加上。";

    "TokenCall.grant_type": "`client_credential`.", "填 `client_credential`。";
    "TokenCall.appid": "The account.", "账号的 appid。";
    "TokenCall.secret": "The API key; never the AppSecret.", "API 密钥，不是 AppSecret。";
    "TokenCall.force_refresh":
        "Says that the token last given to this key is bad. It is tried, and replaced only if WeChat refuses it.",
        "表示上次给这个密钥的凭据不可用：先验证，微信确实拒绝才更换。";
    "WeChatToken": "As WeChat answers for an app.", "微信的返回。";
    "WeComToken": "As WeCom answers for an application.", "企业微信应用的返回。";
    "WeComServiceToken": "As WeCom answers for a suite or a provider.", "企业微信第三方应用或服务商的返回。";
    "PlatformToken": "As WeChat answers for a third-party platform or an authorizer.", "第三方平台或授权方的返回。";
    "WeChatError": "An error: WeChat's own, or Lingpai's in its shape.", "出错时的返回：微信的，或 Lingpai 以同样格式返回的。";
    "WeChatToken.expires_in":
        "Seconds until the SDK should come back: truthful, and short enough that it does before the token dies.",
        "SDK 应在多少秒内回来取：如实，而且短到凭据失效前一定会回来。";
    "WeComToken.expires_in": "Seconds until the SDK should come back.", "SDK 应在多少秒内回来取。";
    "PlatformToken.expires_in": "Seconds until the SDK should come back.", "SDK 应在多少秒内回来取。";
    "WeComServiceToken.expires_in": "Seconds until the SDK should come back.", "SDK 应在多少秒内回来取。";
    "WeComToken.errcode": "0.", "0。";
    "WeComServiceToken.errcode": "0.", "0。";
    "PlatformToken.component_access_token": "The platform's own token.", "第三方平台的凭据。";
    "WeComServiceToken.suite_access_token": "The suite's own token.", "第三方应用的凭据。";
    "WeComServiceToken.provider_access_token": "The provider's own token.", "服务商的凭据。";
    "authorizer_access_token": "The authorizer's token.", "授权方的凭据。";
    "PlatformToken.authorizer_refresh_token":
        "The key that was sent, or a word that the real one is kept here.",
        "请求中的密钥，或一个占位值；真正的刷新令牌留在 Lingpai。";
    "component_appid": "The platform.", "第三方平台的 appid。";
    "component_appsecret": "The API key.", "API 密钥。";
    "suite_id": "The suite.", "第三方应用的 SuiteID。";
    "suite_secret": "The API key.", "API 密钥。";
    "corpid": "The provider's corp.", "服务商的企业 ID。";
    "provider_secret": "The API key.", "API 密钥。";
    "auth_corpid": "The corp that has authorised the suite.", "授权企业的企业 ID。";
    "permanent_code": "The API key.", "API 密钥。";
    "authorizer_appid": "The authorizer.", "授权方的 appid。";
    "authorizer_refresh_token": "The API key.", "API 密钥。";

    "Error.error": "What went wrong.", "出了什么错。";
    "Said.code": "The stable name of the error.", "错误的名称，保持不变。";
    "Said.message": "What happened, and why.", "发生了什么，为什么。";
    "Said.upstream": "What WeChat answered, if it did.", "微信的返回（如果有）。";
}
