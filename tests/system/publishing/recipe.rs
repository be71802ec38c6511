//! `.ci/publish-jobs`: into a directory, into a registry, and from either to a host that deploys and runs.

#[expect(dead_code, reason = "others of its users need more of it")]
#[path = "../../../host/publishing/tests/support/docker_registry.rs"]
mod docker_registry;

use super::{BUILDER, COMMIT, ROLES, World};
use crate::host::CANARY;
use crate::jobs;
use crate::serving::Serving;
use docker_registry::{DockerRegistry, PASSWORD, Setup, USERNAME, skopeo};
use serde_json::{Value, json};
use std::env;
use std::fs;
use std::process::{Command, Stdio};

/// A call of the script, in the world of a test and with nothing of this machine's that it could be told.
#[must_use = "it is not called yet"]
struct Recipe<'a> {
    world: &'a World,
    command: Command,
}

/// How it ended, and all that it printed.
struct Ended {
    code: Option<i32>,
    printed: String,
}

impl<'a> Recipe<'a> {
    /// Publishes to this place what was made in the world.
    fn new(world: &'a World, to: &str) -> Self {
        let mut command = Command::new(jobs::workspace().join(".ci/publish-jobs"));
        for (name, _) in env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("MAINWORKER")) {
            command.env_remove(name);
        }
        let key = fs::read_to_string(world.host.path("ci.key")).expect("it was generated");
        command
            .env("PUBLISH_TO", to)
            .env("MAINWORKER", env!("CARGO_BIN_EXE_mainworker"))
            .env("MAINWORKER_SIGNING_KEY", key)
            .env("MAINWORKER_BUILDER", BUILDER)
            .env("MODULES", "made")
            .env("COMMIT", COMMIT)
            .env("SOURCE_DATE_EPOCH", "1700000000")
            .env("NO_COLOR", "1")
            .current_dir(world.host.path(""))
            .stdin(Stdio::null());
        Self { world, command }
    }

    fn with(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    fn without(mut self, name: &str) -> Self {
        self.command.env_remove(name);
        self
    }

    /// Has this host deploy, by the token of its settings.
    fn deploying_to(self, serving: &Serving<'_>) -> Self {
        let url = format!("http://{}", serving.address());
        self.with("MAINWORKER_HOST", &url).with("MAINWORKER_TOKEN", CANARY)
    }

    /// Known to the registry that asks for a password.
    fn known(self) -> Self {
        self.with("MAINWORKER_REGISTRY_USERNAME", USERNAME).with("MAINWORKER_REGISTRY_PASSWORD", PASSWORD)
    }

    /// Waits for its end. No secret is in what it printed.
    fn run(mut self) -> Ended {
        let output = self.command.output().expect("bash is there");
        let printed =
            [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        let printed = printed.concat();
        let key = fs::read_to_string(self.world.host.path("ci.key")).expect("it was generated");
        let secrets = key.lines().filter(|line| !line.starts_with("-----")).chain([CANARY, PASSWORD]);
        for secret in secrets {
            assert!(!printed.contains(secret), "a secret was printed: {printed}");
        }
        Ended { code: output.status.code(), printed }
    }
}

impl Ended {
    /// Asserts how it ended and that all of this was printed; gives what was.
    #[track_caller]
    fn exits(self, code: i32, said: &[&str]) -> String {
        assert_eq!(self.code, Some(code), "{}", self.printed);
        for said in said {
            assert!(self.printed.contains(said), "expected `{said}`: {}", self.printed);
        }
        self.printed
    }
}

/// The manifest that `published echo 0.1.0, manifest sha256:…` names.
#[track_caller]
fn published(printed: &str) -> String {
    let line = printed.lines().find_map(|line| line.strip_prefix("published echo 0.1.0, manifest "));
    line.unwrap_or_else(|| panic!("it was not published: {printed}")).to_owned()
}

fn current(serving: &Serving<'_>) -> Value {
    let list = serving.command(&["revisions", "echo", "--json"]).finish().exits(0).json();
    let revisions = list["revisions"].as_array().expect("a list");
    revisions.iter().find(|revision| revision["current"] == true).expect("one is current").clone()
}

#[test]
fn a_job_goes_from_its_source_to_a_host_by_way_of_a_directory() {
    let world = World::new();
    let serving = world.serve();
    // Built by the script; the world has no modules.
    let recipe =
        || Recipe::new(&world, "published").without("MODULES").with("JOBS", "echo").deploying_to(&serving);
    let said =
        ["building jobs: echo", "checking 1 modules", "published for the first time", "deployed echo 0.1.0"];
    let digest = published(&recipe().run().exits(0, &said));
    assert_eq!(current(&serving)["manifest"], json!(digest));
    assert_eq!(serving.echoes()["result"], json!({ "n": 7 }));

    // The next commit has the same job.
    let next = COMMIT.replace('4', "5");
    let said =
        [format!("there already: echo 0.1.0, manifest {digest}"), format!("echo: the host has had {digest}")];
    recipe().with("COMMIT", &next).run().exits(0, &[&said[0], &said[1]]);
    drop(serving.stop());
}

#[test]
fn a_widening_stops_it_until_a_person_names_it_and_a_rollback_stays() {
    let world = World::new();
    let serving = world.serve();
    let recipe = || Recipe::new(&world, "published").deploying_to(&serving);
    world.echo("0.1.0", |_| ());
    recipe().run().exits(0, &["deployed echo 0.1.0"]);

    world.echo("0.2.0", |manifest| {
        let sources = manifest["schedulable-by"]["sources"].as_array_mut().expect("a list");
        sources.extend([json!("night"), json!("morning")]);
    });
    let refused = recipe().with("ALLOW_WIDENING", "source:night").run();
    refused.exits(5, &["error[widening_not_allowed]", "source:morning"]);
    assert_eq!(current(&serving)["version"], "0.1.0");
    let allowed = recipe().with("ALLOW_WIDENING", "source:night\n source:morning").run();
    allowed.exits(0, &["published echo 0.2.0", "deployed echo 0.2.0"]);

    // What is published was seen; nobody has to name it again, at whichever commit.
    drop(serving.command(&["rollback", "echo"]).finish().exits(0));
    recipe().run().exits(0, &["there already: echo 0.2.0", "echo: the host has had sha256:"]);
    let next = COMMIT.replace('4', "5");
    recipe().with("COMMIT", &next).run().exits(0, &["there already: echo 0.2.0"]);
    assert_eq!(current(&serving)["version"], "0.1.0");

    // The module changed and its version did not.
    world.echo("0.2.0", |manifest| manifest["job"]["summary"] = json!("Something else"));
    recipe().run().exits(5, &["error[version_moved]", "raise `version` in job.toml"]);
    drop(serving.stop());
}

#[test]
fn it_stops_before_it_publishes_if_anything_is_wrong() {
    let world = World::new();
    world.echo("0.1.0", |_| ());
    let recipe = || Recipe::new(&world, "published");
    for (missing, said) in [
        ("PUBLISH_TO", "error: PUBLISH_TO is empty\nhint: "),
        ("MAINWORKER_BUILDER", "error: MAINWORKER_BUILDER is empty\nhint: "),
        ("MAINWORKER_SIGNING_KEY", "error: MAINWORKER_SIGNING_KEY and SIGNING_KEY_FILE are empty\nhint: "),
    ] {
        recipe().without(missing).run().exits(2, &[said]);
    }
    let nobody = recipe().with("MAINWORKER_HOST", "http://127.0.0.1:9").run();
    nobody.exits(2, &["MAINWORKER_TOKEN is empty"]);
    recipe().with("JOBS", "echo nothing").run().exits(5, &["nothing.wasm"]);
    let broken = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
    recipe().with("MAINWORKER_SIGNING_KEY", broken).run().exits(2, &["error[key_unusable]"]);

    let sample = json!({
        "envelope": { "configuration": {}, "jobName": "echo", "source": "api", "jobPayload": { "n": 1 } },
        "expect": { "outcome": "completed", "result": { "n": 2 } },
    });
    world.host.write("made/echo.samples/wrong.json", sample.to_string());
    recipe().run().exits(1, &["wrong.json"]);
    fs::remove_file(world.host.path("made/echo.samples/wrong.json")).expect("it was written");
    assert!(!world.host.path("published").exists(), "something was published");

    // A key in a file, by its path from where the script was called; no host.
    let by_file = recipe().without("MAINWORKER_SIGNING_KEY").with("SIGNING_KEY_FILE", "ci.key").run();
    by_file.exits(0, &["published echo 0.1.0, manifest sha256:", "nothing is deployed"]);
}

#[test]
fn ci_writes_to_a_registry_that_hosts_can_only_read_and_directories_are_copied_from() {
    let world = World::new();
    world.echo("0.1.0", |_| ());
    let storage = world.host.folder("registry").path("registry");
    let writing = DockerRegistry::start(&storage, Setup { asks_for_password: true, is_read_only: false });
    let reading = DockerRegistry::start(&storage, Setup { asks_for_password: false, is_read_only: true });
    let (to, from) =
        (format!("oci://{}/company/jobs", writing.host()), format!("oci://{}/company/jobs", reading.host()));
    let serving = world.host.serve_deployed(&format!(
        "{ROLES}\n[trust]\nfrom = [\"{from}\", \"copied\"]\n[trust.keys.ci]\nfile = \"ci.key.pub\"\njobs = [\"echo\"]\n\
         builders = [\"{BUILDER}\"]\n"
    ));
    let recipe = |to: &str| Recipe::new(&world, to).with("DEPLOY_FROM", &from).deploying_to(&serving);
    recipe(&to).run().exits(6, &["MAINWORKER_REGISTRY_USERNAME"]);
    recipe(&from).run().exits(6, &["error["]);
    let digest = published(&recipe(&to).known().run().exits(0, &["deployed echo 0.1.0"]));
    assert_eq!(serving.echoes()["result"], json!({ "n": 7 }));
    recipe(&to).known().run().exits(0, &["there already: echo 0.1.0", "the host has had"]);

    // A directory has the same under the same digest.
    let in_directory = Recipe::new(&world, "published").run().exits(0, &[]);
    assert_eq!(published(&in_directory), digest);

    // As PUBLISHING.md copies it, there and on to another repository.
    let referrers = digest.replace(':', "-");
    let there = |repository: &str, tag: &str| format!("docker://{}/{repository}:{tag}", reading.host());
    let here = |tag: &str| format!("oci:{}:{tag}", world.host.path("copied").display());
    for (tag, all) in [("echo-0.1.0", &[][..]), (&referrers, &["--all"])] {
        let copy = |args: &[&str]| skopeo(&[&["copy"], all, args].concat());
        copy(&["--src-tls-verify=false", &there("company/jobs", tag), &here(tag)]);
        let login = format!("--dest-creds={USERNAME}:{PASSWORD}");
        let again = format!("docker://{}/copied:{tag}", writing.host());
        copy(&["--dest-tls-verify=false", &login, &here(tag), &again]);
    }
    let index: Value =
        serde_json::from_slice(&fs::read(world.host.path("copied/index.json")).unwrap()).unwrap();
    assert_eq!(index["manifests"][0]["digest"], json!(digest));
    let raw = |tag| skopeo(&["inspect", "--raw", "--tls-verify=false", &there(tag, "echo-0.1.0")]);
    assert_eq!(raw("copied"), raw("company/jobs"));

    drop(serving.command(&["undeploy", "echo"]).finish().exits(0));
    let deployed =
        serving.command(&["deploy", &format!("echo@{digest}"), "--from", "copied"]).finish().exits(0);
    assert!(deployed.stdout().starts_with("deployed echo 0.1.0"), "{}", deployed.stdout());
    assert_eq!(serving.echoes()["result"], json!({ "n": 7 }));
    assert_eq!(current(&serving)["manifest"], json!(digest));
    drop(serving.stop());
}
