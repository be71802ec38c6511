//! What the WIT generator makes of the contract. Nothing else is written here.
#![expect(clippy::mem_forget, reason = "what is handed over the canonical ABI is freed on the other side")]

wit_bindgen::generate!({
    path: "../wit",
    world: "described-job",
    generate_all,
    pub_export_macro: true,
    default_bindings_module: "mainworker::__private::bindings",
});
