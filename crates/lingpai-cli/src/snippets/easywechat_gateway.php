use EasyWeChat\OfficialAccount\Application;    // a Mini Program: EasyWeChat\MiniApp\Application

$app = new Application([
    'app_id' => 'APPID',
    'secret' => 'KEY',
    'use_stable_access_token' => false,
    'http' => ['base_uri' => 'HUB/'],
]);
