"""An unmodified wechatpy whose tokens are in a Redis, and whose AppSecret is none: it can only read what is delivered there.

It calls WeChat without a pause, and tells each token that it has used, by its hash. Whatever goes wrong ends the process with an
error. It ends when its standard input is closed.
"""

import hashlib
import select
import sys

import redis
from wechatpy import WeChatClient
from wechatpy.session.redisstorage import RedisStorage

from wechatpy_story import TakenTo


def main():
    hub, appid, port = sys.argv[1:]
    session = RedisStorage(redis.Redis(port=int(port)))
    client = WeChatClient(appid, "no-secret-at-all", session=session, timeout=10)
    client._http.mount("https://api.weixin.qq.com", TakenTo(hub))
    while not select.select([sys.stdin], [], [], 0.02)[0]:
        # What it carries is read by the SDK itself; this only looks at it beforehand.
        token = client.access_token
        assert client.user.get_followers()["data"]["openid"]
        print(hashlib.sha256(token.encode()).hexdigest()[:12], flush=True)


if __name__ == "__main__":
    main()
