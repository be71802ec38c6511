//! Which format a file is in, by its first lines.

use mainworker_models::LogFormat;

use super::columns::{field_names, is_directive};

/// The format that `line` decides for, or `None` for a header line that does not say, such as `#Version: 1.0`.
///
/// The three formats with headers differ in the names they give: only FMS writes events, only WPC a Unix timestamp. A
/// line that is no header decides for the one format that has none.
pub(super) fn format_of(line: &[u8]) -> Option<LogFormat> {
    let Some(names) = field_names(line) else {
        return if is_directive(line) { None } else { Some(LogFormat::Combined) };
    };
    for name in names {
        match name {
            b"x-event" | b"x-sname" => return Some(LogFormat::EdgecastFms),
            b"timestamp" => return Some(LogFormat::EdgecastWpc),
            _ => {}
        }
    }
    Some(if is_directive(line) { LogFormat::Cloudfront } else { LogFormat::EdgecastWpc })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_decides() {
        let rows: [(&[u8], Option<LogFormat>); 8] = [
            (b"#Version: 1.0", None),
            (b"#Fields: date time x-edge-location sc-bytes c-ip", Some(LogFormat::Cloudfront)),
            (b"#Fields:\tx-event\tx-category\tdate", Some(LogFormat::EdgecastFms)),
            (b"#Fields: date time x-event sc-bytes", Some(LogFormat::EdgecastFms)),
            (b"Fields: timestamp time-taken c-ip", Some(LogFormat::EdgecastWpc)),
            (b"#Fields: timestamp time-taken c-ip", Some(LogFormat::EdgecastWpc)),
            (b"1.2.3.4 - - [17/May/2015:10:05:03 +0000] \"GET / HTTP/1.1\" 200 5", Some(LogFormat::Combined)),
            (b"", Some(LogFormat::Combined)),
        ];
        for (line, format) in rows {
            assert_eq!(format_of(line), format, "{}", String::from_utf8_lossy(line));
        }
    }
}
