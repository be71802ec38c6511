//! Module files that no compiler makes, from the text form of components.

use mainworker_domain::catalog::ModuleDescription;
use mainworker_domain::manifest::Manifest;
use mainworker_sandbox::refusal::MANIFEST_SECTION;
use serde_json::{Value, json};

/// The export that makes a component a job. What is in it only shows when the component is compiled.
pub(crate) const HANDLER: &str =
    r#"(instance $empty) (export "mainworker:job/handler@0.1.0" (instance $empty))"#;

/// A component with these items.
pub(crate) fn component(items: &str) -> Vec<u8> {
    wat::parse_str(format!("(component {items})")).expect("the text is a component")
}

/// The description of the job `odd`, which asks for nothing.
pub(crate) fn description() -> Value {
    let manifest = json!({
        "job": { "name": "odd", "version": "0.1.0", "summary": "Is not what it should be" },
        "schedulable-by": { "sources": ["api"] },
    });
    let manifest = Manifest::from_json(&manifest).expect("the manifest is valid");
    let description = ModuleDescription { manifest, payload_schema: None, result_schema: None };
    serde_json::from_slice(&description.to_section()).expect("a section is JSON")
}

/// The manifest section with this content, as an item of a component.
pub(crate) fn section(content: &Value) -> String {
    let escaped: String = content.to_string().bytes().map(|byte| format!("\\{byte:02x}")).collect();
    format!(r#"(@custom "{MANIFEST_SECTION}" "{escaped}")"#)
}
