//! Whose modules a host runs, at the deployment and afterwards; and what runs without anybody who vouches for it.

use super::World;
use crate::host::{TestHost, envelope};
use serde_json::{Value, json};
use std::fs;

/// The host refuses to deploy `echo` with these settings.
#[track_caller]
fn refused(world: &World, settings: &str, code: &str) -> String {
    let serving = world.host.serve_deployed(settings);
    let said = serving.deploy("echo").finish().exits(5).stderr();
    assert!(said.contains(&format!("error[{code}]")) && said.contains("\nhint: "), "{code}: {said}");
    let unknown = serving.command(&["revisions", "echo"]).finish().exits(1).stderr();
    assert!(unknown.contains("error[unknown_job]"), "{unknown}");
    let log = serving.stop();
    let left = fs::read_dir(world.host.path("data/modules/blobs/sha256")).expect("a folder").count();
    assert_eq!(left, 0, "something of it was kept");
    log
}

#[test]
fn nobody_is_trusted_until_the_settings_name_a_key() {
    let world = World::new();
    world.published("0.1.0");
    let nobody = format!("{}\n[trust]\nfrom = [\"published\"]\n", super::ROLES);
    refused(&world, &nobody, "key_unknown");
    drop(world.host.mainworker(&["key", "generate", "other.key"]).finish().exits(0));
    let other = World::settings("").replace("ci.key.pub", "other.key.pub");
    refused(&world, &other, "key_unknown");
}

#[test]
fn a_key_is_good_for_its_time_its_jobs_its_builders_and_until_it_is_revoked() {
    let world = World::new();
    world.published("0.1.0");
    refused(&world, &World::settings("valid-until = 2020-01-01T00:00:00Z"), "key_expired");
    refused(&world, &World::settings("valid-from = \"2999-01-01T00:00:00Z\""), "key_not_yet_valid");
    refused(&world, &World::settings("").replace("jobs = [\"*\"]", "jobs = [\"edge-*\"]"), "key_not_for_job");
    refused(&world, &World::settings("builders = [\"https://elsewhere.example\"]"), "builder_not_allowed");
    let revoked = World::settings("").replace("[trust]\n", "[trust]\nrevoked-keys = [\"ci\"]\n");
    refused(&world, &revoked, "key_revoked");
    let fingerprint = world.host.mainworker(&["key", "show", "ci.key", "--json"]).finish().exits(0).json();
    let fingerprint = fingerprint["fingerprint"].as_str().unwrap().to_owned();
    let revoked =
        World::settings("").replace("[trust]\n", &format!("[trust]\nrevoked-keys = [\"{fingerprint}\"]\n"));
    refused(&world, &revoked, "key_revoked");
    refused(&world, &World::settings("[trust.minimum-versions]\necho = \"0.2.0\""), "version_too_low");
}

#[test]
fn two_keys_are_good_at_once_while_one_takes_the_place_of_the_other() {
    let world = World::new();
    world.published("0.1.0");
    drop(world.host.mainworker(&["key", "generate", "next.key"]).finish().exits(0));
    world.echo("0.2.0", |_| ());
    // What is signed by nobody who is known here cannot be compared with.
    let alone = world.publish_with("echo", "next.key").finish().exits(5).stderr();
    assert!(alone.contains("error[key_unknown]") && alone.contains("[trust.keys]"), "{alone}");
    let both = World::settings("[trust.keys.next]\nfile = \"next.key.pub\"\njobs = [\"*\"]");
    world.host.settings(&both);
    drop(world.publish_with("echo", "next.key").finish().exits(0));
    let serving = world.host.serve_deployed(&both);
    drop(serving.deploy("echo@0.1.0").finish().exits(0));
    drop(serving.deploy("echo@0.2.0").finish().exits(0));
    let revisions = serving.command(&["revisions", "echo", "--json"]).finish().exits(0).json();
    let keys: Vec<&Value> = revisions["revisions"].as_array().unwrap().iter().map(|it| &it["key"]).collect();
    assert_eq!(keys, [&json!("next"), &json!("ci")]);
    drop(serving.stop());
}

#[test]
fn settings_that_name_what_cannot_be_had_or_meant() {
    let world = World::new();
    let checked = |settings: &str| {
        world.host.settings(settings);
        world.host.mainworker(&["settings", "check"]).finish()
    };
    let twice = World::settings("[trust.keys.again]\nfile = \"ci.key.pub\"\njobs = [\"*\"]");
    let twice = checked(&twice).exits(2).stderr();
    assert!(twice.contains("expected each key once"), "{twice}");
    let nothing = checked(&World::settings("").replace("[\"*\"]", "[]")).exits(2).stderr();
    assert!(nothing.contains("trust.keys.ci.jobs") && nothing.contains("at least one"), "{nothing}");
    let nowhere = checked(&World::settings("")).exits(2).stderr();
    assert!(nowhere.contains("a place of `[trust] from`"), "{nowhere}");
    world.host.folder("published");
    let registry = "[registries.\"registry.example\"]\nusername = \"hosts\"\npassword-file = \"away\"";
    let away = checked(&World::settings(registry)).exits(2).stderr();
    assert!(away.contains("reading its password") && away.contains("registry.example"), "{away}");
    let over = checked(&World::settings("valid-until = 2020-01-01T00:00:00Z")).exits(0);
    assert!(
        over.stderr().contains("`[trust.keys.ci]` was valid until 2020-01-01T00:00:00.000Z"),
        "{}",
        over.stderr()
    );
    insta::assert_snapshot!(over.stdout(), @"`mainworker.toml`: can be used, 0 mounts, 1 trusted key, 1 place of modules");
}

/// Whoever signs a version with the next key as well can revoke the former without a deployment.
#[test]
fn a_version_that_two_keys_signed_goes_on_when_one_of_them_is_revoked() {
    let world = World::new();
    world.published("0.1.0");
    drop(world.host.mainworker(&["key", "generate", "next.key"]).finish().exits(0));
    let also = world.publish_with("echo", "next.key").finish().exits(0).stderr();
    assert!(also.contains("echo 0.1.0 is there; it is signed with this key too now"), "{also}");
    let both = World::settings("[trust.keys.next]\nfile = \"next.key.pub\"\njobs = [\"*\"]");
    let serving = world.host.serve_deployed(&both);
    drop(serving.deploy("echo").finish().exits(0));
    drop(serving.stop());
    for revoked in ["ci", "next"] {
        let settings = both.replace("[trust]\n", &format!("[trust]\nrevoked-keys = [\"{revoked}\"]\n"));
        let serving = world.host.serve_deployed(&settings);
        assert_eq!(serving.echoes()["result"], json!({ "n": 7 }), "without {revoked}");
        drop(serving.stop());
    }
}

/// What was deployed goes on running when its key's time is over, and not when the key, the module or the version is refused.
#[test]
fn what_is_revoked_afterwards_is_neither_loaded_nor_run() {
    let world = World::new();
    world.published("0.1.0");
    let serving = world.serve();
    drop(serving.deploy("echo").finish().exits(0));
    let revision = serving.echoes()["revision"].as_str().unwrap().to_owned();
    drop(serving.command(&["pause", "echo"]).finish().exits(0));
    let asked = envelope("echo", "api", json!({ "n": 1 })).to_string();
    let task = serving.command(&["queue", "-", "--label", "waiting"]).stdin(asked.clone()).finish().exits(0);
    let task = task.stdout().trim().to_owned();
    drop(serving.stop());
    for (settings, code) in [
        (World::settings("").replace("[trust]\n", "[trust]\nrevoked-keys = [\"ci\"]\n"), "key_revoked"),
        (
            World::settings("")
                .replace("[trust]\n", &format!("[trust]\nrevoked-digests = [\"{revision}\"]\n")),
            "module_revoked",
        ),
        (World::settings("[trust.minimum-versions]\necho = \"0.2.0\""), "version_too_low"),
    ] {
        let serving = world.host.serve_deployed(&settings);
        let said = serving.command(&["queue", "-"]).stdin(asked.clone()).finish();
        drop(said);
        let events = serving.http().get("/metrics");
        let counted = format!("mainworker_modules_refused_total{{code=\"{code}\"}}");
        assert!(events.body.contains(&counted), "{}", events.body);
        let log = serving.stop();
        assert!(log.contains("a deployed module cannot be used") && log.contains(code), "{log}");
    }
    let serving = world
        .host
        .serve_deployed(&World::settings("").replace("[trust]\n", "[trust]\nrevoked-keys = [\"ci\"]\n"));
    drop(serving.command(&["resume", "echo"]).finish().exits(0));
    let followed = serving.command(&["log", "-f", &task]).finish();
    drop(followed);
    let status = serving.command(&["status", &task, "--json"]).finish().exits(0).json();
    assert_eq!((&status["state"], &status["outcome"]), (&json!("failed"), &json!("refused")), "{status}");
    assert_eq!(status["error"]["code"], "key_revoked");
    drop(serving.stop());
}

#[test]
fn run_takes_what_is_deployed_and_otherwise_gives_a_module_nothing() {
    let world = World::new();
    world.published("0.1.0");
    let serving = world.serve();
    drop(serving.deploy("echo").finish().exits(0));
    world.host.write("envelope.json", envelope("echo", "api", json!({ "n": 1 })).to_string());
    let run = || {
        world.host.mainworker(&[
            "run",
            "envelope.json",
            "--data",
            "data",
            "--settings",
            "mainworker.toml",
            "--json",
        ])
    };
    let beside = run().finish().exits(0).report();
    drop(serving.stop());
    let alone = run().finish().exits(0).report();
    assert_eq!(beside["revision"], alone["revision"]);
    world.host.write("envelope.json", envelope("other", "api", json!({})).to_string());
    assert_eq!(run().finish().exits(3).report()["error"]["code"], "unknown_job");
}

#[test]
fn a_module_of_a_folder_sees_nothing_of_the_host_unless_that_is_asked_for_loudly() {
    let host = TestHost::with_jobs(&["edge-logs", "echo"]);
    host.folder("logs").settings("[files.edge-logs]\npath = \"logs\"\naccess = \"read\"");
    let payload = json!({ "files": ["*.log"], "format": "auto" });
    host.write("envelope.json", envelope("edge-logs", "dashboard", payload).to_string());
    let run = || host.mainworker(&["run", "envelope.json", "--modules", "modules", "--data", "data"]);
    let refused = run().finish().exits(5).stderr();
    insta::assert_snapshot!(refused, @r"
    error[module_untrusted]: running `edge-logs`: nobody vouches for the module in the folder, and it would see the mount `edge-logs`; expected a deployed revision
    hint: `--untrusted` runs it all the same; without `--modules` the revision that `mainworker deploy` brought runs
    ");
    // It has nothing to count, which it can only find out by looking.
    let warned = run().arg("--untrusted").finish().exits(1);
    let warning = "warning: `--untrusted`: nobody vouches for this module of `edge-logs`, and it sees the mount `edge-logs`";
    assert_eq!(warned.untrusted(), Some(warning));
    host.write("envelope.json", envelope("echo", "api", json!({ "n": 1 })).to_string());
    assert_eq!(run().arg("--untrusted").finish().exits(0).untrusted(), None, "it sees nothing");
    assert_eq!(run().finish().exits(0).untrusted(), None);
}

#[test]
fn a_service_reads_no_folder_of_modules() {
    let host = TestHost::with_jobs(&["echo"]);
    host.settings(&format!("{}\n[modules]\ndir = \"modules\"", super::ROLES));
    let args = ["serve", "--modules", "modules", "--data", "data", "--listen", "127.0.0.1:0"];
    let refused = host.mainworker(&args).finish().exits(2).stderr();
    assert!(refused.contains("error[modules_without_dev]"), "{refused}");
    let serving = host.serve_deployed(&format!("{}\n[modules]\ndir = \"modules\"", super::ROLES));
    let asked = envelope("echo", "api", json!({})).to_string();
    let unknown = serving.command(&["queue", "-"]).stdin(asked).finish().exits(3).stderr();
    assert!(unknown.contains("error[unknown_job]"), "{unknown}");
    let log = serving.stop();
    assert!(log.contains("`[modules] dir` is read only with `--dev`"), "{log}");
}
