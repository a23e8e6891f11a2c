curl -sS "https://api.weixin.qq.com/cgi-bin/getcallbackip?access_token=$(cat /run/wechat/APPID)"
