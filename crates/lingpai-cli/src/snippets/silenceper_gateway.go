util.SetURIModifier(func(uri string) string {
	return strings.Replace(uri, "https://api.weixin.qq.com", "HUB", 1)
})
account := wechat.NewWechat().GetOfficialAccount(&config.Config{
	AppID:     "APPID",
	AppSecret: "KEY",
	Cache:     cache.NewMemory(),
})
