import redis
from wechatpy import WeChatClient
from wechatpy.session.redisstorage import RedisStorage

session = RedisStorage(redis.Redis.from_url("redis://127.0.0.1:6379/0"))
client = WeChatClient("APPID", "no-secret", session=session)
