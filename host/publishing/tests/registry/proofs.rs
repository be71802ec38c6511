//! The user name, the password and the tokens: shown when they are asked for, to the registry and to its service of tokens,
//! and to nobody else.

use crate::client::{
    PASSWORD, USERNAME, blob, credentials, digest, known, manifest, options, pull, registry, registry_with,
};
use crate::scripted::{Answer, Asked, IDENTITY, Server, answer, head};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mainworker_publishing::registry::{Registry, RegistryError, RegistryOptions};
use mainworker_publishing::repository::{Repository, RepositoryError, Tagging};
use std::sync::{Arc, OnceLock};

fn basic() -> String {
    format!("Basic {}", STANDARD.encode(format!("{USERNAME}:{PASSWORD}")))
}

/// What `right` says to whoever shows it the proof, and a challenge for all others.
fn guarded(asked: &Asked, proof: &str, challenge: &str, right: impl FnOnce() -> Answer) -> Answer {
    if asked.header("authorization") == Some(proof) {
        right()
    } else {
        answer(401, &format!("www-authenticate: {challenge}\r\n"), "")
    }
}

/// One that asks for the password and has `module`.
fn asks_for_password() -> Server {
    Server::start(|asked, _| guarded(asked, &basic(), "Basic realm=\"x\"", || answer(200, "", "module")))
}

#[tokio::test]
async fn a_password_is_shown_when_it_is_asked_for_and_then_at_once() {
    let server = asks_for_password();
    let registry = known(&server);
    for _ in 0..2 {
        assert_eq!(pull(&registry, &blob("module")).await.unwrap(), b"module");
    }
    assert_eq!(server.proofs(), [None, Some(basic()), Some(basic())]);
}

#[tokio::test]
async fn a_password_is_not_shown_to_who_does_not_ask() {
    let server = Server::start(|_, _| answer(200, "", "module"));
    pull(&known(&server), &blob("module")).await.unwrap();
    assert_eq!(server.proofs(), [None]);
}

#[tokio::test]
async fn without_the_right_password_there_is_no_way_in() {
    let server = asks_for_password();
    let none = pull(&registry(&server), &blob("module")).await.unwrap_err();
    assert!(matches!(none, RepositoryError::Denied { .. }), "{none}");
    assert!(none.to_string().contains("asks for a user name and a password"), "{none}");

    let other = registry_with(&server, |options| options.credentials = credentials(USERNAME, "another"));
    let wrong = pull(&other, &blob("module")).await.unwrap_err();
    assert!(matches!(wrong, RepositoryError::Denied { .. }), "{wrong}");
    assert_eq!(server.lines().len(), 3, "a password that was not taken is not shown again");
}

#[tokio::test]
async fn a_way_in_that_nobody_knows_is_said() {
    for challenge in ["", "www-authenticate: Negotiate\r\n", "www-authenticate: Bearer service=\"x\"\r\n"] {
        let server = Server::start(move |_, _| answer(401, challenge, ""));
        let error = pull(&known(&server), &blob("module")).await.unwrap_err();
        assert!(error.to_string().contains("neither for a password nor for a token"), "{error}");
        assert_eq!(server.proofs(), [None]);
    }
}

#[tokio::test]
async fn not_being_allowed_is_not_a_question() {
    let server = Server::start(|_, _| {
        answer(403, "www-authenticate: Basic\r\n", r#"{"errors":[{"code":"DENIED","message":"not you"}]}"#)
    });
    let error = pull(&known(&server), &blob("module")).await.unwrap_err();
    assert!(matches!(error, RepositoryError::Denied { .. }), "{error}");
    assert!(error.to_string().ends_with("it answered 403 Forbidden (DENIED: not you)"), "{error}");
    assert_eq!(server.proofs(), [None]);
}

/// One that wants a token, which it gives itself for the password, and has `module`. The first token is taken for three
/// requests.
fn asks_for_token() -> Server {
    Server::start(|asked, n| {
        if asked.line.starts_with("GET /token") {
            let token = if n < 3 { "token-1" } else { "token-2" };
            return guarded(asked, &basic(), "Basic", || {
                answer(200, "", format!(r#"{{"token":"{token}"}}"#))
            });
        }
        let host = asked.header("host").unwrap();
        let challenge =
            format!("Bearer realm=\"http://{host}/token?a=b\",service=\"the registry\",scope=\"x\"");
        let proof = if n < 5 { "Bearer token-1" } else { "Bearer token-2" };
        guarded(asked, proof, &challenge, || answer(200, "", "module"))
    })
}

#[tokio::test]
async fn a_token_is_got_for_the_password_and_got_anew_when_it_is_no_longer_taken() {
    let server = asks_for_token();
    let registry = known(&server);
    for _ in 0..4 {
        assert_eq!(pull(&registry, &blob("module")).await.unwrap(), b"module");
    }
    let [first, second] = ["Bearer token-1", "Bearer token-2"].map(|proof| Some(proof.to_owned()));
    let expected = [
        None,
        Some(basic()),
        first.clone(),
        first.clone(),
        first.clone(),
        first.clone(),
        Some(basic()),
        second.clone(),
    ];
    assert_eq!(server.proofs(), expected);
    let scope = "repository%3Acompany%2Fjobs%3Apull";
    assert_eq!(server.lines()[1], format!("GET /token?a=b&scope={scope}&service=the%20registry"));
}

#[tokio::test]
async fn a_token_for_pushing_is_another_one() {
    let ours = manifest("ours");
    let bytes = ours.bytes.clone();
    let server = Server::start(move |asked, _| {
        if let Some((_, scope)) = asked.line.split_once("scope=") {
            let kind = if scope.contains("push") { "push" } else { "pull" };
            return answer(200, "", format!(r#"{{"access_token":"{kind}"}}"#));
        }
        let host = asked.header("host").unwrap();
        let proof = if asked.line.starts_with("PUT") { "Bearer push" } else { "Bearer pull" };
        let taken = [proof, "Bearer push"].into_iter().find(|one| asked.header("authorization") == Some(one));
        guarded(asked, taken.unwrap_or(proof), &format!("Bearer realm=\"http://{host}/token\""), || {
            match asked.line.split('/').next() {
                Some("PUT ") => answer(201, "", ""),
                _ => answer(200, "", &bytes),
            }
        })
    });
    let registry = registry(&server);
    assert!(registry.resolve("echo-1.0.0").await.unwrap().is_some());
    registry.put_tag("echo-1.0.0", &ours, Tagging::Movable).await.unwrap();
    let tokens = server.lines().iter().filter(|line| line.contains("/token")).count();
    assert_eq!(tokens, 2, "{:?}", server.lines());
}

#[tokio::test]
async fn a_password_does_not_go_to_a_service_without_tls() {
    let elsewhere = Server::start(|_, _| answer(200, "", r#"{"token":"t"}"#));
    let realm = format!("http://{}/token", elsewhere.host);
    let server = Server::start(move |_, _| {
        answer(401, &format!("www-authenticate: Bearer realm=\"{realm}\"\r\n"), "")
    });
    let error = pull(&known(&server), &blob("module")).await.unwrap_err();
    assert!(matches!(error, RepositoryError::Denied { .. }), "{error}");
    assert!(error.to_string().contains("expected `https://`"), "{error}");
    assert_eq!(elsewhere.lines().len(), 0);
}

#[tokio::test]
async fn a_place_of_tokens_that_is_none_is_not_asked() {
    for realm in ["/token", "ftp://x/token", "http://u:p@127.0.0.1/token", "https://127.1/", "https://", "x"]
    {
        let challenge = format!("www-authenticate: Bearer realm=\"{realm}\"\r\n");
        let server = Server::start(move |_, _| answer(401, &challenge, ""));
        let error = pull(&known(&server), &blob("module")).await.unwrap_err();
        assert!(matches!(error, RepositoryError::Malformed { .. }), "{realm}: {error}");
        assert_eq!(server.lines().len(), 1);
    }
}

#[tokio::test]
async fn an_answer_without_a_token_is_none() {
    type Play = fn() -> Answer;
    let cases: [(Play, &str); 6] = [
        (|| Answer::Endless(head(200, "")), "the answer has more than 65536 bytes"),
        (|| answer(200, "", "{}"), "the answer has no token"),
        (|| answer(200, "", r#"{"token":"a\r\nx: y"}"#), "the answer has no token"),
        (|| answer(200, "", r#"{"token":""}"#), "the answer has no token"),
        (|| answer(401, "", "no"), "it answered 401"),
        (|| answer(302, "location: https://elsewhere.example/\r\n", ""), "it answered 302"),
    ];
    for (token, said) in cases {
        let server = Server::start(move |asked, _| {
            let host = asked.header("host").unwrap();
            let challenge = format!("www-authenticate: Bearer realm=\"http://{host}/token\"\r\n");
            if asked.line.starts_with("GET /token") { token() } else { answer(401, &challenge, "") }
        });
        let error = pull(&known(&server), &blob("module")).await.unwrap_err();
        assert!(error.to_string().contains(said), "{error}");
        assert!(error.to_string().contains("for a token"), "{error}");
        assert_eq!(server.lines().len(), 2);
    }
}

/// One that leads whoever shows the password to `target`.
fn leads_to(target: String) -> Server {
    Server::start(move |asked, _| {
        guarded(asked, &basic(), "Basic", || answer(307, &format!("location: {target}\r\n"), ""))
    })
}

#[tokio::test]
async fn who_a_blob_is_got_from_learns_nothing() {
    let elsewhere = Server::start(|_, n| match n {
        // Also one that asks for it, which is answered by nobody.
        0 => answer(200, "", "module"),
        _ => answer(401, "www-authenticate: Basic\r\n", ""),
    });
    let server = leads_to(format!("http://{}/blob?signature=abc", elsewhere.host));
    let registry = known(&server);
    assert_eq!(pull(&registry, &blob("module")).await.unwrap(), b"module");
    let error = pull(&registry, &blob("module")).await.unwrap_err();
    assert!(matches!(error, RepositoryError::Denied { .. }), "{error}");
    assert_eq!(elsewhere.proofs(), [None, None]);
    assert_eq!(elsewhere.lines(), ["GET /blob?signature=abc"; 2]);
    assert_eq!(server.proofs(), [None, Some(basic()), Some(basic())]);
}

#[tokio::test]
async fn what_leads_back_from_elsewhere_is_asked_as_by_a_stranger() {
    let home = Arc::new(OnceLock::new());
    let back = Arc::clone(&home);
    let between = Server::start(move |_, _| {
        answer(302, &format!("location: http://{}/back\r\n", back.get().unwrap()), "")
    });
    let away = format!("location: http://{}/\r\n", between.host);
    let server = Server::start(move |asked, _| {
        if asked.line.starts_with("GET /back") {
            return answer(200, "", "module");
        }
        guarded(asked, &basic(), "Basic", || answer(307, &away, ""))
    });
    home.set(server.host.clone()).unwrap();
    assert_eq!(pull(&known(&server), &blob("module")).await.unwrap(), b"module");
    assert_eq!(server.proofs(), [None, Some(basic()), None]);
    assert_eq!(between.proofs(), [None]);
}

#[tokio::test]
async fn a_path_leads_to_the_registry_itself() {
    let server = Server::start(|asked, _| {
        let target =
            if asked.line.contains("/elsewhere") { None } else { Some("location: /elsewhere#x\r\n") };
        guarded(asked, &basic(), "Basic", || match target {
            Some(location) => answer(302, location, ""),
            None => answer(200, "", "module"),
        })
    });
    assert_eq!(pull(&known(&server), &blob("module")).await.unwrap(), b"module");
    assert_eq!(server.proofs(), [None, Some(basic()), Some(basic())]);
}

#[tokio::test]
async fn being_sent_round_in_circles_ends() {
    let server = Server::start(|asked, _| {
        answer(302, &format!("location: {}\r\n", asked.line.split(' ').nth(1).unwrap()), "")
    });
    let error = pull(&registry(&server), &blob("module")).await.unwrap_err();
    assert!(matches!(error, RepositoryError::Malformed { .. }), "{error}");
    assert!(error.to_string().contains("sends on more than 5 times"), "{error}");
    assert_eq!(server.lines().len(), 6);
}

#[tokio::test]
async fn a_place_to_go_on_that_is_none_is_not_gone_to() {
    for location in
        ["", "location: //elsewhere.example/x\r\n", "location: x\r\n", "location: http://u@127.0.0.1/\r\n"]
    {
        let server = Server::start(move |_, _| answer(302, location, ""));
        let error = pull(&registry(&server), &blob("module")).await.unwrap_err();
        assert!(matches!(error, RepositoryError::Malformed { .. }), "{location}: {error}");
        assert_eq!(server.lines().len(), 1);
    }
}

fn over_tls(options: &mut RegistryOptions) {
    options.plain_http = false;
    options.ca_pem = Some(IDENTITY.pem.clone());
    options.credentials = credentials(USERNAME, PASSWORD);
}

#[tokio::test]
async fn what_begins_over_tls_does_not_go_on_without() {
    let elsewhere = Server::start(|_, _| answer(200, "", "module"));
    let target = format!("http://{}/blob", elsewhere.host);
    let server = Server::over_tls(move |_, _| answer(302, &format!("location: {target}\r\n"), ""));
    let error = pull(&registry_with(&server, over_tls), &blob("module")).await.unwrap_err();
    assert!(matches!(error, RepositoryError::Denied { .. }), "{error}");

    let realm = format!("http://{}/token", elsewhere.host);
    let server = Server::over_tls(move |_, _| {
        answer(401, &format!("www-authenticate: Bearer realm=\"{realm}\"\r\n"), "")
    });
    let error = pull(&registry_with(&server, over_tls), &blob("module")).await.unwrap_err();
    assert!(matches!(error, RepositoryError::Denied { .. }), "{error}");
    assert_eq!(elsewhere.lines().len(), 0);
}

#[tokio::test]
async fn what_was_said_in_confidence_is_not_repeated() {
    let server = Server::start(|asked, _| {
        let proof = asked.header("authorization").unwrap_or("Basic").to_owned();
        let said = format!(r#"{{"errors":[{{"code":"NO","message":"{proof} is {USERNAME}:{PASSWORD}"}}]}}"#);
        answer(if proof == "Basic" { 401 } else { 400 }, "www-authenticate: Basic\r\n", said)
    });
    let registry = known(&server);
    let error = pull(&registry, &blob("module")).await.unwrap_err();
    let (options, _) = options(&server.host);
    let options = RegistryOptions { credentials: credentials(USERNAME, PASSWORD), ..options };
    let shown = format!("{error} {error:?} {registry:?} {options:?}");
    let encoded = basic().split_off("Basic ".len());
    assert!(!shown.contains(PASSWORD) && !shown.contains(&encoded), "{shown}");
    assert!(error.to_string().contains("(NO: Basic *** is somebody:***)"), "{error}");
}

#[tokio::test]
async fn content_that_repeats_it_is_not_quoted() {
    let server = Server::start(|asked, _| {
        let said = format!(r#"{{"schemaVersion":2,"mediaType":"{USERNAME}:{PASSWORD}"}}"#);
        guarded(asked, &basic(), "Basic", || answer(200, "content-type: application/json\r\n", said))
    });
    let error = known(&server).manifest(digest(b"whatever")).await.unwrap_err();
    assert!(matches!(error, RepositoryError::Malformed { .. }), "{error}");
    assert!(!format!("{error} {error:?}").contains(PASSWORD), "{error}");
}

/// A registry could have the host tell what somebody says who is only reached from there.
#[tokio::test]
async fn what_is_said_where_a_registry_leads_is_not_repeated() {
    let elsewhere = Server::start(|_, _| {
        answer(403, "", r#"{"errors":[{"code":"INTERNAL","message":"the plan of the building"}]}"#)
    });
    let target = format!("http://{}/plan", elsewhere.host);
    let server = Server::start(move |_, _| answer(307, &format!("location: {target}\r\n"), ""));
    let error = pull(&registry(&server), &blob("module")).await.unwrap_err();
    assert_eq!(elsewhere.lines(), ["GET /plan"]);
    assert!(matches!(error, RepositoryError::Denied { .. }), "{error}");
    assert!(!error.to_string().contains("building") && error.to_string().contains("403"), "{error}");
}

#[test]
fn credentials_that_cannot_be_sent_are_said_at_once() {
    let server = Server::start(|_, _| answer(200, "", ""));
    for username in ["", "a:b", "a\r\nb"] {
        let (mut options, _) = options(&server.host);
        options.credentials = credentials(username, PASSWORD);
        let error = Registry::new(&options).unwrap_err();
        assert!(matches!(error, RegistryError::Username { .. }), "{error}");
    }
}

#[tokio::test]
async fn an_upload_that_is_led_elsewhere_shows_nothing_there() {
    let elsewhere = Server::start(|_, _| answer(201, "", ""));
    let target = format!("http://{}/upload?state=s", elsewhere.host);
    let server = Server::start(move |asked, _| {
        guarded(asked, &basic(), "Basic", || match asked.line.split(' ').next() {
            Some("HEAD") => answer(404, "", ""),
            _ => answer(202, &format!("location: {target}\r\n"), ""),
        })
    });
    let module = blob("module");
    known(&server).put_blob(&module, &|_| {}).await.unwrap();
    assert_eq!(elsewhere.proofs(), [None]);
    assert_eq!(elsewhere.lines(), [format!("PUT /upload?state=s&digest={}", digest(b"module"))]);
    assert_eq!(elsewhere.asked()[0].body, b"module");
}
