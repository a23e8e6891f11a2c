const WechatAPI = require('co-wechat-api');

const api = new WechatAPI('APPID', 'KEY');
api.prefix = 'HUB/cgi-bin/';
api.snsPrefix = 'HUB/sns/';
api.customservicePrefix = 'HUB/customservice/';
api.merchantPrefix = 'HUB/merchant/';
api.wxaPrefix = 'HUB/wxa/';
