import "github.com/ArtisanCloud/PowerWeChat/v3/src/officialAccount"

func newAccount() (*officialAccount.OfficialAccount, error) {
	app, err := officialAccount.NewOfficialAccount(&officialAccount.UserConfig{
		AppID:  "APPID",
		Secret: "KEY",
	})
	if err == nil {
		app.AccessToken.EndpointToGetToken = "HUB/cgi-bin/token"
	}
	return app, err
}
