from requests.adapters import HTTPAdapter
from wechatpy import WeChatClient


class TakenTo(HTTPAdapter):
    """Takes the call for a token to Lingpai: wechatpy has WeChat's host written in its sources."""

    def send(self, request, **options):
        request.url = request.url.replace("https://api.weixin.qq.com", "HUB", 1)
        return super().send(request, **options)


client = WeChatClient("APPID", "KEY")
client._http.mount("https://api.weixin.qq.com/cgi-bin/token", TakenTo())
