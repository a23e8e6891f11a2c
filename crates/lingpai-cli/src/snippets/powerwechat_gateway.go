app, err := officialAccount.NewOfficialAccount(&officialAccount.UserConfig{
	AppID:  "APPID",
	Secret: "KEY",
	Http:   officialAccount.Http{BaseURI: "HUB"},
})
app.AccessToken.GetCustomToken = func(key string, refresh bool) object.HashMap {
	answer, err := http.Get("HUB/cgi-bin/token?grant_type=client_credential&appid=APPID&secret=KEY")
	if err != nil {
		return nil
	}
	defer answer.Body.Close()
	token := object.HashMap{}
	if json.NewDecoder(answer.Body).Decode(&token) != nil {
		return nil
	}
	return token
}
