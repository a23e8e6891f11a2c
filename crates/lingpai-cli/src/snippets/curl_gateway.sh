curl -sS -H "Authorization: Bearer KEY" "HUB/gateway/APPID/cgi-bin/getcallbackip"
