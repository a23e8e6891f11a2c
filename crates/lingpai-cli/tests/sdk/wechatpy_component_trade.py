"""An unmodified wechatpy of a third-party platform that was handed the code of an authorisation, by the relayed push or by its own
page, and trades it as it always has. From then on it works for the one who gave it, and refreshes that one's token.
"""

import sys

from wechatpy.component import WeChatComponent

from wechatpy_story import TakenTo

WECHAT = "https://api.weixin.qq.com"


def main():
    hub, accounts, key, code = sys.argv[1:]
    appid, authorizer = accounts.split(":")
    component = WeChatComponent(appid, key, "token", "a" * 43)
    component._http.mount(WECHAT, TakenTo(hub))
    info = component.query_auth(code)["authorization_info"]
    assert info["authorizer_appid"] == authorizer, info
    assert [each["funcscope_category"]["id"] for each in info["func_info"]] == [1], info
    client = component.get_client_by_authorization_code(code)
    client._http.mount(WECHAT, TakenTo(hub))
    assert client.user.get_followers()["data"]["openid"]
    # What it was told for a refresh token is good for one.
    component.session.set(client.refresh_token_key, info["authorizer_refresh_token"])
    component.session.delete(client.access_token_key)
    assert client.user.get_followers()["data"]["openid"]
    print(info["authorizer_refresh_token"])


if __name__ == "__main__":
    main()
