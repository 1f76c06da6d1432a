//! Mints and inspects the X.509 certificates that Basphere serves with and is called with.
//!
//! The crate does no I/O: PEM text goes in and comes out, and its caller decides where keys are kept. It makes ECDSA P-256
//! keys only, which kube-apiserver, etcd and rustls all accept, also for signing service-account tokens.

mod authority;
mod error;
mod inspect;
mod key;
#[cfg(test)]
mod tests;

pub use authority::{Authority, Issued, Leaf, Usage};
pub use error::Error;
pub use inspect::{Inspected, inspect};
pub use key::KeyPairPem;
