//! Statements: strictly read, out of what was signed alone.

use crate::fixture::{digest, facts, job, key, publication, version};
use mainworker_publishing::bundle::Bundle;
use mainworker_publishing::dsse::Envelope;
use mainworker_publishing::publication::{PublicationError, Unsigned};
use mainworker_publishing::statement::{
    GitCommit, Provenance, SampleFile, SchemaDigests, Source, Statement, StatementError, Subjects,
    TestResult, Verdict,
};
use serde_json::{Value, json};

fn subjects() -> Subjects {
    Subjects { job: job("echo"), module: digest(b"module"), manifest: digest(b"manifest") }
}

fn provenance() -> Provenance {
    Provenance {
        subjects: subjects(),
        version: version("1.2.3-rc.1+b5"),
        world: "mainworker:job@0.1.0".to_owned(),
        capabilities: vec!["source:api".to_owned(), "http:GET:https://api.example".to_owned()],
        schemas: SchemaDigests { payload: Some(digest(b"payload")), result: None },
        approved_widenings: vec!["source:api".to_owned()],
        previous: Some(digest(b"previous")),
        source: Source { uri: None, commit: GitCommit::parse(&"ab".repeat(32)).unwrap() },
        builder: "https://ci.example".to_owned(),
    }
}

fn test_result() -> TestResult {
    TestResult {
        subjects: subjects(),
        verdict: Verdict::Warned,
        passed: vec!["a".to_owned()],
        warned: vec!["b".to_owned()],
        failed: vec!["c".to_owned()],
        samples: vec![SampleFile { name: "a.json".to_owned(), digest: digest(b"a") }],
    }
}

/// What is read of bytes that were signed.
fn read(bytes: &[u8]) -> Result<Statement, StatementError> {
    let envelope = Envelope::sign(bytes.to_vec(), &key(1));
    Statement::read(envelope.verified(key(1).public_key()).unwrap())
}

#[test]
fn a_provenance_has_the_form_that_others_read() {
    let statement = Statement::Provenance(provenance());
    let json: Value = serde_json::from_slice(&statement.to_json().unwrap()).unwrap();
    let expected = json!({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [
            { "name": "echo", "digest": { "sha256": digest(b"module").hex() } },
            { "name": "oci-manifest", "digest": { "sha256": digest(b"manifest").hex() } },
        ],
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {
            "buildDefinition": {
                "buildType": "urn:mainworker:job-module:v1",
                "externalParameters": {
                    "job": "echo",
                    "version": "1.2.3-rc.1+b5",
                    "world": "mainworker:job@0.1.0",
                    "capabilities": ["source:api", "http:GET:https://api.example"],
                    "schemas": { "payload": digest(b"payload").to_string() },
                    "approvedWidenings": ["source:api"],
                    "previous": digest(b"previous").to_string(),
                },
                "resolvedDependencies": [{ "digest": { "gitCommit": "ab".repeat(32) } }],
            },
            "runDetails": { "builder": { "id": "https://ci.example" } },
        },
    });
    assert_eq!(json, expected);
    assert_eq!(read(&statement.to_json().unwrap()), Ok(statement));
}

#[test]
fn a_test_result_has_the_form_that_others_read() {
    let statement = Statement::TestResult(test_result());
    let json: Value = serde_json::from_slice(&statement.to_json().unwrap()).unwrap();
    assert_eq!(json["predicateType"], "https://in-toto.io/attestation/test-result/v0.1");
    let expected = json!({
        "result": "WARNED",
        "configuration": [{ "name": "a.json", "digest": { "sha256": digest(b"a").hex() } }],
        "passedTests": ["a"],
        "warnedTests": ["b"],
        "failedTests": ["c"],
    });
    assert_eq!(json["predicate"], expected);
    assert_eq!(read(&statement.to_json().unwrap()), Ok(statement));
}

#[test]
fn what_is_signed_and_cannot_be_meant_is_refused() {
    type Change = fn(&mut Value);
    fn parameters(value: &mut Value) -> &mut Value {
        &mut value["predicate"]["buildDefinition"]["externalParameters"]
    }
    let changes: [(&str, Change); 24] = [
        ("type", |value| value["_type"] = json!("https://in-toto.io/Statement/v0.1")),
        ("unknown key", |value| value["x"] = json!(1)),
        ("unknown parameter", |value| parameters(value)["x"] = json!(1)),
        ("unknown predicate", |value| value["predicateType"] = json!("https://spdx.dev/Document")),
        ("no predicate", |value| value["predicate"] = json!(null)),
        ("build type", |value| value["predicate"]["buildDefinition"]["buildType"] = json!("x")),
        ("one subject", |value| {
            value["subject"].as_array_mut().unwrap().pop();
        }),
        ("three subjects", |value| {
            let one = value["subject"][1].clone();
            value["subject"].as_array_mut().unwrap().push(one);
        }),
        ("swapped subjects", |value| value["subject"].as_array_mut().unwrap().reverse()),
        ("no job", |value| value["subject"][0]["name"] = json!("../echo")),
        ("other digest", |value| value["subject"][0]["digest"] = json!({ "sha512": "00" })),
        ("two digests", |value| value["subject"][0]["digest"]["sha1"] = json!("00")),
        ("digest in capitals", |value| {
            let hex = value["subject"][0]["digest"]["sha256"].as_str().unwrap().to_uppercase();
            value["subject"][0]["digest"]["sha256"] = json!(hex);
        }),
        ("short digest", |value| value["subject"][1]["digest"]["sha256"] = json!("00")),
        ("other job inside", |value| parameters(value)["job"] = json!("mail")),
        ("no version", |value| parameters(value)["version"] = json!("1.2")),
        ("empty world", |value| parameters(value)["world"] = json!("")),
        ("two lines", |value| parameters(value)["capabilities"][0] = json!("source:api\nsource:ops")),
        ("bare digest", |value| parameters(value)["previous"] = json!("00")),
        ("no capabilities", |value| {
            parameters(value).as_object_mut().unwrap().remove("capabilities");
        }),
        ("no commit", |value| value["predicate"]["buildDefinition"]["resolvedDependencies"] = json!([])),
        ("short commit", |value| {
            value["predicate"]["buildDefinition"]["resolvedDependencies"][0]["digest"]["gitCommit"] =
                json!("abc");
        }),
        ("no builder", |value| value["predicate"]["runDetails"]["builder"]["id"] = json!("")),
        ("long list", |value| parameters(value)["capabilities"] = json!(vec!["x"; 1001])),
    ];
    let bytes = Statement::Provenance(provenance()).to_json().unwrap();
    for (name, change) in changes {
        let mut value: Value = serde_json::from_slice(&bytes).unwrap();
        change(&mut value);
        assert!(read(value.to_string().as_bytes()).is_err(), "{name}");
    }
    let text = String::from_utf8(bytes).unwrap();
    for bad in [text.replacen("\"job\":", "\"job\":\"mail\",\"job\":", 1), format!("{text} x"), String::new()]
    {
        assert!(matches!(read(bad.as_bytes()), Err(StatementError::Malformed { .. })), "{bad}");
    }
    read(text.as_bytes()).expect("unchanged it is taken");
}

#[test]
fn what_could_not_be_read_back_is_not_signed() {
    let mut facts = facts("echo", "1.0.0");
    facts.capabilities = vec!["x\u{7}".to_owned()];
    let refused = Unsigned::new(b"module".to_vec(), facts.clone()).unwrap_err();
    assert!(matches!(refused, PublicationError::Statement(_)), "{refused}");
    facts.capabilities.clear();
    facts.passed.clear();
    let refused = Unsigned::new(b"module".to_vec(), facts).unwrap_err();
    assert!(matches!(refused, PublicationError::Untested { .. }), "{refused}");
}

#[test]
fn a_job_that_is_called_like_the_other_subject_changes_nothing() {
    let publication = publication("oci-manifest", "1.0.0", 1);
    let (_, bundle) = publication.bundles().next().unwrap();
    let bundle = Bundle::parse(bundle).unwrap();
    let statement = Statement::read(bundle.envelope().verified(key(1).public_key()).unwrap()).unwrap();
    assert_eq!(statement.subjects().job, job("oci-manifest"));
    assert_eq!(statement.subjects().module, publication.module().descriptor.digest);
    assert_eq!(statement.subjects().manifest, publication.manifest().descriptor.digest);
}
