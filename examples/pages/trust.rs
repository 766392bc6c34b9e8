//! The certificates that servers are checked against.

use std::path::{Path, PathBuf};

use ureq::tls::{Certificate, PemItem, parse_pem};

/// Those of the system, and those of these files.
pub(crate) fn certificates(files: &[PathBuf]) -> Result<Vec<Certificate<'static>>, String> {
    // A system without any is told of by the servers that cannot be trusted then.
    let system = rustls_native_certs::load_native_certs().certs;
    let mut all: Vec<_> = system.iter().map(|certificate| Certificate::from_der(certificate).to_owned()).collect();
    for file in files {
        all.extend(read(file)?);
    }
    Ok(all)
}

fn read(file: &Path) -> Result<Vec<Certificate<'static>>, String> {
    let name = file.display();
    let pem = std::fs::read(file).map_err(|error| format!("cannot read {name}: {error}"))?;
    let items = parse_pem(&pem).collect::<Result<Vec<_>, _>>();
    let items = items.map_err(|error| format!("cannot understand {name}: {error}"))?;
    let certificates: Vec<_> = items
        .into_iter()
        .filter_map(|item| match item {
            PemItem::Certificate(certificate) => Some(certificate),
            _ => None,
        })
        .collect();
    if certificates.is_empty() {
        return Err(format!("{name} has no certificate: --ca takes a file with \"BEGIN CERTIFICATE\" in it"));
    }
    Ok(certificates)
}
