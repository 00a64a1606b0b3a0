//! HTTPS: the certificate of the files, the next one without a restart, and a clear word about files that are none.

use std::path::Path;
use std::time::Duration;

use rcgen::{CertifiedKey, generate_simple_self_signed};
use ureq::tls::{Certificate, RootCerts, TlsConfig};

use crate::harness::{TestApp, upswing};

/// A certificate for this machine, and its key.
fn certificate() -> CertifiedKey<rcgen::KeyPair> {
    generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap()
}

fn write(directory: &Path, made: &CertifiedKey<rcgen::KeyPair>) {
    std::fs::write(directory.join("cert.pem"), made.cert.pem()).unwrap();
    std::fs::write(directory.join("key.pem"), made.signing_key.serialize_pem()).unwrap();
}

/// Whether a client that trusts nothing but this certificate is answered.
fn trusts(url: &str, made: &CertifiedKey<rcgen::KeyPair>) -> bool {
    let root = Certificate::from_der(made.cert.der()).to_owned();
    let tls = TlsConfig::builder().root_certs(RootCerts::new_with_certs(&[root]));
    let agent = ureq::Agent::config_builder()
        .tls_config(tls.build())
        .build();
    let answer = agent.new_agent().get(format!("{url}/health/ready")).call();
    answer.is_ok_and(|answer| answer.status() == 200)
}

#[test]
fn a_renewed_certificate_needs_no_restart() {
    let directory = tempfile::tempdir().unwrap();
    let (first, second) = (certificate(), certificate());
    write(directory.path(), &first);
    let file = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    let (cert, key) = (file("cert.pem"), file("key.pem"));
    let app = TestApp::with_args(&["--tls-cert", &cert, "--tls-key", &key]);
    assert!(app.url.starts_with("https://"), "{}", app.url);
    assert!(trusts(&app.url, &first) && !trusts(&app.url, &second));
    assert!(
        app.try_send("GET", "/health/ready", &[], None).is_err(),
        "nobody else signed it"
    );
    // Half a renewal changes nothing.
    std::fs::write(&key, second.signing_key.serialize_pem()).unwrap();
    std::thread::sleep(Duration::from_secs(6));
    assert!(trusts(&app.url, &first));
    write(directory.path(), &second);
    let renewed = (0..100).any(|_| {
        std::thread::sleep(Duration::from_millis(200));
        trusts(&app.url, &second)
    });
    assert!(renewed, "the new certificate is not served");
    assert!(!trusts(&app.url, &first));
}

#[test]
fn files_that_are_no_certificate_are_told_before_anything_starts() {
    let directory = tempfile::tempdir().unwrap();
    write(directory.path(), &certificate());
    let file = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    let (cert, key) = (file("cert.pem"), file("key.pem"));
    let (other, empty, missing) = (file("other.pem"), file("empty.pem"), file("missing.pem"));
    std::fs::write(&other, certificate().signing_key.serialize_pem()).unwrap();
    std::fs::write(&empty, "").unwrap();
    std::fs::create_dir(file("experiments")).unwrap();
    let serve = |args: &[&str]| {
        let mut command = upswing(&["serve", "--listen", "127.0.0.1:0"]);
        let output = command
            .current_dir(directory.path())
            .args(args)
            .output()
            .unwrap();
        (
            output.status.code(),
            String::from_utf8(output.stderr).unwrap(),
        )
    };
    for (cert, key, told) in [
        (&missing, &key, "missing.pem"),
        (&empty, &key, "no certificate in PEM"),
        (&cert, &cert, "no private key in PEM"),
        (&cert, &other, "other.pem"),
    ] {
        let (code, said) = serve(&["--tls-cert", cert, "--tls-key", key]);
        assert_eq!(code, Some(1), "{said}");
        assert!(said.contains(told), "{said}");
    }
    let (code, said) = serve(&["--tls-cert", &cert]);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("--tls-key"), "{said}");
    assert!(!directory.path().join("data").exists(), "no store was made");
}
