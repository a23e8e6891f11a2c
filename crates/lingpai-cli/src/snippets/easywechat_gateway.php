$app = new EasyWeChat\OfficialAccount\Application([
    'app_id' => 'APPID',
    'secret' => 'KEY',
    'use_stable_access_token' => false,
    'http' => ['base_uri' => 'HUB'],
]);
