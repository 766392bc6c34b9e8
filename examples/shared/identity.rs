//! A certificate for this machine's own addresses, made anew in each process, and TLS servers that show it.

use std::sync::Arc;

use rcgen::{CertifiedKey, KeyPair};
use rustls::ServerConfig;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::PrivateKeyDer;

/// The cryptography that all use.
pub(crate) fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

/// A certificate for `localhost` and 127.0.0.1 that is its own authority: who trusts it trusts the server.
pub(crate) fn localhost() -> CertifiedKey<KeyPair> {
    rcgen::generate_simple_self_signed(["localhost".to_owned(), "127.0.0.1".to_owned()]).expect("the names are right")
}

/// How a server shows it.
pub(crate) fn server_config(identity: &CertifiedKey<KeyPair>) -> Arc<ServerConfig> {
    let key = PrivateKeyDer::Pkcs8(identity.signing_key.serialize_der().into());
    let config = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .expect("the provider knows them")
        .with_no_client_auth()
        .with_single_cert(vec![identity.cert.der().clone()], key);
    Arc::new(config.expect("the key is the certificate's"))
}
