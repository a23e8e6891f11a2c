Senparc.Weixin.Config.ApiMpHost = "HUB";
AccessTokenContainer.Register("APPID", "KEY");
