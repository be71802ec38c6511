//! Files that are not taken as modules, each with its code and a text that says why.

use crate::support::component;
use crate::support::harness::{describe, manifest_json};
use crate::support::job_text::{job, job_exporting, job_with};
use mainworker_domain::limits::MODULE_BYTES_MAX;
use mainworker_sandbox::module_file::ModuleFile;
use mainworker_sandbox::refusal::{MANIFEST_SECTION, ModuleRefusal};
use serde_json::{Value, json};

fn component_of(text: &str) -> Vec<u8> {
    wat::parse_str(text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

fn pack(text: &str) -> Result<ModuleFile, ModuleRefusal> {
    ModuleFile::pack(&component_of(text), &describe(manifest_json()))
}

fn pack_without_configuration(bytes: &[u8]) -> Result<ModuleFile, ModuleRefusal> {
    let mut manifest = manifest_json();
    manifest.as_object_mut().unwrap().remove("configuration");
    ModuleFile::pack(bytes, &describe(manifest))
}

#[track_caller]
fn refused(taken: Result<ModuleFile, ModuleRefusal>, code: &str, says: &[&str]) {
    let refusal = taken.expect_err("it is refused");
    let text = refusal.to_string();
    assert_eq!(refusal.code(), code, "{text}");
    for part in says {
        assert!(text.contains(part), "does not say `{part}`: {text}");
    }
}

/// A component that imports the interface of this name.
fn importing(interface: &str) -> String {
    job_with(&format!(r#"(import "{interface}" (instance))"#))
}

/// A manifest section as text for a component's text form.
fn section(content: &str) -> String {
    let escaped: String = content.bytes().map(|byte| format!("\\{byte:02x}")).collect();
    format!(r#"(@custom "{MANIFEST_SECTION}" "{escaped}")"#)
}

fn valid_section() -> String {
    section(std::str::from_utf8(&describe(manifest_json()).to_section()).unwrap())
}

#[track_caller]
fn import_is_unknown(interface: &str) {
    refused(pack(&importing(interface)), "module_import_unknown", &[interface, "does not offer"]);
}

#[test]
fn sockets_are_refused() {
    for interface in [
        "instance-network",
        "ip-name-lookup",
        "network",
        "tcp",
        "tcp-create-socket",
        "udp",
        "udp-create-socket",
    ] {
        import_is_unknown(&format!("wasi:sockets/{interface}@0.2.6"));
    }
}

/// Without the part of the manifest that asks for it.
#[track_caller]
fn import_is_not_asked_for(interface: &str, section: &str, key: &str, asks: &str) {
    let mut manifest = manifest_json();
    match section {
        "configuration" => drop(manifest.as_object_mut().unwrap().remove(section)),
        _ => drop(manifest[section].as_object_mut().unwrap().remove(key)),
    }
    let bytes = component_of(&importing(interface));
    let refusal = ModuleFile::pack(&bytes, &describe(manifest)).unwrap_err();
    assert_eq!(refusal.code(), "module_import_not_asked", "{refusal}");
    assert_eq!(
        refusal.to_string(),
        format!("the module imports `{interface}`, which its manifest does not ask for")
    );
    let ModuleRefusal::ImportNotAsked { ask, .. } = refusal else { panic!("{refusal}") };
    assert_eq!(ask, asks);
    assert!(pack(&importing(interface)).is_ok(), "with the lines it is taken");
}

/// One row for each capability that a manifest switches on. Files need none: without a mount there are no folders.
#[test]
fn what_the_manifest_does_not_ask_for_is_refused_with_the_lines_that_ask() {
    for (interface, section, key, asks) in [
        (
            "wasi:config/store@0.2.0-rc.1",
            "configuration",
            "",
            "[configuration]\n\"some.key\" = { required = true }",
        ),
        (
            "wasi:http/outgoing-handler@0.2.12",
            "grants",
            "http",
            "[grants]\nhttp = [{ to = \"https://api.example.com\", methods = [\"GET\"] }]",
        ),
        (
            "wasi:http/types@0.2.12",
            "grants",
            "http",
            "[grants]\nhttp = [{ to = \"https://api.example.com\", methods = [\"GET\"] }]",
        ),
        ("mainworker:job/schedule@0.1.0", "grants", "schedule", "[grants]\nschedule = [\"some-job\"]"),
    ] {
        import_is_not_asked_for(interface, section, key, asks);
    }
    import_is_unknown("wasi:http/incoming-handler@0.2.12");
    import_is_unknown("wasi:http/outgoing-handler@0.3.0");
}

#[test]
fn key_value_storage_and_databases_are_refused() {
    import_is_unknown("wasi:keyvalue/store@0.2.0-draft2");
    import_is_unknown("wasi:blobstore/blobstore@0.2.0-draft");
}

#[test]
fn threads_and_timezones_are_refused() {
    import_is_unknown("wasi:thread/spawn@0.2.0");
    import_is_unknown("wasi:clocks/timezone@0.2.6");
}

#[test]
fn whatever_nobody_has_heard_of_is_refused() {
    for import in [
        "acme:tools/hammer@1.0.0",
        "hammer",
        "wasi:cli/run@0.2.6",
        "wasi:random/random@0.3.0",
        "wasi:random/random",
    ] {
        import_is_unknown(import);
    }
    let function = job_with(r#"(import "open-door" (func))"#);
    refused(pack(&function), "module_import_unknown", &["open-door"]);
}

#[test]
fn a_component_that_a_compiler_made_is_refused_without_its_keys() {
    let refusal = pack_without_configuration(component::probes()).unwrap_err();
    assert_eq!(refusal.code(), "module_import_not_asked", "{refusal}");
}

#[test]
fn another_version_of_the_contract_is_refused() {
    refused(
        pack(&job_exporting("mainworker:job/handler@0.2.0")),
        "module_contract_version",
        &["expected the export `mainworker:job/handler@0.1.0`", "found `mainworker:job/handler@0.2.0`"],
    );
    refused(
        pack(&importing("mainworker:job/progress@0.2.0")),
        "module_contract_version",
        &["mainworker:job/progress@0.2.0", "expected contract `mainworker:job@0.1.0`"],
    );
}

#[test]
fn a_component_that_is_no_job_is_refused() {
    refused(pack("(component)"), "module_handler_missing", &["mainworker:job/handler@0.1.0", "none like it"]);
    refused(pack(&job_exporting("wasi:cli/run@0.2.6")), "module_handler_missing", &[]);
}

#[test]
fn what_is_no_component_is_refused() {
    let core = component_of(r#"(module (memory (export "memory") 1))"#);
    refused(ModuleFile::admit(core), "module_not_a_component", &["a core WebAssembly module"]);
    for bytes in [&b""[..], b"\0as", b"#!/bin/sh", b"PK\x03\x04", b"\x7fELF\x02\x01\x01\0"] {
        refused(ModuleFile::admit(bytes.to_vec()), "module_not_wasm", &["is not a WebAssembly component"]);
    }
    refused(ModuleFile::admit(b"\0asm\xff\xff\xff\xff".to_vec()), "module_not_wasm", &[]);
}

/// Every length at which a file can end too early, and what it means for each.
#[test]
fn a_component_that_was_cut_short_is_refused() {
    let whole = pack(&job("", "")).unwrap().bytes().to_vec();
    for length in 0..whole.len() {
        let code = match ModuleFile::admit(whole[..length].to_vec()) {
            Ok(_) => panic!("{length} of {} bytes are taken", whole.len()),
            Err(refusal) => refusal.code(),
        };
        assert!(
            ["module_not_wasm", "module_manifest_missing", "module_handler_missing"].contains(&code),
            "{length}: {code}"
        );
    }
}

#[test]
fn a_component_over_the_size_limit_is_refused_before_it_is_read() {
    let bytes = vec![0; usize::try_from(MODULE_BYTES_MAX).unwrap() + 1];
    refused(ModuleFile::admit(bytes), "module_too_large", &["67108865 bytes", "at most 67108864"]);
}

#[test]
fn the_manifest_section_is_there_once_and_at_the_top() {
    refused(
        ModuleFile::admit(component_of(&job("", ""))),
        "module_manifest_missing",
        &[MANIFEST_SECTION, "top level"],
    );

    let top = |sections: &str| component_of(&job_with(sections));
    assert!(ModuleFile::admit(top(&valid_section())).is_ok());
    let two = valid_section() + &valid_section();
    refused(ModuleFile::admit(top(&two)), "module_manifest_repeated", &["has 2 sections", "expected one"]);
    let packed_twice = ModuleFile::pack(&top(&valid_section()), &describe(manifest_json()));
    refused(packed_twice, "module_manifest_repeated", &["has 2 sections"]);

    let nested = component_of(&job(&valid_section(), ""));
    refused(ModuleFile::admit(nested), "module_manifest_missing", &[]);
    let in_component = component_of(&job_with(&format!("(component {})", valid_section())));
    refused(ModuleFile::admit(in_component), "module_manifest_missing", &[]);
}

#[test]
fn a_module_with_another_description_is_the_component_packed_with_that_one() {
    let component = component_of(&job("", ""));
    let mut manifest = manifest_json();
    let file = ModuleFile::pack(&component, &describe(manifest.clone())).unwrap();
    manifest["job"]["version"] = json!("7.8.9");
    let other = file.described_anew(&describe(manifest.clone())).unwrap();
    assert_eq!(other.bytes(), ModuleFile::pack(&component, &describe(manifest.clone())).unwrap().bytes());
    assert_eq!(other.revision().manifest().job.version.to_string(), "7.8.9");
    assert_ne!(other.revision().digest(), file.revision().digest());

    // A section of somebody else's making is not taken out of the middle.
    let in_the_middle = component_of(&job_with(&format!("{} (core module)", valid_section())));
    let file = ModuleFile::admit(in_the_middle).unwrap();
    refused(file.described_anew(&describe(manifest)), "module_manifest_repeated", &["has 2 sections"]);
}

#[test]
fn a_manifest_section_that_is_not_valid_is_refused() {
    let with = |content: &str| ModuleFile::admit(component_of(&job_with(&section(content))));
    let mut description: Value = serde_json::from_slice(&describe(manifest_json()).to_section()).unwrap();
    description["contract"] = json!("mainworker:job@0.9.0");
    refused(
        with(&description.to_string()),
        "module_contract_version",
        &["mainworker:job@0.9.0", "mainworker:job@0.1.0"],
    );
    description["contract"] = json!("mainworker:job@0.1.0");
    description["manifest"]["grants"] = json!({ "everything": true });
    refused(with(&description.to_string()), "module_manifest_invalid", &["everything"]);
    for content in ["", "{", "null", "{}", "[]", "{\"contract\":1}"] {
        refused(with(content), "module_manifest_invalid", &["manifest section"]);
    }
    refused(with(&format!("\"{}\"", "x".repeat(300 << 10))), "module_manifest_invalid", &["at most"]);
}
