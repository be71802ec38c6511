//! Who may ask for something.

use super::change::Writing;
use super::failure::Failure;
use super::rows::{actor, job_name, read_list, write_list};
use super::session::Session;
use super::sql;
use crate::verbs::tokens::{AddToken, NewToken, RevokeToken, Revoked, TokenRefusal, TokenRow, TouchTokens};
use mainworker_domain::access::{Role, TokenId};
use mainworker_domain::audit::{Action, Object};
use mainworker_domain::job_name::JobName;
use mainworker_domain::lifecycle::Timestamp;
use mainworker_domain::limits::TOKENS_MAX;
use rusqlite::{Row, params};

impl Writing<'_, '_> {
    pub(super) fn add_token(&mut self, add: &AddToken) -> Result<Result<(), TokenRefusal>, Failure> {
        let AddToken { token, now, by } = add;
        if self.revoked_at(&token.id)?.is_some() {
            return Ok(Err(TokenRefusal::IdTaken));
        }
        let found =
            self.session.first(sql::TOKENS_IN_USE, params![now.as_ms()], |row| Ok(row.get::<_, i64>(0)?))?;
        let found = found.and_then(|found| usize::try_from(found).ok()).unwrap_or(0);
        if found >= TOKENS_MAX {
            return Ok(Err(TokenRefusal::TooMany { found, allowed: TOKENS_MAX }));
        }
        let created_by = self.known.add_actor(self.session, by)?;
        let jobs =
            token.jobs.as_ref().map(|jobs| write_list(jobs.iter().map(JobName::as_str))).transpose()?;
        self.session.execute(
            sql::ADD_TOKEN,
            params![
                token.id.as_str(),
                token.source,
                jobs,
                write_list(token.roles.iter().map(|role| role.as_str()))?,
                token.secret_sha256,
                now.as_ms(),
                created_by,
                token.expires_at.map(Timestamp::as_ms),
            ],
        )?;
        let object = Object::Token(token.id.clone());
        self.note(*now, Some(by), Action::TokenCreated, &object, Some(&token.detail()))?;
        Ok(Ok(()))
    }

    pub(super) fn revoke_token(&mut self, revoke: &RevokeToken) -> Result<Revoked, Failure> {
        match self.revoked_at(&revoke.id)? {
            None => Ok(Revoked::Unknown),
            Some(Some(_)) => Ok(Revoked::Already),
            Some(None) => {
                self.session.execute(sql::REVOKE_TOKEN, params![revoke.id.as_str(), revoke.now.as_ms()])?;
                let object = Object::Token(revoke.id.clone());
                self.note(revoke.now, Some(&revoke.by), Action::TokenRevoked, &object, None)?;
                Ok(Revoked::Now)
            }
        }
    }

    pub(super) fn touch_tokens(&mut self, touch: &TouchTokens) -> Result<(), Failure> {
        for (id, at) in &touch.used {
            self.session.execute(sql::TOUCH_TOKEN, params![id.as_str(), at.as_ms()])?;
        }
        Ok(())
    }

    /// When a token that is there was revoked, if it was.
    fn revoked_at(&self, id: &TokenId) -> Result<Option<Option<i64>>, Failure> {
        self.session.first(sql::TOKEN_REVOKED_AT, params![id.as_str()], |row| Ok(row.get(0)?))
    }
}

pub(super) fn tokens(session: &Session<'_>) -> Result<Vec<TokenRow>, Failure> {
    session.all(sql::TOKENS, [], token)
}

fn token(row: &Row<'_>) -> Result<TokenRow, Failure> {
    let time = |column| -> Result<Option<Timestamp>, rusqlite::Error> {
        Ok(row.get::<_, Option<i64>>(column)?.map(Timestamp::from_ms))
    };
    let damaged = |what: &str| Failure::Damaged(format!("a token says `{what}`, which is unknown"));
    let id: String = row.get(0)?;
    let jobs: Option<String> = row.get(2)?;
    let roles: String = row.get(3)?;
    let jobs = jobs.map(|jobs| read_list(&jobs)?.into_iter().map(job_name).collect()).transpose()?;
    let role = |word: String| Role::parse(&word).ok_or_else(|| damaged(&word));
    let created_by: String = row.get(6)?;
    Ok(TokenRow {
        token: NewToken {
            id: TokenId::parse(&id).ok_or_else(|| damaged(&id))?,
            source: row.get(1)?,
            jobs,
            roles: read_list(&roles)?.into_iter().map(role).collect::<Result<_, _>>()?,
            secret_sha256: row.get(4)?,
            expires_at: time(7)?,
        },
        created_at: Timestamp::from_ms(row.get(5)?),
        created_by: actor(&created_by)?,
        revoked_at: time(8)?,
        last_used_at: time(9)?,
    })
}
