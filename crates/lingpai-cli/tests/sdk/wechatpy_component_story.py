"""An unmodified wechatpy of a third-party platform that believes it talks to WeChat.

Round after round it makes a pre-auth code, reads who has authorised it and what there is to know of one of them, and reads
that one's followers. Where an SDK keeps refresh tokens it has its key, once. Each round is told on standard output; whatever
goes wrong ends the process with an error. It ends when its standard input is closed.
"""

import select
import sys

from wechatpy.component import WeChatComponent

from wechatpy_story import TakenTo

WECHAT = "https://api.weixin.qq.com"
KEPT_HERE = "refreshtoken@@@kept-by-lingpai"


def story(component, hub, authorizer):
    assert component.create_preauthcode()["pre_auth_code"]
    listed = component.get_authorizer_list()["list"]
    assert [(each["authorizer_appid"], each["refresh_token"]) for each in listed] == [(authorizer, KEPT_HERE)]
    told = component.get_authorizer_info(authorizer)["authorization_info"]
    assert told["authorizer_refresh_token"] == KEPT_HERE
    client = component.get_client_by_appid(authorizer)
    client._http.mount(WECHAT, TakenTo(hub))
    assert client.user.get_followers()["data"]["openid"]
    # It fetches by itself what it thinks has expired.
    component.session.delete(client.access_token_key)
    assert client.user.get_followers()["data"]["openid"]


def main():
    hub, accounts, key = sys.argv[1:]
    appid, authorizer = accounts.split(":")
    component = WeChatComponent(appid, key, "token", "a" * 43)
    component._http.mount(WECHAT, TakenTo(hub))
    component.session.set(f"{authorizer}_refresh_token", key)
    number = 0
    while not select.select([sys.stdin], [], [], 0)[0]:
        story(component, hub, authorizer)
        number += 1
        print(f"round {number}", flush=True)


if __name__ == "__main__":
    main()
