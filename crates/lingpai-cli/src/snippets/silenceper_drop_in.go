import (
	"strings"

	"github.com/silenceper/wechat/v2"
	"github.com/silenceper/wechat/v2/cache"
	"github.com/silenceper/wechat/v2/officialaccount"
	"github.com/silenceper/wechat/v2/officialaccount/config"
	"github.com/silenceper/wechat/v2/util"
)

func newAccount() *officialaccount.OfficialAccount {
	util.SetURIModifier(func(uri string) string { // of the whole program
		return strings.Replace(uri, "https://api.weixin.qq.com/cgi-bin/token?", "HUB/cgi-bin/token?", 1)
	})
	return wechat.NewWechat().GetOfficialAccount(&config.Config{
		AppID:     "APPID",
		AppSecret: "KEY",
		Cache:     cache.NewMemory(),
	})
}
