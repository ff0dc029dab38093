//! The meta-variables whose names do not depend on the request (RFC 3875 §4.1).

/// Defines [`StandardVariable`].
macro_rules! standard_variables {
    ($($variable:ident = $name:literal,)*) => {
        /// A meta-variable that extra ones can replace. Not CONTENT_LENGTH, which they cannot.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(super) enum StandardVariable {
            $($variable,)*
        }

        impl StandardVariable {
            pub(super) fn parse(name: &[u8]) -> Option<Self> {
                match name {
                    $($name => Some(Self::$variable),)*
                    _ => None,
                }
            }

            #[inline]
            pub(super) const fn name(self) -> &'static [u8] {
                match self {
                    $(Self::$variable => $name,)*
                }
            }
        }
    };
}

standard_variables! {
    ContentType = b"CONTENT_TYPE",
    GatewayInterface = b"GATEWAY_INTERFACE",
    Https = b"HTTPS",
    PathInfo = b"PATH_INFO",
    QueryString = b"QUERY_STRING",
    RequestMethod = b"REQUEST_METHOD",
    RequestScheme = b"REQUEST_SCHEME",
    RequestUri = b"REQUEST_URI",
    ScriptName = b"SCRIPT_NAME",
    ServerName = b"SERVER_NAME",
    ServerPort = b"SERVER_PORT",
    ServerProtocol = b"SERVER_PROTOCOL",
    ServerSoftware = b"SERVER_SOFTWARE",
}

impl StandardVariable {
    pub(super) const fn bit(self) -> u32 {
        1 << self as u32
    }
}
