//! A push as it goes to the business: also in the outbox, where it is one sealed text.

use lingpai_core::push::RelayForm;
use lingpai_core::{AccountId, Secret};
use lingpai_wechat::push::{Format, PushCrypt};
use serde::{Deserialize, Serialize};

/// A push to be passed on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Letter {
    pub(super) form: RelayForm,
    /// What stood behind the `?` of WeChat's request.
    pub(super) query: String,
    pub(super) body: String,
    pub(super) authorizer: Option<Authorizer>,
}

/// Whose message it is, if it came to the URL that a platform has for those who have authorised it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Authorizer {
    pub(super) platform: AccountId,
    pub(super) account: AccountId,
}

/// As it is kept in what is sealed.
#[derive(Serialize, Deserialize)]
struct Stored {
    form: RelayForm,
    query: String,
    body: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    authorizer: Option<Authorizer>,
}

impl Letter {
    pub(super) fn to_text(&self) -> Secret {
        let Self { form, query, body, authorizer } = self.clone();
        let stored = Stored { form, query, body, authorizer };
        serde_json::to_string(&stored).unwrap_or_default().into()
    }

    pub(super) fn read(text: &Secret) -> Option<Self> {
        let Stored { form, query, body, authorizer } = serde_json::from_str(text.expose()).ok()?;
        Some(Self { form, query, body, authorizer })
    }

    /// The query with which it goes to the business at this time, in seconds. One that was decrypted is signed anew as in
    /// plain mode; what else WeChat said there (`openid`) stays.
    pub(super) fn query_at(&self, crypt: &PushCrypt, at: i64, nonce: u32) -> String {
        const OURS: [&str; 5] =
            ["signature", "timestamp", "nonce", "encrypt_type", "msg_signature"];
        if self.form == RelayForm::Raw {
            return self.query.clone();
        }
        let (at, nonce) = (at.to_string(), nonce.to_string());
        let signature = crypt.sign(&at, &nonce);
        let others = form_urlencoded::parse(self.query.as_bytes());
        let others = others.filter(|(name, _)| !OURS.contains(&&**name));
        form_urlencoded::Serializer::new(String::new())
            .extend_pairs([("signature", &signature), ("timestamp", &at), ("nonce", &nonce)])
            .extend_pairs(others)
            .finish()
    }

    pub(super) fn content_type(&self) -> &'static str {
        Format::of(&self.body).map_or("text/plain; charset=utf-8", Format::content_type)
    }
}
