//! Requests that were sent and got no answer, or half of one: facts for whoever has to mend it.

use super::HttpError;

/// A request without a whole answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unanswered {
    /// Method, origin and path.
    pub request: String,
    /// The origin alone.
    pub origin: String,
    /// What kind of trouble it was.
    pub trouble: Trouble,
}

/// Where a request got stuck.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// The name has no address.
    Name,
    /// No connection.
    Connection,
    /// No answer in time.
    Time,
    /// A certificate that is not trusted, or for another name.
    Certificate,
    /// No TLS, or none that both sides speak.
    Tls,
    /// The answer is no HTTP/1.1, or has too large a head.
    Http,
    /// The answer broke off.
    BrokenOff,
    /// This host is not set up for it.
    Host,
}

impl Trouble {
    /// What an error means for whoever has to mend it.
    pub(super) fn of(error: &HttpError) -> Self {
        match error {
            HttpError::DnsError { .. } | HttpError::DnsTimeout => Self::Name,
            HttpError::ConnectionTimeout
            | HttpError::ConnectionReadTimeout
            | HttpError::HttpResponseTimeout => Self::Time,
            HttpError::TlsCertificateError => Self::Certificate,
            HttpError::TlsProtocolError | HttpError::TlsAlertReceived { .. } => Self::Tls,
            HttpError::HttpProtocolError | HttpError::HttpResponseHeaderSectionSize(_) => Self::Http,
            HttpError::HttpResponseIncomplete | HttpError::ConnectionTerminated => Self::BrokenOff,
            HttpError::ConfigurationError | HttpError::InternalError(_) => Self::Host,
            _ => Self::Connection,
        }
    }
}
