//! What the members of bodies mean. One that means the same wherever it stands is named alone, another with its body or the
//! member that it stands in: `expires_in`, `GivenToken.expires_in`, `push.mode`. A body that is one of several has a row too.

/// Makes the table `ALL` of rows: the name, and what it means in English and in Chinese.
macro_rules! fields {
    ($($name:literal: $english:literal, $chinese:literal;)*) => {
        pub(super) const ALL: &[super::Field] =
            &[$(super::Field { name: $name, what: crate::openapi::words::words($english, $chinese) }),*];
    };
}

mod accounts;
mod events;
mod keys;
mod tokens;

use crate::language::Bilingual;

/// What a member means.
pub(super) struct Field {
    pub(super) name: &'static str,
    pub(super) what: Bilingual,
}

/// All rows.
pub(super) fn all() -> impl Iterator<Item = &'static Field> {
    [tokens::ALL, accounts::ALL, events::ALL, keys::ALL].into_iter().flatten()
}

/// What this member of this body means.
pub(super) fn of(owner: &str, name: &str) -> Option<&'static Field> {
    let own = |field: &&Field| {
        field.name.strip_suffix(name).and_then(|before| before.strip_suffix('.')) == Some(owner)
    };
    all().find(own).or_else(|| all().find(|field| field.name == name))
}
