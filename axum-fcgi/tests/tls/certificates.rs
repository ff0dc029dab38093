//! A certificate authority and its certificates.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, SerialNumber,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tempfile::TempDir;
use test_support::Result;

/// The serial number of the client's certificate, in hexadecimal digits.
pub(crate) const SERIAL: &str = "2CB9E1";

/// `authority.pem`, `server.pem`, `server.key` and `both.pem` (the certificate and the key) in a directory.
pub(crate) struct Certificates {
    directory: TempDir,
    pub(crate) authority: CertificateDer<'static>,
    pub(crate) client: (CertificateDer<'static>, PrivateKeyDer<'static>),
}

impl Certificates {
    pub(crate) fn new() -> Result<Self> {
        let mut params = named("an authority", &[])?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate()?;
        let authority = params.self_signed(&key)?;
        let issuer = Issuer::new(params, key);

        let mut params = named("localhost", &["localhost"])?;
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let server_key = KeyPair::generate()?;
        let server = params.signed_by(&server_key, &issuer)?;

        let mut params = named("eve", &[])?;
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        params.serial_number = Some(SerialNumber::from(0x2c_b9_e1));
        let client_key = KeyPair::generate()?;
        let client = params.signed_by(&client_key, &issuer)?;

        let directory = TempDir::new()?;
        // Apache's workers run as another user.
        fs::set_permissions(&directory, Permissions::from_mode(0o755))?;
        let write = |name, text: &str| fs::write(directory.path().join(name), text);
        write("authority.pem", &authority.pem())?;
        write("server.pem", &server.pem())?;
        write("server.key", &server_key.serialize_pem())?;
        write("both.pem", &(server.pem() + &server_key.serialize_pem()))?;
        let client_key = PrivateKeyDer::try_from(client_key.serialize_der())?;
        Ok(Self { directory, authority: authority.der().clone(), client: (client.der().clone(), client_key) })
    }

    pub(crate) fn directory(&self) -> &Path {
        self.directory.path()
    }
}

fn named(name: &str, hosts: &[&str]) -> Result<CertificateParams> {
    let hosts: Vec<_> = hosts.iter().map(ToString::to_string).collect();
    let mut params = CertificateParams::new(hosts)?;
    params.distinguished_name.push(DnType::CommonName, name);
    Ok(params)
}
