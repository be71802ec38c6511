//! No bytes make a parser panic, and what a parser accepts it prints back equal.

use mainworker_domain::catalog::ModuleDescription;
use mainworker_domain::envelope::Envelope;
use mainworker_domain::manifest::Manifest;
use mainworker_domain::origin::{BaseUrl, OriginPattern};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

fn json_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(".{0,6}", inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

fn json_object() -> impl Strategy<Value = Value> {
    prop::collection::btree_map(".{0,6}", json_value(), 0..4)
        .prop_map(|map| Value::Object(map.into_iter().collect::<Map<_, _>>()))
}

type HttpGrant = (Option<String>, Vec<&'static str>, Vec<String>, bool);

fn http_grants() -> impl Strategy<Value = Vec<HttpGrant>> {
    let origin = "https?://(\\*\\.)?[a-z]{1,5}(\\.[a-z]{1,5}){0,2}(:[1-9][0-9]{0,3})?";
    let methods = prop::collection::vec(prop_oneof![Just("GET"), Just("POST"), Just("PURGE")], 1..3);
    let paths = prop::collection::vec("(/[a-z0-9_-]{1,5}){1,3}/?", 0..3);
    prop::collection::vec((prop::option::of(origin), methods, paths, any::<bool>()), 0..3)
}

fn manifest() -> impl Strategy<Value = Manifest> {
    let name = "[a-z][a-z0-9-]{0,10}";
    (
        (name, 0..9u64, "[ -~]{1,20}[a-z]", prop::option::of("[a-z]{1,9}")),
        prop::collection::btree_set(name, 1..4),
        prop::collection::btree_map(
            "[a-z]{1,5}(\\.[a-z]{1,5})?",
            (any::<bool>(), 0..3usize, any::<bool>()),
            0..3,
        ),
        (prop::collection::btree_map(name, (any::<bool>(), any::<bool>()), 0..3), http_grants()),
        (prop::option::of(1..1024u64), prop::option::of(1..86_400_000u64)),
        (1..100u32, 1..10_000u64, any::<bool>(), prop::option::of(1..9u32)),
        (
            prop::option::of(("(/[a-z0-9 ]{0,5}(~0|~1)?){0,3}", prop::option::of(1..9u32))),
            prop::option::of((1..=1_000_000u64, 1_000..=86_400_000u64)),
        ),
    )
        .prop_map(
            |(
                (job, minor, summary, owner),
                sources,
                keys,
                (mounts, http),
                (memory, wall),
                (attempts, base, newest, concurrency),
                (key, rate),
            )| {
                let mut value = json!({
                    "job": { "name": job, "version": format!("1.{minor}.0"), "summary": summary },
                    "schedulable-by": { "sources": sources },
                    "retry": { "max-attempts": attempts, "base": format!("{base}ms"), "cap": "1h" },
                });
                if let Some(owner) = owner {
                    value["job"]["owner"] = json!(owner);
                }
                for (key, (required, from, secret)) in keys {
                    let from = ["envelope", "host", "either"][from];
                    value["configuration"][key] =
                        json!({ "required": required, "from": from, "secret": secret });
                }
                for (mount, (write, optional)) in mounts {
                    let access = if write { "read-write" } else { "read" };
                    let grant = json!({ "mount": mount, "access": access, "optional": optional });
                    match value["grants"]["files"].as_array_mut() {
                        Some(files) => files.push(grant),
                        None => value["grants"]["files"] = json!([grant]),
                    }
                }
                for (to, methods, paths, optional) in http {
                    let to = match to {
                        Some(origin) => origin,
                        // Where it leads is for the host to say, so that a secret may go there.
                        None => {
                            value["configuration"]["x.url"] = json!({ "from": "host" });
                            value["configuration"]["x.token"] =
                                json!({ "secret": true, "only-to": ["config:x.url"], "in": ["header", "body"] });
                            "config:x.url".to_owned()
                        }
                    };
                    let grant = json!({ "to": to, "methods": methods, "paths": paths, "optional": optional });
                    match value["grants"]["http"].as_array_mut() {
                        Some(grants) => grants.push(grant),
                        None => value["grants"]["http"] = json!([grant]),
                    }
                }
                if let Some(memory) = memory {
                    value["limits"]["memory"] = json!(format!("{memory}MiB"));
                }
                if let Some(wall) = wall {
                    value["limits"]["wall"] = json!(format!("{wall}ms"));
                }
                if newest {
                    value["run"]["revision"] = json!("newest");
                }
                if let Some(concurrency) = concurrency {
                    value["run"]["max-concurrency"] = json!(concurrency);
                }
                if let Some((pointer, running_max)) = key {
                    value["run"]["concurrency-key"] = json!(pointer);
                    let running_max = running_max.filter(|&most| concurrency.is_none_or(|all| most <= all));
                    if let Some(running_max) = running_max {
                        value["run"]["max-concurrency-per-key"] = json!(running_max);
                    }
                }
                if let Some((tasks, per)) = rate {
                    value["run"]["rate-limit"] = json!({ "tasks": tasks, "per": format!("{per}ms") });
                }
                Manifest::from_json(&value).expect("the strategy writes valid manifests")
            },
        )
}

proptest! {
    #[test]
    fn no_bytes_make_the_envelope_parser_panic(bytes: Vec<u8>) {
        let _ = Envelope::parse(&bytes);
    }

    #[test]
    fn no_text_makes_the_origin_parsers_panic_and_what_they_take_prints_back_equal(
        text in "(https?://)?(\\*\\.)?[a-zA-Z0-9.:@\\[\\]%_/ -]{0,30}",
    ) {
        if let Ok(pattern) = OriginPattern::parse(&text) {
            prop_assert_eq!(OriginPattern::parse(&pattern.to_string()).unwrap(), pattern);
        }
        if let Ok(base) = BaseUrl::parse(&text) {
            let shown = format!("{}{}", base.origin, base.path);
            prop_assert_eq!(BaseUrl::parse(&shown).unwrap(), base);
        }
    }

    #[test]
    fn no_text_makes_the_manifest_parser_panic(text in ".*") {
        let _ = Manifest::parse_toml(&text);
    }

    #[test]
    fn no_json_makes_the_manifest_parser_panic(value in json_value()) {
        let _ = Manifest::from_json(&value);
        let _ = Manifest::from_json(&json!({ "job": value.clone(), "schedulable-by": value.clone(), "grants": value }));
    }

    #[test]
    fn no_bytes_make_the_section_parser_panic(bytes: Vec<u8>) {
        let _ = ModuleDescription::from_section(&bytes);
    }

    #[test]
    fn an_accepted_envelope_prints_back_equal(
        configuration in json_object(), payload in json_object(), name in ".{0,20}", source in ".{0,20}",
    ) {
        let text = json!({ "configuration": configuration, "jobName": name, "source": source, "jobPayload": payload });
        let envelope = Envelope::parse(text.to_string().as_bytes()).unwrap();
        let again = Envelope::parse(envelope.to_json().as_bytes()).unwrap();
        prop_assert_eq!(&again, &envelope);
        prop_assert_eq!(again.job_payload(), payload.to_string());
        prop_assert_eq!(again.job_name(), name);
    }

    #[test]
    fn an_accepted_manifest_prints_back_equal(manifest in manifest()) {
        prop_assert_eq!(&Manifest::from_json(&manifest.to_json()).unwrap(), &manifest);
        prop_assert_eq!(&Manifest::parse_toml(&manifest.to_toml()).unwrap(), &manifest);
        let description = ModuleDescription { manifest, payload_schema: Some(json!({ "type": "object" })), result_schema: None };
        prop_assert_eq!(&ModuleDescription::from_section(&description.to_section()).unwrap(), &description);
    }
}
