//! What a host does that cannot use any more what was deployed to it: damaged, lost, revoked.

use super::World;
use super::attacks::Attacker;
use crate::serving::Serving;
use mainworker_domain::lifecycle::Timestamp;
use serde_json::{Value, json};
use std::fs;

/// A world whose host had 0.1.0 and then 0.2.0, with the host's own folder.
fn with_two_revisions() -> (World, Attacker) {
    let world = World::new();
    world.published("0.1.0").published("0.2.0");
    let serving = world.serve();
    drop(serving.deploy("echo@0.1.0").finish().exits(0));
    drop(serving.deploy("echo@0.2.0").finish().exits(0));
    drop(serving.stop());
    let own = Attacker { layout: world.host.path("data/modules") };
    (world, own)
}

fn cut_module(own: &Attacker, tag: &str) {
    let module = own.json(&own.tagged(tag))["layers"][0]["digest"].as_str().unwrap().to_owned();
    fs::write(own.blob(&module), b"").unwrap();
}

/// What is said when `echo` is deployed from where it was published.
#[track_caller]
fn restored(serving: &Serving<'_>, what: &str) {
    let said = serving.deploy(what).finish().exits(0);
    assert!(said.stdout().contains(" is here again, revision sha256:"), "{}", said.stdout());
}

#[track_caller]
fn current(serving: &Serving<'_>) -> Value {
    let revisions = serving.command(&["revisions", "echo", "--json"]).finish().exits(0).json();
    let list = revisions["revisions"].as_array().unwrap();
    list.iter().find(|revision| revision["current"] == true).map_or(Value::Null, |it| it["version"].clone())
}

#[test]
fn a_former_revision_that_is_damaged_is_brought_back_and_does_not_become_current() {
    let (world, own) = with_two_revisions();
    cut_module(&own, "echo-0.1.0");
    let serving = world.serve();
    let damaged = serving.command(&["rollback", "echo"]).finish().exits(5).stderr();
    assert!(damaged.contains("mainworker deploy echo@0.1.0 --from PLACE` mends it"), "{damaged}");
    restored(&serving, "echo@0.1.0");
    assert_eq!(current(&serving), "0.2.0");
    drop(serving.command(&["rollback", "echo"]).finish().exits(0));
    assert_eq!((current(&serving), &serving.echoes()["result"]), (json!("0.1.0"), &json!({ "n": 7 })));
    let whole = serving.deploy("echo@0.1.0").finish().exits(0);
    assert!(whole.stdout().contains("is current already"), "{}", whole.stdout());
    drop(serving.stop());
}

#[test]
fn without_its_index_the_folder_keeps_all_and_each_revision_can_be_brought_back() {
    let (world, own) = with_two_revisions();
    let index = own.layout.join("index.json");
    let blobs = || fs::read_dir(own.layout.join("blobs/sha256")).unwrap().count();
    let (kept, count) = (fs::read(&index).unwrap(), blobs());
    fs::write(&index, "{").unwrap();
    let serving = world.serve();
    let broken = serving.deploy("echo@0.2.0").finish().exits(5).stderr();
    assert!(broken.contains("error[module_not_kept]") && broken.contains("modules/index.json"), "{broken}");
    drop(serving.stop());

    fs::remove_file(&index).unwrap();
    let serving = world.serve();
    assert_eq!(blobs(), count, "something was removed");
    restored(&serving, "echo@0.2.0");
    restored(&serving, "echo@0.1.0");
    assert_eq!(serving.echoes()["result"], json!({ "n": 7 }));
    drop(serving.command(&["rollback", "echo"]).finish().exits(0));
    drop(serving.stop());
    assert_ne!(fs::read(&index).unwrap(), kept, "the order of its entries is another");
    assert_eq!(blobs(), count);
}

/// Its key was good when it was deployed; bringing it back is no new deployment.
#[test]
fn a_key_whose_time_is_over_does_not_hinder_that() {
    let (world, own) = with_two_revisions();
    cut_module(&own, "echo-0.2.0");
    world.published("0.3.0");
    // It ended a moment after the deployments, as far as the host can know.
    let revisions = |serving: &Serving<'_>| {
        serving.command(&["revisions", "echo", "--json"]).finish().exits(0).json()["revisions"].clone()
    };
    let serving = world.serve();
    let last = revisions(&serving)[0]["lastDeployedAt"].as_str().unwrap().to_owned();
    drop(serving.stop());
    let until = Timestamp::from_ms(Timestamp::parse(&last).unwrap().as_ms() + 1);
    let until = format!("valid-until = \"{until}\"");
    let serving = world.host.serve_deployed(&World::settings(&until));
    restored(&serving, "echo@0.2.0");
    assert_eq!(serving.echoes()["result"], json!({ "n": 7 }));
    let over = serving.deploy("echo@0.3.0").finish().exits(5).stderr();
    assert!(over.contains("error[key_expired]"), "{over}");
    drop(serving.stop());
}

#[test]
fn beside_a_current_revision_that_is_revoked_the_next_is_compared_with_what_ran_before() {
    let (world, own) = with_two_revisions();
    let revoked = own.tagged("echo-0.2.0");
    world.published("0.3.0");
    let settings =
        World::settings("").replace("[trust]\n", &format!("[trust]\nrevoked-digests = [\"{revoked}\"]\n"));
    let serving = world.host.serve_deployed(&settings);
    let deployed = serving.deploy("echo@0.3.0").finish().exits(0);
    let told = "compared-with: 0.1.0, which ran earlier: 0.2.0 cannot be used (module_revoked)";
    assert!(deployed.stderr().contains(told), "{}", deployed.stderr());
    assert_eq!(serving.echoes()["result"], json!({ "n": 7 }));
    drop(serving.stop());
}

#[test]
fn a_job_that_was_taken_away_comes_back_with_a_revision_that_is_named() {
    let (world, _) = with_two_revisions();
    let serving = world.serve();
    drop(serving.command(&["undeploy", "echo"]).finish().exits(0));
    let older = serving.deploy("echo@0.1.0").finish().exits(5).stderr();
    assert!(
        older.contains("`echo` 0.1.0 is older than 0.2.0, which ran last")
            && older.contains("`mainworker rollback echo 0.1.0`"),
        "{older}"
    );
    let which = serving.command(&["rollback", "echo"]).finish().exits(1).stderr();
    assert!(which.contains("`mainworker rollback echo VERSION`"), "{which}");
    let back = serving.command(&["rollback", "echo", "0.1.0", "--json"]).finish().exits(0).json();
    assert_eq!((&back["from"], &back["rollback"]), (&Value::Null, &json!("rolled-back")));
    assert_eq!((current(&serving), &serving.echoes()["result"]), (json!("0.1.0"), &json!({ "n": 7 })));
    drop(serving.stop());
}
