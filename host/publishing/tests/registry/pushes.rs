//! What is pushed stands there under its digest, and a version leads to one manifest for ever.

use crate::client::{MANIFEST, blob, content, manifest, registry, registry_with};
use crate::scripted::{Answer, Server, answer, head};
use mainworker_domain::limits::{MODULE_BYTES_MAX, OCI_MANIFEST_BYTES_MAX};
use mainworker_publishing::repository::{Repository, RepositoryError, Tagging};
use std::sync::Mutex;

const TAG: &str = "echo-1.0.0";
const TAG_PATH: &str = "/v2/company/jobs/manifests/echo-1.0.0";

/// The method of a request.
fn method(line: &str) -> &str {
    line.split(' ').next().unwrap()
}

#[tokio::test]
async fn a_blob_is_pushed_in_one_piece_with_its_digest() {
    let module = blob(vec![3; 200_000]);
    let server = Server::start(|asked, _| match method(&asked.line) {
        "HEAD" => answer(404, "", ""),
        "POST" => answer(202, "location: /v2/company/jobs/blobs/uploads/1\r\n", ""),
        _ => answer(201, "", ""),
    });
    let heard = Mutex::new(Vec::new());
    registry(&server).put_blob(&module, &|bytes| heard.lock().unwrap().push(bytes)).await.unwrap();
    let digest = module.descriptor.digest;
    let blobs = "/v2/company/jobs/blobs";
    assert_eq!(
        server.lines(),
        [
            format!("HEAD {blobs}/{digest}"),
            format!("POST {blobs}/uploads/"),
            format!("PUT {blobs}/uploads/1?digest={digest}"),
        ]
    );
    assert_eq!(server.asked()[2].body, module.bytes);
    assert_eq!(server.asked()[1].header("content-length"), Some("0"));
    let heard = heard.into_inner().unwrap();
    assert!(heard.is_sorted() && heard.last() == Some(&200_000), "{heard:?}");
}

#[tokio::test]
async fn a_blob_that_is_there_is_not_pushed() {
    for there in [
        || answer(307, "location: http://127.0.0.1:9/\r\n", ""),
        || Answer::Bytes(head(200, "content-length: 6\r\n")),
        || Answer::Bytes(head(200, "")),
    ] {
        let server = Server::start(move |_, _| there());
        registry(&server).put_blob(&blob("module"), &|_| {}).await.unwrap();
        assert_eq!(server.lines().len(), 1);
    }
    let server = Server::start(|_, _| Answer::Bytes(head(200, "content-length: 7\r\n")));
    let error = registry(&server).put_blob(&blob("module"), &|_| {}).await.unwrap_err();
    assert!(matches!(error, RepositoryError::OtherContent { .. }), "{error}");
}

#[tokio::test]
async fn an_upload_that_breaks_begins_anew() {
    let server = Server::start(|asked, n| match method(&asked.line) {
        "HEAD" => answer(404, "", ""),
        "POST" => answer(202, &format!("location: /v2/company/jobs/blobs/uploads/{n}\r\n"), ""),
        _ if n < 3 => Answer::Bytes(Vec::new()),
        _ => answer(201, "", ""),
    });
    registry(&server).put_blob(&blob("module"), &|_| {}).await.unwrap();
    let methods: Vec<_> = server.lines().iter().map(|line| method(line).to_owned()).collect();
    assert_eq!(methods, ["HEAD", "POST", "PUT", "POST", "PUT"]);
    assert!(server.lines()[4].contains("/uploads/3?digest="), "{:?}", server.lines());
}

#[tokio::test]
async fn an_upload_that_nobody_answers_is_given_up() {
    let server = Server::start(|asked, _| match method(&asked.line) {
        "HEAD" => answer(404, "", ""),
        "POST" => answer(202, "location: /u\r\n", ""),
        _ => Answer::Silent(Vec::new()),
    });
    let registry = registry_with(&server, |options| options.answer_ms = 200);
    let error = registry.put_blob(&blob("module"), &|_| {}).await.unwrap_err();
    assert!(matches!(error, RepositoryError::Unavailable { .. }), "{error}");
    assert!(error.to_string().contains("no answer came within 200 ms"), "{error}");
}

#[tokio::test]
async fn what_is_too_large_is_not_pushed() {
    let server = Server::start(|_, _| answer(201, "", ""));
    let size = usize::try_from(MODULE_BYTES_MAX).unwrap() + 1;
    let error = registry(&server).put_blob(&blob(vec![0; size]), &|_| {}).await.unwrap_err();
    assert!(matches!(error, RepositoryError::TooLarge { .. }), "{error}");
    let size = usize::try_from(OCI_MANIFEST_BYTES_MAX).unwrap() + 1;
    let error = registry(&server).put_manifest(&content(MANIFEST, vec![b' '; size])).await.unwrap_err();
    assert!(matches!(error, RepositoryError::TooLarge { .. }), "{error}");
    assert_eq!(server.lines().len(), 0);
}

#[tokio::test]
async fn a_manifest_is_put_under_its_digest_as_it_is() {
    let ours = manifest("ours");
    let server = Server::start(|_, _| answer(201, "", ""));
    registry(&server).put_manifest(&ours).await.unwrap();
    let asked = &server.asked()[0];
    assert_eq!(asked.line, format!("PUT /v2/company/jobs/manifests/{}", ours.descriptor.digest));
    assert_eq!((asked.header("content-type"), &asked.body), (Some(MANIFEST), &ours.bytes));

    let other = manifest("other").descriptor.digest;
    let server = Server::start(move |_, _| answer(201, &format!("docker-content-digest: {other}\r\n"), ""));
    let error = registry(&server).put_manifest(&ours).await.unwrap_err();
    assert!(matches!(error, RepositoryError::OtherContent { .. }), "{error}");
}

#[tokio::test]
async fn a_registry_that_takes_nothing_says_so() {
    let unsupported = r#"{"errors":[{"code":"UNSUPPORTED","message":"The operation is unsupported."}]}"#;
    let server = Server::start(move |asked, _| match method(&asked.line) {
        "HEAD" | "GET" => answer(404, "", ""),
        _ => answer(405, "", unsupported),
    });
    let registry = registry(&server);
    for error in [
        registry.put_blob(&blob("module"), &|_| {}).await.unwrap_err(),
        registry.put_manifest(&manifest("ours")).await.unwrap_err(),
        registry.put_tag(TAG, &manifest("ours"), Tagging::Fixed).await.unwrap_err(),
    ] {
        assert!(matches!(error, RepositoryError::Denied { .. }), "{error}");
        assert!(error.to_string().contains("UNSUPPORTED"), "{error}");
    }
}

/// What a registry says of a tag: at each reading the next of these, the last of them for ever.
fn tag_is(states: Vec<Option<&'static str>>, put: fn(usize) -> Answer) -> Server {
    let reads = Mutex::new(states.into_iter());
    let last = Mutex::new(None);
    let puts = Mutex::new(0);
    Server::start(move |asked, _| match method(&asked.line) {
        "PUT" => {
            let mut puts = puts.lock().unwrap();
            *puts += 1;
            put(*puts)
        }
        _ => {
            let mut last = last.lock().unwrap();
            if let Some(next) = reads.lock().unwrap().next() {
                *last = Some(next);
            }
            match (*last).flatten() {
                Some(name) => answer(200, "", manifest(name).bytes),
                None => answer(404, "", ""),
            }
        }
    })
}

/// What became of setting the tag to `ours`, and what the registry was asked.
async fn set(server: &Server, tagging: Tagging) -> (Result<(), RepositoryError>, Vec<String>) {
    let result = registry(server).put_tag(TAG, &manifest("ours"), tagging).await;
    (result, server.lines().iter().map(|line| line.replace(TAG_PATH, "tag")).collect())
}

fn created(_: usize) -> Answer {
    answer(201, "", "")
}

#[track_caller]
fn assert_moved(result: Result<(), RepositoryError>, name: &str) {
    match result {
        Err(RepositoryError::TagMoved { tag, found, expected, .. }) => {
            assert_eq!(tag, TAG);
            assert_eq!(found, manifest(name).descriptor.digest);
            assert_eq!(expected, manifest("ours").descriptor.digest);
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_new_tag_is_set_and_looked_at() {
    let server = tag_is(vec![None, Some("ours")], created);
    let (result, lines) = set(&server, Tagging::Fixed).await;
    result.unwrap();
    assert_eq!(lines, ["GET tag", "PUT tag", "GET tag"]);
}

#[tokio::test]
async fn a_tag_that_leads_there_already_is_left() {
    let server = tag_is(vec![Some("ours")], created);
    let (result, lines) = set(&server, Tagging::Fixed).await;
    result.unwrap();
    assert_eq!(lines, ["GET tag", "GET tag"]);
}

#[tokio::test]
async fn a_version_is_not_moved() {
    let server = tag_is(vec![Some("other")], created);
    let (result, lines) = set(&server, Tagging::Fixed).await;
    assert_moved(result, "other");
    assert_eq!(lines, ["GET tag"]);
}

#[tokio::test]
async fn a_tag_that_changes_between_two_looks_is_noticed() {
    let server = tag_is(vec![None, Some("other")], created);
    let (result, lines) = set(&server, Tagging::Fixed).await;
    assert_moved(result, "other");
    assert_eq!(lines, ["GET tag", "PUT tag", "GET tag"]);
}

#[tokio::test]
async fn what_another_set_between_two_tries_is_not_put_over() {
    let server = tag_is(vec![None, Some("other")], |_| Answer::Bytes(Vec::new()));
    let (result, lines) = set(&server, Tagging::Fixed).await;
    assert_moved(result, "other");
    assert_eq!(lines, ["GET tag", "PUT tag", "GET tag"]);
}

#[tokio::test]
async fn a_try_that_was_done_all_the_same_is_not_repeated() {
    let server = tag_is(vec![None, Some("ours")], |_| answer(502, "", ""));
    let (result, lines) = set(&server, Tagging::Fixed).await;
    result.unwrap();
    assert_eq!(lines, ["GET tag", "PUT tag", "GET tag", "GET tag"]);
}

#[tokio::test]
async fn a_list_is_moved_without_a_look() {
    let server = tag_is(vec![Some("other")], created);
    let (result, lines) = set(&server, Tagging::Movable).await;
    result.unwrap();
    assert_eq!(lines, ["PUT tag"]);
}

#[tokio::test]
async fn a_tag_that_was_set_and_is_not_there_is_missing() {
    let server = tag_is(vec![None], created);
    let (result, _) = set(&server, Tagging::Fixed).await;
    let error = result.unwrap_err();
    assert!(matches!(error, RepositoryError::Missing { .. }), "{error}");
}
