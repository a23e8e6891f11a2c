const WechatAPI = require('co-wechat-api');

async function token() {
  const query = 'grant_type=client_credential&appid=APPID&secret=KEY';
  const answer = await (await fetch(`HUB/cgi-bin/token?${query}`)).json();
  if (!answer.access_token) throw new Error(`${answer.errcode} ${answer.errmsg}`);
  return { accessToken: answer.access_token, expireTime: Date.now() + answer.expires_in * 1000 };
}

// The last argument: it never fetches by itself.
const api = new WechatAPI('APPID', 'KEY', token, null, true);
