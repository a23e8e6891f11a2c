account := wechat.NewWechat().GetOfficialAccount(&config.Config{
	AppID:     "APPID",
	AppSecret: "no-secret",
	Cache:     cache.NewRedis(ctx, &cache.RedisOpts{Host: "127.0.0.1:6379"}),
})
