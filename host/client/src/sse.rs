//! Server-sent events, as the HTML standard describes reading them: bytes in, events out. Reads no socket.

use std::mem;

/// One event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SseEvent {
    /// `message` unless it says otherwise.
    pub(crate) kind: String,
    /// The lines of its data.
    pub(crate) data: String,
}

/// An event is larger than a reader takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct EventTooLarge;

/// Reads one stream. What is remembered between two streams is only the id.
#[derive(Debug)]
pub(crate) struct SseReader {
    bytes_max: usize,
    line: Vec<u8>,
    /// Whether the line before ended with a carriage return, so that a line feed now belongs to it.
    after_return: bool,
    is_first_line: bool,
    kind: String,
    data: String,
    has_data: bool,
    id: Option<String>,
    /// The id of the last event that was whole.
    last_id: Option<String>,
}

impl SseReader {
    /// A reader of a stream that goes on after the event `last_id`.
    pub(crate) fn new(bytes_max: usize, last_id: Option<String>) -> Self {
        Self {
            bytes_max,
            line: Vec::new(),
            after_return: false,
            is_first_line: true,
            kind: String::new(),
            data: String::new(),
            has_data: false,
            id: last_id.clone(),
            last_id,
        }
    }

    /// The id of the last event that was whole, which the next stream begins after.
    pub(crate) fn last_id(&self) -> Option<&str> {
        self.last_id.as_deref()
    }

    /// Takes a piece of the stream and gives the events that it completes.
    pub(crate) fn read(&mut self, piece: &[u8]) -> Result<Vec<SseEvent>, EventTooLarge> {
        let mut events = Vec::new();
        for &byte in piece {
            let after_return = mem::replace(&mut self.after_return, byte == b'\r');
            match byte {
                b'\n' if after_return => {}
                b'\n' | b'\r' => {
                    let line = mem::take(&mut self.line);
                    events.extend(self.end_line(&line));
                }
                _ => self.line.push(byte),
            }
            if self.line.len() + self.data.len() > self.bytes_max {
                return Err(EventTooLarge);
            }
        }
        Ok(events)
    }

    fn end_line(&mut self, line: &[u8]) -> Option<SseEvent> {
        let line = if mem::take(&mut self.is_first_line) {
            line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line)
        } else {
            line
        };
        if line.is_empty() {
            return self.end_event();
        }
        let text = String::from_utf8_lossy(line);
        let (field, value) = text.split_once(':').unwrap_or((&text, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut self.kind),
            "data" => {
                if mem::replace(&mut self.has_data, true) {
                    self.data.push('\n');
                }
                self.data.push_str(value);
            }
            "id" if !value.contains('\0') => self.id = Some(value.to_owned()),
            // Comments, `retry`, and what is unknown.
            _ => {}
        }
        None
    }

    fn end_event(&mut self) -> Option<SseEvent> {
        self.last_id.clone_from(&self.id);
        let kind = mem::take(&mut self.kind);
        let data = mem::take(&mut self.data);
        mem::take(&mut self.has_data)
            .then(|| SseEvent { kind: if kind.is_empty() { "message".to_owned() } else { kind }, data })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn event(kind: &str, data: &str) -> SseEvent {
        SseEvent { kind: kind.to_owned(), data: data.to_owned() }
    }

    fn read_in_pieces(text: &[u8], piece_bytes: usize) -> (Vec<SseEvent>, Option<String>) {
        let mut reader = SseReader::new(1_000, None);
        let events = text.chunks(piece_bytes).flat_map(|piece| reader.read(piece).unwrap()).collect();
        (events, reader.last_id().map(str::to_owned))
    }

    #[test]
    fn events_are_whole_however_they_are_cut() {
        let text = "\u{feff}: hello\n\nevent: line\nid: 1.0\ndata: {\"a\":\ndata:  1}\n\nid: 2\r\ndata:ü\r\n\r\nevent: end\rdata\r\revent: cut\ndata: off";
        let expected = vec![event("line", "{\"a\":\n 1}"), event("message", "ü"), event("end", "")];
        for piece_bytes in 1..text.len() {
            let read = read_in_pieces(text.as_bytes(), piece_bytes);
            assert_eq!(read, (expected.clone(), Some("2".to_owned())), "in pieces of {piece_bytes}");
        }
    }

    #[test]
    fn the_id_of_a_cut_event_is_not_remembered() {
        let mut reader = SseReader::new(1_000, Some("7".to_owned()));
        assert_eq!(reader.read(b"id: 8\ndata: x\n").unwrap(), []);
        assert_eq!(reader.last_id(), Some("7"));
        assert_eq!(reader.read(b"\n").unwrap(), [event("message", "x")]);
        assert_eq!(reader.last_id(), Some("8"));
    }

    #[test]
    fn an_event_without_end_is_not_held() {
        let mut lines = SseReader::new(10, None);
        assert_eq!(lines.read(b"data: 0123456789"), Err(EventTooLarge));
        let mut data = SseReader::new(10, None);
        assert_eq!(data.read(b"data:0123\ndata:4567\ndata:89\n"), Err(EventTooLarge));
        let mut comments = SseReader::new(10, None);
        assert_eq!(comments.read(&b": alive\n\n".repeat(100)), Ok(Vec::new()));
    }

    proptest! {
        #[test]
        fn no_stream_panics_and_cuts_change_nothing(text: Vec<u8>, piece_bytes in 1_usize..20) {
            let (whole, pieces) = (read_in_pieces(&text, text.len().max(1)), read_in_pieces(&text, piece_bytes));
            prop_assert_eq!(whole, pieces);
        }
    }
}
