"""An unmodified wechatpy that makes single calls, each with a client of its own.

Each line of standard input is a JSON object: the host, the account, the key, a token that the client has already (or
null), and what is called. For each, a line of standard output has what came of it. It ends with its input.
"""

import json
import sys

import requests
from wechatpy import WeChatClient
from wechatpy.enterprise import WeChatClient as WeComClient
from wechatpy.exceptions import WeChatClientException

from wechatpy_story import TakenTo

CALLS = {
    "token": lambda client: client.fetch_access_token(),
    "users": lambda client: client.user.get_followers(),
    "menu": lambda client: client.menu.get(),
    "groups": lambda client: client.group.get(),
    "tags": lambda client: client.tag.get(),
    "ticket": lambda client: client.jsapi.get_ticket(),
    "login": lambda client: client.wxa.code_to_session("CODE"),
    "wecom-token": lambda client: client.fetch_access_token(),
    "wecom-user": lambda client: client.user.get("zhangsan"),
}


def client_of(case):
    if case["call"].startswith("wecom"):
        client = WeComClient(case["account"], case["key"], access_token=case["token"], timeout=20)
        client._http.mount("https://qyapi.weixin.qq.com", TakenTo(case["hub"] + "/qyapi", "https://qyapi.weixin.qq.com"))
    else:
        client = WeChatClient(case["account"], case["key"], access_token=case["token"], timeout=20)
        client._http.mount("https://api.weixin.qq.com", TakenTo(case["hub"]))
    return client


def main():
    for line in sys.stdin:
        case = json.loads(line)
        try:
            CALLS[case["call"]](client_of(case))
            outcome = {"errcode": 0, "errmsg": ""}
        except WeChatClientException as error:
            outcome = {"errcode": error.errcode, "errmsg": str(error)}
        except requests.RequestException as error:
            outcome = {"errcode": None, "errmsg": str(error)}
        print(json.dumps(outcome), flush=True)


if __name__ == "__main__":
    main()
