//! The client's TLS connection and certificate.

use super::extractor::extractor;
use super::lookup::non_empty_str;

/// The client's TLS connection and certificate, from the variables of Apache's mod_ssl.
///
/// None of them is a variable of RFC 3875; other web servers use the same names.
///
/// | field | variable | sent by | nginx, to configure |
/// | --- | --- | --- | --- |
/// | [`protocol`](Self::protocol) | `SSL_PROTOCOL` | Apache, lighttpd, Caddy | `$ssl_protocol` |
/// | [`cipher`](Self::cipher) | `SSL_CIPHER` | Apache, lighttpd, Caddy | `$ssl_cipher` |
/// | [`server_name`](Self::server_name) | `SSL_TLS_SNI` | Apache | `$ssl_server_name` |
/// | [`client_verify`](Self::client_verify) | `SSL_CLIENT_VERIFY` | Apache, lighttpd | `$ssl_client_verify` |
/// | [`client_subject`](Self::client_subject) | `SSL_CLIENT_S_DN` | Apache, lighttpd | `$ssl_client_s_dn` |
/// | [`client_issuer`](Self::client_issuer) | `SSL_CLIENT_I_DN` | Apache | `$ssl_client_i_dn` |
/// | [`client_serial`](Self::client_serial) | `SSL_CLIENT_M_SERIAL` | Apache, lighttpd | `$ssl_client_serial` |
/// | [`client_cert`](Self::client_cert) | `SSL_CLIENT_CERT` | Apache, lighttpd | `$ssl_client_raw_cert` |
///
/// Apache sends them with `SSLOptions +StdEnvVars`, and the certificate with `+ExportCertData`. lighttpd sends those of the
/// client with `ssl.verifyclient`, and the certificate with `ssl.verifyclient.exportcert`. HAProxy sends what is
/// configured, such as `set-param SSL_PROTOCOL %[ssl_fc_protocol]`, and H2O sends none. The table is tested with each of
/// them. For nginx:
///
/// ```nginx
/// fastcgi_param SSL_PROTOCOL      $ssl_protocol      if_not_empty;
/// fastcgi_param SSL_CLIENT_VERIFY $ssl_client_verify if_not_empty;
/// fastcgi_param SSL_CLIENT_S_DN   $ssl_client_s_dn   if_not_empty;
/// ```
///
/// Headers are ignored, because a client could forge those that a proxy sets. A variable that is empty or not UTF-8 counts
/// as absent.
///
/// # Rejection
/// [`MissingTlsInfo`](crate::rejection::MissingTlsInfo), a 500, if the web server sends none of the variables, as for a
/// client without TLS, or the request did not come over FastCGI. `Option<TlsInfo>` is `None` then.
///
/// # Examples
/// ```
/// use axum::http::StatusCode;
/// use axum_fcgi::TlsInfo;
/// async fn handler(tls: TlsInfo) -> Result<String, StatusCode> {
///     let subject = tls.verified_subject().ok_or(StatusCode::FORBIDDEN)?;
///     Ok(format!("Hello, {subject}!"))
/// }
/// # let _: axum::Router = axum::Router::new().route("/", axum::routing::get(handler));
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct TlsInfo {
    /// The version of the protocol, in OpenSSL's spelling: `TLSv1.3`.
    pub protocol: Option<String>,
    /// The cipher suite, in the spelling of the web server's TLS library.
    pub cipher: Option<String>,
    /// The host name from the TLS handshake (SNI).
    pub server_name: Option<String>,
    /// The result of verifying the client's certificate. The other fields contain what is *in* the certificate, even if it
    /// was not accepted.
    pub client_verify: Option<ClientVerify>,
    /// The subject of the client's certificate. nginx and recent versions of Apache use the form of RFC 2253
    /// (`CN=eve,O=Example`); older ones, and nginx's `$ssl_client_s_dn_legacy`, use slashes.
    pub client_subject: Option<String>,
    /// The issuer of the client's certificate, in the same form.
    pub client_issuer: Option<String>,
    /// The serial number of the client's certificate, in hexadecimal digits.
    pub client_serial: Option<String>,
    /// The client's certificate as PEM. With nginx, use `$ssl_client_raw_cert`: `$ssl_client_cert` is indented, and
    /// `$ssl_client_escaped_cert` is percent-encoded.
    pub client_cert: Option<String>,
}

/// The result of verifying the client's certificate.
///
/// ```
/// use axum_fcgi::{ClientVerify, TlsInfo};
///
/// async fn handler(tls: TlsInfo) -> String {
///     match tls.client_verify {
///         Some(ClientVerify::Success) => "a known certificate".to_owned(),
///         Some(ClientVerify::Failed(reason)) => format!("a certificate that was not accepted: {reason}"),
///         _ => "no certificate".to_owned(),
///     }
/// }
/// # let _: axum::Router = axum::Router::new().route("/", axum::routing::get(handler));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ClientVerify {
    /// The client sent no certificate.
    NoCertificate,
    /// The certificate was verified up to one that the web server trusts. Trust only this result.
    Success,
    /// The certificate was accepted without verification (Apache with `optional_no_ca`).
    Generous,
    /// The certificate was not accepted, for this reason. Also any unknown result.
    Failed(String),
}

impl TlsInfo {
    /// The subject of the client's certificate, if the web server has verified it. Use this to identify clients.
    #[must_use]
    pub fn verified_subject(&self) -> Option<&str> {
        match self.client_verify {
            Some(ClientVerify::Success) => self.client_subject.as_deref(),
            _ => None,
        }
    }

    fn from_params(params: &tower_fcgi::Params) -> Option<Self> {
        let info = Self {
            protocol: non_empty_str(params, "SSL_PROTOCOL"),
            cipher: non_empty_str(params, "SSL_CIPHER"),
            server_name: non_empty_str(params, "SSL_TLS_SNI"),
            client_verify: non_empty_str(params, "SSL_CLIENT_VERIFY").as_deref().map(ClientVerify::parse),
            client_subject: non_empty_str(params, "SSL_CLIENT_S_DN"),
            client_issuer: non_empty_str(params, "SSL_CLIENT_I_DN"),
            client_serial: non_empty_str(params, "SSL_CLIENT_M_SERIAL"),
            client_cert: non_empty_str(params, "SSL_CLIENT_CERT"),
        };
        (info != Self::default()).then_some(info)
    }
}

impl ClientVerify {
    /// Parses the values of mod_ssl, which nginx and lighttpd use too.
    fn parse(value: &str) -> Self {
        match value {
            "NONE" => Self::NoCertificate,
            "SUCCESS" => Self::Success,
            "GENEROUS" => Self::Generous,
            _ => Self::Failed(value.strip_prefix("FAILED:").unwrap_or(value).to_owned()),
        }
    }
}

extractor!(
    TlsInfo,
    MissingTlsInfo,
    "the web server sends no SSL_ variables, or the request did not come over FastCGI"
);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::extract::test_util::{extracted, extracted_from, parts};

    #[test]
    fn each_variable_has_its_field() {
        let sent = [
            ("SSL_PROTOCOL", "TLSv1.3"),
            ("SSL_CIPHER", "TLS_AES_256_GCM_SHA384"),
            ("SSL_TLS_SNI", "example.org"),
            ("SSL_CLIENT_VERIFY", "SUCCESS"),
            ("SSL_CLIENT_S_DN", "CN=eve"),
            ("SSL_CLIENT_I_DN", "CN=an authority"),
            ("SSL_CLIENT_M_SERIAL", "2CB9"),
            ("SSL_CLIENT_CERT", "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n"),
        ];
        let some = |text: &str| Some(text.to_owned());
        let expected = TlsInfo {
            protocol: some("TLSv1.3"),
            cipher: some("TLS_AES_256_GCM_SHA384"),
            server_name: some("example.org"),
            client_verify: Some(ClientVerify::Success),
            client_subject: some("CN=eve"),
            client_issuer: some("CN=an authority"),
            client_serial: some("2CB9"),
            client_cert: some("-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n"),
        };
        assert_eq!(extracted(&sent), Some(expected));
        // What Caddy sends.
        let caddy: TlsInfo = extracted(&sent[..2]).unwrap();
        assert_eq!((caddy.client_verify, caddy.client_cert), (None, None));
    }

    #[test]
    fn empty_variables_and_headers_are_ignored() {
        assert_eq!(extracted::<TlsInfo>(&[("SSL_PROTOCOL", ""), ("HTTPS", "on")]), None);
        let forged = [("HTTP_SSL_CLIENT_VERIFY", "SUCCESS"), ("HTTP_X_SSL_CLIENT_S_DN", "CN=eve")];
        assert_eq!(extracted::<TlsInfo>(&forged), None);
        assert_eq!(extracted_from::<TlsInfo>(&mut parts(None)), None);
    }

    #[test]
    fn only_success_is_a_verified_subject() {
        for (value, verify) in [
            ("SUCCESS", ClientVerify::Success),
            ("NONE", ClientVerify::NoCertificate),
            ("GENEROUS", ClientVerify::Generous),
            ("FAILED:certificate has expired", ClientVerify::Failed("certificate has expired".to_owned())),
            ("FAILED:SUCCESS", ClientVerify::Failed("SUCCESS".to_owned())),
            ("FAILED", ClientVerify::Failed("FAILED".to_owned())),
            ("success", ClientVerify::Failed("success".to_owned())),
            ("SUCCESS ", ClientVerify::Failed("SUCCESS ".to_owned())),
        ] {
            let sent = [("SSL_CLIENT_VERIFY", value), ("SSL_CLIENT_S_DN", "CN=eve")];
            let info: TlsInfo = extracted(&sent).unwrap();
            let subject = (verify == ClientVerify::Success).then_some("CN=eve");
            assert_eq!(info.verified_subject(), subject, "{value:?}");
            assert_eq!(info.client_verify, Some(verify), "{value:?}");
        }
        let unverified: TlsInfo = extracted(&[("SSL_CLIENT_S_DN", "CN=eve")]).unwrap();
        assert_eq!(unverified.verified_subject(), None);
    }
}
