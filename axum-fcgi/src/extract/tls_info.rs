//! How the client's connection is encrypted, and what certificate it showed.

use super::extractor::extractor;
use super::lookup::non_empty_str;

/// What the web server tells of the client's TLS connection. No variable of it is one of RFC 3875; the names
/// are those of Apache's mod_ssl, which others took over.
///
/// | field | variable | Apache | lighttpd | Caddy | nginx, to be passed by hand |
/// | --- | --- | --- | --- | --- | --- |
/// | [`protocol`](Self::protocol) | SSL_PROTOCOL | yes | yes | yes | `$ssl_protocol` |
/// | [`cipher`](Self::cipher) | SSL_CIPHER | yes | yes | yes | `$ssl_cipher` |
/// | [`server_name`](Self::server_name) | SSL_TLS_SNI | yes | | | `$ssl_server_name` |
/// | [`client_verify`](Self::client_verify) | SSL_CLIENT_VERIFY | yes | yes | | `$ssl_client_verify` |
/// | [`client_subject`](Self::client_subject) | SSL_CLIENT_S_DN | yes | yes | | `$ssl_client_s_dn` |
/// | [`client_issuer`](Self::client_issuer) | SSL_CLIENT_I_DN | yes | | | `$ssl_client_i_dn` |
/// | [`client_serial`](Self::client_serial) | SSL_CLIENT_M_SERIAL | yes | yes | | `$ssl_client_serial` |
/// | [`client_cert`](Self::client_cert) | SSL_CLIENT_CERT | yes | yes | | `$ssl_client_raw_cert` |
///
/// Apache sends them with `SSLOptions +StdEnvVars`, the certificate with `+ExportCertData`; lighttpd sends the
/// client's with `ssl.verifyclient`, the certificate with `ssl.verifyclient.exportcert`. HAProxy can be told
/// to with `set-param SSL_PROTOCOL %[ssl_fc_protocol]` and the like, and H2O tells none. The table is tested with each of
/// them; the configurations are in `axum-fcgi/tests/tls`. nginx has no names of its own:
///
/// ```nginx
/// fastcgi_param SSL_PROTOCOL      $ssl_protocol      if_not_empty;
/// fastcgi_param SSL_CLIENT_VERIFY $ssl_client_verify if_not_empty;
/// fastcgi_param SSL_CLIENT_S_DN   $ssl_client_s_dn   if_not_empty;
/// ```
///
/// No header is looked at: what a proxy in front of the web server puts into one, a client can put there too.
///
/// A variable that is empty or no text counts as absent.
///
/// # Rejection
/// [`MissingTlsInfo`](crate::rejection::MissingTlsInfo), a 500, where the web server tells none of them, as
/// for a client that came without TLS, or the request did not come over FastCGI. `Option<TlsInfo>` is `None`
/// there.
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
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TlsInfo {
    /// The version of the protocol, as OpenSSL writes it: `TLSv1.3`.
    pub protocol: Option<String>,
    /// The cipher suite, in the spelling of the web server's library.
    pub cipher: Option<String>,
    /// The host name that the client asked for in its handshake (SNI).
    pub server_name: Option<String>,
    /// What became of the client's certificate. The other fields say what is *in* it, also where this says
    /// that it was not accepted.
    pub client_verify: Option<ClientVerify>,
    /// The subject of the client's certificate. nginx and newer Apaches write it as RFC 2253 does
    /// (`CN=eve,O=Example`), older ones and nginx's `$ssl_client_s_dn_legacy` with slashes.
    pub client_subject: Option<String>,
    /// The issuer of the client's certificate, written like the subject.
    pub client_issuer: Option<String>,
    /// The serial number of the client's certificate, in hexadecimal digits.
    pub client_serial: Option<String>,
    /// The client's certificate as PEM, as it was sent: with nginx pass `$ssl_client_raw_cert`, since
    /// `$ssl_client_cert` is indented and `$ssl_client_escaped_cert` is percent-encoded.
    pub client_cert: Option<String>,
}

/// What the web server made of the client's certificate.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ClientVerify {
    /// The client showed none.
    NoCertificate,
    /// It was verified up to a certificate that the web server trusts. The only one to be relied on.
    Success,
    /// It was taken without being verified (Apache with `optional_no_ca`).
    Generous,
    /// It was not accepted, for this reason. Also a result that nobody has heard of.
    Failed(String),
}

impl TlsInfo {
    /// The subject of the client's certificate, if the web server has verified that: the one to tell clients
    /// by.
    #[must_use]
    pub fn verified_subject(&self) -> Option<&str> {
        match self.client_verify {
            Some(ClientVerify::Success) => self.client_subject.as_deref(),
            _ => None,
        }
    }

    fn from_params(params: &tower_fcgi::Params) -> Option<Self> {
        let facts = Self {
            protocol: non_empty_str(params, "SSL_PROTOCOL"),
            cipher: non_empty_str(params, "SSL_CIPHER"),
            server_name: non_empty_str(params, "SSL_TLS_SNI"),
            client_verify: non_empty_str(params, "SSL_CLIENT_VERIFY").as_deref().map(ClientVerify::parse),
            client_subject: non_empty_str(params, "SSL_CLIENT_S_DN"),
            client_issuer: non_empty_str(params, "SSL_CLIENT_I_DN"),
            client_serial: non_empty_str(params, "SSL_CLIENT_M_SERIAL"),
            client_cert: non_empty_str(params, "SSL_CLIENT_CERT"),
        };
        (facts != Self::default()).then_some(facts)
    }
}

impl ClientVerify {
    /// The words of mod_ssl, which nginx and lighttpd use as well.
    fn parse(told: &str) -> Self {
        match told {
            "NONE" => Self::NoCertificate,
            "SUCCESS" => Self::Success,
            "GENEROUS" => Self::Generous,
            _ => Self::Failed(told.strip_prefix("FAILED:").unwrap_or(told).to_owned()),
        }
    }
}

extractor!(
    TlsInfo,
    MissingTlsInfo,
    "the web server tells nothing of the client's TLS connection, or the request did not come over FastCGI"
);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::extract::test_util::{extracted, extracted_from, parts};

    #[test]
    fn each_variable_has_its_field() {
        let told = [
            ("SSL_PROTOCOL", "TLSv1.3"),
            ("SSL_CIPHER", "TLS_AES_256_GCM_SHA384"),
            ("SSL_TLS_SNI", "example.org"),
            ("SSL_CLIENT_VERIFY", "SUCCESS"),
            ("SSL_CLIENT_S_DN", "CN=eve"),
            ("SSL_CLIENT_I_DN", "CN=an authority"),
            ("SSL_CLIENT_M_SERIAL", "2CB9"),
            ("SSL_CLIENT_CERT", "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n"),
        ];
        let own = |text: &str| Some(text.to_owned());
        let expected = TlsInfo {
            protocol: own("TLSv1.3"),
            cipher: own("TLS_AES_256_GCM_SHA384"),
            server_name: own("example.org"),
            client_verify: Some(ClientVerify::Success),
            client_subject: own("CN=eve"),
            client_issuer: own("CN=an authority"),
            client_serial: own("2CB9"),
            client_cert: own("-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n"),
        };
        assert_eq!(extracted(&told), Some(expected));
        // What Caddy sends.
        let caddy: TlsInfo = extracted(&told[..2]).unwrap();
        assert_eq!((caddy.client_verify, caddy.client_cert), (None, None));
    }

    #[test]
    fn what_is_empty_or_in_a_header_is_not_told() {
        assert_eq!(extracted::<TlsInfo>(&[("SSL_PROTOCOL", ""), ("HTTPS", "on")]), None);
        let forged = [("HTTP_SSL_CLIENT_VERIFY", "SUCCESS"), ("HTTP_X_SSL_CLIENT_S_DN", "CN=eve")];
        assert_eq!(extracted::<TlsInfo>(&forged), None);
        assert_eq!(extracted_from::<TlsInfo>(&mut parts(None)), None);
    }

    #[test]
    fn nothing_but_success_is_success() {
        for (told, verify) in [
            ("SUCCESS", ClientVerify::Success),
            ("NONE", ClientVerify::NoCertificate),
            ("GENEROUS", ClientVerify::Generous),
            ("FAILED:certificate has expired", ClientVerify::Failed("certificate has expired".to_owned())),
            ("FAILED:SUCCESS", ClientVerify::Failed("SUCCESS".to_owned())),
            ("FAILED", ClientVerify::Failed("FAILED".to_owned())),
            ("success", ClientVerify::Failed("success".to_owned())),
            ("SUCCESS ", ClientVerify::Failed("SUCCESS ".to_owned())),
        ] {
            let facts = [("SSL_CLIENT_VERIFY", told), ("SSL_CLIENT_S_DN", "CN=eve")];
            let facts: TlsInfo = extracted(&facts).unwrap();
            let subject = (verify == ClientVerify::Success).then_some("CN=eve");
            assert_eq!(facts.verified_subject(), subject, "{told:?}");
            assert_eq!(facts.client_verify, Some(verify), "{told:?}");
        }
        let unsaid: TlsInfo = extracted(&[("SSL_CLIENT_S_DN", "CN=eve")]).unwrap();
        assert_eq!(unsaid.verified_subject(), None);
    }
}
