//! Tokens: made, used, revoked.

use crate::support::{Fixture, Harness, NOW, at, block_on, job, on_each_store};
use mainworker_domain::access::{Role, TokenId};
use mainworker_domain::audit::Actor;
use mainworker_domain::limits::TOKENS_MAX;
use mainworker_queue::store::Store;
use mainworker_queue::verbs::tokens::{
    AddToken, AddTokenError, NewToken, RevokeToken, Revoked, TokenRefusal, TokenRow, TouchTokens,
};

on_each_store! {
    a_token_is_kept_as_it_was_made
    an_id_is_never_given_twice
    a_revocation_is_for_good
    what_was_revoked_or_expired_stays_to_be_seen
    a_use_is_never_put_back
    only_so_many_are_in_use
}

fn id(number: u64) -> TokenId {
    TokenId::from_random(number)
}

fn new_token(number: u64) -> NewToken {
    NewToken {
        id: id(number),
        source: Some("api".to_owned()),
        jobs: None,
        roles: vec![Role::Enqueue],
        secret_sha256: [7; 32],
        expires_at: None,
    }
}

async fn add(store: &Harness<'_, impl Store>, token: NewToken) -> Result<(), AddTokenError> {
    store.store.add_token(AddToken { token, now: NOW, by: Actor::Operator }).await
}

async fn revoke(store: &Harness<'_, impl Store>, number: u64, seconds: i64) -> Revoked {
    let revoke = RevokeToken { id: id(number), now: at(seconds), by: Actor::Settings };
    store.store.revoke_token(revoke).await.unwrap()
}

async fn row(store: &Harness<'_, impl Store>, number: u64) -> TokenRow {
    let tokens = store.store.tokens().await.unwrap();
    tokens.into_iter().find(|row| row.token.id == id(number)).unwrap()
}

async fn a_token_is_kept_as_it_was_made(store: &Harness<'_, impl Store>) {
    let whole = NewToken {
        jobs: Some(vec![job("b"), job("a")]),
        roles: vec![Role::Operate, Role::Read],
        secret_sha256: [255; 32],
        expires_at: Some(at(60)),
        ..new_token(2)
    };
    let bare = NewToken { source: None, jobs: Some(Vec::new()), roles: Vec::new(), ..new_token(1) };
    add(store, whole.clone()).await.unwrap();
    add(store, bare.clone()).await.unwrap();
    let row = |token| TokenRow {
        token,
        created_at: NOW,
        created_by: Actor::Operator,
        revoked_at: None,
        last_used_at: None,
    };
    assert_eq!(store.store.tokens().await, Ok(vec![row(whole), row(bare)]), "in the order of their making");
}

async fn an_id_is_never_given_twice(store: &Harness<'_, impl Store>) {
    add(store, new_token(1)).await.unwrap();
    add(store, NewToken { expires_at: Some(NOW), ..new_token(2) }).await.unwrap();
    revoke(store, 1, 1).await;
    let before = store.store.tokens().await;
    for number in [1, 2] {
        let other = NewToken { secret_sha256: [8; 32], ..new_token(number) };
        assert_eq!(add(store, other).await, Err(AddTokenError::Refused(TokenRefusal::IdTaken)));
    }
    assert_eq!(store.store.tokens().await, before, "neither that of a revoked nor of an expired one");
}

async fn a_revocation_is_for_good(store: &Harness<'_, impl Store>) {
    add(store, new_token(1)).await.unwrap();
    assert!(row(store, 1).await.is_in_use(NOW));
    assert_eq!(revoke(store, 1, 5).await, Revoked::Now);
    assert_eq!(revoke(store, 1, 9).await, Revoked::Already);
    assert_eq!(revoke(store, 2, 9).await, Revoked::Unknown);
    let row = row(store, 1).await;
    assert_eq!((row.revoked_at, row.is_in_use(NOW)), (Some(at(5)), false));
}

async fn what_was_revoked_or_expired_stays_to_be_seen(store: &Harness<'_, impl Store>) {
    add(store, new_token(1)).await.unwrap();
    add(store, NewToken { expires_at: Some(at(10)), ..new_token(2) }).await.unwrap();
    revoke(store, 1, 1).await;
    let second = row(store, 2).await;
    assert!(second.is_in_use(at(9)) && !second.is_in_use(at(10)), "at its time it is over");
    assert_eq!(store.store.tokens().await.unwrap().len(), 2);
}

async fn a_use_is_never_put_back(store: &Harness<'_, impl Store>) {
    add(store, new_token(1)).await.unwrap();
    for (seconds, expected) in [(5, 5), (3, 5), (9, 9)] {
        let used = vec![(id(1), at(seconds)), (id(7), at(99))];
        store.store.touch_tokens(TouchTokens { used }).await.unwrap();
        assert_eq!(row(store, 1).await.last_used_at, Some(at(expected)));
    }
    assert_eq!(store.store.tokens().await.unwrap().len(), 1, "none is made by its use");
}

async fn only_so_many_are_in_use(store: &Harness<'_, impl Store>) {
    for number in 0..u64::try_from(TOKENS_MAX).unwrap() {
        add(store, new_token(number)).await.unwrap();
    }
    let refusal = TokenRefusal::TooMany { found: TOKENS_MAX, allowed: TOKENS_MAX };
    assert_eq!(add(store, new_token(9_999)).await, Err(AddTokenError::Refused(refusal)));
    revoke(store, 0, 1).await;
    add(store, NewToken { expires_at: Some(at(-1)), ..new_token(9_998) }).await.unwrap();
    add(store, new_token(9_999)).await.unwrap();
    assert!(add(store, new_token(10_000)).await.is_err(), "those that are not in use leave their room");
}

/// Adds tokens, uses and revokes one, and opens the store again.
fn outlives<F: Fixture>() {
    let fixture = F::open();
    let before = block_on(async {
        let store = Harness::new(fixture.store());
        add(&store, new_token(1)).await.unwrap();
        add(&store, new_token(2)).await.unwrap();
        revoke(&store, 1, 1).await;
        store.store.touch_tokens(TouchTokens { used: vec![(id(2), at(3))] }).await.unwrap();
        store.store.tokens().await.unwrap()
    });
    let fixture = fixture.reopen();
    assert_eq!(block_on(fixture.store().tokens()), Ok(before));
}

#[test]
fn tokens_outlive_the_process() {
    outlives::<crate::support::Memory>();
    outlives::<crate::support::Sqlite>();
}
