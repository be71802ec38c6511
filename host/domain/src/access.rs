//! Who may do what: roles, sources, and the names of tokens.
//!
//! A token is `mw_ID_SECRET`. The id names it in lists, logs and the audit; only a hash of the secret is kept anywhere. Both
//! are written in 32 letters and digits without those that are taken for another (`i`, `l`, `o`, `u`), in lower case alone:
//! nothing that merely looks like a token is one.

use crate::job_name::JobName;
use std::fmt;

/// What every token begins with, so that scanners for leaked secrets know it.
pub const TOKEN_PREFIX: &str = "mw_";
/// Characters of an id: 60 random bits, so that two are never drawn alike.
pub const TOKEN_ID_CHARS: usize = 12;
/// Characters of a secret: 260 random bits, which nobody guesses however fast they are compared.
pub const TOKEN_SECRET_CHARS: usize = 52;

const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// What somebody may do. None of them includes another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Ask for tasks as the own source, and cancel them.
    Enqueue,
    /// See the tasks of all sources.
    Read,
    /// Cancel, retry, pause and resume whatever there is.
    Operate,
    /// Publish modules.
    Deploy,
    /// Change who may do what, and schedules of any job.
    Admin,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 5] = [Self::Enqueue, Self::Read, Self::Operate, Self::Deploy, Self::Admin];

    /// The word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Enqueue => "enqueue",
            Self::Read => "read",
            Self::Operate => "operate",
            Self::Deploy => "deploy",
            Self::Admin => "admin",
        }
    }

    /// The role that [`Role::as_str`] writes so.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == word)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The source of what the scheduler asks for.
pub const SCHEDULER: &str = "scheduler";
/// Who opens the host's own files, as a source: it stands for nobody who can ask for a task.
pub const OPERATOR: &str = "operator";

/// Why a word cannot be the source of a token.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SourceError {
    /// A source that only the host itself can be: the scheduler, or a job that asks for another.
    #[error("the source is `{source_name}`, which no token can stand for")]
    Reserved {
        /// The word.
        source_name: String,
    },
    /// Not of the syntax of sources.
    #[error("the source is `{source_name}`, expected 1 to 63 of a-z, 0-9 and `-`, starting with a letter")]
    Syntax {
        /// The word, shortened.
        source_name: String,
    },
}

/// Checks that a token can stand for this source.
///
/// # Errors
/// `scheduler`, `job:*`, `operator`, and what is no name.
pub fn check_source(source: &str) -> Result<(), SourceError> {
    let source_name = || source.chars().take(80).collect();
    if matches!(source, SCHEDULER | OPERATOR) || source.starts_with("job:") {
        return Err(SourceError::Reserved { source_name: source_name() });
    }
    // The same syntax as names of jobs.
    JobName::parse(source).map(drop).map_err(|_| SourceError::Syntax { source_name: source_name() })
}

/// The name of a token.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TokenId(String);

impl TokenId {
    /// The id that these random bits make; those beyond 60 count for nothing.
    pub fn from_random(bits: u64) -> Self {
        Self(letters((0..TOKEN_ID_CHARS).map(|place| bits >> (5 * place))))
    }

    /// The id that is written so; none for another text.
    pub fn parse(text: &str) -> Option<Self> {
        (text.len() == TOKEN_ID_CHARS && is_written_right(text)).then(|| Self(text.to_owned()))
    }

    /// As it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TokenId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// The secret part that these random bytes make: five bits of each.
pub fn token_secret(random: &[u8; TOKEN_SECRET_CHARS]) -> String {
    letters(random.iter().map(|byte| u64::from(*byte)))
}

/// The two parts of a token; none if the text is not of its form. Whether it is a token of this host is another question.
pub fn split_token(text: &str) -> Option<(TokenId, &str)> {
    let (id, secret) = text.strip_prefix(TOKEN_PREFIX)?.split_once('_')?;
    let whole = secret.len() == TOKEN_SECRET_CHARS && is_written_right(secret);
    whole.then(|| TokenId::parse(id)).flatten().map(|id| (id, secret))
}

/// A token of these two parts.
pub fn join_token(id: &TokenId, secret: &str) -> String {
    format!("{TOKEN_PREFIX}{id}_{secret}")
}

fn letters(parts: impl Iterator<Item = u64>) -> String {
    parts.map(|part| char::from(ALPHABET[usize::try_from(part % 32).unwrap_or(0)])).collect()
}

fn is_written_right(text: &str) -> bool {
    text.bytes().all(|byte| ALPHABET.contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_made_of_what_is_random_and_comes_apart_again() {
        let id = TokenId::from_random(0x0123_4567_89ab_cdef);
        let mut random = [0; TOKEN_SECRET_CHARS];
        random.iter_mut().zip(0..).for_each(|(byte, place)| *byte = place * 5);
        let secret = token_secret(&random);
        let token = join_token(&id, &secret);
        assert_eq!(token.len(), 68);
        assert_eq!(split_token(&token), Some((id.clone(), secret.as_str())));
        assert_eq!(TokenId::parse(id.as_str()), Some(id));
    }

    #[test]
    fn each_random_bit_counts() {
        let ids: std::collections::BTreeSet<_> = (0..60).map(|bit| TokenId::from_random(1 << bit)).collect();
        assert_eq!(ids.len(), 60);
    }

    #[test]
    fn what_only_looks_like_a_token_is_none() {
        let (id, secret) = ("0123456789ab", "z".repeat(TOKEN_SECRET_CHARS));
        let token = format!("mw_{id}_{secret}");
        assert!(split_token(&token).is_some());
        let almost = [
            token.to_uppercase(),
            format!("{token} "),
            format!(" {token}"),
            token[..token.len() - 1].to_owned(),
            format!("{token}z"),
            token.replacen('z', "l", 1),
            token.replacen('0', "o", 1),
            token.replacen("mw_", "mv_", 1),
            token.replacen("_z", "-z", 1),
            token.replacen('z', "ｚ", 1),
            String::new(),
        ];
        for text in almost {
            assert_eq!(split_token(&text), None, "{text}");
        }
    }

    #[test]
    fn no_token_stands_for_the_host_itself() {
        for source in ["api", "dashboard", "ci", "a-b-1"] {
            assert_eq!(check_source(source), Ok(()));
        }
        for source in ["scheduler", "operator", "job:echo", "job:"] {
            let reserved = SourceError::Reserved { source_name: source.to_owned() };
            assert_eq!(check_source(source), Err(reserved));
        }
        for source in ["", "Api", "sched uler", "ѕcheduler", "1a"] {
            assert!(matches!(check_source(source), Err(SourceError::Syntax { .. })), "{source}");
        }
    }

    #[test]
    fn roles_are_words() {
        for role in Role::ALL {
            assert_eq!(Role::parse(role.as_str()), Some(role));
        }
        assert_eq!(Role::parse("Admin"), None);
    }
}
