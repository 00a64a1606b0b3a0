//! TLS: the certificate in its files, read again when they change, so that renewing it needs no restart.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use rustls::ServerConfig;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use super::Failure;
use crate::config::TlsFiles;

/// How often the files are read.
const REREAD: Duration = Duration::from_secs(5);

/// Why the files are no certificate to serve.
#[derive(Debug, thiserror::Error)]
pub(super) enum TlsError {
    /// A file can not be read.
    #[error("{}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file is no PEM of what it should hold.
    #[error("{}: no {what} in PEM could be read", path.display())]
    NoPem {
        /// The file.
        path: PathBuf,
        /// What it should hold.
        what: &'static str,
    },
    /// The two do not go together, or are of an unknown kind.
    #[error("{} and {}: {source}", files.certificate.display(), files.key.display())]
    Unusable {
        /// The files.
        files: TlsFiles,
        /// Why.
        source: rustls::Error,
    },
}

impl From<TlsError> for Failure {
    fn from(error: TlsError) -> Self {
        Self::input(error.to_string())
    }
}

/// What the files say.
#[derive(PartialEq, Eq)]
struct Text {
    certificate: Vec<u8>,
    key: Vec<u8>,
}

/// A certificate and the files that it comes from.
pub(super) struct Certificate {
    files: TlsFiles,
    /// As read last, usable or not.
    text: Text,
    provider: Arc<CryptoProvider>,
    served: Arc<Served>,
}

/// The certificate that new connections are shown.
#[derive(Debug)]
struct Served(ArcSwap<CertifiedKey>);

impl ResolvesServerCert for Served {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.load_full())
    }
}

impl Certificate {
    /// Reads the files.
    ///
    /// # Errors
    /// [`TlsError`].
    pub(super) fn open(files: &TlsFiles) -> Result<Self, TlsError> {
        let provider = Arc::new(ring::default_provider());
        let text = text(files)?;
        let read = certified(files, &text, &provider)?;
        Ok(Self {
            files: files.clone(),
            text,
            provider,
            served: Arc::new(Served(ArcSwap::from_pointee(read))),
        })
    }

    /// How connections are made with it.
    ///
    /// # Errors
    /// [`TlsError::Unusable`].
    pub(super) fn server(&self) -> Result<ServerConfig, TlsError> {
        let config = ServerConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_safe_default_protocol_versions()
            .map_err(|source| unusable(&self.files, source))?;
        let served: Arc<Served> = Arc::clone(&self.served);
        Ok(config.with_no_client_auth().with_cert_resolver(served))
    }

    /// Reads the files again and again; what can not be used changes nothing.
    pub(super) async fn watch(mut self) {
        loop {
            actix_web::rt::time::sleep(REREAD).await;
            match self.reread() {
                Ok(false) => {}
                Ok(true) => tracing::info!("the TLS certificate was renewed"),
                Err(error) => tracing::warn!(%error, "the TLS certificate was not renewed"),
            }
        }
    }

    /// Whether the files hold another certificate, which is served from now on.
    fn reread(&mut self) -> Result<bool, TlsError> {
        let text = text(&self.files)?;
        if text == self.text {
            return Ok(false);
        }
        self.text = text;
        let read = certified(&self.files, &self.text, &self.provider)?;
        self.served.0.store(Arc::new(read));
        Ok(true)
    }
}

fn text(files: &TlsFiles) -> Result<Text, TlsError> {
    let read = |path: &Path| {
        std::fs::read(path).map_err(|source| TlsError::Unreadable {
            path: path.to_owned(),
            source,
        })
    };
    Ok(Text {
        certificate: read(&files.certificate)?,
        key: read(&files.key)?,
    })
}

/// The chain and key that the files hold, if they go together.
fn certified(
    files: &TlsFiles,
    text: &Text,
    provider: &CryptoProvider,
) -> Result<CertifiedKey, TlsError> {
    let no_pem = |path: &Path, what| TlsError::NoPem {
        path: path.to_owned(),
        what,
    };
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text.certificate).collect();
    let chain = chain.ok().filter(|chain| !chain.is_empty());
    let chain = chain.ok_or_else(|| no_pem(&files.certificate, "certificate"))?;
    let key = PrivateKeyDer::from_pem_slice(&text.key);
    let key = key.map_err(|_| no_pem(&files.key, "private key"))?;
    CertifiedKey::from_der(chain, key, provider).map_err(|source| unusable(files, source))
}

fn unusable(files: &TlsFiles, source: rustls::Error) -> TlsError {
    TlsError::Unusable {
        files: files.clone(),
        source,
    }
}
