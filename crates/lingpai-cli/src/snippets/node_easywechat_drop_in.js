const { OfficialAccount } = require('node-easywechat');

const lingpai = new OfficialAccount({ app_id: 'APPID', secret: 'KEY', http: { baseURL: 'HUB' } });
const app = new OfficialAccount({ app_id: 'APPID', secret: 'KEY' });
app.setAccessToken(lingpai.getAccessToken());
