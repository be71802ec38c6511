//! What `mainworker publish` writes, and what it refuses to.

use super::World;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use std::fs;

fn hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn read(world: &World, digest: &Value) -> Vec<u8> {
    let hex = digest.as_str().unwrap().strip_prefix("sha256:").unwrap();
    let bytes = fs::read(world.host.path("published/blobs/sha256").join(hex)).unwrap();
    assert_eq!(self::hex(&bytes), hex);
    bytes
}

#[test]
fn a_publication_is_an_image_layout_with_a_wasm_artifact_and_two_signed_statements() {
    let world = World::new();
    world.echo("0.1.0", |_| ());
    let printed = world.publish("echo").arg("--json").finish().exits(0).json();
    let index: Value =
        serde_json::from_slice(&fs::read(world.host.path("published/index.json")).unwrap()).unwrap();
    let tagged = |tag: &str| {
        let manifests = index["manifests"].as_array().unwrap();
        let is_tagged = |it: &&Value| it["annotations"]["org.opencontainers.image.ref.name"] == tag;
        manifests.iter().find(is_tagged).unwrap()["digest"].clone()
    };
    let digest = tagged("echo-0.1.0");
    assert_eq!(printed["published"][0]["manifest"], digest);
    let manifest: Value = serde_json::from_slice(&read(&world, &digest)).unwrap();
    assert_eq!(manifest["config"]["mediaType"], "application/vnd.wasm.config.v0+json");
    assert_eq!(manifest["layers"].as_array().unwrap().len(), 1);
    assert_eq!(manifest["layers"][0]["mediaType"], "application/wasm");
    let module = read(&world, &manifest["layers"][0]["digest"]);
    assert_eq!(module, fs::read(world.host.path("made/echo.wasm")).unwrap());
    let config: Value = serde_json::from_slice(&read(&world, &manifest["config"]["digest"])).unwrap();
    assert_eq!((&config["os"], &config["architecture"]), (&json!("wasip2"), &json!("wasm")));

    let referrers = tagged(&format!("sha256-{}", digest.as_str().unwrap().strip_prefix("sha256:").unwrap()));
    let referrers: Value = serde_json::from_slice(&read(&world, &referrers)).unwrap();
    let predicates = referrers["manifests"].as_array().unwrap().iter().map(|it| {
        let manifest: Value = serde_json::from_slice(&read(&world, &it["digest"])).unwrap();
        assert_eq!(manifest["subject"]["digest"], digest);
        let bundle: Value = serde_json::from_slice(&read(&world, &manifest["layers"][0]["digest"])).unwrap();
        assert_eq!(bundle["mediaType"], "application/vnd.dev.sigstore.bundle.v0.3+json");
        bundle["dsseEnvelope"]["payloadType"].clone()
    });
    assert_eq!(predicates.collect::<Vec<_>>(), vec![json!("application/vnd.in-toto+json"); 2]);
}

#[test]
fn the_same_module_is_the_same_content_and_a_version_is_not_moved() {
    let world = World::new();
    world.published("0.1.0");
    let files = world.host.files();
    let again = world.publish("echo").finish().exits(0);
    assert!(again.stdout().starts_with("there already: echo 0.1.0, manifest sha256:"), "{}", again.stdout());
    world.echo("0.1.0", |manifest| manifest["job"]["summary"] = json!("Something else"));
    let moved = world.publish("echo").finish().exits(5).stderr();
    assert!(
        moved.contains("error[version_moved]") && moved.contains("hint: a version is not moved"),
        "{moved}"
    );
    let published = |files: crate::host::Files| {
        let root = world.host.path("published");
        files.into_iter().filter(|(path, _)| path.starts_with(&root)).collect::<Vec<_>>()
    };
    assert_eq!(published(world.host.files()), published(files), "something was written");
}

#[test]
fn what_a_version_may_do_more_has_to_be_allowed_by_name() {
    let world = World::new();
    world.published("0.1.0");
    world.echo("0.2.0", |manifest| {
        manifest["schedulable-by"]["sources"].as_array_mut().unwrap().push(json!("night"));
        manifest["limits"] = json!({ "memory": "128MiB" });
    });
    let refused = world.publish("echo").finish().exits(5).stderr();
    insta::assert_snapshot!(refused, @r"
    echo, beside 0.1.0:
    + source:night
        `night` may ask for it
    + limit:memory=128MiB
        `memory` up to 128MiB, was 64MiB
    ~ version
        0.1.0 → 0.2.0
    error[widening_not_allowed]: the new revision of `echo` may do what nobody allowed: source:night, limit:memory=128MiB
    hint: if all of this is meant, add `--allow-widening source:night --allow-widening limit:memory=128MiB`
    ");
    let half = world.publish("echo").arg("--allow-widening").arg("source:night").finish().exits(5).stderr();
    assert!(
        half.contains("limit:memory=128MiB") && !half.contains("--allow-widening source:night"),
        "{half}"
    );
    let mistyped = ["--allow-widening", "source:nihgt", "--allow-widening", "limit:memory=128MiB"];
    let mistyped = mistyped.iter().fold(world.publish("echo"), |publish, arg| publish.arg(arg));
    drop(mistyped.finish().exits(5));
    let allowed = ["--allow-widening", "source:night", "--allow-widening", "limit:memory=128MiB"];
    let allowed = allowed.iter().fold(world.publish("echo"), |publish, arg| publish.arg(arg));
    assert!(allowed.finish().exits(0).stdout().starts_with("published echo 0.2.0, manifest sha256:"));
    world.echo("0.3.0", |_| ());
    let unneeded =
        world.publish("echo").arg("--allow-widening").arg("source:night").finish().exits(0).stderr();
    assert!(unneeded.contains("`--allow-widening source:night` allows nothing"), "{unneeded}");
}

#[test]
fn nothing_untested_is_published() {
    let world = World::new();
    world.echo("0.1.0", |_| ());
    let sample = world.host.path("made/echo.samples/says-it-back.json");
    let text = fs::read_to_string(&sample).unwrap();
    fs::write(&sample, text.replace(r#""result":{"n":1}"#, r#""result":{"n":2}"#)).unwrap();
    let failed = world.publish("echo").finish().exits(1).stderr();
    assert!(failed.contains("error[samples_failed]"), "{failed}");
    // One that is rejected at the door tests the door.
    let rejected = json!({
        "envelope": { "configuration": {}, "jobName": "echo", "source": "nobody", "jobPayload": {} },
        "expect": { "rejection": { "code": "source_not_allowed" } },
    });
    fs::write(&sample, rejected.to_string()).unwrap();
    let not_run = world.publish("echo").finish().exits(2).stderr();
    assert!(not_run.contains("no sample of `echo` runs it"), "{not_run}");
    fs::remove_file(&sample).unwrap();
    let none = world.publish("echo").finish().exits(2).stderr();
    assert!(none.contains("error[samples_missing]"), "{none}");
    assert!(!world.host.path("published").exists(), "something was written");
}

#[test]
fn a_key_is_made_once_and_its_private_half_is_never_shown() {
    let world = World::new();
    let secret = fs::read_to_string(world.host.path("ci.key")).unwrap();
    let body = secret.lines().nth(1).unwrap();
    let again = world.host.mainworker(&["key", "generate", "ci.key"]).finish().exits(2);
    assert!(again.stderr().contains("error[key_unwritable]"), "{}", again.stderr());
    assert_eq!(fs::read_to_string(world.host.path("ci.key")).unwrap(), secret, "it was written over");
    let shown: Vec<_> = [&["key", "show", "ci.key"][..], &["key", "show", "ci.key.pub"]]
        .map(|args| world.host.mainworker(args).finish().exits(0).stdout().to_owned())
        .to_vec();
    assert_eq!(shown[0], shown[1]);
    assert!(!shown[0].contains(body) && shown[0].starts_with("sha256:"), "{}", shown[0]);
    for slip in [format!("--key={secret}"), format!("--key={body}")] {
        world.echo("0.1.0", |_| ());
        let publish = ["publish", "made/echo.wasm", "--to", "published", &slip];
        let said = world.host.mainworker(&publish).finish().exits(2).stderr();
        assert!(said.contains("error[key_unreadable]") && !said.contains(&body[..20]), "{said}");
    }
    let said = world.host.mainworker(&["publish", "made/echo.wasm", "--to", "published", "--key", &secret]);
    assert!(!said.finish().exits(2).stderr().contains(&body[..20]), "the key was shown");
    world.host.write("not.key", secret.replace(&body[..8], "AAAAAAAA"));
    world.echo("0.1.0", |_| ());
    let bad = world.publish_with("echo", "not.key").finish().exits(2).stderr();
    assert!(bad.contains("error[key_unusable]") && !bad.contains(&body[8..]), "{bad}");
}

#[test]
fn a_statement_says_who_built_it_and_from_what() {
    let world = World::new();
    world.echo("0.1.0", |_| ());
    let publish = |args: &[&str]| {
        let all = [&["publish", "made/echo.wasm", "--to", "published", "--key", "ci.key"], args].concat();
        world.host.mainworker(&all)
    };
    let no_builder = publish(&["--commit", super::COMMIT]).finish().exits(2).stderr();
    assert!(no_builder.contains("error[builder_unknown]"), "{no_builder}");
    let odd = publish(&["--commit", super::COMMIT, "--builder", "my ci"]).finish().exits(2).stderr();
    assert!(odd.contains("error[builder_invalid]"), "{odd}");
    // The world is no git repository.
    let no_commit = publish(&["--builder", super::BUILDER]).finish().exits(2).stderr();
    assert!(no_commit.contains("error[commit_unknown]"), "{no_commit}");
    let no_time =
        publish(&["--builder", super::BUILDER, "--commit", super::COMMIT]).finish().exits(2).stderr();
    assert!(no_time.contains("error[commit_time_unknown]"), "{no_time}");
    let odd = publish(&["--builder", super::BUILDER, "--commit", "main"]).finish().exits(2).stderr();
    assert!(odd.contains("error[commit_invalid]"), "{odd}");
}

#[test]
fn a_version_is_left_as_it_is_whatever_the_commit_and_another_key_signs_it_too() {
    let world = World::new();
    world.published("0.1.0");
    let root = world.host.path("published");
    let published =
        || world.host.files().into_iter().filter(|(path, _)| path.starts_with(&root)).collect::<Vec<_>>();
    let before = published();
    let next = super::COMMIT.replace('4', "5");
    let by = |key: &str, commit: &str| {
        let args = ["publish", "made/echo.wasm", "--to", "published", "--key", key, "--commit", commit];
        let publish = world.host.mainworker(&args).arg("--builder").arg(super::BUILDER);
        publish.env("SOURCE_DATE_EPOCH", "1700000000").finish()
    };
    let elsewhere = |key: &str, commit: &str| by(key, commit).exits(0).stdout().to_owned();
    let left = elsewhere("ci.key", &next);
    assert!(left.starts_with("there already: echo 0.1.0, manifest sha256:"), "{left}");
    drop(world.host.mainworker(&["key", "generate", "next.key"]).finish().exits(0));
    let stranger = by("next.key", &next).exits(5).stderr();
    assert!(stranger.contains("error[version_moved]"), "it is signed by nobody who is known: {stranger}");
    world.host.write("mainworker.toml", "[trust.keys.ci]\nfile = \"ci.key.pub\"\njobs = [\"*\"]\n");
    assert_eq!(elsewhere("next.key", &next), left);
    assert_eq!(published(), before, "something was written");

    // The same commit makes the same manifest, to which statements of another key can be added.
    let added = elsewhere("next.key", super::COMMIT);
    assert_eq!(added, left.replace("there already:", "published"));
    assert_ne!(published(), before);
    assert_eq!(elsewhere("next.key", super::COMMIT), left);
    let trusts_next = World::settings("").replace("ci.key.pub", "next.key.pub");
    let serving = world.host.serve_deployed(&trusts_next);
    drop(serving.deploy("echo").finish().exits(0));
    drop(serving.stop());
}

/// Whoever can write there could put a version that may do anything, beside which nothing is wider.
#[test]
fn a_version_is_compared_with_one_that_a_known_key_signed() {
    let world = World::new();
    world.published("0.1.0");
    drop(world.host.mainworker(&["key", "generate", "strange.key"]).finish().exits(0));
    let may_more = |manifest: &mut Value| manifest["schedulable-by"]["sources"] = json!(["api", "night"]);
    world.host.write("mainworker.toml", "[trust.keys.ci]\nfile = \"ci.key.pub\"\njobs = [\"*\"]\n");
    world.echo("0.2.0", may_more);
    let strange = world.publish_with("echo", "strange.key").arg("--allow-widening").arg("source:night");
    drop(strange.finish().exits(0));
    fs::remove_file(world.host.path("mainworker.toml")).unwrap();
    world.echo("0.3.0", may_more);
    let refused = world.publish("echo").finish().exits(5).stderr();
    assert!(refused.contains("warning: `echo` 0.2.0 is not compared with"), "{refused}");
    assert!(refused.contains("error[widening_not_allowed]") && refused.contains("source:night"), "{refused}");

    drop(world.host.mainworker(&["key", "generate", "next.key"]).finish().exits(0));
    let unknown = world.publish_with("echo", "next.key").finish().exits(5).stderr();
    assert!(unknown.contains("error[key_unknown]: comparing `echo` 0.3.0 with 0.2.0"), "{unknown}");
}

#[test]
fn that_a_version_is_there_is_said_before_what_it_may_do_more() {
    let world = World::new();
    world.published("0.1.0").published("0.2.0");
    world.echo("0.2.0", |manifest| manifest["schedulable-by"]["sources"] = json!(["api", "night"]));
    let moved = world.publish("echo").finish().exits(5).stderr();
    assert!(moved.contains("error[version_moved]") && !moved.contains("source:night"), "{moved}");
    world.echo("0.3.0", |manifest| manifest["schedulable-by"]["sources"] = json!(["api", "night"]));
    let refused = world.publish("echo").arg("--json").finish().exits(5).json();
    assert_eq!(refused["refused"][0]["notAllowed"], json!(["source:night"]), "{refused}");
}

/// What was signed with a key that somebody else may have says nothing of what may be.
#[test]
fn what_is_revoked_is_compared_with_no_more() {
    let world = World::new();
    world.published("0.1.0");
    drop(world.host.mainworker(&["key", "generate", "next.key"]).finish().exits(0));
    let revoked =
        "[trust]\nrevoked-keys = [\"ci\"]\n[trust.keys.ci]\nfile = \"ci.key.pub\"\njobs = [\"*\"]\n";
    world.host.write("mainworker.toml", revoked);
    world.echo("0.2.0", |_| ());
    let own = world.publish("echo").finish().exits(5).stderr();
    assert!(own.contains("error[key_revoked]"), "{own}");
    let next = world.publish_with("echo", "next.key").finish().exits(0).stderr();
    assert!(
        next.contains("warning: `echo` 0.1.0 is not compared with") && next.contains("for the first time"),
        "{next}"
    );
}

/// Whoever can write there and has no key cannot make CI believe that a version is published.
#[test]
fn the_same_module_that_nobody_signed_is_no_version_that_is_there() {
    let world = World::new();
    world.published("0.1.0");
    drop(world.host.mainworker(&["key", "generate", "strange.key"]).finish().exits(0));
    world.host.write("mainworker.toml", "[trust.keys.ci]\nfile = \"ci.key.pub\"\njobs = [\"*\"]\n");
    world.echo("0.2.0", |manifest| {
        manifest["schedulable-by"]["sources"].as_array_mut().unwrap().push(json!("night"));
    });
    let args = ["publish", "made/echo.wasm", "--to", "published", "--key", "strange.key"];
    let strange = world.host.mainworker(&args).arg("--allow-widening").arg("source:night");
    let strange = strange.arg("--commit").arg(&super::COMMIT.replace('4', "5"));
    drop(
        strange.arg("--builder").arg(super::BUILDER).env("SOURCE_DATE_EPOCH", "1700000000").finish().exits(0),
    );
    let said = world.publish("echo").finish().exits(5).stderr();
    assert!(said.contains("error[version_moved]"), "{said}");
}
