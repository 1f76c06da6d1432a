//! Why a certificate could not be minted or read.

/// Result of this crate's functions.
pub(crate) type Result<T> = std::result::Result<T, Error>;

/// Why a certificate could not be minted or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A key could not be made or read, or a certificate could not be signed.
    #[error("cannot sign: {0}")]
    Sign(#[from] rcgen::Error),
    /// The text holds no PEM block of a certificate.
    #[error("not a certificate in PEM form: {0}")]
    Pem(#[from] rustls_pki_types::pem::Error),
    /// The PEM block holds something other than an X.509 certificate.
    #[error("not an X.509 certificate: {0}")]
    X509(String),
    /// The certificate offered as an authority may not sign others.
    #[error("{subject} is not a certificate authority")]
    NotAnAuthority {
        /// The certificate's subject.
        subject: String,
    },
    /// The certificate and the private key do not belong together.
    #[error("the private key is not that of {subject}")]
    KeyMismatch {
        /// The certificate's subject.
        subject: String,
    },
    /// More organizations were asked for than a certificate of ours can carry.
    #[error("{0} organizations, and a certificate carries one at most")]
    SeveralOrganizations(usize),
    /// A lifetime or a validity bound lies outside what a timestamp can hold.
    #[error("validity out of range: {0}")]
    Validity(#[from] jiff::Error),
}
