"""The crypto of wechatpy, asked over standard input: one JSON object a line, answered by one."""

import json
import sys

from wechatpy.crypto import WeChatCrypto

for line in sys.stdin:
    ask = json.loads(line)
    crypto = WeChatCrypto(ask["token"], ask["key"], ask["receive_id"])
    if "message" in ask:
        answer = crypto.encrypt_message(ask["message"], ask["nonce"], ask["timestamp"])
    else:
        answer = crypto.decrypt_message(ask["body"], ask["signature"], ask["timestamp"], ask["nonce"])
    print(json.dumps(answer), flush=True)
