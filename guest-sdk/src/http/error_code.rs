//! What the host says of a request without an answer, in the words of the SDK.

use std::fmt::Display;

use wasip2::http::types::{ErrorCode, FieldSizePayload};

use super::{ErrorKind, Problem};

impl From<ErrorCode> for Problem {
    fn from(code: ErrorCode) -> Self {
        let (kind, what) = describe(code);
        Self { kind, what }
    }
}

/// Exhaustive on purpose: a code that a new WASI adds is to be given its words here.
fn describe(code: ErrorCode) -> (ErrorKind, String) {
    use ErrorKind::{Denied, Invalid, Protocol, Timeout, Tls, TooLarge, Unreachable};
    let said = |kind: ErrorKind, what: &str| (kind, what.to_owned());
    match code {
        ErrorCode::HttpRequestDenied => said(Denied, "the host does not allow it; the log says which rule"),
        ErrorCode::DestinationIpProhibited => said(
            Denied,
            "the host does not allow the address that the name stands for; the log says which rule",
        ),

        ErrorCode::DnsError(details) => {
            let what = "the host name cannot be resolved";
            (Unreachable, with(what, details.rcode.filter(|rcode| !rcode.is_empty())))
        }
        ErrorCode::DestinationNotFound => said(Unreachable, "there is no such server"),
        ErrorCode::DestinationUnavailable => said(Unreachable, "the server is not available"),
        ErrorCode::DestinationIpUnroutable => said(Unreachable, "there is no route to the server's address"),
        ErrorCode::ConnectionRefused => said(Unreachable, "the server refused the connection"),
        ErrorCode::ConnectionLimitReached => said(Unreachable, "there are too many connections already"),

        ErrorCode::DnsTimeout => said(Timeout, "looking up the host name took too long"),
        ErrorCode::ConnectionTimeout => said(Timeout, "connecting to the server took too long"),
        ErrorCode::ConnectionReadTimeout => said(Timeout, "the server sent nothing for too long"),
        ErrorCode::ConnectionWriteTimeout => said(Timeout, "the server took too long to take the request"),
        ErrorCode::HttpResponseTimeout => said(Timeout, "the server took too long to answer"),

        ErrorCode::TlsProtocolError => said(Tls, "the server does not speak TLS as it should"),
        ErrorCode::TlsCertificateError => said(Tls, "the server's certificate is not trusted"),
        ErrorCode::TlsAlertReceived(details) => {
            let alert = details.alert_message.or_else(|| details.alert_id.map(|id| format!("alert {id}")));
            (Tls, with("the server broke off the TLS handshake", alert))
        }

        ErrorCode::HttpRequestBodySize(size) => {
            (TooLarge, with("the request's body is too large", bytes(size)))
        }
        ErrorCode::HttpRequestUriTooLong => said(TooLarge, "the URL is too long"),
        ErrorCode::HttpRequestHeaderSectionSize(size) | ErrorCode::HttpRequestTrailerSectionSize(size) => {
            (TooLarge, with("the request's headers are too large", bytes(size)))
        }
        ErrorCode::HttpRequestHeaderSize(field) => {
            (TooLarge, with("one of the request's headers is too large", field.and_then(name_and_size)))
        }
        ErrorCode::HttpRequestTrailerSize(field) => {
            (TooLarge, with("one of the request's trailers is too large", name_and_size(field)))
        }
        ErrorCode::HttpResponseBodySize(size) => {
            (TooLarge, with("the answer's body is too large", bytes(size)))
        }
        ErrorCode::HttpResponseHeaderSectionSize(size) | ErrorCode::HttpResponseTrailerSectionSize(size) => {
            (TooLarge, with("the answer's headers are too large", bytes(size)))
        }
        ErrorCode::HttpResponseHeaderSize(field) | ErrorCode::HttpResponseTrailerSize(field) => {
            (TooLarge, with("one of the answer's headers is too large", name_and_size(field)))
        }

        ErrorCode::HttpRequestMethodInvalid => said(Invalid, "the method is none that the host sends"),
        ErrorCode::HttpRequestUriInvalid => said(Invalid, "the URL is none that the host sends"),

        ErrorCode::ConnectionTerminated => said(Protocol, "the connection ended before the answer was there"),
        ErrorCode::HttpResponseIncomplete => said(Protocol, "the answer ended before it was complete"),
        ErrorCode::HttpRequestLengthRequired => {
            said(Protocol, "the request does not say how long its body is")
        }
        ErrorCode::HttpResponseTransferCoding(coding) => {
            (Protocol, with("the answer's transfer coding cannot be read", coding))
        }
        ErrorCode::HttpResponseContentCoding(coding) => {
            (Protocol, with("the answer's content coding cannot be read", coding))
        }
        ErrorCode::HttpUpgradeFailed => said(Protocol, "the server wants another protocol"),
        ErrorCode::HttpProtocolError => said(Protocol, "the server does not speak HTTP as it should"),
        ErrorCode::LoopDetected => said(Protocol, "the request goes round in a loop"),
        ErrorCode::ConfigurationError => said(Protocol, "the host is not set up to send it"),
        ErrorCode::InternalError(text) => (Protocol, with("the host could not send it", text)),
    }
}

fn with(what: &str, details: Option<impl Display>) -> String {
    details.map_or_else(|| what.to_owned(), |details| format!("{what}: {details}"))
}

fn bytes(size: Option<impl Display>) -> Option<String> {
    size.map(|size| format!("{size} bytes"))
}

fn name_and_size(field: FieldSizePayload) -> Option<String> {
    match (field.field_name, bytes(field.field_size)) {
        (Some(name), Some(size)) => Some(format!("`{name}`, {size}")),
        (Some(name), None) => Some(format!("`{name}`")),
        (None, size) => size,
    }
}

#[cfg(test)]
mod tests {
    use wasip2::http::types::{DnsErrorPayload, TlsAlertReceivedPayload};

    use super::*;

    #[test]
    fn each_group_of_codes_has_its_kind_and_says_what_is_known() {
        let rcode = Some(String::from("NXDOMAIN"));
        let alert = TlsAlertReceivedPayload { alert_id: Some(48), alert_message: None };
        let field = |name: Option<&str>, size| FieldSizePayload {
            field_name: name.map(str::to_owned),
            field_size: size,
        };
        for (code, kind, what) in [
            (
                ErrorCode::HttpRequestDenied,
                ErrorKind::Denied,
                "the host does not allow it; the log says which rule",
            ),
            (
                ErrorCode::DestinationIpProhibited,
                ErrorKind::Denied,
                "the host does not allow the address that the name stands for; the log says which rule",
            ),
            (
                ErrorCode::DnsError(DnsErrorPayload { rcode, info_code: None }),
                ErrorKind::Unreachable,
                "the host name cannot be resolved: NXDOMAIN",
            ),
            (
                ErrorCode::DnsError(DnsErrorPayload { rcode: Some(String::new()), info_code: Some(0) }),
                ErrorKind::Unreachable,
                "the host name cannot be resolved",
            ),
            (ErrorCode::ConnectionRefused, ErrorKind::Unreachable, "the server refused the connection"),
            (ErrorCode::ConnectionReadTimeout, ErrorKind::Timeout, "the server sent nothing for too long"),
            (
                ErrorCode::TlsAlertReceived(alert),
                ErrorKind::Tls,
                "the server broke off the TLS handshake: alert 48",
            ),
            (
                ErrorCode::HttpResponseBodySize(Some(16_777_217)),
                ErrorKind::TooLarge,
                "the answer's body is too large: 16777217 bytes",
            ),
            (
                ErrorCode::HttpRequestHeaderSize(Some(field(Some("cookie"), Some(40_000)))),
                ErrorKind::TooLarge,
                "one of the request's headers is too large: `cookie`, 40000 bytes",
            ),
            (
                ErrorCode::HttpResponseHeaderSize(field(None, None)),
                ErrorKind::TooLarge,
                "one of the answer's headers is too large",
            ),
            (ErrorCode::HttpRequestUriInvalid, ErrorKind::Invalid, "the URL is none that the host sends"),
            (
                ErrorCode::InternalError(Some(String::from("out of sockets"))),
                ErrorKind::Protocol,
                "the host could not send it: out of sockets",
            ),
            (ErrorCode::InternalError(None), ErrorKind::Protocol, "the host could not send it"),
        ] {
            assert_eq!(describe(code), (kind, String::from(what)));
        }
    }
}
