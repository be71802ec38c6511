//! SPDX licence expressions: `OR`, `AND`, `WITH`, parentheses, and the `/` that old manifests use for `OR`.
//!
//! A grammar of ten lines does not need a crate; the identifiers need no table, since only those on our list pass.

use anyhow::{Result, bail};

/// A parsed expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Licence {
    /// One licence, with its exception if it has one: `Apache-2.0 WITH LLVM-exception`.
    One(String),
    /// Any of these, at the choice of whoever uses it.
    Any(Vec<Licence>),
    /// All of these at once.
    All(Vec<Licence>),
}

impl Licence {
    /// Reads an expression. What is not understood is an error and never a permission.
    pub fn parse(text: &str) -> Result<Self> {
        let mut parser = Parser { tokens: tokens(text), at: 0 };
        let licence = parser.any()?;
        match parser.next() {
            None => Ok(licence),
            Some(token) => bail!("`{token}` is not expected there"),
        }
    }

    /// Whether it can be used when `allowed` says which single licences can.
    pub fn permitted(&self, allowed: &dyn Fn(&str) -> bool) -> bool {
        match self {
            Self::One(id) => allowed(id),
            Self::Any(sides) => sides.iter().any(|side| side.permitted(allowed)),
            Self::All(parts) => parts.iter().all(|part| part.permitted(allowed)),
        }
    }

    /// The single licences in it.
    pub fn ids(&self) -> Vec<&str> {
        match self {
            Self::One(id) => vec![id],
            Self::Any(many) | Self::All(many) => many.iter().flat_map(Self::ids).collect(),
        }
    }
}

fn tokens(text: &str) -> Vec<String> {
    let spaced = text.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    spaced.split_whitespace().map(str::to_owned).collect()
}

struct Parser {
    tokens: Vec<String>,
    at: usize,
}

impl Parser {
    fn next(&mut self) -> Option<String> {
        let token = self.tokens.get(self.at).cloned();
        self.at += 1;
        token
    }

    fn takes(&mut self, word: &str) -> bool {
        let found = self.tokens.get(self.at).is_some_and(|token| token == word);
        self.at += usize::from(found);
        found
    }

    /// `AND` binds tighter than `OR`.
    fn any(&mut self) -> Result<Licence> {
        let mut sides = vec![self.all()?];
        while self.takes("OR") {
            sides.push(self.all()?);
        }
        Ok(if sides.len() == 1 { sides.remove(0) } else { Licence::Any(sides) })
    }

    fn all(&mut self) -> Result<Licence> {
        let mut parts = vec![self.one()?];
        while self.takes("AND") {
            parts.push(self.one()?);
        }
        Ok(if parts.len() == 1 { parts.remove(0) } else { Licence::All(parts) })
    }

    fn one(&mut self) -> Result<Licence> {
        if self.takes("(") {
            let inner = self.any()?;
            if !self.takes(")") {
                bail!("a `)` is missing");
            }
            return Ok(inner);
        }
        let mut id = self.id()?;
        if self.takes("WITH") {
            id = format!("{id} WITH {}", self.id()?);
        }
        Ok(Licence::One(id))
    }

    fn id(&mut self) -> Result<String> {
        match self.next() {
            Some(token) if ["(", ")", "OR", "AND", "WITH"].contains(&token.as_str()) => {
                bail!("a licence is expected where `{token}` is")
            }
            Some(token) if token.chars().all(|c| c.is_ascii_alphanumeric() || "-.+:".contains(c)) => {
                Ok(token)
            }
            Some(token) => bail!("`{token}` is no licence identifier"),
            None => bail!("it ends where a licence is expected"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Licence;

    fn permitted(expression: &str) -> bool {
        let allowed = ["MIT", "Apache-2.0", "Apache-2.0 WITH LLVM-exception", "Unicode-3.0"];
        Licence::parse(expression).expect(expression).permitted(&|id| allowed.contains(&id))
    }

    #[test]
    fn or_takes_the_best_side_and_and_needs_both() {
        assert!(permitted("MIT"));
        assert!(permitted("GPL-3.0 OR MIT"));
        assert!(permitted("MIT/GPL-3.0"));
        assert!(permitted("(MIT OR Apache-2.0) AND Unicode-3.0"));
        assert!(!permitted("GPL-3.0"));
        assert!(!permitted("MIT AND GPL-3.0"));
        assert!(!permitted("(MIT OR Apache-2.0) AND NCSA"));
    }

    #[test]
    fn and_binds_tighter_than_or() {
        assert!(permitted("MIT OR GPL-3.0 AND NCSA"));
        assert!(!permitted("(MIT OR GPL-3.0) AND NCSA"));
        assert!(permitted("GPL-3.0 AND NCSA OR MIT"));
    }

    #[test]
    fn an_exception_counts_only_with_its_licence() {
        assert!(permitted("Apache-2.0 WITH LLVM-exception"));
        assert!(!permitted("GPL-2.0 WITH LLVM-exception"));
        assert!(!permitted("MIT WITH LLVM-exception"));
        assert!(!permitted("Apache-2.0+"));
    }

    #[test]
    fn what_is_not_understood_is_an_error() {
        for wrong in
            ["", "MIT OR", "AND MIT", "(MIT", "MIT)", "MIT Apache-2.0", "MIT WITH", "MIT or GPL", "MIT, ISC"]
        {
            assert!(Licence::parse(wrong).is_err(), "{wrong}");
        }
    }
}
