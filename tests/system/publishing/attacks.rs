//! What somebody could do who can write where modules are published, or in the host's own folder. Each is refused with its own
//! code, and changes nothing.

use super::World;
use crate::serving::Serving;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use std::fs;
use std::path::{Path, PathBuf};

fn digest(bytes: &[u8]) -> String {
    let hex: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
}

/// A layout as somebody sees it who can write there and knows the format.
pub(super) struct Attacker {
    pub(super) layout: PathBuf,
}

impl Attacker {
    pub(super) fn in_published(world: &World) -> Self {
        Self { layout: world.host.path("published") }
    }

    pub(super) fn blob(&self, digest: &str) -> PathBuf {
        self.layout.join("blobs/sha256").join(digest.strip_prefix("sha256:").expect("a digest"))
    }

    fn read(&self, digest: &str) -> Vec<u8> {
        fs::read(self.blob(digest)).expect("it is there")
    }

    pub(super) fn json(&self, digest: &str) -> Value {
        serde_json::from_slice(&self.read(digest)).expect("it is JSON")
    }

    /// Puts content in its place; gives its digest.
    fn put(&self, bytes: &[u8]) -> String {
        let digest = digest(bytes);
        fs::write(self.blob(&digest), bytes).expect("a file");
        digest
    }

    fn index(&self) -> Value {
        serde_json::from_slice(&fs::read(self.layout.join("index.json")).expect("a file")).expect("JSON")
    }

    pub(super) fn tagged(&self, tag: &str) -> String {
        let index = self.index();
        let entries = index["manifests"].as_array().expect("a list");
        let name = |it: &&Value| it["annotations"]["org.opencontainers.image.ref.name"] == tag;
        entries.iter().find(name).expect("the tag")["digest"].as_str().expect("a digest").to_owned()
    }

    /// Lets a tag lead to other content, as whoever moves one would.
    pub(super) fn tag(&self, tag: &str, bytes: &[u8]) {
        let digest = self.put(bytes);
        let mut index = self.index();
        let entries = index["manifests"].as_array_mut().expect("a list");
        let media_type = if tag.starts_with("sha256-") {
            "application/vnd.oci.image.index.v1+json"
        } else {
            "application/vnd.oci.image.manifest.v1+json"
        };
        entries.retain(|it| it["annotations"]["org.opencontainers.image.ref.name"] != tag);
        entries.push(json!({
            "mediaType": media_type, "digest": digest, "size": bytes.len(),
            "annotations": { "org.opencontainers.image.ref.name": tag },
        }));
        fs::write(self.layout.join("index.json"), index.to_string()).expect("a file");
    }

    fn referrers_tag(manifest: &str) -> String {
        manifest.replace(':', "-")
    }

    /// What is said to be signed about a manifest is said about another one.
    pub(super) fn claim_signatures(&self, of: &str, for_manifest: &str) {
        let referrers = self.read(&self.tagged(&Self::referrers_tag(of)));
        self.tag(&Self::referrers_tag(for_manifest), &referrers);
    }

    /// Changes the bundles of a manifest, everything around them included.
    pub(super) fn change_bundles(&self, manifest: &str, change: impl Fn(&mut Value)) {
        let tag = Self::referrers_tag(manifest);
        let mut referrers = self.json(&self.tagged(&tag));
        for entry in referrers["manifests"].as_array_mut().expect("a list") {
            let mut attached = self.json(entry["digest"].as_str().expect("a digest"));
            let layer = &mut attached["layers"][0];
            let mut bundle = self.json(layer["digest"].as_str().expect("a digest"));
            change(&mut bundle);
            let bytes = bundle.to_string();
            (layer["digest"], layer["size"]) = (json!(self.put(bytes.as_bytes())), json!(bytes.len()));
            let bytes = attached.to_string();
            (entry["digest"], entry["size"]) = (json!(self.put(bytes.as_bytes())), json!(bytes.len()));
        }
        self.tag(&tag, referrers.to_string().as_bytes());
    }
}

/// `echo` 0.1.0 is deployed and runs; what follows is refused with this code, and it runs on.
#[track_caller]
fn refused(serving: &Serving<'_>, what: &str, code: &str) {
    let before = serving.command(&["revisions", "echo", "--json"]).finish().exits(0).json();
    let said = serving.deploy(what).finish().exits(5).stderr();
    assert!(said.contains(&format!("error[{code}]")) && said.contains("\nhint: "), "{code}: {said}");
    let after = serving.command(&["revisions", "echo", "--json"]).finish().exits(0).json();
    assert_eq!(before, after);
    assert_eq!(serving.echoes()["result"], json!({ "n": 7 }));
}

fn runs_echo(world: &World) -> Serving<'_> {
    world.published("0.1.0").published("0.2.0");
    let serving = world.serve();
    drop(serving.deploy("echo@0.1.0").finish().exits(0));
    serving
}

fn flip(path: &Path) {
    let mut bytes = fs::read(path).expect("a file");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(path, bytes).expect("a file");
}

#[test]
fn content_that_is_not_what_its_digest_says() {
    let world = World::new();
    let serving = runs_echo(&world);
    let attacker = Attacker::in_published(&world);
    let manifest = attacker.tagged("echo-0.2.0");
    let module = attacker.json(&manifest)["layers"][0]["digest"].as_str().unwrap().to_owned();
    let config = attacker.json(&manifest)["config"]["digest"].as_str().unwrap().to_owned();
    for blob in [&manifest, &module, &config] {
        let whole = attacker.read(blob);
        flip(&attacker.blob(blob));
        refused(&serving, "echo@0.2.0", "content_changed");
        fs::write(attacker.blob(blob), &whole[..whole.len() - 1]).unwrap();
        refused(&serving, "echo@0.2.0", "content_changed");
        fs::write(attacker.blob(blob), [&whole[..], b" "].concat()).unwrap();
        refused(&serving, "echo@0.2.0", "content_changed");
        fs::remove_file(attacker.blob(blob)).unwrap();
        refused(&serving, "echo@0.2.0", "content_missing");
        fs::write(attacker.blob(blob), whole).unwrap();
    }
    drop(serving.deploy("echo@0.2.0").finish().exits(0));
    drop(serving.stop());
}

#[test]
fn another_module_under_a_version_that_was_signed() {
    let world = World::new();
    let serving = runs_echo(&world);
    let attacker = Attacker::in_published(&world);
    let signed = attacker.tagged("echo-0.2.0");
    // A module of its own, with a manifest of its own: nobody signed that.
    world.echo("0.2.0", |manifest| manifest["limits"] = json!({ "memory": "128MiB" }));
    let module = fs::read(world.host.path("made/echo.wasm")).unwrap();
    let mut manifest = attacker.json(&signed);
    let layer = &mut manifest["layers"][0];
    (layer["digest"], layer["size"]) = (json!(attacker.put(&module)), json!(module.len()));
    attacker.tag("echo-0.2.0", manifest.to_string().as_bytes());
    refused(&serving, "echo@0.2.0", "signature_missing");
    // With the signatures of the one that was.
    attacker.claim_signatures(&signed, &attacker.tagged("echo-0.2.0"));
    refused(&serving, "echo@0.2.0", "module_mismatch");
    drop(serving.stop());
}

#[test]
fn an_edited_statement_a_foreign_signature_and_none() {
    let world = World::new();
    let serving = runs_echo(&world);
    let attacker = Attacker::in_published(&world);
    let manifest = attacker.tagged("echo-0.2.0");
    let referrers = attacker.read(&attacker.tagged(&Attacker::referrers_tag(&manifest)));
    let restore = || attacker.tag(&Attacker::referrers_tag(&manifest), &referrers);
    let edited = |bundle: &mut Value| {
        let payload = bundle["dsseEnvelope"]["payload"].as_str().unwrap();
        // Another first character of the text that is signed, in the same alphabet.
        let other = if payload.starts_with('e') { "f" } else { "e" };
        bundle["dsseEnvelope"]["payload"] = json!(format!("{other}{}", &payload[1..]));
    };
    attacker.change_bundles(&manifest, edited);
    refused(&serving, "echo@0.2.0", "signature_invalid");
    restore();
    attacker.change_bundles(&manifest, |bundle| bundle["dsseEnvelope"]["signatures"] = json!([]));
    refused(&serving, "echo@0.2.0", "signature_invalid");
    restore();
    // The signatures of another version, about another manifest.
    let other = attacker.tagged("echo-0.1.0");
    attacker.claim_signatures(&other, &manifest);
    refused(&serving, "echo@0.2.0", "module_mismatch");
    attacker.tag(
        &Attacker::referrers_tag(&manifest),
        br#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}"#,
    );
    refused(&serving, "echo@0.2.0", "signature_missing");
    restore();
    drop(serving.deploy("echo@0.2.0").finish().exits(0));
    drop(serving.stop());
}

#[test]
fn a_tag_that_was_moved_to_another_version_or_another_job() {
    let world = World::new();
    let serving = runs_echo(&world);
    let attacker = Attacker::in_published(&world);
    // Signed, and an older version than its tag says.
    attacker.tag("echo-0.3.0", &attacker.read(&attacker.tagged("echo-0.1.0")));
    refused(&serving, "echo@0.3.0", "version_mismatch");
    world.module("greeter", "0.4.0", |_| ());
    drop(world.publish("greeter").finish().exits(0));
    attacker.tag("echo-0.4.0", &attacker.read(&attacker.tagged("greeter-0.4.0")));
    refused(&serving, "echo@0.4.0", "job_mismatch");
    // By its digest, which is what it is, and still another job.
    let greeter = attacker.tagged("greeter-0.4.0");
    refused(&serving, &format!("echo@{greeter}"), "job_mismatch");
    drop(serving.stop());
}

#[test]
fn a_name_that_is_easily_taken_for_another() {
    let world = World::new();
    let serving = runs_echo(&world);
    world.module("ech0", "0.1.0", |_| ());
    drop(world.publish("ech0").finish().exits(0));
    refused(&serving, "ech0", "name_imitates");
    drop(serving.stop());
    let meant = World::settings("").replace("jobs = [\"*\"]", "jobs = [\"*\", \"ech0\"]");
    let serving = world.host.serve_deployed(&meant);
    drop(serving.deploy("ech0").finish().exits(0));
    drop(serving.stop());
}

#[test]
fn a_changed_byte_in_the_hosts_own_folder_or_its_compiled_code() {
    let world = World::new();
    let serving = runs_echo(&world);
    drop(serving.stop());
    let own = Attacker { layout: world.host.path("data/modules") };
    let manifest = own.tagged("echo-0.1.0");
    let module = own.json(&manifest)["layers"][0]["digest"].as_str().unwrap().to_owned();
    flip(&own.blob(&module));
    let serving = world.serve();
    let text = serving.http().get("/metrics").body;
    assert!(text.contains("mainworker_modules_refused_total{code=\"content_changed\"}"), "{text}");
    let known = serving.http().get("/v1/jobs/echo").json()["job"].clone();
    assert_eq!(
        (&known["error"]["code"], &known["version"]),
        (&json!("content_changed"), &Value::Null),
        "{known}"
    );
    let stats = serving.command(&["stats"]).finish().exits(0);
    assert!(stats.stdout().contains("content_changed"), "{}", stats.stdout());
    let jobs = serving.command(&["jobs"]).finish().exits(5).stderr();
    assert!(
        jobs.contains("`echo` cannot be used") && jobs.contains("mainworker deploy echo@0.1.0"),
        "{jobs}"
    );
    let asked = crate::host::envelope("echo", "api", json!({})).to_string();
    let refused = serving.command(&["queue", "-"]).stdin(asked).finish().exits(5).stderr();
    assert!(refused.contains("error[module_refused]"), "{refused}");
    // The very module that was signed mends it, and is not wider than itself.
    drop(serving.deploy("echo@0.1.0").finish().exits(0));
    assert_eq!(serving.echoes()["result"], json!({ "n": 7 }));
    let log = serving.stop();
    assert!(log.contains("a deployed module cannot be used") && log.contains("content_changed"), "{log}");

    let cache = fs::read_dir(world.host.path("data/module-cache")).unwrap();
    let compiled = cache.map(|entry| entry.unwrap().path()).filter(|path| path.extension().is_some());
    for path in compiled {
        // A file of its own: the tests share theirs by links.
        let bytes = fs::read(&path).unwrap();
        fs::remove_file(&path).unwrap();
        fs::write(&path, bytes).unwrap();
        flip(&path);
    }
    let serving = world.serve();
    assert_eq!(serving.echoes()["result"], json!({ "n": 7 }), "it is compiled again");
    let text = serving.http().get("/metrics").body;
    assert!(text.contains("mainworker_modules_refused_total{code=\"compiled_code_changed\"}"), "{text}");
    drop(serving.stop());
}

#[test]
fn two_who_publish_one_version_at_once() {
    let world = World::new();
    world.echo("0.1.0", |_| ());
    fs::create_dir(world.host.path("made/b")).unwrap();
    fs::rename(world.host.path("made/echo.wasm"), world.host.path("made/b/echo.wasm")).unwrap();
    fs::rename(world.host.path("made/echo.samples"), world.host.path("made/b/echo.samples")).unwrap();
    world.echo("0.1.0", |manifest| manifest["job"]["summary"] = json!("The other one"));
    let commands = [world.publish("echo"), world.publish("b/echo")].map(|publish| publish.by_hand().0);
    let children = commands.map(|mut command| {
        command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn().unwrap()
    });
    let ends = children.map(|child| child.wait_with_output().unwrap());
    let mut codes = ends.each_ref().map(|end| end.status.code().unwrap());
    codes.sort_unstable();
    assert_eq!(codes, [0, 5], "{ends:?}");
    let loser = ends.iter().find(|end| end.status.code() == Some(5)).unwrap();
    assert!(String::from_utf8_lossy(&loser.stderr).contains("error[version_moved]"), "{loser:?}");
    let serving = world.serve();
    drop(serving.deploy("echo").finish().exits(0));
    drop(serving.stop());
}
