//! Signed and encrypted calls (API 安全) of mini programs: AES-256-GCM around a call, RSA-PSS under it, and both again around
//! the answer.
//!
//! [`ApiSecurity`] holds an account's keys. [`ApiSecurity::seal`] turns the JSON of a call into what WeChat wants,
//! [`ApiSecurity::open`] an answer into plain JSON, so that whoever calls need not know. WeChat's other algorithms (SM4, SM2)
//! are not spoken.

mod account;
mod der;
mod keys;
mod object;
mod seal;

pub use account::is_sealed;
pub use keys::{InvalidKey, PlatformKey, SigningKey, SymmetricKey};
pub use seal::{Answer, ApiSecurity, SealedCall, Unacceptable, Unsealable, Which};

#[cfg(test)]
mod tests;
