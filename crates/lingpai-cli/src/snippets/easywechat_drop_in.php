$app = new EasyWeChat\OfficialAccount\Application(['app_id' => 'APPID', 'secret' => 'no-secret']);

$app->setAccessToken(new class implements EasyWeChat\Kernel\Contracts\AccessToken {
    public function getToken(): string
    {
        $query = 'grant_type=client_credential&appid=APPID&secret=KEY';
        $answer = json_decode(file_get_contents("HUB/cgi-bin/token?$query"), true);
        return $answer['access_token'] ?? throw new RuntimeException($answer['errmsg'] ?? 'no answer');
    }

    public function toQuery(): array
    {
        return ['access_token' => $this->getToken()];
    }
});
