//! Who may ask for something.

use super::rows::Rows;
use crate::verbs::tokens::{AddToken, RevokeToken, Revoked, TokenRefusal, TokenRow, TouchTokens};
use mainworker_domain::access::TokenId;
use mainworker_domain::audit::{Action, Object};
use mainworker_domain::limits::TOKENS_MAX;

impl Rows {
    pub(super) fn add_token(&mut self, add: AddToken) -> Result<(), TokenRefusal> {
        let AddToken { token, now, by } = add;
        if self.tokens.iter().any(|row| row.token.id == token.id) {
            return Err(TokenRefusal::IdTaken);
        }
        let found = self.tokens.iter().filter(|row| row.is_in_use(now)).count();
        if found >= TOKENS_MAX {
            return Err(TokenRefusal::TooMany { found, allowed: TOKENS_MAX });
        }
        let (object, detail) = (Object::Token(token.id.clone()), token.detail());
        self.note(now, Some(&by), Action::TokenCreated, object, Some(detail));
        let row = TokenRow { token, created_at: now, created_by: by, revoked_at: None, last_used_at: None };
        self.tokens.push(row);
        Ok(())
    }

    pub(super) fn revoke_token(&mut self, revoke: &RevokeToken) -> Revoked {
        let Some(row) = self.token_mut(&revoke.id) else { return Revoked::Unknown };
        if row.revoked_at.is_some() {
            return Revoked::Already;
        }
        row.revoked_at = Some(revoke.now);
        let object = Object::Token(revoke.id.clone());
        self.note(revoke.now, Some(&revoke.by), Action::TokenRevoked, object, None);
        Revoked::Now
    }

    pub(super) fn touch_tokens(&mut self, touch: &TouchTokens) {
        for (id, at) in &touch.used {
            if let Some(row) = self.token_mut(id) {
                row.last_used_at = row.last_used_at.max(Some(*at));
            }
        }
    }

    fn token_mut(&mut self, id: &TokenId) -> Option<&mut TokenRow> {
        self.tokens.iter_mut().find(|row| row.token.id == *id)
    }
}
