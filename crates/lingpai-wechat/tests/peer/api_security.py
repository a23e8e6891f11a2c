"""WeChat's side of API security as its guide describes it, with the cryptography package: one JSON object a line, answered by one.

A sealed call is proven and opened; a plain answer is sealed and signed.
"""

import base64
import json
import os
import sys

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

PSS = padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=32)


def encoded(data):
    return base64.b64encode(data).decode()


def opened(ask, cipher, bound):
    key = serialization.load_pem_public_key(ask["public_key"].encode())
    signed = f"{ask['url']}\n{ask['appid']}\n{ask['timestamp']}\n{ask['body']}"
    key.verify(base64.b64decode(ask["signature"]), signed.encode(), PSS, hashes.SHA256())
    body = json.loads(ask["body"])
    iv, data, tag = (base64.b64decode(body[name]) for name in ("iv", "data", "authtag"))
    plain = json.loads(cipher.decrypt(iv, data + tag, bound))
    assert plain.pop("_appid") == ask["appid"] and plain.pop("_timestamp") == ask["timestamp"]
    assert len(base64.b64decode(plain.pop("_n") + "==")) >= 16
    return plain


def sealed(ask, cipher, bound):
    plain = {"_n": encoded(os.urandom(16)), "_appid": ask["appid"], "_timestamp": ask["timestamp"], **ask["answer"]}
    iv = os.urandom(12)
    data = cipher.encrypt(iv, json.dumps(plain).encode(), bound)
    body = json.dumps({"iv": encoded(iv), "data": encoded(data[:-16]), "authtag": encoded(data[-16:])})
    key = serialization.load_pem_private_key(ask["private_key"].encode(), password=None)
    signed = f"{ask['url']}\n{ask['appid']}\n{ask['timestamp']}\n{body}"
    return {"body": body, "signature": encoded(key.sign(signed.encode(), PSS, hashes.SHA256()))}


for line in sys.stdin:
    ask = json.loads(line)
    cipher = AESGCM(base64.b64decode(ask["key"]))
    bound = f"{ask['url']}|{ask['appid']}|{ask['timestamp']}|{ask['serial']}".encode()
    work = sealed if "answer" in ask else opened
    print(json.dumps(work(ask, cipher, bound)), flush=True)
