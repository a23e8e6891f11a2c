"""An unmodified wechatpy that believes it talks to WeChat.

Round after round it reads its followers, sends a message, uploads a medium and downloads it again, and makes a QR code.
Each round is told on standard output; whatever goes wrong ends the process with an error. It ends when its standard
input is closed.
"""

import io
import select
import sys

from requests.adapters import HTTPAdapter
from wechatpy import WeChatClient


class TakenTo(HTTPAdapter):
    """Takes every request for WeChat to another host: wechatpy has its hosts written in its sources."""

    def __init__(self, hub, wechat="https://api.weixin.qq.com"):
        super().__init__()
        self.hub, self.wechat = hub, wechat

    def send(self, request, **options):
        request.url = request.url.replace(self.wechat, self.hub, 1)
        return super().send(request, **options)


def story(client, number):
    followers = client.user.get_followers()["data"]["openid"]
    assert client.user.get(followers[0])["openid"] == followers[0]
    assert client.message.send_text(followers[0], f"round {number}: 您好")["errcode"] == 0
    # wechatpy tries to read every answer as JSON, whatever it is: "[" would lead it far.
    picture = b"\xff\xd8 JFIF" + bytes([number % 256]) * 70_000
    medium = client.media.upload("image", ("a.jpg", io.BytesIO(picture)))["media_id"]
    assert client.media.download(medium).content == picture
    assert client.qrcode.create({"action_name": "QR_SCENE", "action_info": {"scene": {"scene_id": 1}}})["ticket"]


def main():
    hub, appid, key = sys.argv[1:]
    client = WeChatClient(appid, key, timeout=10)
    client._http.mount("https://api.weixin.qq.com", TakenTo(hub))
    number = 0
    while not select.select([sys.stdin], [], [], 0)[0]:
        story(client, number)
        number += 1
        print(f"round {number}", flush=True)


if __name__ == "__main__":
    main()
