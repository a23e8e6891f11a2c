//! The `access_token` parameter in a query, or what it is called for a platform, a suite or a provider: found as upstream would find it, and replaced where it stands. Every other byte
//! of the query stays as it came: its order, its encoding, its mistakes.

use std::borrow::Cow;
use std::ops::Range;

use percent_encoding::percent_decode_str;

use super::carried;

/// A query, and where the token stands in it.
#[derive(Clone, Debug)]
pub(crate) struct Target<'a> {
    query: Option<&'a str>,
    /// Where its first value stands.
    first: Option<Range<usize>>,
    /// Where it stands once more. SDKs that add the token to a query that has it already send it twice.
    others: Vec<Range<usize>>,
}

impl<'a> Target<'a> {
    /// Reads what stands after the `?`.
    pub(crate) fn of(query: Option<&'a str>) -> Self {
        let mut values = values_where(carried::is_name, query.unwrap_or_default());
        Self { query, first: values.next(), others: values.collect() }
    }

    /// The whole query, as it came.
    pub(crate) fn query(&self) -> Option<&'a str> {
        self.query
    }

    /// The token that the caller put there, decoded.
    pub(crate) fn token(&self) -> Option<Cow<'a, str>> {
        self.first.clone().map(|place| self.decoded(place))
    }

    /// Whether the parameter stands there twice with two values: then nobody can say which of them upstream would take.
    pub(crate) fn is_ambiguous(&self) -> bool {
        let differs = |place: &Range<usize>| Some(self.decoded(place.clone())) != self.token();
        self.others.iter().any(differs)
    }

    /// The path and the query with this token in them: in place of the one that stands there, or at the end by this name.
    ///
    /// The token is written as it is: what WeChat issues is of letters, digits, `-` and `_`.
    pub(crate) fn with_token(&self, path: &str, name: &str, token: &str) -> String {
        let query = self.query.unwrap_or_default();
        let length = path.len() + query.len() + name.len() + token.len() + 3;
        let mut target = String::with_capacity(length);
        target.push_str(path);
        target.push('?');
        let mut copied = 0;
        for place in self.first.iter().chain(&self.others) {
            target.push_str(&query[copied..place.start]);
            target.push_str(token);
            copied = place.end;
        }
        target.push_str(&query[copied..]);
        if self.first.is_none() {
            if !query.is_empty() && !query.ends_with('&') {
                target.push('&');
            }
            target.push_str(name);
            target.push('=');
            target.push_str(token);
        }
        target
    }

    /// The other parameters, decoded, in their order.
    pub(crate) fn others(&self) -> Vec<(Cow<'a, str>, Cow<'a, str>)> {
        let pairs = self.query.unwrap_or_default().split('&').filter(|pair| !pair.is_empty());
        let pairs = pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")));
        let pairs = pairs.map(|(name, value)| (decoded(name), decoded(value)));
        pairs.filter(|(name, _)| !carried::is_name(name)).collect()
    }

    /// The path and the query as they came.
    pub(crate) fn untouched(&self, path: &str) -> String {
        match self.query {
            Some(query) => format!("{path}?{query}"),
            None => path.to_owned(),
        }
    }

    fn decoded(&self, place: Range<usize>) -> Cow<'a, str> {
        decoded(&self.query.unwrap_or_default()[place])
    }
}

/// Where the values of every parameter of this name stand. A parameter without `=` has an empty value at its end.
pub(crate) fn values_of<'a>(
    name: &'a str,
    query: &'a str,
) -> impl Iterator<Item = Range<usize>> + 'a {
    values_where(move |found| found == name, query)
}

/// The same of every parameter of such a name.
fn values_where<'a>(
    is_its: impl Fn(&str) -> bool + 'a,
    query: &'a str,
) -> impl Iterator<Item = Range<usize>> + 'a {
    let mut start = 0;
    let pairs = query.split('&').map(move |pair| {
        let at = start;
        start += pair.len() + 1;
        (at, pair)
    });
    pairs.filter_map(move |(at, pair)| {
        // Without `=` there is no place for a value.
        let (found, _) = pair.split_once('=')?;
        is_its(&decoded(found)).then(|| at + found.len() + 1..at + pair.len())
    })
}

/// A name or a value as a form decodes it.
pub(crate) fn decoded(text: &str) -> Cow<'_, str> {
    // Bytes, which are looked through faster than signs.
    if !text.bytes().any(|byte| matches!(byte, b'%' | b'+')) {
        return Cow::Borrowed(text);
    }
    let spaced = text.replace('+', " ");
    Cow::Owned(percent_decode_str(&spaced).decode_utf8_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn with(query: &str) -> String {
        Target::of(Some(query)).with_token("/p", carried::ACCESS_TOKEN, "85_new")
    }

    #[test]
    fn the_token_is_replaced_in_place_and_every_other_byte_stays() {
        for (query, expected) in [
            ("access_token=old", "/p?access_token=85_new"),
            (
                "a=1&access_token=old&b=%E4%BD%A0+%2f&&c",
                "/p?a=1&access_token=85_new&b=%E4%BD%A0+%2f&&c",
            ),
            ("access_token=", "/p?access_token=85_new"),
            ("access%5Ftoken=o%6Cd&x", "/p?access%5Ftoken=85_new&x"),
            ("access_token=a=b", "/p?access_token=85_new"),
            ("access_token=o&access_token=o", "/p?access_token=85_new&access_token=85_new"),
            ("component_access_token=o&a=1", "/p?component_access_token=85_new&a=1"),
            ("a=1&suite_access_token=o", "/p?a=1&suite_access_token=85_new"),
            ("xaccess_token=o&access_token=o", "/p?xaccess_token=o&access_token=85_new"),
        ] {
            assert_eq!(with(query), expected, "{query}");
        }
    }

    #[test]
    fn a_query_without_a_token_gets_one_at_its_end() {
        for (query, expected) in [
            ("", "/p?access_token=85_new"),
            ("a=1", "/p?a=1&access_token=85_new"),
            ("a=1&", "/p?a=1&access_token=85_new"),
            ("access_token", "/p?access_token&access_token=85_new"),
            ("Access_Token=o", "/p?Access_Token=o&access_token=85_new"),
            ("x=access_token=o", "/p?x=access_token=o&access_token=85_new"),
        ] {
            assert_eq!(with(query), expected, "{query}");
        }
        let suites = Target::of(None).with_token("/p", "suite_access_token", "t");
        assert_eq!(suites, "/p?suite_access_token=t");
    }

    #[test]
    fn the_token_is_read_as_a_form_is() {
        let token = |query| Target::of(Some(query)).token().map(Cow::into_owned);
        assert_eq!(token("a&access%5ftoken=a%62+c%2B").as_deref(), Some("ab c+"));
        assert_eq!(token("access_token").as_deref(), None);
        assert_eq!(token("access_token=%").as_deref(), Some("%"));
        let long = format!("access_token={}", "x".repeat(10_000));
        assert_eq!(token(&long).unwrap().len(), 10_000);
    }

    #[test]
    fn the_other_parameters_are_read_as_a_form_is() {
        let others = Target::of(Some("a=1&access%5ftoken=x&b%20=c+d&&e")).others();
        assert_eq!(
            others,
            [("a", "1"), ("b ", "c d"), ("e", "")].map(|(a, b)| (a.into(), b.into()))
        );
        assert!(Target::of(None).others().is_empty());
    }

    #[test]
    fn two_tokens_that_differ_are_ambiguous_however_they_are_written() {
        let ambiguous = |query| Target::of(Some(query)).is_ambiguous();
        assert!(ambiguous("access_token=a&access_token=b"));
        assert!(ambiguous("access_token=a&component_access_token=b"));
        assert!(ambiguous("access_token=a&x&access%5Ftoken="));
        assert!(!ambiguous("access_token=a&access_token=%61"));
        assert!(!ambiguous("access_token=a"));
    }

    #[test]
    fn what_is_not_to_be_touched_is_not() {
        let untouched = |query| Target::of(query).untouched("/p");
        assert_eq!(untouched(Some("access_token=a&&b=%")), "/p?access_token=a&&b=%");
        assert_eq!(untouched(Some("")), "/p?");
        assert_eq!(untouched(None), "/p");
    }

    /// Whatever can stand in a request's query, and more often what is near to a token.
    fn query() -> impl Strategy<Value = String> {
        let known = [
            "access_token",
            "suite_access_token",
            "access%5Ftoken",
            "%61ccess_token",
            "access_token%20",
            "a",
            "",
        ];
        let known = prop::sample::select(known.to_vec()).prop_map(str::to_owned);
        let name = prop_oneof![3 => known, 1 => "[!-%'-<>-~]{0,9}"];
        let value = prop::option::of("[!-%'-~]{0,9}");
        let pair = (name, value).prop_map(|(name, value)| match value {
            Some(value) => format!("{name}={value}"),
            None => name,
        });
        prop::collection::vec(pair, 0..6).prop_map(|pairs| pairs.join("&"))
    }

    proptest! {
        #[test]
        fn what_is_not_the_token_is_not_touched(query in query()) {
            // A name as a form is read, by code that is not ours.
            let is_token = |name: &str| {
                form_urlencoded::parse(name.as_bytes()).next().is_some_and(|(name, _)| carried::is_name(&name))
            };
            let replaced = |pair: &str| match pair.split_once('=') {
                Some((name, _)) if is_token(name) => format!("{name}=85_new"),
                _ => pair.to_owned(),
            };
            let mut expected = query.split('&').map(replaced).collect::<Vec<_>>().join("&");
            let target = Target::of(Some(&query));
            if target.token().is_none() {
                prop_assert_eq!(&expected, &query);
                let mark = if query.is_empty() || query.ends_with('&') { "" } else { "&" };
                expected = format!("{query}{mark}access_token=85_new");
            }
            prop_assert_eq!(target.with_token("/p", carried::ACCESS_TOKEN, "85_new"), format!("/p?{expected}"));
            prop_assert_eq!(target.untouched("/p"), format!("/p?{query}"));
        }
    }
}
