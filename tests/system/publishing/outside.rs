//! What is published is verified by programs of others: by the files that PUBLISHING.md shows, as they stand there.
//!
//! `cargo gate toolchain` installs these programs in `verifiers` beside what cargo builds. Where the gate cannot have one, it says
//! so and names it in `MAINWORKER_TEST_WITHOUT`; unless it is named there, its test needs it.

use super::World;
use super::attacks::Attacker;
use crate::jobs;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use std::env;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const PAGE: &str = include_str!("../../../host/server/PUBLISHING.md");
const INSTALL: &str = "`cargo gate toolchain` installs it";

/// A file as the page shows it, in a block that is tagged with its name.
#[track_caller]
fn shown(name: &str) -> &'static str {
    let tag = format!(" {name}\n");
    let blocks = PAGE.split("\n```").filter_map(|block| block.split_once('\n'));
    let mut files = blocks.filter(|(info, _)| format!(" {info}\n").ends_with(&tag)).map(|(_, text)| text);
    let file = files.next().unwrap_or_else(|| panic!("PUBLISHING.md shows no `{name}`"));
    assert!(files.next().is_none(), "PUBLISHING.md shows `{name}` twice");
    file
}

/// The programs that the gate installed.
fn installed() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("it is in the target folder").join("verifiers")
}

/// A world with a version of `echo` in `published`, and the files of the page in `outside`.
struct Outside {
    world: World,
    verifier: Vec<String>,
}

impl Outside {
    /// With this verifier, or none if the gate has said that there is none.
    fn with(name: &str, verifier: &[&str]) -> Option<Self> {
        let without = env::var("MAINWORKER_TEST_WITHOUT").unwrap_or_default();
        if without.split(' ').any(|other| other == name) {
            return None;
        }
        let world = World::new();
        world.published("0.1.0");
        drop(world.host.mainworker(&["key", "generate", "other.key"]).finish().exits(0));
        for file in ["check.sh", "verify.sh", "verify.py", "verify.mjs"] {
            let path = world.host.path("outside").join(file);
            world.host.write(&format!("outside/{file}"), format!("{}\n", shown(file)));
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("it was written");
        }
        // Node looks beside the file for what it imports.
        symlink(installed().join("node_modules"), world.host.path("outside/node_modules")).expect("a link");
        Some(Self { world, verifier: verifier.iter().map(|&word| word.to_owned()).collect() })
    }

    /// Whether it holds for this key, and what was printed.
    fn check(&self, key: &str) -> (bool, String) {
        let output = Command::new("outside/check.sh")
            .args(["published", "echo-0.1.0", key])
            .args(&self.verifier)
            .current_dir(self.world.host.path(""))
            .stdin(Stdio::null())
            .output()
            .expect("bash is there");
        let printed =
            [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        (output.status.success(), printed.concat())
    }

    #[track_caller]
    fn holds(&self) {
        let (held, printed) = self.check("ci.key.pub");
        assert!(held && printed.contains("echo-0.1.0 is sha256:"), "{printed}\nhint: {INSTALL}");
    }

    #[track_caller]
    fn refuses(&self, key: &str, why: &str) {
        let (held, printed) = self.check(key);
        assert!(!held && printed.contains(why), "expected `{why}`: {printed}");
    }

    /// That it holds, and that nothing holds that was changed.
    #[track_caller]
    fn is_verified(&self) {
        self.holds();
        self.refuses("other.key.pub", "other.key.pub did not sign sha256:");

        let attacker = Attacker::in_published(&self.world);
        let manifest = attacker.tagged("echo-0.1.0");
        let referrers = attacker.tagged(&manifest.replace(':', "-"));
        let attached = attacker.json(&referrers)["manifests"][0]["digest"].as_str().unwrap().to_owned();
        let bundle = attacker.json(&attached)["layers"][0]["digest"].as_str().unwrap().to_owned();
        let whole = fs::read(attacker.blob(&bundle)).unwrap();
        fs::write(attacker.blob(&bundle), [&whole[..], b" "].concat()).unwrap();
        self.refuses("ci.key.pub", &format!("{bundle} has another content"));
        fs::write(attacker.blob(&bundle), whole).unwrap();
        self.holds();

        // Everything around the payload fits again.
        let index = fs::read(self.world.host.path("published/index.json")).unwrap();
        let edit = |text: &str| {
            text.replace("\"version\":\"0.1.0\"", "\"version\":\"9.1.0\"").replace("PASSED", "FAILED")
        };
        attacker.change_bundles(&manifest, |bundle| {
            let payload = &mut bundle["dsseEnvelope"]["payload"];
            let text = String::from_utf8(STANDARD.decode(payload.as_str().unwrap()).unwrap()).unwrap();
            assert_ne!(edit(&text), text);
            *payload = json!(STANDARD.encode(edit(&text)));
        });
        self.refuses("ci.key.pub", "ci.key.pub did not sign sha256:");
        fs::write(self.world.host.path("published/index.json"), &index).unwrap();
        attacker.change_bundles(&manifest, |bundle| {
            bundle["dsseEnvelope"]["payloadType"] = json!("application/vnd.in-toto+json2");
        });
        self.refuses("ci.key.pub", "ci.key.pub did not sign sha256:");
        fs::write(self.world.host.path("published/index.json"), &index).unwrap();
        self.holds();

        // What was signed of one version is said of another, and a version takes the place of another.
        self.world.published("0.2.0");
        let newer = attacker.tagged("echo-0.2.0");
        attacker.claim_signatures(&newer, &manifest);
        self.refuses("ci.key.pub", "is about something else");
        let bytes = fs::read(attacker.blob(&newer)).unwrap();
        attacker.tag("echo-0.1.0", &bytes);
        self.refuses("ci.key.pub", "is about something else: echo-0.2.0");
    }
}

#[test]
fn openssl_verifies_what_is_published() {
    let outside = Outside::with("openssl", &["outside/verify.sh"]).expect("it is on every machine");
    outside.is_verified();
}

#[test]
fn securesystemslib_verifies_what_is_published() {
    let python = installed().join("python/bin/python");
    let python = python.to_str().expect("its path is text");
    if let Some(outside) = Outside::with("securesystemslib", &[python, "outside/verify.py"]) {
        outside.is_verified();
    }
}

#[test]
fn sigstore_for_node_verifies_what_is_published() {
    if let Some(outside) = Outside::with("sigstore", &["node", "outside/verify.mjs"]) {
        outside.is_verified();
    }
}

/// Whoever follows the page gets the programs that the gate tries.
#[test]
fn the_page_pins_what_the_gate_installs() {
    let gate = fs::read_to_string(jobs::workspace().join("tests/gate/src/steps/verifiers.rs")).unwrap();
    for pinned in ["securesystemslib[crypto]==1.6.0", "@sigstore/verify@4.1.3"] {
        assert!(PAGE.contains(pinned) && gate.contains(&format!("\"{pinned}\"")), "{pinned}");
    }
}
