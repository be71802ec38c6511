//! Generated from `wit/`, nothing else.

#![expect(clippy::allow_attributes_without_reason, reason = "generated code")]

wasmtime::component::bindgen!({
    path: "../../wit",
    world: "mainworker:job/job",
    imports: { default: trappable },
    exports: { default: async },
});
