$app = new EasyWeChat\OfficialAccount\Application(['app_id' => 'APPID', 'secret' => 'lingpai']);
$redis = Symfony\Component\Cache\Adapter\RedisAdapter::createConnection('redis://127.0.0.1:6379/0');
$app->setCache(new Symfony\Component\Cache\Psr16Cache(new Symfony\Component\Cache\Adapter\RedisAdapter($redis)));
