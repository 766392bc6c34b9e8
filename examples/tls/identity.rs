//! Who a server is: its certificate and the key to it.

use std::fmt::Display;
use std::fs;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

pub(crate) struct Identity {
    /// The server's own comes first.
    certificates: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    made_up: Option<Pem>,
}

/// An identity that was made up, as the text of files.
pub(crate) struct Pem {
    pub(crate) certificate: String,
    #[allow(dead_code, reason = "for tests, whose other side is a server too")]
    pub(crate) key: String,
}

/// The names of this machine, for this machine.
const NAMES: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

impl Identity {
    /// Reads the files; makes up an identity if none is named. The error is a sentence.
    pub(crate) fn new(certificate: &str, key: &str) -> Result<Identity, String> {
        match (certificate, key) {
            ("", "") => Identity::made_up().map_err(|error| format!("cannot make up a certificate: {error}")),
            ("", _) => Err("--cert is missing: the file of the certificate that --key belongs to".to_owned()),
            (_, "") => Err("--key is missing: the file of the key that --cert belongs to".to_owned()),
            _ => Identity::read(certificate, key),
        }
    }

    fn read(certificate: &str, key: &str) -> Result<Identity, String> {
        let failed = |option: &str, file: &str, error: &dyn Display| {
            format!("{option} {file}: {error}; a file in the form PEM is expected")
        };
        let certificates = CertificateDer::pem_file_iter(certificate).and_then(Iterator::collect::<Result<Vec<_>, _>>);
        let certificates = certificates.map_err(|error| failed("--cert", certificate, &error))?;
        if certificates.is_empty() {
            return Err(failed("--cert", certificate, &"no certificate is in it"));
        }
        let key = PrivateKeyDer::from_pem_file(key).map_err(|error| failed("--key", key, &error))?;
        Ok(Identity { certificates, key, made_up: None })
    }

    /// One that is its own authority: who trusts its certificate trusts the server.
    pub(crate) fn made_up() -> Result<Identity, rcgen::Error> {
        let made = rcgen::generate_simple_self_signed(NAMES.map(str::to_owned))?;
        let key = PrivateKeyDer::try_from(made.signing_key.serialize_der())
            .map_err(|_| rcgen::Error::CouldNotParseKeyPair)?;
        let pem = Pem { certificate: made.cert.pem(), key: made.signing_key.serialize_pem() };
        Ok(Identity { certificates: vec![made.cert.der().clone()], key, made_up: Some(pem) })
    }

    /// The server's own certificate.
    pub(crate) fn certificate(&self) -> &CertificateDer<'static> {
        &self.certificates[0]
    }

    /// None if it was read from files.
    pub(crate) fn pem(&self) -> Option<&Pem> {
        self.made_up.as_ref()
    }

    /// Tells of a certificate that was made up, and writes it for clients to trust. The error is a sentence.
    pub(crate) fn publish(&self, file: &str) -> Result<(), String> {
        match self.pem() {
            None if file.is_empty() => Ok(()),
            None => Err("--write-cert is for a certificate that was made up; --cert names one".to_owned()),
            Some(_) if file.is_empty() => {
                println!("a certificate for {} was made up; --write-cert FILE tells it to clients", NAMES.join(", "));
                Ok(())
            }
            Some(pem) => fs::write(file, &pem.certificate).map_err(|error| format!("--write-cert {file}: {error}")),
        }
    }

    /// What a server is told that speaks these protocols. The error is a sentence.
    pub(crate) fn config(&self, protocols: &[&str]) -> Result<Arc<ServerConfig>, String> {
        let builder = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()));
        let builder = builder.with_safe_default_protocol_versions().map_err(|error| error.to_string())?;
        let config = builder.with_no_client_auth().with_single_cert(self.certificates.clone(), self.key.clone_key());
        let mut config = config.map_err(|error| format!("the certificate and the key do not fit: {error}"))?;
        config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        Ok(Arc::new(config))
    }
}
