const { OfficialAccount } = require('node-easywechat');

const app = new OfficialAccount({
  app_id: 'APPID',
  secret: 'KEY',
  http: { baseURL: 'HUB' },
});
