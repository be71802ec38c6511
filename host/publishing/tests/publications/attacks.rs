//! What somebody could try with a release, each refused with its own code.

use crate::fixture::{
    BUILDER, CREATED, VALID_FROM, VALID_UNTIL, bundle, capabilities, digest, facts, job, key, module, policy,
    publication, revision, trusted, version, wanted,
};
use mainworker_domain::catalog::Revision;
use mainworker_domain::job_name::JobName;
use mainworker_domain::lifecycle::Timestamp;
use mainworker_publishing::bundle::Bundle;
use mainworker_publishing::publication::{Publication, Pulled, Unsigned};
use mainworker_publishing::statement::{Predicate, Statement, Verdict};
use mainworker_publishing::trust::{Distrust, Release, TrustPolicy};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// A release of `echo` 1.2.0 on its way in, with everything that has a say.
struct Case {
    policy: TrustPolicy,
    pulled: Pulled,
    deployed: BTreeSet<JobName>,
    at: Timestamp,
    revision: Revision,
    capabilities: Vec<String>,
}

impl Case {
    fn new() -> Self {
        Self::of(&publication("echo", "1.2.0", 1), "echo@1.2.0")
    }

    fn of(publication: &Publication, asked: &str) -> Self {
        let asked = wanted(asked);
        Self {
            policy: policy(),
            pulled: pulled(publication, &asked.to_string()),
            deployed: BTreeSet::from([job("echo"), job("edge-logs")]),
            at: CREATED,
            revision: revision(asked.job.as_str(), "1.2.0"),
            capabilities: capabilities(),
        }
    }

    fn verdict(self) -> Result<Release, Distrust> {
        let verified = self.policy.verify(self.pulled, &self.deployed, self.at)?;
        verified.admit(&self.revision, &self.capabilities)
    }

    /// Signs the statements anew after they were changed.
    fn resign(&mut self, change: impl Fn(&mut Statement)) {
        for bytes in &mut self.pulled.bundles {
            let mut statement = statement(bytes);
            change(&mut statement);
            *bytes = bundle(&statement, 1, "ci-2026");
        }
    }

    /// The same content with another manifest, whoever could sign that.
    fn change_manifest(&mut self, change: impl Fn(&mut Value)) {
        let mut manifest: Value = serde_json::from_slice(&self.pulled.manifest).unwrap();
        change(&mut manifest);
        self.pulled.manifest = manifest.to_string().into_bytes();
    }

    /// One of the statements alone.
    fn only(&mut self, predicate: Predicate) {
        self.pulled.bundles.retain(|bytes| statement(bytes).predicate() == predicate);
        assert_eq!(self.pulled.bundles.len(), 1);
    }
}

fn pulled(publication: &Publication, asked: &str) -> Pulled {
    Pulled {
        wanted: wanted(asked),
        manifest: publication.manifest().bytes.clone(),
        config: publication.config().bytes.clone(),
        module: publication.module().bytes.clone(),
        bundles: publication.bundles().map(|(_, bytes)| bytes.to_vec()).collect(),
    }
}

/// The statement in a bundle of the key 1.
fn statement(bytes: &[u8]) -> Statement {
    let bundle = Bundle::parse(bytes).unwrap();
    Statement::read(bundle.envelope().verified(key(1).public_key()).unwrap()).unwrap()
}

fn edit(bytes: &mut Vec<u8>, change: impl Fn(&mut Value)) {
    let mut value: Value = serde_json::from_slice(bytes).unwrap();
    change(&mut value);
    *bytes = value.to_string().into_bytes();
}

type Attack = fn(&mut Case);

/// One row for each: what is tried, how, and the code that it is refused with.
const ATTACKS: &[(&str, Attack, &str)] = &[
    ("nobody signed", |case| case.pulled.bundles.clear(), "signature_missing"),
    ("a policy without keys", |case| case.policy = TrustPolicy::default(), "key_unknown"),
    (
        "a policy without keys that requires nothing",
        |case| case.policy = TrustPolicy { required: BTreeSet::new(), ..TrustPolicy::default() },
        "key_unknown",
    ),
    (
        "a key that nobody trusts",
        |case| case.pulled = pulled(&publication("echo", "1.2.0", 9), "echo@1.2.0"),
        "key_unknown",
    ),
    (
        "another's signature with the hint of a trusted key",
        |case| {
            for bytes in &mut case.pulled.bundles {
                *bytes = bundle(&statement(bytes), 9, "ci-2026");
            }
        },
        "signature_invalid",
    ),
    (
        "an edited statement",
        |case| {
            for bytes in &mut case.pulled.bundles {
                edit(bytes, |value| value["dsseEnvelope"]["payload"] = json!("e30="));
            }
        },
        "signature_invalid",
    ),
    (
        "one statement with the signature of the other",
        |case| {
            let first: Value = serde_json::from_slice(&case.pulled.bundles[0]).unwrap();
            for bytes in &mut case.pulled.bundles {
                edit(bytes, |value| {
                    value["dsseEnvelope"]["signatures"] = first["dsseEnvelope"]["signatures"].clone()
                });
            }
        },
        "signature_invalid",
    ),
    (
        "a second signature",
        |case| {
            for bytes in &mut case.pulled.bundles {
                edit(bytes, |value| {
                    let one = value["dsseEnvelope"]["signatures"][0].clone();
                    value["dsseEnvelope"]["signatures"] = json!([one, one]);
                });
            }
        },
        "signature_invalid",
    ),
    (
        "another type of payload",
        |case| {
            for bytes in &mut case.pulled.bundles {
                edit(bytes, |value| value["dsseEnvelope"]["payloadType"] = json!("application/json"));
            }
        },
        "signature_invalid",
    ),
    (
        "junk instead of bundles",
        |case| case.pulled.bundles = vec![b"{}".to_vec(), vec![0xff; 100]],
        "signature_invalid",
    ),
    (
        "a statement of another kind",
        |case| {
            let payload = br#"{"_type":"https://in-toto.io/Statement/v1","subject":[],"predicateType":"x","predicate":{}}"#;
            let envelope = mainworker_publishing::dsse::Envelope::sign(payload.to_vec(), &key(1));
            case.pulled.bundles = vec![Bundle::new("ci-2026".to_owned(), envelope).to_json().unwrap()];
        },
        "statement_invalid",
    ),
    (
        "before the key's time",
        |case| case.at = Timestamp::from_ms(VALID_FROM.as_ms() - 1),
        "key_not_yet_valid",
    ),
    ("the moment the key's time is over", |case| case.at = VALID_UNTIL, "key_expired"),
    (
        "a key revoked by its id",
        |case| case.policy.revoked_keys = BTreeSet::from(["ci-2026".to_owned()]),
        "key_revoked",
    ),
    (
        "a key revoked by its fingerprint",
        |case| case.policy.revoked_keys = BTreeSet::from([key(1).public_key().fingerprint().to_string()]),
        "key_revoked",
    ),
    (
        "a revoked key under a new id",
        |case| {
            case.policy.revoked_keys = BTreeSet::from([key(1).public_key().fingerprint().to_string()]);
            case.policy.keys = vec![trusted("fresh", 1, &["*"])];
        },
        "key_revoked",
    ),
    (
        "a key for other jobs",
        |case| case.policy.keys = vec![trusted("ci-2026", 1, &["edge-*", "ech", "echo2"])],
        "key_not_for_job",
    ),
    ("a key for no job", |case| case.policy.keys = vec![trusted("ci-2026", 1, &[])], "key_not_for_job"),
    (
        "a builder that the key does not speak for",
        |case| case.policy.keys[0].builders = vec![format!("{BUILDER}/other")],
        "builder_not_allowed",
    ),
    ("no test result", |case| case.only(Predicate::Provenance), "statement_missing"),
    ("no provenance", |case| case.only(Predicate::TestResult), "statement_missing"),
    (
        "no provenance where none is required",
        |case| {
            case.policy.required = BTreeSet::new();
            case.only(Predicate::TestResult);
        },
        "statement_missing",
    ),
    (
        "a test result that says FAILED",
        |case| {
            case.resign(|said| {
                if let Statement::TestResult(result) = said {
                    result.verdict = Verdict::Failed
                }
            })
        },
        "untested",
    ),
    (
        "a test result that says WARNED",
        |case| {
            case.resign(|said| {
                if let Statement::TestResult(result) = said {
                    result.verdict = Verdict::Warned
                }
            })
        },
        "untested",
    ),
    (
        "a test result without tests",
        |case| {
            case.resign(|said| {
                if let Statement::TestResult(result) = said {
                    result.passed.clear()
                }
            })
        },
        "untested",
    ),
    (
        "a test result with one that failed",
        |case| {
            case.resign(|said| {
                if let Statement::TestResult(result) = said {
                    result.failed = vec!["hello".to_owned()];
                }
            });
        },
        "untested",
    ),
    ("a swapped module", |case| case.pulled.module = module("echo", "1.2.1"), "module_mismatch"),
    (
        "a swapped module with a manifest of its own",
        |case| {
            let swapped = module("echo", "1.2.1");
            case.change_manifest(|manifest| {
                manifest["layers"][0]["digest"] = json!(digest(&swapped).to_string());
                manifest["layers"][0]["size"] = json!(swapped.len());
            });
            case.pulled.module = swapped;
        },
        "module_mismatch",
    ),
    (
        "an edited manifest",
        |case| case.change_manifest(|manifest| manifest["annotations"]["x"] = json!("y")),
        "manifest_mismatch",
    ),
    ("an edited config", |case| case.pulled.config.push(b' '), "manifest_mismatch"),
    (
        "an edited config with a manifest of its own",
        |case| {
            case.pulled.config.push(b' ');
            let config = case.pulled.config.clone();
            case.change_manifest(|manifest| {
                manifest["config"]["digest"] = json!(digest(&config).to_string());
                manifest["config"]["size"] = json!(config.len());
            });
        },
        "manifest_mismatch",
    ),
    (
        "a signed manifest of something else",
        |case| {
            case.change_manifest(|manifest| manifest["layers"] = json!([]));
            let manifest = digest(&case.pulled.manifest);
            case.resign(|said| match said {
                Statement::Provenance(provenance) => provenance.subjects.manifest = manifest,
                Statement::TestResult(result) => result.subjects.manifest = manifest,
            });
        },
        "manifest_mismatch",
    ),
    (
        "the statements of another job",
        |case| case.pulled.bundles = pulled(&publication("mail", "1.2.0", 1), "mail").bundles,
        "job_mismatch",
    ),
    (
        "another job under this one's tag",
        |case| {
            case.pulled =
                Pulled { wanted: wanted("echo@1.2.0"), ..pulled(&publication("mail", "1.2.0", 1), "mail") }
        },
        "job_mismatch",
    ),
    (
        "the statements of another version",
        |case| case.pulled.bundles = pulled(&publication("echo", "1.1.0", 1), "echo").bundles,
        "module_mismatch",
    ),
    (
        "the statements of another manifest of the same module",
        |case| {
            let mut facts = facts("echo", "1.2.0");
            facts.created = Timestamp::from_ms(CREATED.as_ms() + 1);
            let other = Unsigned::new(module("echo", "1.2.0"), facts).unwrap().sign(&key(1)).unwrap();
            case.pulled.bundles = pulled(&other, "echo").bundles;
        },
        "manifest_mismatch",
    ),
    (
        "an old version under the new one's tag",
        |case| {
            case.pulled =
                Pulled { wanted: wanted("echo@1.2.0"), ..pulled(&publication("echo", "1.1.0", 1), "echo") };
        },
        "version_mismatch",
    ),
    (
        "another manifest than the one asked for",
        |case| case.pulled.wanted = wanted(&format!("echo@{}", digest(b"another"))),
        "manifest_mismatch",
    ),
    (
        "a module that says it is another version",
        |case| {
            let publication = as_signed("echo", "9.9.9");
            *case = Case { revision: revision("echo", "9.9.9"), ..Case::of(&publication, "echo@1.2.0") };
        },
        "version_mismatch",
    ),
    (
        "a module that says it is another job",
        |case| {
            let publication = as_signed("mail", "1.2.0");
            *case = Case { revision: revision("mail", "1.2.0"), ..Case::of(&publication, "echo@1.2.0") };
        },
        "job_mismatch",
    ),
    ("the revision of another module", |case| case.revision = revision("echo", "1.2.1"), "module_mismatch"),
    (
        "a power that was not signed",
        |case| case.capabilities.push("http:GET:*".to_owned()),
        "claims_mismatch",
    ),
    (
        "a signed power that it has not",
        |case| case.capabilities = vec!["source:api".to_owned()],
        "claims_mismatch",
    ),
    (
        "another schema",
        |case| {
            case.resign(|said| {
                if let Statement::Provenance(provenance) = said {
                    provenance.schemas.payload = Some(digest(b"another"));
                }
            });
        },
        "claims_mismatch",
    ),
    (
        "a schema that it has not",
        |case| {
            case.resign(|said| {
                if let Statement::Provenance(provenance) = said {
                    provenance.schemas.result = provenance.schemas.payload;
                }
            });
        },
        "claims_mismatch",
    ),
    (
        "another contract",
        |case| {
            case.resign(|said| {
                if let Statement::Provenance(provenance) = said {
                    provenance.world = "mainworker:job@0.2.0".to_owned();
                }
            });
        },
        "claims_mismatch",
    ),
    (
        "a revoked module",
        |case| case.policy.revoked_digests = BTreeSet::from([digest(&case.pulled.module)]),
        "module_revoked",
    ),
    (
        "a revoked manifest",
        |case| case.policy.revoked_digests = BTreeSet::from([digest(&case.pulled.manifest)]),
        "module_revoked",
    ),
    (
        "a downgrade",
        |case| {
            case.policy.minimum_versions.insert(job("echo"), version("1.2.1-rc.1"));
        },
        "version_too_low",
    ),
    (
        "a name that imitates another",
        |case| {
            *case = Case::of(&publication("ech0", "1.2.0", 1), "ech0@1.2.0");
        },
        "name_imitates",
    ),
    (
        "a name that imitates another, by a key for all names like it",
        |case| {
            *case = Case::of(&publication("edge-log", "1.2.0", 1), "edge-log@1.2.0");
            case.policy.keys = vec![trusted("ci-2026", 1, &["edge-*", "echo"])];
        },
        "name_imitates",
    ),
];

/// A module that says of itself what is given here, with statements that say `echo` 1.2.0 of it.
fn as_signed(name: &str, text: &str) -> Publication {
    Unsigned::new(module(name, text), facts("echo", "1.2.0")).unwrap().sign(&key(1)).unwrap()
}

#[test]
fn each_attack_is_refused_with_its_code() {
    for (name, attack, code) in ATTACKS {
        let mut case = Case::new();
        attack(&mut case);
        match case.verdict() {
            Ok(release) => panic!("{name}: taken as {:?}", release.facts()),
            Err(distrust) => assert_eq!(distrust.code(), *code, "{name}: {distrust}"),
        }
    }
}

#[test]
fn every_code_has_an_attack() {
    let tried: BTreeSet<&str> = ATTACKS.iter().map(|(_, _, code)| *code).collect();
    let source = include_str!("../../src/trust/distrust.rs");
    let codes: BTreeSet<&str> =
        source.split("=> \"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    assert_eq!(codes.len(), 19);
    assert_eq!(tried, codes);
}

#[test]
fn without_an_attack_it_is_taken() {
    let release = Case::new().verdict().unwrap();
    let facts = release.facts();
    assert_eq!((facts.job.as_str(), facts.version.to_string().as_str()), ("echo", "1.2.0"));
    assert_eq!(facts.module, digest(&module("echo", "1.2.0")));
    assert_eq!(facts.manifest, publication("echo", "1.2.0", 1).manifest().descriptor.digest);
    assert_eq!(release.module(), module("echo", "1.2.0"));
    let [signer] = facts.signers.as_slice() else { panic!("{:?}", facts.signers) };
    assert_eq!((signer.id.as_str(), signer.fingerprint), ("ci-2026", key(1).public_key().fingerprint()));
    assert_eq!(release.bundles().count(), 2);
}

/// What is close to an attack and none.
#[test]
fn what_is_allowed_is_taken() {
    let allowed: &[(&str, Attack)] = &[
        ("the first moment of the key", |case| case.at = VALID_FROM),
        ("the last moment of the key", |case| case.at = Timestamp::from_ms(VALID_UNTIL.as_ms() - 1)),
        ("the key under another id", |case| case.policy.keys = vec![trusted("fresh", 1, &["ech*"])]),
        ("its builder", |case| case.policy.keys[0].builders = vec!["x".to_owned(), BUILDER.to_owned()]),
        ("the lowest version itself", |case| {
            case.policy.minimum_versions.insert(job("echo"), version("1.2.0+later-build"));
        }),
        ("a minimum of another job", |case| {
            case.policy.minimum_versions.insert(job("mail"), version("9.0.0"));
        }),
        ("no test result where none is required", |case| {
            case.policy.required = BTreeSet::from([Predicate::Provenance]);
            case.only(Predicate::Provenance);
        }),
        ("capabilities in another order", |case| case.capabilities.reverse()),
        ("the manifest that was asked for", |case| {
            case.pulled.wanted = wanted(&format!("echo@{}", digest(&case.pulled.manifest)));
        }),
        ("junk beside it", |case| case.pulled.bundles.insert(0, b"junk".to_vec())),
        ("the statements of another job beside its own", |case| {
            case.pulled.bundles.splice(0..0, pulled(&publication("mail", "1.2.0", 1), "mail").bundles);
        }),
        ("a name like another, by a key for exactly it", |case| {
            *case = Case::of(&publication("ech0", "1.2.0", 1), "ech0@1.2.0");
            case.policy.keys = vec![trusted("ci-2026", 1, &["*", "ech0"])];
        }),
        ("a name like another that is deployed already", |case| {
            *case = Case::of(&publication("ech0", "1.2.0", 1), "ech0@1.2.0");
            case.deployed.insert(job("ech0"));
        }),
    ];
    for (name, change) in allowed {
        let mut case = Case::new();
        change(&mut case);
        if let Err(distrust) = case.verdict() {
            panic!("{name}: {distrust}");
        }
    }
}

#[test]
fn two_keys_are_good_at_a_time_and_one_of_them_is_enough() {
    let both = vec![trusted("ci-2026", 1, &["*"]), trusted("ci-2027", 2, &["*"])];
    for number in [1, 2] {
        let mut case = Case::new();
        case.policy.keys = both.clone();
        case.pulled = pulled(&publication("echo", "1.2.0", number), "echo@1.2.0");
        let release = case.verdict().unwrap();
        assert_eq!(release.facts().signers[0].fingerprint, key(number).public_key().fingerprint());
    }
    // Signed again with the new key when the old one was expired and its bundles still there.
    let mut case = Case::new();
    case.policy.keys = both;
    case.policy.keys[0].valid_until = CREATED;
    case.pulled.bundles.extend(pulled(&publication("echo", "1.2.0", 2), "echo").bundles);
    let release = case.verdict().unwrap();
    assert_eq!(
        release.facts().signers.iter().map(|signer| signer.id.as_str()).collect::<Vec<_>>(),
        ["ci-2027"]
    );
    assert_eq!(release.bundles().count(), 2, "what was not believed is not kept");
}

#[test]
fn a_hint_only_picks_a_key() {
    let mut case = Case::new();
    case.policy.keys = vec![trusted("ci-2026", 1, &["mail"]), trusted("ci-2027", 2, &["*"])];
    for bytes in &mut case.pulled.bundles {
        *bytes = bundle(&statement(bytes), 1, "ci-2027");
    }
    let distrust = case.verdict().unwrap_err();
    assert_eq!(distrust.code(), "signature_invalid", "the key for all jobs did not sign");
}
