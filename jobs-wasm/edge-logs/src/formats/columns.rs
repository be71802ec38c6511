//! Fields by name, in the formats whose header names them.
//!
//! A needed field must be whole. So a line may end after the last field that is needed, but not inside it: a field that
//! ends with its line counts only if it is the last one that the header names.

use memchr::{memchr_iter, memrchr_iter};

/// A field that a format wants from each line.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted {
    name: &'static [u8],
    needed: bool,
}

/// A field without which no line of the file can be billed.
pub(super) const fn needed(name: &'static [u8]) -> Wanted {
    Wanted { name, needed: true }
}

/// A field that not every header names.
pub(super) const fn optional(name: &'static [u8]) -> Wanted {
    Wanted { name, needed: false }
}

/// Where `N` wanted fields are in the lines below a header.
#[derive(Clone, Debug)]
pub(super) struct Columns<const N: usize> {
    /// Ordered by place. Places after a field that may hold separators are counted from the line's end.
    from_start: Vec<Place>,
    from_end: Vec<Place>,
    /// How many fields the header names.
    fields: usize,
    separator: u8,
}

#[derive(Clone, Copy, Debug)]
struct Place {
    place: usize,
    wanted: usize,
}

impl<const N: usize> Columns<N> {
    /// The places that the names of a header give, or `None` if it lacks a needed field. Of two fields with one name the
    /// first is taken. The values of fields named in `spaced` may hold separators.
    pub(super) fn of_header(
        line: &[u8],
        separator: u8,
        wanted: [Wanted; N],
        spaced: &[&[u8]],
    ) -> Option<Self> {
        let names: Vec<&[u8]> = field_names(line)?.collect();
        let place_of = |name: &[u8]| names.iter().position(|found| *found == name);
        let spaced = spaced.iter().find_map(|name| place_of(name)).unwrap_or(names.len());
        let (mut from_start, mut from_end) = (Vec::new(), Vec::new());
        for (index, field) in wanted.iter().enumerate() {
            match place_of(field.name) {
                Some(place) if place < spaced => from_start.push(Place { place, wanted: index }),
                Some(place) if place > spaced => {
                    from_end.push(Place { place: names.len() - 1 - place, wanted: index });
                }
                _ if field.needed => return None,
                _ => {}
            }
        }
        from_start.sort_by_key(|place| place.place);
        from_end.sort_by_key(|place| place.place);
        Some(Self { from_start, from_end, fields: names.len(), separator })
    }

    /// The wanted fields of `line`, in the order they were asked for; `None` if the line lacks one that its header
    /// names.
    #[inline]
    pub(super) fn pick<'a>(&self, line: &'a [u8]) -> Option<[Option<&'a [u8]>; N]> {
        let mut picked = [None; N];
        self.pick_from_start(line, &mut picked)?;
        if !self.from_end.is_empty() {
            self.pick_from_end(line, &mut picked)?;
        }
        Some(picked)
    }

    #[inline]
    fn pick_from_start<'a>(&self, line: &'a [u8], picked: &mut [Option<&'a [u8]>; N]) -> Option<()> {
        let mut left = self.from_start.iter();
        let Some(mut next) = left.next() else { return Some(()) };
        let (mut place, mut start) = (0, 0);
        for end in memchr_iter(self.separator, line) {
            if place == next.place {
                *picked.get_mut(next.wanted)? = Some(&line[start..end]);
                match left.next() {
                    Some(after) => next = after,
                    None => return Some(()),
                }
            }
            place += 1;
            start = end + 1;
        }
        let whole = place == next.place && place + 1 == self.fields && left.next().is_none();
        *picked.get_mut(next.wanted)? = Some(&line[start..]);
        whole.then_some(())
    }

    fn pick_from_end<'a>(&self, line: &'a [u8], picked: &mut [Option<&'a [u8]>; N]) -> Option<()> {
        if memchr_iter(self.separator, line).count() + 1 < self.fields {
            return None;
        }
        let mut left = self.from_end.iter();
        let mut next = left.next()?;
        let mut end = line.len();
        for (place, separator) in memrchr_iter(self.separator, line).enumerate() {
            if place == next.place {
                *picked.get_mut(next.wanted)? = Some(&line[separator + 1..end]);
                match left.next() {
                    Some(after) => next = after,
                    None => return Some(()),
                }
            }
            end = separator;
        }
        None
    }
}

/// Whether `line` describes the file, as lines that begin with `#` do in each format that has them.
#[inline]
pub(super) fn is_directive(line: &[u8]) -> bool {
    line.first() == Some(&b'#')
}

/// The names in a header line; `None` if `line` names no fields.
pub(super) fn field_names(line: &[u8]) -> Option<impl Iterator<Item = &[u8]>> {
    let names = line.strip_prefix(b"#").unwrap_or(line).strip_prefix(b"Fields:")?;
    Some(names.split(u8::is_ascii_whitespace).filter(|name| !name.is_empty()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const WANTED: [Wanted; 2] = [needed(b"bytes"), optional(b"name")];

    fn pick<'a>(header: &str, line: &'a str) -> Option<[Option<&'a str>; 2]> {
        let columns = Columns::of_header(header.as_bytes(), b' ', WANTED, &[b"agent"])?;
        let picked = columns.pick(line.as_bytes())?;
        Some(picked.map(|field| field.map(|text| std::str::from_utf8(text).unwrap_or_default())))
    }

    #[test]
    fn fields_are_found_in_any_order() {
        assert_eq!(pick("#Fields: a bytes name", "x 12 n"), Some([Some("12"), Some("n")]));
        assert_eq!(pick("Fields: name a bytes", "n x 12"), Some([Some("12"), Some("n")]));
        assert_eq!(pick("Fields: bytes", "12"), Some([Some("12"), None]));
        assert_eq!(pick("Fields: bytes bytes", "1 2"), Some([Some("1"), None]));
    }

    #[test]
    fn header_without_a_needed_field_gives_nothing() {
        assert_eq!(pick("Fields: name a", "n x"), None);
        assert_eq!(pick("Fields:", ""), None);
        assert_eq!(pick("bytes", "12"), None);
    }

    #[test]
    fn field_cut_by_the_end_of_its_line_is_missing() {
        assert_eq!(pick("Fields: a bytes name b", "x 12 n "), Some([Some("12"), Some("n")]));
        assert_eq!(pick("Fields: a bytes name b", "x 12 n"), None);
        assert_eq!(pick("Fields: a bytes name b", "x 12"), None);
        assert_eq!(pick("Fields: a bytes name", "x 12 n more"), Some([Some("12"), Some("n")]));
    }

    #[test]
    fn fields_after_one_with_spaces_are_read_from_the_end() {
        let header = "Fields: name agent bytes z";
        assert_eq!(pick(header, "n \"A b (c d)\" 12 z"), Some([Some("12"), Some("n")]));
        assert_eq!(pick(header, "n A 12 z"), Some([Some("12"), Some("n")]));
        assert_eq!(pick(header, "n 12 z"), None);
        assert_eq!(pick("Fields: agent name bytes", "A b n 12"), Some([Some("12"), Some("n")]));
        assert_eq!(pick("Fields: agent name bytes", ""), None);
    }
}
