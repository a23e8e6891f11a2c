const WechatAPI = require('co-wechat-api');

const api = new WechatAPI('APPID', 'KEY');
api.prefix = 'HUB/cgi-bin/';
api.fileServerPrefix = 'HUB/cgi-bin/';
api.snsPrefix = 'HUB/sns/';
api.customservicePrefix = 'HUB/customservice/';
api.merchantPrefix = 'HUB/merchant/';
api.payPrefix = 'HUB/pay/';
api.wxaPrefix = 'HUB/wxa/';
