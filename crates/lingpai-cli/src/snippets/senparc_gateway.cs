using Senparc.Weixin.MP.Containers;

Senparc.Weixin.Config.ApiMpHost = "HUB";
AccessTokenContainer.Register("APPID", "KEY");
