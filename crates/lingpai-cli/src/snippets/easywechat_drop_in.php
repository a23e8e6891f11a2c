use EasyWeChat\OfficialAccount\Application;    // a Mini Program: EasyWeChat\MiniApp\Application

$lingpai = new Application(['app_id' => 'APPID', 'secret' => 'KEY', 'http' => ['base_uri' => 'HUB/']]);
$app = new Application(['app_id' => 'APPID', 'secret' => 'KEY']);
$app->setAccessToken($lingpai->getAccessToken());
