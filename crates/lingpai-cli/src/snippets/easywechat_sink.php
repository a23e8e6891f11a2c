use EasyWeChat\OfficialAccount\Application;
use Symfony\Component\Cache\Adapter\RedisAdapter;
use Symfony\Component\Cache\Psr16Cache;

$app = new Application(['app_id' => 'APPID', 'secret' => 'lingpai']);
$redis = RedisAdapter::createConnection('redis://127.0.0.1:6379/0');
$app->setCache(new Psr16Cache(new RedisAdapter($redis)));
