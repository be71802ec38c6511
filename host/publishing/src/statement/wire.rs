//! Statements as JSON. The order of the fields is that of the structs, whatever the build's features, so that the same
//! statement is the same bytes.

use super::{
    BUILD_TYPE, GitCommit, MANIFEST_SUBJECT, Predicate, Provenance, STATEMENT_TYPE, SampleFile,
    SchemaDigests, Source, Statement, StatementError, Subjects, TestResult, Verdict, check_count, check_text,
    check_texts,
};
use mainworker_domain::digest::Digest;
use mainworker_domain::job_name::JobName;
use mainworker_domain::json;
use semver::Version;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Serialize};

pub(super) fn write(statement: &Statement) -> Result<Vec<u8>, StatementError> {
    let bytes = match statement {
        Statement::Provenance(provenance) => serde_json::to_vec(&wire_statement(
            Predicate::Provenance,
            &provenance.subjects,
            provenance.into(),
        )),
        Statement::TestResult(result) => {
            serde_json::to_vec(&wire_statement(Predicate::TestResult, &result.subjects, result.into()))
        }
    };
    let bytes = bytes.map_err(|error| malformed(&error.to_string()))?;
    Ok(bytes)
}

fn wire_statement(predicate: Predicate, subjects: &Subjects, body: WireBody) -> WireStatement<WireBody> {
    WireStatement {
        kind: STATEMENT_TYPE.to_owned(),
        subject: vec![
            WireSubject {
                name: subjects.job.to_string(),
                digest: WireSha256 { sha256: subjects.module.hex() },
            },
            WireSubject {
                name: MANIFEST_SUBJECT.to_owned(),
                digest: WireSha256 { sha256: subjects.manifest.hex() },
            },
        ],
        predicate_type: predicate.uri().to_owned(),
        predicate: body,
    }
}

pub(super) fn read(bytes: &[u8]) -> Result<Statement, StatementError> {
    json::check(bytes).map_err(|error| malformed(&error.problem.to_string()))?;
    let head: WireStatement<IgnoredAny> = parse(bytes)?;
    expect("_type", &head.kind, STATEMENT_TYPE)?;
    let subjects = read_subjects(&head.subject)?;
    if head.predicate_type == Predicate::Provenance.uri() {
        let wire: WireStatement<WireProvenance> = parse(bytes)?;
        read_provenance(subjects, wire.predicate).map(Statement::Provenance)
    } else if head.predicate_type == Predicate::TestResult.uri() {
        let wire: WireStatement<WireTestResult> = parse(bytes)?;
        read_test_result(subjects, wire.predicate).map(Statement::TestResult)
    } else {
        Err(StatementError::OtherPredicate { found: shortened(&head.predicate_type) })
    }
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, StatementError> {
    serde_json::from_slice(bytes).map_err(|error| malformed(&error.to_string()))
}

fn read_subjects(subjects: &[WireSubject]) -> Result<Subjects, StatementError> {
    // By their place and not by their names: a job can be called as the second one is.
    let [module, manifest] = subjects else {
        let found = format!("a list of {} entries", subjects.len());
        return Err(invalid("subject", found, "the job's module and its OCI manifest"));
    };
    expect("subject[1].name", &manifest.name, MANIFEST_SUBJECT)?;
    Ok(Subjects {
        job: job_name("subject[0].name", &module.name)?,
        module: sha256("subject[0].digest", &module.digest)?,
        manifest: sha256("subject[1].digest", &manifest.digest)?,
    })
}

fn read_provenance(subjects: Subjects, wire: WireProvenance) -> Result<Provenance, StatementError> {
    let WireBuild { build_type, external_parameters: said, resolved_dependencies } = wire.build_definition;
    expect("buildType", &build_type, BUILD_TYPE)?;
    let job = job_name("job", &said.job)?;
    if job != subjects.job {
        return Err(invalid("job", format!("`{job}`"), &format!("that of the subject, `{}`", subjects.job)));
    }
    let [WireDependency { uri, digest: source }] = resolved_dependencies.as_slice() else {
        let found = format!("a list of {} entries", resolved_dependencies.len());
        return Err(invalid("resolvedDependencies", found, "the source alone"));
    };
    let commit = GitCommit::parse(&source.git_commit).ok_or_else(|| {
        invalid("gitCommit", quoted(&source.git_commit), "40 or 64 lower-case hexadecimal digits")
    })?;
    if let Some(uri) = uri {
        check_text("resolvedDependencies[0].uri", uri)?;
    }
    check_text("world", &said.world)?;
    check_texts("capabilities", &said.capabilities)?;
    check_texts("approvedWidenings", &said.approved_widenings)?;
    check_text("builder.id", &wire.run_details.builder.id)?;
    let optional = |place, text: &Option<String>| text.as_deref().map(|text| digest(place, text)).transpose();
    Ok(Provenance {
        subjects,
        version: Version::parse(&said.version)
            .map_err(|_| invalid("version", quoted(&said.version), "a version such as `1.2.3`"))?,
        world: said.world,
        capabilities: said.capabilities,
        schemas: SchemaDigests {
            payload: optional("schemas.payload", &said.schemas.payload)?,
            result: optional("schemas.result", &said.schemas.result)?,
        },
        approved_widenings: said.approved_widenings,
        previous: optional("previous", &said.previous)?,
        source: Source { uri: uri.clone(), commit },
        builder: wire.run_details.builder.id,
    })
}

fn read_test_result(subjects: Subjects, wire: WireTestResult) -> Result<TestResult, StatementError> {
    check_texts("passedTests", &wire.passed_tests)?;
    check_texts("warnedTests", &wire.warned_tests)?;
    check_texts("failedTests", &wire.failed_tests)?;
    check_count("configuration", wire.configuration.len())?;
    let samples = wire.configuration.into_iter().map(|WireSubject { name, digest }| {
        check_text("configuration", &name)?;
        Ok(SampleFile { digest: sha256("configuration", &digest)?, name })
    });
    Ok(TestResult {
        subjects,
        verdict: wire.result,
        samples: samples.collect::<Result<_, _>>()?,
        passed: wire.passed_tests,
        warned: wire.warned_tests,
        failed: wire.failed_tests,
    })
}

fn job_name(place: &'static str, text: &str) -> Result<JobName, StatementError> {
    JobName::parse(text).map_err(|_| invalid(place, quoted(text), "a job's name"))
}

fn digest(place: &'static str, text: &str) -> Result<Digest, StatementError> {
    let expected = "`sha256:` and 64 lower-case hexadecimal digits";
    Digest::parse(text).ok_or_else(|| invalid(place, quoted(text), expected))
}

fn sha256(place: &'static str, wire: &WireSha256) -> Result<Digest, StatementError> {
    let digest = Digest::parse(&format!("sha256:{}", wire.sha256));
    digest.ok_or_else(|| invalid(place, quoted(&wire.sha256), "64 lower-case hexadecimal digits"))
}

fn expect(place: &'static str, found: &str, expected: &str) -> Result<(), StatementError> {
    if found == expected { Ok(()) } else { Err(invalid(place, quoted(found), &format!("`{expected}`"))) }
}

fn invalid(place: &'static str, found: String, expected: &str) -> StatementError {
    StatementError::Invalid { place, found, expected: expected.to_owned() }
}

fn malformed(problem: &str) -> StatementError {
    StatementError::Malformed { problem: shortened(problem) }
}

fn quoted(text: &str) -> String {
    format!("`{}`", shortened(text))
}

fn shortened(text: &str) -> String {
    text.chars().take(200).collect()
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct WireStatement<T> {
    #[serde(rename = "_type")]
    kind: String,
    subject: Vec<WireSubject>,
    predicate_type: String,
    predicate: T,
}

/// What is written; read, each kind has its own type.
#[derive(Serialize)]
#[serde(untagged)]
enum WireBody {
    Provenance(WireProvenance),
    TestResult(WireTestResult),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WireSubject {
    name: String,
    digest: WireSha256,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WireSha256 {
    sha256: String,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct WireProvenance {
    build_definition: WireBuild,
    run_details: WireRun,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct WireBuild {
    build_type: String,
    external_parameters: WireParameters,
    resolved_dependencies: Vec<WireDependency>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct WireParameters {
    job: String,
    version: String,
    world: String,
    capabilities: Vec<String>,
    schemas: WireSchemas,
    approved_widenings: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    previous: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WireSchemas {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    payload: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    result: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WireDependency {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    uri: Option<String>,
    digest: WireCommit,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct WireCommit {
    git_commit: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WireRun {
    builder: WireBuilder,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WireBuilder {
    id: String,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct WireTestResult {
    result: Verdict,
    configuration: Vec<WireSubject>,
    #[serde(default)]
    passed_tests: Vec<String>,
    #[serde(default)]
    warned_tests: Vec<String>,
    #[serde(default)]
    failed_tests: Vec<String>,
}

impl From<&Provenance> for WireBody {
    fn from(provenance: &Provenance) -> Self {
        let text = |digest: &Option<Digest>| digest.map(|digest| digest.to_string());
        Self::Provenance(WireProvenance {
            build_definition: WireBuild {
                build_type: BUILD_TYPE.to_owned(),
                external_parameters: WireParameters {
                    job: provenance.subjects.job.to_string(),
                    version: provenance.version.to_string(),
                    world: provenance.world.clone(),
                    capabilities: provenance.capabilities.clone(),
                    schemas: WireSchemas {
                        payload: text(&provenance.schemas.payload),
                        result: text(&provenance.schemas.result),
                    },
                    approved_widenings: provenance.approved_widenings.clone(),
                    previous: text(&provenance.previous),
                },
                resolved_dependencies: vec![WireDependency {
                    uri: provenance.source.uri.clone(),
                    digest: WireCommit { git_commit: provenance.source.commit.to_string() },
                }],
            },
            run_details: WireRun { builder: WireBuilder { id: provenance.builder.clone() } },
        })
    }
}

impl From<&TestResult> for WireBody {
    fn from(result: &TestResult) -> Self {
        let samples = result.samples.iter().map(|sample| WireSubject {
            name: sample.name.clone(),
            digest: WireSha256 { sha256: sample.digest.hex() },
        });
        Self::TestResult(WireTestResult {
            result: result.verdict,
            configuration: samples.collect(),
            passed_tests: result.passed.clone(),
            warned_tests: result.warned.clone(),
            failed_tests: result.failed.clone(),
        })
    }
}
