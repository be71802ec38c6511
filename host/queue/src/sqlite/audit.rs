//! Who wanted what.

use super::change::Writing;
use super::failure::Failure;
use super::rows::{actor, limit, place_in, place_out};
use super::session::Session;
use super::sql;
use crate::verbs::audit::{AuditPage, AuditRow, PruneAudit, ReadAudit};
use mainworker_domain::audit::{Action, Actor, AuditEntry, Object};
use mainworker_domain::lifecycle::Timestamp;
use rusqlite::types::Value;
use rusqlite::{Row, params, params_from_iter};

impl Writing<'_, '_> {
    /// Writes down that somebody wanted something, if it was somebody.
    pub(super) fn note(
        &mut self,
        at: Timestamp,
        by: Option<&Actor>,
        action: Action,
        object: &Object,
        detail: Option<&str>,
    ) -> Result<(), Failure> {
        let Some(by) = by else { return Ok(()) };
        let actor = self.known.add_actor(self.session, by)?;
        self.session.execute(
            sql::ADD_AUDIT,
            params![at.as_ms(), actor, action.as_str(), object.kind(), object.name(), detail],
        )?;
        Ok(())
    }

    pub(super) fn prune_audit(&mut self, prune: &PruneAudit) -> Result<u64, Failure> {
        let bounds = params![prune.before.as_ms(), limit(prune.entries_max)];
        let deleted = self.session.execute(sql::PRUNE_AUDIT, bounds)?;
        Ok(u64::try_from(deleted).unwrap_or(u64::MAX))
    }
}

pub(super) fn audit(session: &Session<'_>, read: &ReadAudit) -> Result<AuditPage, Failure> {
    let mut page = AuditPage::default();
    let (entries_max, examined_max) = (read.entries_max.max(1), read.examined_max.max(1));
    let bounds = [read.before.map_or(i64::MAX, place_in), limit(examined_max.saturating_add(1))];
    let mut keys: Vec<Value> = bounds.into_iter().map(Value::from).collect();
    let sql = match (&read.filter.object, &read.filter.actor) {
        (Some(object), _) => {
            keys.extend([Value::from(object.kind().to_owned()), Value::from(object.name())]);
            sql::AUDIT_BY_OBJECT
        }
        (None, Some(actor)) => {
            let id =
                session.first(sql::ACTOR_ID, params![actor.to_string()], |row| Ok(row.get::<_, i64>(0)?))?;
            let Some(id) = id else { return Ok(page) };
            keys.push(Value::from(id));
            sql::AUDIT_BY_ACTOR
        }
        (None, None) => sql::AUDIT,
    };

    let mut statement = session.statement(sql)?;
    let mut rows = statement.query(params_from_iter(keys))?;
    let mut last = None;
    let mut examined = 0;
    while let Some(row) = rows.next()? {
        if page.entries.len() >= entries_max || examined >= examined_max {
            page.next = last;
            break;
        }
        let row = audit_row(row)?;
        last = Some(row.number);
        examined += 1;
        if read.filter.contains(&row.entry) {
            page.entries.push(row);
        }
    }
    Ok(page)
}

fn audit_row(row: &Row<'_>) -> Result<AuditRow, Failure> {
    let text = |column| -> Result<&str, rusqlite::Error> { Ok(row.get_ref(column)?.as_str()?) };
    let (action, kind, name) = (text(3)?, text(4)?, text(5)?);
    let damaged = |what: &str| Failure::Damaged(format!("the audit says `{what}`, which is unknown"));
    Ok(AuditRow {
        number: place_out(row.get(0)?),
        entry: AuditEntry {
            at: Timestamp::from_ms(row.get(1)?),
            actor: actor(text(2)?)?,
            action: Action::parse(action).ok_or_else(|| damaged(action))?,
            object: Object::parse(kind, name).ok_or_else(|| damaged(&format!("{kind} {name}")))?,
            detail: row.get(6)?,
        },
    })
}
