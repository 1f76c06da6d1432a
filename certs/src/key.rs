//! Bare key pairs, for signatures that need no certificate.

use rcgen::KeyPair;

use crate::error::Result;

/// A key pair as kube-apiserver takes it to sign and to verify service-account tokens.
#[derive(Clone)]
pub struct KeyPairPem {
    /// The private key, PKCS #8 in PEM.
    pub private: String,
    /// The public key, SubjectPublicKeyInfo in PEM.
    pub public: String,
}

impl KeyPairPem {
    /// Makes a fresh ECDSA P-256 key pair.
    ///
    /// # Errors
    /// When the system gives no randomness.
    pub fn generate() -> Result<Self> {
        let key = KeyPair::generate()?;
        Ok(Self {
            private: key.serialize_pem(),
            public: key.public_key_pem(),
        })
    }
}

impl std::fmt::Debug for KeyPairPem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // A private key must not reach a log by way of `{:?}`.
        f.debug_struct("KeyPairPem")
            .field("public", &self.public)
            .finish_non_exhaustive()
    }
}
