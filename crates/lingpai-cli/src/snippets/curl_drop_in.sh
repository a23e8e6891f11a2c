curl -sS "HUB/cgi-bin/token?grant_type=client_credential&appid=APPID&secret=KEY"
