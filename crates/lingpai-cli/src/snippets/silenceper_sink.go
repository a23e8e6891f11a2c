import (
	"context"

	"github.com/silenceper/wechat/v2"
	"github.com/silenceper/wechat/v2/cache"
	"github.com/silenceper/wechat/v2/officialaccount"
	"github.com/silenceper/wechat/v2/officialaccount/config"
)

func newAccount(ctx context.Context) *officialaccount.OfficialAccount {
	return wechat.NewWechat().GetOfficialAccount(&config.Config{
		AppID:     "APPID",
		AppSecret: "no-secret",
		Cache:     cache.NewRedis(ctx, &cache.RedisOpts{Host: "127.0.0.1:6379"}),
	})
}
