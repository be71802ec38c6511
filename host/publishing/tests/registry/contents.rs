//! What is pulled is what was asked for, or an error, soon, and without the memory that somebody else would like.

use crate::client::{
    INDEX, MANIFEST, blob, content, digest, manifest, options, pull, registry, registry_with,
};
use crate::scripted::{Answer, IDENTITY, Server, answer, head};
use mainworker_domain::limits::{MODULE_BYTES_MAX, OCI_MANIFEST_BYTES_MAX};
use mainworker_publishing::registry::{Registry, RegistryError};
use mainworker_publishing::repository::{Repository, RepositoryError};
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// The error of a pull that ends as `variant` and names where it happened.
macro_rules! assert_error {
    ($result:expr, $variant:ident, $server:expr, $said:expr) => {{
        let error = $result.unwrap_err();
        let text = error.to_string();
        assert!(matches!(error, RepositoryError::$variant { .. }), "{text}");
        assert!(text.contains(&format!("oci://{}/company/jobs", $server.host)), "{text}");
        assert!(text.contains($said), "{text}");
    }};
}

#[tokio::test]
async fn a_blob_comes_piece_by_piece_and_whole() {
    let module = blob(vec![7; 300_000]);
    let bytes = module.bytes.clone();
    let server = Server::start(move |_, _| answer(200, "", &bytes));
    let heard = Mutex::new(Vec::new());
    let pulled = registry(&server).blob(&module.descriptor, &|bytes| heard.lock().unwrap().push(bytes)).await;
    assert_eq!(pulled.unwrap(), module.bytes);
    let heard = heard.into_inner().unwrap();
    assert!(heard.is_sorted() && heard.last() == Some(&300_000), "{heard:?}");
    assert_eq!(server.lines(), [format!("GET /v2/company/jobs/blobs/{}", module.descriptor.digest)]);
}

#[tokio::test]
async fn a_length_is_not_needed() {
    let module = blob("module");
    let server = Server::start(|_, n| match n {
        0 => Answer::Bytes([head(200, ""), b"module".to_vec()].concat()),
        _ => Answer::Bytes(
            [head(200, "transfer-encoding: chunked\r\n"), b"6\r\nmodule\r\n0\r\n\r\n".to_vec()].concat(),
        ),
    });
    for _ in 0..2 {
        assert_eq!(pull(&registry(&server), &module).await.unwrap(), b"module");
    }
}

#[tokio::test]
async fn other_bytes_are_not_taken_and_not_asked_for_again() {
    let module = blob("module");
    let server = Server::start(|_, _| answer(200, "docker-content-digest: sha256:00\r\n", "modula"));
    let said = format!("found {}, expected {}", digest(b"modula"), module.descriptor.digest);
    assert_error!(pull(&registry(&server), &module).await, OtherContent, server, &said);
    assert_eq!(server.lines().len(), 1);
}

#[tokio::test]
async fn bytes_of_another_number_are_not_taken_whatever_the_length_says() {
    let module = blob("module");
    for (bytes, said) in [
        ([head(200, "content-length: 7\r\n"), b"module!".to_vec()].concat(), "more than 6 bytes"),
        ([head(200, "content-length: 5\r\n"), b"modul".to_vec()].concat(), "found 5 bytes"),
        // What stands behind the length is not of this answer.
        ([head(200, "content-length: 5\r\n"), b"module".to_vec()].concat(), "found 5 bytes"),
        ([head(200, ""), b"module!".to_vec()].concat(), "more than 6 bytes"),
        (
            [head(200, "transfer-encoding: chunked\r\n"), b"5\r\nmodul\r\n0\r\n\r\n".to_vec()].concat(),
            "found 5 bytes",
        ),
        (head(200, "content-length: 1844674407370955161\r\n"), "more than 6 bytes"),
    ] {
        let server = Server::start(move |_, _| Answer::Bytes(bytes.clone()));
        assert_error!(pull(&registry(&server), &module).await, OtherContent, server, said);
        assert_eq!(server.lines().len(), 1);
    }
}

#[tokio::test]
async fn what_never_ends_is_left_where_it_has_to_end() {
    let module = blob("module");
    let server = Server::start(|_, _| Answer::Endless(head(200, "")));
    let registry = registry(&server);
    assert_error!(pull(&registry, &module).await, OtherContent, server, "more than 6 bytes");
    let asked = digest(b"x");
    assert_error!(registry.manifest(asked).await, TooLarge, server, "expected at most 4194304 bytes");
    assert_error!(registry.resolve("echo-1.0.0").await, TooLarge, server, "the manifest");
    assert_error!(registry.tags().await, TooLarge, server, "the list of tags");
    assert_eq!(server.lines().len(), 4);
}

#[tokio::test]
async fn what_is_refused_without_an_end_is_refused() {
    let server = Server::start(|_, _| Answer::Endless(head(403, "")));
    assert_error!(pull(&registry(&server), &blob("m")).await, Denied, server, "403 Forbidden");
}

#[tokio::test]
async fn a_manifest_of_a_hundred_mebibytes_is_not_read() {
    let server = Server::start(|_, _| Answer::Endless(head(200, "content-length: 104857600\r\n")));
    let registry = registry(&server);
    assert_error!(registry.manifest(digest(b"x")).await, TooLarge, server, "more than 4194304 bytes");
    assert_error!(registry.resolve("echo-1.0.0").await, TooLarge, server, "more than 4194304 bytes");
}

#[tokio::test]
async fn a_blob_that_is_larger_than_any_module_is_not_asked_for() {
    let server = Server::start(|_, _| answer(200, "", ""));
    let mut module = blob("m");
    module.descriptor.size = MODULE_BYTES_MAX + 1;
    assert_error!(
        pull(&registry(&server), &module).await,
        TooLarge,
        server,
        "expected at most 67108864 bytes"
    );
    assert_eq!(server.lines().len(), 0);
}

#[tokio::test]
async fn what_says_no_more_is_given_up() {
    for bytes in
        [Vec::new(), b"HTTP/1.1 200".to_vec(), [head(200, "content-length: 6\r\n"), b"mod".to_vec()].concat()]
    {
        let server = Server::start(move |_, _| Answer::Silent(bytes.clone()));
        let registry = registry_with(&server, |options| options.answer_ms = 200);
        let begin = Instant::now();
        assert_error!(pull(&registry, &blob("module")).await, Unavailable, server, "200 ms");
        assert!(begin.elapsed() < Duration::from_secs(20), "{:?}", begin.elapsed());
        assert_eq!(server.lines().len(), 3, "it may have been the way");
    }
}

#[tokio::test]
async fn what_drips_is_given_up_at_once_and_for_good() {
    let server = Server::start(|_, _| Answer::Drip(head(200, "")));
    let registry = registry_with(&server, |options| options.transfer_ms = 500);
    let module = blob(vec![b'x'; 1 << 20]);
    assert_error!(pull(&registry, &module).await, Unavailable, server, "not done within 500 ms");
    assert_error!(registry.manifest(digest(b"x")).await, Unavailable, server, "not done within 500 ms");
    assert_eq!(server.lines().len(), 2);
}

#[tokio::test]
async fn a_head_that_never_ends_is_an_error() {
    let server = Server::start(|_, _| Answer::Endless(b"HTTP/1.1 200 OK\r\nx: ".to_vec()));
    assert_error!(pull(&registry(&server), &blob("m")).await, Unavailable, server, "");
}

#[tokio::test]
async fn a_manifest_has_the_digest_and_the_kind_that_it_says() {
    let ours = manifest("ours");
    let (bytes, asked) = (ours.bytes.clone(), ours.descriptor.digest);
    let typed = |media_type: &str| format!("content-type: {media_type}\r\n");
    let good = [typed(MANIFEST), typed(&format!("{MANIFEST}; charset=utf-8")), String::new()];
    for headers in good {
        let bytes = bytes.clone();
        let server = Server::start(move |_, _| answer(200, &headers, &bytes));
        assert_eq!(registry(&server).manifest(asked).await.unwrap(), ours);
        assert_eq!(registry(&server).resolve("echo-1.0.0").await.unwrap(), Some(ours.descriptor.clone()));
    }

    let other = Server::start(|_, _| answer(200, "", manifest("other").bytes));
    assert_error!(registry(&other).manifest(asked).await, OtherContent, other, &asked.to_string());

    let another_digest = format!("docker-content-digest: {}\r\n", digest(b"other"));
    let liar = Server::start({
        let bytes = bytes.clone();
        move |_, _| answer(200, &another_digest, &bytes)
    });
    assert_error!(
        registry(&liar).resolve("echo-1.0.0").await,
        OtherContent,
        liar,
        &digest(b"other").to_string()
    );

    for (headers, body, said) in [
        (typed(INDEX), bytes.clone(), "calls itself"),
        (typed(MANIFEST), b"<html>".to_vec(), "the manifest is none"),
        (String::new(), b"{}".to_vec(), "nothing says what kind"),
    ] {
        let server = Server::start(move |_, _| answer(200, &headers, &body));
        assert_error!(registry(&server).resolve("echo-1.0.0").await, Malformed, server, said);
    }
}

#[tokio::test]
async fn what_is_not_there_is_missing() {
    let server = Server::start(|_, _| {
        answer(404, "", r#"{"errors":[{"code":"MANIFEST_UNKNOWN","message":"unknown"}]}"#)
    });
    let registry = registry(&server);
    assert_eq!(registry.resolve("echo-1.0.0").await.unwrap(), None);
    assert!(registry.tags().await.unwrap().is_empty());
    assert_error!(registry.manifest(digest(b"x")).await, Missing, server, "the manifest is not there");
    let module = blob("m");
    let said = format!("the blob {} is not there", module.descriptor.digest);
    assert_error!(pull(&registry, &module).await, Missing, server, &said);
}

#[tokio::test]
async fn a_text_that_is_no_tag_is_not_sent() {
    let server = Server::start(|_, _| answer(200, "", ""));
    for tag in ["", ".", "-a", "../../a", "a/b", "a?b", "a b", "ä", &"a".repeat(129)] {
        assert_error!(registry(&server).resolve(tag).await, Malformed, server, "it is no tag");
    }
    assert_eq!(server.lines().len(), 0);
}

#[tokio::test]
async fn tags_come_in_pages() {
    let server = Server::start(|asked, _| match asked.line.split_once('?').unwrap().1 {
        "n=1000" => answer(
            200,
            // Nobody is asked elsewhere for it.
            "link: <http://127.0.0.1:9/v2/other/tags/list?n=1000&last=b>; rel=\"next\"\r\n",
            r#"{"name":"company/jobs","tags":["a-1.0.0","b"]}"#,
        ),
        _ => answer(200, "", r#"{"tags":["c"]}"#),
    });
    assert_eq!(registry(&server).tags().await.unwrap(), ["a-1.0.0", "b", "c"]);
    let list = "GET /v2/company/jobs/tags/list";
    assert_eq!(server.lines(), [format!("{list}?n=1000"), format!("{list}?n=1000&last=b")]);
}

#[tokio::test]
async fn pages_without_an_end_are_left() {
    let same = Server::start(|_, _| answer(200, "link: </x?n=1000>; rel=\"next\"\r\n", r#"{"tags":["a"]}"#));
    assert_error!(registry(&same).tags().await, Malformed, same, "follows itself");

    let small = Server::start(|_, n| {
        answer(200, &format!("link: </x?last={n}>; rel=\"next\"\r\n"), r#"{"tags":["a"]}"#)
    });
    assert_error!(registry(&small).tags().await, Malformed, small, "more than 1000 pages");
    assert_eq!(small.lines().len(), 1000);

    let page = format!(r#"{{"tags":["{}"]}}"#, ["a".repeat(100).as_str(); 30_000].join("\",\""));
    assert!(page.len() as u64 > OCI_MANIFEST_BYTES_MAX / 2);
    let large =
        Server::start(move |_, n| answer(200, &format!("link: </x?last={n}>; rel=\"next\"\r\n"), &page));
    assert_error!(registry(&large).tags().await, TooLarge, large, "the list of tags");
    assert!(large.lines().len() < 5);
}

#[tokio::test]
async fn a_list_with_something_else_in_it_is_none() {
    for body in ["<html>", r#"{"tags":["../a"]}"#, r#"{"tags":[1]}"#] {
        let server = Server::start(move |_, _| answer(200, "", body));
        assert_error!(registry(&server).tags().await, Malformed, server, "list of tags");
    }
}

#[tokio::test]
async fn tls_is_with_whoever_the_authorities_vouch_for() {
    let module = blob("module");
    let server = Server::over_tls(|_, _| answer(200, "", "module"));
    let trusting = registry_with(&server, |options| {
        options.plain_http = false;
        options.ca_pem = Some(IDENTITY.pem.clone());
    });
    assert_eq!(pull(&trusting, &module).await.unwrap(), b"module");

    let other = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap().cert.pem();
    let (mut strict, waits) = options(&server.host);
    (strict.plain_http, strict.ca_pem) = (false, Some(other));
    assert_error!(pull(&Registry::new(&strict).unwrap(), &module).await, Unavailable, server, "certificate");
    assert_eq!((server.lines().len(), waits.lock().unwrap().len()), (1, 0), "it would be the same again");
}

#[test]
fn certificates_that_are_none_are_said_at_once() {
    let server = Server::start(|_, _| answer(200, "", ""));
    for pem in ["", "no", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
        let (mut options, _) = options(&server.host);
        options.ca_pem = Some(pem.to_owned());
        let error = Registry::new(&options).unwrap_err();
        assert!(matches!(error, RegistryError::Authorities { .. }), "{error}");
    }
}

#[tokio::test]
async fn an_index_is_a_manifest_too() {
    let index = content(INDEX, format!(r#"{{"schemaVersion":2,"mediaType":"{INDEX}","manifests":[]}}"#));
    let bytes = index.bytes.clone();
    let server = Server::start(move |_, _| answer(200, &format!("content-type: {INDEX}\r\n"), &bytes));
    assert_eq!(registry(&server).manifest(index.descriptor.digest).await.unwrap(), index);
    let accepted = server.asked()[0].header("accept").unwrap().to_owned();
    assert!(accepted.contains(INDEX) && accepted.contains(MANIFEST), "{accepted}");
}
