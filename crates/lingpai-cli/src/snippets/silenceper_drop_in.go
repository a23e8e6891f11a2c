type fromLingpai struct{}

func (fromLingpai) GetAccessToken() (string, error) {
	query := "grant_type=client_credential&appid=APPID&secret=KEY"
	token, err := credential.GetTokenFromServer("HUB/cgi-bin/token?" + query)
	return token.AccessToken, err
}

account.SetAccessTokenHandle(fromLingpai{})
