"""An unmodified wechatpy whose WeCom client believes it talks to WeCom.

Round after round it reads a member and sends a message. Each round is told on standard output; whatever goes wrong ends the
process with an error. It ends when its standard input is closed.
"""

import select
import sys

from requests.adapters import HTTPAdapter
from wechatpy.enterprise import WeChatClient


class TakenTo(HTTPAdapter):
    """Takes every request for WeCom to another host: wechatpy has its hosts written in its sources."""

    def __init__(self, hub):
        super().__init__()
        self.hub = hub

    def send(self, request, **options):
        request.url = request.url.replace("https://qyapi.weixin.qq.com", f"{self.hub}/qyapi", 1)
        return super().send(request, **options)


def main():
    hub, account, key = sys.argv[1:]
    corpid, agent = account.split(":")
    client = WeChatClient(corpid, key, timeout=10)
    client._http.mount("https://qyapi.weixin.qq.com", TakenTo(hub))
    number = 0
    while not select.select([sys.stdin], [], [], 0)[0]:
        assert client.user.get("zhangsan")["name"] == "张三"
        assert client.message.send_text(int(agent), "zhangsan", f"round {number}: 您好")["errcode"] == 0
        number += 1
        print(f"round {number}", flush=True)


if __name__ == "__main__":
    main()
