//! Takes a Rust file apart into its code and its comments, so that a rule looks where it means to look.
//!
//! Both halves keep the lines of the file; what does not belong is blank. The content of strings is in neither.

/// The two halves of a file.
#[derive(Debug, PartialEq, Eq)]
pub struct Split {
    /// Without comments and without the content of strings.
    pub code: String,
    /// Comments alone.
    pub comments: String,
}

/// Words as Rust sees them: letters, digits and `_`.
pub fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty())
}

/// Reads as much of Rust's syntax as it takes to know a comment or a string.
pub fn split(text: &str) -> Split {
    let mut splitter = Splitter {
        text: text.chars().collect(),
        at: 0,
        halves: Split { code: String::with_capacity(text.len()), comments: String::new() },
    };
    while splitter.at < splitter.text.len() {
        splitter.item();
    }
    splitter.halves
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Code,
    Comment,
    Content,
}

struct Splitter {
    text: Vec<char>,
    at: usize,
    halves: Split,
}

impl Splitter {
    fn peek(&self, ahead: usize) -> Option<char> {
        self.text.get(self.at + ahead).copied()
    }

    fn take(&mut self, kind: Kind, count: usize) {
        for _ in 0..count {
            let Some(c) = self.peek(0) else { return };
            let blank = if c.is_whitespace() { c } else { ' ' };
            self.halves.code.push(if kind == Kind::Code { c } else { blank });
            self.halves.comments.push(if kind == Kind::Comment { c } else { blank });
            self.at += 1;
        }
    }

    fn item(&mut self) {
        match (self.peek(0), self.peek(1)) {
            (Some('/'), Some('/')) => {
                while self.peek(0).is_some_and(|c| c != '\n') {
                    self.take(Kind::Comment, 1);
                }
            }
            (Some('/'), Some('*')) => self.block_comment(),
            (Some('"'), _) => self.string(),
            (Some('r'), Some('"' | '#')) if self.starts_a_word() => self.raw_string(),
            (Some('\''), _) => self.quote(),
            _ => self.take(Kind::Code, 1),
        }
    }

    fn block_comment(&mut self) {
        let mut depth = 0_usize;
        loop {
            match (self.peek(0), self.peek(1)) {
                (Some('/'), Some('*')) => {
                    depth += 1;
                    self.take(Kind::Comment, 2);
                }
                (Some('*'), Some('/')) => {
                    depth -= 1;
                    self.take(Kind::Comment, 2);
                    if depth == 0 {
                        return;
                    }
                }
                (Some(_), _) => self.take(Kind::Comment, 1),
                (None, _) => return,
            }
        }
    }

    fn string(&mut self) {
        self.take(Kind::Code, 1);
        loop {
            match self.peek(0) {
                Some('\\') => self.take(Kind::Content, 2),
                Some('"') => return self.take(Kind::Code, 1),
                Some(_) => self.take(Kind::Content, 1),
                None => return,
            }
        }
    }

    /// `r"…"` and `r#"…"#`; also after `b` or `c`. Not `r#name` and not the end of a longer word.
    fn starts_a_word(&self) -> bool {
        let word = |c: char| c.is_alphanumeric() || c == '_';
        let before = |back: usize| self.at.checked_sub(back).and_then(|at| self.text.get(at)).copied();
        match before(1) {
            Some('b' | 'c') => !before(2).is_some_and(word),
            other => !other.is_some_and(word),
        }
    }

    fn raw_string(&mut self) {
        let mut hashes = 0;
        while self.peek(1 + hashes) == Some('#') {
            hashes += 1;
        }
        if self.peek(1 + hashes) != Some('"') {
            return self.take(Kind::Code, 1);
        }
        self.take(Kind::Code, hashes + 2);
        while self.peek(0).is_some() {
            let ends = self.peek(0) == Some('"') && (1..=hashes).all(|ahead| self.peek(ahead) == Some('#'));
            if ends {
                return self.take(Kind::Code, hashes + 1);
            }
            self.take(Kind::Content, 1);
        }
    }

    /// A character or the start of a lifetime.
    fn quote(&mut self) {
        let escaped = self.peek(1) == Some('\\');
        if !escaped && self.peek(2) != Some('\'') {
            return self.take(Kind::Code, 1);
        }
        self.take(Kind::Code, 1);
        self.take(Kind::Content, if escaped { 2 } else { 1 });
        while self.peek(0).is_some_and(|c| c != '\'' && c != '\n') {
            self.take(Kind::Content, 1);
        }
        self.take(Kind::Code, 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(text: &str) -> String {
        split(text).code.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn comments_leave_the_code() {
        assert_eq!(code("a // b\nc /* d /* e */ f */ g"), "a c g");
        assert_eq!(split("a // b\nc").comments, "  // b\n ");
    }

    #[test]
    fn strings_leave_both() {
        assert_eq!(code(r#"a("x // y \" z") b"#), r#"a(" ") b"#);
        assert_eq!(code("a(r##\"x \"# y\"##) b"), "a(r##\" \"##) b");
        assert_eq!(code("a(br#\"x\"#, b\"y\") b"), "a(br#\" \"#, b\" \") b");
        assert_eq!(code("let r#type = var\"x\";"), "let r#type = var\" \";");
        assert!(!split("\"TODO\"").comments.contains("TODO"));
    }

    #[test]
    fn quotes_of_characters_and_lifetimes_do_not_open_strings() {
        assert_eq!(code("x('\"') y"), "x(' ') y");
        assert_eq!(code(r"x('\'', '\u{41}') y"), "x(' ', ' ') y");
        assert_eq!(code("fn f<'a>(x: &'a str) {} // c"), "fn f<'a>(x: &'a str) {}");
    }

    #[test]
    fn lines_are_kept() {
        let text = "a\n\"b\nc\"\n/* d\ne */\n";
        let halves = split(text);
        assert_eq!(halves.code.lines().count(), text.lines().count());
        assert_eq!(halves.comments.lines().count(), text.lines().count());
    }
}
