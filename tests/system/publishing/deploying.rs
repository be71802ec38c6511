//! From a published module to the tasks that run with it, and back.

use super::World;
use crate::host::CANARY;
use crate::services::{Service, answer};
use serde_json::json;
use std::sync::Mutex;
use std::sync::mpsc::channel;
use std::time::Duration;

#[test]
fn a_deployed_module_runs_without_a_restart_and_after_one() {
    let world = World::new();
    world.published("0.1.0");
    let serving = world.serve();
    let none = serving.http().get("/v1/jobs");
    assert_eq!(none.json()["jobs"], json!([]));
    let deployed = serving.deploy("echo").finish().exits(0);
    assert!(deployed.stdout().starts_with("deployed echo 0.1.0, revision sha256:"), "{}", deployed.stdout());
    assert_eq!(serving.echoes()["result"], json!({ "n": 7 }));
    let again = serving.deploy("echo").finish().exits(0);
    assert!(again.stdout().starts_with("echo 0.1.0 is current already"), "{}", again.stdout());
    drop(serving.stop());

    let serving = world.serve();
    assert_eq!(serving.echoes()["result"], json!({ "n": 7 }));
    let audit = serving.http().get("/v1/audit?action=job-deployed").json();
    assert_eq!(audit["entries"].as_array().unwrap().len(), 1, "{audit}");
    assert_eq!(audit["entries"][0]["actor"], "settings");
    drop(serving.stop());
}

#[test]
fn queued_tasks_keep_their_revision_and_a_rollback_brings_the_former_back() {
    let world = World::new();
    world.published("0.1.0").published("0.2.0");
    let serving = world.serve();
    drop(serving.deploy("echo@0.1.0").finish().exits(0));
    drop(serving.command(&["pause", "echo"]).finish().exits(0));
    let envelope =
        json!({ "configuration": {}, "jobName": "echo", "source": "api", "jobPayload": { "n": 1 } });
    let queue = || {
        let queued = serving.command(&["queue", "-"]).stdin(envelope.to_string()).finish().exits(0);
        queued.stdout().trim().to_owned()
    };
    let first = queue();
    drop(serving.deploy("echo").finish().exits(0));
    let second = queue();
    let revisions = serving.command(&["revisions", "echo", "--json"]).finish().exits(0).json();
    let of = |version: &str| {
        let all = revisions["revisions"].as_array().unwrap();
        all.iter().find(|it| it["version"] == version).unwrap().clone()
    };
    let (older, newer) = (of("0.1.0"), of("0.2.0"));
    assert_eq!((&older["current"], &newer["current"]), (&json!(false), &json!(true)));
    assert_eq!((&older["openTasks"], &newer["openTasks"]), (&json!(1), &json!(1)));
    assert_eq!((&newer["commit"], &newer["builder"]), (&json!(super::COMMIT), &json!(super::BUILDER)));
    drop(serving.command(&["resume", "echo"]).finish().exits(0));
    for (task, revision) in [(&first, &older), (&second, &newer)] {
        let waited = serving.command(&["status", task, "--json"]).finish().exits(0).json();
        assert_eq!(waited["revision"], revision["revision"], "{waited}");
    }
    let back = serving.command(&["rollback", "echo"]).finish().exits(0);
    assert_eq!(back.stdout(), format!("echo is back at revision {}\n", older["revision"].as_str().unwrap()));
    assert_eq!(serving.echoes()["revision"], older["revision"]);
    let twice = serving.command(&["rollback", "echo"]).finish().exits(1).stderr();
    assert!(
        twice.contains("error[rolled_back_already]") && twice.contains("mainworker revisions echo"),
        "{twice}"
    );
    let named = |name: &str| serving.command(&["rollback", "echo", name, "--json"]).finish();
    let digits = newer["revision"].as_str().unwrap().strip_prefix("sha256:").unwrap();
    for (name, to) in
        [("0.2.0", &newer), ("0.1.0", &older), (&digits[..12], &newer), (digits, &newer), ("0.1.0", &older)]
    {
        assert_eq!(named(name).exits(0).json()["to"], to["revision"], "{name}");
    }
    let unknown = named("0.3.0").exits(1).stderr();
    assert!(unknown.contains("error[unknown_revision]: `echo` has no revision 0.3.0 here"), "{unknown}");
    let odd = named(&digits[..11]).exits(2).stderr();
    assert!(odd.contains("error[deployment_invalid]") && odd.contains("12 lower-case digits"), "{odd}");
    let downgrade = serving.deploy("echo@0.2.0").finish().exits(0);
    assert!(downgrade.stdout().starts_with("deployed echo 0.2.0"), "{}", downgrade.stdout());
    let downgrade = serving.deploy("echo@0.1.0").finish().exits(5).stderr();
    assert!(
        downgrade.contains("error[version_downgrade]") && downgrade.contains("mainworker rollback echo"),
        "{downgrade}"
    );
    drop(serving.stop());
}

#[test]
fn a_job_that_is_taken_away_is_unknown_and_its_queued_tasks_run() {
    let world = World::new();
    world.published("0.1.0");
    let serving = world.serve();
    drop(serving.deploy("echo").finish().exits(0));
    drop(serving.command(&["pause", "echo"]).finish().exits(0));
    let envelope =
        json!({ "configuration": {}, "jobName": "echo", "source": "api", "jobPayload": { "n": 1 } });
    let queued = serving.command(&["queue", "-"]).stdin(envelope.to_string()).finish().exits(0);
    let task = queued.stdout().trim().to_owned();
    drop(serving.command(&["undeploy", "echo"]).finish().exits(0));
    let unknown = serving.command(&["queue", "-"]).stdin(envelope.to_string()).finish().exits(3).stderr();
    assert!(unknown.contains("error[unknown_job]"), "{unknown}");
    drop(serving.command(&["resume", "echo"]).finish().exits(0));
    let log = serving.command(&["log", "-f", &task]).finish();
    drop(log);
    let status = serving.command(&["status", &task, "--json"]).finish().exits(0).json();
    assert_eq!(status["state"], "completed", "{status}");
    let gone = serving.command(&["undeploy", "echo"]).finish().exits(1).stderr();
    assert!(gone.contains("error[unknown_job]"), "{gone}");
    drop(serving.stop());
}

/// Whoever takes a job away and brings it back is held to what it was, before and after a restart; what it was comes back as it is.
#[test]
fn taking_a_job_away_is_no_way_around_what_somebody_must_have_seen() {
    let world = World::new();
    world.published("0.1.0").published("0.2.0");
    world.echo("0.3.0", |manifest| {
        manifest["schedulable-by"]["sources"].as_array_mut().unwrap().push(json!("night"));
    });
    drop(world.publish("echo").arg("--allow-widening").arg("source:night").finish().exits(0));
    world.echo("0.4.0", |manifest| {
        manifest["schedulable-by"]["sources"].as_array_mut().unwrap().push(json!("night"));
    });
    drop(world.publish("echo").finish().exits(0));
    let serving = world.serve();
    drop(serving.deploy("echo@0.2.0").finish().exits(0));
    let refused = |serving: &crate::serving::Serving<'_>| {
        for (version, code) in [("0.1.0", "version_downgrade"), ("0.4.0", "widening_not_allowed")] {
            let said = serving.deploy(&format!("echo@{version}")).finish().exits(5).stderr();
            assert!(said.contains(&format!("error[{code}]")), "{said}");
        }
    };
    drop(serving.command(&["undeploy", "echo"]).finish().exits(0));
    refused(&serving);
    drop(serving.stop());
    let serving = world.serve();
    refused(&serving);
    drop(serving.deploy("echo@0.2.0").finish().exits(0));
    assert_eq!(serving.echoes()["result"], json!({ "n": 7 }));
    drop(serving.stop());
}

#[test]
fn what_a_revision_may_do_more_than_the_current_one_must_have_been_seen() {
    let world = World::new();
    world.published("0.1.0");
    let widen = |manifest: &mut serde_json::Value| {
        manifest["schedulable-by"]["sources"].as_array_mut().unwrap().push(json!("night"));
    };
    world.echo("0.2.0", widen);
    drop(world.publish("echo").arg("--allow-widening").arg("source:night").finish().exits(0));
    world.echo("0.3.0", widen);
    drop(world.publish("echo").finish().exits(0));
    let serving = world.serve();
    drop(serving.deploy("echo@0.1.0").finish().exits(0));
    // Beside the version before it nothing is new; beside what runs here something is.
    let refused = serving.deploy("echo@0.3.0").finish().exits(5).stderr();
    assert!(
        refused.contains("error[widening_not_allowed]") && refused.contains("--allow-widening source:night"),
        "{refused}"
    );
    assert_eq!(serving.echoes()["result"], json!({ "n": 7 }), "the former one runs");
    drop(serving.deploy("echo@0.3.0").arg("--allow-widening").arg("source:night").finish().exits(0));
    drop(serving.command(&["rollback", "echo"]).finish().exits(0));
    let seen = serving.deploy("echo@0.2.0").finish().exits(0).stderr();
    assert!(seen.contains("seen by whoever published it"), "{seen}");
    drop(serving.stop());
}

#[test]
fn only_places_that_the_settings_name_are_asked() {
    let world = World::new();
    world.published("0.1.0");
    world.host.folder("elsewhere");
    let serving = world.serve();
    for place in ["elsewhere", "published/../elsewhere", "/etc", "oci://127.0.0.1:9/jobs"] {
        let refused = serving.command(&["deploy", "echo", "--from", place]).finish().exits(5).stderr();
        assert!(refused.contains("error[place_not_allowed]"), "{place}: {refused}");
    }
    let odd = serving.command(&["deploy", "echo", "--from", "oci://jobs"]).finish().exits(2).stderr();
    assert!(odd.contains("error[deployment_invalid]"), "{odd}");
    drop(serving.stop());
}

#[test]
fn who_may_not_deploy_is_told_and_a_folders_host_takes_nothing() {
    let world = World::new();
    world.published("0.1.0");
    let settings = World::settings("").replace(r#", "deploy", "admin""#, "");
    let serving = world.host.serve_deployed(&settings);
    let refused = serving.deploy("echo").finish().exits(6).stderr();
    assert!(refused.contains("error[role_missing]") && !refused.contains(CANARY), "{refused}");
    drop(serving.stop());
    world.host.folder("modules");
    let serving = world.host.serve(&World::settings(""));
    let refused = serving.deploy("echo").finish().exits(1).stderr();
    assert!(refused.contains("error[modules_of_folder]"), "{refused}");
    drop(serving.stop());
}

/// Whoever has a registry that hosts take modules from may let them wait; not those who have to go back.
#[test]
fn a_registry_that_does_not_answer_holds_up_no_rollback() {
    let world = World::new();
    world.published("0.1.0").published("0.2.0");
    let (arrived, arrives) = channel();
    let (release, released) = channel::<()>();
    let (arrived, released) = (Mutex::new(arrived), Mutex::new(released));
    let registry = Service::start(move |_| {
        arrived.lock().unwrap().send(()).unwrap();
        // Until the other end is gone.
        let _ = released.lock().unwrap().recv();
        answer(404, "", "")
    });
    let place = format!("oci://{}/jobs", registry.authority());
    let from = format!("from = [\"published\", \"{place}\"]");
    let serving = world.host.serve_deployed(&World::settings("").replace("from = [\"published\"]", &from));
    drop(serving.deploy("echo@0.1.0").finish().exits(0));
    drop(serving.deploy("echo@0.2.0").finish().exits(0));
    let begun = serving.http().post("/v1/deployments", &json!({ "job": "echo", "from": place }));
    let id = begun.is(202).json()["deploymentId"].as_str().unwrap().to_owned();
    arrives.recv_timeout(Duration::from_secs(100)).expect("the registry is asked");
    drop(serving.command(&["rollback", "echo"]).finish().exits(0));
    let under_way = serving.http().get(&format!("/v1/deployments/{id}")).json();
    assert_eq!(under_way["state"], "pulling", "{under_way}");
    assert_eq!(serving.echoes()["result"], json!({ "n": 7 }));
    drop(release);
    drop(serving.stop());
}

#[test]
fn the_jobs_of_a_host_are_those_that_were_deployed() {
    let world = World::new();
    world.published("0.1.0");
    let serving = world.serve();
    drop(serving.deploy("echo").finish().exits(0));
    let listed = serving.command(&["jobs", "--json"]).finish().exits(0).json();
    assert_eq!((&listed[0]["name"], &listed[0]["version"]), (&json!("echo"), &json!("0.1.0")));
    let shown = serving.command(&["jobs", "show", "echo"]).finish().exits(0).stdout().to_owned();
    let revision = listed[0]["revision"].as_str().unwrap();
    assert!(shown.starts_with("job            echo 0.1.0\n") && shown.contains(revision), "{shown}");
    let typo = serving.command(&["jobs", "show", "eco"]).finish().exits(1).stderr();
    assert!(typo.contains("error[unknown_job]") && typo.contains("did you mean `echo`?"), "{typo}");
    let typo = serving.deploy("eco").finish().exits(5).stderr();
    assert!(typo.contains("error[unknown_version]") && typo.contains("did you mean `echo`?"), "{typo}");
    let metrics = serving.http().get("/metrics").body;
    assert!(!metrics.contains("mainworker_modules_refused_total{"), "a typo is no attack: {metrics}");
    let nowhere =
        serving.command(&["deploy", "echo", "--from", "published/blobs"]).finish().exits(5).stderr();
    assert!(nowhere.contains("error[not_a_repository]"), "{nowhere}");
    drop(serving.stop());
}
